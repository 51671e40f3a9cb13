//! Which of what a person says of themselves others get to see.
//!
//! What is not shared is left out where the card is made, before any of it is written for the network:
//! it never leaves the machine.

use std::fmt;

use super::name::Name;
use super::peer_id::PeerId;
use super::profile::Profile;

/// A field of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// What they want to be called.
    Name,
    /// Their instruments.
    Plays,
    /// What they like to play, or to talk about.
    Interests,
    /// The colour of their name.
    Colour,
    /// The characters beside it.
    Avatar,
}

impl Field {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Name, Self::Plays, Self::Interests, Self::Colour, Self::Avatar];

    /// Its word, for people and for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Plays => "plays",
            Self::Interests => "interests",
            Self::Colour => "colour",
            Self::Avatar => "avatar",
        }
    }

    /// The field of this word; `None` for any other.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == word)
    }
}

/// The fields that others get to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared([bool; Field::ALL.len()]);

impl Default for Shared {
    /// All of them: nobody writes an avatar for themselves alone, and nothing is filled in by itself but the
    /// name.
    fn default() -> Self {
        Self::ALL
    }
}

impl Shared {
    /// Every field.
    pub const ALL: Self = Self([true; Field::ALL.len()]);

    /// No field.
    pub const NONE: Self = Self([false; Field::ALL.len()]);

    /// Reads `name,plays`, `all`, or `none`.
    ///
    /// # Errors
    /// The word that is no field.
    pub fn parse(list: &str) -> Result<Self, &str> {
        match list.trim() {
            "all" => return Ok(Self::ALL),
            "none" => return Ok(Self::NONE),
            _ => {}
        }
        let mut words = list.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.try_fold(Self::NONE, |shared, word| Ok(shared.with(Field::parse(word).ok_or(word)?, true)))
    }

    /// Whether others see this field.
    #[must_use]
    pub const fn has(self, field: Field) -> bool {
        self.0[field as usize]
    }

    /// The same, but for this field.
    #[must_use]
    pub const fn with(mut self, field: Field, shared: bool) -> Self {
        self.0[field as usize] = shared;
        self
    }

    /// The fields that are shared, in their order.
    pub fn fields(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |field| self.has(*field))
    }

    /// What others see of `profile`. A name that is not shared is the key's fingerprint instead: it tells
    /// two people apart and says nothing about either.
    #[must_use]
    pub fn card(self, profile: &Profile, me: PeerId) -> Profile {
        let mut card = profile.clone();
        if !self.has(Field::Name) {
            card = card.called(Name::new(&me.fingerprint()));
        }
        if !self.has(Field::Plays) {
            card = card.playing(Vec::new());
        }
        if !self.has(Field::Interests) {
            card = card.interested_in(Vec::new());
        }
        if !self.has(Field::Colour) {
            card = card.coloured(None);
        }
        if !self.has(Field::Avatar) {
            card = card.with_avatar(None);
        }
        card
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.fields().map(Field::as_str).collect();
        f.write_str(if words.is_empty() { "none".to_owned() } else { words.join(",") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::badge::{Avatar, NameColour};

    fn profile() -> Profile {
        Profile::new("Ana", &["bass"])
            .interested_in(vec![Name::new("drone")])
            .coloured(Some(NameColour::Teal))
            .with_avatar(Avatar::parse("<3").ok())
    }

    #[test]
    fn a_list_of_fields_reads_and_is_written_back() {
        for (list, means) in [
            ("all", "name,plays,interests,colour,avatar"),
            ("none", "none"),
            ("", "none"),
            (" colour , plays,", "plays,colour"),
        ] {
            let shared = Shared::parse(list).unwrap();
            assert_eq!(shared.to_string(), means);
            assert_eq!(Shared::parse(means), Ok(shared));
        }
        assert_eq!(Shared::parse("plays,color"), Err("color"));
    }

    #[test]
    fn what_is_not_shared_is_not_on_the_card() {
        let me = PeerId::from_bytes([7; 32]);
        assert_eq!(Shared::ALL.card(&profile(), me), profile());
        let card = Shared::NONE.card(&profile(), me);
        assert_eq!(card, Profile::new(&me.fingerprint(), &[]));
        for field in Field::ALL {
            let all_but = Shared::ALL.with(field, false).card(&profile(), me);
            let only = Shared::NONE.with(field, true).card(&profile(), me);
            assert_ne!(all_but, profile(), "{}", field.as_str());
            assert_ne!(only, card, "{}", field.as_str());
        }
    }
}

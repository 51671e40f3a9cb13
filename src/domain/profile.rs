//! What a person says of themselves: the card others see.

use serde::{Deserialize, Serialize};

use super::badge::{Avatar, NameColour, known_colour, sound_avatar};
use super::name::Name;

/// Instruments a card names; more are cut.
pub const INSTRUMENTS_MAX: usize = 8;

/// Interests a card names; more are cut.
pub const INTERESTS_MAX: usize = 8;

/// Bytes of one name on a card: 32 columns of the longest characters. Columns alone do not bound
/// bytes, because marks stacked on a letter take none.
pub const NAME_BYTES_MAX: usize = 128;

/// Bytes of all instruments and interests on a card together; those past it are cut, interests first.
/// Larger, a full roster would not fit one control message.
pub const LIST_BYTES_MAX: usize = 512;

/// A person's card: what they say of themselves, safe to print, bounded. Names are claims; the key is the
/// person.
///
/// What is empty is not written: an older jamtty reads the same card as ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RawProfile")]
pub struct Profile {
    name: Name,
    instruments: Vec<Name>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interests: Vec<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    colour: Option<NameColour>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<Avatar>,
}

impl Profile {
    /// A card of this name and these instruments; what is too long or too many is cut.
    #[must_use]
    pub fn new(name: &str, instruments: &[&str]) -> Self {
        let plain = Self {
            name: bounded(Name::new(name)),
            instruments: vec![],
            interests: vec![],
            colour: None,
            avatar: None,
        };
        plain.playing(instruments.iter().map(|text| Name::new(text)).collect())
    }

    /// The same person by another name.
    #[must_use]
    pub fn called(self, name: Name) -> Self {
        Self { name: bounded(name), ..self }
    }

    /// The same person with these instruments; what is too long or too many is cut.
    #[must_use]
    pub fn playing(self, instruments: Vec<Name>) -> Self {
        let instruments = cut(instruments, INSTRUMENTS_MAX, LIST_BYTES_MAX);
        let left = LIST_BYTES_MAX - bytes_of(&instruments);
        let interests = cut(self.interests, INTERESTS_MAX, left);
        Self { instruments, interests, ..self }
    }

    /// The same person with these interests; what is too long or too many is cut.
    #[must_use]
    pub fn interested_in(self, interests: Vec<Name>) -> Self {
        let left = LIST_BYTES_MAX - bytes_of(&self.instruments);
        Self { interests: cut(interests, INTERESTS_MAX, left), ..self }
    }

    /// The same person in this colour.
    #[must_use]
    pub fn coloured(self, colour: Option<NameColour>) -> Self {
        Self { colour, ..self }
    }

    /// The same person with this avatar.
    #[must_use]
    pub fn with_avatar(self, avatar: Option<Avatar>) -> Self {
        Self { avatar, ..self }
    }

    /// What they want to be called.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// What they play, most played first.
    #[must_use]
    pub fn instruments(&self) -> &[Name] {
        &self.instruments
    }

    /// What they like.
    #[must_use]
    pub fn interests(&self) -> &[Name] {
        &self.interests
    }

    /// The colour of their name, if they chose one.
    #[must_use]
    pub const fn colour(&self) -> Option<NameColour> {
        self.colour
    }

    /// The characters beside their name, if they chose some.
    #[must_use]
    pub const fn avatar(&self) -> Option<&Avatar> {
        self.avatar.as_ref()
    }
}

/// The first names of a list, as many as `count_max` and `bytes_max` allow.
fn cut(names: Vec<Name>, count_max: usize, bytes_max: usize) -> Vec<Name> {
    let mut bytes = 0;
    let names = names.into_iter().take(count_max).map(bounded);
    names
        .take_while(|name| {
            bytes += name.as_str().len();
            bytes <= bytes_max
        })
        .collect()
}

fn bytes_of(names: &[Name]) -> usize {
    names.iter().map(|name| name.as_str().len()).sum()
}

/// A name of at most [`NAME_BYTES_MAX`] bytes: stacked marks are cut, ordinary names are not touched.
#[must_use]
pub fn bounded(name: Name) -> Name {
    let text = name.as_str();
    if text.len() <= NAME_BYTES_MAX {
        return name;
    }
    let mut end = NAME_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Name::new(&text[..end])
}

/// As it comes from outside.
#[derive(Deserialize)]
struct RawProfile {
    name: Name,
    #[serde(default)]
    instruments: Vec<Name>,
    #[serde(default)]
    interests: Vec<Name>,
    #[serde(default, deserialize_with = "known_colour")]
    colour: Option<NameColour>,
    #[serde(default, deserialize_with = "sound_avatar")]
    avatar: Option<Avatar>,
}

impl From<RawProfile> for Profile {
    fn from(raw: RawProfile) -> Self {
        Self::new(raw.name.as_str(), &[])
            .playing(raw.instruments)
            .interested_in(raw.interests)
            .coloured(raw.colour)
            .with_avatar(raw.avatar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_from_outside_is_cut_to_its_bounds() {
        let zalgo = format!("A{}", "\u{301}".repeat(5_000));
        let many: Vec<&str> = vec!["drums"; 50];
        let profile = Profile::new(&zalgo, &many);
        assert!(profile.name().as_str().len() <= NAME_BYTES_MAX);
        assert_eq!(profile.instruments().len(), INSTRUMENTS_MAX);
        let wide = "𝄞".repeat(32);
        let profile = Profile::new(&wide, &[wide.as_str(); 8]);
        assert_eq!(profile.name().as_str(), wide);
        assert_eq!(profile.instruments().len(), LIST_BYTES_MAX / wide.len());
    }

    #[test]
    fn instruments_and_interests_share_one_budget() {
        let wide = Name::new(&"𝄞".repeat(32));
        let full = Profile::new("Ana", &["bass"]).interested_in(vec![wide.clone(); 8]);
        assert_eq!(full.interests().len(), 3, "the fourth would be past {LIST_BYTES_MAX} bytes");
        let fuller = full.clone().playing(vec![wide.clone(); 4]);
        assert_eq!((fuller.instruments().len(), fuller.interests().len()), (4, 0), "interests go first");
        let json = serde_json::to_string(&full).unwrap();
        assert_eq!(serde_json::from_str::<Profile>(&json).unwrap(), full);
    }

    #[test]
    fn a_card_of_an_older_or_a_newer_jamtty_reads() {
        let plain = Profile::new("Ana", &["bass"]);
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"name":"Ana","instruments":["bass"]}"#);
        let newer =
            r#"{"name":"Ana","instruments":["bass"],"colour":"plaid","avatar":"d[-_-]b","pet":"cat"}"#;
        assert_eq!(serde_json::from_str::<Profile>(newer).unwrap(), plain);
        let full = plain.coloured(Some(NameColour::Teal)).with_avatar(Avatar::parse("<3").ok());
        let json = serde_json::to_string(&full.clone().interested_in(vec![Name::new("drone")])).unwrap();
        let read: Profile = serde_json::from_str(&json).unwrap();
        assert_eq!(read.interests(), [Name::new("drone")]);
        assert_eq!((read.colour(), read.avatar()), (full.colour(), full.avatar()));
    }

    #[test]
    fn a_card_reads_back_and_its_text_is_safe() {
        let profile = Profile::new("An\u{1b}[31ma", &["bass", "voice"]);
        assert_eq!(profile.name().as_str(), "An[31ma");
        let json = serde_json::to_string(&profile).unwrap();
        assert_eq!(serde_json::from_str::<Profile>(&json).unwrap(), profile);
        let hostile = r#"{"name":"\u202eanA","instruments":["a\nb"],"unknown":1}"#;
        let read: Profile = serde_json::from_str(hostile).unwrap();
        assert_eq!((read.name().as_str(), read.instruments()[0].as_str()), ("anA", "a b"));
    }
}

//! What tells a person from others at a glance: the colour of their name, and a few characters beside it.
//!
//! Both are hostile input when they come from another machine: what is not one of ours is nothing at all,
//! so that the card of a newer jamtty reads here.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::name::safe_line;

/// Columns an avatar may take: more, and it would push the columns of a lobby on 60.
pub const AVATAR_COLUMNS_MAX: usize = 4;

/// Bytes of an avatar: four of the longest characters there are.
pub const AVATAR_BYTES_MAX: usize = 16;

/// The colour a person's name is shown in. Decoration only: the name stands there in letters, and where
/// there is no colour nothing is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NameColour {
    /// Red.
    Red,
    /// Gold.
    Gold,
    /// Green.
    Green,
    /// Teal.
    Teal,
    /// Sky.
    Sky,
    /// Violet.
    Violet,
}

impl NameColour {
    /// All of them, in the order in which one steps through them.
    pub const ALL: [Self; 6] = [Self::Red, Self::Gold, Self::Green, Self::Teal, Self::Sky, Self::Violet];

    /// Its word, for people and for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Gold => "gold",
            Self::Green => "green",
            Self::Teal => "teal",
            Self::Sky => "sky",
            Self::Violet => "violet",
        }
    }

    /// The colour of this word; `None` for any other.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|colour| colour.as_str() == word)
    }

    /// The words it may be, for people.
    #[must_use]
    pub fn words() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for NameColour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A few characters beside a name, as in `<3~`: one line, safe to print, as many columns everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Avatar(String);

/// Why a text is no avatar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AvatarError {
    /// More columns than [`AVATAR_COLUMNS_MAX`].
    #[error("an avatar is at most {AVATAR_COLUMNS_MAX} columns wide, this one is {0}")]
    TooWide(usize),
    /// More bytes than [`AVATAR_BYTES_MAX`].
    #[error("an avatar is at most {AVATAR_BYTES_MAX} bytes long, this one is {0}")]
    TooLong(usize),
    /// Terminals do not agree on how wide these are.
    #[error("an avatar is of single characters: no accents put on afterwards, no emoji made of several")]
    Joined,
    /// Nothing of it, or not all, would be seen.
    #[error("an avatar is of characters that can be seen")]
    Unseen,
}

impl Avatar {
    /// The avatar of this text; blanks around it do not count.
    ///
    /// # Errors
    /// [`AvatarError`] for what is too large, or would not be drawn alike everywhere.
    pub fn parse(text: &str) -> Result<Self, AvatarError> {
        let text = text.trim();
        let width = text.width();
        if width > AVATAR_COLUMNS_MAX {
            return Err(AvatarError::TooWide(width));
        }
        if text.len() > AVATAR_BYTES_MAX {
            return Err(AvatarError::TooLong(text.len()));
        }
        if text.graphemes(true).count() != text.chars().count() {
            return Err(AvatarError::Joined);
        }
        if text.is_empty() || safe_line(text, AVATAR_COLUMNS_MAX) != text {
            return Err(AvatarError::Unseen);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text, as it may be printed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Avatar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a colour that may be missing; one we do not know is none.
///
/// # Errors
/// What is neither a text nor nothing.
pub fn known_colour<'de, D: Deserializer<'de>>(from: D) -> Result<Option<NameColour>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.and_then(|word| NameColour::parse(&word)))
}

/// Reads an avatar that may be missing; a text that is none is none.
///
/// # Errors
/// What is neither a text nor nothing.
pub fn sound_avatar<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Avatar>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.and_then(|text| Avatar::parse(&text).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_colour_is_called_what_it_is_written_as() {
        for colour in NameColour::ALL {
            assert_eq!(serde_json::to_value(colour).unwrap(), colour.as_str());
            assert_eq!(NameColour::parse(colour.as_str()), Some(colour));
        }
        assert_eq!(NameColour::parse("Teal"), None);
    }

    #[test]
    fn small_texts_are_avatars() {
        for text in ["<3", "<3~", "a b", "漢字", "𝄞𝄞𝄞𝄞", "=", "🎸"] {
            assert_eq!(Avatar::parse(text).map(|avatar| avatar.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Avatar::parse("  <3 ").unwrap().as_str(), "<3");
    }

    #[test]
    fn what_is_no_avatar_is_said_in_words() {
        assert_eq!(Avatar::parse("d[-_-]b"), Err(AvatarError::TooWide(7)));
        assert_eq!(AvatarError::TooWide(7).to_string(), "an avatar is at most 4 columns wide, this one is 7");
        assert_eq!(Avatar::parse("🎸🎸🎸"), Err(AvatarError::TooWide(6)));
        let marks = format!("A{}", "\u{301}".repeat(10));
        assert_eq!(Avatar::parse(&marks), Err(AvatarError::TooLong(21)));
        for joined in ["e\u{301}", "❤\u{fe0f}", "👍\u{1f3fd}", "🇩🇪", "a\u{200d}b"] {
            assert_eq!(Avatar::parse(joined), Err(AvatarError::Joined), "{joined:?}");
        }
        for unseen in ["", "   ", "\u{7}", "a\u{1b}", "\u{202e}ab", "a\tb", "a  b", "\u{301}", "\u{e000}"] {
            assert!(Avatar::parse(unseen).is_err(), "{unseen:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_small_harmless_avatar_or_none(text in "\\PC{0,6}|.{0,6}") {
            if let Ok(avatar) = Avatar::parse(&text) {
                let shown = avatar.as_str();
                prop_assert!(shown.width() <= AVATAR_COLUMNS_MAX && shown.len() <= AVATAR_BYTES_MAX);
                prop_assert!(!shown.chars().any(char::is_control));
                prop_assert_eq!(Avatar::parse(shown), Ok(avatar));
            }
        }
    }
}

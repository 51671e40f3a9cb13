//! What a person says of themselves: the card others see.

use serde::{Deserialize, Serialize};

use super::name::Name;

/// Instruments a card names; more are cut.
pub const INSTRUMENTS_MAX: usize = 8;

/// Bytes of one name on a card: 32 columns of the longest characters. Columns alone do not bound
/// bytes, because marks stacked on a letter take none.
pub const NAME_BYTES_MAX: usize = 128;

/// Bytes of all instruments on a card together; those past it are cut. Larger, a full roster would
/// not fit one control message.
pub const INSTRUMENT_BYTES_MAX: usize = 512;

/// A person's card: name and instruments, safe to print, bounded. Names are claims; the key is the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RawProfile")]
pub struct Profile {
    name: Name,
    instruments: Vec<Name>,
}

impl Profile {
    /// A card of this name and these instruments; what is too long or too many is cut.
    #[must_use]
    pub fn new(name: &str, instruments: &[&str]) -> Self {
        Self::cut(Name::new(name), instruments.iter().map(|text| Name::new(text)))
    }

    fn cut(name: Name, instruments: impl Iterator<Item = Name>) -> Self {
        let mut bytes = 0;
        let instruments = instruments
            .take(INSTRUMENTS_MAX)
            .map(bounded)
            .take_while(|instrument| {
                bytes += instrument.as_str().len();
                bytes <= INSTRUMENT_BYTES_MAX
            })
            .collect();
        Self { name: bounded(name), instruments }
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
}

impl From<RawProfile> for Profile {
    fn from(raw: RawProfile) -> Self {
        Self::cut(raw.name, raw.instruments.into_iter())
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
        assert_eq!(profile.instruments().len(), INSTRUMENT_BYTES_MAX / wide.len());
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

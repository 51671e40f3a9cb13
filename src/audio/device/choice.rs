//! Which card, which channels of it: what people ask for, and finding it by name.
//!
//! World: worker.

use super::error::CardTrouble;
use crate::audio::virtual_card::VirtualCard;

/// The card asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum CardChoice {
    /// A sound card of this machine; everything left out is chosen: a running JACK server first,
    /// then the system's default card.
    Real {
        /// `jack`, `alsa`, `pipewire` or `pulseaudio`.
        host: Option<String>,
        /// The stable name of the input, or a part of it that only one has.
        input: Option<String>,
        /// The stable name of the output, or a part of it that only one has.
        output: Option<String>,
        /// Which of the card's inputs are heard; the first one alone if left out.
        channels: Option<InputChannels>,
        /// Samples per channel in a block. JACK's server decides it: there it is not used.
        period: Option<u32>,
        /// The names were right once: a card that nobody has now is away, not mistyped.
        remembered: bool,
    },
    /// No hardware: a clock of our own, with sound from and to files.
    Virtual(VirtualCard),
}

impl CardChoice {
    /// Whatever card this machine has.
    #[must_use]
    pub const fn any() -> Self {
        Self::Real { host: None, input: None, output: None, channels: None, period: None, remembered: false }
    }
}

/// Which of a card's inputs are heard, and as what.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum InputChannels {
    /// The first input, as mono: a guitar, a microphone.
    #[default]
    Left,
    /// The second input, as mono.
    Right,
    /// The input of this number, counted from 1, as mono.
    Channel(u16),
    /// The first two, half of each, as mono.
    Mix,
    /// The first two as left and right.
    Stereo,
}

impl InputChannels {
    /// Channels that come out: 1 or 2.
    #[must_use]
    pub const fn heard(self) -> usize {
        match self {
            Self::Left | Self::Right | Self::Channel(_) | Self::Mix => 1,
            Self::Stereo => 2,
        }
    }

    /// Inputs the card must have for it.
    #[must_use]
    pub const fn needed(self) -> u16 {
        match self {
            Self::Left => 1,
            Self::Right | Self::Mix | Self::Stereo => 2,
            Self::Channel(number) => {
                if number == 0 {
                    1
                } else {
                    number
                }
            }
        }
    }

    /// From the word people write: how many (`1`, `2`, `mono`, `stereo`), which (`left`, `right`, `in3`), or
    /// `mix`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "1" | "mono" | "left" => Some(Self::Left),
            "right" => Some(Self::Right),
            "mix" => Some(Self::Mix),
            "2" | "stereo" => Some(Self::Stereo),
            other => {
                let number = other.strip_prefix("in")?.parse().ok()?;
                (1..=64).contains(&number).then_some(Self::Channel(number))
            }
        }
    }
}

/// One card, or one end of it, as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardListing {
    /// The stable name: the same after a restart; what `--in` and `--out` take.
    pub id: String,
    /// `jack`, `alsa`, `pipewire` or `pulseaudio`.
    pub host: String,
    /// What people call it.
    pub name: String,
    /// Inputs it has; 0 if it only plays.
    pub inputs: u16,
    /// Outputs it has; 0 if it only records.
    pub outputs: u16,
    /// The rates it runs at, of those in use.
    pub rates_hz: Vec<u32>,
    /// Whether it is what its host would choose as input.
    pub default_input: bool,
    /// Whether it is what its host would choose as output.
    pub default_output: bool,
}

/// The one of `ids` (stable name, human name) that `wanted` names: exactly, with or without its host, or by
/// a part (of any case) that only one card has. ALSA lists one card under many names: of those the direct one.
///
/// # Errors
/// [`CardTrouble::NoSuchCard`] with what there is and the nearest name, [`CardTrouble::Ambiguous`] with the
/// names that fit.
pub(super) fn pick(wanted: &str, ids: &[(String, String)]) -> Result<usize, CardTrouble> {
    let exactly = |id: &str| id == wanted || id.split_once(':').is_some_and(|(_, rest)| rest == wanted);
    if let Some(exact) = ids.iter().position(|(id, _)| exactly(id)) {
        return Ok(exact);
    }
    let low = wanted.to_lowercase();
    let has = |n: usize| ids[n].0.to_lowercase().contains(&low) || ids[n].1.to_lowercase().contains(&low);
    let fits: Vec<usize> = (0..ids.len()).filter(|&n| !is_numbered(&ids[n].0) && has(n)).collect();
    let names = |of: &[usize]| of.iter().map(|&n| ids[n].0.clone()).collect();
    let one_card = fits.windows(2).all(|two| {
        let card = alsa_card(&ids[two[0]].0);
        card.is_some() && card == alsa_card(&ids[two[1]].0)
    });
    match fits.iter().copied().min_by_key(|&n| directness(&ids[n].0)) {
        Some(best) if one_card => Ok(best),
        Some(_) => Err(CardTrouble::Ambiguous { wanted: wanted.to_owned(), fits: names(&fits) }),
        None => {
            let named: Vec<usize> = (0..ids.len()).filter(|&n| !is_numbered(&ids[n].0)).collect();
            let nearest = nearest(&low, ids);
            Err(CardTrouble::NoSuchCard { wanted: wanted.to_owned(), nearest, there: names(&named) })
        }
    }
}

/// `USB,DEV=0` of `alsa:hw:CARD=USB,DEV=0`: which card an ALSA name leads to.
fn alsa_card(id: &str) -> Option<&str> {
    id.strip_prefix("alsa:").and_then(|name| name.split_once("CARD=")).map(|(_, card)| {
        // `sysdefault:CARD=USB` is device 0 of it.
        card.strip_suffix(",DEV=0").unwrap_or(card)
    })
}

/// Whether two stable names lead to one piece of hardware, which opens once.
pub(super) fn same_hardware(one: &str, other: &str) -> bool {
    one == other || alsa_card(one).is_some_and(|card| alsa_card(other) == Some(card))
}

/// Whether an ALSA name counts its card instead of naming it: another card may have the number tomorrow.
pub(super) fn is_numbered(id: &str) -> bool {
    alsa_card(id).is_some_and(|card| card.starts_with(|first: char| first.is_ascii_digit()))
}

/// How little is between an ALSA name and its hardware; smaller is less.
fn directness(id: &str) -> usize {
    const WAYS: [&str; 4] = ["alsa:hw:", "alsa:plughw:", "alsa:front:", "alsa:sysdefault:"];
    WAYS.iter().position(|way| id.starts_with(way)).unwrap_or(WAYS.len())
}

fn nearest(wanted: &str, ids: &[(String, String)]) -> Option<String> {
    ids.iter()
        .map(|(id, name)| {
            let likeness = |word: &str| strsim::jaro_winkler(wanted, &word.to_lowercase());
            (likeness(id).max(likeness(name)), id)
        })
        .filter(|(likeness, _)| *likeness > NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, id)| id.clone())
}

/// Likeness above which a name may be what was meant; lower suggests nonsense, higher misses a
/// swapped pair of letters.
const NEAR: f64 = 0.7;

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Vec<(String, String)> {
        [
            ("alsa:hw:CARD=USB,DEV=0", "Scarlett 2i2"),
            ("alsa:hw:CARD=PCH,DEV=0", "HDA Intel"),
            ("jack:input", "JACK Input"),
        ]
        .map(|(id, name)| (id.to_owned(), name.to_owned()))
        .to_vec()
    }

    #[test]
    fn a_card_is_found_by_its_name_or_a_part_only_it_has() {
        assert_eq!(pick("jack:input", &ids()).unwrap(), 2);
        assert_eq!(pick("scarlett", &ids()).unwrap(), 0);
        assert_eq!(pick("PCH", &ids()).unwrap(), 1);
    }

    #[test]
    fn the_many_names_of_one_alsa_card_are_one_card() {
        let name = |id: &str| (id.to_owned(), "Scarlett 2i2".to_owned());
        let ids = ["alsa:sysdefault:CARD=USB", "alsa:plughw:CARD=USB,DEV=0", "alsa:hw:CARD=USB,DEV=0"]
            .map(name)
            .to_vec();
        assert_eq!(pick("usb", &ids).unwrap(), 2);
        assert_eq!(pick("plughw:CARD=USB,DEV=0", &ids).unwrap(), 1);
        let numbered = [ids, vec![name("alsa:hw:CARD=0,DEV=0")]].concat();
        assert_eq!(pick("scarlett", &numbered).unwrap(), 2);
        assert_eq!(pick("hw:CARD=0,DEV=0", &numbered).unwrap(), 3);
        let two = [numbered, vec![name("alsa:hw:CARD=USB_1,DEV=0")]].concat();
        assert!(
            matches!(pick("scarlett", &two), Err(CardTrouble::Ambiguous { fits, .. }) if fits.len() == 4)
        );
    }

    #[test]
    fn a_name_nobody_has_lists_what_there_is_and_what_was_meant() {
        match pick("scarlet 2i4", &ids()) {
            Err(CardTrouble::NoSuchCard { nearest, there, .. }) => {
                assert_eq!(nearest.as_deref(), Some("alsa:hw:CARD=USB,DEV=0"));
                assert_eq!(there.len(), 3);
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(pick("hw:", &ids()), Err(CardTrouble::Ambiguous { fits, .. }) if fits.len() == 2));
        assert!(matches!(pick("x", &[]), Err(CardTrouble::NoSuchCard { nearest: None, .. })));
    }

    #[test]
    fn channels_are_written_as_people_say_them() {
        assert_eq!(InputChannels::parse("stereo"), Some(InputChannels::Stereo));
        assert_eq!(InputChannels::parse("1"), Some(InputChannels::Left));
        assert_eq!(InputChannels::parse("2"), Some(InputChannels::Stereo));
        assert_eq!(InputChannels::parse("in3"), Some(InputChannels::Channel(3)));
        assert_eq!(InputChannels::parse("in0"), None);
        assert_eq!(InputChannels::parse("3"), None);
        assert_eq!(InputChannels::parse("centre"), None);
        assert_eq!(InputChannels::Channel(3).needed(), 3);
    }
}

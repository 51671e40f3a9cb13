//! A live level of every input there is, before one of them is chosen.
//!
//! Every input that [`list_cards`](super::list_cards) finds is opened, to hear only, and closed with the
//! [`InputWatch`]. The one that the engine has is not opened twice: whoever asks reads it there. An ALSA card
//! has many names and opens once: its names share one reading.
//!
//! World: worker; what runs in the callbacks is in `peaks`.

mod peaks;

use std::sync::mpsc::{Receiver, sync_channel};

pub use peaks::{CHANNELS_MAX, PeakCallback, PeakReader, Peaks};

use super::backend::{self, Direction, EndWish, Watching};
use super::choice::same_hardware;
use super::{CardListing, CardTrouble, InputChannels};

/// Inputs opened at once: each is a thread of the system's. What is past it is said not to be open.
pub const INPUTS_MAX: usize = 16;

/// Samples per channel in a block: a meter needs no short one.
const PERIOD: u32 = 1_024;

/// Every input of this machine, open to be heard. Its drop closes them.
#[derive(Debug)]
pub struct InputWatch {
    inputs: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    card: CardListing,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Ours, until it says that it ended.
    Open {
        reader: PeakReader,
        ended: Receiver<CardTrouble>,
        #[expect(dead_code, reason = "held to be dropped")]
        held: Watching,
    },
    /// Another name of the same hardware is ours.
    Alias { of: usize },
    /// The engine hears it.
    InUse,
    /// In words: why, and what to do.
    Shut { why: String, remedy: String },
}

/// One input, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct InputReading {
    /// Which.
    pub card: CardListing,
    /// How loud, or why that is not known.
    pub level: InputLevel,
}

/// How loud an input is.
#[derive(Debug, Clone, PartialEq)]
pub enum InputLevel {
    /// Heard since the reading before.
    Heard(Peaks),
    /// Open, and nothing came yet.
    Waiting,
    /// The engine hears it: its own meter says how loud it is.
    InUse,
    /// It is not open.
    Shut {
        /// Why.
        why: String,
        /// What to do, as a sentence without its period.
        remedy: String,
    },
}

impl InputWatch {
    /// Opens every input of `cards`, but for the hardware of `in_use`, the stable name of the input that the
    /// engine has. `client_name`: what we are called on a sound server.
    ///
    /// World: worker; takes as long as the cards take to open.
    #[must_use]
    pub fn open(cards: Vec<CardListing>, in_use: Option<&str>, client_name: &str) -> Self {
        let mut watch = Self { inputs: Vec::new() };
        for card in cards.into_iter().filter(|card| card.inputs > 0) {
            let state = watch.state_of(&card, in_use, client_name);
            watch.inputs.push(Watched { card, state });
        }
        watch
    }

    fn state_of(&self, card: &CardListing, in_use: Option<&str>, client_name: &str) -> State {
        // A server gives its inputs to as many as ask: all of its channels are heard beside the engine.
        let is_shared = card.host.eq_ignore_ascii_case("jack");
        if !is_shared && in_use.is_some_and(|id| same_hardware(id, &card.id)) {
            return State::InUse;
        }
        let open = |watched: &Watched| matches!(watched.state, State::Open { .. });
        let twin = |watched: &Watched| open(watched) && same_hardware(&watched.card.id, &card.id);
        if let Some(of) = self.inputs.iter().position(twin) {
            return State::Alias { of };
        }
        if self.inputs.iter().filter(|watched| open(watched)).count() >= INPUTS_MAX {
            return State::Shut {
                why: format!("{INPUTS_MAX} inputs are open already"),
                remedy: "choose it to hear it".to_owned(),
            };
        }
        open_one(card, client_name).unwrap_or_else(|trouble| State::shut(&trouble))
    }

    /// Every input as it is now.
    #[must_use]
    pub fn read(&mut self) -> Vec<InputReading> {
        for watched in &mut self.inputs {
            if let State::Open { ended, .. } = &watched.state
                && let Ok(trouble) = ended.try_recv()
            {
                watched.state = State::shut(&trouble);
            }
        }
        let mut read: Vec<InputReading> = Vec::with_capacity(self.inputs.len());
        for watched in &self.inputs {
            let level = match &watched.state {
                State::Open { reader, .. } => reader.read().map_or(InputLevel::Waiting, InputLevel::Heard),
                State::Alias { of } => read[*of].level.clone(),
                State::InUse => InputLevel::InUse,
                State::Shut { why, remedy } => InputLevel::Shut { why: why.clone(), remedy: remedy.clone() },
            };
            read.push(InputReading { card: watched.card.clone(), level });
        }
        read
    }
}

fn open_one(card: &CardListing, client_name: &str) -> Result<State, CardTrouble> {
    // No more than are told apart: a plug of ALSA would give thirty-two.
    let channels = card.inputs.min(CHANNELS_MAX as u16);
    let wish = EndWish {
        host: Some(card.host.to_lowercase()),
        name: Some(card.id.clone()),
        channels: InputChannels::Channel(channels),
        period: Some(PERIOD),
    };
    let mut plan = backend::plan(&wish, Direction::Input).map_err(|error| error.trouble)?;
    // Room for one: more last words say the same again.
    let (ending, ended) = sync_channel(1);
    loop {
        let other = plan.other();
        match (backend::watch_input(plan, client_name, ending.clone()), other) {
            (Ok((held, reader)), _) => return Ok(State::Open { reader, ended, held }),
            (Err(CardTrouble::Unsupported(_)), Some(other)) => plan = other,
            (Err(trouble), _) => return Err(trouble),
        }
    }
}

impl State {
    fn shut(trouble: &CardTrouble) -> Self {
        let (why, remedy) = match trouble {
            // ALSA's `default` may lead to a card that is open by its own name.
            CardTrouble::Busy => {
                ("busy: something else has it".to_owned(), "close the other program".to_owned())
            }
            CardTrouble::Gone(_) => (trouble.to_string(), "plug it in again".to_owned()),
            other => (other.to_string(), other.remedy()),
        };
        Self::Shut { why, remedy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(id: &str, inputs: u16) -> CardListing {
        CardListing {
            id: id.to_owned(),
            host: id.split(':').next().unwrap_or_default().to_owned(),
            name: id.to_owned(),
            inputs,
            outputs: 2,
            rates_hz: vec![48_000],
            default_input: false,
            default_output: false,
        }
    }

    #[test]
    fn what_the_engine_has_is_not_opened_and_what_cannot_be_opened_says_why() {
        let cards = vec![
            card("alsa:hw:CARD=Barn,DEV=0", 2),
            card("alsa:plughw:CARD=Barn,DEV=0", 2),
            card("alsa:hw:CARD=Barn,DEV=1", 0),
            card("alsa:hw:CARD=Attic,DEV=0", 2),
        ];
        let mut watch = InputWatch::open(cards, Some("alsa:sysdefault:CARD=Barn"), "jamtty-test");
        let read = watch.read();
        assert_eq!(read.len(), 3, "an output is no input");
        assert_eq!((&read[0].level, &read[1].level), (&InputLevel::InUse, &InputLevel::InUse));
        let InputLevel::Shut { why, remedy } = &read[2].level else { panic!("{read:?}") };
        assert!(!why.is_empty() && !remedy.is_empty() && !remedy.ends_with('.'));
    }
}

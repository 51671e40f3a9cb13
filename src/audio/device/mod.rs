//! Sound cards: which there are, opening one, keeping the music going when it goes away.
//!
//! `backend` is the only folder that names cpal. `callback` is what runs in a card's callback,
//! without cpal. `seat` holds one side of the engine wherever it sits (a card, a stand-in, at home);
//! `supervisor` is the thread that opens, loses and takes back. `input_watch` hears every input at once, for whoever
//! has not chosen one yet.
//!
//! The two sides of the engine ([`CaptureBlock`], [`RenderBlock`]) outlive every card: they go
//! into a callback inside a [`callback::Homing`], whose drop sends them home.

mod backend;
pub mod callback;
mod choice;
mod counters;
mod error;
mod event;
pub mod input_watch;
mod seat;
mod supervisor;

pub use backend::list_cards;
pub use choice::{CardChoice, CardListing, InputChannels};
pub use counters::{CallbackCost, CardStats, EndCounters};
pub use error::{CardError, CardTrouble};
pub use event::{CardClock, CardEnd, CardEvent, OpenedCard};
pub use supervisor::CardSupervisor;

use super::rt::{CardTime, Rt};

/// What takes the sound a card heard.
///
/// # Real-time
/// Made and dropped by a worker; `process` runs in the card's input callback.
pub trait CaptureBlock: Send {
    /// Takes one block: interleaved 48 kHz samples of 1 or 2 `channels`, any length up to
    /// [`callback::BLOCK_MAX`] samples per channel (a few more for a card of another rate).
    fn process(&mut self, rt: &mut Rt<'_>, input: &[f32], channels: usize, at: CardTime);
}

/// What makes the sound a card plays.
///
/// # Real-time
/// Made and dropped by a worker; `process` runs in the card's output callback.
pub trait RenderBlock: Send {
    /// Fills one block: interleaved 48 kHz samples of 1 or 2 `channels`, silent before, any length
    /// up to [`callback::BLOCK_MAX`] samples per channel (a few more for a card of another rate).
    fn process(&mut self, rt: &mut Rt<'_>, output: &mut [f32], channels: usize, at: CardTime);
}

/// The capture side, wherever it sits.
pub type Capture = Box<dyn CaptureBlock>;

/// The render side, wherever it sits.
pub type Render = Box<dyn RenderBlock>;

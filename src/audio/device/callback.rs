//! What runs in a card's callback, whatever the card: convert, pick channels, chop, count.
//!
//! World: real-time (`run`). Made by a worker and given to a card; whoever drops it does so off
//! the real-time thread, and the engine's side goes home then.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::counters::EndCounters;
use super::{Capture, InputChannels, Render};
use crate::audio::rate::{FromInside, RateError, ToInside};
use crate::audio::rt::{self, CardTime, RtContext};
use crate::domain::time::RATE_HZ;
use crate::priority::{Raised, Role};

/// Samples per channel that the engine gets at once; a longer block of the card comes in pieces.
/// Smaller costs a little per piece, larger costs memory for blocks nobody uses live.
pub const BLOCK_MAX: usize = 1_024;

/// Carries one side of the engine into a callback, and sends it home when the callback is dropped.
///
/// # Real-time
/// Used in the callback, made and dropped by workers.
pub struct Homing<B> {
    block: Option<B>,
    home: SyncSender<B>,
}

impl<B> Homing<B> {
    /// `home` has room for one: there is only one of each side.
    #[must_use]
    pub const fn new(block: B, home: SyncSender<B>) -> Self {
        Self { block: Some(block), home }
    }

    /// The side; there until the drop.
    pub const fn block(&mut self) -> Option<&mut B> {
        self.block.as_mut()
    }
}

impl<B> Drop for Homing<B> {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            // Nobody waits at home only when the whole program ends.
            let _ = self.home.try_send(block);
        }
    }
}

/// One end of a card as the callback must know it.
#[derive(Debug, Clone)]
pub struct EndFormat {
    /// Samples per channel a second.
    pub rate_hz: u32,
    /// Interleaved channels in a block of the card.
    pub channels: usize,
    /// Whether the callback raises its thread the first time it runs.
    pub raise: bool,
}

/// What both ends do alike: time, priority, cost.
#[derive(Debug)]
struct Pace {
    context: RtContext,
    counters: Arc<EndCounters>,
    rate_hz: u32,
    raise: bool,
    first: bool,
    expected: Option<CardTime>,
}

impl Pace {
    fn new(format: &EndFormat, counters: Arc<EndCounters>) -> Self {
        let context = RtContext::new();
        Self { context, counters, rate_hz: format.rate_hz, raise: format.raise, first: true, expected: None }
    }

    /// How long `samples` samples per channel last on this card.
    fn lasting(&self, samples: usize) -> Duration {
        Duration::from_nanos(samples as u64 * 1_000_000_000 / u64::from(self.rate_hz.max(1)))
    }

    /// Before a block: the first time, raises the thread; every time, counts it and whether the
    /// card's own stamp says that it is late.
    fn begin(&mut self, samples: usize, at: CardTime) -> Option<Instant> {
        if self.first {
            self.first = false;
            let raised = if self.raise { Raised::try_now(Role::Card) } else { Raised::LeftAlone };
            self.counters.set_raised(raised);
        }
        let block = self.lasting(samples);
        let late = self.expected.is_some_and(|expected| at.0 > expected.0 + block / 2);
        self.expected = Some(CardTime(at.0 + block));
        self.counters.count(samples, late);
        // The one clock near a callback: outside of `rt::section`, and only while somebody measures.
        self.counters.measures().then(Instant::now)
    }

    fn end(&self, samples: usize, begun: Option<Instant>) {
        if let Some(begun) = begun {
            self.counters.note_cost(begun.elapsed(), self.lasting(samples));
        }
    }
}

/// The input callback: card → capture side.
#[derive(Debug)]
pub struct InputCallback {
    side: Homing<Capture>,
    pace: Pace,
    channels: usize,
    pick: Pick,
    scratch: Vec<f32>,
    rate: Option<ToInside>,
}

/// The output callback: render side → card.
#[derive(Debug)]
pub struct OutputCallback {
    side: Homing<Render>,
    pace: Pace,
    channels: usize,
    heard: usize,
    scratch: Vec<f32>,
    rate: Option<FromInside>,
}

/// Where the samples of a block are taken from.
#[derive(Debug, Clone, Copy)]
enum Pick {
    One(usize),
    Half(usize, usize),
    Two(usize, usize),
}

impl InputCallback {
    /// For a card's input of this format; `channels` are asked for, and what the card does not have
    /// is taken from its last channel.
    ///
    /// # Errors
    /// [`RateError`] for a rate that cannot be converted; the side goes home.
    pub fn new(
        side: Homing<Capture>,
        format: &EndFormat,
        channels: InputChannels,
        counters: Arc<EndCounters>,
    ) -> Result<Self, RateError> {
        let pick = Pick::new(channels, format.channels);
        let heard = pick.heard();
        let rate = if format.rate_hz == RATE_HZ {
            None
        } else {
            Some(ToInside::new(format.rate_hz, heard, BLOCK_MAX)?)
        };
        Ok(Self {
            side,
            pace: Pace::new(format, counters),
            channels: format.channels.max(1),
            pick,
            scratch: vec![0.0; BLOCK_MAX * heard],
            rate,
        })
    }

    /// What converting the rate adds, in ms.
    #[must_use]
    pub fn converter_ms(&self) -> f64 {
        self.rate.as_ref().map_or(0.0, ToInside::delay_ms)
    }

    /// One block of the card, in the card's own sample type.
    pub fn run<S: Copy>(&mut self, data: &[S], at: CardTime, to_f32: impl Fn(S) -> f32) {
        let samples = data.len() / self.channels;
        let begun = self.pace.begin(samples, at);
        let Self { side, pace, channels, pick, scratch, rate } = self;
        let Pace { context, rate_hz, .. } = pace;
        let heard = pick.heard();
        rt::section(context, |rt| {
            let Some(side) = side.block() else { return };
            let mut done = 0_u64;
            for piece in data.chunks(BLOCK_MAX * *channels) {
                let length = piece.len() / *channels;
                let at = CardTime(at.0 + Duration::from_nanos(done * 1_000_000_000 / u64::from(*rate_hz)));
                pick.copy(piece, *channels, scratch, &to_f32);
                let picked = &scratch[..length * heard];
                match rate {
                    None => side.process(rt, picked, heard, at),
                    Some(rate) => {
                        let inside = rate.process(rt, picked);
                        side.process(rt, inside, heard, at);
                    }
                }
                done += length as u64;
            }
        });
        self.pace.end(samples, begun);
    }
}

impl OutputCallback {
    /// For a card's output of this format: stereo on its first two channels, mono if it has one.
    ///
    /// # Errors
    /// [`RateError`] for a rate that cannot be converted; the side goes home.
    pub fn new(
        side: Homing<Render>,
        format: &EndFormat,
        counters: Arc<EndCounters>,
    ) -> Result<Self, RateError> {
        let channels = format.channels.max(1);
        let heard = channels.min(2);
        let rate = if format.rate_hz == RATE_HZ {
            None
        } else {
            Some(FromInside::new(format.rate_hz, heard, BLOCK_MAX)?)
        };
        Ok(Self {
            side,
            pace: Pace::new(format, counters),
            channels,
            heard,
            scratch: vec![0.0; BLOCK_MAX * heard],
            rate,
        })
    }

    /// What converting the rate adds, in ms.
    #[must_use]
    pub fn converter_ms(&self) -> f64 {
        self.rate.as_ref().map_or(0.0, FromInside::delay_ms)
    }

    /// One block of the card, in the card's own sample type.
    pub fn run<S: Copy>(&mut self, data: &mut [S], at: CardTime, from_f32: impl Fn(f32) -> S) {
        let samples = data.len() / self.channels;
        let begun = self.pace.begin(samples, at);
        let Self { side, pace, channels, heard, scratch, rate } = self;
        let Pace { context, rate_hz, .. } = pace;
        rt::section(context, |rt| {
            let Some(side) = side.block() else { return };
            let mut done = 0_u64;
            for piece in data.chunks_mut(BLOCK_MAX * *channels) {
                let length = piece.len() / *channels;
                let at = CardTime(at.0 + Duration::from_nanos(done * 1_000_000_000 / u64::from(*rate_hz)));
                let made = &mut scratch[..length * *heard];
                made.fill(0.0);
                match rate {
                    None => side.process(rt, made, *heard, at),
                    Some(rate) => rate.process(rt, made, |rt, inside| side.process(rt, inside, *heard, at)),
                }
                for (to, from) in piece.chunks_exact_mut(*channels).zip(made.chunks_exact(*heard)) {
                    for (n, sample) in to.iter_mut().enumerate() {
                        *sample = from_f32(from.get(n).copied().unwrap_or(0.0));
                    }
                }
                done += length as u64;
            }
        });
        self.pace.end(samples, begun);
    }
}

impl Pick {
    fn new(channels: InputChannels, card: usize) -> Self {
        let last = card.max(1) - 1;
        match channels {
            InputChannels::Left => Self::One(0),
            InputChannels::Right => Self::One(1.min(last)),
            InputChannels::Channel(number) => Self::One(usize::from(number.max(1) - 1).min(last)),
            InputChannels::Mix if last == 0 => Self::One(0),
            InputChannels::Mix => Self::Half(0, 1),
            InputChannels::Stereo => Self::Two(0, 1.min(last)),
        }
    }

    const fn heard(self) -> usize {
        match self {
            Self::One(_) | Self::Half(..) => 1,
            Self::Two(..) => 2,
        }
    }

    /// Copies the picked channels of an interleaved block to the front of `to`. What is not a
    /// number becomes silence here, so that nothing behind needs to ask.
    fn copy<S: Copy>(self, from: &[S], channels: usize, to: &mut [f32], to_f32: &impl Fn(S) -> f32) {
        let sample = |frame: &[S], n: usize| {
            let value = to_f32(frame[n]);
            if value.is_finite() { value } else { 0.0 }
        };
        let frames = from.chunks_exact(channels);
        match self {
            Self::One(n) => {
                for (to, frame) in to.iter_mut().zip(frames) {
                    *to = sample(frame, n);
                }
            }
            Self::Half(a, b) => {
                for (to, frame) in to.iter_mut().zip(frames) {
                    *to = (sample(frame, a) + sample(frame, b)) * 0.5;
                }
            }
            Self::Two(a, b) => {
                for (to, frame) in to.chunks_exact_mut(2).zip(frames) {
                    to[0] = sample(frame, a);
                    to[1] = sample(frame, b);
                }
            }
        }
    }
}

impl<B> std::fmt::Debug for Homing<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Homing").field("carries", &self.block.is_some()).finish_non_exhaustive()
    }
}

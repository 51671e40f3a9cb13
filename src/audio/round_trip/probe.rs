//! The two ends of a measure: one plays and stamps its blocks, one stamps and keeps what it hears.
//!
//! World: real-time (`process`); made by a worker, handed back to be freed elsewhere when they are done, which is
//! after a fixed number of samples: nobody has to end a measure.

use std::time::{Duration, Instant};

use rtrb::{Consumer, Producer, RingBuffer};

use super::find::{self, NotHeard, RoundTrip, Stamp};
use super::{HEARD, signal};
use crate::audio::codec::Stereo;
use crate::audio::rt::{CardTime, Rt};

/// Blocks that are stamped: all of a measure at 64 samples. On a card with shorter ones the first half is enough.
const STAMPS: usize = 1_024;

/// Plays the signal to our own ears.
#[derive(Debug)]
pub(in crate::audio) struct RenderProbe {
    signal: Vec<f32>,
    at: usize,
    stamps: Producer<Stamp>,
}

/// Hears what comes in.
#[derive(Debug)]
pub(in crate::audio) struct CaptureProbe {
    samples: Producer<f32>,
    heard: usize,
    stamps: Producer<Stamp>,
}

/// What a measure leaves to be looked at.
#[derive(Debug)]
pub struct Measure {
    samples: Consumer<f32>,
    played_stamps: Consumer<Stamp>,
    heard_stamps: Consumer<Stamp>,
}

/// A measure whose sound is whole, or which waits for it.
#[derive(Debug)]
pub enum Listening {
    /// Not yet.
    Waiting(Measure),
    /// All of it.
    Done(Result<RoundTrip, NotHeard>),
}

/// Both ends, and what they leave.
pub(in crate::audio) fn probes() -> (Box<RenderProbe>, Box<CaptureProbe>, Measure) {
    let (samples, heard) = RingBuffer::new(HEARD);
    let (played, played_stamps) = RingBuffer::new(STAMPS);
    let (captured, heard_stamps) = RingBuffer::new(STAMPS);
    let render = RenderProbe { signal: signal::signal(), at: 0, stamps: played };
    let capture = CaptureProbe { samples, heard: 0, stamps: captured };
    (Box::new(render), Box::new(capture), Measure { samples: heard, played_stamps, heard_stamps })
}

impl RenderProbe {
    /// Adds the signal to a block; `false` when all of it is played.
    pub(in crate::audio) fn process(&mut self, _rt: &mut Rt<'_>, sum: &mut [Stereo], at: CardTime) -> bool {
        // A full ring stamps no more: what is there is enough.
        let _ = self.stamps.push(Stamp { position: self.at, at });
        let rest = self.signal.get(self.at..).unwrap_or_default();
        for (frame, sample) in sum.iter_mut().zip(rest) {
            frame[0] += sample;
            frame[1] += sample;
        }
        self.at += sum.len();
        self.at < self.signal.len()
    }
}

impl CaptureProbe {
    /// Keeps a block; `false` when enough is heard.
    pub(in crate::audio) fn process(&mut self, _rt: &mut Rt<'_>, block: &[Stereo], at: CardTime) -> bool {
        let _ = self.stamps.push(Stamp { position: self.heard, at });
        for [left, right] in &block[..block.len().min(HEARD - self.heard)] {
            // The ring holds all of a measure.
            let _ = self.samples.push((left + right) * 0.5);
        }
        self.heard = (self.heard + block.len()).min(HEARD);
        self.heard < HEARD
    }
}

impl Measure {
    /// Looks for the signal if enough was heard.
    ///
    /// World: worker; takes a tenth of a second.
    #[must_use]
    pub fn look(mut self) -> Listening {
        if self.samples.slots() < HEARD && !self.samples.is_abandoned() {
            return Listening::Waiting(self);
        }
        let heard: Vec<f32> = std::iter::from_fn(|| self.samples.pop().ok()).collect();
        let stamps = |mut ring: Consumer<Stamp>| std::iter::from_fn(move || ring.pop().ok()).collect();
        let (played, captured): (Vec<Stamp>, Vec<Stamp>) =
            (stamps(self.played_stamps), stamps(self.heard_stamps));
        Listening::Done(find::find(&heard, &captured, &played))
    }

    /// Waits until enough was heard, and looks for the signal. A card that stands still is waited for no longer than
    /// `patience`.
    ///
    /// World: worker.
    ///
    /// # Errors
    /// [`NotHeard`].
    pub fn wait(self, patience: Duration) -> Result<RoundTrip, NotHeard> {
        let until = Instant::now() + patience;
        let mut waiting = self;
        loop {
            match waiting.look() {
                Listening::Done(found) => return found,
                Listening::Waiting(_) if Instant::now() > until => return Err(NotHeard::CardStandsStill),
                Listening::Waiting(measure) => waiting = measure,
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }
}

/// How often it is looked whether enough was heard.
const LOOK_EVERY: Duration = Duration::from_millis(20);

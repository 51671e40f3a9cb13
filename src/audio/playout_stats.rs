//! What one remote stream's playout counts, read from any thread without a lock.
//!
//! World: the counters are written in the output callback; [`PlayoutStats`] is read anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::domain::time::samples_to_ms;

/// A count with one writer.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// One writer: a plain addition is enough.
    pub(super) fn add(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A value with one writer.
#[derive(Debug, Default)]
pub(super) struct Value(AtomicU32);

impl Value {
    pub(super) fn set(&self, value: f32) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    fn read(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// The writing half.
#[derive(Debug, Default)]
pub(super) struct PlayoutCounters {
    pub(super) played: Counter,
    pub(super) late: Counter,
    pub(super) concealed: Counter,
    pub(super) concealed_samples: Counter,
    pub(super) undecodable: Counter,
    pub(super) restarts: Counter,
    pub(super) moved_back: Counter,
    pub(super) leapt: Counter,
    pub(super) playout_delay: Value,
    pub(super) target_delay: Value,
    pub(super) drift_ppm: Value,
    jitter: Value,
}

impl PlayoutCounters {
    /// RFC 3550 §6.4.1: a sixteenth of each difference.
    pub(super) fn note_jitter(&self, difference_samples: f32) {
        let jitter = self.jitter.read();
        self.jitter.set(jitter + (difference_samples - jitter) / 16.0);
    }
}

/// The reading half.
#[derive(Debug, Clone)]
pub struct PlayoutStats(Arc<PlayoutCounters>);

/// One remote stream as it is heard now, and its counts since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PlayoutReading {
    /// Frames heard.
    pub played: u64,
    /// Frames that came after their moment.
    pub late: u64,
    /// Frames that had to be invented, in whole.
    pub concealed: u64,
    /// Milliseconds of sound that had to be invented.
    pub concealed_ms: f64,
    /// Frames whose bytes were not of the agreed form.
    pub undecodable: u64,
    /// How often the stream stopped or jumped and was begun anew.
    pub restarts: u64,
    /// How often reading went back to meet frames that kept coming late.
    pub moved_back: u64,
    /// How often a delay that was far too long was left at once.
    pub leapt: u64,
    /// Time from a frame's arrival to its end in the block that plays it, in ms.
    pub playout_delay_ms: f64,
    /// What that is heading for.
    pub target_delay_ms: f64,
    /// How much faster their card runs than ours, in ppm; 0 until it is certain.
    pub drift_ppm: f64,
    /// Variation of arrival, as seen by the output callback, in ms (RFC 3550 §6.4.1).
    pub jitter_ms: f64,
}

impl PlayoutReading {
    /// Frames that never came, as far as is known now: a late one is taken for lost until it comes.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.concealed.saturating_sub(self.late)
    }
}

impl PlayoutStats {
    pub(super) const fn new(counters: Arc<PlayoutCounters>) -> Self {
        Self(counters)
    }

    /// How it stands.
    #[must_use]
    pub fn read(&self) -> PlayoutReading {
        let c = &self.0;
        let ms = |value: &Value| samples_to_ms(f64::from(value.read()));
        PlayoutReading {
            played: c.played.read(),
            late: c.late.read(),
            concealed: c.concealed.read(),
            concealed_ms: samples_to_ms(c.concealed_samples.read() as f64),
            undecodable: c.undecodable.read(),
            restarts: c.restarts.read(),
            moved_back: c.moved_back.read(),
            leapt: c.leapt.read(),
            playout_delay_ms: ms(&c.playout_delay),
            target_delay_ms: ms(&c.target_delay),
            drift_ppm: f64::from(c.drift_ppm.read()),
            jitter_ms: ms(&c.jitter),
        }
    }
}

//! Copies of a stream for whoever keeps them, and how far a callback is: both without a wait.
//!
//! World: the writing ends are real-time, the reading ends are for workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

use super::codec::Stereo;
use super::rt::CardTime;
use crate::domain::time::RATE_HZ;

/// Samples a tap may hold before its reader comes: 2 s. When it is full samples are dropped whole
/// blocks at a time, counted, and said where they are missing.
const TAP_RING: usize = 96_000;

/// Gaps that may wait for the reader of a tap. When it is full the gap goes on growing until one can be said.
const TAP_GAPS: usize = 64;

/// Who reads a tap: each stream has a place for each of them, and one never takes the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TapFor {
    /// Files to be judged: the house band.
    Judge,
    /// The recorder.
    Recorder,
}

/// The places for taps of one stream.
pub(super) type Taps = [Option<Tap>; 2];

/// The writing end.
#[derive(Debug)]
pub struct Tap {
    pub(super) reader: TapFor,
    samples: Producer<Stereo>,
    gaps: Producer<TapGap>,
    shared: Arc<Shared>,
    written: u64,
    lost: u64,
}

/// Samples that are missing in a tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TapGap {
    /// How many samples of the tap come before it.
    pub after: u64,
    /// How many are missing.
    pub samples: u64,
}

#[derive(Debug)]
struct Shared {
    first_at_ns: AtomicU64,
    first_position: AtomicU64,
    dropped: AtomicU64,
}

/// The reading end. When it is dropped, the writing end is handed back to be freed.
#[derive(Debug)]
pub struct TapReader {
    /// The samples, in order.
    pub samples: Consumer<Stereo>,
    /// What is missing between them. Look after the samples: a gap is said before what follows it.
    pub gaps: Consumer<TapGap>,
    shared: Arc<Shared>,
}

impl Tap {
    pub(super) fn pair(reader: TapFor) -> (Self, TapReader) {
        let (samples, read) = RingBuffer::new(TAP_RING);
        let (gaps, read_gaps) = RingBuffer::new(TAP_GAPS);
        let shared = Arc::new(Shared {
            first_at_ns: AtomicU64::new(u64::MAX),
            first_position: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        });
        let tap = Self { reader, samples, gaps, shared: Arc::clone(&shared), written: 0, lost: 0 };
        (tap, TapReader { samples: read, gaps: read_gaps, shared })
    }

    /// Copies a block whose callback was at `at`, and which begins at `position` of its axis.
    pub(super) fn write(&mut self, block: &[Stereo], at: CardTime, position: u64) {
        if self.shared.first_at_ns.load(Ordering::Relaxed) == u64::MAX {
            self.shared.first_position.store(position, Ordering::Relaxed);
            self.shared.first_at_ns.store(at.0.as_nanos() as u64, Ordering::Release);
        }
        let gap = TapGap { after: self.written, samples: self.lost };
        let has_room = self.samples.slots() >= block.len();
        if has_room && (self.lost == 0 || self.gaps.push(gap).is_ok()) {
            self.lost = 0;
            self.written += block.len() as u64;
            let _ = self.samples.push_entire_slice(block);
        } else {
            self.lost += block.len() as u64;
            self.shared.dropped.fetch_add(block.len() as u64, Ordering::Relaxed);
        }
    }

    /// Whether nobody reads any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.samples.is_abandoned()
    }
}

impl TapReader {
    /// When the first sample was, in ns of the card's clock; `None` before it.
    #[must_use]
    pub fn first_at_ns(&self) -> Option<u64> {
        Some(self.shared.first_at_ns.load(Ordering::Acquire)).filter(|at| *at != u64::MAX)
    }

    /// Where on its axis the first sample is; `None` before it.
    #[must_use]
    pub fn first_position(&self) -> Option<u64> {
        self.first_at_ns().map(|_| self.shared.first_position.load(Ordering::Relaxed))
    }

    /// Samples that found the ring full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

/// Counts what a callback has done. Its reader sees every sample of a tap before the position after it.
#[derive(Debug, Default)]
pub(super) struct Axis {
    position: u64,
    shared: Arc<AxisShared>,
}

#[derive(Debug, Default)]
struct AxisShared {
    position: AtomicU64,
    /// When position 0 was, in ns of the card's clock plus [`ORIGIN_BIAS`]; 0 before the first block.
    origin_ns: AtomicU64,
}

/// Keeps an origin before the card's own zero a positive number.
const ORIGIN_BIAS: u64 = 1 << 62;

/// Reads how far a callback is, from any thread.
#[derive(Debug, Clone)]
pub struct AxisReader(Arc<AxisShared>);

impl Axis {
    pub(super) fn reader(&self) -> AxisReader {
        AxisReader(Arc::clone(&self.shared))
    }

    /// Samples per channel before this block.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// A block of `count` samples, asked for at `at`, is done, and every tap has it.
    pub(super) fn advance(&mut self, count: usize, at: CardTime) {
        let origin = (at.0.as_nanos() as u64 + ORIGIN_BIAS).wrapping_sub(samples_to_ns(self.position));
        self.shared.origin_ns.store(origin, Ordering::Relaxed);
        self.position += count as u64;
        self.shared.position.store(self.position, Ordering::Release);
    }
}

impl AxisReader {
    /// Samples per channel done so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.0.position.load(Ordering::Acquire)
    }

    /// When position 0 was, as the newest block has it: ns of the card's clock, plus a number that is the same
    /// for every axis; `None` before the first block.
    #[must_use]
    pub fn origin_ns(&self) -> Option<u64> {
        Some(self.0.origin_ns.load(Ordering::Relaxed)).filter(|origin| *origin != 0)
    }
}

/// How long `samples` samples last, in ns.
const fn samples_to_ns(samples: u64) -> u64 {
    (samples as u128 * 1_000_000_000 / RATE_HZ as u128) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_a_full_tap_left_out_is_said_where_it_is_missing() {
        let (mut tap, mut reader) = Tap::pair(TapFor::Recorder);
        let block = [[0.5; 2]; 1_000];
        for n in 0..100 {
            tap.write(&block, CardTime(Duration::from_secs(1)), 7_000 + n * 1_000);
        }
        assert_eq!((reader.first_position(), reader.dropped()), (Some(7_000), 4_000));
        assert!(reader.gaps.pop().is_err(), "nothing follows the gap yet");
        while reader.samples.pop().is_ok() {}
        tap.write(&block, CardTime(Duration::from_secs(2)), 107_000);
        assert_eq!(reader.gaps.pop(), Ok(TapGap { after: 96_000, samples: 4_000 }));
        assert_eq!(reader.samples.slots(), 1_000);
    }

    #[test]
    fn two_axes_of_one_card_are_told_apart_by_their_origins() {
        let (mut early, mut late) = (Axis::default(), Axis::default());
        let at = |block: u64| CardTime(Duration::from_nanos(samples_to_ns(block * 480)));
        for block in 0..10 {
            early.advance(480, at(block));
        }
        for block in 4..10 {
            late.advance(480, at(block));
        }
        let (early, late) = (early.reader(), late.reader());
        assert_eq!(late.origin_ns().unwrap() - early.origin_ns().unwrap(), samples_to_ns(4 * 480));
        assert_eq!((early.position(), late.position()), (4_800, 2_880));
    }
}

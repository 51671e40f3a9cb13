//! What a watched input leaves for its reader: the highest sample of each channel, without a lock.
//!
//! World: [`PeakCallback::run`] is real-time; made, read and dropped by workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::audio::rt::{self, RtContext};
use crate::domain::level::level_db;

/// Channels that are told apart; what comes on more of them counts in the peak of all.
pub const CHANNELS_MAX: usize = 8;

/// Bits of non-negative floats: their order as integers is their order as numbers.
#[derive(Debug, Default)]
struct Shared {
    all: AtomicU32,
    each: [AtomicU32; CHANNELS_MAX],
    blocks: AtomicU64,
}

/// The reading end; clones read the same input, and a peak is read once.
#[derive(Debug, Clone)]
pub struct PeakReader {
    shared: Arc<Shared>,
    channels: usize,
}

/// Peaks since the reading before, in dBFS.
#[derive(Debug, Clone, PartialEq)]
pub struct Peaks {
    /// Of all channels.
    pub peak_db: f32,
    /// Of each, the first [`CHANNELS_MAX`].
    pub channels_db: Vec<f32>,
}

/// What runs in the callback of a watched input.
///
/// # Real-time
/// Made and dropped by a worker.
#[derive(Debug)]
pub struct PeakCallback {
    context: RtContext,
    shared: Arc<Shared>,
    channels: usize,
}

impl PeakCallback {
    /// For blocks of this many interleaved channels.
    #[must_use]
    pub fn new(channels: usize) -> (Self, PeakReader) {
        let (shared, channels) = (Arc::<Shared>::default(), channels.max(1));
        let reader = PeakReader { shared: Arc::clone(&shared), channels: channels.min(CHANNELS_MAX) };
        (Self { context: RtContext::new(), shared, channels }, reader)
    }

    /// One block of a card, in the card's own sample type. What is no number is silence.
    pub fn run<S: Copy>(&mut self, data: &[S], to_f32: impl Fn(S) -> f32) {
        let Self { context, shared, channels } = self;
        rt::section(context, |_| {
            let mut peaks = [0.0_f32; CHANNELS_MAX];
            let mut all = 0.0_f32;
            for frame in data.chunks_exact(*channels) {
                for (n, sample) in frame.iter().enumerate() {
                    let height = to_f32(*sample).abs();
                    let height = if height.is_finite() { height } else { 0.0 };
                    all = all.max(height);
                    if let Some(peak) = peaks.get_mut(n) {
                        *peak = peak.max(height);
                    }
                }
            }
            shared.note(all, &peaks);
        });
    }

    /// One block that comes channel by channel.
    pub fn run_planar<'a>(&mut self, channels: impl Iterator<Item = &'a [f32]>) {
        let Self { context, shared, .. } = self;
        rt::section(context, |_| {
            let mut peaks = [0.0_f32; CHANNELS_MAX];
            for (peak, samples) in peaks.iter_mut().zip(channels) {
                let heights = samples.iter().map(|sample| sample.abs()).filter(|height| height.is_finite());
                *peak = heights.fold(0.0, f32::max);
            }
            let all = peaks.iter().copied().fold(0.0, f32::max);
            shared.note(all, &peaks);
        });
    }
}

impl Shared {
    fn note(&self, all: f32, peaks: &[f32; CHANNELS_MAX]) {
        self.all.fetch_max(all.to_bits(), Relaxed);
        for (place, peak) in self.each.iter().zip(peaks) {
            place.fetch_max(peak.to_bits(), Relaxed);
        }
        self.blocks.fetch_add(1, Relaxed);
    }
}

impl PeakReader {
    /// Peaks since the reading before; `None` before the first block.
    #[must_use]
    pub fn read(&self) -> Option<Peaks> {
        if self.shared.blocks.load(Relaxed) == 0 {
            return None;
        }
        let taken = |place: &AtomicU32| level_db(f32::from_bits(place.swap(0, Relaxed)));
        Some(Peaks {
            peak_db: taken(&self.shared.all),
            channels_db: self.shared.each[..self.channels].iter().map(taken).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_its_peak_and_a_peak_is_read_once() {
        let (mut callback, reader) = PeakCallback::new(2);
        assert_eq!(reader.read(), None);
        callback.run(&[0.1_f32, -0.5, f32::NAN, 0.25], |sample| sample);
        callback.run(&[-1.0_f32, 0.0], |sample| sample);
        let peaks = reader.read().unwrap();
        assert_eq!(peaks.peak_db, 0.0);
        assert_eq!((peaks.channels_db[0], peaks.channels_db[1]), (0.0, level_db(0.5)));
        assert_eq!(reader.read().unwrap().peak_db, level_db(0.0));
    }

    #[test]
    fn channels_past_the_last_one_told_apart_count_in_the_peak_of_all() {
        let (mut callback, reader) = PeakCallback::new(10);
        let mut frame = [0.0_f32; 10];
        frame[9] = 0.5;
        callback.run(&frame, |sample| sample);
        let peaks = reader.read().unwrap();
        assert_eq!((peaks.peak_db, peaks.channels_db.len()), (level_db(0.5), CHANNELS_MAX));
        assert!(peaks.channels_db.iter().all(|peak| *peak == level_db(0.0)));
        let blocks: [&[f32]; 2] = [&[0.25, -0.5], &[0.125]];
        callback.run_planar(blocks.into_iter());
        assert_eq!(reader.read().unwrap().channels_db[..2], [level_db(0.5), level_db(0.125)]);
    }
}

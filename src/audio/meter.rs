//! How loud a signal is: measured in a callback, read anywhere, without a lock.
//!
//! World: [`Meter`] is real-time, [`MeterReader`] is for every other thread. Both are made, and the
//! meter is dropped, by the worker that owns the engine.
//! Never: allocates after `new`, loses a peak between two readings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::audio::rt::Rt;
use crate::domain::level::level_db;

/// The real-time half: looks at samples, changes none.
///
/// Publishes peak and clips after every block, RMS every [`BIN_SAMPLES`].
///
/// # Real-time
/// Made and dropped by a worker, used in one callback.
#[derive(Debug)]
pub struct Meter {
    reading: Arc<MeterReading>,
    clip_from: f32,
    /// Energy per channel of the bins in the window, oldest overwritten first.
    bins: [[f64; 2]; BINS],
    bin: usize,
    /// Energy per channel of the bin being filled, and how many samples are in it.
    energy: [f64; 2],
    filled: usize,
    held: f32,
    held_samples: u32,
}

/// What the callback leaves for the readers.
#[derive(Debug, Default)]
struct MeterReading {
    /// Bits of non-negative floats: their order as integers is their order as numbers.
    peak: AtomicU32,
    held: AtomicU32,
    rms: AtomicU32,
    clips: AtomicU64,
    invalid: AtomicU64,
}

/// Reads one meter from any thread; clones read the same meter.
#[derive(Debug, Clone)]
pub struct MeterReader {
    reading: Arc<MeterReading>,
}

/// One reading, in dBFS ([`level_db`] says the convention).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Highest sample of either channel since the reading before this one.
    pub peak_db: f32,
    /// Highest sample of late: stays 1.5 s, then falls 20 dB a second. Not changed by reading.
    pub held_db: f32,
    /// Mean over the last 300 ms, of the louder channel.
    pub rms_db: f32,
    /// Clipped samples since the meter was made.
    pub clips: u64,
}

impl Meter {
    /// For signals inside the engine: a clip is a sample beyond ±1.0.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clip_from(1.0_f32.next_up())
    }

    /// For what a card captured: a card never gives more than full scale, so a clip is a sample at it.
    #[must_use]
    pub fn for_capture() -> Self {
        Self::with_clip_from(CARD_FULL_SCALE)
    }

    fn with_clip_from(clip_from: f32) -> Self {
        Self {
            reading: Arc::default(),
            clip_from,
            bins: [[0.0; 2]; BINS],
            bin: 0,
            energy: [0.0; 2],
            filled: 0,
            held: 0.0,
            held_samples: 0,
        }
    }

    /// A reader of this meter.
    ///
    /// World: worker; not in a callback.
    #[must_use]
    pub fn reader(&self) -> MeterReader {
        MeterReader { reading: Arc::clone(&self.reading) }
    }

    /// Measures a block of stereo; mono is the same sample twice.
    ///
    /// Samples that are no number count as silence and are counted.
    pub fn measure(&mut self, _rt: &mut Rt<'_>, block: &[[f32; 2]]) {
        let mut peak = 0.0_f32;
        let mut clips = 0_u64;
        let mut invalid = 0_u64;
        let mut rest = block;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BIN_SAMPLES - self.filled));
            for frame in now {
                for (channel, sample) in frame.iter().enumerate() {
                    let height = if sample.is_finite() { sample.abs() } else { 0.0 };
                    invalid += u64::from(!sample.is_finite());
                    clips += u64::from(height >= self.clip_from);
                    peak = peak.max(height);
                    self.energy[channel] += f64::from(height) * f64::from(height);
                }
            }
            self.filled += now.len();
            if self.filled == BIN_SAMPLES {
                self.end_bin();
            }
            rest = later;
        }
        self.hold(peak, block.len());
        self.reading.peak.fetch_max(peak.to_bits(), Relaxed);
        self.reading.held.store(self.held.to_bits(), Relaxed);
        if clips > 0 {
            self.reading.clips.fetch_add(clips, Relaxed);
        }
        if invalid > 0 {
            self.reading.invalid.fetch_add(invalid, Relaxed);
        }
    }

    fn end_bin(&mut self) {
        self.bins[self.bin] = self.energy;
        self.bin = (self.bin + 1) % BINS;
        self.energy = [0.0; 2];
        self.filled = 0;
        let louder = [0, 1]
            .map(|channel| self.bins.iter().map(|bin| bin[channel]).sum::<f64>())
            .into_iter()
            .fold(0.0, f64::max);
        let rms = (louder / (BINS * BIN_SAMPLES) as f64).sqrt() as f32;
        self.reading.rms.store(rms.to_bits(), Relaxed);
    }

    fn hold(&mut self, peak: f32, samples: usize) {
        let samples = u32::try_from(samples).unwrap_or(u32::MAX);
        let waited = samples.min(self.held_samples);
        self.held_samples -= waited;
        self.held *= (-HELD_FALL_PER_SAMPLE * (samples - waited) as f32).exp();
        if peak >= self.held {
            self.held = peak;
            self.held_samples = HELD_SAMPLES;
        }
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

impl MeterReader {
    /// What was measured; takes the peak, so that two readings never share one and none is lost.
    ///
    /// World: any thread but a callback. Where several parties want levels, one reads for all.
    pub fn read(&self) -> Level {
        let amplitude = |bits: u32| level_db(f32::from_bits(bits));
        Level {
            peak_db: amplitude(self.reading.peak.swap(0, Relaxed)),
            held_db: amplitude(self.reading.held.load(Relaxed)),
            rms_db: amplitude(self.reading.rms.load(Relaxed)),
            clips: self.reading.clips.load(Relaxed),
        }
    }

    /// Samples that were no number, since the meter was made. Above 0 something before it is broken.
    #[must_use]
    pub fn invalid_samples(&self) -> u64 {
        self.reading.invalid.load(Relaxed)
    }
}

/// Samples per channel of one step of the RMS window: 10 ms. Shorter costs memory and no one sees
/// it at 30 readings a second; longer and the meter moves in visible steps.
pub const BIN_SAMPLES: usize = 480;

/// Steps in the RMS window: 300 ms, the integration time of a VU meter (IEC 60268-17).
const BINS: usize = 30;

/// A card of 16 bits gives at most 32767/32768 = 0.99997; this is below that and within 0.001 dB of
/// full scale.
const CARD_FULL_SCALE: f32 = 0.999_9;

/// How long the held peak stays: 1.5 s. Shorter and it cannot be read, longer and it is not of now.
const HELD_SAMPLES: u32 = 72_000;

/// 20 dB a second, as a natural logarithm per sample: ln(10) / 48000.
const HELD_FALL_PER_SAMPLE: f32 = std::f32::consts::LN_10 / 48_000.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::rt::{RtContext, section};
    use crate::domain::level::SILENCE_DB;
    use proptest::prelude::*;

    fn measure(meter: &mut Meter, block: &[[f32; 2]]) {
        section(&mut RtContext::new(), |rt| meter.measure(rt, block));
    }

    fn sine(amplitude: f32, samples: usize) -> Vec<[f32; 2]> {
        (0..samples).map(|n| [amplitude * (n as f32 * 0.1309).sin(); 2]).collect()
    }

    #[test]
    fn a_full_scale_sine_is_minus_3_db_rms_and_0_db_peak() {
        let mut meter = Meter::new();
        for block in sine(1.0, 48_000).chunks(61) {
            measure(&mut meter, block);
        }
        let level = meter.reader().read();
        assert!((level.rms_db + 3.01).abs() < 0.05, "{level:?}");
        assert!(level.peak_db.abs() < 0.05, "{level:?}");
    }

    #[test]
    fn the_louder_channel_is_the_level() {
        let mut meter = Meter::new();
        for _ in 0..30 {
            measure(&mut meter, &[[0.0, -0.5]; BIN_SAMPLES]);
        }
        let level = meter.reader().read();
        assert!((level.rms_db + 6.02).abs() < 0.01, "{level:?}");
        assert!((level.peak_db + 6.02).abs() < 0.01, "{level:?}");
    }

    #[test]
    fn rms_forgets_after_300_ms() {
        let mut meter = Meter::new();
        measure(&mut meter, &vec![[0.5; 2]; 30 * BIN_SAMPLES]);
        measure(&mut meter, &vec![[0.0; 2]; 29 * BIN_SAMPLES]);
        assert!(meter.reader().read().rms_db > -22.0);
        measure(&mut meter, &vec![[0.0; 2]; BIN_SAMPLES]);
        assert_eq!(meter.reader().read().rms_db, SILENCE_DB);
    }

    #[test]
    fn a_reading_takes_the_peak_and_leaves_the_held_one() {
        let mut meter = Meter::new();
        let reader = meter.reader();
        measure(&mut meter, &[[0.5; 2]]);
        assert!((reader.read().peak_db + 6.02).abs() < 0.01);
        let after = reader.read();
        assert_eq!(after.peak_db, SILENCE_DB);
        assert!((after.held_db + 6.02).abs() < 0.01);
    }

    #[test]
    fn the_held_peak_stays_and_then_falls() {
        let mut meter = Meter::new();
        let reader = meter.reader();
        measure(&mut meter, &[[1.0; 2]]);
        measure(&mut meter, &vec![[0.0; 2]; 71_000]);
        assert_eq!(reader.read().held_db, 0.0);
        measure(&mut meter, &vec![[0.0; 2]; 1_000 + 48_000]);
        assert!((reader.read().held_db + 20.0).abs() < 0.1, "{:?}", reader.read());
    }

    #[test]
    fn only_what_is_beyond_full_scale_clips_except_on_a_card() {
        let block = [[1.0, -1.0], [1.01, 0.0], [0.0, -7.0], [32_767.0 / 32_768.0, 0.0]];
        let (mut inside, mut card) = (Meter::new(), Meter::for_capture());
        measure(&mut inside, &block);
        measure(&mut card, &block);
        assert_eq!(inside.reader().read().clips, 2);
        assert_eq!(card.reader().read().clips, 5);
    }

    #[test]
    fn what_is_no_number_is_silence_and_counted() {
        let mut meter = Meter::new();
        measure(&mut meter, &vec![[f32::NAN, f32::NEG_INFINITY]; BIN_SAMPLES]);
        let level = meter.reader().read();
        assert_eq!((level.peak_db, level.rms_db, level.clips), (SILENCE_DB, SILENCE_DB, 0));
        assert_eq!(meter.reader().invalid_samples(), 2 * BIN_SAMPLES as u64);
    }

    #[test]
    fn a_reader_on_another_thread_sees_the_highest_peak_once() {
        let mut meter = Meter::new();
        let reader = meter.reader();
        let done = std::sync::atomic::AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let mut high = 0;
                while !done.load(Relaxed) {
                    high += u32::from(reader.read().peak_db > -1.0);
                }
                high + u32::from(reader.read().peak_db > -1.0)
            });
            for n in 0..20_000 {
                measure(&mut meter, &[[if n == 7_000 { 1.0 } else { 0.1 }; 2]; 8]);
            }
            done.store(true, Relaxed);
            reading.join().unwrap()
        });
        assert_eq!(seen, 1);
    }

    proptest! {
        #[test]
        fn no_peak_is_missed(
            samples in prop::collection::vec((-4.0_f32..4.0, -4.0_f32..4.0), 1..300),
            block in 1_usize..80,
            blocks_a_reading in 1_usize..5,
        ) {
            let samples: Vec<[f32; 2]> = samples.into_iter().map(|(l, r)| [l, r]).collect();
            let mut meter = Meter::new();
            let reader = meter.reader();
            for stretch in samples.chunks(block * blocks_a_reading) {
                for block in stretch.chunks(block) {
                    measure(&mut meter, block);
                }
                let peak = stretch.iter().flatten().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
                prop_assert_eq!(reader.read().peak_db, level_db(peak));
            }
        }
    }
}

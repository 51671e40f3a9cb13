//! The last thing before the card: no sample beyond full scale, and no delay for it.
//!
//! World: [`Limiter`] is real-time, [`LimiterReader`] is for every other thread.
//! Never: allocates after `new`, looks ahead, touches what is below [`THRESHOLD`] while at rest.
//!
//! A limiter that looks ahead costs 1 to 5 ms, as much as the whole way between two musicians. This
//! one turns down within the sample that is too loud and recovers over 100 ms: audible as a bend on
//! a clipped attack, instead of as a crack.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::audio::rt::Rt;

/// Keeps the sum within ±1.0.
///
/// # Real-time
/// Made and dropped by a worker, used in one callback.
#[derive(Debug)]
pub struct Limiter {
    reading: Arc<LimiterReading>,
    /// What the signal is multiplied with: 1.0 at rest, never above.
    factor: f32,
}

/// What the callback leaves for the readers.
#[derive(Debug)]
struct LimiterReading {
    /// Bits of the lowest factor since the last reading: positive, so they order as integers.
    lowest: AtomicU32,
    activations: AtomicU64,
    active_samples: AtomicU64,
    invalid: AtomicU64,
}

/// Reads one limiter from any thread; clones read the same one.
#[derive(Debug, Clone)]
pub struct LimiterReader {
    reading: Arc<LimiterReading>,
}

/// How much a limiter had to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limiting {
    /// The most it turned down since the reading before this one, in dB: 0.0 or more.
    pub reduction_db: f32,
    /// How often it left its rest since it was made.
    pub activations: u64,
    /// Samples per channel during which it was at work, since it was made.
    pub active_samples: u64,
    /// Samples that were no number and became silence, since it was made.
    pub invalid_samples: u64,
}

impl Limiter {
    /// At rest.
    #[must_use]
    pub fn new() -> Self {
        let reading = LimiterReading {
            lowest: AtomicU32::new(1.0_f32.to_bits()),
            activations: AtomicU64::new(0),
            active_samples: AtomicU64::new(0),
            invalid: AtomicU64::new(0),
        };
        Self { reading: Arc::new(reading), factor: 1.0 }
    }

    /// A reader of this limiter.
    ///
    /// World: worker; not in a callback.
    #[must_use]
    pub fn reader(&self) -> LimiterReader {
        LimiterReader { reading: Arc::clone(&self.reading) }
    }

    /// Brings a block within ±1.0, both channels by the same factor.
    ///
    /// Bit-exact at rest below [`THRESHOLD`]. What is no number becomes silence and is counted.
    pub fn apply(&mut self, _rt: &mut Rt<'_>, block: &mut [[f32; 2]]) {
        let mut lowest = 1.0_f32;
        let (mut activations, mut active, mut invalid) = (0_u64, 0_u64, 0_u64);
        for frame in block {
            for sample in frame.iter_mut() {
                if !sample.is_finite() {
                    *sample = 0.0;
                    invalid += 1;
                }
            }
            let height = frame[0].abs().max(frame[1].abs());
            if height <= THRESHOLD && self.factor >= 1.0 {
                continue;
            }
            let was_at_rest = self.factor >= 1.0;
            self.factor = following(self.factor, height);
            activations += u64::from(was_at_rest && self.factor < 1.0);
            active += 1;
            lowest = lowest.min(self.factor);
            for sample in frame {
                *sample = (*sample * self.factor).clamp(-1.0, 1.0);
            }
        }
        if active > 0 {
            self.reading.lowest.fetch_min(lowest.to_bits(), Relaxed);
            self.reading.activations.fetch_add(activations, Relaxed);
            self.reading.active_samples.fetch_add(active, Relaxed);
        }
        if invalid > 0 {
            self.reading.invalid.fetch_add(invalid, Relaxed);
        }
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new()
    }
}

impl LimiterReader {
    /// What the limiter did; takes the reduction, so that none is missed between two readings.
    ///
    /// World: any thread but a callback.
    pub fn read(&self) -> Limiting {
        let lowest = f32::from_bits(self.reading.lowest.swap(1.0_f32.to_bits(), Relaxed));
        Limiting {
            reduction_db: -20.0 * lowest.max(f32::MIN_POSITIVE).log10(),
            activations: self.reading.activations.load(Relaxed),
            active_samples: self.reading.active_samples.load(Relaxed),
            invalid_samples: self.reading.invalid.load(Relaxed),
        }
    }
}

/// The factor for a sample this high: down at once, up slowly.
fn following(factor: f32, height: f32) -> f32 {
    let wanted = factor_for(height);
    if wanted <= factor {
        return wanted;
    }
    let recovering = factor + (wanted - factor) * RELEASE_PER_SAMPLE;
    if recovering > AT_REST && wanted >= 1.0 { 1.0 } else { recovering }
}

/// The soft knee: 1.0 up to the threshold, leaves it with no corner, and never lets more than 1.0 out.
fn factor_for(height: f32) -> f32 {
    if height <= THRESHOLD {
        return 1.0;
    }
    // Of the room above the threshold, an excess of x (in rooms) gets 1 - 1/(1+x): slope 1 at the
    // threshold, all of it for an infinite one.
    let room = 1.0 - THRESHOLD;
    let excess = (height - THRESHOLD) / room;
    (THRESHOLD + room * (1.0 - 1.0 / (1.0 + excess))) / height
}

/// -1 dBFS. Lower and loud playing is bent without need; higher and the knee is so short that the
/// bend becomes the crack it is there to avoid.
pub const THRESHOLD: f32 = 0.891_250_9;

/// 1 - exp(-1 / (0.1 s at 48 kHz)). Faster and the factor follows a bass note's own wave, which is
/// distortion; slower and one clap makes the next bar quiet.
const RELEASE_PER_SAMPLE: f32 = 2.083_116e-4;

/// From here it is at rest: the last step of 0.0026 dB is not heard, and being exact is worth it.
/// Closer to 1.0 the release's steps are smaller than what an `f32` can add.
const AT_REST: f32 = 0.999_7;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::rt::{RtContext, section};
    use proptest::prelude::*;

    fn limit(limiter: &mut Limiter, block: &mut [[f32; 2]]) {
        section(&mut RtContext::new(), |rt| limiter.apply(rt, block));
    }

    fn sine(amplitude: f32, samples: usize) -> Vec<[f32; 2]> {
        (0..samples)
            .map(|n| [amplitude * (n as f32 * 0.0576).sin(), 0.3 * (n as f32 * 0.021).cos()])
            .collect()
    }

    #[test]
    fn what_is_below_the_threshold_passes_bit_exactly() {
        let before = sine(THRESHOLD, 48_000);
        let mut after = before.clone();
        let mut limiter = Limiter::new();
        limit(&mut limiter, &mut after);
        assert!(before == after);
        assert_eq!(limiter.reader().read().activations, 0);
    }

    #[test]
    fn after_a_loud_moment_it_returns_to_bit_exact() {
        let mut limiter = Limiter::new();
        limit(&mut limiter, &mut sine(4.0, 4_800));
        limit(&mut limiter, &mut sine(0.5, 96_000));
        let before = sine(0.8, 480);
        let mut after = before.clone();
        limit(&mut limiter, &mut after);
        assert!(before == after);
    }

    #[test]
    fn it_says_how_much_and_how_often() {
        let mut limiter = Limiter::new();
        let reader = limiter.reader();
        limit(&mut limiter, &mut [[2.0, 0.5]]);
        let first = reader.read();
        assert!((6.0..7.0).contains(&first.reduction_db), "{first:?}");
        assert_eq!((first.activations, first.active_samples), (1, 1));
        limit(&mut limiter, &mut vec![[0.1; 2]; 96_000]);
        reader.read();
        assert_eq!(reader.read().reduction_db, 0.0);
        limit(&mut limiter, &mut [[0.0, -3.0]]);
        assert_eq!(reader.read().activations, 2);
    }

    #[test]
    fn both_channels_are_turned_down_together() {
        let mut limiter = Limiter::new();
        let mut block = [[2.0, 0.5]];
        limit(&mut limiter, &mut block);
        assert!((block[0][0] / block[0][1] - 4.0).abs() < 1e-5, "{block:?}");
    }

    #[test]
    fn half_of_the_reduction_is_gone_after_70_ms() {
        let mut limiter = Limiter::new();
        limit(&mut limiter, &mut [[2.0; 2]]);
        let down = 1.0 - limiter.factor;
        limit(&mut limiter, &mut vec![[0.0; 2]; 3_327]);
        assert!(((1.0 - limiter.factor) / down - 0.5).abs() < 0.01);
    }

    #[test]
    fn what_is_no_number_becomes_silence_and_is_counted() {
        let mut limiter = Limiter::new();
        let mut block = [[f32::NAN, f32::INFINITY], [f32::NEG_INFINITY, 0.5], [0.25, 0.25]];
        limit(&mut limiter, &mut block);
        assert_eq!(block, [[0.0, 0.0], [0.0, 0.5], [0.25, 0.25]]);
        assert_eq!(limiter.reader().read().invalid_samples, 3);
    }

    proptest! {
        #[test]
        fn nothing_leaves_beyond_full_scale(
            block in prop::collection::vec((any::<f32>(), -30.0_f32..30.0), 1..300),
        ) {
            let mut limiter = Limiter::new();
            for swap in [false, true] {
                let mut block: Vec<[f32; 2]> =
                    block.iter().map(|(l, r)| if swap { [*r, 1.1] } else { [*l, *r] }).collect();
                limit(&mut limiter, &mut block);
                prop_assert!(block.iter().flatten().all(|sample| sample.abs() <= 1.0));
            }
        }

        #[test]
        fn the_knee_is_monotonic(low in 0.0_f32..20.0, more in 0.0_f32..20.0) {
            let out = |height: f32| height * factor_for(height);
            prop_assert!(out(low + more) >= out(low) - 1e-6);
        }
    }
}

//! A delay line read at any position and any rate near one: how playout follows another card's clock
//! without dropping, doubling or stretching a block.
//!
//! World: real-time (output callback). Constructed and dropped by the worker side.
//!
//! Between two samples the value is a 12-point windowed sinc of its neighbours; on a sample it is
//! that sample, bit for bit, so that two ends on one clock are not filtered at all.

use super::codec::Stereo;

/// Samples of the line: 0.34 s. The longest playout delay must fit in.
pub const LINE: usize = 16_384;

/// Samples after the position that its value needs: half the sinc. They are delay, so they are few;
/// 12 points keep 0-16 kHz within 0.5 dB at the worst position, 8 points only 0-13 kHz.
pub const LOOKAHEAD: usize = POINTS / 2;

const POINTS: usize = 12;
/// Positions between two samples that are tabled; between those it is a straight line.
const PHASES: usize = 256;
/// Shape of the Kaiser window: more is cleaner near, less is flatter far up.
const KAISER_BETA: f64 = 5.0;

/// The last [`LINE`] samples of a stream, by their media time.
pub struct Line {
    samples: Box<[Stereo]>,
    table: Box<[[f32; POINTS]]>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line of {LINE} samples")
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl Line {
    /// Silence.
    #[must_use]
    pub fn new() -> Self {
        Self { samples: vec![[0.0; 2]; LINE].into(), table: sinc_table() }
    }

    /// Silence again.
    pub fn clear(&mut self) {
        self.samples.fill([0.0; 2]);
    }

    /// Writes the sample of media time `at`.
    pub fn write(&mut self, at: u64, sample: Stereo) {
        self.samples[at as usize % LINE] = sample;
    }

    /// The sample of media time `at`; one that is more than [`LINE`] old has been written over.
    #[must_use]
    pub fn sample(&self, at: u64) -> Stereo {
        self.samples[at as usize % LINE]
    }

    /// The value `fraction` (0.0 up to 1.0) after the sample of media time `at`.
    #[must_use]
    pub fn between(&self, at: u64, fraction: f32) -> Stereo {
        if fraction == 0.0 {
            return self.sample(at);
        }
        let phase = fraction * PHASES as f32;
        let index = (phase as usize).min(PHASES - 1);
        let share = phase - index as f32;
        let (low, high) = (&self.table[index], &self.table[index + 1]);
        let first = at.wrapping_sub(POINTS as u64 / 2 - 1);
        let mut sum = [0.0; 2];
        for (point, (low, high)) in low.iter().zip(high).enumerate() {
            let weight = low + (high - low) * share;
            let sample = self.sample(first.wrapping_add(point as u64));
            sum[0] += weight * sample[0];
            sum[1] += weight * sample[1];
        }
        sum
    }
}

/// One row of weights for each tabled position; the last row is the first one sample on.
fn sinc_table() -> Box<[[f32; POINTS]]> {
    (0..=PHASES)
        .map(|phase| {
            let fraction = phase as f64 / PHASES as f64;
            let mut row = [0.0; POINTS];
            for (point, weight) in row.iter_mut().enumerate() {
                let distance = point as f64 - (POINTS / 2 - 1) as f64 - fraction;
                *weight = sinc(distance) * kaiser(distance / (POINTS as f64 / 2.0));
            }
            let sum: f64 = row.iter().sum();
            row.map(|weight| (weight / sum) as f32)
        })
        .collect()
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) }
}

/// Kaiser's window at `x`, -1.0 to 1.0. Source: J. F. Kaiser, 1974; I0 by its power series.
fn kaiser(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { bessel_i0(KAISER_BETA * (1.0 - x * x).sqrt()) / bessel_i0(KAISER_BETA) }
}

fn bessel_i0(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..30 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, at: f64) -> f64 {
        (at * hz * std::f64::consts::TAU / 48_000.0).sin()
    }

    fn line_of(hz: f64) -> Line {
        let mut line = Line::new();
        for at in 0..4_096 {
            line.write(at, [sine(hz, at as f64) as f32, 0.0]);
        }
        line
    }

    #[test]
    fn on_a_sample_it_is_that_sample() {
        let line = line_of(5_000.0);
        for at in 100..200 {
            assert_eq!(line.between(at, 0.0), line.sample(at));
        }
    }

    #[test]
    fn between_two_samples_music_is_within_half_a_decibel_up_to_16_khz() {
        for (hz, error_max) in [(100.0, 0.002), (1_000.0, 0.002), (8_000.0, 0.01), (16_000.0, 0.06)] {
            let line = line_of(hz);
            let mut worst = 0.0_f64;
            for step in 0..800 {
                let position = 1_000.0 + f64::from(step) * 1.37;
                let value = line.between(position as u64, position.fract() as f32)[0];
                worst = worst.max((f64::from(value) - sine(hz, position)).abs());
            }
            assert!(worst < error_max, "{hz} Hz: {worst}");
        }
    }

    #[test]
    fn reading_goes_on_over_the_end_of_the_line() {
        let mut line = Line::new();
        for at in 0..LINE as u64 * 2 + 50 {
            line.write(at, [at as f32, 0.0]);
        }
        let at = LINE as u64 * 2 + 10;
        assert!((line.between(at, 0.5)[0] - (at as f32 + 0.5)).abs() < 0.1);
    }
}

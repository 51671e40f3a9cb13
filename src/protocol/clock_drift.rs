//! How fast a sample clock runs against this machine's clock, and two of them against each other.
//!
//! World: real-time (the output callback asks). No heap after construction.
//!
//! Moments are late by scheduling and by the network, never early: so the earliest moment of each
//! half second is kept, and a line is fitted through the last minute of them. One such point is
//! good to tens of µs on a cable, and a minute of them to well under 1 ppm.

use crate::domain::time::RATE_HZ;

/// Samples of which the earliest moment is kept: half a second.
const WINDOW: u64 = RATE_HZ as u64 / 2;

/// Points of the line: one minute. Longer follows a warming crystal too slowly, shorter is noisier.
const POINTS: usize = 120;

/// Points before a rate is believed: 2 s.
const POINTS_MIN: usize = 4;

/// A rate is taken as real if it stands out of its own error by this factor.
const SIGNIFICANCE: f64 = 4.0;

/// A point this far off the line, in µs, is a step in the path (another route, a sleep) and not drift.
const STEP_US: f64 = 20_000.0;

/// Sound cards are within 200 ppm, cheap ones within 1000; what looks like more is not drift.
const PPM_MAX: f64 = 1_000.0;

/// The rate of one sample clock.
#[derive(Debug, Clone)]
pub struct ClockRate {
    points: [Point; POINTS],
    count: usize,
    next: usize,
    origin: Option<(u64, u64)>,
    window: u64,
    earliest: Point,
}

#[derive(Debug, Clone, Copy, Default)]
struct Point {
    /// Seconds of sound since the origin.
    at_s: f64,
    /// µs by which the moment is later than the samples say.
    late_us: f64,
}

/// A rate in parts per million, and how sure we are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    /// Positive: the samples take longer than they should, the clock is slow.
    pub slow_ppm: f64,
    /// One standard error of it.
    pub error_ppm: f64,
}

impl Default for ClockRate {
    fn default() -> Self {
        Self::new()
    }
}

impl ClockRate {
    /// Knows nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        let point = Point { at_s: 0.0, late_us: 0.0 };
        Self { points: [point; POINTS], count: 0, next: 0, origin: None, window: 0, earliest: point }
    }

    /// Sample `samples` of the clock was seen at `micros` µs; later than it happened, never earlier.
    pub fn observe(&mut self, samples: u64, micros: u64) {
        let (first_samples, first_micros) = *self.origin.get_or_insert((samples, micros));
        if samples < first_samples || micros < first_micros {
            return;
        }
        let at_s = (samples - first_samples) as f64 / f64::from(RATE_HZ);
        let point = Point { at_s, late_us: (micros - first_micros) as f64 - at_s * 1e6 };
        let window = (samples - first_samples) / WINDOW;
        if window == self.window {
            if point.late_us < self.earliest.late_us || self.earliest.at_s == 0.0 {
                self.earliest = point;
            }
            return;
        }
        self.close_window();
        self.window = window;
        self.earliest = point;
    }

    fn close_window(&mut self) {
        if let Some((line, _)) = self.fit()
            && (self.earliest.late_us - line.at(self.earliest.at_s)).abs() > STEP_US
        {
            self.count = 0;
            self.next = 0;
        }
        self.points[self.next] = self.earliest;
        self.next = (self.next + 1) % POINTS;
        self.count = (self.count + 1).min(POINTS);
    }

    /// The rate, once there is enough to tell.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        let (line, error) = self.fit()?;
        // Slopes are µs a second, which is ppm.
        (line.slope.abs() <= PPM_MAX).then_some(Rate { slow_ppm: line.slope, error_ppm: error })
    }

    /// Least squares; the slope's standard error beside it.
    fn fit(&self) -> Option<(Line, f64)> {
        if self.count < POINTS_MIN {
            return None;
        }
        let points = &self.points[..self.count];
        let count = self.count as f64;
        let mean_x = points.iter().map(|p| p.at_s).sum::<f64>() / count;
        let mean_y = points.iter().map(|p| p.late_us).sum::<f64>() / count;
        let (mut xx, mut xy) = (0.0, 0.0);
        for point in points {
            xx += (point.at_s - mean_x).powi(2);
            xy += (point.at_s - mean_x) * (point.late_us - mean_y);
        }
        if xx <= 0.0 {
            return None;
        }
        let line = Line { slope: xy / xx, mean_x, mean_y };
        let rest: f64 = points.iter().map(|p| (p.late_us - line.at(p.at_s)).powi(2)).sum();
        Some((line, (rest / (count - 2.0) / xx).sqrt()))
    }
}

#[derive(Debug, Clone, Copy)]
struct Line {
    slope: f64,
    mean_x: f64,
    mean_y: f64,
}

impl Line {
    fn at(&self, x: f64) -> f64 {
        self.mean_y + self.slope * (x - self.mean_x)
    }
}

/// How much faster than our output clock the sender's capture clock runs, in ppm: what playout must
/// read more than it writes. Zero until it stands out of its error, so that two ends on one clock
/// are played bit for bit.
#[must_use]
pub fn drift_ppm(capture: &ClockRate, output: &ClockRate) -> f64 {
    let (Some(capture), Some(output)) = (capture.rate(), output.rate()) else { return 0.0 };
    let drift = output.slow_ppm - capture.slow_ppm;
    let error = capture.error_ppm.hypot(output.error_ppm);
    if drift.abs() > SIGNIFICANCE * error { drift } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock `ppm` fast whose blocks of `block` samples are seen up to `jitter_us` late.
    fn watch(ppm: f64, seconds: u64, block: u64, jitter_us: f64, seed: u64) -> ClockRate {
        let mut rate = ClockRate::new();
        let mut random = seed;
        for n in 0..seconds * u64::from(RATE_HZ) / block {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let late = (random >> 33) as f64 / f64::from(1_u32 << 31) * jitter_us;
            let true_us = (n * block) as f64 / f64::from(RATE_HZ) * 1e6 / (1.0 + ppm * 1e-6);
            rate.observe(n * block, (5e6 + true_us + late) as u64);
        }
        rate
    }

    #[test]
    fn a_fast_card_is_told_from_a_slow_one() {
        for ppm in [-200.0, -20.0, 20.0, 200.0] {
            let capture = watch(ppm, 60, 64, 5_000.0, 7);
            let output = watch(0.0, 60, 64, 300.0, 8);
            let drift = drift_ppm(&capture, &output);
            assert!((drift - ppm).abs() < 3.0, "{ppm} ppm measured as {drift}");
        }
    }

    #[test]
    fn two_ends_on_one_clock_do_not_drift_at_all() {
        for seed in 1..20 {
            let capture = watch(35.0, 30, 64, 200.0, seed);
            let output = watch(35.0, 30, 64, 50.0, seed + 100);
            assert!(drift_ppm(&capture, &output).abs() < 1.0, "seed {seed}");
        }
    }

    #[test]
    fn a_step_in_the_path_is_not_drift() {
        let mut rate = watch(0.0, 30, 64, 100.0, 3);
        for n in 0..40 * 750_u64 {
            let samples = 30 * 48_000 + n * 64;
            rate.observe(samples, 5_000_000 + 50_000 + samples * 1_000_000 / 48_000);
        }
        assert!(rate.rate().is_some_and(|rate| rate.slow_ppm.abs() < 1.0), "{:?}", rate.rate());
    }

    #[test]
    fn nothing_is_claimed_before_two_seconds() {
        assert_eq!(watch(200.0, 1, 64, 0.0, 1).rate(), None);
    }
}

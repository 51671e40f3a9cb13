//! Time, twice: positions on a sound card's clock, and moments on this machine's.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// Samples per channel a second, everywhere inside jamtty; cards of other rates are converted.
pub const RATE_HZ: u32 = 48_000;

/// A position on one device's clock: samples per channel since its stream began.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleTime(u64);

impl SampleTime {
    /// The position `samples` samples per channel after the beginning.
    #[must_use]
    pub const fn new(samples: u64) -> Self {
        Self(samples)
    }

    /// Samples per channel since the beginning.
    #[must_use]
    pub const fn samples(self) -> u64 {
        self.0
    }
}

impl Add<u64> for SampleTime {
    type Output = Self;
    fn add(self, samples: u64) -> Self {
        Self(self.0 + samples)
    }
}

impl AddAssign<u64> for SampleTime {
    fn add_assign(&mut self, samples: u64) {
        self.0 += samples;
    }
}

/// A moment on this machine's monotonic clock: microseconds since the process began.
///
/// Our own type and not `std::time::Instant`, so that a test can make one, a failure can print
/// one and a log can be replayed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `micros` µs after the process began.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The moment `millis` ms after the process began.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000)
    }

    /// Microseconds since the process began.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Time since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// How long `samples` samples per channel last, in ms, at [`RATE_HZ`].
#[must_use]
pub fn samples_to_ms(samples: f64) -> f64 {
    samples * 1_000.0 / f64::from(RATE_HZ)
}

/// How many samples per channel `ms` ms last, at [`RATE_HZ`].
#[must_use]
pub fn ms_to_samples(ms: f64) -> f64 {
    ms * f64::from(RATE_HZ) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_before_the_beginning_is_the_beginning() {
        assert_eq!(Timestamp::from_millis(1) - Duration::from_millis(2), Timestamp::default());
        assert_eq!(Timestamp::default().since(Timestamp::from_millis(5)), Duration::ZERO);
    }

    #[test]
    fn a_millisecond_is_48_samples() {
        assert!((ms_to_samples(1.0) - 48.0).abs() < 1e-9);
        assert!((samples_to_ms(48.0) - 1.0).abs() < 1e-9);
    }
}

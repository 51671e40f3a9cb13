//! Loudness: gain is set, level is measured.

use serde::{Deserialize, Serialize};

/// The gain and level below which we call it silence, in dB. Lower is not told apart on a meter.
pub const SILENCE_DB: f32 = -100.0;

/// A linear factor, 0.0 and up; 1.0 changes nothing. Set by people in dB.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Gain(f32);

impl Gain {
    /// Changes nothing.
    pub const UNITY: Self = Self(1.0);
    /// Silence.
    pub const ZERO: Self = Self(0.0);
    /// The most a fader gives, in dB: enough for a quiet microphone, too little to hurt at once.
    pub const DB_MAX: f32 = 12.0;

    /// From dB: [`SILENCE_DB`] and below is silence, above [`Gain::DB_MAX`] is that; NaN is unity.
    #[must_use]
    pub fn from_db(db: f32) -> Self {
        if db.is_nan() {
            Self::UNITY
        } else if db <= SILENCE_DB {
            Self::ZERO
        } else {
            Self(10_f32.powf(db.min(Self::DB_MAX) / 20.0))
        }
    }

    /// The factor.
    #[must_use]
    pub const fn linear(self) -> f32 {
        self.0
    }

    /// In dB, [`SILENCE_DB`] for silence.
    #[must_use]
    pub fn db(self) -> f32 {
        level_db(self.0)
    }
}

/// Where a strip stands between the ears: -1.0 left to 1.0 right, constant power.
#[derive(Debug, Default, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Pan(f32);

impl Pan {
    /// In the middle.
    pub const CENTRE: Self = Self(0.0);

    /// Clamped to -1.0..=1.0; NaN is the middle.
    #[must_use]
    pub fn new(position: f32) -> Self {
        if position.is_nan() { Self::CENTRE } else { Self(position.clamp(-1.0, 1.0)) }
    }

    /// -1.0 left to 1.0 right.
    #[must_use]
    pub const fn position(self) -> f32 {
        self.0
    }

    /// Factors for left and right: 1.0 and 1.0 in the middle, so that an untouched strip is not
    /// changed; the sum of their squares is always 2.
    #[must_use]
    pub fn factors(self) -> (f32, f32) {
        let angle = (self.0 + 1.0) * std::f32::consts::FRAC_PI_4;
        (angle.cos() * std::f32::consts::SQRT_2, angle.sin() * std::f32::consts::SQRT_2)
    }
}

/// A linear amplitude in dBFS: 1.0 is 0 dBFS, nothing is below [`SILENCE_DB`].
///
/// RMS levels use the same scale: a full-scale square is 0 dBFS RMS, a full-scale sine -3.01.
#[must_use]
pub fn level_db(amplitude: f32) -> f32 {
    if amplitude > 1e-5 { 20.0 * amplitude.log10() } else { SILENCE_DB }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_go_there_and_back() {
        for db in [-60.0, -12.0, -3.0, 0.0, 6.0, 12.0] {
            assert!((Gain::from_db(db).db() - db).abs() < 1e-3);
        }
        assert_eq!(Gain::from_db(f32::NEG_INFINITY), Gain::ZERO);
        assert_eq!(Gain::from_db(f32::NAN), Gain::UNITY);
        assert!((Gain::from_db(99.0).db() - Gain::DB_MAX).abs() < 1e-3);
    }

    #[test]
    fn pan_keeps_the_power_and_the_middle() {
        let (left, right) = Pan::CENTRE.factors();
        assert!((left - 1.0).abs() < 1e-6 && (right - 1.0).abs() < 1e-6);
        for position in [-1.0, -0.5, 0.3, 1.0] {
            let (left, right) = Pan::new(position).factors();
            assert!((left * left + right * right - 2.0).abs() < 1e-5);
        }
    }
}

//! What is played: four short sweeps, up and down, that nothing else in a room sounds like.
//!
//! World: worker.

use std::f64::consts::{PI, TAU};

use crate::domain::time::RATE_HZ;

/// Samples of one sweep: 60 ms. Longer is found in more noise; shorter is over sooner.
pub(super) const SWEEP: usize = 2_880;

/// Silence before each sweep, in samples: 40 ms, so that a room's echo of one is not taken for the next. The first also
/// leaves both callbacks the time to begin.
const GAP: usize = 1_920;

/// Sweeps: from, to, in Hz. Below 1 kHz small speakers are mute, above 6 kHz microphones point elsewhere; ratios are no
/// octaves, so that none of them is like another.
const SWEEPS: [(f64, f64); 4] =
    [(1_000.0, 6_000.0), (5_300.0, 1_300.0), (1_700.0, 4_700.0), (6_000.0, 1_000.0)];

/// Samples of the whole signal: 0.4 s.
pub(super) const LENGTH: usize = SWEEPS.len() * (GAP + SWEEP);

/// -20 dBFS: found in any room, no fright in headphones.
const AMPLITUDE: f64 = 0.1;

/// The signal, in full scale 1.0.
pub(super) fn signal() -> Vec<f32> {
    SWEEPS.iter().flat_map(|(from, to)| std::iter::repeat_n(0.0, GAP).chain(sweep(*from, *to))).collect()
}

/// Where each sweep begins in it.
pub(super) fn sweeps() -> impl Iterator<Item = usize> {
    (0..SWEEPS.len()).map(|n| n * (GAP + SWEEP) + GAP)
}

fn sweep(from_hz: f64, to_hz: f64) -> impl Iterator<Item = f32> {
    let rate = f64::from(RATE_HZ);
    let length_s = SWEEP as f64 / rate;
    (0..SWEEP).map(move |n| {
        let t = n as f64 / rate;
        let phase = TAU * (from_hz * t + (to_hz - from_hz) * t * t / (2.0 * length_s));
        // No click at either end.
        let edge = (n.min(SWEEP - 1 - n) as f64 / EDGE).min(1.0);
        let window = 0.5 - 0.5 * (PI * edge).cos();
        (AMPLITUDE * window * phase.sin()) as f32
    })
}

/// Samples in which a sweep rises and falls: 5 ms.
const EDGE: f64 = 240.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_short_quiet_and_without_a_click() {
        let signal = signal();
        assert_eq!(signal.len(), LENGTH);
        assert!(LENGTH < RATE_HZ as usize);
        let loudest = signal.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        assert!((0.09..=0.1001).contains(&loudest), "{loudest}");
        for begin in sweeps() {
            assert!(signal[begin].abs() < 0.001 && signal[begin + SWEEP - 1].abs() < 0.001);
        }
    }
}

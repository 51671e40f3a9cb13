//! Finding what was played in what was heard.
//!
//! World: worker; a function of its arguments.
//!
//! Both callbacks count their own samples and stamp each block with the card's time. Blocks of both sides whose stamps
//! lie nearest to each other say where one count stands against the other: on one clock (JACK, the virtual card) exactly,
//! on two callbacks of ALSA by the median over all blocks.

use super::signal::{self, SWEEP};
use super::{DELAY_MAX, HEARD};
use crate::audio::rt::CardTime;
use crate::domain::level::level_db;
use crate::domain::time::{RATE_HZ, samples_to_ms};
use crate::domain::wave::{fit, power};

/// Which of its own samples a side had at this time of the card.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub(super) position: usize,
    pub(super) at: CardTime,
}

/// From output to input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundTrip {
    /// In samples of 48 kHz.
    pub samples: u32,
    /// The same in ms.
    pub ms: f64,
    /// How loud the signal came back, in dBFS as its peaks would be.
    pub heard_db: f32,
}

/// Why there is no figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotHeard {
    /// Nothing at all came in.
    #[error("the input was silent")]
    Silent,
    /// Something came in, and it was not what was played.
    #[error("the input heard something, but not what was played")]
    SomethingElse,
    /// The callbacks did not run.
    #[error("the sound card stands still")]
    CardStandsStill,
}

/// How like the signal what was heard must be, all of it, and each sweep alone: noise of any kind stays below a third of
/// either in all of [`DELAY_MAX`] places (the tests here); a headphone held to a microphone is above twice.
const FIT_MIN: f64 = 0.25;
const SWEEP_FIT_MIN: f64 = 0.15;

/// Below it is silence, as an RMS: -90 dBFS.
const SILENT_BELOW: f64 = 1e-9;

/// Steps of the first look, in samples. The signal's middle is at 3.5 kHz, 14 samples: a place 1.5 beside the right one
/// still has three quarters of its fit.
const STEP: usize = 3;

/// Places of the first look that are looked at closely.
const CLOSER: usize = 8;

/// The round trip.
pub(super) fn find(heard: &[f32], captured: &[Stamp], played: &[Stamp]) -> Result<RoundTrip, NotHeard> {
    let ahead = ahead(captured, played).ok_or(NotHeard::CardStandsStill)?;
    if heard.len() < HEARD {
        return Err(NotHeard::CardStandsStill);
    }
    if power(heard) < SILENT_BELOW {
        return Err(NotHeard::Silent);
    }
    let signal = signal::signal();
    let first = signal::sweeps().next().unwrap_or(0);
    let signal = &signal[first..];
    // Where sound played without any delay would be.
    let base = ahead + first as i64;
    let at = |delay: usize| {
        let from = usize::try_from(base + delay as i64).ok()?;
        heard.get(from..from + signal.len())
    };
    // By the bare product: a loud moment beside the signal is sorted out by the fit.
    let mut places: Vec<(f64, usize)> = (0..=DELAY_MAX)
        .step_by(STEP)
        .filter_map(|delay| Some((likeness(signal, at(delay)?), delay)))
        .collect();
    places.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near = places.iter().take(CLOSER).flat_map(|(_, delay)| delay.saturating_sub(STEP)..=delay + STEP);
    let best = near
        .filter_map(|delay| Some((fit(signal, at(delay)?).abs(), delay)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let (fitted, delay) = best.ok_or(NotHeard::SomethingElse)?;
    let there = at(delay).ok_or(NotHeard::SomethingElse)?;
    let each = signal::sweeps().map(|begin| begin - first..begin - first + SWEEP);
    let all_there =
        each.into_iter().all(|sweep| fit(&signal[sweep.clone()], &there[sweep]).abs() >= SWEEP_FIT_MIN);
    if fitted < FIT_MIN || !all_there {
        return Err(NotHeard::SomethingElse);
    }
    // What of it is the signal: as many times as loud as it was played.
    let gain = fitted * (power(there) / power(signal)).sqrt();
    let peak = signal.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    Ok(RoundTrip {
        samples: delay as u32,
        ms: samples_to_ms(delay as f64),
        heard_db: level_db(peak * gain as f32),
    })
}

/// The product of two waves, as large as they are alike and loud.
fn likeness(signal: &[f32], heard: &[f32]) -> f64 {
    // In pieces, so that the sums stay exact enough in single precision and fast.
    let piece = |(a, b): (&[f32], &[f32])| f64::from(a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>());
    signal.chunks(PIECE).zip(heard.chunks(PIECE)).map(piece).sum::<f64>().abs()
}

const PIECE: usize = 256;

/// The captured sample that has the time of the first played one.
fn ahead(captured: &[Stamp], played: &[Stamp]) -> Option<i64> {
    let mut found: Vec<i64> = played
        .iter()
        .filter_map(|out| {
            let nearest = captured.iter().min_by_key(|one| one.at.0.abs_diff(out.at.0))?;
            let between_ns = out.at.0.as_nanos() as i128 - nearest.at.0.as_nanos() as i128;
            // One that has no other near it was stamped before or after the other side ran.
            (between_ns.abs() < APART_MAX_NS).then(|| {
                let between = between_ns as f64 * f64::from(RATE_HZ) / 1e9;
                nearest.position as i64 - out.position as i64 + between.round() as i64
            })
        })
        .collect();
    found.sort_unstable();
    found.get(found.len() / 2).copied()
}

/// Blocks of two sides that are further apart in time belong to no common stretch: longer than the longest block.
const APART_MAX_NS: i128 = 100_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const BLOCK: usize = 64;

    fn stamps(first_at: usize, length: usize) -> Vec<Stamp> {
        let at = |position: usize| {
            CardTime(Duration::from_nanos((first_at + position) as u64 * 1_000_000_000 / u64::from(RATE_HZ)))
        };
        (0..length).step_by(BLOCK).map(|position| Stamp { position, at: at(position) }).collect()
    }

    /// Noise of this loudness, the same for the same seed.
    fn noise(seed: u64, amplitude: f32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            amplitude * ((state >> 40) as f32 / (1 << 23) as f32 - 1.0)
        };
        std::iter::repeat_with(next).take(HEARD).collect()
    }

    /// The signal comes `delay` after it was played, this loud, over `floor`; playing began `later` than hearing.
    fn looped(delay: usize, gain: f32, floor: &[f32], later: usize) -> Result<RoundTrip, NotHeard> {
        let mut heard = floor.to_vec();
        for (to, sample) in heard[later + delay..].iter_mut().zip(signal::signal()) {
            *to += gain * sample;
        }
        find(&heard, &stamps(1_000, HEARD), &stamps(1_000 + later, signal::LENGTH))
    }

    #[test]
    fn it_is_found_to_the_sample_however_loud_and_whichever_way_round() {
        let quiet = noise(1, 0.0001);
        for (delay, gain, later) in
            [(0, 1.0, 0), (64, 1.0, 0), (591, 0.1, 128), (7_001, -0.5, 64), (DELAY_MAX, 0.02, 192)]
        {
            let found = looped(delay, gain, &quiet, later).unwrap();
            assert_eq!(found.samples as usize, delay);
            let wanted = level_db(0.1 * gain.abs());
            assert!((found.heard_db - wanted).abs() < 0.5, "{found:?} is not {wanted}");
        }
    }

    #[test]
    fn it_is_found_in_noise_as_loud_as_itself() {
        for seed in 1..=5 {
            let found = looped(1_234, 1.0, &noise(seed, 0.1), 0).unwrap();
            assert!(found.samples.abs_diff(1_234) <= 1, "{found:?}");
        }
    }

    #[test]
    fn neither_silence_nor_noise_nor_tones_are_it() {
        let (captured, played) = (stamps(0, HEARD), stamps(0, signal::LENGTH));
        let find = |heard: &[f32]| find(heard, &captured, &played);
        assert_eq!(find(&vec![0.0; HEARD]), Err(NotHeard::Silent));
        assert_eq!(find(&noise(9, 0.00001)), Err(NotHeard::Silent));
        for seed in 1..=20 {
            assert_eq!(find(&noise(seed, 0.3)), Err(NotHeard::SomethingElse), "noise {seed}");
        }
        for hz in [50.0, 440.0, 1_000.0, 3_500.0, 5_999.0_f32] {
            let tone = |n: usize| 0.5 * (n as f32 * hz / RATE_HZ as f32 * std::f32::consts::TAU).sin();
            let heard: Vec<f32> = (0..HEARD).map(tone).collect();
            assert_eq!(find(&heard), Err(NotHeard::SomethingElse), "{hz} Hz");
        }
        // One sweep alone, as a part that was lost leaves it.
        let mut heard = noise(3, 0.001);
        let signal = signal::signal();
        for (to, sample) in heard.iter_mut().zip(&signal[..signal::LENGTH / 4]) {
            *to += sample;
        }
        assert_eq!(find(&heard), Err(NotHeard::SomethingElse));
    }

    #[test]
    fn sides_that_never_ran_together_give_no_figure() {
        let heard = noise(1, 0.1);
        assert_eq!(find(&heard, &[], &stamps(0, 64)), Err(NotHeard::CardStandsStill));
        let late = stamps(10 * RATE_HZ as usize, 640);
        assert_eq!(find(&heard, &stamps(0, 640), &late), Err(NotHeard::CardStandsStill));
    }
}

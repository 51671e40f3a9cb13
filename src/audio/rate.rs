//! Between a card's rate and the 48 kHz everything inside runs at.
//!
//! World: real-time (`process`), or a worker (`convert`). Made and dropped by a worker; nothing
//! here allocates after `new`. Both directions take blocks of any length and hold none of it
//! back, so the only delay is half the filter: [`ToInside::delay_ms`].

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Resampler, Resizable, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

use super::rt::Rt;
use crate::domain::time::RATE_HZ;

/// A rate that cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a rate of {rate_hz} Hz with {channels} channels cannot be converted to 48000 Hz: {why}")]
pub struct RateError {
    rate_hz: u32,
    channels: usize,
    why: String,
}

/// From a card's rate to 48 kHz.
pub struct ToInside {
    resampler: Async<f32>,
    channels: usize,
    block_max: usize,
    out: Vec<f32>,
}

/// From 48 kHz to a card's rate.
pub struct FromInside {
    resampler: Async<f32>,
    channels: usize,
    block_max: usize,
    inside: Vec<f32>,
}

impl ToInside {
    /// For blocks of at most `block_max` samples per channel at `rate_hz`, interleaved.
    ///
    /// # Errors
    /// [`RateError`] outside of 4 to 768 kHz, or without a channel.
    pub fn new(rate_hz: u32, channels: usize, block_max: usize) -> Result<Self, RateError> {
        let ratio = f64::from(RATE_HZ) / f64::from(rate_hz);
        let resampler = build(rate_hz, ratio, channels, block_max, FixedAsync::Input)?;
        let out = vec![0.0; (resampler.output_frames_max() + 1) * channels];
        Ok(Self { resampler, channels, block_max, out })
    }

    /// Half the filter, in ms: what a sound is held back.
    #[must_use]
    pub fn delay_ms(&self) -> f64 {
        self.resampler.output_delay() as f64 * 1_000.0 / f64::from(RATE_HZ)
    }

    /// Converts a block; the answer is at 48 kHz, its length varies by one sample per channel.
    ///
    /// # Real-time
    /// Does not allocate. Past `block_max` samples per channel the rest of `input` is not taken.
    pub fn process(&mut self, _rt: &mut Rt<'_>, input: &[f32]) -> &[f32] {
        self.convert(input)
    }

    /// As [`Self::process`], for a worker.
    pub fn convert(&mut self, input: &[f32]) -> &[f32] {
        let frames = (input.len() / self.channels).min(self.block_max);
        let made = if frames == 0 { 0 } else { self.step(input, frames).unwrap_or(0) };
        &self.out[..made * self.channels]
    }

    /// One call of the resampler; `None` where it refuses, which its sizes rule out.
    fn step(&mut self, input: &[f32], frames: usize) -> Option<usize> {
        self.resampler.set_chunk_size(frames).ok()?;
        if self.resampler.output_frames_next() == 0 {
            // A single sample of a fast card can fall between two of ours; the resampler cannot
            // divide by no output, and the sample is below what we could hear of it.
            return Some(0);
        }
        let room = self.out.len() / self.channels;
        let from = InterleavedSlice::new(input, self.channels, frames).ok()?;
        let mut to = InterleavedSlice::new_mut(&mut self.out, self.channels, room).ok()?;
        self.resampler.process_into_buffer(&from, &mut to, None).ok().map(|(_, made)| made)
    }
}

impl FromInside {
    /// For blocks of at most `block_max` samples per channel at `rate_hz`, interleaved.
    ///
    /// # Errors
    /// [`RateError`] outside of 4 to 768 kHz, or without a channel.
    pub fn new(rate_hz: u32, channels: usize, block_max: usize) -> Result<Self, RateError> {
        let ratio = f64::from(rate_hz) / f64::from(RATE_HZ);
        let resampler = build(rate_hz, ratio, channels, block_max, FixedAsync::Output)?;
        let inside = vec![0.0; (resampler.input_frames_max() + 1) * channels];
        Ok(Self { resampler, channels, block_max, inside })
    }

    /// Half the filter, in ms: what a sound is held back.
    #[must_use]
    pub fn delay_ms(&self) -> f64 {
        let ratio = self.resampler.resample_ratio();
        self.resampler.output_delay() as f64 * 1_000.0 / (ratio * f64::from(RATE_HZ))
    }

    /// Fills `output` at the card's rate with what `fill` writes at 48 kHz: it is asked once, for
    /// exactly the samples this block needs.
    ///
    /// # Real-time
    /// Does not allocate. What is past `block_max` samples per channel stays as it was.
    pub fn process(
        &mut self,
        rt: &mut Rt<'_>,
        output: &mut [f32],
        fill: impl FnOnce(&mut Rt<'_>, &mut [f32]),
    ) {
        let frames = (output.len() / self.channels).min(self.block_max);
        if frames == 0 || self.resampler.set_chunk_size(frames).is_err() {
            return;
        }
        let needed = self.resampler.input_frames_next();
        let inside = &mut self.inside[..needed * self.channels];
        inside.fill(0.0);
        if needed > 0 {
            fill(rt, inside);
        }
        let (Ok(from), Ok(mut to)) = (
            InterleavedSlice::new(inside, self.channels, needed),
            InterleavedSlice::new_mut(output, self.channels, frames),
        ) else {
            return;
        };
        // Its sizes rule a refusal out; silence stays in `output` if it refuses all the same.
        let _ = self.resampler.process_into_buffer(&from, &mut to, None);
    }
}

/// Converts a whole recording to 48 kHz, at the quality a recording deserves.
///
/// `samples`: interleaved. The filter's delay is taken off, to within one sample.
///
/// # Errors
/// [`RateError`] as [`ToInside::new`].
pub fn convert_all(samples: Vec<f32>, channels: usize, rate_hz: u32) -> Result<Vec<f32>, RateError> {
    if rate_hz == RATE_HZ || samples.is_empty() {
        return Ok(samples);
    }
    let fail = |why: String| RateError { rate_hz, channels, why };
    check(rate_hz, channels)?;
    let parameters = SincInterpolationParameters::default();
    let ratio = f64::from(RATE_HZ) / f64::from(rate_hz);
    let mut resampler = Async::<f32>::new_sinc(ratio, 1.0, &parameters, 1_024, channels, FixedAsync::Input)
        .map_err(|e| fail(e.to_string()))?;
    let frames = samples.len() / channels;
    let from = InterleavedSlice::new(&samples[..], channels, frames).map_err(|e| fail(e.to_string()))?;
    let converted = resampler.process_all(&from, frames, None).map_err(|e| fail(e.to_string()))?;
    Ok(converted.take_data())
}

fn check(rate_hz: u32, channels: usize) -> Result<(), RateError> {
    if !(RATE_MIN_HZ..=RATE_MAX_HZ).contains(&rate_hz) {
        return Err(RateError { rate_hz, channels, why: "it is outside of 4 to 768 kHz".to_owned() });
    }
    if channels == 0 {
        return Err(RateError { rate_hz, channels, why: "there is nothing to convert".to_owned() });
    }
    Ok(())
}

fn build(
    rate_hz: u32,
    ratio: f64,
    channels: usize,
    block_max: usize,
    fixed: FixedAsync,
) -> Result<Async<f32>, RateError> {
    check(rate_hz, channels)?;
    let parameters = SincInterpolationParameters::new(FILTER_SAMPLES, WindowFunction::Blackman2)
        .oversampling_factor(256)
        .interpolation(SincInterpolationType::Cubic);
    Async::new_sinc(ratio, 1.0, &parameters, block_max, channels, fixed).map_err(|e| RateError {
        rate_hz,
        channels,
        why: e.to_string(),
    })
}

/// Length of the filter in samples of the side it reads. Half of it is the delay: 0.73 ms at
/// 44.1 kHz. Shorter loses treble (32 begin to at 15 kHz), longer is delay nobody asked for.
const FILTER_SAMPLES: usize = 64;

const RATE_MIN_HZ: u32 = 4_000;
const RATE_MAX_HZ: u32 = 768_000;

impl std::fmt::Debug for ToInside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToInside").field("ratio", &self.resampler.resample_ratio()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for FromInside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FromInside").field("ratio", &self.resampler.resample_ratio()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::rt::{self, RtContext};

    fn sine(hz: f64, rate_hz: u32, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|n| (n as f64 * hz / f64::from(rate_hz) * std::f64::consts::TAU).sin() as f32)
            .collect()
    }

    /// The largest distance from a sine of `hz` at `rate_hz` that begins `delay` samples late.
    fn distance(heard: &[f32], hz: f64, rate_hz: u32, delay: f64) -> f32 {
        heard
            .iter()
            .enumerate()
            .skip(200)
            .map(|(n, sample)| {
                let phase = (n as f64 - delay) * hz / f64::from(rate_hz) * std::f64::consts::TAU;
                (sample - phase.sin() as f32).abs()
            })
            .fold(0.0, f32::max)
    }

    #[test]
    fn a_card_of_another_rate_is_heard_at_its_pitch_and_level() {
        for rate_hz in [44_100, 96_000, 88_200, 32_000] {
            for block in [64, 100, 441, 7] {
                let mut rate = ToInside::new(rate_hz, 1, 512).unwrap();
                let input = sine(1_000.0, rate_hz, 20_000);
                let mut context = RtContext::new();
                let mut heard = Vec::with_capacity(60_000);
                for part in input.chunks(block) {
                    let made = rt::section(&mut context, |rt| rate.process(rt, part).len());
                    heard.extend_from_slice(&rate.out[..made]);
                }
                let expected = 20_000.0 * 48_000.0 / f64::from(rate_hz);
                assert!((heard.len() as f64 - expected).abs() < 100.0, "{rate_hz} Hz: {}", heard.len());
                let delay = rate.delay_ms() * 48.0;
                let best = (-20..=20)
                    .map(|off| distance(&heard, 1_000.0, 48_000, delay + f64::from(off) / 10.0))
                    .fold(f32::MAX, f32::min);
                // Within two samples of the delay it reports, and within -40 dB of the sine there.
                assert!(best < 0.01, "{rate_hz} Hz in blocks of {block}: {best}");
                assert!(rate.delay_ms() < 1.1, "{}", rate.delay_ms());
            }
        }
    }

    #[test]
    fn what_we_play_reaches_a_card_of_another_rate_at_its_pitch() {
        for rate_hz in [44_100, 96_000] {
            let mut rate = FromInside::new(rate_hz, 2, 256).unwrap();
            let mut context = RtContext::new();
            let mut played = 0_usize;
            let mut heard = Vec::with_capacity(60_000);
            let mut block = [0.0_f32; 512];
            for _ in 0..100 {
                rt::section(&mut context, |rt| {
                    rate.process(rt, &mut block, |_, inside| {
                        for frame in inside.chunks_exact_mut(2) {
                            let phase = played as f64 * 1_000.0 / 48_000.0 * std::f64::consts::TAU;
                            frame.fill(phase.sin() as f32);
                            played += 1;
                        }
                    });
                });
                heard.extend(block.iter().step_by(2));
            }
            let delay = rate.delay_ms() * f64::from(rate_hz) / 1_000.0;
            let best = (-20..=20)
                .map(|off| distance(&heard, 1_000.0, rate_hz, delay + f64::from(off) / 10.0))
                .fold(f32::MAX, f32::min);
            assert!(best < 0.01, "{rate_hz} Hz: {best}");
        }
    }

    #[test]
    fn treble_is_kept_to_15_khz() {
        let mut rate = ToInside::new(44_100, 1, 64).unwrap();
        let mut loudest = 0.0_f32;
        for part in sine(15_000.0, 44_100, 20_000).chunks(64).skip(4) {
            loudest = rate.convert(part).iter().skip(8).fold(loudest, |l, s| l.max(s.abs()));
        }
        assert!(loudest > 0.9, "{loudest}");
    }

    #[test]
    fn blocks_of_one_sample_do_no_harm() {
        let mut rate = ToInside::new(192_000, 1, 64).unwrap();
        let made: usize = sine(100.0, 192_000, 4_000).chunks(1).map(|part| rate.convert(part).len()).sum();
        assert!(made <= 1_001, "{made}");
    }

    #[test]
    fn a_recording_keeps_its_first_sample_and_its_length() {
        let converted = convert_all(sine(441.0, 44_100, 44_100), 1, 44_100).unwrap();
        assert!((converted.len() as i64 - 48_000).abs() <= 1, "{}", converted.len());
        // The resampler takes off whole samples of its delay: the first sample is within one.
        let best = (-10..=10)
            .map(|off| distance(&converted[..40_000], 441.0, 48_000, f64::from(off) / 10.0))
            .fold(f32::MAX, f32::min);
        assert!(best < 0.002, "{best}");
    }

    #[test]
    fn a_rate_that_is_none_is_refused() {
        assert!(ToInside::new(0, 1, 64).is_err());
        assert!(FromInside::new(1_000_000, 1, 64).is_err());
        assert!(convert_all(vec![0.0], 0, 44_100).is_err());
    }
}

//! Invents a short piece of sound where a PCM frame is missing: linear prediction from what was heard.
//!
//! World: real-time (output callback). Constructed and dropped by the worker side.
//!
//! Burg's method fits an all-pole model to the last 15 ms; running the model on continues tones and
//! chords through a gap of a frame or two so that it is not heard. Longer gaps fade to silence:
//! a wrong guess is worse than none. JackTrip's regulator shows that this works for music.
//! Source: J. P. Burg, "Maximum entropy spectral analysis", 1967.

use super::codec::Stereo;

/// Samples the model is fitted to: 15 ms. Shorter misses low notes, longer smears attacks and costs more.
pub const HISTORY: usize = 720;

/// Poles of the model: 16 partials. More cost time in the callback without a measured gain on chords.
const ORDER: usize = 32;

/// Samples invented at full level: 8 ms. Then [`FADE`] samples to silence.
const HOLD: usize = 384;

/// Samples of the fade to silence: 12 ms.
const FADE: usize = 576;

/// Poles are pulled inwards by this factor, so that a guess never grows.
const DAMPING: f64 = 0.999_8;

/// The model of one gap, for both ears.
#[derive(Debug)]
pub struct Concealer {
    /// The last [`ORDER`] samples of each ear, oldest first: heard, then invented.
    recent: [[f32; ORDER]; 2],
    weights: [[f32; ORDER]; 2],
    invented: usize,
    forward: Box<[f32; HISTORY]>,
    backward: Box<[f32; HISTORY]>,
}

impl Default for Concealer {
    fn default() -> Self {
        Self::new()
    }
}

impl Concealer {
    /// Knows nothing yet: invents silence.
    #[must_use]
    pub fn new() -> Self {
        Self {
            recent: [[0.0; ORDER]; 2],
            weights: [[0.0; ORDER]; 2],
            invented: HOLD + FADE,
            forward: Box::new([0.0; HISTORY]),
            backward: Box::new([0.0; HISTORY]),
        }
    }

    /// A gap begins after `heard`, [`HISTORY`] samples, oldest first. `mono`: both ears are the same.
    ///
    /// # Real-time
    /// Does not allocate; about 25 µs for one ear (benches/callback.rs).
    pub fn begin(&mut self, heard: &[Stereo; HISTORY], mono: bool) {
        self.invented = 0;
        for ear in 0..2 {
            if ear == 1 && mono {
                self.recent[1] = self.recent[0];
                self.weights[1] = self.weights[0];
                break;
            }
            for (to, from) in self.forward.iter_mut().zip(heard) {
                *to = from[ear];
            }
            self.recent[ear].copy_from_slice(&self.forward[HISTORY - ORDER..]);
            self.backward.copy_from_slice(&*self.forward);
            self.weights[ear] = burg(&mut self.forward, &mut self.backward);
        }
    }

    /// The next invented sample.
    pub fn next_sample(&mut self) -> Stereo {
        let fade = self.invented.saturating_sub(HOLD);
        if fade >= FADE {
            return [0.0; 2];
        }
        self.invented += 1;
        let gain = 1.0 - fade as f32 / FADE as f32;
        let mut sample = [0.0; 2];
        for ((value, recent), weights) in sample.iter_mut().zip(&mut self.recent).zip(&self.weights) {
            let predicted: f32 = recent.iter().zip(weights).map(|(past, weight)| past * weight).sum();
            let kept = if predicted.is_finite() { predicted.clamp(-1.5, 1.5) } else { 0.0 };
            recent.copy_within(1.., 0);
            recent[ORDER - 1] = kept;
            *value = kept * gain;
        }
        sample
    }

    /// Whether the gap has faded to silence.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.invented >= HOLD + FADE
    }
}

/// Weights of the last [`ORDER`] samples, oldest first, that predict the next one.
fn burg(forward: &mut [f32; HISTORY], backward: &mut [f32; HISTORY]) -> [f32; ORDER] {
    let mut model = [0.0_f64; ORDER + 1];
    model[0] = 1.0;
    let energy = dot(forward, forward) + f64::from(f32::MIN_POSITIVE);
    for order in 1..=ORDER {
        let ahead = &mut forward[order..];
        let behind = &mut backward[order - 1..HISTORY - 1];
        let power = dot(ahead, ahead) + dot(behind, behind);
        // Nothing left to explain: a pure tone is done after two poles.
        if power < energy * 1e-10 {
            break;
        }
        let reflection = -2.0 * dot(ahead, behind) / power;
        let previous = model;
        for (index, coefficient) in model[1..=order].iter_mut().enumerate() {
            *coefficient += reflection * previous[order - 1 - index];
        }
        let reflection = reflection as f32;
        // backward[n] is rewritten from backward[n - 1]: from the end, so that nothing is read twice.
        for n in (order..HISTORY).rev() {
            let (ahead, behind) = (forward[n], backward[n - 1]);
            forward[n] = ahead + reflection * behind;
            backward[n] = behind + reflection * ahead;
        }
    }
    let mut damping = 1.0;
    let mut weights = [0.0; ORDER];
    for (weight, coefficient) in weights.iter_mut().rev().zip(&model[1..]) {
        damping *= DAMPING;
        *weight = (-coefficient * damping) as f32;
    }
    weights
}

/// The sum of products, in eight lanes so that it is one vector instruction a step.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0.0_f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>() + f64::from(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tones(n: usize, partials: &[(f32, f32)]) -> f32 {
        partials.iter().map(|(hz, amp)| amp * (n as f32 * hz * std::f32::consts::TAU / 48_000.0).sin()).sum()
    }

    /// How far the guess of `gap` samples is from the truth, in dB of the truth's power.
    fn error_db(gap: usize, partials: &[(f32, f32)]) -> f32 {
        let heard: [Stereo; HISTORY] = std::array::from_fn(|n| [tones(n, partials), 0.0]);
        let mut concealer = Concealer::new();
        concealer.begin(&heard, false);
        let (mut error, mut power) = (0.0, 0.0);
        for n in HISTORY..HISTORY + gap {
            let truth = tones(n, partials);
            error += (concealer.next_sample()[0] - truth).powi(2);
            power += truth.powi(2);
        }
        10.0 * (error / power).log10()
    }

    #[test]
    fn a_tone_goes_on_through_a_gap_of_two_frames() {
        assert!(error_db(128, &[(440.0, 0.25)]) < -25.0);
        assert!(error_db(240, &[(82.4, 0.5)]) < -15.0);
    }

    #[test]
    fn a_chord_goes_on_through_a_gap_of_a_frame() {
        let chord = [(220.0, 0.2), (277.2, 0.2), (329.6, 0.2), (660.0, 0.1), (1_320.0, 0.05)];
        assert!(error_db(64, &chord) < -20.0, "{}", error_db(64, &chord));
    }

    #[test]
    fn a_long_gap_fades_to_silence_and_never_grows() {
        let heard: [Stereo; HISTORY] = std::array::from_fn(|n| [tones(n, &[(1_000.0, 0.9)]); 2]);
        let mut concealer = Concealer::new();
        concealer.begin(&heard, true);
        for _ in 0..HOLD + FADE {
            let sample = concealer.next_sample();
            assert!(sample[0].abs() <= 1.0 && sample[0] == sample[1]);
        }
        assert!(concealer.is_silent());
        assert_eq!(concealer.next_sample(), [0.0; 2]);
    }

    #[test]
    fn noise_silence_and_nonsense_stay_finite() {
        let mut seed = 1_u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / 8_388_608.0 - 1.0
        };
        for kind in 0..4 {
            let heard: [Stereo; HISTORY] = std::array::from_fn(|_| match kind {
                0 => [0.0; 2],
                1 => [noise(), noise()],
                2 => [f32::NAN; 2],
                _ => [1.0, -1.0],
            });
            let mut concealer = Concealer::new();
            concealer.begin(&heard, false);
            for _ in 0..2_000 {
                let sample = concealer.next_sample();
                assert!(sample.iter().all(|value| value.is_finite() && value.abs() <= 1.5), "kind {kind}");
            }
        }
    }
}

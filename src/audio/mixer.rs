//! From many streams to one: strips, faders, and the ramps that keep both from clicking.
//!
//! World: real-time (output callback; faders also in the input callback). Made and dropped by a
//! worker.
//! Never: allocates, steps a factor, changes what nobody touched.

use crate::audio::rt::Rt;
use crate::domain::level::{Gain, Pan};
use crate::domain::strip::StripSettings;

/// The longest block in samples per channel that goes through the engine in one piece; callers
/// chop longer ones. Smaller costs calls on cards with long periods; larger costs memory per peer.
pub const BLOCK_MAX: usize = 1024;

/// Samples per channel of a ramp from one factor to the next: 5 ms. Shorter clicks on a bass note;
/// longer and `panic` is not at once.
pub const RAMP_SAMPLES: usize = 240;

/// One participant's line in the mixer.
///
/// Holds its ramp across blocks. While it is in the middle at unity, samples pass bit-exactly; once
/// its ramp to a mute is over it is exactly silent.
///
/// # Real-time
/// Plain values: made, copied and dropped anywhere.
#[derive(Debug, Clone)]
pub struct Strip {
    settings: StripSettings,
    /// Left and right factors when it is heard.
    open: [f32; 2],
    ramp: Ramp,
    invalid: u64,
}

impl Strip {
    /// Starts at its settings, without a ramp.
    #[must_use]
    pub fn new(settings: StripSettings) -> Self {
        let open = open_factors(settings);
        let ramp = Ramp::at(if settings.muted { [0.0; 2] } else { open });
        Self { settings, open, ramp, invalid: 0 }
    }

    /// From the next block on, ramps from where it is to these settings.
    ///
    /// World: any; cheap enough for a callback (one sine, one cosine).
    pub fn set(&mut self, settings: StripSettings) {
        self.settings = settings;
        self.open = open_factors(settings);
    }

    /// What was set last.
    #[must_use]
    pub const fn settings(&self) -> StripSettings {
        self.settings
    }

    /// Adds `input` to `sum`, sample by sample; the shorter of both decides how many.
    ///
    /// `any_solo`: whether any strip of this mixer is solo. Mute wins over solo. What is no number
    /// becomes silence and is counted.
    pub fn mix_into(&mut self, _rt: &mut Rt<'_>, input: &[[f32; 2]], sum: &mut [[f32; 2]], any_solo: bool) {
        let heard = !self.settings.muted && (self.settings.solo || !any_solo);
        self.ramp.aim(if heard { self.open } else { [0.0; 2] });
        self.invalid += self.ramp.mix_into(input, sum);
    }

    /// Whether it adds nothing, and its last ramp is over.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.ramp.is_silent()
    }

    /// Samples that were no number since it was made. Above 0 something before it is broken.
    #[must_use]
    pub const fn invalid_samples(&self) -> u64 {
        self.invalid
    }
}

/// One gain for both channels, by ramp: master, monitor, microphone mute, panic.
///
/// At unity samples pass bit-exactly; once its ramp to silence is over it is exactly silent.
///
/// # Real-time
/// Plain values: made, copied and dropped anywhere.
#[derive(Debug, Clone)]
pub struct Fader {
    ramp: Ramp,
    invalid: u64,
}

impl Fader {
    /// Starts at `gain`, without a ramp.
    #[must_use]
    pub const fn new(gain: Gain) -> Self {
        Self { ramp: Ramp::at([gain.linear(); 2]), invalid: 0 }
    }

    /// From the next sample on, ramps from where it is to `gain`.
    ///
    /// World: any; cheap enough for every block, and nothing happens if it is set already.
    pub fn set(&mut self, gain: Gain) {
        self.ramp.aim([gain.linear(); 2]);
    }

    /// Applies the gain in place. What is no number becomes silence and is counted.
    pub fn apply(&mut self, _rt: &mut Rt<'_>, block: &mut [[f32; 2]]) {
        self.invalid += self.ramp.apply(block);
    }

    /// Adds `input` at this gain to `sum`; the shorter of both decides how many samples.
    pub fn mix_into(&mut self, _rt: &mut Rt<'_>, input: &[[f32; 2]], sum: &mut [[f32; 2]]) {
        self.invalid += self.ramp.mix_into(input, sum);
    }

    /// Whether it lets nothing through, and its last ramp is over.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.ramp.is_silent()
    }

    /// Samples that were no number since it was made.
    #[must_use]
    pub const fn invalid_samples(&self) -> u64 {
        self.invalid
    }
}

/// Left and right factors on their straight way from one pair to the next.
///
/// Invariant: `left_samples == 0` means `now == target`.
#[derive(Debug, Clone)]
struct Ramp {
    now: [f32; 2],
    target: [f32; 2],
    step: [f32; 2],
    left_samples: usize,
}

impl Ramp {
    const fn at(factors: [f32; 2]) -> Self {
        Self { now: factors, target: factors, step: [0.0; 2], left_samples: 0 }
    }

    /// Starts a new ramp from where it is; nothing if it goes there already.
    fn aim(&mut self, target: [f32; 2]) {
        if target != self.target {
            self.target = target;
            self.step = [0, 1].map(|channel| (target[channel] - self.now[channel]) / RAMP_SAMPLES as f32);
            self.left_samples = RAMP_SAMPLES;
        }
    }

    fn is_silent(&self) -> bool {
        self.left_samples == 0 && self.target == [0.0; 2]
    }

    /// The factors of the next sample of a running ramp.
    fn advance(&mut self) -> [f32; 2] {
        self.left_samples -= 1;
        self.now = if self.left_samples == 0 {
            self.target
        } else {
            [self.now[0] + self.step[0], self.now[1] + self.step[1]]
        };
        self.now
    }

    /// Returns how many samples were no number.
    fn mix_into(&mut self, input: &[[f32; 2]], sum: &mut [[f32; 2]]) -> u64 {
        let len = input.len().min(sum.len());
        let (ramped, steady) = input[..len].split_at(len.min(self.left_samples));
        let (ramped_sum, steady_sum) = sum[..len].split_at_mut(ramped.len());
        let mut invalid = 0;
        for (frame, sum) in ramped.iter().zip(ramped_sum) {
            invalid += add(*frame, self.advance(), sum);
        }
        if self.now != [0.0; 2] {
            for (frame, sum) in steady.iter().zip(steady_sum) {
                invalid += add(*frame, self.now, sum);
            }
        }
        u64::from(invalid)
    }

    /// Returns how many samples were no number.
    fn apply(&mut self, block: &mut [[f32; 2]]) -> u64 {
        let (ramped, steady) = block.split_at_mut(block.len().min(self.left_samples));
        let mut invalid = 0;
        for frame in ramped {
            let mut out = [0.0; 2];
            invalid += add(*frame, self.advance(), &mut out);
            *frame = out;
        }
        if self.now == [0.0; 2] {
            steady.fill([0.0; 2]);
            return u64::from(invalid);
        }
        for frame in steady {
            for (sample, factor) in frame.iter_mut().zip(self.now) {
                invalid += u32::from(!sample.is_finite());
                *sample = if sample.is_finite() { *sample * factor } else { 0.0 };
            }
        }
        u64::from(invalid)
    }
}

/// Returns how many samples were no number.
fn add(frame: [f32; 2], factors: [f32; 2], sum: &mut [f32; 2]) -> u32 {
    let mut invalid = 0;
    for channel in 0..2 {
        let sample = frame[channel];
        invalid += u32::from(!sample.is_finite());
        sum[channel] += if sample.is_finite() { sample * factors[channel] } else { 0.0 };
    }
    invalid
}

/// Gain and pan as left and right factors; the middle is exact, which the sines are not.
fn open_factors(settings: StripSettings) -> [f32; 2] {
    let gain = settings.gain.linear();
    let (left, right) = if settings.pan == Pan::CENTRE { (1.0, 1.0) } else { settings.pan.factors() };
    [gain * left, gain * right].map(|factor| if factor.is_finite() { factor.max(0.0) } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::howl::HowlGuard;
    use crate::audio::limiter::Limiter;
    use crate::audio::meter::Meter;
    use crate::audio::rt::{RtContext, section};
    use proptest::prelude::*;

    fn mix(strip: &mut Strip, input: &[[f32; 2]], any_solo: bool) -> Vec<[f32; 2]> {
        let mut sum = vec![[0.0; 2]; input.len()];
        section(&mut RtContext::new(), |rt| strip.mix_into(rt, input, &mut sum, any_solo));
        sum
    }

    fn apply(fader: &mut Fader, block: &[[f32; 2]]) -> Vec<[f32; 2]> {
        let mut block = block.to_vec();
        section(&mut RtContext::new(), |rt| fader.apply(rt, &mut block));
        block
    }

    fn noise(samples: usize) -> Vec<[f32; 2]> {
        let mut seed = 1_u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..samples).map(|_| [next(), next()]).collect()
    }

    fn settings(gain_db: f32, pan: f32, muted: bool, solo: bool) -> StripSettings {
        StripSettings { gain: Gain::from_db(gain_db), pan: Pan::new(pan), muted, solo }
    }

    #[test]
    fn an_untouched_strip_passes_samples_bit_exactly() {
        let input = noise(1_000);
        assert_eq!(mix(&mut Strip::new(StripSettings::default()), &input, false), input);
        assert_eq!(apply(&mut Fader::new(Gain::UNITY), &input), input);
    }

    #[test]
    fn a_muted_strip_is_silent_after_its_ramp_and_not_before() {
        let mut strip = Strip::new(StripSettings::default());
        strip.set(settings(0.0, 0.0, true, false));
        let first = mix(&mut strip, &[[1.0; 2]; 239], false);
        assert!(first.iter().all(|frame| frame[0] > 0.0) && !strip.is_silent());
        assert_eq!(mix(&mut strip, &noise(100), false), vec![[0.0; 2]; 100]);
        assert!(strip.is_silent());
    }

    #[test]
    fn a_strip_that_starts_muted_is_silent_from_the_first_sample() {
        assert_eq!(
            mix(&mut Strip::new(settings(6.0, 0.4, true, false)), &noise(9), false),
            vec![[0.0; 2]; 9]
        );
    }

    #[test]
    fn mute_wins_over_solo_and_solo_over_the_others() {
        let heard = |strip: StripSettings, any_solo| {
            let mut strip = Strip::new(strip);
            mix(&mut strip, &[[1.0; 2]; RAMP_SAMPLES], any_solo);
            mix(&mut strip, &[[1.0; 2]], any_solo) == [[1.0; 2]]
        };
        assert!(heard(settings(0.0, 0.0, false, false), false));
        assert!(!heard(settings(0.0, 0.0, false, false), true));
        assert!(heard(settings(0.0, 0.0, false, true), true));
        assert!(!heard(settings(0.0, 0.0, true, true), true));
    }

    #[test]
    fn gain_and_pan_reach_their_factors() {
        let mut strip = Strip::new(StripSettings::default());
        strip.set(settings(6.0, 1.0, false, false));
        mix(&mut strip, &[[0.0; 2]; RAMP_SAMPLES], false);
        let out = mix(&mut strip, &[[0.25; 2]], false)[0];
        assert!(out[0].abs() < 1e-6, "{out:?}");
        assert!((out[1] - 0.25 * 1.9953 * std::f32::consts::SQRT_2).abs() < 1e-4, "{out:?}");
    }

    #[test]
    fn strips_add_up() {
        let (mut one, mut two) = (Strip::new(StripSettings::default()), Strip::new(StripSettings::default()));
        let mut sum = [[0.0; 2]; 4];
        section(&mut RtContext::new(), |rt| {
            one.mix_into(rt, &[[0.25, 0.5]; 4], &mut sum, false);
            two.mix_into(rt, &[[0.5, -0.5]; 4], &mut sum, false);
        });
        assert_eq!(sum, [[0.75, 0.0]; 4]);
    }

    #[test]
    fn a_new_aim_in_the_middle_of_a_ramp_goes_on_from_there() {
        let mut fader = Fader::new(Gain::UNITY);
        fader.set(Gain::ZERO);
        let down = apply(&mut fader, &[[1.0; 2]; 120]);
        fader.set(Gain::UNITY);
        let up = apply(&mut fader, &[[1.0; 2]; RAMP_SAMPLES]);
        assert!((down[119][0] - 0.5).abs() < 1e-5);
        assert!(up[0][0] > down[119][0] && up[0][0] - down[119][0] < 1.0 / 240.0);
        assert_eq!(up[RAMP_SAMPLES - 1], [1.0; 2]);
    }

    #[test]
    fn setting_the_same_again_does_not_start_the_ramp_again() {
        let mut fader = Fader::new(Gain::UNITY);
        for _ in 0..RAMP_SAMPLES {
            fader.set(Gain::ZERO);
            apply(&mut fader, &[[1.0; 2]]);
        }
        assert!(fader.is_silent());
    }

    #[test]
    fn panic_is_silence_within_5_ms() {
        let mut fader = Fader::new(Gain::from_db(12.0));
        fader.set(Gain::ZERO);
        let out = apply(&mut fader, &noise(RAMP_SAMPLES + 64));
        assert!(out[RAMP_SAMPLES - 1..].iter().all(|frame| *frame == [0.0; 2]));
    }

    #[test]
    fn what_is_no_number_is_silence_and_counted() {
        let bad = [[f32::NAN, f32::INFINITY], [0.5, 0.5]];
        let (mut strip, mut fader) = (Strip::new(StripSettings::default()), Fader::new(Gain::UNITY));
        assert_eq!(mix(&mut strip, &bad, false), [[0.0, 0.0], [0.5, 0.5]]);
        assert_eq!(apply(&mut fader, &bad), [[0.0, 0.0], [0.5, 0.5]]);
        assert_eq!((strip.invalid_samples(), fader.invalid_samples()), (2, 2));
        fader.set(Gain::ZERO);
        let ramped = apply(&mut fader, &[[f32::NAN; 2]; RAMP_SAMPLES + 1]);
        assert!(ramped.iter().flatten().all(|sample| *sample == 0.0));
    }

    #[test]
    fn ten_thousand_blocks_allocate_nothing() {
        let mut strips: Vec<Strip> = (0..8).map(|_| Strip::new(StripSettings::default())).collect();
        let (mut master, mut limiter, mut meter) = (Fader::new(Gain::UNITY), Limiter::new(), Meter::new());
        let mut guard = HowlGuard::new();
        let input = noise(64);
        let mut sum = vec![[0.0; 2]; 64];
        let mut context = RtContext::new();
        for n in 0..10_000_u32 {
            section(&mut context, |rt| {
                sum.fill([0.0; 2]);
                for (peer, strip) in strips.iter_mut().enumerate() {
                    let turn = (n as usize + peer) % 100;
                    strip.set(settings(turn as f32 / 10.0 - 9.0, 0.0, turn == 3, turn == 7));
                    strip.mix_into(rt, &input, &mut sum, turn == 7);
                }
                master.set(if n % 50 == 0 { Gain::ZERO } else { Gain::UNITY });
                master.apply(rt, &mut sum);
                limiter.apply(rt, &mut sum);
                meter.measure(rt, &sum);
                guard.watch(rt, &sum);
                guard.release();
            });
        }
        let blocks = section(&mut context, |rt| rt.blocks());
        assert_eq!(blocks, 10_000);
        assert!(meter.reader().read().peak_db <= 0.0);
    }

    proptest! {
        #[test]
        fn a_ramp_never_steps_more_than_its_240th(
            changes in prop::collection::vec((-100.0_f32..12.0, -1.0_f32..1.0, any::<bool>(), 1_usize..400), 1..12),
        ) {
            let mut strip = Strip::new(StripSettings::default());
            let (mut before, mut aim, mut range) = ([1.0_f32; 2], [1.0_f32; 2], [0.0_f32; 2]);
            for (gain_db, pan, muted, samples) in changes {
                let strip_settings = settings(gain_db, pan, muted, false);
                strip.set(strip_settings);
                let target = if muted { [0.0; 2] } else { open_factors(strip_settings) };
                if target != aim {
                    range = [0, 1].map(|channel| (target[channel] - before[channel]).abs());
                    aim = target;
                }
                for frame in mix(&mut strip, &vec![[1.0; 2]; samples], false) {
                    for channel in 0..2 {
                        let step = (frame[channel] - before[channel]).abs();
                        prop_assert!(step <= range[channel] / RAMP_SAMPLES as f32 + 1e-4, "{step}");
                    }
                    before = frame;
                }
            }
        }

        #[test]
        fn the_length_of_blocks_changes_nothing(cut in 1_usize..700, gain_db in -40.0_f32..12.0) {
            let input = noise(700);
            let (mut whole, mut pieces) = (Fader::new(Gain::UNITY), Fader::new(Gain::UNITY));
            whole.set(Gain::from_db(gain_db));
            pieces.set(Gain::from_db(gain_db));
            let expected = apply(&mut whole, &input);
            let got: Vec<_> = input.chunks(cut).flat_map(|block| apply(&mut pieces, block)).collect();
            prop_assert_eq!(expected, got);
        }

        #[test]
        fn any_float_in_gives_a_number_out(
            input in prop::collection::vec((any::<f32>(), any::<f32>()), 1..300),
            gain_db in -100.0_f32..0.0,
        ) {
            let input: Vec<[f32; 2]> = input.into_iter().map(|(l, r)| [l, r]).collect();
            let mut strip = Strip::new(StripSettings::default());
            strip.set(settings(gain_db, 0.0, false, false));
            prop_assert!(mix(&mut strip, &input, false).iter().flatten().all(|sample| !sample.is_nan()));
        }
    }
}

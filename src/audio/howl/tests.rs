//! Synthesised music that must pass, and simulated loops that must not.

use super::*;
use crate::audio::rt::{RtContext, section};
use proptest::prelude::*;
use std::f32::consts::TAU;
use std::sync::LazyLock;

const SECOND: usize = 48_000;

/// Where in `samples` (mono) the guard cut, and why.
fn cut_at(samples: &[f32]) -> Option<(usize, HowlEvent)> {
    let mut guard = HowlGuard::new();
    let mut context = RtContext::new();
    samples.chunks(64).enumerate().find_map(|(n, block)| {
        let mut stereo = [[0.0; 2]; 64];
        for (frame, sample) in stereo.iter_mut().zip(block) {
            *frame = [*sample; 2];
        }
        let event = section(&mut context, |rt| guard.watch(rt, &stereo[..block.len()]))?;
        Some((n * 64, event))
    })
}

#[track_caller]
fn check_passes(what: &str, samples: &[f32]) {
    if let Some((at, event)) = cut_at(samples) {
        panic!("{what} was cut after {:.2} s: {event:?}", at as f32 / SECOND as f32);
    }
}

/// `seconds` of a sound given as a function of the time in seconds.
fn play(seconds: f32, sound: impl Fn(f32) -> f32) -> Vec<f32> {
    (0..(seconds * SECOND as f32) as usize).map(|n| sound(n as f32 / SECOND as f32)).collect()
}

fn sine(hz: f32, t: f32) -> f32 {
    (TAU * (hz * t).fract()).sin()
}

/// Noise from a seed, -1.0 to 1.0.
fn noise(seed: u32) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    }
}

/// A room: what the microphone hears of the loudspeaker `delay_ms` ago, through a resonance.
struct Loop {
    delay_ms: f32,
    gain_db: f32,
    resonance_hz: f32,
    /// Where the loop stops growing: full scale, or an amplifier before it.
    ceiling: f32,
    /// What someone plays meanwhile.
    music: fn(f32) -> f32,
}

impl Loop {
    /// What the microphone hears for 6 s.
    fn capture(&self) -> Vec<f32> {
        let delay = (self.delay_ms * 48.0) as usize;
        let gain = 10_f32.powf(self.gain_db / 20.0);
        let width = TAU * self.resonance_hz / SECOND as f32;
        // A band-pass of unit gain at its middle and Q = 8 (Audio EQ Cookbook).
        let alpha = width.sin() / 16.0;
        let (a1, a2) = (-2.0 * width.cos() / (1.0 + alpha), (1.0 - alpha) / (1.0 + alpha));
        let b0 = alpha / (1.0 + alpha);
        let mut noise = noise(3);
        let mut captured: Vec<f32> = Vec::with_capacity(6 * SECOND);
        let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
        for n in 0..6 * SECOND {
            let x = if n >= delay { gain * captured[n - delay] } else { 0.0 };
            let y = b0 * (x - x2) - a1 * y1 - a2 * y2;
            (x2, x1, y2, y1) = (x1, x, y1, y);
            let played = (self.music)(n as f32 / SECOND as f32);
            captured.push((y + played + 0.003 * noise()).clamp(-self.ceiling, self.ceiling));
        }
        captured
    }
}

/// Where a 20 ms window first exceeds -12 dBFS RMS.
fn became_loud(samples: &[f32]) -> Option<usize> {
    let loud = |window: &[f32]| window.iter().map(|s| s * s).sum::<f32>() / window.len() as f32 > 0.0631;
    samples.chunks(960).position(loud).map(|window| window * 960)
}

/// The mark by which the loop was cut; `None` if it is a stable one and was let be.
#[track_caller]
fn check_cuts(room: &Loop) -> Option<HowlMark> {
    let captured = room.capture();
    let what = format!("{} Hz, {} ms, {} dB", room.resonance_hz, room.delay_ms, room.gain_db);
    let Some(loud) = became_loud(&captured) else {
        check_passes(&what, &captured);
        return None;
    };
    let (at, event) = cut_at(&captured).unwrap_or_else(|| panic!("{what}: loud at {loud}, never cut"));
    // Far too much gain rings at many pitches until one has won.
    let allowed = if room.gain_db > 6.0 { 3 * SECOND } else { SECOND };
    assert!(at <= loud + allowed, "{what}: loud at {loud}, cut at {at}");
    Some(event.mark)
}

const ROOM: Loop = Loop { delay_ms: 12.0, gain_db: 3.0, resonance_hz: 700.0, ceiling: 1.0, music: |_| 0.0 };

#[test]
fn a_loop_is_cut_within_a_second_of_becoming_loud() {
    let mut cut = 0;
    for resonance_hz in [250.0, 440.0, 700.0, 1_500.0, 3_000.0] {
        for delay_ms in [4.0, 12.0, 25.0] {
            for gain_db in [2.0, 3.0, 6.0, 10.0] {
                cut += usize::from(check_cuts(&Loop { resonance_hz, delay_ms, gain_db, ..ROOM }).is_some());
            }
        }
    }
    assert!(cut >= 40, "only {cut} of 60 loops were unstable");
}

#[test]
fn a_loop_that_stops_below_full_scale_is_known_by_its_growth() {
    for gain_db in [2.0, 3.0, 4.0] {
        assert_eq!(check_cuts(&Loop { gain_db, ceiling: 0.5, ..ROOM }), Some(HowlMark::Grown));
    }
}

/// 10 dB a second is a crescendo too, so the guard waits for full scale.
#[test]
fn a_loop_that_grows_slowly_is_cut_once_it_clips() {
    let captured = Loop { delay_ms: 4.0, gain_db: 1.5, ..ROOM }.capture();
    let clips = captured.iter().position(|sample| sample.abs() >= 0.95).expect("it clips");
    let (at, _) = cut_at(&captured).expect("cut");
    assert!(at <= clips + SECOND, "clips at {clips}, cut at {at}");
}

#[test]
fn a_loop_under_someone_playing_is_cut() {
    assert!(check_cuts(&Loop { music: |t| 0.05 * pluck(220.0, t % 0.4), ..ROOM }).is_some());
}

#[test]
fn a_tone_at_full_scale_is_pinned_and_a_drum_over_it_does_not_help() {
    let drummed = play(2.0, |t| {
        let drum = if t < 0.2 { 0.0 } else { 0.8 * drum(t % 0.3) };
        (0.95 * sine(900.0, t) + drum).clamp(-1.0, 1.0)
    });
    let (at, event) = cut_at(&drummed).expect("cut");
    assert_eq!(event.mark, HowlMark::Pinned);
    assert!((event.frequency_hz - 900.0).abs() < 10.0 && at < SECOND, "{at} {event:?}");
}

#[test]
fn a_tone_that_never_moves_is_cut_after_4_s() {
    let (at, event) = cut_at(&play(6.0, |t| 0.6 * sine(1_000.0, t))).expect("cut");
    assert_eq!(event.mark, HowlMark::Held);
    assert!((at as f32 / SECOND as f32 - 4.0).abs() < 0.1, "{at} {event:?}");
}

#[test]
fn a_howl_in_one_channel_is_heard() {
    let mut guard = HowlGuard::new();
    let mut context = RtContext::new();
    let howl = play(1.0, |t| sine(800.0, t));
    let blocks: Vec<Vec<[f32; 2]>> =
        howl.chunks(100).map(|b| b.iter().map(|s| [0.0, *s]).collect()).collect();
    assert!(blocks.iter().any(|block| section(&mut context, |rt| guard.watch(rt, block)).is_some()));
}

#[test]
fn it_stays_cut_until_released_and_is_armed_again_after_the_grace() {
    let mut guard = HowlGuard::new();
    let mut context = RtContext::new();
    let howl: Vec<[f32; 2]> = play(1.0, |t| sine(800.0, t)).into_iter().map(|s| [s; 2]).collect();
    let mut watch = |guard: &mut HowlGuard| section(&mut context, |rt| guard.watch(rt, &howl)).is_some();
    guard.release();
    assert!(watch(&mut guard) && guard.is_cut());
    assert!(!watch(&mut guard) && guard.is_cut() && guard.gain() == Gain::ZERO);
    guard.release();
    assert_eq!(guard.gain(), Gain::UNITY);
    assert!(!watch(&mut guard) && !watch(&mut guard));
    assert!(watch(&mut guard) && guard.is_cut());
}

/// A plucked string: rich, fading.
fn pluck(hz: f32, t: f32) -> f32 {
    (1..8).map(|k| sine(hz * k as f32, t) / k as f32 * (-3.0 * t * k as f32).exp()).sum::<f32>() * 0.6
}

fn drum(t: f32) -> f32 {
    let hz = 50.0 + 150.0 * (-30.0 * t).exp();
    ((TAU * hz * t).sin() * (-8.0 * t).exp() + 0.5 * (t * 91_234.5).sin() * (-40.0 * t).exp())
        .clamp(-1.0, 1.0)
}

#[test]
fn the_tones_of_the_bench_pass() {
    check_passes("440 Hz at 0.25", &play(10.0, |t| 0.25 * sine(440.0, t)));
    check_passes("bursts", &play(10.0, |t| if t % 1.0 < 0.7 { 0.25 * sine(440.0, t) } else { 0.0 }));
    for seconds in [0.1, 0.5, 2.0] {
        let chirp = |t: f32| {
            let t = t % seconds;
            0.6 * (TAU * (200.0 * t + 3_000.0 * t * t / (2.0 * seconds))).sin()
        };
        check_passes("chirps at 0.6", &play(8.0, chirp));
    }
}

#[test]
fn bass_passes_at_full_scale() {
    for hz in [41.2, 55.0, 82.4, 98.0, 146.8] {
        check_passes("a bass synthesiser", &play(5.0, |t| sine(hz, t)));
        check_passes("a bass guitar", &play(5.0, |t| (1.6 * pluck(hz, t % 1.5)).clamp(-1.0, 1.0)));
    }
}

#[test]
fn distorted_guitars_pass() {
    let fuzz = |x: f32| (12.0 * x).tanh() * 0.98;
    check_passes("a power chord", &play(5.0, |t| fuzz(sine(110.0, t) + sine(165.0, t) + sine(220.3, t))));
    check_passes("a chord", &play(5.0, |t| fuzz(sine(220.0, t) + sine(277.2, t) + sine(329.6, t))));
    for hz in [196.0, 330.0, 660.0] {
        let string = |t: f32| (1..10).map(|k| sine(hz * k as f32, t) / k as f32).sum::<f32>();
        check_passes("one note", &play(3.5, |t| fuzz(string(t) * (-0.3 * t).exp())));
        check_passes("a square", &play(3.5, |t| 0.98 * sine(hz, t).signum()));
    }
}

#[test]
fn held_notes_pass() {
    for hz in [262.0, 440.0, 880.0, 1_397.0] {
        let attack = |t: f32| (t / 0.05).min(1.0);
        check_passes(
            "a flute",
            &play(3.5, |t| {
                let vibrato = (TAU * 5.2 * t).sin();
                0.7 * attack(t) * (1.0 + 0.05 * vibrato) * (TAU * hz * t + hz * 0.0015 * vibrato).sin()
            }),
        );
        check_passes(
            "a flute without vibrato",
            &play(3.5, |t| 0.7 * attack(t) * (sine(hz, t) + 0.15 * sine(2.0 * hz, t))),
        );
        let drawbars = [1.0, 0.8, 0.5, 0.0, 0.3, 0.0, 0.0, 0.2];
        check_passes(
            "an organ",
            &play(10.0, |t| (0..8).map(|k| drawbars[k] * sine(hz * (k + 1) as f32, t)).sum::<f32>() * 0.36),
        );
        check_passes(
            "a stopped organ pipe",
            &play(3.5, |t| 0.6 * attack(t) * (sine(hz, t) + 0.2 * sine(3.0 * hz, t))),
        );
        check_passes("a piano", &play(5.0, |t| (1.2 * pluck(hz, t % 2.0)).clamp(-1.0, 1.0)));
        check_passes("a bell", &play(5.0, |t| sine(hz, t) * (-(t % 2.5)).exp()));
        check_passes("a tremolo", &play(10.0, |t| 0.9 * sine(hz, t) * (0.85 + 0.15 * sine(6.0, t))));
    }
}

#[test]
fn swells_pass() {
    for seconds in [0.1, 0.2, 0.4, 1.0, 3.0] {
        for bend in [1.0, 1.5, 2.0] {
            let swell = |t: f32| 0.6 * (t / seconds).min(1.0).powf(bend) * sine(523.0, t);
            check_passes("a swell", &play(seconds + 2.0, swell));
        }
        let round = |t: f32| 0.6 * (0.25 * TAU * (t / seconds).min(1.0)).sin().powi(2) * sine(523.0, t);
        check_passes("a round swell", &play(seconds + 2.0, round));
    }
    check_passes(
        "a crescendo of 8 dB a second",
        &play(5.0, |t| 0.6 * 10_f32.powf((t.min(3.0) - 3.0) * 0.4) * sine(392.0, t)),
    );
}

#[test]
fn drums_noise_and_repeated_notes_pass() {
    check_passes("drums", &play(10.0, |t| drum(t % 0.25)));
    check_passes("pulses", &play(10.0, |t| if t % 0.125 < 0.001 { 1.0 } else { 0.0 }));
    let mut noise = noise(9);
    check_passes("noise", &(0..10 * SECOND).map(|_| noise()).collect::<Vec<_>>());
    for note in [0.1, 0.25, 0.5] {
        let again = |t: f32| sine(600.0, t) * (1.0 - 0.9 * ((t % note) / note).powi(4));
        check_passes("repeated notes", &play(8.0, again));
    }
}

#[test]
fn a_window_of_a_sine_has_its_pitch_and_of_a_chord_has_none() {
    let window = |sound: &dyn Fn(f32) -> f32| {
        let mut window = [[0.0; 2]; WINDOW];
        for (n, frame) in window.iter_mut().enumerate() {
            *frame = [sound(n as f32 / SECOND as f32); 2];
        }
        hear_window(&window).tone_hz
    };
    for hz in [165.0, 440.0, 1_000.0, 4_321.0, 9_000.0] {
        let heard = window(&|t| 0.5 * sine(hz, t)).expect("a pitch");
        assert!((heard / hz - 1.0).abs() < 0.001, "{hz} was heard as {heard}");
    }
    assert_eq!(window(&|t| 0.3 * (sine(440.0, t) + sine(554.4, t))), None);
    assert_eq!(window(&|t| 0.5 * sine(100.0, t)), None);
    assert_eq!(window(&|t| 0.5 * sine(440.0, t).signum()), None);
}

/// A howl at full scale, made once for all cases.
static HOWL: LazyLock<Vec<[f32; 2]>> =
    LazyLock::new(|| play(0.7, |t| sine(800.0, t)).into_iter().map(|s| [s; 2]).collect());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn it_survives_any_float(
        samples in prop::collection::vec((any::<f32>(), any::<f32>()), 1..200),
        length in 1_usize..2_000,
    ) {
        // Over and over, for more than two windows: making random numbers is what costs.
        let samples: Vec<[f32; 2]> = samples.iter().map(|(l, r)| [*l, *r]).cycle().take(2_500).collect();
        let mut guard = HowlGuard::new();
        for block in samples.chunks(length) {
            section(&mut RtContext::new(), |rt| guard.watch(rt, block));
        }
        prop_assert!(!guard.is_cut());
    }

    #[test]
    fn it_cuts_at_the_same_place_however_long_the_blocks_are(length in 1_usize..1_500) {
        let mut guard = HowlGuard::new();
        let mut heard = 0;
        for block in HOWL.chunks(length) {
            heard += block.len();
            if section(&mut RtContext::new(), |rt| guard.watch(rt, block)).is_some() {
                break;
            }
        }
        prop_assert!((30 * WINDOW..31 * WINDOW + length).contains(&heard));
    }
}

//! What a device callback may not do, held against the card side: 10,000 callbacks of every kind
//! without an allocation. A build with debug assertions aborts on the first one (`audio::rt`).

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use jamtty::audio::device::callback::{BLOCK_MAX, EndFormat, Homing, InputCallback, OutputCallback};
use jamtty::audio::device::input_watch::PeakCallback;
use jamtty::audio::device::{Capture, CaptureBlock, EndCounters, InputChannels, Render, RenderBlock};
use jamtty::audio::rt::{CardTime, Rt};

const CALLBACKS: u64 = 10_000;

/// What one side of the engine saw.
#[derive(Default)]
struct Side {
    samples: u64,
    blocks: u64,
    longest: usize,
    peak: f32,
    last: Duration,
}

struct Ear(Arc<std::sync::Mutex<Side>>, Side);
struct Mouth(f32);

impl CaptureBlock for Ear {
    fn process(&mut self, _rt: &mut Rt<'_>, input: &[f32], channels: usize, at: CardTime) {
        let side = &mut self.1;
        let length = input.len() / channels;
        assert!(at.0 >= side.last, "time goes forward");
        side.last = at.0;
        side.samples += length as u64;
        side.blocks += 1;
        side.longest = side.longest.max(length);
        side.peak = input.iter().fold(side.peak, |peak, sample| peak.max(sample.abs()));
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        *self.0.lock().expect("nobody panics with it") = std::mem::take(&mut self.1);
    }
}

impl RenderBlock for Mouth {
    fn process(&mut self, _rt: &mut Rt<'_>, output: &mut [f32], _channels: usize, _at: CardTime) {
        output.fill(self.0);
    }
}

/// Drives an input of this form; says what the side behind it saw.
fn hear(rate_hz: u32, card_channels: usize, pick: InputChannels, block: usize, callbacks: u64) -> Side {
    let seen = Arc::new(std::sync::Mutex::new(Side::default()));
    let (home, arrivals) = sync_channel::<Capture>(1);
    let side: Capture = Box::new(Ear(Arc::clone(&seen), Side::default()));
    let format = EndFormat { rate_hz, channels: card_channels, raise: true };
    let counters = Arc::<EndCounters>::default();
    counters.set_measure(true);
    let mut callback = InputCallback::new(Homing::new(side, home), &format, pick, Arc::clone(&counters))
        .expect("a rate we convert");
    let data = vec![i16::MAX / 2; block * card_channels];
    for n in 0..callbacks {
        let at = Duration::from_nanos(n * block as u64 * 1_000_000_000 / u64::from(rate_hz));
        callback.run(&data, CardTime(at), |sample| f32::from(sample) / 32_768.0);
    }
    assert_eq!(counters.callbacks(), callbacks);
    assert_eq!(counters.late(), 0);
    assert_eq!(counters.cost().map(|cost| cost.measured), Some(callbacks));
    drop(callback);
    // The side comes home when the callback is dropped.
    drop(arrivals.try_recv().expect("the side is home"));
    std::mem::take(&mut *seen.lock().expect("nobody panics with it"))
}

#[test]
fn ten_thousand_input_callbacks_allocate_nothing() {
    let side = hear(48_000, 2, InputChannels::Mix, 64, CALLBACKS);
    assert_eq!((side.samples, side.blocks), (CALLBACKS * 64, CALLBACKS));
    assert!((side.peak - 0.5).abs() < 0.001);
}

#[test]
fn ten_thousand_output_callbacks_allocate_nothing() {
    for (rate_hz, channels) in [(48_000, 1), (48_000, 8), (44_100, 2), (96_000, 2)] {
        let (home, arrivals) = sync_channel::<Render>(1);
        let format = EndFormat { rate_hz, channels, raise: true };
        let side: Render = Box::new(Mouth(0.5));
        let mut callback = OutputCallback::new(Homing::new(side, home), &format, Arc::default()).unwrap();
        let mut data = vec![0_i32; 64 * channels];
        for n in 0..CALLBACKS {
            let at = CardTime(Duration::from_micros(n * 1_333));
            callback.run(&mut data, at, |sample| (f64::from(sample) * 2_147_483_648.0) as i32);
        }
        let played = |n: usize| f64::from(data[n]) / 2_147_483_648.0;
        assert!((played(0) - 0.5).abs() < 0.001, "{}", played(0));
        if channels > 2 {
            assert_eq!(data[2], 0, "only the first two channels play");
        }
        drop(callback);
        assert!(arrivals.try_recv().is_ok());
    }
}

#[test]
fn ten_thousand_callbacks_of_a_watched_input_allocate_nothing() {
    let (mut callback, reader) = PeakCallback::new(2);
    let data = [i16::MAX / 2; 128];
    let (left, right) = ([0.25_f32; 64], [-0.5_f32; 64]);
    for n in 0..CALLBACKS {
        callback.run(&data, |sample| f32::from(sample) / 32_768.0);
        callback.run_planar([&left[..], &right[..]].into_iter());
        if n % 1_000 == 0 {
            assert_eq!(reader.read().map(|peaks| peaks.channels_db.len()), Some(2));
        }
    }
}

#[test]
fn a_card_of_another_rate_allocates_nothing_either() {
    for (rate_hz, block) in [(44_100, 64), (96_000, 128), (44_100, 33)] {
        let side = hear(rate_hz, 1, InputChannels::Left, block, CALLBACKS);
        let expected = CALLBACKS as f64 * block as f64 * 48_000.0 / f64::from(rate_hz);
        assert!((side.samples as f64 - expected).abs() < 100.0, "{rate_hz} Hz: {}", side.samples);
    }
}

#[test]
fn a_block_longer_than_ours_comes_in_pieces_in_time() {
    let side = hear(48_000, 4, InputChannels::Channel(3), BLOCK_MAX * 2 + 100, 1_000);
    assert_eq!(side.blocks, 3_000);
    assert_eq!(side.longest, BLOCK_MAX);
    assert_eq!(side.samples, 1_000 * (BLOCK_MAX as u64 * 2 + 100));
}

/// Allocates in a callback: what nobody may do.
struct Hoarder(Vec<f32>);

impl CaptureBlock for Hoarder {
    fn process(&mut self, _rt: &mut Rt<'_>, input: &[f32], _channels: usize, _at: CardTime) {
        self.0.extend_from_slice(input);
    }
}

/// The guard itself: in a process of its own, because the allocation ends it.
#[cfg(debug_assertions)]
#[test]
fn an_allocation_in_a_callback_ends_the_process() {
    if std::env::var_os("JAMTTY_TEST_HOARD").is_none() {
        let this = "an_allocation_in_a_callback_ends_the_process";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", this, "--nocapture"])
            .env("JAMTTY_TEST_HOARD", "1")
            .output()
            .unwrap();
        assert!(!output.status.success() && output.status.code().is_none(), "it lived: {output:?}");
        return;
    }
    let (home, _arrivals) = sync_channel::<Capture>(1);
    let format = EndFormat { rate_hz: 48_000, channels: 1, raise: false };
    let side: Capture = Box::new(Hoarder(Vec::new()));
    let side = Homing::new(side, home);
    let mut callback = InputCallback::new(side, &format, InputChannels::Left, Arc::default()).unwrap();
    callback.run(&[0.0_f32; 64], CardTime::default(), |sample| sample);
}

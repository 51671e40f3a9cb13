//! What is heard over clean, lossy and jittering links, and how late.

use jamtty::domain::stream::{Codec, StreamFormat};
use jamtty::domain::strip::DelayMode;
use jamtty::domain::time::Timestamp;
use jamtty::protocol::redundancy::RedundancyPolicy;

use super::link::Link;
use super::world::World;

const TEN_MINUTES: f64 = 600.0;

fn pcm() -> StreamFormat {
    StreamFormat::pcm(Codec::Pcm16, 1, 64).expect("legal")
}

fn opus() -> StreamFormat {
    StreamFormat::opus(1, 120, 96).expect("legal")
}

/// A world whose sender repeats itself as its policy says for this loss.
fn repeating(format: StreamFormat, link: Link) -> World {
    let frame_us = (format.frame_samples() * 1_000_000 / 48_000) as u32;
    let redundancy =
        RedundancyPolicy::new().update(Timestamp::default(), link.loss as f32, link.burst as f32, frame_us);
    World { redundancy, ..World::new(format, link) }
}

#[test]
fn a_clean_link_has_no_damage_in_ten_minutes_and_almost_no_delay() {
    for (format, most_ms) in [(pcm(), 2.0), (opus(), 5.0)] {
        let heard = World::new(format, Link::clean(1)).play(TEN_MINUTES);
        assert_eq!(heard.damaged_pct(1.0), 0.0, "{format}");
        assert_eq!((heard.reading.concealed, heard.reading.late, heard.reading.restarts), (0, 0, 0));
        assert!(heard.delay_ms_median(1.0) <= most_ms, "{format}: {}", heard.delay_ms_median(1.0));
        assert_eq!(heard.reading.drift_ppm, 0.0);
    }
}

#[test]
fn single_losses_are_not_heard_and_cost_almost_no_delay() {
    for (format, loss, most_ms) in
        [(pcm(), 0.01, 2.2), (pcm(), 0.05, 3.0), (opus(), 0.01, 6.0), (opus(), 0.05, 6.5)]
    {
        let heard = repeating(format, Link::clean(2).loss(loss)).play(TEN_MINUTES);
        assert!(heard.damaged_pct(2.0) <= 0.1, "{format} at {loss}: {} %", heard.damaged_pct(2.0));
        assert!(heard.delay_ms_median(2.0) <= most_ms, "{format} at {loss}: {}", heard.delay_ms_median(2.0));
    }
}

#[test]
fn losses_in_runs_are_bridged_by_spread_copies() {
    let heard = repeating(opus(), Link::clean(3).loss(0.03).burst(3.0)).play(TEN_MINUTES);
    // This world carries copies only, not the earlier frames that ride along: without any copy 3 % of
    // frames in runs of three damage more than 4 % of the windows.
    assert!(heard.damaged_pct(2.0) <= 2.0, "{} %", heard.damaged_pct(2.0));
    assert!(heard.delay_ms_median(2.0) <= 20.0, "{}", heard.delay_ms_median(2.0));
}

#[test]
fn jitter_is_covered_to_its_edge() {
    for (jitter_ms, damaged, most_ms) in [(5.0, 0.2, 7.0), (10.0, 0.5, 12.0)] {
        let heard = World::new(pcm(), Link::clean(4).jitter_ms(jitter_ms)).play(TEN_MINUTES);
        assert!(heard.damaged_pct(3.0) <= damaged, "{jitter_ms} ms: {} %", heard.damaged_pct(3.0));
        assert!(heard.delay_ms_median(3.0) <= most_ms, "{jitter_ms} ms: {}", heard.delay_ms_median(3.0));
    }
}

#[test]
fn a_delay_set_in_milliseconds_is_held() {
    let world = World { mode: DelayMode::Fixed { ms: 12.0 }, ..World::new(pcm(), Link::clean(5)) };
    let heard = world.play(30.0);
    assert!((heard.delay_ms_median(5.0) - 12.0).abs() < 0.3, "{}", heard.delay_ms_median(5.0));
    assert_eq!(heard.damaged_pct(5.0), 0.0);
}

#[test]
fn after_a_cut_the_sound_comes_back_as_it_was() {
    let world = World { cut_s: Some((10.0, 13.0)), ..World::new(pcm(), Link::clean(6)) };
    let heard = world.play(30.0);
    let half_a_second_later = 13.5;
    assert_eq!(heard.damaged_pct(half_a_second_later), 0.0);
    assert!(heard.delay_ms_median(14.0) <= 2.0);
    assert!(heard.reading.restarts >= 1);
    let silence = &heard.samples[10 * 48_000 + 7_200..13 * 48_000];
    assert!(silence.iter().all(|sample| sample.abs() < 1e-6), "a gap fades to silence");
}

#[test]
fn a_sender_that_stood_still_leaves_no_delay_behind() {
    for (format, most_ms) in [(pcm(), 2.0), (opus(), 5.0)] {
        // Well into the stream: what is held does not rest on a handful of frames.
        let world = World { stall_s: Some((20.0, 20.06)), ..World::new(format, Link::clean(7)) };
        let heard = world.play(30.0);
        assert_eq!(heard.reading.leapt, 1, "{format}");
        assert_eq!(heard.reading.restarts, 0, "{format}: a stall is no end of the stream");
        let after_s = 21.5;
        assert!(heard.delay_ms_max(after_s) <= most_ms, "{format}: {}", heard.delay_ms_max(after_s));
        assert_eq!(heard.damaged_pct(after_s), 0.0, "{format}");
    }
}

#[test]
fn a_delay_that_is_no_longer_wanted_is_left_without_a_gap() {
    let world = World { stall_s: Some((10.0, 10.12)), ..World::new(pcm(), Link::clean(8)) };
    let heard = world.play(20.0);
    let invented_ms = heard.reading.concealed_ms;
    assert!(invented_ms < 140.0, "only the stall itself is invented: {invented_ms} ms");
    assert!(heard.reading.leapt >= 1);
}

//! Two cards whose crystals differ, for ten minutes.

use jamtty::domain::stream::{Codec, StreamFormat};

use super::link::Link;
use super::world::World;

#[test]
fn two_cards_200_ppm_apart_stay_at_their_delay_for_ten_minutes() {
    for ppm in [-200.0, 200.0] {
        for format in
            [StreamFormat::pcm(Codec::Pcm16, 1, 64).unwrap(), StreamFormat::opus(1, 120, 96).unwrap()]
        {
            let world = World { sender_ppm: ppm, ..World::new(format, Link::clean(11)) };
            let heard = world.play(600.0);
            let reading = heard.reading;
            assert_eq!((reading.restarts, reading.undecodable), (0, 0));
            assert!((reading.drift_ppm - ppm).abs() < 2.0, "{ppm} ppm measured as {}", reading.drift_ppm);
            assert_eq!(heard.damaged_pct(5.0), 0.0, "{format} at {ppm} ppm");
            // A period of the card comes and goes as the two phases slide past each other.
            let spread = heard.delay_ms_max(10.0) - heard.delay_ms_min(10.0);
            assert!(spread < 2.0, "{format} at {ppm} ppm: {spread} ms");
            // 600 s of 48 kHz frames, all but what the start and the first slip of the phase took, and
            // none twice.
            let played = reading.played * format.frame_samples() as u64;
            let sent = (600.0 * 48_000.0 * (1.0 + ppm * 1e-6)) as u64;
            assert!(played.abs_diff(sent) < 9_600 && reading.concealed < 60, "{reading:?}");
        }
    }
}

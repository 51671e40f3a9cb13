//! Cards under supervision: the virtual one, and JACK with servers that the test starts and kills.

mod bench;
#[cfg(feature = "jack")]
mod jack;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::sync_channel;

use jamtty::audio::device::{CardChoice, CardClock, CardSupervisor};
use jamtty::audio::virtual_card::{VirtualCard, VirtualInput, VirtualOutput};
use jamtty::audio::wav::{Clip, WavFile};

use bench::{Bench, Ear, Mouth, Seen, wait_until};

#[test]
fn a_virtual_card_opens_and_says_where_its_samples_lie_in_time() {
    let bench = Bench::start(CardChoice::Virtual(VirtualCard::silent(64)));
    let card = bench.opened();
    assert_eq!(card.period(), Some(64));
    assert!(card.clock.is_some() && card.ports().is_empty());
    bench.blocks(20);
    let (heard, played) = (Arc::clone(&bench.heard), Arc::clone(&bench.played));
    assert_eq!(heard.channels.load(Relaxed), 1);
    assert_eq!(played.channels.load(Relaxed), 2);
    let stats = bench.cards.stats();
    assert!(stats.input_callbacks >= 20 && stats.output_callbacks >= 20, "{stats:?}");
    drop(bench);
    // Both sides came home before the supervisor ended, so both are dropped now.
    assert!(heard.dropped.load(Relaxed) && played.dropped.load(Relaxed));
    assert_eq!(heard.samples.load(Relaxed), heard.blocks.load(Relaxed) * 64);
    assert_eq!(heard.backwards.load(Relaxed) + played.backwards.load(Relaxed), 0);
}

#[test]
fn two_virtual_cards_of_different_error_drift_apart_by_it() {
    let card = |error_ppm| CardChoice::Virtual(VirtualCard { error_ppm, ..VirtualCard::silent(48) });
    let (exact, fast) = (Bench::start(card(0.0)), Bench::start(card(50_000.0)));
    let clocks = [exact.opened(), fast.opened()].map(|card| card.clock.unwrap());
    assert!((clocks[1].rate_hz / clocks[0].rate_hz - 1.05).abs() < 1e-12);
    exact.blocks(1_000);
    // By the cards' own stamps: how long a sample lasts on each, whatever the machine is doing.
    // Stamp and count are written one after the other, so a block or two in a thousand may be between.
    let per_sample = |bench: &Bench, clock: CardClock| {
        let last = bench.heard.last_ns.load(Relaxed);
        (last - clock.began_ns) as f64 / bench.heard.samples.load(Relaxed) as f64
    };
    let ratio = per_sample(&exact, clocks[0]) / per_sample(&fast, clocks[1]);
    assert!((ratio - 1.05).abs() < 0.005, "{ratio}");
    // By what they did in the same stretch of time: the machine may freeze, so loosely.
    let counts = || [&exact, &fast].map(|bench| bench.heard.samples.load(Relaxed) as f64);
    let before = counts();
    exact.blocks(1_000);
    let after = counts();
    let ratio = (after[1] - before[1]) / (after[0] - before[0]);
    assert!((1.0..1.1).contains(&ratio), "{ratio}");
}

#[test]
fn a_virtual_card_vanishes_and_returns_and_the_sides_are_driven_all_along() {
    let input = VirtualInput::Tone { hz: 440.0 };
    let bench = Bench::start(CardChoice::Virtual(VirtualCard { input, ..VirtualCard::silent(64) }));
    bench.opened();
    bench.blocks(20);
    assert!(bench.heard.loud.load(Relaxed) > 0);
    bench.cards.vanish();
    assert!(bench.lost().iter().all(|part| !part.is_empty()));
    bench.blocks(1);
    let loud = bench.heard.loud.load(Relaxed);
    bench.blocks(20);
    assert_eq!(bench.heard.loud.load(Relaxed), loud, "a stand-in is silent");
    bench.cards.restore();
    assert!(bench.restored().clock.is_some());
    bench.blocks(20);
    wait_until("the tone", || bench.heard.loud.load(Relaxed) > loud);
    let stats = bench.cards.stats();
    assert_eq!((stats.losses, stats.returns), (1, 1));
    assert_eq!(stats.output_cost, None, "no clock is read that nobody asked for");
    bench.cards.measure(true);
    bench.blocks(20);
    assert!(bench.cards.stats().output_cost.is_some_and(|cost| cost.measured > 0));
}

#[test]
fn what_a_virtual_card_plays_is_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.wav"), folder.path().join("out.wav"));
    WavFile::create(&input, 2).unwrap().write(&[0.25; 9_600]).unwrap();
    let bench = Bench::start(CardChoice::Virtual(VirtualCard {
        input: VirtualInput::File { path: input, looped: false },
        output: VirtualOutput::File { path: output.clone() },
        ..VirtualCard::silent(128)
    }));
    bench.opened();
    bench.blocks(60);
    let played = Arc::clone(&bench.played);
    assert_eq!(bench.heard.loud.load(Relaxed), 9_600);
    assert_eq!(bench.cards.stats().output_dropped, 0);
    drop(bench);
    let clip = Clip::read(&output).unwrap();
    assert_eq!((clip.channels, clip.len() as u64), (2, played.samples.load(Relaxed)));
    assert!(clip.samples.iter().all(|sample| *sample == 0.5));
}

#[test]
fn a_choice_that_cannot_come_true_is_refused_with_a_remedy() {
    let start = |choice| {
        let (events, _inbox) = sync_channel(8);
        let side = Arc::<Seen>::default();
        CardSupervisor::start("jamtty-test", choice, Ear(Arc::clone(&side)), Mouth(side, 0.0), events)
            .unwrap_err()
    };
    let missing = VirtualInput::File { path: "/no/such/file.wav".into(), looped: true };
    let error = start(CardChoice::Virtual(VirtualCard { input: missing, ..VirtualCard::silent(64) }));
    assert!(error.to_string().contains("/no/such/file.wav"), "{error}");
    let host = Some("jakc".to_owned());
    let error = start(CardChoice::Real {
        host,
        input: None,
        output: None,
        channels: None,
        period: None,
        remembered: false,
    });
    assert!(error.to_string().contains("jakc") && error.to_string().contains("alsa"), "{error}");
    assert!(!error.remedy().is_empty());
}

#[test]
fn a_card_of_the_settings_that_nobody_has_now_is_waited_for() {
    let named = |remembered| {
        let input = Some("Scarlett of the barn".to_owned());
        CardChoice::Real {
            host: None,
            output: input.clone(),
            input,
            channels: None,
            period: None,
            remembered,
        }
    };
    let bench = Bench::start(named(true));
    let [what, why, _] = bench.lost();
    assert!(what.contains("Scarlett of the barn") || what == "the sound card", "{what}: {why}");
    bench.blocks(10);
    assert!(bench.cards.set(named(false)).is_err(), "typed now, it is mistyped");
}

#[test]
fn another_card_can_be_chosen_while_it_runs() {
    let bench = Bench::start(CardChoice::Virtual(VirtualCard::silent(64)));
    bench.opened();
    bench.cards.set(CardChoice::Virtual(VirtualCard::silent(256))).unwrap();
    assert_eq!(bench.opened().period(), Some(256));
    bench.blocks(10);
    assert!(bench.cards.set(CardChoice::Virtual(VirtualCard::silent(1))).is_err());
    bench.blocks(10);
}

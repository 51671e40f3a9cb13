//! Cards under supervision: the virtual one, and JACK with servers that the test starts and kills.
//!
//! A JACK test runs in a process of its own, because libjack reads the server's name from the
//! environment: the test starts itself again with it. Without `jackd` it skips and says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use jamtty::audio::device::{
    CaptureBlock, CardChoice, CardClock, CardEvent, CardSupervisor, OpenedCard, RenderBlock,
};
use jamtty::audio::rt::{CardTime, Rt};
use jamtty::audio::virtual_card::{VirtualCard, VirtualInput, VirtualOutput};
use jamtty::audio::wav::{Clip, WavFile};

/// What one side went through, read by the test.
#[derive(Default)]
struct Seen {
    blocks: AtomicU64,
    samples: AtomicU64,
    loud: AtomicU64,
    channels: AtomicU32,
    last_ns: AtomicU64,
    backwards: AtomicU64,
    dropped: AtomicBool,
}

struct Ear(Arc<Seen>);
struct Mouth(Arc<Seen>, f32);

impl Seen {
    fn block(&self, samples: usize, channels: usize, at: CardTime) {
        self.blocks.fetch_add(1, Relaxed);
        self.samples.fetch_add((samples / channels) as u64, Relaxed);
        self.channels.store(channels as u32, Relaxed);
        let at = at.0.as_nanos() as u64;
        if self.last_ns.swap(at, Relaxed) > at {
            self.backwards.fetch_add(1, Relaxed);
        }
    }
}

impl CaptureBlock for Ear {
    fn process(&mut self, _rt: &mut Rt<'_>, input: &[f32], channels: usize, at: CardTime) {
        self.0.block(input.len(), channels, at);
        self.0.loud.fetch_add(input.iter().filter(|sample| sample.abs() > 0.01).count() as u64, Relaxed);
    }
}

impl RenderBlock for Mouth {
    fn process(&mut self, _rt: &mut Rt<'_>, output: &mut [f32], channels: usize, at: CardTime) {
        self.0.block(output.len(), channels, at);
        output.fill(self.1);
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.0.dropped.store(true, Relaxed);
    }
}

impl Drop for Mouth {
    fn drop(&mut self) {
        self.0.dropped.store(true, Relaxed);
    }
}

/// A supervisor with everything a test looks at.
struct Bench {
    cards: CardSupervisor,
    events: Receiver<CardEvent>,
    heard: Arc<Seen>,
    played: Arc<Seen>,
}

impl Bench {
    fn start(choice: CardChoice) -> Self {
        let (events, inbox) = sync_channel(32);
        let (heard, played) = (Arc::<Seen>::default(), Arc::<Seen>::default());
        let (ear, mouth) = (Ear(Arc::clone(&heard)), Mouth(Arc::clone(&played), 0.5));
        let cards = CardSupervisor::start("jamtty-test", choice, ear, mouth, events).expect("a card");
        Self { cards, events: inbox, heard, played }
    }

    /// The next event that `wanted` answers for; others are passed over.
    fn event<T>(&self, mut wanted: impl FnMut(CardEvent) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(event) = self.events.recv_timeout(left) else {
                panic!("it did not come; came: {seen:#?}")
            };
            seen.push(event.clone());
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    }

    fn opened(&self) -> OpenedCard {
        self.event(|event| if let CardEvent::Opened(card) = event { Some(card) } else { None })
    }

    fn restored(&self) -> OpenedCard {
        self.event(|event| if let CardEvent::Restored(card) = event { Some(card) } else { None })
    }

    /// What, why, remedy.
    fn lost(&self) -> [String; 3] {
        self.event(|event| match event {
            CardEvent::Lost { what, why, remedy } => Some([what, why, remedy]),
            _ => None,
        })
    }

    /// Waits until both sides got `more` blocks from now.
    fn blocks(&self, more: u64) {
        for side in [&self.heard, &self.played] {
            let until = side.blocks.load(Relaxed) + more;
            wait_until("blocks", || side.blocks.load(Relaxed) >= until);
        }
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Far longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

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

#[cfg(feature = "jack")]
mod jack {
    use std::process::{Child, Command, Stdio};

    use jamtty::audio::device::{InputChannels, list_cards};
    use rustix::process::Signal;

    use super::*;

    /// A JACK server of the test; ended with it, in good order: a machine has room for eight names, and
    /// one that is killed keeps its own until a server of that name starts again.
    struct Server(Child, String);

    impl Server {
        fn start(name: &str) -> Self {
            Self::start_at(name, "48000")
        }

        fn start_at(name: &str, rate_hz: &str) -> Self {
            let child = Command::new("jackd")
                .args(["-r", "-n", name, "-d", "dummy", "-r", rate_hz, "-p", "64"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("jackd starts");
            Self(child, name.to_owned())
        }
    }

    impl Server {
        /// Dies without a word, as in a crash.
        fn kill(mut self) {
            self.0.kill().expect("it runs");
            self.0.wait().expect("it ends");
            // The next of this name takes over what it left.
            std::mem::forget(self);
        }
    }

    impl Server {
        /// Asks it to end; whether it did so in good order.
        fn end(&mut self) -> bool {
            let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), Signal::TERM);
            let deadline = Instant::now() + PATIENCE;
            while Instant::now() < deadline {
                if let Ok(Some(status)) = self.0.try_wait() {
                    return status.success();
                }
                std::thread::park_timeout(Duration::from_millis(5));
            }
            let _ = self.0.kill();
            let _ = self.0.wait();
            false
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            if !self.end() {
                // It crashed on its way out (ALSA's plugin can do that to it) and keeps its name: one
                // more of that name takes it over and gives it back.
                let mut again = Self::start(&self.1);
                let _ = Command::new("jack_wait").args(["-s", &self.1, "-w", "-t", "5"]).output();
                again.end();
                std::mem::forget(again);
            }
        }
    }

    /// Runs `body` with a server name of its own in the environment; skips without `jackd`.
    fn with_server(test: &str, body: impl FnOnce(&str)) {
        if let Ok(name) = std::env::var("JAMTTY_TEST_JACK") {
            return body(&name);
        }
        if Command::new("jackd").arg("--version").output().is_err() {
            eprintln!("skipped: there is no jackd on this machine (package jackd2)");
            return;
        }
        let name = format!("jamtty-test-{}", std::process::id());
        let alsa = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(alsa.path(), ALSA_THROUGH_JACK).expect("a file");
        let status = Command::new(std::env::current_exe().expect("our own path"))
            .args(["--exact", test, "--nocapture"])
            .env("JAMTTY_TEST_JACK", &name)
            .env("JACK_DEFAULT_SERVER", &name)
            .env("ALSA_CONFIG_PATH", format!("/usr/share/alsa/alsa.conf:{}", alsa.path().display()))
            .status()
            .expect("we start again");
        // What JACK's clients leave behind, by the name that only this test has.
        for left in std::fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
            if left.file_name().to_string_lossy().contains(&name) {
                let _ = std::fs::remove_file(left.path());
            }
        }
        assert!(status.success(), "the test failed in the process of its own");
    }

    /// An ALSA card without hardware: JACK's plugin of alsa-plugins.
    const ALSA_THROUGH_JACK: &str = r#"
        pcm.jamtty_test {
            type jack
            playback_ports { 0 system:playback_1 1 system:playback_2 }
            capture_ports { 0 system:capture_1 1 system:capture_2 }
            hint { show on description "ALSA through JACK" }
        }
    "#;

    fn jack(channels: Option<InputChannels>) -> CardChoice {
        CardChoice::Real {
            host: Some("jack".to_owned()),
            input: None,
            output: None,
            channels,
            period: None,
            remembered: false,
        }
    }

    /// Open now, or lost first and then open: the server needs a moment to start.
    fn opened_at_last(bench: &Bench) -> OpenedCard {
        bench.event(|event| match event {
            CardEvent::Opened(card) | CardEvent::Restored(card) if card.ports().len() >= 3 => Some(card),
            _ => None,
        })
    }

    #[test]
    fn a_jack_card_opens_with_its_ports_and_drives_both_sides() {
        with_server("jack::a_jack_card_opens_with_its_ports_and_drives_both_sides", |name| {
            let _server = Server::start(name);
            let bench = Bench::start(jack(None));
            let card = opened_at_last(&bench);
            assert_eq!(card.ports(), ["jamtty-test:in_1", "jamtty-test:out_1", "jamtty-test:out_2"]);
            assert_eq!((card.period(), card.rate_hz()), (Some(64), Some(48_000)));
            eprintln!("{}", card.description);
            bench.blocks(100);
            assert_eq!(bench.heard.channels.load(Relaxed), 1);
            if let Ok(list) = Command::new("jack_lsp").args(["-s", name]).output() {
                let list = String::from_utf8_lossy(&list.stdout).into_owned();
                for port in card.ports() {
                    assert!(list.lines().any(|line| line == port), "{port} in {list}");
                }
            }
            // Our output into our input, by hand as a user would.
            let wire = ["jamtty-test:out_1", "jamtty-test:in_1"];
            if Command::new("jack_connect").args(["-s", name]).args(wire).status().is_ok_and(|s| s.success())
            {
                wait_until("sound through the wire", || bench.heard.loud.load(Relaxed) > 0);
            }
            wait_until("callbacks of the card", || {
                let stats = bench.cards.stats();
                stats.input_callbacks >= 100 && stats.output_callbacks >= 100
            });
            bench.cards.set(jack(Some(InputChannels::Stereo))).unwrap();
            assert_eq!(bench.opened().input.map(|end| end.channels), Some(2));
            bench.blocks(10);
            assert_eq!(bench.heard.channels.load(Relaxed), 2);
            let (heard, played) = (Arc::clone(&bench.heard), Arc::clone(&bench.played));
            drop(bench);
            assert!(heard.dropped.load(Relaxed) && played.dropped.load(Relaxed));
        });
    }

    #[test]
    fn a_jack_server_of_another_rate_is_converted_both_ways() {
        with_server("jack::a_jack_server_of_another_rate_is_converted_both_ways", |name| {
            let _server = Server::start_at(name, "44100");
            let bench = Bench::start(jack(None));
            let card = opened_at_last(&bench);
            assert_eq!(card.rate_hz(), Some(44_100));
            assert!(card.output.is_some_and(|end| end.converter_ms > 0.0 && end.converter_ms < 1.0));
            for side in [&bench.heard, &bench.played] {
                let counts = || (side.blocks.load(Relaxed), side.samples.load(Relaxed));
                let before = counts();
                bench.blocks(500);
                let after = counts();
                let block = (after.1 - before.1) as f64 / (after.0 - before.0) as f64;
                // Count and sum are read one after the other: a block in 500 may be between.
                assert!((block - 64.0 * 48_000.0 / 44_100.0).abs() < 0.5, "{block}");
            }
        });
    }

    #[test]
    fn a_jack_server_that_dies_is_said_and_taken_back_when_it_returns() {
        with_server("jack::a_jack_server_that_dies_is_said_and_taken_back_when_it_returns", |name| {
            let server = Server::start(name);
            let bench = Bench::start(jack(None));
            opened_at_last(&bench);
            bench.blocks(50);
            let died = Instant::now();
            server.kill();
            let lost = bench.lost();
            eprintln!("lost after {:?}: {lost:?}", died.elapsed());
            bench.blocks(50);
            eprintln!("driven again after {:?}", died.elapsed());
            let _server = Server::start(name);
            let back = Instant::now();
            let card = bench.restored();
            eprintln!("restored after {:?}: {}", back.elapsed(), card.description);
            let before = bench.cards.stats().output_callbacks;
            bench.blocks(50);
            wait_until("the card", || bench.cards.stats().output_callbacks > before + 50);
        });
    }

    #[test]
    fn an_alsa_card_drives_both_sides_too() {
        with_server("jack::an_alsa_card_drives_both_sides_too", |name| {
            let _server = Server::start(name);
            // Once JACK answers, the plugin does.
            drop(opened_at_last(&Bench::start(jack(None))));
            let host = Some("alsa".to_owned());
            if !list_cards().iter().any(|card| card.id == "alsa:jamtty_test") {
                eprintln!("skipped: no JACK plugin for ALSA on this machine (package libasound2-plugins)");
                return;
            }
            let card = Some("jamtty_test".to_owned());
            let (channels, period) = (Some(InputChannels::Stereo), Some(64));
            let choice = CardChoice::Real {
                host,
                input: card.clone(),
                output: card,
                channels,
                period,
                remembered: false,
            };
            let bench = Bench::start(choice);
            let opened = bench.opened();
            assert_eq!(opened.output.map(|end| end.id), Some("alsa:jamtty_test".to_owned()));
            wait_until("callbacks of the card", || {
                let stats = bench.cards.stats();
                stats.input_callbacks >= 100 && stats.output_callbacks >= 100
            });
            assert_eq!(bench.heard.channels.load(Relaxed), 2);
        });
    }

    #[test]
    fn without_a_jack_server_the_music_goes_on_silent_until_there_is_one() {
        with_server("jack::without_a_jack_server_the_music_goes_on_silent_until_there_is_one", |name| {
            let bench = Bench::start(jack(None));
            let [_, why, remedy] = bench.lost();
            assert!(why.contains("JACK") && !remedy.is_empty(), "{why}");
            bench.blocks(20);
            let _server = Server::start(name);
            opened_at_last(&bench);
            bench.blocks(20);
        });
    }
}

//! A card of a JACK server that the test starts and kills, and an ALSA card through it.
//!
//! Each test runs in a process of its own, because libjack reads the server's name from the
//! environment: the test starts itself again with it. Without `jackd` it skips and says so.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use jamtty::audio::device::{CardChoice, CardEvent, InputChannels, OpenedCard, list_cards};
use rustix::process::Signal;

use crate::bench::{Bench, PATIENCE, wait_until};

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

    /// Dies without a word, as in a crash.
    fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
        // The next of this name takes over what it left.
        std::mem::forget(self);
    }

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
        if Command::new("jack_connect").args(["-s", name]).args(wire).status().is_ok_and(|s| s.success()) {
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
        let choice =
            CardChoice::Real { host, input: card.clone(), output: card, channels, period, remembered: false };
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

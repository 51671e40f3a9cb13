//! Two JACK servers without hardware: sound through real cards' callbacks at 64 samples.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{PATIENCE, Peer, Room, play_for};

/// A server of the test, ended with it in good order: a machine has room for eight names.
struct Server(Child, String);

impl Server {
    fn start(name: String) -> Option<Self> {
        let mut command = Command::new("jackd");
        command.args(["-r", "-n", &name, "-d", "dummy", "-r", "48000", "-p", "64"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        if child.is_err() {
            println!("skipped: there is no jackd on this machine (package jackd2)");
        }
        Some(Self(child.ok()?, name))
    }

    /// A wire from one port to another.
    fn wire(&self, tool: &str, from: &str, to: &str) {
        let status = Command::new(tool).args(["-s", &self.1, from, to]).status();
        assert!(status.is_ok_and(|status| status.success()), "{tool} {from} {to}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let until = Instant::now() + PATIENCE;
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
        // What JACK's clients leave behind, by the name that only this test has.
        for left in std::fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
            if left.file_name().to_string_lossy().contains(&self.1) {
                let _ = std::fs::remove_file(left.path());
            }
        }
    }
}

/// The port of a peer's card whose name has this in it.
fn port(peer: &Peer, part: &str) -> String {
    let status = peer.tell("status", &[]);
    let ports = status["card"]["ports"].as_array().into_iter().flatten();
    let found = ports.filter_map(Value::as_str).find(|port| port.contains(part));
    found.unwrap_or_else(|| panic!("no {part} in {status}")).to_owned()
}

#[test]
fn two_peers_on_two_jack_servers_hear_each_other() {
    let room = Room::new();
    let name = |end: &str| format!("jamtty-e2e-{}-{end}", std::process::id());
    let Some(servers) =
        ["b", "c"].map(|end| Server::start(name(end))).into_iter().collect::<Option<Vec<_>>>()
    else {
        return;
    };
    // Someone who really plays; the two others send on what they hear, by a wire as a user would.
    let mut ana = room.person("Ana").play("drums", &["--new", "Kitchen"]);
    let mut people: Vec<Peer> = ["Bo", "Cy"]
        .iter()
        .zip(&servers)
        .map(|(name, server)| {
            let mut person = room.person(name);
            person.env.push(("JACK_DEFAULT_SERVER", server.1.clone()));
            person.start(&["--audio", "jack", "--join", "Kitchen"])
        })
        .collect();
    for peer in &people {
        peer.until("for its JACK ports", |peer| {
            peer.tell("status", &[])["card"]["ports"].as_array().is_some_and(|ports| ports.len() >= 3)
        });
        peer.wait_to_hear(&ana);
    }
    let losses: Vec<u64> = people.iter().map(|peer| peer.counted("card_losses")).collect();
    for (one, other, server) in [(0, 1, &servers[0]), (1, 0, &servers[1])] {
        let (one, other) = (&people[one], &people[other]);
        let (from, to) = (port(one, "out_1"), port(one, "in_1"));
        server.wire("jack_connect", &from, &to);
        other.wait_to_hear(one);
        play_for(Duration::from_secs(2));
        assert_eq!(other.link(&one.key)["path"], "udp");
        println!("FIGURE {} hears {} by JACK: {}", other.person.name, one.person.name, other.link(&one.key));
        server.wire("jack_disconnect", &from, &to);
        other.until("for silence", |other| !other.hears(&one.key));
    }
    let now: Vec<u64> = people.iter().map(|peer| peer.counted("card_losses")).collect();
    assert_eq!(now, losses, "no card was lost and taken back");
    for peer in &mut people {
        let card = peer.tell("status", &[])["card"].take();
        assert!(card["rate_hz"] == 48_000 && card["period"] == 64, "{card}");
        println!("FIGURE {} xruns: {}", peer.person.name, card["xruns"]);
        peer.end();
    }
    ana.end();
}

#[test]
fn every_input_is_seen_before_one_is_chosen_and_a_wire_is_measured() {
    let room = Room::new();
    let Some(server) = Server::start(format!("jamtty-e2e-{}-m", std::process::id())) else { return };
    let mut person = room.person("Ana");
    person.env.push(("JACK_DEFAULT_SERVER", server.1.clone()));
    let mut ana = person.start(&["--audio", "jack"]);
    let is_open = |ana: &Peer| {
        ana.tell("status", &[])["card"]["ports"].as_array().is_some_and(|ports| ports.len() >= 3)
    };
    ana.until("for its JACK ports", is_open);
    // Levels: the server's inputs, by a client that only looks.
    let input = |ana: &Peer| {
        let inputs = ana.tell("audio.inputs", &["on"]);
        let found =
            inputs["inputs"].as_array().into_iter().flatten().find(|input| input["name"] == "jack:input");
        found.cloned().unwrap_or_default()
    };
    ana.until("for the inputs", |ana| {
        input(ana)["channels_db"].as_array().is_some_and(|each| each.len() == 2)
    });
    assert_eq!(input(&ana)["in_use"], true);
    let meters = format!("jamtty-{}-meters:in_2", person.name);
    let out = port(&ana, "out_2");
    server.wire("jack_connect", &out, &meters);
    ana.tell("audio.test", &["on"]);
    ana.until("for the tone in the second channel", |ana| {
        let each = input(ana)["channels_db"].clone();
        each[1].as_f64() > Some(-30.0) && each[0].as_f64() < Some(-80.0)
    });
    ana.tell("audio.test", &["off"]);
    // Nobody asks any more: the client that looked goes by itself.
    let ports = || {
        let list = Command::new("jack_lsp").args(["-s", &server.1]).output().expect("jack_lsp");
        String::from_utf8_lossy(&list.stdout).into_owned()
    };
    assert!(ports().contains(&meters), "{}", ports());
    ana.until("for the meters to go", |_| !ports().contains(&meters));
    assert!(is_open(&ana), "the card stays");

    // Nothing is joined: that is said.
    let error = ana.ask("audio.measure", &[]).unwrap_err();
    assert!(error["why"].as_str().is_some_and(|why| why.contains("silent")), "{error}");
    assert!(error["remedy"].as_str().is_some_and(|remedy| remedy.contains("cable")), "{error}");
    // A client hears in the next period what it played into its own input.
    server.wire("jack_connect", &port(&ana, "out_1"), &port(&ana, "in_1"));
    for _ in 0..3 {
        let found = ana.tell("audio.measure", &[]);
        println!("FIGURE round trip of a wire in JACK: {found}");
        let samples = found["round_trip_samples"].as_f64().unwrap_or_default();
        assert!((samples - 64.0).abs() <= 1.0, "{found}");
    }
    let said = person.run(&["audio", "measure", "--json"]).json();
    assert!(
        said["round_trip_samples"].as_f64().is_some_and(|samples| (samples - 64.0).abs() <= 1.0),
        "{said}"
    );
    let said = person.run(&["audio", "level", "--all", "--for", "100ms"]);
    assert!(said.code == 0 && said.out.contains("jack:input"), "{said:?}");
    // Whoever is heard is not interrupted.
    ana.tell("new", &["Kitchen"]);
    assert_eq!(ana.ask("audio.measure", &[]).unwrap_err()["code"], 77);
    ana.tell("mic.off", &[]);
    ana.tell("audio.measure", &[]);
    ana.end();
}

//! Two peers in two network namespaces over a cable (veth), with nothing configured: mDNS alone.
//!
//! Needs root and `ip`; skips with its reason otherwise. Each peer is this test binary, started
//! again inside its namespace. Times are printed as figures and not asserted.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failing test panics, its figures are printed"
)]

mod swarm_common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use jamtty::net::swarm::{NetCommand, Swarm};
use swarm_common::{PATIENCE, config, peer, said, says};

const CHILD: &str = "JAMTTY_SWARM_TEST_CHILD";

fn ip(args: &str) -> bool {
    let output = Command::new("ip").args(args.split_whitespace()).output();
    output.is_ok_and(|output| output.status.success())
}

/// Two namespaces and the cable between them; removed when dropped.
struct Cable {
    names: [String; 2],
}

impl Cable {
    fn new(what: &str) -> Option<Self> {
        let names = ["a", "b"].map(|end| format!("jt{}{what}{end}", std::process::id()));
        let cable = Self { names };
        let [a, b] = &cable.names;
        let made = cable.names.iter().all(|name| ip(&format!("netns add {name}")))
            && ip(&format!("-n {a} link add jt0 type veth peer name jt0 netns {b}"));
        made.then_some(cable)
    }

    fn address(&self) {
        for (n, name) in self.names.iter().enumerate() {
            assert!(ip(&format!("-n {name} addr add 10.77.0.{}/24 dev jt0", n + 1)));
            assert!(ip(&format!("-n {name} link set lo up")) && ip(&format!("-n {name} link set jt0 up")));
        }
    }

    /// Pulls or puts back the far end: one side sees its carrier go, the other its interface.
    fn plug(&self, up: bool) {
        let state = if up { "up" } else { "down" };
        assert!(ip(&format!("-n {} link set jt0 {state}", self.names[1])));
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in &self.names {
            ip(&format!("netns del {name}"));
        }
    }
}

/// A peer in a namespace; what it sees comes as lines.
struct Inside {
    child: Child,
    lines: mpsc::Receiver<(Instant, String)>,
    started: Instant,
    saw: Vec<String>,
}

impl Inside {
    fn start(namespace: &str, test: &str, role: &str) -> Self {
        let started = Instant::now();
        let mut child = Command::new("ip")
            .args(["netns", "exec", namespace])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(CHILD, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (tx, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if tx.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, started, saw: Vec::new() }
    }

    /// When the next line that starts with `what` came.
    fn wait(&mut self, what: &str) -> Instant {
        let at = self.saw_by(what, PATIENCE);
        at.unwrap_or_else(|| panic!("{what:?} did not come; it saw {:#?}", self.saw))
    }

    /// The same, if it comes within this time.
    fn saw_by(&mut self, what: &str, within: Duration) -> Option<Instant> {
        let end = Instant::now() + within;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let (at, line) = self.lines.recv_timeout(left).ok()?;
            self.saw.push(line.clone());
            if line.starts_with(what) {
                return Some(at);
            }
        }
    }

    /// Takes note of what comes until `end`.
    fn watch_until(&mut self, end: Instant) {
        while let Ok((_, line)) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.saw.push(line);
        }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended_already = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The peer inside: `SEED OTHER IFACE...`; every line on stdin is said to the other.
async fn inside(role: &str) {
    let mut words = role.split_whitespace();
    let mut number = || words.next().unwrap().parse::<u8>().unwrap();
    let (seed, other) = (number(), number());
    let folder = tempfile::tempdir().unwrap();
    let ifaces: Vec<_> = words.collect();
    let (handle, mut events) = Swarm::start(config(seed, &ifaces, Some(folder.path()))).unwrap();
    handle.command(NetCommand::Keep { peers: vec![peer(other)] }).unwrap();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if handle.command(NetCommand::Send { peer: peer(other), message: says(&line) }).is_err() {
                return;
            }
        }
    });
    println!();
    while let Some(event) = events.recv().await {
        match said(&event) {
            Some(text) => println!("said {text}"),
            None => println!("{event:?}"),
        }
    }
}

/// Whether this process is a peer inside; then it ends with its parent.
fn run_inside() -> bool {
    let Ok(role) = std::env::var(CHILD) else { return false };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(inside(&role));
    true
}

fn cable(what: &str) -> Option<Cable> {
    let cable = Cable::new(what);
    if cable.is_none() {
        println!("skipped: making network namespaces needs root and iproute2");
    }
    cable
}

#[test]
fn two_namespaces_find_each_other_by_mdns_and_again_after_a_pulled_cable() {
    if run_inside() {
        return;
    }
    let Some(cable) = cable("m") else { return };
    cable.address();
    let test = "two_namespaces_find_each_other_by_mdns_and_again_after_a_pulled_cable";
    let mut ana = Inside::start(&cable.names[0], test, "1 2");
    let mut ben = Inside::start(&cable.names[1], test, "2 1");
    for peer in [&mut ana, &mut ben] {
        let seen = peer.wait("PeerSeen");
        println!("FIGURE first peer seen by mDNS {:?} after the process started", seen - peer.started);
    }
    ana.tell("before");
    ben.wait("said before");
    for pulled_for in [1000, 3000, 6000].map(Duration::from_millis) {
        cable.plug(false);
        let pulled = Instant::now();
        ana.watch_until(pulled + pulled_for);
        cable.plug(true);
        let back = Instant::now();
        // What is said just before a dead connection is noticed is lost with it, so say it again.
        let heard = loop {
            ana.tell(&format!("after {pulled_for:?}"));
            if let Some(at) = ben.saw_by(&format!("said after {pulled_for:?}"), Duration::from_millis(50)) {
                break at - back;
            }
            assert!(back.elapsed() < PATIENCE, "never heard again: {:#?} {:#?}", ana.saw, ben.saw);
        };
        println!("FIGURE heard again {heard:?} after {pulled_for:?} without a cable");
    }
}

#[test]
fn a_killed_peer_is_gone_from_the_lobby() {
    if run_inside() {
        return;
    }
    let Some(cable) = cable("k") else { return };
    cable.address();
    let test = "a_killed_peer_is_gone_from_the_lobby";
    let mut ana = Inside::start(&cable.names[0], test, "1 3");
    let mut ben = Inside::start(&cable.names[1], test, "2 3");
    ana.wait("PeerSeen");
    ben.wait("PeerSeen");
    let killed = Instant::now();
    ben.child.kill().unwrap();
    let gone = ana.wait("PeerGone") - killed;
    println!("FIGURE a killed peer is gone after {gone:?}");
    let mut again = Inside::start(&cable.names[1], test, "2 3");
    let seen = ana.wait("PeerSeen") - again.started;
    again.wait("PeerSeen");
    println!("FIGURE it is seen again {seen:?} after it started anew");
}

#[test]
fn without_any_network_a_peer_starts_and_meets_others_when_there_is_one() {
    if run_inside() {
        return;
    }
    let Some(cable) = cable("n") else { return };
    let test = "without_any_network_a_peer_starts_and_meets_others_when_there_is_one";
    let mut ana = Inside::start(&cable.names[0], test, "1 2");
    let mut ben = Inside::start(&cable.names[1], test, "2 1 jt0");
    ana.wait("NetworkDown");
    ben.wait("NetworkDown");
    cable.address();
    let up = Instant::now();
    ana.wait("NetworkUp");
    ben.wait("NetworkUp");
    let seen = [&mut ana, &mut ben].map(|peer| peer.wait("PeerSeen") - up);
    println!("FIGURE seen {seen:?} after the network came up");
}

#[test]
fn with_loopback_alone_nothing_leaves_the_machine() {
    if run_inside() {
        return;
    }
    let Some(cable) = cable("l") else { return };
    cable.address();
    let sent = |n: usize| {
        let args = ["netns", "exec", &cable.names[n], "cat", "/sys/class/net/jt0/statistics/tx_packets"];
        let output = Command::new("ip").args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u64>().unwrap()
    };
    let settled = settle(|| sent(0));
    let test = "with_loopback_alone_nothing_leaves_the_machine";
    let mut ana = Inside::start(&cable.names[0], test, "1 2 lo");
    // Whether the network or the first address is told first depends on how fast the kernel is.
    ana.wait("NetworkUp");
    ana.watch_until(Instant::now() + Duration::from_secs(3));
    assert!(ana.saw.iter().any(|line| line.starts_with("Listening")), "{:?}", ana.saw);
    println!("FIGURE packets sent on the cable in 3 s: {}", sent(0) - settled);
    assert!(!ana.saw.iter().any(|line| line.contains("10.77")), "{:?}", ana.saw);
    assert_eq!(sent(0), settled);
}

/// The value once it has not changed for a while: a fresh interface announces itself.
fn settle(mut value: impl FnMut() -> u64) -> u64 {
    let (_never, tick) = mpsc::channel::<()>();
    let mut last = (value(), 0);
    for _ in 0..60 {
        let _timeout = tick.recv_timeout(Duration::from_millis(250));
        let now = value();
        last = if now == last.0 { (now, last.1 + 1) } else { (now, 0) };
        if last.1 >= 16 {
            break;
        }
    }
    last.0
}

//! Peers as processes, with folders of their own; what they say, and what they heard.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use jamtty::audio::wav::Clip;
use jamtty::cli::demo_analysis::{Coding, Comparison, Recording, Span, compare};
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// How long anything may take before the test says what came instead. Not a figure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// Of 10 ms windows: what a machine that freezes now and then may take, far below what any fault of
/// ours would. Peers judged by it hold sound back for [`HELD`], so that no freeze counts.
const DAMAGED_PCT_MAX: f64 = 1.0;

/// Playout delay of peers whose sound is judged: longer than this machine stands still.
pub(crate) const HELD: [&str; 2] = ["--delay", "100"];

/// Folders of one test. Peers that share one find each other on loopback.
pub(crate) struct Room(pub(crate) tempfile::TempDir);

impl Room {
    pub(crate) fn new() -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(room.0.path().join("run")).unwrap();
        room
    }

    /// Someone on loopback.
    pub(crate) fn person(&self, name: &str) -> Person {
        Person {
            name: name.to_owned(),
            place: self.0.path().to_owned(),
            iface: Some("lo"),
            before: Vec::new(),
            env: Vec::new(),
        }
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// How jamtty is started for someone.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) place: PathBuf,
    pub(crate) iface: Option<&'static str>,
    /// The words of the command that runs it somewhere else: in a namespace, on another disk.
    pub(crate) before: Vec<String>,
    pub(crate) env: Vec<(&'static str, String)>,
}

/// What a command wrote, and its exit code.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { out: text(output.stdout), err: text(output.stderr), code: output.status.code().unwrap_or(-1) }
    }

    /// It failed with this code, and said all of these words.
    pub(crate) fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in {self:?}");
        }
        assert!(!self.err.contains("panicked"), "{self:?}");
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

impl Person {
    /// jamtty with these arguments, this person's folders and no other environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let jamtty = env!("CARGO_BIN_EXE_jamtty").to_owned();
        let mut words = self.before.iter().chain([&jamtty]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        command.args(args).args(["--profile", &self.name]);
        if let Some(iface) = self.iface {
            command.args(["--iface", iface]);
        }
        command.env_clear().stdin(Stdio::null()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &self.place).env("TMPDIR", &self.place).env("JAMTTY_NAME", &self.name);
        for (variable, folder) in [
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_RUNTIME_DIR", "run"),
        ] {
            command.env(variable, self.place.join(folder));
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.run_with(args, b"")
    }

    /// With this on stdin.
    pub(crate) fn run_with(&self, args: &[&str], stdin: &[u8]) -> Said {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let read = |mut pipe: Box<dyn Read + Send>| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = pipe.read_to_end(&mut bytes);
                bytes
            })
        };
        let (out, err) =
            (read(Box::new(child.stdout.take().unwrap())), read(Box::new(child.stderr.take().unwrap())));
        // It may refuse before it has read all.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        let until = Instant::now() + PATIENCE;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        // One that does not end by itself has no exit code.
        let _ = child.kill();
        let status = child.wait().unwrap();
        Said::of(Output { status, stdout: out.join().unwrap(), stderr: err.join().unwrap() })
    }

    /// Starts a peer that keeps what it sends and hears.
    pub(crate) fn start(&self, args: &[&str]) -> Peer {
        let tap = self.place.join(format!("tap_{}", self.name));
        let started = Instant::now();
        let mut command = self.command(&[&["peer", "--json", "--tap", tap.to_str().unwrap()], args].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (tx, events) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if tx.send((Instant::now(), event)).is_err() {
                    return;
                }
            }
        });
        let (mut stderr, (said, complaints)) = (child.stderr.take().unwrap(), channel());
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            let _ = said.send(text);
        });
        let socket = self.place.join("run/jamtty").join(format!("{}.sock", self.name));
        let (saw, looked, key) = (Vec::new(), 0, String::new());
        let person = self.clone();
        let mut peer = Peer { person, child, started, events, complaints, saw, looked, key, tap, socket };
        let (_, ready) = peer.wait("ready");
        peer.key = ready["me"]["key"].as_str().unwrap().to_owned();
        peer
    }

    /// Starts a peer that plays one of the house band's loops.
    pub(crate) fn play(&self, sound: &str, args: &[&str]) -> Peer {
        let file = format!("{}/assets/loops/{sound}.wav", env!("CARGO_MANIFEST_DIR"));
        self.start(&[&["--in-file", &file, "--loop"], args].concat())
    }
}

/// A running peer; ended when it is dropped.
pub(crate) struct Peer {
    pub(crate) person: Person,
    child: Child,
    pub(crate) started: Instant,
    events: Receiver<(Instant, Value)>,
    complaints: Receiver<String>,
    saw: Vec<(Instant, Value)>,
    looked: usize,
    /// 64 hex digits.
    pub(crate) key: String,
    pub(crate) tap: PathBuf,
    socket: PathBuf,
}

impl Peer {
    /// The next event of this name, and when it came.
    pub(crate) fn wait(&mut self, name: &str) -> (Instant, Value) {
        self.wait_for(name, |_| true)
    }

    /// The next event of this name about this person.
    pub(crate) fn wait_of(&mut self, name: &str, who: &str) -> (Instant, Value) {
        self.wait_for(name, |event| event["who"]["key"] == *who)
    }

    fn wait_for(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> (Instant, Value) {
        let until = Instant::now() + PATIENCE;
        loop {
            while let Some((at, event)) = self.saw.get(self.looked).cloned() {
                self.looked += 1;
                if event["event"] == *name && wanted(&event) {
                    return (at, event);
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            let Ok(came) = self.events.recv_timeout(left) else {
                let complaints = self.complaints.recv_timeout(Duration::from_millis(200));
                panic!("{}: no {name}; saw {:#?}, said {complaints:?}", self.person.name, self.saw)
            };
            self.saw.push(came);
        }
    }

    /// When the first event of this name came, which it did.
    pub(crate) fn saw_at(&self, name: &str) -> Instant {
        self.saw.iter().find(|(_, event)| event["event"] == *name).unwrap().0
    }

    /// Whether an event of this name came at all.
    pub(crate) fn saw(&mut self, name: &str) -> bool {
        self.saw.extend(self.events.try_iter());
        self.saw.iter().any(|(_, event)| event["event"] == *name)
    }

    /// How many events of this name came.
    pub(crate) fn count(&mut self, name: &str) -> usize {
        self.saw.extend(self.events.try_iter());
        self.saw.iter().filter(|(_, event)| event["event"] == *name).count()
    }

    /// One request by the socket: its data, or its error.
    pub(crate) fn ask(&self, action: &str, args: &[&str]) -> Result<Value, Value> {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        writeln!(stream, "{}", json!({"v": 1, "id": 1, "do": action, "args": args})).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        let mut reply: Value = serde_json::from_str(&line).unwrap();
        if reply["ok"] == true { Ok(reply["data"].take()) } else { Err(reply["error"].take()) }
    }

    pub(crate) fn tell(&self, action: &str, args: &[&str]) -> Value {
        self.ask(action, args).unwrap_or_else(|error| panic!("{action} {args:?}: {error}"))
    }

    /// How this peer sees someone of its jam; null if they are not in it.
    pub(crate) fn sees(&self, who: &str) -> Value {
        let mut status = self.tell("status", &[]);
        let people = status["jam"]["people"].as_array_mut();
        people.into_iter().flatten().find(|one| one["key"] == *who).map_or(Value::Null, Value::take)
    }

    /// The link to someone; null if there is none.
    pub(crate) fn link(&self, who: &str) -> Value {
        let mut links = self.tell("link", &[]);
        let links = links["links"].as_array_mut();
        links.into_iter().flatten().find(|one| one["who"]["key"] == *who).map_or(Value::Null, Value::take)
    }

    /// Something that `doctor` counts.
    pub(crate) fn counted(&self, name: &str) -> u64 {
        let doctor = self.tell("doctor", &[]);
        doctor["counters"][name].as_u64().unwrap_or_else(|| panic!("{name}: {doctor}"))
    }

    /// Whether music comes from someone now.
    pub(crate) fn hears(&self, who: &str) -> bool {
        self.sees(who)["peak_db"].as_f64().is_some_and(|peak| peak > -30.0)
    }

    pub(crate) fn wait_to_hear(&self, who: &Self) -> Instant {
        self.until(&format!("to hear {}", who.person.name), |peer| peer.hears(&who.key))
    }

    /// Waits until this peer is as wanted; gives the moment.
    pub(crate) fn until(&self, what: &str, mut wanted: impl FnMut(&Self) -> bool) -> Instant {
        let until = Instant::now() + PATIENCE;
        while !wanted(self) {
            assert!(
                Instant::now() < until,
                "{} waited in vain {what}: {:#} {:#}",
                self.person.name,
                self.tell("status", &[]),
                self.tell("link", &[])
            );
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Instant::now()
    }

    /// What it wrote to stderr; it must have ended.
    pub(crate) fn complaints(&self) -> String {
        self.complaints.recv_timeout(PATIENCE).unwrap()
    }

    /// Ends it without a word.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until its recordings are whole; gives its folder of them.
    pub(crate) fn end(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let until = Instant::now() + PATIENCE;
            while matches!(self.child.try_wait(), Ok(None)) {
                assert!(Instant::now() < until, "{} does not end", self.person.name);
                std::thread::park_timeout(Duration::from_millis(10));
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// `CLOCK_MONOTONIC`, the same in every process of this machine.
pub(crate) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Lets the music play.
pub(crate) fn play_for(time: Duration) -> Span {
    let (from_ns, until) = (monotonic_ns(), Instant::now() + time);
    while Instant::now() < until {
        std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
    }
    Span { from_ns, to_ns: monotonic_ns() }
}

/// What `to` heard of `from` in this time; both must have ended.
pub(crate) fn compared(from: &Peer, to: &Peer, span: Span) -> Comparison {
    let (sent, heard) = (recording(&from.tap, "sent"), recording(&to.tap, &format!("heard_{}", from.key)));
    let found = compare(&sent, &heard, span, Coding::Opus);
    let found = found.unwrap_or_else(|why| panic!("{} of {}: {why}", to.person.name, from.person.name));
    println!(
        "FIGURE {} heard {}: {:.2} ms added, {:.2} % of {} windows damaged",
        to.person.name,
        from.person.name,
        found.added_delay_ms,
        found.damaged_pct(),
        found.windows
    );
    found
}

/// It was the same sound, and whole.
pub(crate) fn assert_undamaged(from: &Peer, to: &Peer, span: Span) {
    let found = compared(from, to, span);
    assert!(found.damaged_pct() <= DAMAGED_PCT_MAX && found.windows > 50, "{found:?}");
}

fn recording(tap: &Path, name: &str) -> Recording {
    let about = std::fs::read(tap.join("tap.json")).unwrap_or_else(|error| panic!("{tap:?}: {error}"));
    let about: Value = serde_json::from_slice(&about).unwrap();
    let file = format!("{name}.wav");
    let track = about["tracks"].as_array().unwrap().iter().find(|track| track["file"] == *file);
    let track = track.unwrap_or_else(|| panic!("no {file} in {about}"));
    assert_eq!(track["dropped_samples"], 0, "{about}");
    let clip = Clip::read(&tap.join(&file)).unwrap();
    let left = clip.samples.iter().step_by(clip.channels).copied().collect();
    Recording { samples: left, start_ns: track["start_monotonic_ns"].as_u64().unwrap() }
}

/// Milliseconds between two moments, for a figure.
pub(crate) fn ms(from: Instant, to: Instant) -> u128 {
    to.saturating_duration_since(from).as_millis()
}

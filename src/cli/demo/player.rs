//! One peer of the house band: a child process, what it says, and how it is asked to end.

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Failure, Folder};

/// Events kept until they are looked at. A peer that has more of these four in between flaps, and
/// has to wait: nothing is lost.
const EVENTS_MAX: usize = 256;
/// The events the demo goes by.
const EVENTS: [&str; 4] = ["ready", "joined", "join_refused", "link_up"];
/// How often a signal is looked for while waiting.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long starting, finding and joining may take in all, per peer.
const JOIN_WITHIN: Duration = Duration::from_secs(20);
/// How long a peer may take to end.
const END_WITHIN: Duration = Duration::from_secs(5);
/// Lines of a peer's complaints that are shown when it fails.
const COMPLAINTS_SHOWN: usize = 8;

/// One peer of the band.
pub(super) struct Player {
    pub(super) name: &'static str,
    /// 64 hex digits.
    pub(super) key: String,
    pub(super) joined: bool,
    /// Keys of those whose sound comes by UDP.
    pub(super) links: BTreeSet<String>,
    pub(super) tap: PathBuf,
    child: Child,
    events: Receiver<Value>,
    complaints: Receiver<String>,
    /// A signal asked us to end.
    stop: Arc<AtomicBool>,
}

impl Player {
    pub(super) fn start(
        name: &'static str,
        tap: PathBuf,
        mut command: Command,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| Failure {
            code: 1,
            what: format!("cannot start the {name}"),
            why: error.to_string(),
            remedy: "See whether this machine has processes and memory left.",
        })?;
        let (events_tx, events) = sync_channel(EVENTS_MAX);
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || read_events(stdout, &events_tx));
        }
        let (complaints_tx, complaints) = sync_channel(1);
        if let Some(stderr) = child.stderr.take() {
            thread::spawn(move || complaints_tx.send(last_lines(stderr)));
        }
        let (key, links, stop) = (String::new(), BTreeSet::new(), Arc::clone(stop));
        let mut player = Self { name, key, joined: false, links, tap, child, events, complaints, stop };
        player.wait_until("start", |player| !player.key.is_empty())?;
        Ok(player)
    }

    /// Waits until the events of this peer have made it so.
    pub(super) fn wait_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<(), Failure> {
        let until = Instant::now() + JOIN_WITHIN;
        while !is_so(self) {
            if !self.take_event(until, what)? {
                return Err(self.failed(what, &format!("not within {} s", JOIN_WITHIN.as_secs())));
            }
        }
        Ok(())
    }

    /// Lets time pass; a peer that ends before is a failure.
    pub(super) fn listen_until(&mut self, until: Instant) -> Result<(), Failure> {
        while self.take_event(until, "play on")? {}
        Ok(())
    }

    /// Takes the next event; false when the time is over.
    fn take_event(&mut self, until: Instant, what: &str) -> Result<bool, Failure> {
        let event = loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Failure::stopped());
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left.min(LOOK_EVERY)) {
                Ok(event) => break event,
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Ok(false),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.failed(what, "the peer ended")),
            }
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match event["event"].as_str() {
            Some("ready") => self.key = text(&event["me"]["key"]),
            Some("joined") => self.joined = true,
            Some("link_up") => {
                self.links.insert(text(&event["who"]["key"]));
            }
            Some("join_refused") => return Err(self.failed(what, &text(&event["error"]["what"]))),
            _ => {}
        }
        Ok(true)
    }

    /// Asks this peer through the command line, as a person would.
    pub(super) fn ask(&self, folder: &Folder, command: &str) -> Result<Value, Failure> {
        let output = folder.command(self.name)?.arg(command).output();
        let output = output.map_err(|error| self.failed("answer", &error.to_string()))?;
        serde_json::from_slice(&output.stdout)
            .map_err(|_| self.failed("answer", String::from_utf8_lossy(&output.stderr).trim()))
    }

    /// Asks it to end and waits until its recordings are whole.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // One that has ended already is as good.
            let _ = kill_process(pid, Signal::TERM);
        }
        let until = Instant::now() + END_WITHIN;
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(self.failed("end", &format!("not within {} s", END_WITHIN.as_secs())));
                }
            }
        }
        self.child.wait().map(drop).map_err(|error| self.failed("end", &error.to_string()))
    }

    fn failed(&self, what: &str, why: &str) -> Failure {
        // Ctrl-C reaches the whole band: a peer may have gone before we have looked.
        if self.stop.load(Ordering::Relaxed) {
            return Failure::stopped();
        }
        // Written by the time the peer is gone; one that hangs has not said it all.
        let said = self.complaints.recv_timeout(Duration::from_millis(200)).unwrap_or_default();
        let why = if said.is_empty() { why.to_owned() } else { format!("{why}; it said:\n{said}\n") };
        Failure {
            code: 1,
            what: format!("the {} could not {what}", self.name),
            why,
            remedy: "Try jamtty doctor.",
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // Of an early end: nothing of the band outlives the demo.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn read_events(stdout: impl Read, events: &SyncSender<Value>) {
    for line in BufReader::new(stdout).lines() {
        let Ok(line) = line else { return };
        let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
        // What is not waited for is not kept, so that a talkative peer never waits for us.
        let is_waited_for = event["event"].as_str().is_some_and(|name| EVENTS.contains(&name));
        if is_waited_for && events.send(event).is_err() {
            return;
        }
    }
}

fn last_lines(stderr: ChildStderr) -> String {
    let mut lines = VecDeque::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if lines.len() == COMPLAINTS_SHOWN {
            lines.pop_front();
        }
        lines.push_back(format!("  {line}"));
    }
    Vec::from(lines).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A player that is a shell script: what it says is what a peer could say.
    fn scripted(script: &str) -> Result<Player, Failure> {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        Player::start("drums", PathBuf::new(), command, &Arc::new(AtomicBool::new(false)))
    }

    const READY: &str = r#"echo '{"v":1,"event":"ready","me":{"key":"ab","name":"drums"}}';"#;

    #[test]
    fn a_player_is_followed_by_its_events_and_ends_when_asked() -> Result<(), String> {
        let script = format!(
            r#"{READY} echo '{{"event":"levels"}}'; echo '{{"event":"joined"}}'; echo not json;
               for key in c d c; do echo "{{\"event\":\"link_up\",\"who\":{{\"key\":\"$key\"}}}}"; done; exec sleep 60"#
        );
        let mut player = scripted(&script).map_err(|failure| failure.what)?;
        assert_eq!(player.key, "ab");
        player.wait_until("join", |player| player.joined).map_err(|failure| failure.what)?;
        player.wait_until("hear", |player| player.links.len() == 2).map_err(|failure| failure.what)?;
        player.end().map_err(|failure| failure.what)
    }

    #[test]
    fn a_player_that_ends_early_is_a_failure_in_its_own_words() {
        let failure = scripted("echo 'jamtty: no card' >&2; exit 74").err();
        assert!(failure.is_some_and(|failure| failure.why.contains("jamtty: no card")));
    }

    #[test]
    fn a_refused_player_says_why() -> Result<(), String> {
        let refused = r#"echo '{"event":"join_refused","error":{"what":"the jam is full"}}'; exec sleep 60"#;
        let mut player = scripted(&format!("{READY} {refused}")).map_err(|failure| failure.what)?;
        let failure = player.wait_until("join", |player| player.joined).err().ok_or("joined")?;
        assert_eq!(failure.why, "the jam is full");
        Ok(())
    }

    #[test]
    fn a_peer_that_the_same_signal_ended_is_no_failure_of_its_own() -> Result<(), String> {
        let player = scripted(&format!("{READY} exec sleep 60")).map_err(|failure| failure.what)?;
        player.stop.store(true, Ordering::Relaxed);
        assert_eq!(player.failed("play on", "the peer ended").code, 130);
        Ok(())
    }

    #[test]
    fn a_signal_ends_the_waiting() -> Result<(), String> {
        let mut player = scripted(&format!("{READY} exec sleep 60")).map_err(|failure| failure.what)?;
        player.stop.store(true, Ordering::Relaxed);
        let failure = player.wait_until("join", |player| player.joined).err().ok_or("joined")?;
        assert_eq!(failure.code, 130);
        Ok(())
    }
}

//! A real terminal around the real binary: what it shows, what is typed, what is left when it ends.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use serde_json::Value;

/// How long anything may take before the test says what was shown instead. Not a figure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// The program: the one that was built with the tests, or the one that `make figures` measures.
pub(crate) fn binary() -> &'static str {
    static BINARY: OnceLock<String> = OnceLock::new();
    BINARY.get_or_init(|| {
        std::env::var("JAMTTY_MEASURED").unwrap_or_else(|_| env!("CARGO_BIN_EXE_jamtty").to_owned())
    })
}

/// Folders of one test, and the peers in it.
pub(crate) struct Room {
    folder: tempfile::TempDir,
    peers: Mutex<Vec<Child>>,
}

impl Room {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("run")).unwrap();
        Self { folder, peers: Mutex::new(Vec::new()) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Nothing of the tests' own environment but what a program needs.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let at = |folder: &str| self.path().join(folder).to_string_lossy().into_owned();
        let pairs = [
            ("HOME", at("")),
            ("TMPDIR", at("")),
            ("XDG_CONFIG_HOME", at("config")),
            ("XDG_DATA_HOME", at("data")),
            ("XDG_STATE_HOME", at("state")),
            ("XDG_RUNTIME_DIR", at("run")),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("TERM", "xterm-256color".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    /// jamtty in this room, without a terminal.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).env_clear().envs(self.environment()).stdin(Stdio::null());
        command
    }

    /// Starts a headless peer and waits until it answers.
    pub(crate) fn peer(&self, name: &str, args: &[&str]) {
        let mut command = self.command(&["peer", "--profile", name, "--iface", "lo", "-q"]);
        command.args(args).env("JAMTTY_NAME", name).stdout(Stdio::null()).stderr(Stdio::null());
        self.peers.lock().unwrap().push(command.spawn().unwrap());
        self.wait_for(name, |status| status["card"].is_object());
    }

    /// Starts a headless peer and gives what it plays: raw samples, as its card would have had them.
    pub(crate) fn peer_heard(&self, name: &str, args: &[&str]) -> ChildStdout {
        let mut command =
            self.command(&["peer", "--profile", name, "--iface", "lo", "-q", "--out-file", "-"]);
        command.args(args).env("JAMTTY_NAME", name).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let heard = child.stdout.take().unwrap();
        self.peers.lock().unwrap().push(child);
        self.wait_for(name, |status| status["card"].is_object());
        heard
    }

    /// Asks a peer as a script would.
    pub(crate) fn ask(&self, profile: &str, args: &[&str]) -> Option<Value> {
        let output = self.command(args).args(["--profile", profile, "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).ok()
    }

    /// Waits until a peer's status says so.
    pub(crate) fn wait_for(&self, profile: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.ask(profile, &["status"]);
            if let Some(status) = status.as_ref().filter(|status| is_so(status)) {
                return status.clone();
            }
            assert!(Instant::now() < until, "{profile}: {status:?}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// The first steps were done before.
    pub(crate) fn welcomed(&self, profile: &str) {
        let state: PathBuf = self.path().join("state/jamtty").join(profile);
        std::fs::create_dir_all(&state).unwrap();
        std::fs::write(state.join("welcomed"), b"").unwrap();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Those that a screen has started outlive it on purpose, a test that failed too.
        let sockets = std::fs::read_dir(self.path().join("run/jamtty")).into_iter().flatten().flatten();
        for socket in sockets {
            let name = socket.file_name().to_string_lossy().into_owned();
            if let Some(profile) = name.strip_suffix(".sock") {
                let _ = self.command(&["quit", "--profile", profile]).output();
            }
        }
        for peer in self.peers.lock().unwrap().iter_mut() {
            let _ = peer.kill();
            let _ = peer.wait();
        }
    }
}

/// "Where is the cursor?", which every terminal answers.
const CURSOR_WHERE: &[u8] = b"\x1b[6n";

/// What a terminal has got so far.
struct Shown {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    ended: bool,
    /// Nobody reads any more.
    stopped: bool,
}

/// Given as environment: the terminal draws lines two columns wide.
pub(crate) const WIDE: (&str, &str) = ("TEST_TERMINAL", "wide");

/// A terminal with a program in it.
pub(crate) struct Tty {
    master: Box<dyn MasterPty + Send>,
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}

impl Tty {
    /// Starts `words` in a terminal of this size.
    pub(crate) fn start(room: &Room, size: (u16, u16), words: &[&str], env: &[(&str, &str)]) -> Self {
        let size = PtySize { cols: size.0, rows: size.1, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(words[0]);
        command.args(&words[1..]);
        command.env_clear();
        command.cwd(room.path());
        for (name, value) in room.environment() {
            command.env(name, value);
        }
        for (name, value) in env {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = vt100::Parser::new(cells(size.rows), cells(size.cols), 0);
        let shown = Arc::new((
            Mutex::new(Shown { parser, bytes: Vec::new(), ended: false, stopped: false }),
            Condvar::new(),
        ));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = Arc::new(Mutex::new(pair.master.take_writer().unwrap()));
        let answers = Arc::clone(&writer);
        let fed = Arc::clone(&shown);
        // A terminal that draws lines two columns wide, where a test wants one.
        let wider = u16::from(env.contains(&WIDE));
        std::thread::spawn(move || {
            let mut block = [0; 8192];
            loop {
                let count = reader.read(&mut block).unwrap_or(0);
                let mut shown = fed.0.lock().unwrap();
                shown.parser.process(&block[..count]);
                shown.bytes.extend_from_slice(&block[..count]);
                shown.ended |= count == 0;
                if block[..count].windows(CURSOR_WHERE.len()).any(|bytes| bytes == CURSOR_WHERE) {
                    let (row, column) = shown.parser.screen().cursor_position();
                    let answer = format!("\x1b[{};{}R", row + 1, column + wider + 1);
                    let _ = answers.lock().unwrap().write_all(answer.as_bytes());
                }
                fed.1.notify_all();
                if count == 0 || shown.stopped {
                    return;
                }
            }
        });
        Self { master: pair.master, writer, child, shown }
    }

    /// jamtty in a terminal.
    pub(crate) fn jamtty(room: &Room, size: (u16, u16), args: &[&str]) -> Self {
        let words: Vec<&str> = std::iter::once(binary()).chain(args.iter().copied()).collect();
        Self::start(room, size, &words, &[])
    }

    /// Types these bytes.
    pub(crate) fn types(&mut self, keys: &str) {
        let mut writer = self.writer.lock().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Waits until what is shown is so.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        let until = Instant::now() + PATIENCE;
        let mut shown = self.shown.0.lock().unwrap();
        while !is_so(shown.parser.screen()) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !shown.ended,
                "no {what}; shown:\n{}",
                shown.parser.screen().contents()
            );
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
    }

    /// Waits until this text is shown.
    pub(crate) fn sees(&self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    /// Waits until this text is gone.
    pub(crate) fn misses(&self, text: &str) {
        self.wait(&format!("end of {text}"), |screen| !screen.contents().contains(text));
    }

    /// What is shown now.
    pub(crate) fn contents(&self) -> String {
        self.shown.0.lock().unwrap().parser.screen().contents()
    }

    /// Everything the program wrote.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.shown.0.lock().unwrap().bytes.clone()
    }

    /// From here on the terminal takes nothing, as one that hangs.
    pub(crate) fn stops_reading(&self) {
        self.shown.0.lock().unwrap().stopped = true;
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.shown.0.lock().unwrap().parser.set_size(cells(rows), cells(columns));
        self.master.resize(PtySize { cols: columns, rows, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.process_id().unwrap()).unwrap()
    }

    /// Waits until the program has ended; its exit code.
    pub(crate) fn ends(mut self) -> (u32, Vec<u8>) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.exit_code(), self.bytes());
            }
            assert!(Instant::now() < until, "it does not end:\n{}", self.contents());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

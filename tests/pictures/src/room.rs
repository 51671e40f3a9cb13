//! A machine of its own for the run: no network but its loopback, no home but Ana's, no process that outlives it.
//!
//! So a picture shows neither whose machine made it nor who else is on its network, and nobody there sees the run.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;

use crate::Outcome;
use crate::terminal::Terminal;

/// Whose machine the pictures show.
pub(crate) const HOME: &str = "/home/ana";
/// What the run needs of the real machine is bound here: `/home` is hidden, and may be where it all is.
const STAGE: &str = "/mnt";
/// Set in the program that runs inside.
const INSIDE: &str = "JAMTTY_PICTURES_INSIDE";
/// How long a peer may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// What plays instead of musicians.
pub(crate) const LOOPS: [&str; 3] = ["drums.wav", "bass.wav", "keys.wav"];

/// What is given to the run.
pub(crate) struct Given {
    /// The program.
    pub(crate) program: PathBuf,
    /// Folder of the loops.
    pub(crate) loops: PathBuf,
    /// Folder for the pictures.
    pub(crate) pictures: PathBuf,
}

/// Whether this program already runs inside.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs this program again, inside. Its end ends every process there. Returns only if that cannot be.
pub(crate) fn enter(given: &Given) -> Outcome {
    let this = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let failed = |why: &str| format!("cannot have a room of its own: {why}");
    // Tried first: what unshare says of itself has no remedy in it.
    let tried = unshare().arg("true").output();
    let tried =
        tried.map_err(|error| failed(&format!("unshare: {error}. Install the package util-linux")))?;
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr);
        return Err(failed(&format!("{}. Run it as root", why.trim())));
    }
    let mut command = unshare();
    command.arg(this).args([&given.program, &given.loops, &given.pictures]).env(INSIDE, "1");
    Err(failed(&command.exec().to_string()))
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "--pid", "--mount-proc", "--fork", "--kill-child"]);
    // Root may do all that, and keeps its right to real-time priority; others are root in the room alone.
    if !is_root() {
        command.arg("--map-root-user");
    }
    command
}

fn is_root() -> bool {
    let own = fs::metadata("/proc/self").map(|about| std::os::unix::fs::MetadataExt::uid(&about));
    own.is_ok_and(|user| user == 0)
}

/// The folders and the programs in them.
pub(crate) struct Room {
    peers: Vec<Child>,
}

impl Room {
    /// Furnishes the inside; `pictures` of the given is a folder inside from here on.
    pub(crate) fn furnish(given: &mut Given) -> Outcome<Self> {
        must("ip", &["link", "set", "lo", "up"])?;
        mount(&["-t", "tmpfs", "-o", "mode=755", "none", STAGE])?;
        let stage = Path::new(STAGE);
        let bind = |from: &Path, name: &str| {
            let to = stage.join(name);
            let made = if from.is_dir() { fs::create_dir(&to) } else { fs::write(&to, b"") };
            made.map_err(|error| format!("cannot make {}: {error}", to.display()))?;
            mount(&["--bind", &from.to_string_lossy(), &to.to_string_lossy()])?;
            Ok::<_, String>(to)
        };
        given.program = bind(&given.program, "jamtty")?;
        given.loops = bind(&given.loops, "loops")?;
        given.pictures = bind(&given.pictures, "pictures")?;
        mount(&["-t", "tmpfs", "-o", "mode=755", "none", "/home"])?;
        for folder in ["", "run", "tmp"] {
            let folder = Path::new(HOME).join(folder);
            fs::create_dir_all(&folder)
                .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        }
        for name in LOOPS {
            let copied = fs::copy(given.loops.join(name), Path::new(HOME).join(name));
            copied.map_err(|error| format!("cannot copy the loop {name}: {error}"))?;
        }
        Ok(Self { peers: Vec::new() })
    }

    /// jamtty as a person here starts it.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args).env_clear().envs(environment()).current_dir(HOME).stdin(Stdio::null());
        command
    }

    /// Starts a peer without a screen, and waits until it answers.
    pub(crate) fn peer(&mut self, profile: &str, args: &[&str]) -> Outcome {
        let mut command = self.command(&["peer", "--profile", profile, "--iface", "lo", "-q"]);
        let started = command.args(args).stdout(Stdio::null()).spawn();
        self.peers.push(started.map_err(|error| format!("cannot start {}: {error}", program()))?);
        self.until(profile, &["status"], |said| said.contains("mic"))
    }

    /// Which process a peer is, by the order they were started in.
    pub(crate) fn process(&self, index: usize) -> Outcome<u32> {
        self.peers.get(index).map(Child::id).ok_or_else(|| format!("there is no peer number {index}"))
    }

    /// Asks a peer from the command line, until its answer is so.
    pub(crate) fn until(&self, profile: &str, args: &[&str], is_so: impl Fn(&str) -> bool) -> Outcome {
        let until = Instant::now() + PATIENCE;
        loop {
            let answered = self.command(args).args(["--profile", profile]).output();
            let answered = answered.map_err(|error| format!("cannot start {}: {error}", program()))?;
            let said = String::from_utf8_lossy(&answered.stdout);
            if answered.status.success() && is_so(&said) {
                return Ok(());
            }
            if Instant::now() > until {
                let complaint = String::from_utf8_lossy(&answered.stderr);
                return Err(format!(
                    "{profile} does not do what was waited for: {args:?}\n{said}{complaint}"
                ));
            }
            thread::park_timeout(ASK_EVERY);
        }
    }

    /// Lets a peer do something.
    pub(crate) fn does(&self, profile: &str, args: &[&str]) -> Outcome {
        self.until(profile, args, |_| true)
    }

    /// jamtty in a terminal.
    pub(crate) fn screen(&self, size: (u16, u16), args: &[&str]) -> Outcome<Terminal> {
        let mut command = CommandBuilder::new(program());
        command.args(args);
        command.env_clear();
        command.cwd(HOME);
        for (name, value) in environment() {
            command.env(name, value);
        }
        Terminal::start(command, size)
    }

    /// Writes a config of the screen's looks; its path.
    pub(crate) fn look(&self, name: &str, lines: &str) -> Outcome<String> {
        let file = format!("{HOME}/{name}.toml");
        fs::write(&file, format!("[ui]\n{lines}\n"))
            .map_err(|error| format!("cannot write {file}: {error}"))?;
        Ok(file)
    }
}

fn program() -> String {
    format!("{STAGE}/jamtty")
}

/// Nothing of the real environment.
fn environment() -> [(&'static str, String); 8] {
    [
        ("HOME", HOME.to_owned()),
        ("TMPDIR", format!("{HOME}/tmp")),
        ("XDG_RUNTIME_DIR", format!("{HOME}/run")),
        ("PATH", "/usr/bin:/bin".to_owned()),
        ("TERM", "xterm-256color".to_owned()),
        ("COLORTERM", "truecolor".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TZ", "UTC".to_owned()),
    ]
}

fn mount(args: &[&str]) -> Outcome {
    must("mount", args)
}

fn must(program: &str, args: &[&str]) -> Outcome {
    let done = Command::new(program).args(args).output();
    let done = done.map_err(|error| format!("cannot run {program}: {error}. Install iproute2 and mount"))?;
    if done.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&done.stderr);
    Err(format!("{program} {}: {}", args.join(" "), why.trim()))
}

//! A terminal with the real program in it: keys go in, cells come out.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::Outcome;

/// How long anything may take before it is said what was shown instead.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of one frame come closer together than this; frames do not.
const BETWEEN: Duration = Duration::from_millis(15);
/// How long such a gap is looked for.
const GAP_WITHIN: Duration = Duration::from_millis(500);
/// "Where is the cursor?", which every terminal answers.
const CURSOR_WHERE: &[u8] = b"\x1b[6n";

/// What a terminal has got so far.
struct Shown {
    parser: vt100::Parser,
    /// When the last bytes came.
    at: Instant,
    ended: bool,
}

/// The cells, and a bell that rings when they change.
type Glass = Arc<(Mutex<Shown>, Condvar)>;

/// A terminal and its program. The program ends with the room it is in.
pub(crate) struct Terminal {
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    glass: Glass,
    // Closed, it would hang up.
    _master: Box<dyn MasterPty + Send>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done by who panicked with it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Terminal {
    /// Starts `command` in a terminal of `columns` and `rows`.
    pub(crate) fn start(command: CommandBuilder, (columns, rows): (u16, u16)) -> Outcome<Self> {
        let failed = |what: &str| format!("cannot open a terminal: {what}");
        let size = PtySize { cols: columns, rows, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).map_err(|error| failed(&error.to_string()))?;
        pair.slave.spawn_command(command).map_err(|error| failed(&error.to_string()))?;
        drop(pair.slave);
        let cells = |count| NonZeroU16::new(count).ok_or_else(|| failed("it has no size"));
        let parser = vt100::Parser::new(cells(rows)?, cells(columns)?, 0);
        let shown = Shown { parser, at: Instant::now(), ended: false };
        let glass: Glass = Arc::new((Mutex::new(shown), Condvar::new()));
        let reader = pair.master.try_clone_reader().map_err(|error| failed(&error.to_string()))?;
        let writer = pair.master.take_writer().map_err(|error| failed(&error.to_string()))?;
        let writer = Arc::new(Mutex::new(writer));
        let (fed, answers) = (Arc::clone(&glass), Arc::clone(&writer));
        thread::spawn(move || feed(reader, &fed, &answers));
        Ok(Self { writer, glass, _master: pair.master })
    }

    /// Types these bytes.
    pub(crate) fn types(&self, keys: &str) -> Outcome {
        let mut writer = locked(&self.writer);
        let typed = writer.write_all(keys.as_bytes()).and_then(|()| writer.flush());
        typed.map_err(|error| format!("cannot type {keys:?}: {error}"))
    }

    /// Waits until what is shown is so.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&str) -> bool) -> Outcome {
        let until = Instant::now() + PATIENCE;
        let mut shown = locked(&self.glass.0);
        loop {
            let contents = shown.parser.screen().contents();
            if is_so(&contents) {
                return Ok(());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || shown.ended {
                return Err(format!("waited for {what} in vain; the terminal shows:\n{contents}"));
            }
            let waited = self.glass.1.wait_timeout(shown, left);
            shown = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until this text is shown.
    pub(crate) fn sees(&self, text: &str) -> Outcome {
        self.wait(&format!("{text:?}"), |contents| contents.contains(text))
    }

    /// Closes what lies over the screen, and waits until this text is gone with it: a key that follows Esc too soon is
    /// read as one with Alt.
    pub(crate) fn closes(&self, text: &str) -> Outcome {
        self.types("\x1b")?;
        self.wait(&format!("the end of {text:?}"), |contents| !contents.contains(text))
    }

    /// What is shown, between two frames where it moves: a screen is written in one piece, but may be read in two.
    pub(crate) fn screen(&self) -> vt100::Screen {
        let until = Instant::now() + GAP_WITHIN;
        let mut shown = locked(&self.glass.0);
        loop {
            let now = Instant::now();
            let quiet = now.saturating_duration_since(shown.at);
            if quiet >= BETWEEN || now >= until {
                return shown.parser.screen().clone();
            }
            let waited = self.glass.1.wait_timeout(shown, BETWEEN - quiet);
            shown = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Shows what the program writes, and answers what it asks.
fn feed(mut reader: Box<dyn Read + Send>, glass: &Glass, answers: &Mutex<Box<dyn Write + Send>>) {
    let mut block = [0; 8192];
    loop {
        let count = reader.read(&mut block).unwrap_or(0);
        let mut shown = locked(&glass.0);
        shown.parser.process(&block[..count]);
        shown.at = Instant::now();
        shown.ended |= count == 0;
        if block[..count].windows(CURSOR_WHERE.len()).any(|bytes| bytes == CURSOR_WHERE) {
            let (row, column) = shown.parser.screen().cursor_position();
            // A program that is gone needs no answer.
            let _ = locked(answers).write_all(format!("\x1b[{};{}R", row + 1, column + 1).as_bytes());
        }
        glass.1.notify_all();
        if count == 0 {
            return;
        }
    }
}

//! The terminal: raw mode, the alternate screen, and its way back on every exit. Nothing else names crossterm.
//!
//! World: worker. Frames are written by a thread of their own, so that a terminal that takes nothing
//! (a stopped reader, a stalled connection) stops the drawing and nothing else.

mod encode;
mod keys;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use rustix::stdio::stdout;

use super::look::ColorDepth;
use super::named;
use encode::Encoder;

pub(super) use keys::{Input, read_input};

/// Alternate screen, no cursor, bracketed paste, blank.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[0m\x1b[2J\x1b[H";
/// The opposite, in the opposite order; the mouse too, whoever has it.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[?1006l\x1b[?1000l\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?1049l";
/// Presses and the wheel come to us, in the form that knows more than 223 columns.
const MOUSE: &[u8] = b"\x1b[?1000h\x1b[?1006h";
/// The terminal's own selection works again.
const NO_MOUSE: &[u8] = b"\x1b[?1006l\x1b[?1000l";
/// A character that is one column wide or two, by the terminal's own idea, in the corner; and the corner blank again.
const PROBE: &[u8] = "\x1b[H\u{2500}".as_bytes();
const PROBED: &[u8] = b"\x1b[H\x1b[K";
const CLEAR: &[u8] = b"\x1b[0m\x1b[2J\x1b[H";
/// How long a terminal that takes nothing is waited for on the way out.
const LEAVE_WITHIN: Duration = Duration::from_millis(120);

/// The terminal is ours, and must be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Columns and rows; 80 by 24 where the terminal does not say.
pub(super) fn size() -> (u16, u16) {
    crossterm::terminal::size().unwrap_or((80, 24))
}

/// Takes the terminal. [`give_back`] is its opposite.
///
/// # Errors
/// If it is none.
pub(super) fn take() -> io::Result<()> {
    crossterm::terminal::enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    write_within(ENTER, LEAVE_WITHIN);
    Ok(())
}

/// Whether this terminal draws lines and blocks two columns wide, as some do for the languages of East Asia. One that does
/// not say where its cursor is (it is asked for two seconds) draws them as all others do.
pub(super) fn draws_lines_wide() -> bool {
    write_within(PROBE, LEAVE_WITHIN);
    let place = crossterm::cursor::position();
    write_within(PROBED, LEAVE_WITHIN);
    place.is_ok_and(|(column, _)| column > 1)
}

/// Gives the terminal back as it was; safe to call at any time, from any thread, more than once.
pub(super) fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        write_within(LEAVE, LEAVE_WITHIN);
        // Nothing more can be done about it than the user's own `reset`.
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// Any panic, on any thread, gives the terminal back before its words are printed.
pub(super) fn give_back_on_panic(and_then: impl Fn() + Send + Sync + 'static) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        give_back();
        before(info);
        and_then();
    }));
}

/// Writes, but waits no longer than this: a terminal that takes nothing keeps nobody here.
fn write_within(bytes: &'static [u8], limit: Duration) {
    let (done, waited) = sync_channel(1);
    named("terminal", move || {
        write_all(bytes);
        let _ = done.send(());
    });
    let _ = waited.recv_timeout(limit);
}

/// To the terminal itself, past the lock of std's stdout, which a blocked writer holds.
fn write_all(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match rustix::io::write(stdout(), bytes) {
            Ok(0) => return false,
            Ok(count) => bytes = &bytes[count..],
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(_) => return false,
        }
    }
    true
}

/// What is shown, and the thread that shows it.
#[derive(Debug)]
pub(super) struct Display {
    shown: Buffer,
    next: Buffer,
    encoder: Encoder,
    frames: SyncSender<Vec<u8>>,
    idle: Receiver<()>,
    busy: bool,
    clear: bool,
    /// Goes before the next frame.
    before: Vec<u8>,
}

impl Display {
    /// A blank screen of this size; `idle` is called by the writing thread whenever it has nothing left.
    pub(super) fn new(size: (u16, u16), depth: ColorDepth, idle: impl Fn() + Send + 'static) -> Self {
        let area = Rect::new(0, 0, size.0, size.1);
        let (frames, inbox) = sync_channel::<Vec<u8>>(1);
        let (told, idle_inbox) = sync_channel(1);
        named("frames", move || {
            while let Ok(bytes) = inbox.recv() {
                // The last words go out even if the screen is given back meanwhile: they are harmless then.
                if TAKEN.load(Ordering::SeqCst) {
                    write_all(&bytes);
                }
                let _ = told.send(());
                idle();
            }
        });
        Self {
            shown: Buffer::empty(area),
            next: Buffer::empty(area),
            encoder: Encoder::new(depth),
            frames,
            idle: idle_inbox,
            busy: false,
            clear: false,
            before: Vec::new(),
        }
    }

    /// Everything is drawn anew, on this many columns and rows.
    pub(super) fn resize(&mut self, size: (u16, u16)) {
        let area = Rect::new(0, 0, size.0, size.1);
        self.shown = Buffer::empty(area);
        self.next = Buffer::empty(area);
        self.clear = true;
    }

    /// Takes the mouse from the terminal, or gives it back.
    pub(super) fn mouse(&mut self, ours: bool) {
        self.before.extend_from_slice(if ours { MOUSE } else { NO_MOUSE });
    }

    /// Draws what is different from what is shown; does nothing while the terminal has not taken the last frame.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) {
        if self.idle.try_recv().is_ok() {
            self.busy = false;
        }
        if self.busy {
            return;
        }
        self.next.reset();
        draw(&mut self.next);
        let mut bytes = std::mem::take(&mut self.before);
        if std::mem::take(&mut self.clear) {
            bytes.extend_from_slice(CLEAR);
            self.encoder.forget();
        }
        self.encoder.frame(&self.shown, &self.next, &mut bytes);
        std::mem::swap(&mut self.shown, &mut self.next);
        if !bytes.is_empty() {
            self.busy = self.frames.try_send(bytes).is_ok();
        }
    }

    /// Waits until the last frame is out, but not for ever.
    pub(super) fn settle(&mut self) {
        if self.busy && self.idle.recv_timeout(LEAVE_WITHIN) != Err(RecvTimeoutError::Timeout) {
            self.busy = false;
        }
    }
}

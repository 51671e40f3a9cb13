//! The screen: one more client of the peer's local socket. Killing it never stops the music.
//!
//! `update` is a function of the model, the time and a message; `screens` draw the model; this file
//! is the loop around them. Threads: the loop itself, one that reads keys, one that writes frames
//! (`terminal`), two for the socket (`client`), one for signals. World: worker.

pub mod action;
pub mod canvas;
mod client;
#[cfg(test)]
mod fixture;
pub mod history;
pub mod key;
pub mod keymap;
pub mod look;
pub mod message;
pub mod meters;
pub mod model;
pub mod mouse;
mod overlays;
pub mod screens;
mod terminal;
pub mod update;
pub mod why;
pub mod widgets;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use crate::clock;
use crate::domain::time::Timestamp;
use crate::paths::Paths;
use crate::peer::api::{ErrorCode, ErrorReply};
use client::PeerClient;
use look::ColorDepth;
use message::{Effect, How, Message, PeerNews};
use model::{Model, Start};
use terminal::Display;
use update::update;

/// How the screen is opened.
#[derive(Debug)]
pub struct Options {
    /// Of the peer.
    pub paths: Paths,
    /// What it shows first.
    pub start: Start,
    /// How many colours.
    pub depth: ColorDepth,
    /// The charset was guessed: the terminal is asked how wide it draws.
    pub probe: bool,
    /// The peer that was started for it; its end before the first answer is said.
    pub child: Option<StartedPeer>,
    /// Starts the house band.
    pub band: Command,
    /// Made when the first steps are done.
    pub welcomed: PathBuf,
}

/// A peer that was started for this screen.
#[derive(Debug)]
pub struct StartedPeer {
    /// Gets what it complained of when it ends: code and words.
    pub ended: Receiver<(Option<i32>, String)>,
}

/// How the screen closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// As it was told to.
    Quit,
    /// By this signal.
    Signal(i32),
    /// By a bug on one of its threads, which has been reported.
    Bug,
    /// The peer that was started for it did not come up: its code and its words.
    NoPeer(Option<i32>, String),
}

/// Everything that comes to the loop.
enum Inlet {
    Message(Message),
    Signal(i32),
    TerminalGone,
    /// The terminal has taken a frame: another may be drawn.
    Written,
    PeerEnded(Option<i32>, String),
    Bug,
}

/// What may wait for the loop. When it is full whoever sends waits; the peer then stops telling this client, and
/// nobody else notices.
const INLETS_MAX: usize = 256;
/// Messages taken before a frame is drawn: a flood of them must not keep the screen from being drawn.
const TAKEN_MAX: usize = 64;
/// How long requests may take to get out when the screen closes.
const CLOSE_WITHIN: Duration = Duration::from_millis(100);

/// Opens the screen and runs it until it is closed.
///
/// # Errors
/// If there is no terminal that could show it.
pub fn run(mut options: Options) -> Result<Closed, ErrorReply> {
    let (inlets, inbox) = sync_channel(INLETS_MAX);
    let bug = inlets.clone();
    // Without waiting: the thread that has the bug may be the one that reads.
    terminal::give_back_on_panic(move || drop(bug.try_send(Inlet::Bug)));
    terminal::take().map_err(|error| {
        ErrorReply::new(
            ErrorCode::Failed,
            "this terminal cannot show the screen",
            error.to_string(),
            "Use another terminal, or the command line: `jamtty help`",
        )
    })?;
    if options.probe && terminal::draws_lines_wide() {
        options.start.look.charset = look::Charset::Ascii;
    }
    let closed = Screen::new(options, &inlets).run(&inbox, &inlets);
    terminal::give_back();
    Ok(closed)
}

struct Screen {
    model: Model,
    display: Display,
    client: PeerClient,
    band: Option<Child>,
    band_command: Command,
    welcomed: PathBuf,
    /// What we tell ourselves: the queue of the others may be full.
    own: VecDeque<Message>,
    /// We stopped ourselves, and the signal that went us on is still to come.
    stopped: bool,
}

impl Screen {
    fn new(options: Options, inlets: &SyncSender<Inlet>) -> Self {
        let size = terminal::size();
        let written = inlets.clone();
        let display = Display::new(size, options.depth, move || drop(written.send(Inlet::Written)));
        let news = client::into(inlets, |news| Inlet::Message(Message::Peer(news)));
        let client = PeerClient::start(options.paths, news);
        if let Some(child) = options.child {
            let ended = inlets.clone();
            named("its-peer", move || {
                if let Ok((code, words)) = child.ended.recv() {
                    let _ = ended.send(Inlet::PeerEnded(code, words));
                }
            });
        }
        read_keys(inlets.clone());
        read_signals(inlets.clone());
        Self {
            model: Model::new(options.start, size),
            display,
            client,
            band: None,
            band_command: options.band,
            welcomed: options.welcomed,
            own: VecDeque::new(),
            stopped: false,
        }
    }

    fn run(mut self, inbox: &Receiver<Inlet>, inlets: &SyncSender<Inlet>) -> Closed {
        let mut was_up = false;
        if self.model.mouse {
            self.display.mouse(true);
        }
        self.draw();
        loop {
            let first = match self.own.pop_front() {
                Some(own) => Inlet::Message(own),
                None => wait(inbox, self.model.wake_at()).unwrap_or(Inlet::Message(Message::Wake)),
            };
            let more = inbox.try_iter().take(TAKEN_MAX);
            let taken: Vec<Inlet> = std::iter::once(first).chain(more).collect();
            for inlet in taken {
                let message = match inlet {
                    Inlet::Message(message) => message,
                    Inlet::Written => continue,
                    Inlet::Signal(SIGTSTP) => {
                        self.suspend();
                        Message::Resumed
                    }
                    // The one that ended our own stop.
                    Inlet::Signal(SIGCONT) if std::mem::take(&mut self.stopped) => continue,
                    Inlet::Signal(SIGCONT) => {
                        // After a stop that could not be seen coming the shell has its own modes set.
                        terminal::give_back();
                        let _ = terminal::take();
                        self.display.mouse(self.model.mouse);
                        Message::Resumed
                    }
                    Inlet::Signal(number) => return self.close(None, Closed::Signal(number)),
                    Inlet::TerminalGone => return self.close(None, Closed::Signal(SIGHUP)),
                    Inlet::Bug => return self.close(None, Closed::Bug),
                    Inlet::PeerEnded(code, words) if !was_up => {
                        return self.close(None, Closed::NoPeer(code, words));
                    }
                    Inlet::PeerEnded(..) => continue,
                };
                bug_on_key(&message);
                was_up |= message == Message::Peer(PeerNews::Up);
                let effects = update(&mut self.model, clock::now(), message);
                for effect in effects {
                    if let Some(how) = self.apply(effect, inlets) {
                        return self.close(Some(how), Closed::Quit);
                    }
                }
            }
            self.draw();
        }
    }

    fn draw(&mut self) {
        let model = &self.model;
        self.display.draw(|buffer| screens::draw(model, buffer));
    }

    /// Does one thing; `Some` when the screen is to close.
    fn apply(&mut self, effect: Effect, inlets: &SyncSender<Inlet>) -> Option<How> {
        match effect {
            Effect::Ask { id, action, args } => {
                if !self.client.ask(id, action, args) {
                    let error = ErrorReply::new(
                        ErrorCode::TryAgain,
                        "the peer does not listen",
                        "too many requests wait",
                        "If it stays so, end it: `jamtty quit`",
                    );
                    let news = PeerNews::Reply { id, result: Err(Box::new(error)) };
                    self.own.push_back(Message::Peer(news));
                }
            }
            Effect::StartBand => self.start_band(inlets),
            Effect::StopBand => self.stop_band(),
            Effect::Welcomed => {
                // Without it the first steps come again: a nuisance, not a fault.
                let folder = self.welcomed.parent().map(std::fs::create_dir_all);
                let _ = folder.map(|_| std::fs::write(&self.welcomed, b""));
            }
            Effect::Redraw => self.display.resize(self.model.size),
            Effect::Mouse(ours) => self.display.mouse(ours),
            Effect::Suspend => {
                self.suspend();
                self.own.push_back(Message::Resumed);
            }
            Effect::Quit(how) => return Some(how),
        }
        None
    }

    /// Back to the shell, as any program on Ctrl-Z; goes on when the shell says so.
    fn suspend(&mut self) {
        self.display.settle();
        terminal::give_back();
        self.stopped = true;
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
        let _ = terminal::take();
        let size = terminal::size();
        self.model.size = size;
        self.display.resize(size);
        self.display.mouse(self.model.mouse);
    }

    fn start_band(&mut self, inlets: &SyncSender<Inlet>) {
        self.stop_band();
        let started =
            self.band_command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        match started {
            Ok(mut child) => {
                let stderr = child.stderr.take();
                let inlets = inlets.clone();
                named("band", move || {
                    let words = stderr.map_or_else(String::new, last_words);
                    let _ = inlets.send(Inlet::Message(Message::BandEnded(words)));
                });
                self.band = Some(child);
            }
            Err(error) => {
                self.own.push_back(Message::BandEnded(error.to_string()));
            }
        }
    }

    /// The band goes when nobody holds its stdin any more.
    fn stop_band(&mut self) {
        if let Some(mut child) = self.band.take() {
            drop(child.stdin.take());
            named("band", move || drop(child.wait()));
        }
    }

    fn close(mut self, how: Option<How>, closed: Closed) -> Closed {
        self.stop_band();
        if how == Some(How::EndPeer) {
            self.client.ask(0, "quit".to_owned(), Vec::new());
        }
        self.client.end(CLOSE_WITHIN);
        self.display.settle();
        closed
    }
}

/// In builds for tests a key can be a bug, so that the way out of one is tried like any other.
fn bug_on_key(message: &Message) {
    if cfg!(debug_assertions)
        && let Message::Key(key) = message
        && std::env::var("JAMTTY_BUG_ON_KEY").is_ok_and(|wanted| wanted == key.to_string())
    {
        panic!("the key {key} was asked to be a bug");
    }
}

/// The last lines of what a child complained of.
pub fn last_words(mut from: impl std::io::Read) -> String {
    let mut text = Vec::new();
    let _ = from.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

/// A thread with a name that debuggers and `top` show.
///
/// # Panics
/// If the system gives no thread, as [`thread::spawn`] does: without its threads the screen is none.
fn named(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let thread = thread::Builder::new().name(format!("screen-{name}")).spawn(work);
    thread.expect("the system gives no thread for the screen")
}

/// The next thing; `None` when `until` is past.
fn wait(inbox: &Receiver<Inlet>, until: Option<Timestamp>) -> Option<Inlet> {
    match until {
        Some(until) => match inbox.recv_timeout(until.since(clock::now())) {
            Ok(inlet) => Some(inlet),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Inlet::Bug),
        },
        None => Some(inbox.recv().unwrap_or(Inlet::Bug)),
    }
}

fn read_keys(inlets: SyncSender<Inlet>) {
    named("keys", move || {
        loop {
            let inlet = match terminal::read_input() {
                Ok(terminal::Input::Key(key)) => Inlet::Message(Message::Key(key)),
                Ok(terminal::Input::Mouse(gesture, column, row)) => {
                    Inlet::Message(Message::Mouse(gesture, column, row))
                }
                Ok(terminal::Input::Paste(text)) => Inlet::Message(Message::Paste(text)),
                Ok(terminal::Input::Resized(columns, rows)) => {
                    Inlet::Message(Message::Resized(columns, rows))
                }
                Ok(terminal::Input::Nothing) => continue,
                Err(_) => Inlet::TerminalGone,
            };
            let gone = matches!(inlet, Inlet::TerminalGone);
            if inlets.send(inlet).is_err() || gone {
                return;
            }
        }
    });
}

fn read_signals(inlets: SyncSender<Inlet>) {
    // Where they cannot be had, a signal ends us as it ends any program.
    let Ok(mut signals) = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT]) else { return };
    named("signals", move || {
        for number in signals.forever() {
            if inlets.send(Inlet::Signal(number)).is_err() {
                return;
            }
        }
    });
}

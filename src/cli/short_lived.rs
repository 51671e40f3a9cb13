//! The way to a peer when none may run: a short-lived one inside this process, spoken to by its socket like any other.
//!
//! It is how `audio`, `doctor` and `me` work before the first jam. It meets nobody: no discovery, loopback alone.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::context::{Context, poll};
use super::exit::{Outcome, Stop};
use super::output::bug;
use crate::peer::api::{Card, ErrorCode, Status};
use crate::peer::run::{self, ExitReason, PeerError, PeerOptions};
use crate::peer::socket::client::Client;

/// A peer to speak to.
#[derive(Debug)]
pub(super) enum Reach {
    /// The one that runs.
    Running(Client),
    /// One of our own.
    ShortLived(ShortLived),
}

impl Reach {
    /// The running peer, else a short-lived one with `options` in folders of its own.
    pub(super) fn running_or(
        context: &Context,
        options: impl FnOnce() -> Outcome<PeerOptions>,
    ) -> Outcome<Self> {
        match context.running()? {
            Some(client) => Ok(Self::Running(client)),
            None => Ok(Self::ShortLived(ShortLived::start_apart(options()?)?)),
        }
    }

    pub(super) fn client(&mut self) -> &mut Client {
        match self {
            Self::Running(client) => client,
            Self::ShortLived(own) => &mut own.client,
        }
    }

    pub(super) const fn is_running(&self) -> bool {
        matches!(self, Self::Running(_))
    }

    /// Waits until the sound card is open.
    ///
    /// # Errors
    /// 74 with the peer's reason if it does not open; what a peer of our own ended with.
    pub(super) fn open_card(&mut self) -> Outcome<Card> {
        match (self.wait_for_card(), self) {
            // It may have refused its card, and ended, between two questions.
            (Err(Stop::Failed(error)), Self::ShortLived(own)) if error.code == ErrorCode::NotFound => {
                Err(own.wait_for_end()?.unwrap_or(Stop::Failed(error)))
            }
            (waited, _) => waited,
        }
    }

    fn wait_for_card(&mut self) -> Outcome<Card> {
        let client = self.client();
        let mut trouble = String::new();
        let opened = poll(CARD_OPENS_WITHIN, || {
            let status: Status = client.request_as("status", NO_ARGS)?;
            trouble = status.card_trouble;
            Ok(status.card)
        })?;
        opened.ok_or_else(|| {
            let why = if trouble.is_empty() { "it did not answer".to_owned() } else { trouble };
            Stop::failed(
                ErrorCode::Audio,
                "the sound card is not open",
                why,
                "Choose another from `jamtty audio ls` with --in and --out",
            )
        })
    }
}

/// No arguments of an action.
pub(super) const NO_ARGS: &[&str] = &[];

/// A card that is slower than this to open is broken; JACK takes about one second to start.
const CARD_OPENS_WITHIN: Duration = Duration::from_secs(5);

/// Slower than this means that the machine is stuck; a cold start takes 300 ms.
const SOCKET_OPENS_WITHIN: Duration = Duration::from_secs(10);

/// A peer inside this process; ends, and leaves nothing behind, when dropped.
#[derive(Debug)]
pub(super) struct ShortLived {
    client: Client,
    thread: Option<JoinHandle<Result<ExitReason, PeerError>>>,
    folder: Option<Folder>,
}

impl ShortLived {
    /// With a new identity and folders of its own, which go with it.
    fn start_apart(mut options: PeerOptions) -> Outcome<Self> {
        let folder = Folder::new()?;
        options.paths.data = folder.0.join("data");
        options.paths.state = folder.0.join("state");
        options.paths.runtime = folder.0.join("run");
        Self::start(options, Some(folder))
    }

    /// With the profile's own identity and folders.
    pub(super) fn start_as_profile(options: PeerOptions) -> Outcome<Self> {
        Self::start(options, None)
    }

    fn start(mut options: PeerOptions, folder: Option<Folder>) -> Outcome<Self> {
        options.ifaces = vec!["lo".to_owned()];
        options.discovery = false;
        let paths = options.paths.clone();
        let thread = thread::Builder::new()
            .name("short-lived".to_owned())
            .spawn(move || run::run(options))
            .map_err(|error| bug("start a thread", &error.to_string()))?;
        let mut thread = Some(thread);
        let connected = poll(SOCKET_OPENS_WITHIN, || match why_ended(&mut thread) {
            Some(why) => Err(why),
            None => Ok(Client::connect(&paths).ok()),
        })?;
        let client = connected.ok_or_else(|| bug("start a peer", "its socket did not open"))?;
        Ok(Self { client, thread, folder })
    }

    pub(super) const fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// What it ends with, if it does so soon: a peer that hangs up on us is on its way.
    fn wait_for_end(&mut self) -> Outcome<Option<Stop>> {
        poll(ENDS_WITHIN, || Ok(why_ended(&mut self.thread)))
    }
}

/// `None` while it runs.
fn why_ended(thread: &mut Option<JoinHandle<Result<ExitReason, PeerError>>>) -> Option<Stop> {
    let ended = thread.take_if(|thread| thread.is_finished())?;
    Some(match ended.join() {
        Ok(Err(error)) => error.0.into(),
        Ok(Ok(ExitReason::Quit)) => bug("start a peer", "it ended at once"),
        Ok(Ok(signal)) => Stop::Code(signal.exit_code()),
        Err(_) => Stop::Code(ErrorCode::Bug.exit_code()),
    })
}

/// Longer than a goodbye and the last write to a slow disk take.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

impl Drop for ShortLived {
    fn drop(&mut self) {
        // A peer that has ended cannot be told to; either way the thread comes to its end.
        drop(self.client.request("quit", NO_ARGS));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        drop(self.folder.take());
    }
}

/// A folder that goes when it is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("jamtty-check-{}", std::process::id()));
        let cannot = |error: std::io::Error| {
            Stop::failed(
                ErrorCode::CannotWrite,
                format!("cannot make the folder {}", path.display()),
                error.to_string(),
                "Free space there, or name another place with TMPDIR",
            )
        };
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(cannot)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

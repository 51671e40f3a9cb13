//! The library's thread: lists, changes, checks and moves takes, one thing after the other; and in between, while nobody
//! asks, turns what was recorded into FLAC.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc;

use super::disk::unix_s;
use super::library_answers as answers;
use crate::domain::take::{Consent, WithdrawOutcome};
use crate::peer::api::{ErrorCode, ErrorReply};
use crate::peer::message::{Ask, LibraryOrder, Message, RecordMessage};
use crate::priority;
use crate::store::takes::{self, TakeError};

/// Jobs that may wait. More are refused, with words: a library that is so far behind is on a disk that hangs.
const JOBS_MAX: usize = 64;

/// How often free space is looked at while something is recorded.
const SPACE_EVERY: Duration = Duration::from_secs(5);

/// What the library is told.
#[derive(Debug)]
pub(super) enum Job {
    /// A client asks.
    Order(Ask, LibraryOrder),
    /// Turn the take in this folder into FLAC, when there is nothing else to do.
    Convert(PathBuf),
    /// Someone wants to be taken out of a take.
    Withdraw(Consent),
    /// Something is recorded, or nothing any more.
    Recording(bool),
}

/// The thread.
#[derive(Debug)]
pub(super) struct LibraryPart {
    jobs: SyncSender<Job>,
    waiting: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    answers: mpsc::Sender<Message>,
    thread: JoinHandle<()>,
}

impl LibraryPart {
    pub(super) fn start(takes: PathBuf, answers: mpsc::Sender<Message>) -> io::Result<Self> {
        let (jobs, inbox) = sync_channel(JOBS_MAX);
        let (waiting, stopping) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let mut library = Library {
            takes,
            answers: answers.clone(),
            waiting: Arc::clone(&waiting),
            stopping: Arc::clone(&stopping),
            to_convert: VecDeque::new(),
            is_recording: false,
            told_minutes: u64::MAX,
        };
        let thread = thread::Builder::new().name("jamtty-library".to_owned()).spawn(move || {
            priority::step_back();
            library.begin();
            library.work(&inbox);
        })?;
        Ok(Self { jobs, waiting, stopping, answers, thread })
    }

    /// Where jobs go, for another thread.
    pub(super) fn jobs(&self) -> SyncSender<Job> {
        self.jobs.clone()
    }

    pub(super) fn send(&self, job: Job) {
        self.waiting.fetch_add(1, Relaxed);
        if let Err(error) = self.jobs.try_send(job) {
            self.waiting.fetch_sub(1, Relaxed);
            let (std::sync::mpsc::TrySendError::Full(job) | std::sync::mpsc::TrySendError::Disconnected(job)) =
                error;
            if let Job::Order(ask, _) = job {
                let error = ErrorReply::new(
                    ErrorCode::TryAgain,
                    "the library is busy",
                    "too much was asked of it at once, or its disk hangs",
                    "Try again in a few seconds",
                );
                let answer = RecordMessage::Answer { ask, answer: Err(error), changed: false };
                let _ = self.answers.try_send(Message::Record(answer));
            }
        }
    }

    /// Ends what can be gone on with later, and waits for the rest.
    pub(super) fn stop(self) {
        self.stopping.store(true, Relaxed);
        drop(self.jobs);
        let _ = self.thread.join();
    }
}

/// What the thread owns.
struct Library {
    takes: PathBuf,
    answers: mpsc::Sender<Message>,
    waiting: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    to_convert: VecDeque<PathBuf>,
    is_recording: bool,
    told_minutes: u64,
}

impl Library {
    /// Mends what a crash left, forgets what was deleted long ago.
    fn begin(&mut self) {
        match takes::recover::recover_all(&self.takes) {
            Ok(recovered) => {
                for one in &recovered {
                    self.tell(answers::recovered(one));
                }
                if !recovered.is_empty() {
                    self.tell(RecordMessage::Changed);
                }
            }
            Err(error) => self.warn("the takes on this disk cannot be looked at", &error),
        }
        if let Err(error) = takes::bin::purge(&self.takes, unix_ms()) {
            self.warn("the bin cannot be emptied", &error);
        }
        let listed = takes::folder::list(&self.takes).map(|listing| listing.takes).unwrap_or_default();
        self.to_convert.extend(listed.into_iter().filter(answers::has_wav).map(|listed| listed.folder));
    }

    fn work(&mut self, inbox: &Receiver<Job>) {
        loop {
            let patience = match () {
                () if !self.to_convert.is_empty() && !self.is_recording => Duration::ZERO,
                () if self.is_recording => SPACE_EVERY,
                () => Duration::from_secs(3600),
            };
            match inbox.recv_timeout(patience) {
                Ok(job) => {
                    // Jobs of the recorder's own are not counted.
                    let _ =
                        self.waiting.fetch_update(Relaxed, Relaxed, |count| Some(count.saturating_sub(1)));
                    self.job(job);
                }
                Err(RecvTimeoutError::Timeout) if self.is_recording => self.look_at_space(),
                Err(RecvTimeoutError::Timeout) => self.convert(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.stopping.load(Relaxed) {
                return;
            }
        }
    }

    fn job(&mut self, job: Job) {
        match job {
            Job::Order(ask, LibraryOrder::Withdraw(take)) => {
                self.tell(match answers::holders(&self.takes, &take) {
                    Ok((take, holders)) => RecordMessage::Holders { ask, take, holders },
                    Err(error) => RecordMessage::Answer { ask, answer: Err(error), changed: false },
                });
            }
            Job::Order(ask, order) => {
                let changed = answers::changes(&order);
                let stopping = Arc::clone(&self.stopping);
                let answer = answers::answer(&self.takes, order, &mut |_| !stopping.load(Relaxed));
                let changed = changed && answer.is_ok();
                self.tell(RecordMessage::Answer { ask, answer, changed });
            }
            Job::Convert(folder) => self.to_convert.push_back(folder),
            Job::Withdraw(consent) => self.withdraw(&consent),
            Job::Recording(on) => {
                self.is_recording = on;
                self.told_minutes = u64::MAX;
                if on {
                    self.look_at_space();
                }
            }
        }
    }

    fn withdraw(&self, consent: &Consent) {
        let outcome = match answers::withdraw(&self.takes, consent) {
            Ok(outcome) => outcome,
            Err(error) => {
                self.warn("someone could not be taken out of a take", &error);
                WithdrawOutcome::Failed
            }
        };
        self.tell(RecordMessage::Withdrawn { whose: consent.who, take: consent.take, outcome });
    }

    /// Turns one take into FLAC, until somebody asks for something or a recording begins.
    fn convert(&mut self) {
        let Some(folder) = self.to_convert.front().cloned() else { return };
        let (waiting, stopping) = (Arc::clone(&self.waiting), Arc::clone(&self.stopping));
        let mut go_on = |_| waiting.load(Relaxed) == 0 && !stopping.load(Relaxed);
        match takes::convert::to_flac(&folder, &mut go_on) {
            Ok(_) => {
                self.to_convert.pop_front();
                self.tell(RecordMessage::Changed);
            }
            // It goes on after what is asked for.
            Err(TakeError::Stopped) => {}
            Err(error) => {
                self.to_convert.pop_front();
                self.warn("a take stays WAV", &error);
            }
        }
    }

    /// Says how long the disk lasts, each time a limit is passed.
    fn look_at_space(&mut self) {
        let Ok(free) = takes::space::free(&self.takes) else { return };
        let Some(minutes_left) = takes::space::minutes_left(free, answers::BYTES_PER_S) else { return };
        let is_news = [10, 1].into_iter().any(|limit| minutes_left <= limit && self.told_minutes > limit);
        if is_news {
            self.told_minutes = minutes_left;
            self.tell(RecordMessage::Space { minutes_left });
        }
    }

    fn warn(&self, what: &str, error: &TakeError) {
        let (what, why, remedy) = (what.to_owned(), error.to_string(), error.remedy());
        self.tell(RecordMessage::Warning { what, why, remedy });
    }

    fn tell(&self, message: RecordMessage) {
        // The peer is ending if nobody takes it.
        let _ = self.answers.blocking_send(Message::Record(message));
    }
}

/// Now, in ms of Unix time.
pub(super) fn unix_ms() -> u64 {
    unix_s() * 1_000
}

/// A folder as it is shown.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

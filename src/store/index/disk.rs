//! The database at arm's length: on a thread of its own, every answer within a bound.
//!
//! sled panics on some damaged files and waits for ever on others. Here a panic and a missing
//! answer are errors like any other: the thread that ran into them is given up, the process goes on.

use std::any::Any;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use thiserror::Error;

use super::values::Entries;

/// How long the database may take for one answer. An open of 100 MB takes about 2 s; shorter
/// would call a slow disk damaged, longer would keep a musician waiting before a rebuild.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Memory for cached pages. The values are all in memory anyway; sled's own default is 1 GB.
const CACHE_BYTES: u64 = 4 << 20;

/// The name of the thread: at most 15 bytes are shown by the system.
const THREAD: &str = "index";

/// Why the database did not do it.
#[derive(Debug, Error)]
pub(super) enum DiskError {
    /// The system refused, and would refuse any other database too.
    #[error("{0}")]
    Refused(io::Error),
    /// The files do not hold what was written.
    #[error("{0}")]
    Damaged(String),
    /// Another process has it open.
    #[error("another process has it open")]
    InUse,
}

/// Values to be written, or removed where there is none; all of them or none.
pub(super) type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// An open database.
#[derive(Debug)]
pub(super) struct Disk {
    // Dropped first by `drop`, which tells the thread to end.
    changes: Option<SyncSender<Changes>>,
    answers: Receiver<Result<(), DiskError>>,
}

impl Disk {
    /// Opens the database in `folder` and reads all of it.
    ///
    /// # Errors
    /// [`DiskError`]; the files are as they were, or as sled repaired them.
    pub(super) fn open(folder: &Path) -> Result<(Self, Entries), DiskError> {
        keep_contained_panics_quiet();
        remove_unfinished_snapshots(folder).map_err(sort_io)?;
        let folder = folder.to_owned();
        // One answer at a time: the caller waits for each.
        let (opened, is_open) = sync_channel(1);
        let (changes, requests) = sync_channel::<Changes>(1);
        let (answer, answers) = sync_channel(1);
        let run = move || {
            let db = match contained(|| open_and_read(&folder)) {
                Ok((db, entries)) => {
                    // Nobody waits any more if this took too long.
                    let _ = opened.send(Ok(entries));
                    db
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                    return;
                }
            };
            while let Ok(changes) = requests.recv() {
                let done = contained(|| commit(&db, changes));
                if answer.send(done).is_err() {
                    break;
                }
            }
            let closed = contained(|| {
                drop(db);
                Ok(())
            });
            let _ = answer.send(closed);
        };
        thread::Builder::new().name(THREAD.to_owned()).spawn(run).map_err(DiskError::Refused)?;
        let entries = answer_of(&is_open)?;
        Ok((Self { changes: Some(changes), answers }, entries))
    }

    /// Writes all of `changes` or none, and returns once they would survive a power cut.
    ///
    /// # Errors
    /// [`DiskError`]; after one, this database is not to be used any more.
    pub(super) fn commit(&self, changes: Changes) -> Result<(), DiskError> {
        let gone = || DiskError::Damaged("the database stopped".to_owned());
        self.changes.as_ref().ok_or_else(gone)?.send(changes).map_err(|_| gone())?;
        answer_of(&self.answers)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.changes = None;
        // The database is closed when this returns, unless it hangs; a thread of sled's may hold the files a little longer.
        let _ = answer_of(&self.answers);
    }
}

/// True on a thread whose panics are errors of the index: a hook that ends the program on a panic
/// must leave these alone.
#[must_use]
pub fn panic_is_contained() -> bool {
    thread::current().name().is_some_and(|name| name == THREAD || name.starts_with("sled-"))
}

fn keep_contained_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic_is_contained() {
                others(panic);
            }
        }));
    });
}

fn answer_of<T>(answers: &Receiver<Result<T, DiskError>>) -> Result<T, DiskError> {
    answers.recv_timeout(ANSWER_WITHIN).unwrap_or_else(|error| {
        Err(DiskError::Damaged(match error {
            RecvTimeoutError::Timeout => {
                format!("the database did not answer within {} s", ANSWER_WITHIN.as_secs())
            }
            RecvTimeoutError::Disconnected => "the database stopped".to_owned(),
        }))
    })
}

/// A panic inside is damage, with its words.
fn contained<T>(call: impl FnOnce() -> Result<T, DiskError>) -> Result<T, DiskError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(DiskError::Damaged(words_of(&*panic))))
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    format!("the database gave up: {}", crate::domain::name::safe_line(&text, 120))
}

fn open_and_read(folder: &Path) -> Result<(sled::Db, Entries), DiskError> {
    // No flusher thread: what counts is flushed where a person can see it was done.
    let config = sled::Config::new().path(folder).mode(sled::Mode::LowSpace);
    let db = open_when_free(&config.cache_capacity(CACHE_BYTES).flush_every_ms(None))?;
    let entries = db.iter().map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())));
    let entries = entries.collect::<Result<Entries, _>>().map_err(sort)?;
    Ok((db, entries))
}

/// Opens the files. Nobody else may have them, for the profile is locked: whoever holds them is a thread of sled's own
/// that has not yet ended with the database before.
fn open_when_free(config: &sled::Config) -> Result<sled::Db, DiskError> {
    let until = Instant::now() + FREE_WITHIN;
    loop {
        match config.open().map_err(sort) {
            Err(DiskError::InUse) if Instant::now() < until => thread::park_timeout(LOOK_EVERY),
            opened => return opened,
        }
    }
}

/// Far longer than such a thread takes on a busy machine; a person waits for it at a start.
const FREE_WITHIN: Duration = Duration::from_secs(2);
/// Short beside what opening takes.
const LOOK_EVERY: Duration = Duration::from_millis(5);

fn commit(db: &sled::Db, changes: Changes) -> Result<(), DiskError> {
    let mut batch = sled::Batch::default();
    for (key, value) in changes {
        match value {
            Some(value) => batch.insert(key, value),
            None => batch.remove(key),
        }
    }
    db.apply_batch(batch).map_err(sort)?;
    db.flush().map_err(sort)?;
    Ok(())
}

/// A crash while sled wrote a snapshot leaves a file that keeps it from opening (sled issue 1527).
fn remove_unfinished_snapshots(folder: &Path) -> io::Result<()> {
    let names = match fs::read_dir(folder) {
        Ok(names) => names,
        // No folder yet, or no folder at all: opening it says what is wrong.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    for name in names {
        let path = name?.path();
        let text = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if text.starts_with("snap.") && text.ends_with(".generating") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn sort(error: sled::Error) -> DiskError {
    match error {
        // Untyped in sled 0.34.
        sled::Error::Io(error) if error.to_string().starts_with("could not acquire lock") => DiskError::InUse,
        sled::Error::Io(error) => sort_io(error),
        other => DiskError::Damaged(other.to_string()),
    }
}

/// What any file would have met is the disk's refusal; what only wrong contents meet is damage.
fn sort_io(error: io::Error) -> DiskError {
    use io::ErrorKind as Kind;
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    let refused = matches!(
        errno,
        Some(
            Errno::NOSPC
                | Errno::DQUOT
                | Errno::ROFS
                | Errno::ACCESS
                | Errno::PERM
                | Errno::IO
                | Errno::MFILE
                | Errno::NFILE
        )
    ) || matches!(
        error.kind(),
        Kind::StorageFull | Kind::QuotaExceeded | Kind::ReadOnlyFilesystem | Kind::PermissionDenied
    );
    if refused { DiskError::Refused(error) } else { DiskError::Damaged(error.to_string()) }
}

//! What a profile remembers: own profile, strips and delays by person, recent jams, block list.
//!
//! World: worker; an open or a flush waits for the disk, reading never does. All of it is small
//! and in memory; sled (named only in this folder) keeps it, and a plain copy beside it
//! (`index.backup`) is what a damaged database is rebuilt from. Sound lives in files, not here.
//!
//! Every state on the disk has a seal, the hash of all its values: half a state is never taken for
//! a whole one, however sled came to show it.

mod backup;
mod contents;
mod disk;
mod values;

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use thiserror::Error;

use crate::domain::peer_id::PeerId;
use crate::domain::strip::{DelayMode, StripSettings};
use crate::paths::{INDEX_FOLDER, Paths};

use super::atomic_file;
use super::trouble::Trouble;

pub use contents::{BLOCKED_MAX, Blocked, LIST_MAX, PEOPLE_MAX, Profile, RECENT_JAMS_MAX, RecentJam};
pub use disk::panic_is_contained;

use backup::Backup;
use contents::{Contents, sound_delay, sound_strip};
use disk::{Changes, Disk, DiskError};
use values::{Entries, Seal, ValueError};
/// Held as long as a process uses the index.
const LOCK: &str = "index.lock";
/// Damaged databases are kept under this name and a number.
const SET_ASIDE: &str = "index.damaged-";
/// Damaged databases kept; the oldest is deleted beyond it. They are for looking into, not for use.
const SET_ASIDE_MAX: usize = 3;

/// The index of one profile, open in this process alone.
#[derive(Debug)]
pub struct Index {
    data: PathBuf,
    contents: Contents,
    /// What the database holds, for writing only what changed.
    stored: Entries,
    generation: u64,
    database: Database,
    _lock: File,
}

#[derive(Debug)]
enum Database {
    Open(Disk),
    /// After a failed write: the next flush opens it again.
    Closed,
    /// One panic on a thread of sled's own ends sled for the whole process. The plain copy takes
    /// over until the next start, which finds it newer than the database and rebuilds from it.
    CopyOnly,
}

/// Why the index cannot be opened or written, by remedy.
#[derive(Debug, Error)]
pub enum IndexError {
    /// A second process on one profile.
    #[error("profile {profile} is in use by another jamtty")]
    InUse {
        /// The profile.
        profile: String,
    },
    /// The index was written by a newer jamtty.
    #[error("{} was written by a newer jamtty ({why})", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Which version it has.
        why: String,
    },
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] Trouble),
}

impl IndexError {
    /// What to do now, one sentence.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::InUse { profile } => format!(
                "Use the one that runs (jamtty --profile {profile} status), stop it (jamtty --profile \
                 {profile} do quit), or start this one with --profile and another name."
            ),
            Self::Newer { .. } => {
                "Start the newer jamtty, or use --profile with another name; nothing was changed.".to_owned()
            }
            Self::Disk(trouble) => trouble.remedy(),
        }
    }

    /// The exit code of a program that ends with this error: 73 cannot write, 75 in use, 76 version.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Disk(_) => 73,
            Self::InUse { .. } => 75,
            Self::Newer { .. } => 76,
        }
    }
}

/// The index was damaged, set aside and made anew: worth one line to the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexNotice {
    /// What was found.
    pub why: String,
    /// Where the damaged database is now; `None` if there was none at all.
    pub set_aside: Option<PathBuf>,
    /// What the new one was filled with.
    pub rebuilt: Rebuilt,
}

/// What a new index was filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rebuilt {
    /// There was no readable copy.
    Empty,
    /// From `index.backup`.
    FromBackup {
        /// People whose strip or delay is known again.
        people: usize,
        /// Recent jams known again.
        jams: usize,
        /// Blocks in force again.
        blocked: usize,
    },
}

impl fmt::Display for IndexNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The index of this profile was damaged ({}). ", self.why)?;
        match self.rebuilt {
            Rebuilt::Empty => f.write_str(
                "It was made anew, without profile, strip settings, recent jams and blocks: set them again.",
            )?,
            Rebuilt::FromBackup { people, jams, blocked } => write!(
                f,
                "It was rebuilt from index.backup: your profile, {people} strips, {jams} jams, {blocked} blocks; \
                 nothing to do."
            )?,
        }
        match &self.set_aside {
            Some(path) => write!(f, " The damaged one is {}.", path.display()),
            None => Ok(()),
        }
    }
}

impl Index {
    /// Opens the profile's index, or makes it. A damaged one is set aside and rebuilt from its
    /// plain copy, which the notice says.
    ///
    /// # Errors
    /// [`IndexError`]; nothing was changed then, but for folders that may have been made.
    pub fn open(paths: &Paths) -> Result<(Self, Option<IndexNotice>), IndexError> {
        atomic_file::private_folder(&paths.data)
            .map_err(|source| Trouble::new("open the profile's folder", &paths.data, source))?;
        let lock = lock(paths)?;
        let folder = paths.data.join(INDEX_FOLDER);
        let is_there = fs::symlink_metadata(&folder).is_ok();
        let backup = backup::read(&paths.data);
        let mut index = Self {
            data: paths.data.clone(),
            contents: Contents::default(),
            stored: Entries::new(),
            generation: 0,
            database: Database::Closed,
            _lock: lock,
        };
        match read(&folder) {
            Ok(found) if is_there || backup.is_none() => match backup {
                Some(newer) if newer.generation > found.generation => {
                    drop(found.disk);
                    let why = format!("it lost changes {} to {}", found.generation + 1, newer.generation);
                    index.rebuild(why, Some(newer)).map(|notice| (index, Some(notice)))
                }
                other => {
                    let copy_is_old = other.is_none_or(|backup| backup.generation < found.generation);
                    index.take(found);
                    if copy_is_old && index.generation > 0 {
                        index.write_backup()?;
                    }
                    Ok((index, None))
                }
            },
            Ok(found) => {
                drop(found.disk);
                index.rebuild("it was gone".to_owned(), backup).map(|notice| (index, Some(notice)))
            }
            Err(ReadError::Damaged(why)) => index.rebuild(why, backup).map(|notice| (index, Some(notice))),
            Err(ReadError::Newer(why)) => Err(IndexError::Newer { path: folder, why }),
            Err(ReadError::InUse) => Err(IndexError::InUse { profile: paths.profile.clone() }),
            Err(ReadError::Refused(source)) => Err(Trouble::new("open the index", &folder, source).into()),
        }
    }

    /// What this person says of themselves; `None` until they said anything.
    #[must_use]
    pub fn profile(&self) -> Option<&Profile> {
        self.contents.profile.as_ref()
    }

    /// Sets the profile, on the disk when this returns.
    ///
    /// # Errors
    /// [`IndexError::Disk`]; the change holds in memory, and the next [`Index::flush`] tries again.
    pub fn set_profile(&mut self, mut profile: Profile) -> Result<(), IndexError> {
        profile.cut();
        self.contents.profile = Some(profile);
        self.flush()
    }

    /// The strip set for this person, if it ever was.
    #[must_use]
    pub fn strip(&self, peer: PeerId) -> Option<StripSettings> {
        self.contents.people.get(&peer)?.strip
    }

    /// Sets the strip of a person, in memory: call [`Index::flush`] once the fader rests.
    pub fn set_strip(&mut self, peer: PeerId, strip: StripSettings) {
        self.contents.person_mut(peer, unix_s()).strip = Some(sound_strip(strip));
    }

    /// The delay mode set for this person, if it ever was.
    #[must_use]
    pub fn delay(&self, peer: PeerId) -> Option<DelayMode> {
        self.contents.people.get(&peer)?.delay
    }

    /// Sets the delay mode of a person, in memory: call [`Index::flush`] once it rests.
    pub fn set_delay(&mut self, peer: PeerId, delay: DelayMode) {
        self.contents.person_mut(peer, unix_s()).delay = Some(sound_delay(delay));
    }

    /// Jams this profile was in, newest first, at most [`RECENT_JAMS_MAX`].
    #[must_use]
    pub fn recent_jams(&self) -> &[RecentJam] {
        &self.contents.jams
    }

    /// Puts a jam first, instead of its older entry if it has one; on the disk when this returns.
    ///
    /// # Errors
    /// [`IndexError::Disk`]; the change holds in memory, and the next [`Index::flush`] tries again.
    pub fn remember_jam(&mut self, jam: RecentJam) -> Result<(), IndexError> {
        self.contents.remember_jam(jam);
        self.flush()
    }

    /// Everyone blocked, newest first.
    #[must_use]
    pub fn blocked(&self) -> &[Blocked] {
        &self.contents.blocked
    }

    /// Whether this person is blocked.
    #[must_use]
    pub fn is_blocked(&self, peer: PeerId) -> bool {
        self.contents.blocked.iter().any(|blocked| blocked.peer == peer)
    }

    /// Blocks a person; on the disk when this returns.
    ///
    /// # Errors
    /// [`IndexError::Disk`]; the block holds in memory, and the next [`Index::flush`] tries again.
    pub fn block(&mut self, blocked: Blocked) -> Result<(), IndexError> {
        self.contents.block(blocked);
        self.flush()
    }

    /// Ends a block; on the disk when this returns.
    ///
    /// # Errors
    /// [`IndexError::Disk`]; the change holds in memory, and the next [`Index::flush`] tries again.
    pub fn unblock(&mut self, peer: PeerId) -> Result<(), IndexError> {
        self.contents.unblock(peer);
        self.flush()
    }

    /// Writes what changed; when it returns, it would survive a power cut. Free if nothing changed.
    ///
    /// # Errors
    /// [`IndexError::Disk`]; nothing is forgotten in memory, and the next flush tries all of it again.
    pub fn flush(&mut self) -> Result<(), IndexError> {
        let wanted = values::encode(&self.contents);
        match self.database {
            Database::Open(_) | Database::CopyOnly if wanted == self.stored => return Ok(()),
            Database::Open(_) | Database::CopyOnly => {}
            Database::Closed => self.reopen()?,
        }
        let written = self.commit(wanted);
        if written.is_err() {
            // sled refuses everything after its first failed write: open it anew next time.
            self.database = Database::Closed;
        }
        written?;
        self.write_backup()
    }

    fn commit(&mut self, wanted: Entries) -> Result<(), IndexError> {
        let gone = self.stored.keys().filter(|key| !wanted.contains_key(*key)).map(|key| (key.clone(), None));
        let changed = wanted.iter().filter(|(key, value)| self.stored.get(*key) != Some(value));
        let changed = changed.map(|(key, value)| (key.clone(), Some(value.clone())));
        let (seal_key, seal) = Seal::of(&wanted, self.generation + 1).entry();
        let changes: Changes = gone.chain(changed).chain([(seal_key, Some(seal))]).collect();
        if let Database::Open(disk) = &self.database {
            disk.commit(changes).map_err(|error| self.trouble("write the index", error))?;
        }
        self.stored = wanted;
        self.generation += 1;
        Ok(())
    }

    /// After a failed write: the database as it is on the disk now, or a new one in its place.
    fn reopen(&mut self) -> Result<(), IndexError> {
        match read(&self.data.join(INDEX_FOLDER)) {
            Ok(found) => {
                self.generation = self.generation.max(found.generation);
                self.stored = found.stored;
                self.database = Database::Open(found.disk);
                Ok(())
            }
            Err(ReadError::Damaged(_) | ReadError::Newer(_)) => self.replace_database().map(drop),
            Err(ReadError::InUse) => {
                let busy = io::Error::new(io::ErrorKind::ResourceBusy, "the files are still locked");
                Err(Trouble::new("open the index", &self.data.join(INDEX_FOLDER), busy).into())
            }
            Err(ReadError::Refused(source)) => {
                Err(Trouble::new("open the index", &self.data.join(INDEX_FOLDER), source).into())
            }
        }
    }

    fn take(&mut self, found: Found) {
        self.contents = found.contents;
        self.stored = found.stored;
        self.generation = found.generation;
        self.database = Database::Open(found.disk);
    }

    /// Sets the database aside and makes a new one with what `backup` holds.
    fn rebuild(&mut self, why: String, backup: Option<Backup>) -> Result<IndexNotice, IndexError> {
        let rebuilt = match &backup {
            Some(Backup { contents, .. }) => Rebuilt::FromBackup {
                people: contents.people.len(),
                jams: contents.jams.len(),
                blocked: contents.blocked.len(),
            },
            None => Rebuilt::Empty,
        };
        if let Some(backup) = backup {
            self.contents = backup.contents;
            self.generation = backup.generation;
        }
        let set_aside = self.replace_database()?;
        self.flush()?;
        Ok(IndexNotice { why, set_aside, rebuilt })
    }

    /// Renames the database away and opens an empty one.
    fn replace_database(&mut self) -> Result<Option<PathBuf>, IndexError> {
        let folder = self.data.join(INDEX_FOLDER);
        let aside = set_aside(&self.data, &folder)
            .map_err(|source| Trouble::new("set the damaged index aside", &folder, source))?;
        self.stored = Entries::new();
        self.database = match Disk::open(&folder) {
            Ok((disk, _)) => Database::Open(disk),
            Err(DiskError::Damaged(_)) => Database::CopyOnly,
            Err(error) => return Err(self.trouble("make a new index", error)),
        };
        Ok(aside)
    }

    fn write_backup(&self) -> Result<(), IndexError> {
        backup::write(&self.data, self.generation, &self.contents)
            .map_err(|(path, source)| Trouble::new("write the index's copy", &path, source).into())
    }

    fn trouble(&self, operation: &'static str, error: DiskError) -> IndexError {
        let source = match error {
            DiskError::Refused(source) => source,
            other => io::Error::other(other.to_string()),
        };
        Trouble::new(operation, &self.data.join(INDEX_FOLDER), source).into()
    }
}

/// A database that was read and proved.
struct Found {
    disk: Disk,
    contents: Contents,
    stored: Entries,
    generation: u64,
}

enum ReadError {
    Damaged(String),
    Newer(String),
    InUse,
    Refused(io::Error),
}

impl From<ValueError> for ReadError {
    fn from(error: ValueError) -> Self {
        match error {
            ValueError::Newer { .. } => Self::Newer(error.to_string()),
            ValueError::Damaged(_) => Self::Damaged(error.to_string()),
        }
    }
}

fn read(folder: &Path) -> Result<Found, ReadError> {
    let (disk, mut stored) = Disk::open(folder).map_err(|error| match error {
        DiskError::Refused(source) => ReadError::Refused(source),
        DiskError::Damaged(why) => ReadError::Damaged(why),
        DiskError::InUse => ReadError::InUse,
    })?;
    let seal = Seal::take_from(&mut stored)?;
    let contents = values::decode(&stored)?;
    Ok(Found { disk, contents, stored, generation: seal.generation })
}

fn lock(paths: &Paths) -> Result<File, IndexError> {
    let path = paths.data.join(LOCK);
    let refused = |source| Trouble::new("lock the index", &path, source);
    let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = open.map_err(refused)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(IndexError::InUse { profile: paths.profile.clone() }),
        Err(error) => Err(refused(error.into()).into()),
    }
}

/// Renames `folder` to a free name beside it; `None` if there is none.
fn set_aside(data: &Path, folder: &Path) -> io::Result<Option<PathBuf>> {
    if fs::symlink_metadata(folder).is_err() {
        return Ok(None);
    }
    let mut kept: Vec<u64> = fs::read_dir(data)?
        .filter_map(|name| name.ok()?.file_name().to_str()?.strip_prefix(SET_ASIDE)?.parse().ok())
        .collect();
    kept.sort_unstable();
    let number = unix_s().max(kept.last().map_or(0, |last| last.saturating_add(1)));
    let aside = data.join(format!("{SET_ASIDE}{number}"));
    fs::rename(folder, &aside)?;
    atomic_file::sync_folder(data)?;
    let surplus = (kept.len() + 1).saturating_sub(SET_ASIDE_MAX);
    for number in kept.iter().take(surplus) {
        let old = data.join(format!("{SET_ASIDE}{number}"));
        // An old one that cannot be deleted is only untidy.
        let _ = fs::remove_dir_all(&old).or_else(|_| fs::remove_file(&old));
    }
    Ok(Some(aside))
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;

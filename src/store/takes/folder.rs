//! Where takes live, what their folders are called, and how one is found.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};

use super::error::TakeError;
use super::{manifest, plain_file};
use crate::domain::name::Name;
use crate::domain::take::Take;
use crate::paths::{Paths, TAKES_FOLDER};
use crate::store::atomic_file;

/// Held locked in a take's folder while it is recorded; what it holds is given back to the disk when the take ends,
/// so that a full disk has room for the last `take.json`.
pub(super) const RECORDING_FILE: &str = ".recording";

/// Characters of a name that go into a file's name: long enough to know it, short enough for every file system.
const SLUG_CHARS_MAX: usize = 40;

/// Takes of the same minute and name; more are refused, for then something goes round in circles.
const SAME_NAME_MAX: u32 = 10_000;

/// Takes named in [`TakeError::Ambiguous`].
const AMBIGUOUS_MAX: usize = 5;

/// A take and where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its folder.
    pub folder: PathBuf,
    /// What its `take.json` says.
    pub take: Take,
}

/// All takes, in the order of their folders' names, and what could not be read.
#[derive(Debug, Default)]
pub struct Listing {
    /// The readable ones.
    pub takes: Vec<Listed>,
    /// One for each folder with a `take.json` that cannot be read.
    pub broken: Vec<TakeError>,
}

/// The folder of takes: `takes_dir` if it is set, else the profile's own.
#[must_use]
pub fn takes_folder(paths: &Paths, takes_dir: Option<&Path>) -> PathBuf {
    takes_dir.map_or_else(|| paths.data.join(TAKES_FOLDER), Path::to_owned)
}

/// Any text as a part of a file's name: `a-z 0-9 -`, at most 40 characters, never empty.
///
/// Letters outside ASCII and everything else become one `-`; what is left empty is `take`.
#[must_use]
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if slug.len() >= SLUG_CHARS_MAX {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "take".to_owned() } else { slug.to_owned() }
}

/// What a take's folder is called: `2026-11-23T18-29_kitchen-blues`, in UTC.
#[must_use]
pub fn folder_name(started: &str, name: &Name) -> String {
    let started = started.parse::<Timestamp>().unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{}_{}", started.strftime("%Y-%m-%dT%H-%M"), slug(name.as_str()))
}

/// Makes a new folder (0700) of this name in `takes`, or of this name with `_2`, `_3`….
///
/// # Errors
/// What the disk said.
pub(super) fn create(takes: &Path, name: &str) -> io::Result<PathBuf> {
    atomic_file::private_folder(takes)?;
    unused(takes, name, |path| DirBuilder::new().mode(0o700).create(path))
}

/// The first of `name`, `name_2`, `name_3`… that `make` does not find taken.
///
/// # Errors
/// What `make` said, unless that it was there already.
pub(super) fn unused(
    takes: &Path,
    name: &str,
    mut make: impl FnMut(&Path) -> io::Result<()>,
) -> io::Result<PathBuf> {
    for number in 1..=SAME_NAME_MAX {
        let path = takes.join(if number == 1 { name.to_owned() } else { format!("{name}_{number}") });
        match make(&path) {
            Ok(()) => return Ok(path),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{SAME_NAME_MAX} of that name are there")))
}

/// All takes of a folder. One that is not there has none; what begins with `.` is not a take.
///
/// # Errors
/// [`TakeError::Disk`] if the folder itself cannot be read: a broken take never hides another.
pub fn list(takes: &Path) -> Result<Listing, TakeError> {
    let mut listing = Listing::default();
    for folder in folders(takes)? {
        match manifest::read(&folder) {
            Ok(take) => listing.takes.push(Listed { folder, take }),
            // Not everything in the folder has to be a take.
            Err(TakeError::Disk(trouble)) if trouble.source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => listing.broken.push(error),
        }
    }
    Ok(listing)
}

/// The folders in `takes`, by name; links and what begins with `.` are left out.
pub(super) fn folders(takes: &Path) -> Result<Vec<PathBuf>, TakeError> {
    let trouble = || TakeError::disk("list the takes", takes);
    let entries = match fs::read_dir(takes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(trouble())?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(trouble())?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The take of this id, folder or name, else the one whose id begins so (4 digits at least).
///
/// # Errors
/// [`TakeError::NotFound`], [`TakeError::Ambiguous`], [`TakeError::Disk`].
pub fn find(takes: &Path, wanted: &str) -> Result<Listed, TakeError> {
    pick(list(takes)?.takes, wanted)
}

/// As [`find`], among these.
pub(super) fn pick(takes: Vec<Listed>, wanted: &str) -> Result<Listed, TakeError> {
    let lower = wanted.trim().to_lowercase();
    let is_prefix = lower.len() >= 4;
    let exact =
        |one: &Listed| one.take.id.to_string() == lower || one.folder.file_name() == Some(OsStr::new(wanted));
    let named = |one: &Listed| one.take.name.as_str().to_lowercase() == lower;
    let begins = |one: &Listed| is_prefix && one.take.id.to_string().starts_with(&lower);
    let rules: [&dyn Fn(&Listed) -> bool; 3] = [&exact, &named, &begins];
    for rule in rules {
        let found: Vec<&Listed> = takes.iter().filter(|one| rule(one)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok((*one).clone()),
            many => {
                let words = many.iter().take(AMBIGUOUS_MAX);
                let found =
                    words.map(|one| format!("{:.8} {}", one.take.id.to_string(), one.take.name)).collect();
                return Err(TakeError::Ambiguous { wanted: wanted.to_owned(), found });
            }
        }
    }
    Err(TakeError::NotFound(wanted.to_owned()))
}

/// Whether some process is recording into this folder right now.
#[must_use]
pub fn is_live(folder: &Path) -> bool {
    let Ok(file) = plain_file::open(&folder.join(RECORDING_FILE)) else { return false };
    flock(&file, FlockOperation::NonBlockingLockExclusive).is_err()
}

/// Says that this process records into the folder until the file is dropped; keeps `reserve_bytes` of the disk.
///
/// # Errors
/// What the disk said.
pub(super) fn go_live(folder: &Path, reserve_bytes: usize) -> io::Result<File> {
    let path = folder.join(RECORDING_FILE);
    let mut file = plain_file::create(&path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    io::Write::write_all(&mut file, &vec![0; reserve_bytes])?;
    Ok(file)
}

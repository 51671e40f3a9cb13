//! Deleting: into a bin for thirty days, or at once and for good.
//!
//! The bin is `takes/.bin`; what is in it is called after the moment it was deleted, in ms of Unix time, and the
//! folder it was: `1763922540000_2026-11-23T18-29_kitchen-blues`. One rename each way, so a kill loses nothing.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::error::TakeError;
use super::folder::{self, Listed};
use super::{import, manifest, space};
use crate::domain::take::Take;
use crate::store::atomic_file;

/// The bin, in the folder of takes.
const BIN_FOLDER: &str = ".bin";

/// What is being erased is called so first: a kill in the middle leaves no half take that looks whole.
const ERASING: &str = "erasing_";

/// How long a deleted take can be had back.
pub const KEPT_MS: u64 = 30 * 86_400_000;

/// A deleted take.
#[derive(Debug)]
pub struct Binned {
    /// Where it is now.
    pub folder: PathBuf,
    /// What its folder was called.
    pub name: String,
    /// When it was deleted, in ms of Unix time.
    pub deleted_unix_ms: u64,
    /// What its `take.json` says, if it can be read: what is broken can be deleted, too.
    pub take: Option<Take>,
}

/// What a purge removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Takes.
    pub takes: usize,
    /// Bytes that the disk has back.
    pub bytes: u64,
}

/// Moves a take into the bin; says where it is now.
///
/// # Errors
/// [`TakeError::BeingRecorded`], [`TakeError::Disk`].
pub fn delete(takes: &Path, folder: &Path, now_unix_ms: u64) -> Result<PathBuf, TakeError> {
    let name = refuse_live(takes, folder)?;
    let bin = bin_folder(takes)?;
    let moved = folder::unused(&bin, &format!("{now_unix_ms}_{name}"), |to| rename_to_free(folder, to))
        .map_err(TakeError::disk("delete a take", folder))?;
    sync(takes).and_then(|()| sync(&bin))?;
    Ok(moved)
}

/// What is in the bin, the last deleted first.
///
/// # Errors
/// [`TakeError::Disk`].
pub fn list(takes: &Path) -> Result<Vec<Binned>, TakeError> {
    let mut found: Vec<Binned> = folder::folders(&takes.join(BIN_FOLDER))?
        .into_iter()
        .filter_map(|folder| {
            let name = folder.file_name()?.to_str()?;
            let (moment, name) = name.split_once('_')?;
            let deleted_unix_ms = moment.parse().ok()?;
            let (name, take) = (name.to_owned(), manifest::read(&folder).ok());
            Some(Binned { folder, name, deleted_unix_ms, take })
        })
        .collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.deleted_unix_ms));
    Ok(found)
}

/// The take of this id, name or folder in the bin; of two with the same id the last deleted.
///
/// # Errors
/// As [`folder::find`].
pub fn find(takes: &Path, wanted: &str) -> Result<Binned, TakeError> {
    let mut binned = list(takes)?;
    if let Some(index) = binned.iter().position(|one| one.name == wanted) {
        return Ok(binned.swap_remove(index));
    }
    let mut readable: Vec<Listed> = Vec::new();
    for one in &binned {
        if let Some(take) = &one.take
            && !readable.iter().any(|other| other.take.id == take.id)
        {
            readable.push(Listed { folder: one.folder.clone(), take: take.clone() });
        }
    }
    let folder = folder::pick(readable, wanted)?.folder;
    let index = binned.iter().position(|one| one.folder == folder);
    index.map(|index| binned.swap_remove(index)).ok_or_else(|| TakeError::NotFound(wanted.to_owned()))
}

/// Brings a deleted take back; says where it is now.
///
/// # Errors
/// [`TakeError::Disk`].
pub fn undo(takes: &Path, binned: &Binned) -> Result<PathBuf, TakeError> {
    let back = folder::unused(takes, &binned.name, |to| rename_to_free(&binned.folder, to))
        .map_err(TakeError::disk("bring a take back", &binned.folder))?;
    sync(takes).and_then(|()| sync(&takes.join(BIN_FOLDER)))?;
    Ok(back)
}

/// Removes a take at once and for good: one of the bin, too. Says how many bytes the disk has back.
///
/// # Errors
/// [`TakeError::BeingRecorded`], [`TakeError::Disk`]: what is left then goes with the next [`purge`].
pub fn erase(takes: &Path, folder: &Path) -> Result<u64, TakeError> {
    let name = refuse_live(takes, folder)?;
    let bytes = space::used(folder)?;
    let bin = bin_folder(takes)?;
    let erasing = folder::unused(&bin, &format!("{ERASING}{name}"), |to| rename_to_free(folder, to))
        .map_err(TakeError::disk("delete a take", folder))?;
    remove(&erasing)?;
    sync(&bin)?;
    Ok(bytes)
}

/// Removes what was deleted more than thirty days ago, and what a kill left of an [`erase`] or an import.
///
/// Not while an import runs: it would be taken for one that was killed.
///
/// # Errors
/// [`TakeError::Disk`] for the first that could not be removed; the others are.
pub fn purge(takes: &Path, now_unix_ms: u64) -> Result<Purged, TakeError> {
    let mut purged = Purged::default();
    let mut first = Ok(());
    for one in
        list(takes)?.into_iter().filter(|one| now_unix_ms.saturating_sub(one.deleted_unix_ms) > KEPT_MS)
    {
        match erase(takes, &one.folder) {
            Ok(bytes) => {
                purged.takes += 1;
                purged.bytes += bytes;
            }
            Err(error) => first = first.and(Err(error)),
        }
    }
    let half_erased = folder::folders(&takes.join(BIN_FOLDER))?
        .into_iter()
        .filter(|folder| file_name(folder).is_some_and(|name| name.starts_with(ERASING)));
    for folder in half_erased {
        let bytes = space::used(&folder).unwrap_or(0);
        match remove(&folder) {
            Ok(()) => purged.bytes += bytes,
            Err(error) => first = first.and(Err(error)),
        }
    }
    import::clean(takes)?;
    first.map(|()| purged)
}

/// The name of a folder that is in `takes` or its bin and is not being recorded.
fn refuse_live(takes: &Path, folder: &Path) -> Result<String, TakeError> {
    let is_here = folder.parent().is_some_and(|parent| parent == takes || parent == takes.join(BIN_FOLDER));
    let name = file_name(folder).filter(|name| is_here && !name.starts_with('.'));
    let Some(name) = name else { return Err(TakeError::NotFound(folder.display().to_string())) };
    if folder::is_live(folder) {
        let called = manifest::read(folder).map(|take| take.name);
        return Err(TakeError::BeingRecorded(
            called.unwrap_or_else(|_| crate::domain::name::Name::new(name)),
        ));
    }
    Ok(name.to_owned())
}

fn file_name(folder: &Path) -> Option<&str> {
    folder.file_name().and_then(OsStr::to_str)
}

fn bin_folder(takes: &Path) -> Result<PathBuf, TakeError> {
    let bin = takes.join(BIN_FOLDER);
    atomic_file::private_folder(&bin).map_err(TakeError::disk("open the bin", &bin))?;
    Ok(bin)
}

/// Renames a folder, unless something of that name is there.
pub(super) fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system has it. A folder is only ever renamed over an empty one.
        Err(Errno::INVAL | Errno::NOSYS) => fs::rename(from, to),
        other => Ok(other?),
    }
}

fn remove(folder: &Path) -> Result<(), TakeError> {
    fs::remove_dir_all(folder).map_err(TakeError::disk("remove a take", folder))
}

fn sync(folder: &Path) -> Result<(), TakeError> {
    atomic_file::sync_folder(folder).map_err(TakeError::disk("keep a change of the takes", folder))
}

//! A take folder of another machine, brought in. Whoever made it may be a stranger.
//!
//! World: worker, minutes. Everything is copied beside the takes first, checked there, and moved in by one rename:
//! what is refused leaves nothing.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::error::TakeError;
use super::manifest::{self, MANIFEST_FILE, file_path};
use super::reader::frames_of;
use super::{GoOn, Progress, bin, folder, plain_file, space};
use crate::domain::take::{AudioFormat, Take, TakeKind, TakeState, Track, TrackFile};
use crate::store::atomic_file;

/// What is being copied is called so: `.import-<id>`, which is no take.
const PART: &str = ".import-";

/// Bytes of a take that are taken in unless the caller says otherwise: sixteen players for eight hours.
pub const BYTES_MAX: u64 = 70_000_000_000;

/// Bytes a file may have beyond its samples: the chunks of other programs, the pictures in a FLAC.
const EXTRA_BYTES_MAX: u64 = 16 << 20;

/// Bytes that are copied at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// What became of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// It is here now.
    New(PathBuf),
    /// A take of this id was here already; nothing was changed.
    AlreadyHere(PathBuf),
}

/// Brings the take folder `source` into `takes`, at most `bytes_max` bytes of it. Progress in bytes.
///
/// Only what `take.json` names is copied. Every file must have the length and, if one is given, the hash that it
/// says; of a take that ended a hash must be given.
///
/// # Errors
/// [`TakeError`]; then nothing is left behind.
pub fn import(source: &Path, takes: &Path, bytes_max: u64, go_on: GoOn<'_>) -> Result<Imported, TakeError> {
    let mut take = manifest::read(source)?;
    if take.state == TakeState::Recording {
        return Err(TakeError::BeingRecorded(take.name));
    }
    if let Some(here) = folder::list(takes)?.takes.into_iter().find(|one| one.take.id == take.id) {
        return Ok(Imported::AlreadyHere(here.folder));
    }
    let of = total_bytes(source, &take, bytes_max)?;
    atomic_file::private_folder(takes).map_err(TakeError::disk("open the folder of takes", takes))?;
    let free = space::free(takes)?;
    if of > free {
        let what = format!("it has {of} bytes, and the disk has {free} left");
        return Err(TakeError::TooLarge { path: source.to_owned(), what });
    }
    let part = takes.join(format!("{PART}{}", take.id));
    let name = folder::folder_name(&take.started, &take.name);
    take.kind = TakeKind::Imported;
    let moved = begin(&part).and_then(|()| copy_all(source, &part, &take, of, go_on)).and_then(|()| {
        folder::unused(takes, &name, |to| bin::rename_to_free(&part, to))
            .map_err(TakeError::disk("bring in a take", &part))
    });
    match moved {
        Ok(folder) => {
            atomic_file::sync_folder(takes).map_err(TakeError::disk("bring in a take", takes))?;
            Ok(Imported::New(folder))
        }
        Err(error) => {
            // The next import or purge removes it, if it cannot be now.
            let _ = fs::remove_dir_all(&part);
            Err(error)
        }
    }
}

/// Removes what a kill left of an import.
pub(super) fn clean(takes: &Path) -> Result<(), TakeError> {
    let entries = match fs::read_dir(takes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(TakeError::disk("list the takes", takes))?,
    };
    for entry in entries.flatten() {
        let is_part = entry.file_name().as_encoded_bytes().starts_with(PART.as_bytes());
        if is_part && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let path = entry.path();
            fs::remove_dir_all(&path).map_err(TakeError::disk("remove half an import", &path))?;
        }
    }
    Ok(())
}

/// Bytes of all files, each no larger than its samples can be.
fn total_bytes(source: &Path, take: &Take, bytes_max: u64) -> Result<u64, TakeError> {
    let mut total = 0;
    for (track, file) in files_of(take) {
        let path = file_path(source, file);
        let data = fs::symlink_metadata(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => TakeError::damaged(&path, "it is not there"),
            _ => TakeError::disk("read a take", &path)(error),
        })?;
        if !data.is_file() {
            return Err(TakeError::damaged(&path, "a link, folder or device and no plain file"));
        }
        let most = bytes_most(track, file);
        if data.len() > most {
            let what = format!("{} bytes; what take.json says of it has {most} at most", data.len());
            return Err(TakeError::TooLarge { path, what });
        }
        total += data.len();
    }
    if total > bytes_max {
        let what = format!("{total} bytes; {bytes_max} are the most");
        return Err(TakeError::TooLarge { path: source.to_owned(), what });
    }
    Ok(total)
}

/// 24 bits a sample; a FLAC of noise is a little larger.
const fn bytes_most(track: &Track, file: &TrackFile) -> u64 {
    let plain = file.samples * 3 * track.channels as u64;
    match file.format {
        AudioFormat::Wav => plain + EXTRA_BYTES_MAX,
        AudioFormat::Flac => plain + plain / 8 + EXTRA_BYTES_MAX,
    }
}

fn files_of(take: &Take) -> impl Iterator<Item = (&Track, &TrackFile)> {
    take.tracks.iter().flat_map(|track| track.files.iter().map(move |file| (track, file)))
}

fn begin(part: &Path) -> Result<(), TakeError> {
    let trouble = || TakeError::disk("begin an import", part);
    match fs::remove_dir_all(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(trouble()(error)),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(part).map_err(trouble())
}

fn copy_all(source: &Path, part: &Path, take: &Take, of: u64, go_on: GoOn<'_>) -> Result<(), TakeError> {
    let mut done = 0;
    for (track, file) in files_of(take) {
        let (from, to) = (file_path(source, file), file_path(part, file));
        let hash = copy(&from, &to, bytes_most(track, file), &mut |bytes| {
            done += bytes;
            go_on(Progress { done, of })
        })?;
        if file.blake3.is_empty() && take.state == TakeState::Ended {
            return Err(TakeError::damaged(&from, "take.json has no hash for it"));
        }
        if !(file.blake3.is_empty() || hash.eq_ignore_ascii_case(&file.blake3)) {
            return Err(TakeError::damaged(&from, "it was changed, cut or swapped: its hash is another one"));
        }
        let told = |error| match error {
            // The caller knows the file by where it came from.
            TakeError::Damaged { what, .. } => TakeError::damaged(&from, what),
            other => other,
        };
        let frames = frames_of(&to, file.format, track.channels).map_err(told)?;
        if frames != file.samples {
            let what = format!("it has {frames} samples instead of {}", file.samples);
            return Err(TakeError::damaged(&from, what));
        }
    }
    manifest::write(part, take)?;
    atomic_file::sync_folder(part).map_err(TakeError::disk("bring in a take", &part.join(MANIFEST_FILE)))
}

/// Copies at most `most` bytes, however long the file became meanwhile; returns their hash.
fn copy(from: &Path, to: &Path, most: u64, step: &mut dyn FnMut(u64) -> bool) -> Result<String, TakeError> {
    let reading = || TakeError::disk("read a take", from);
    let writing = || TakeError::disk("copy a take", to);
    let mut source = plain_file::open(from).map_err(reading())?.take(most + 1);
    let mut target: File = plain_file::create(to).map_err(writing())?;
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut copied = 0;
    loop {
        let count = source.read(&mut chunk).map_err(reading())?;
        if count == 0 {
            target.sync_all().map_err(writing())?;
            return Ok(hasher.finalize().to_hex().to_string());
        }
        copied += count as u64;
        if copied > most {
            let what = format!("more than {most} bytes");
            return Err(TakeError::TooLarge { path: from.to_owned(), what });
        }
        hasher.update(&chunk[..count]);
        target.write_all(&chunk[..count]).map_err(writing())?;
        if !step(count as u64) {
            return Err(TakeError::Stopped);
        }
    }
}

//! Takes whose program was ended in the middle: closed as well as what is on the disk allows.
//!
//! World: worker, at start, before anything is recorded. No sample that was kept is left out: shorter tracks are
//! brought to the longest by silence. Killed in the middle it begins again, for `take.json` says `recording` until
//! all is done.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::TakeError;
use super::folder::{self, RECORDING_FILE};
use super::manifest::{self, ENTRIES_MAX, GAPS_MAX, MANIFEST_FILE, file_path};
use super::wav::{HEADER_BYTES, WavForm, WavWriter};
use super::{gaps, plain_file};
use crate::domain::take::{AudioFormat, Gap, GapWhy, LogEntry, LogWhat, Take, TakeId, TakeState, Track};

/// What became of one interrupted take.
#[derive(Debug)]
pub struct Recovered {
    /// Its folder.
    pub folder: PathBuf,
    /// Which, if that could be read.
    pub id: Option<TakeId>,
    /// What was left out, in words; empty if nothing was.
    pub left_out: Vec<String>,
    /// Why it is still not closed: the next start tries again.
    pub trouble: Option<TakeError>,
}

/// Closes every take in `takes` that was interrupted, and none that some process records right now.
///
/// # Errors
/// [`TakeError::Disk`] if the folder of takes cannot be read. Trouble with one take is said in its entry.
pub fn recover_all(takes: &Path) -> Result<Vec<Recovered>, TakeError> {
    let mut done = Vec::new();
    for listed in folder::list(takes)?.takes {
        if listed.take.state != TakeState::Recording || folder::is_live(&listed.folder) {
            continue;
        }
        let id = Some(listed.take.id);
        let folder = listed.folder;
        done.push(match recover(&folder) {
            Ok(left_out) => Recovered { folder, id, left_out, trouble: None },
            Err(error) => Recovered { folder, id, left_out: Vec::new(), trouble: Some(error) },
        });
    }
    Ok(done)
}

/// Closes one interrupted take; says what was left out. One that is whole stays as it is.
///
/// # Errors
/// [`TakeError`]; what was mended before stays mended.
pub fn recover(folder: &Path) -> Result<Vec<String>, TakeError> {
    let mut take = manifest::read(folder)?;
    if take.state != TakeState::Recording {
        return Ok(Vec::new());
    }
    if folder::is_live(folder) {
        return Err(TakeError::BeingRecorded(take.name));
    }
    // First, for on a full disk nothing else gives room for a new take.json.
    let remove = |path: &Path| plain_file::remove(path).map_err(TakeError::disk("recover a take", path));
    remove(&folder.join(RECORDING_FILE))?;
    let mut left_out = Vec::new();
    let mut tracks = Vec::new();
    for mut track in std::mem::take(&mut take.tracks) {
        let label = label(&track);
        match mend(folder, &mut track, take.rate_hz) {
            Ok(lost) => {
                left_out.extend(lost.into_iter().map(|what| format!("{label}: {what}")));
                tracks.push(track);
            }
            Err(TakeError::Damaged { what, .. }) => left_out.push(format!("{label} is left out: {what}")),
            Err(error) => return Err(error),
        }
    }
    let length = tracks.iter().map(Track::samples).max().unwrap_or(0);
    for track in &mut tracks {
        lengthen(folder, track, take.rate_hz, length)?;
        seal(folder, track)?;
    }
    for path in leftovers(folder, &tracks)? {
        remove(&path)?;
    }
    take.tracks = tracks;
    close(&mut take, length, &left_out);
    manifest::write(folder, &take)?;
    Ok(left_out)
}

fn label(track: &Track) -> String {
    let whose = track.player.as_ref().map_or_else(|| "mix".to_owned(), |player| player.name.to_string());
    format!("track {} ({whose})", track.number)
}

/// Brings what `take.json` says of a track's files to what is there; makes their headers anew. Says what is missing.
///
/// # Errors
/// [`TakeError::Damaged`] if none of its files can be used.
fn mend(folder: &Path, track: &mut Track, rate_hz: u32) -> Result<Vec<String>, TakeError> {
    let mut lost = Vec::new();
    let mut whole = Vec::new();
    let form = form_of(track, rate_hz);
    for mut file in std::mem::take(&mut track.files) {
        // Only a WAV is ever being written; another one was put there by hand.
        if file.format == AudioFormat::Flac {
            whole.push(file);
            continue;
        }
        let path = file_path(folder, &file);
        match WavWriter::resume(&path, form) {
            Ok(mut writer) => {
                file.samples = writer.frames();
                writer.finish(&[]).map_err(TakeError::disk("mend a track", &path))?;
                whole.push(file);
            }
            Err(error) if is_its_own_fault(&error) => {
                lost.push(format!("{}: {error}", file.name));
                // What follows would lie in the wrong place.
                break;
            }
            Err(error) => return Err(TakeError::disk("mend a track", &path)(error)),
        }
    }
    if whole.is_empty() {
        let path = folder.join(MANIFEST_FILE);
        return Err(TakeError::damaged(&path, lost.pop().unwrap_or_else(|| "it has no file".to_owned())));
    }
    track.files = whole;
    Ok(lost)
}

/// Missing, another's, or no file of ours: waiting for a better disk would not help.
fn is_its_own_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, NotFound, PermissionDenied};
    matches!(error.kind(), InvalidInput | NotFound | PermissionDenied)
}

/// Brings a track to the length of the take by silence, and says so in its gaps.
fn lengthen(folder: &Path, track: &mut Track, rate_hz: u32, length: u64) -> Result<(), TakeError> {
    let at = track.samples();
    let missing = length - at;
    let form = form_of(track, rate_hz);
    if missing > 0
        && let Some(file) = track.files.last_mut().filter(|file| file.format == AudioFormat::Wav)
    {
        let path = file_path(folder, file);
        let mut writer = WavWriter::resume(&path, form).map_err(TakeError::disk("mend a track", &path))?;
        let padded = writer.silence(missing).and_then(|()| writer.finish(&[]));
        padded.map_err(TakeError::disk("mend a track", &path))?;
        file.samples += missing;
        // It never reached the disk.
        gaps::insert(&mut track.gaps, Gap { at, samples: missing, why: GapWhy::Disk }, GAPS_MAX);
    }
    gaps::cut(&mut track.gaps, length);
    Ok(())
}

fn seal(folder: &Path, track: &mut Track) -> Result<(), TakeError> {
    for file in &mut track.files {
        let path = file_path(folder, file);
        let hash = plain_file::hash(&path, &mut |_| true).map_err(TakeError::disk("read a track", &path))?;
        file.blake3 = hash.unwrap_or_default();
    }
    Ok(())
}

fn close(take: &mut Take, length: u64, left_out: &[String]) {
    take.log.truncate(ENTRIES_MAX - 1);
    let words = manifest::harmless_text(&left_out.join("; "));
    take.log.push(LogEntry { at: length, what: LogWhat::Interrupted, who: None, words });
    take.marks.retain(|mark| mark.at <= length);
    take.length_samples = length;
    take.state = TakeState::Recovered;
}

/// What a kill may have left beside the tracks: `take.json` written in half, and a track's file without a sample
/// that `take.json` does not know yet.
fn leftovers(folder: &Path, tracks: &[Track]) -> Result<Vec<PathBuf>, TakeError> {
    let trouble = || TakeError::disk("recover a take", folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(trouble())? {
        let entry = entry.map_err(trouble())?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_known = tracks.iter().flat_map(|track| &track.files).any(|file| file.name == name);
        let is_empty = || entry.metadata().is_ok_and(|data| data.is_file() && data.len() <= HEADER_BYTES);
        let is_half = name.starts_with(MANIFEST_FILE) && name.ends_with(".tmp");
        if is_half || (!is_known && name.ends_with(".wav") && is_empty()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn form_of(track: &Track, rate_hz: u32) -> WavForm {
    WavForm { channels: u16::from(track.channels), rate_hz, bits: 24 }
}

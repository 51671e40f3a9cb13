//! A take's WAV files become FLAC, each only when it was read back and is the same.
//!
//! World: worker, minutes. One file at a time: it is written beside, compared sample by sample, renamed, named in
//! `take.json`, and only then the WAV goes. A kill between any two of these leaves a readable take; what it left
//! beside is removed by the next run.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::TakeError;
use super::flac::{FlacFile, FlacWriter};
use super::reader::TrackReader;
use super::{BLOCK, GoOn, Progress, manifest, plain_file};
use crate::domain::take::{AudioFormat, Take, TakeState, Track, TrackFile};
use crate::store::atomic_file;

/// Behind the name of a FLAC that is not compared yet.
const PART: &str = ".part";

/// What was converted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Converted {
    /// Files.
    pub files: usize,
    /// Bytes that the disk has back.
    pub bytes_saved: u64,
}

/// Makes FLAC of every WAV of the take in this folder. Progress in samples per channel of all its files.
///
/// A rename, a mark or a note that comes meanwhile is kept. A file that is taken out meanwhile is left alone.
///
/// # Errors
/// [`TakeError::BeingRecorded`]; [`TakeError::Damaged`] for a WAV that is not what its hash says, or a FLAC that did
/// not come out the same: the WAV stays; [`TakeError::Stopped`]: files that were done stay done.
pub fn to_flac(folder: &Path, go_on: GoOn<'_>) -> Result<Converted, TakeError> {
    let take = manifest::read(folder)?;
    if take.state == TakeState::Recording {
        return Err(TakeError::BeingRecorded(take.name));
    }
    clean(folder, &take)?;
    let waiting: Vec<(&Track, &TrackFile)> = take
        .tracks
        .iter()
        .flat_map(|track| track.files.iter().map(move |file| (track, file)))
        // A FLAC without any sample is one that few programs open.
        .filter(|(_, file)| file.format == AudioFormat::Wav && file.samples > 0)
        .collect();
    // Each is read to hash it, to convert it, and to compare it.
    let of = waiting.iter().map(|(_, file)| file.samples * 3).sum();
    let mut done = 0;
    let mut converted = Converted::default();
    for (track, file) in waiting {
        let mut step = |samples: u64| {
            done += samples;
            go_on(Progress { done, of })
        };
        converted.bytes_saved += convert(folder, &take, track, file, &mut step)?;
        converted.files += 1;
    }
    Ok(converted)
}

/// One file; returns the bytes saved.
fn convert(
    folder: &Path,
    take: &Take,
    track: &Track,
    file: &TrackFile,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<u64, TakeError> {
    let wav = folder.join(&file.name);
    check_hash(&wav, track, file, step)?;
    let name = flac_name(&file.name);
    let flac = folder.join(&name);
    let part = folder.join(format!("{name}{PART}"));
    let made = encode(folder, track, file, take.rate_hz, &part, step)
        .and_then(|()| compare(folder, track, file, &part, step));
    if made.is_err() {
        // Removed again by the next run, if it cannot be now.
        let _ = plain_file::remove(&part);
    }
    made?;
    let trouble = || TakeError::disk("keep a track as FLAC", &flac);
    let hash = plain_file::hash(&part, &mut |_| true).map_err(trouble())?.unwrap_or_default();
    let saved = size(&wav).saturating_sub(size(&part));
    fs::rename(&part, &flac).and_then(|()| atomic_file::sync_folder(folder)).map_err(trouble())?;
    let mut is_named = false;
    manifest::change(folder, |take| {
        let mut files = take.tracks.iter_mut().flat_map(|track| &mut track.files);
        if let Some(entry) = files.find(|entry| **entry == *file) {
            *entry = TrackFile { name, format: AudioFormat::Flac, samples: file.samples, blake3: hash };
            is_named = true;
        }
        Ok(())
    })?;
    // It was taken out or replaced meanwhile: then this FLAC is nobody's.
    let unneeded = if is_named { &wav } else { &flac };
    plain_file::remove(unneeded)
        .map_err(TakeError::disk("remove a file that is not needed any more", unneeded))?;
    Ok(if is_named { saved } else { 0 })
}

/// A WAV that was damaged on the disk must not become a FLAC that says it is whole.
fn check_hash(
    wav: &Path,
    track: &Track,
    file: &TrackFile,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<(), TakeError> {
    let frame_bytes = 3 * u64::from(track.channels);
    let hash = plain_file::hash(wav, &mut |bytes| step(bytes / frame_bytes))
        .map_err(TakeError::disk("read a track", wav))?
        .ok_or(TakeError::Stopped)?;
    if file.blake3.is_empty() || hash.eq_ignore_ascii_case(&file.blake3) {
        return Ok(());
    }
    Err(TakeError::damaged(wav, "it was changed after it was recorded"))
}

fn encode(
    folder: &Path,
    track: &Track,
    file: &TrackFile,
    rate_hz: u32,
    part: &Path,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<(), TakeError> {
    let trouble = || TakeError::disk("write a track as FLAC", part);
    let mut wav = single(folder, track, file)?;
    let mut flac = FlacWriter::create(part, wav.channels(), rate_hz).map_err(trouble())?;
    let mut block = vec![0; BLOCK * wav.channels()];
    loop {
        let frames = wav.read(&mut block)?;
        if frames == 0 {
            return flac.finish().map_err(trouble());
        }
        flac.write(&block[..frames * wav.channels()]).map_err(trouble())?;
        if !step(frames as u64) {
            return Err(TakeError::Stopped);
        }
    }
}

fn compare(
    folder: &Path,
    track: &Track,
    file: &TrackFile,
    part: &Path,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<(), TakeError> {
    let differs =
        |what: String| TakeError::damaged(part, format!("the FLAC is not the same as the WAV: {what}"));
    let mut wav = single(folder, track, file)?;
    let mut flac = FlacFile::open(part).map_err(|error| differs(error.to_string()))?;
    if flac.channels() != wav.channels() || flac.frames() != file.samples {
        return Err(differs(format!("{} samples, {} channels", flac.frames(), flac.channels())));
    }
    let mut expected = vec![0; BLOCK * wav.channels()];
    let mut found = expected.clone();
    loop {
        let at = wav.position();
        let frames = wav.read(&mut expected)?;
        let read = flac.read(&mut found).map_err(|error| differs(error.to_string()))?;
        let count = frames * wav.channels();
        if read != frames || expected[..count] != found[..count] {
            return Err(differs(format!("at sample {at}")));
        }
        if frames == 0 {
            return Ok(());
        }
        if !step(frames as u64) {
            return Err(TakeError::Stopped);
        }
    }
}

/// One file of a track by itself.
fn single(folder: &Path, track: &Track, file: &TrackFile) -> Result<TrackReader, TakeError> {
    TrackReader::open(folder, &Track { files: vec![file.clone()], ..track.clone() })
}

/// `01_ana.wav` becomes `01_ana.flac`.
fn flac_name(wav: &str) -> String {
    format!("{}.flac", wav.strip_suffix(".wav").unwrap_or(wav))
}

fn size(path: &Path) -> u64 {
    fs::symlink_metadata(path).map_or(0, |data| data.len())
}

/// Removes what a kill left: halves of FLAC files, FLAC files that `take.json` does not name though it names their
/// WAV, and WAV files whose FLAC it names. Nothing else is touched.
fn clean(folder: &Path, take: &Take) -> Result<(), TakeError> {
    let named: HashSet<&str> =
        take.tracks.iter().flat_map(|track| &track.files).map(|file| file.name.as_str()).collect();
    let mut unneeded: Vec<PathBuf> = Vec::new();
    for name in &named {
        let other = match name.strip_suffix(".flac") {
            Some(stem) => format!("{stem}.wav"),
            None => flac_name(name),
        };
        unneeded.push(folder.join(format!("{}{PART}", flac_name(name))));
        if !named.contains(other.as_str()) {
            unneeded.push(folder.join(other));
        }
    }
    for path in unneeded {
        match plain_file::remove(&path) {
            // A folder of that name is somebody else's.
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {}
            other => other.map_err(TakeError::disk("clean up after a conversion", &path))?,
        }
    }
    Ok(())
}

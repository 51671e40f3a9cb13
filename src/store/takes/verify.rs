//! Whether a take is what its `take.json` says. Signatures of consents are not looked at here: who knows keys does.

use std::fs;
use std::path::Path;

use super::error::TakeError;
use super::folder::RECORDING_FILE;
use super::manifest::{self, MANIFEST_FILE, file_path};
use super::reader::{TrackReader, frames_of};
use super::{BLOCK, GoOn, Progress, plain_file};
use crate::domain::take::{Take, TakeState, Track, TrackFile};

/// Files beside the take that are told by name; of more there is only the number.
const UNKNOWN_MAX: usize = 20;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Something is wrong and nothing is lost.
    Warning,
    /// Sound is missing or not what was recorded.
    Error,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file it is about.
    pub file: Option<String>,
    /// What is so.
    pub what: String,
    /// What to do now, one sentence; empty for nothing.
    pub remedy: String,
}

/// Checks one take: every file there, of the right length, with the right hash, decodable to its end; tracks of one
/// length; nothing unknown beside them. Nothing found is good. Progress in samples per channel of all files.
///
/// # Errors
/// [`TakeError`] if `take.json` cannot be read, the disk fails, or `go_on` said no.
pub fn verify(folder: &Path, go_on: GoOn<'_>) -> Result<Vec<Finding>, TakeError> {
    let take = manifest::read(folder)?;
    let mut findings = Vec::new();
    if take.state == TakeState::Recording {
        let what = "it is being recorded, or was interrupted and not recovered yet";
        let remedy = "Stop the recording, or start jamtty again: it recovers what was interrupted.";
        findings.push(finding(Severity::Warning, None, what, remedy));
        return Ok(findings);
    }
    let of = take.tracks.iter().map(|track| track.samples() * 2).sum();
    let mut done = 0;
    let mut step = |samples: u64| {
        done += samples;
        go_on(Progress { done, of })
    };
    for track in &take.tracks {
        for file in &track.files {
            findings.extend(check_file(folder, track, file, &mut step)?);
        }
        if track.samples() != take.length_samples {
            let what = format!(
                "track {} has {} samples, the take {}",
                track.number,
                track.samples(),
                take.length_samples
            );
            findings.push(finding(
                Severity::Warning,
                None,
                &what,
                "It plays; the tracks end at different moments.",
            ));
        }
    }
    findings.extend(unknown(folder, &take)?);
    findings.sort_by_key(|one| std::cmp::Reverse(one.severity));
    Ok(findings)
}

/// What is wrong with one file; the worst alone, for the rest follows from it.
fn check_file(
    folder: &Path,
    track: &Track,
    file: &TrackFile,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<Option<Finding>, TakeError> {
    let path = file_path(folder, file);
    let wrong = |what: &str| {
        let remedy = TakeError::damaged(&path, "").remedy();
        Ok(Some(finding(Severity::Error, Some(&file.name), what, &remedy)))
    };
    match frames_of(&path, file.format, track.channels) {
        Ok(frames) if frames != file.samples => {
            return wrong(&format!("it has {frames} samples instead of {}", file.samples));
        }
        Ok(_) => {}
        Err(TakeError::Damaged { what, .. }) => return wrong(&what),
        Err(error) => return wrong(&error.to_string()),
    }
    let bytes = fs::metadata(&path).map_or(1, |data| data.len().max(1));
    let mut hashed = 0;
    let mut told = 0;
    let hash = plain_file::hash(&path, &mut |count| {
        hashed += count;
        // Its share of the samples: a FLAC has no fixed number of bytes for each.
        let now =
            u64::try_from(u128::from(file.samples) * u128::from(hashed) / u128::from(bytes)).unwrap_or(told);
        let samples = now.saturating_sub(told);
        told = now;
        step(samples)
    });
    match hash {
        Ok(Some(hash)) if !file.blake3.is_empty() && !hash.eq_ignore_ascii_case(&file.blake3) => {
            return wrong("it was changed or swapped: its hash is another one");
        }
        Ok(Some(_)) => {}
        Ok(None) => return Err(TakeError::Stopped),
        Err(error) => return wrong(&error.to_string()),
    }
    match decode(folder, track, file, step) {
        Err(TakeError::Damaged { what, .. }) => wrong(&what),
        Err(error) => Err(error),
        Ok(()) if file.blake3.is_empty() => {
            let what = "it has no hash, so nobody can say whether it is what was recorded";
            Ok(Some(finding(Severity::Note, Some(&file.name), what, "")))
        }
        Ok(()) => Ok(None),
    }
}

fn decode(
    folder: &Path,
    track: &Track,
    file: &TrackFile,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<(), TakeError> {
    let mut reader = TrackReader::open(folder, &Track { files: vec![file.clone()], ..track.clone() })?;
    let mut block = vec![0; BLOCK * reader.channels()];
    loop {
        match reader.read(&mut block)? as u64 {
            0 => return Ok(()),
            frames if !step(frames) => return Err(TakeError::Stopped),
            _ => {}
        }
    }
}

/// What is in the folder and not in `take.json`.
fn unknown(folder: &Path, take: &Take) -> Result<Vec<Finding>, TakeError> {
    let trouble = || TakeError::disk("look into a take", folder);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(trouble())? {
        let name = entry.map_err(trouble())?.file_name().to_string_lossy().into_owned();
        let mut files = take.tracks.iter().flat_map(|track| &track.files);
        if name != MANIFEST_FILE && name != RECORDING_FILE && !files.any(|file| file.name == name) {
            names.push(crate::domain::name::safe_line(&name, 100));
        }
    }
    names.sort();
    let more = names.len().saturating_sub(UNKNOWN_MAX);
    names.truncate(UNKNOWN_MAX);
    let mut findings: Vec<Finding> = names
        .iter()
        .map(|name| {
            finding(Severity::Note, Some(name), "it is not part of the take", "Leave it or remove it.")
        })
        .collect();
    if more > 0 {
        let what = format!("{more} more files are not part of the take");
        findings.push(finding(Severity::Note, None, &what, "Leave them or remove them."));
    }
    Ok(findings)
}

fn finding(severity: Severity, file: Option<&str>, what: &str, remedy: &str) -> Finding {
    let (file, what, remedy) = (file.map(ToOwned::to_owned), what.to_owned(), remedy.to_owned());
    Finding { severity, file, what, remedy }
}

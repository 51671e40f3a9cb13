//! `take.json`: read as hostile input, written whole or not at all.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Deserialize;

use super::error::TakeError;
use super::plain_file;
use crate::domain::name::{Name, safe_line};
use crate::domain::session::SessionId;
use crate::domain::take::{
    AudioFormat, NOTE_CHARS_MAX, TAGS_MAX, TAKE_VERSION, TRACKS_MAX, Take, TakeState, Track, TrackFile,
};
use crate::store::atomic_file::{self, Existing};
use crate::store::trouble::Trouble;

/// The file that describes a take, in its folder.
pub const MANIFEST_FILE: &str = "take.json";

/// Bytes of a `take.json`; a larger one is refused. [`TRACKS_MAX`] tracks with [`GAPS_MAX`] gaps take 9 MB.
pub const MANIFEST_BYTES_MAX: u64 = 16 << 20;

/// Gaps of one track; past it neighbours are told as one.
pub const GAPS_MAX: usize = 2_000;

/// Files of one track; at 2 GB each it is the disk that is too small.
pub const FILES_MAX: usize = 1_000;

/// Consents, marks, changes of tempo or lines of log of one take; the writer leaves later ones out.
pub const ENTRIES_MAX: usize = 10_000;

/// Samples per channel of a take: thirty days. No sum of lengths within it overflows.
pub const SAMPLES_MAX: u64 = 30 * 86_400 * 48_000;

/// Bytes of the name of a sound file.
const FILE_NAME_BYTES_MAX: usize = 100;

/// Columns of a mark's text or of a log line's words; the rest is cut.
const TEXT_COLUMNS_MAX: usize = 200;

/// Of two in this process that change a `take.json`, one waits: a rename during a conversion is not lost.
static CHANGING: Mutex<()> = Mutex::new(());

/// What a folder's `take.json` says, checked.
///
/// # Errors
/// [`TakeError::Disk`], [`TakeError::Broken`], [`TakeError::Newer`].
pub fn read(folder: &Path) -> Result<Take, TakeError> {
    let path = folder.join(MANIFEST_FILE);
    let trouble = || TakeError::disk("read a take", &path);
    let file = plain_file::open(&path).map_err(trouble())?;
    let mut bytes = Vec::new();
    file.take(MANIFEST_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(trouble())?;
    parse(&path, &bytes)
}

/// A take from the bytes of a `take.json`; `path` is for the error. Texts are made harmless, numbers are sane.
///
/// # Errors
/// [`TakeError::Broken`] with the line, [`TakeError::Newer`].
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Take, TakeError> {
    let broken = |line, what: String| TakeError::Broken { path: path.to_owned(), line, what };
    if bytes.len() as u64 > MANIFEST_BYTES_MAX {
        return Err(broken(1, format!("larger than {} MiB", MANIFEST_BYTES_MAX >> 20)));
    }
    let mut take: Take = serde_json::from_slice(bytes).map_err(|error| match newer_version(bytes) {
        Some(found) => TakeError::Newer { path: path.to_owned(), found },
        None => broken(error.line().max(1), safe_line(&error.to_string(), TEXT_COLUMNS_MAX)),
    })?;
    if take.v != TAKE_VERSION {
        return Err(match newer_version(bytes) {
            Some(found) => TakeError::Newer { path: path.to_owned(), found },
            None => broken(1, format!("version {} was never written", take.v)),
        });
    }
    check(&take).map_err(|what| broken(1, what))?;
    make_harmless(&mut take);
    Ok(take)
}

/// Writes a folder's `take.json`: after a crash the old or the new one is there.
///
/// # Errors
/// What the disk said.
pub fn write(folder: &Path, take: &Take) -> Result<(), Trouble> {
    let path = folder.join(MANIFEST_FILE);
    let trouble = |source| Trouble::new("write a take's description", &path, source);
    let mut bytes = serde_json::to_vec_pretty(take).map_err(|error| trouble(error.into()))?;
    bytes.push(b'\n');
    if bytes.len() as u64 > MANIFEST_BYTES_MAX {
        // Without white space it has a third.
        bytes = serde_json::to_vec(take).map_err(|error| trouble(error.into()))?;
    }
    atomic_file::write(&path, &bytes, Existing::Replace).map_err(trouble)
}

/// Reads, changes and writes a `take.json`, alone in this process; returns what it says now.
///
/// # Errors
/// As [`read`] and [`write()`], and what `change` said: then nothing is written.
pub fn change(
    folder: &Path,
    change: impl FnOnce(&mut Take) -> Result<(), TakeError>,
) -> Result<Take, TakeError> {
    let _alone = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut take = read(folder)?;
    let before = take.clone();
    change(&mut take)?;
    let path = folder.join(MANIFEST_FILE);
    check(&take).map_err(|what| TakeError::Broken { path, line: 1, what })?;
    if take != before {
        write(folder, &take)?;
    }
    Ok(take)
}

/// As [`change()`], but refuses a take that is being recorded: its writer would undo it.
///
/// # Errors
/// [`TakeError::BeingRecorded`], and as [`change()`].
pub fn change_ended(
    folder: &Path,
    apply: impl FnOnce(&mut Take) -> Result<(), TakeError>,
) -> Result<Take, TakeError> {
    change(folder, |take| match take.state {
        TakeState::Recording => Err(TakeError::BeingRecorded(take.name.clone())),
        TakeState::Ended | TakeState::Recovered => apply(take),
    })
}

/// Where a file of a take is; its name was checked when the take was read.
pub(super) fn file_path(folder: &Path, file: &TrackFile) -> PathBuf {
    folder.join(&file.name)
}

/// The version, if it is one that was written after this program.
fn newer_version(bytes: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Version {
        v: u64,
    }
    let version = serde_json::from_slice::<Version>(bytes).ok()?;
    (version.v > u64::from(TAKE_VERSION)).then_some(version.v)
}

/// What is wrong, in words: bounds, names of files, numbers that do not fit each other.
fn check(take: &Take) -> Result<(), String> {
    if take.started.parse::<Timestamp>().is_err() {
        return Err("started is no RFC 3339 time".to_owned());
    }
    if !take.session.is_empty() && take.session.parse::<SessionId>().is_err() {
        return Err("session is not 32 hex digits".to_owned());
    }
    if !(8_000..=192_000).contains(&take.rate_hz) {
        return Err(format!("rate_hz is {}; 48000 is what jamtty writes", take.rate_hz));
    }
    if take.length_samples > SAMPLES_MAX {
        return Err("length_samples is more than thirty days".to_owned());
    }
    let counts = [
        ("tracks", take.tracks.len(), TRACKS_MAX),
        ("consents", take.consents.len(), ENTRIES_MAX),
        ("tempo", take.tempo.len(), ENTRIES_MAX),
        ("marks", take.marks.len(), ENTRIES_MAX),
        ("log", take.log.len(), ENTRIES_MAX),
        ("tags", take.tags.len(), TAGS_MAX),
    ];
    if let Some((what, count, most)) = counts.into_iter().find(|(_, count, most)| count > most) {
        return Err(format!("{what} has {count} entries, {most} are the most"));
    }
    if take.tempo.iter().any(|change| !(1.0..=1_000.0).contains(&change.bpm) || change.beats == 0) {
        return Err("a tempo is no tempo".to_owned());
    }
    let mut numbers = HashSet::new();
    let mut names = HashSet::new();
    for track in &take.tracks {
        if !numbers.insert(track.number) {
            return Err(format!("two tracks have the number {}", track.number));
        }
        check_track(track).map_err(|what| format!("track {}: {what}", track.number))?;
        if let Some(file) = track.files.iter().find(|file| !names.insert(file.name.to_ascii_lowercase())) {
            return Err(format!("the file {:?} is named twice", file.name));
        }
    }
    Ok(())
}

fn check_track(track: &Track) -> Result<(), String> {
    if !(1..=2).contains(&track.channels) {
        return Err(format!("{} channels; 1 and 2 are possible", track.channels));
    }
    if track.files.len() > FILES_MAX || track.gaps.len() > GAPS_MAX {
        return Err(format!("more than {FILES_MAX} files or {GAPS_MAX} gaps"));
    }
    let mut samples = 0;
    for file in &track.files {
        check_file_name(&file.name, file.format)?;
        let is_hash = file.blake3.len() == 64 && file.blake3.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !(file.blake3.is_empty() || is_hash) {
            return Err(format!("blake3 of {:?} is not 64 hex digits", file.name));
        }
        // Neither can overflow: the one before was within it, too.
        if file.samples > SAMPLES_MAX || samples + file.samples > SAMPLES_MAX {
            return Err("longer than thirty days".to_owned());
        }
        samples += file.samples;
    }
    if track.gaps.iter().any(|gap| gap.at > SAMPLES_MAX || gap.samples > SAMPLES_MAX) {
        return Err("a gap is outside".to_owned());
    }
    Ok(())
}

/// A name is a plain one in the take's own folder: `01_ana.wav`, never a path, never hidden.
fn check_file_name(name: &str, format: AudioFormat) -> Result<(), String> {
    let ending = match format {
        AudioFormat::Wav => ".wav",
        AudioFormat::Flac => ".flac",
    };
    let is_plain = name.len() <= FILE_NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        && !name.starts_with('.');
    if is_plain && name.len() > ending.len() && name.ends_with(ending) {
        return Ok(());
    }
    let shown = safe_line(name, TEXT_COLUMNS_MAX);
    Err(format!("{shown:?} is no name of a file here: letters, digits, _ - . and {ending} at its end"))
}

/// Texts that go to a screen: one line each, without control characters; the note may have several.
fn make_harmless(take: &mut Take) {
    for mark in &mut take.marks {
        mark.text = safe_line(&mark.text, TEXT_COLUMNS_MAX);
    }
    for entry in &mut take.log {
        entry.words = safe_line(&entry.words, TEXT_COLUMNS_MAX);
    }
    take.note = harmless_note(&take.note);
    take.marks.sort_by_key(|mark| mark.at);
    take.tempo.sort_by_key(|change| change.at);
    for track in &mut take.tracks {
        track.gaps.sort_by_key(|gap| gap.at);
    }
}

/// A note, each line harmless, at most [`NOTE_CHARS_MAX`] characters.
pub(super) fn harmless_note(note: &str) -> String {
    let lines: Vec<String> = note.lines().map(|line| safe_line(line, NOTE_CHARS_MAX)).collect();
    lines.join("\n").chars().take(NOTE_CHARS_MAX).collect()
}

/// A mark's text as it is kept.
pub(super) fn harmless_text(text: &str) -> String {
    safe_line(text, TEXT_COLUMNS_MAX)
}

/// Whether two names are one to whoever reads them.
pub(super) fn same_name(a: &Name, b: &Name) -> bool {
    a.as_str().to_lowercase() == b.as_str().to_lowercase()
}

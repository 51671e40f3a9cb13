//! A take carried out for other programs: a sound file for each track, and projects that open them together.
//!
//! World: worker, minutes. Everything is made in a folder beside the wanted one and moved there when all is done.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use super::error::TakeError;
use super::flac::FlacWriter;
use super::project::{self, Lane, Piece};
use super::reader::TrackReader;
use super::track_writer::FILE_BYTES_MAX;
use super::wav::{WavForm, WavWriter};
use super::{BLOCK, GoOn, Progress, bin, folder, manifest};
use crate::domain::take::{Mark, Take, TakeState, Track, TrackKind};
use crate::store::atomic_file::{self, Existing};

/// How the tracks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportForm {
    /// 16 bits, with triangular dither.
    Wav16,
    /// 24 bits, as recorded.
    Wav24,
    /// 24 bits, as recorded, smaller.
    Flac,
}

/// What is exported, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportPlan {
    /// How the tracks are written.
    pub form: ExportForm,
    /// Numbers of the tracks; empty for all.
    pub tracks: Vec<u16>,
    /// Files of the same names in a folder that is there may be replaced; others in it are left alone.
    pub replace: bool,
    /// Of the dither: the same seed gives the same files.
    pub seed: u64,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Where it is.
    pub folder: PathBuf,
    /// The names of the files in it: sound first, then the projects.
    pub files: Vec<String>,
}

/// Writes the take in `folder` to the folder `to`, which is made. Progress in samples per channel of all tracks.
///
/// # Errors
/// [`TakeError::Exists`] if something is in `to` and may not be replaced, [`TakeError::BeingRecorded`],
/// [`TakeError::NotFound`] for a track, what the disk said: then `to` is as it was.
pub fn export(folder: &Path, to: &Path, plan: &ExportPlan, go_on: GoOn<'_>) -> Result<Exported, TakeError> {
    export_with(folder, to, plan, FILE_BYTES_MAX, go_on)
}

/// As [`export`], with another limit of bytes for each WAV file.
pub(super) fn export_with(
    folder: &Path,
    to: &Path,
    plan: &ExportPlan,
    file_bytes_max: u64,
    go_on: GoOn<'_>,
) -> Result<Exported, TakeError> {
    let take = manifest::read(folder)?;
    if take.state == TakeState::Recording {
        return Err(TakeError::BeingRecorded(take.name));
    }
    let tracks = wanted(&take, &plan.tracks)?;
    let is_taken = fs::read_dir(to)
        .map_or_else(|error| error.kind() != io::ErrorKind::NotFound, |mut entries| entries.next().is_some());
    if is_taken && !plan.replace {
        return Err(TakeError::Exists(to.to_owned()));
    }
    let part = part_beside(to)?;
    let files =
        begin(&part).and_then(|()| write_all(folder, &part, &take, &tracks, plan, file_bytes_max, go_on));
    let moved = files.and_then(|files| move_in(&part, to, &files, is_taken).map(|()| files));
    if moved.is_err() || is_taken {
        // What cannot be removed now is in nobody's way, and removed by the next export to this folder.
        let _ = fs::remove_dir_all(&part);
    }
    Ok(Exported { folder: to.to_owned(), files: moved? })
}

fn wanted<'a>(take: &'a Take, numbers: &[u16]) -> Result<Vec<&'a Track>, TakeError> {
    if let Some(missing) =
        numbers.iter().find(|number| take.tracks.iter().all(|track| track.number != **number))
    {
        return Err(TakeError::NotFound(format!("{}, track {missing}", take.name)));
    }
    Ok(take.tracks.iter().filter(|track| numbers.is_empty() || numbers.contains(&track.number)).collect())
}

/// `.<name>.part` beside it: on the same disk, so that it can be moved in one step.
fn part_beside(to: &Path) -> Result<PathBuf, TakeError> {
    let no_name = || io::Error::new(io::ErrorKind::InvalidInput, "it has no name");
    let name = to.file_name().ok_or_else(no_name).map_err(TakeError::disk("export to this folder", to))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".part");
    Ok(to.with_file_name(hidden))
}

fn begin(part: &Path) -> Result<(), TakeError> {
    let trouble = || TakeError::disk("begin an export", part);
    match fs::remove_dir_all(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(trouble()(error)),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(part).map_err(trouble())
}

/// Into an empty or missing folder all at once, else file by file: each is whole.
fn move_in(part: &Path, to: &Path, files: &[String], is_taken: bool) -> Result<(), TakeError> {
    let trouble = || TakeError::disk("export to this folder", to);
    atomic_file::sync_folder(part).map_err(trouble())?;
    if is_taken {
        for name in files {
            fs::rename(part.join(name), to.join(name)).map_err(trouble())?;
        }
        return atomic_file::sync_folder(to).map_err(trouble());
    }
    match bin::rename_to_free(part, to) {
        // An empty one: only over that one can a folder be renamed.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::rename(part, to).map_err(trouble())?
        }
        other => other.map_err(trouble())?,
    }
    to.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .map_or(Ok(()), atomic_file::sync_folder)
        .map_err(trouble())
}

fn write_all(
    folder: &Path,
    part: &Path,
    take: &Take,
    tracks: &[&Track],
    plan: &ExportPlan,
    file_bytes_max: u64,
    go_on: GoOn<'_>,
) -> Result<Vec<String>, TakeError> {
    let of = tracks.iter().map(|track| track.samples()).sum();
    let mut done = 0;
    let mut step = |samples: u64| {
        done += samples;
        go_on(Progress { done, of })
    };
    let mut lanes = Vec::new();
    for track in tracks {
        let stem = format!("{:02}_{}", track.number, folder::slug(&title(track)));
        let mut reader = TrackReader::open(folder, track)?;
        let pieces = match plan.form {
            ExportForm::Flac => vec![write_flac(part, take, &mut reader, &stem, &mut step)?],
            ExportForm::Wav16 | ExportForm::Wav24 => {
                let bits = if plan.form == ExportForm::Wav16 { 16 } else { 24 };
                let form = WavForm { channels: u16::from(track.channels), rate_hz: take.rate_hz, bits };
                // Each track its own noise: the same in two would add up in the middle.
                let mut dither = Dither(ChaCha8Rng::seed_from_u64(plan.seed ^ u64::from(track.number)));
                let frames_max = file_bytes_max / form.frame_bytes();
                write_wavs(part, &take.marks, &mut reader, &stem, form, frames_max, &mut dither, &mut step)?
            }
        };
        lanes.push(Lane { title: title(track), pieces });
    }
    let mut files: Vec<String> =
        lanes.iter().flat_map(|lane| &lane.pieces).map(|piece| piece.name.clone()).collect();
    let called = folder::slug(take.name.as_str());
    let reaper = project::reaper(take, &lanes, plan.form == ExportForm::Flac);
    for (name, text) in
        [(format!("{called}.rpp"), reaper), (format!("{called}.lof"), project::audacity(take, &lanes))]
    {
        let path = part.join(&name);
        atomic_file::write(&path, text.as_bytes(), Existing::Replace)
            .map_err(TakeError::disk("write a project", &path))?;
        files.push(name);
    }
    Ok(files)
}

/// What a track is called for people: its player, and what it is if that needs saying.
fn title(track: &Track) -> String {
    let player = track.player.as_ref().map_or_else(|| "track".to_owned(), |player| player.name.to_string());
    match track.kind {
        TrackKind::Own | TrackKind::Stem => player,
        TrackKind::Heard => format!("{player} as heard"),
        TrackKind::Mix => "mix".to_owned(),
        TrackKind::MixWithoutMe => "mix without me".to_owned(),
    }
}

fn write_flac(
    part: &Path,
    take: &Take,
    reader: &mut TrackReader,
    stem: &str,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<Piece, TakeError> {
    let name = format!("{stem}.flac");
    let path = part.join(&name);
    let trouble = || TakeError::disk("export a track", &path);
    let mut flac = FlacWriter::create(&path, reader.channels(), take.rate_hz).map_err(trouble())?;
    let mut block = vec![0; BLOCK * reader.channels()];
    loop {
        let frames = reader.read(&mut block)?;
        if frames == 0 {
            flac.finish().map_err(trouble())?;
            return Ok(Piece { name, at: 0, samples: reader.frames() });
        }
        flac.write(&block[..frames * reader.channels()]).map_err(trouble())?;
        if !step(frames as u64) {
            return Err(TakeError::Stopped);
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one call; a struct of them would only be named for it")]
fn write_wavs(
    part: &Path,
    marks: &[Mark],
    reader: &mut TrackReader,
    stem: &str,
    form: WavForm,
    frames_max: u64,
    dither: &mut Dither,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<Vec<Piece>, TakeError> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut block = vec![0; BLOCK * reader.channels()];
    while pieces.is_empty() || reader.position() < reader.frames() {
        let number = pieces.len() + 1;
        let name = if number == 1 { format!("{stem}.wav") } else { format!("{stem}_{number}.wav") };
        let path = part.join(&name);
        let trouble = || TakeError::disk("export a track", &path);
        let at = reader.position();
        let samples = frames_max.max(1).min(reader.frames() - at);
        let mut wav = WavWriter::create(&path, form).map_err(trouble())?;
        while wav.frames() < samples {
            let left = usize::try_from(samples - wav.frames()).unwrap_or(usize::MAX).min(BLOCK);
            let frames = reader.read(&mut block[..left * usize::from(form.channels)])?;
            let found = &block[..frames * usize::from(form.channels)];
            // A block of silence stays silent: a gap in a track has no hiss.
            if form.bits == 16 && found.iter().any(|sample| *sample != 0) {
                wav.write(found.iter().map(|sample| dither.narrow(*sample))).map_err(trouble())?;
            } else {
                wav.write(found.iter().copied()).map_err(trouble())?;
            }
            if !step(frames as u64) {
                return Err(TakeError::Stopped);
            }
        }
        wav.finish(&project::cue_chunks(marks, at, samples)).map_err(trouble())?;
        pieces.push(Piece { name, at, samples });
    }
    Ok(pieces)
}

/// Noise of a triangular density, two steps wide: what is rounded away becomes a hiss that does not follow the
/// music (Lipshitz, Wannamaker, Vanderkooy, JAES 40/5, 1992).
struct Dither(ChaCha8Rng);

impl Dither {
    /// A sample of 24 bits as one of 16.
    fn narrow(&mut self, sample: i32) -> i32 {
        let noise = self.0.next_u32();
        // A step of 16 bits is 256 of 24: the sum of two of 0 to 255 less 255 is triangular around 0.
        let triangular = (noise & 0xFF) as i32 + (noise >> 8 & 0xFF) as i32 - 255;
        // Rounds to the nearest, for 128 is half a step.
        ((sample + triangular + 128) >> 8).clamp(-32_768, 32_767)
    }
}

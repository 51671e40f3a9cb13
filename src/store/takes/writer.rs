//! A take being recorded: the disk's side of [`TakeSink`].

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::folder::{self, RECORDING_FILE};
use super::manifest::{self, ENTRIES_MAX, GAPS_MAX, SAMPLES_MAX};
use super::track_writer::{FILE_BYTES_MAX, TrackWriter};
use super::wav::WavForm;
use super::{gaps, plain_file};
use crate::domain::take::{
    Consent, Gap, LogEntry, Mark, TRACKS_MAX, Take, TakeId, TakeState, Track, TrackKind,
};
use crate::protocol::take_sink::{SinkTrouble, TakeSink, TrackPlan};
use crate::store::atomic_file;
use crate::store::trouble::Trouble;

/// What of the disk is held back for the last `take.json` of a take that fills the disk.
const RESERVE_BYTES: usize = 1 << 18;

/// `take.json` is written anew at most so often while a take is recorded, but for a new file: at once.
const MANIFEST_EVERY: Duration = Duration::from_secs(1);

/// A take being recorded into its folder.
///
/// World: worker. Dropped without [`TakeSink::end`], it leaves what [`TakeSink::keep`] kept, for
/// [`super::recover`] to close.
#[derive(Debug)]
pub struct TakeWriter {
    folder: PathBuf,
    take: Take,
    /// In the order of `take.tracks`.
    tracks: Vec<TrackWriter>,
    /// Held and locked while the take is written.
    live: Option<File>,
    file_bytes_max: u64,
    /// `take.json` does not say all yet.
    is_dirty: bool,
    written: Instant,
    has_failed: bool,
}

impl TakeWriter {
    /// Begins `take` in a new folder of `takes`. Its tracks, length and state are the writer's to fill in.
    ///
    /// # Errors
    /// What the disk said; then no folder is left.
    pub fn create(takes: &Path, take: Take) -> Result<Self, Trouble> {
        Self::create_with(takes, take, FILE_BYTES_MAX)
    }

    /// As [`Self::create`], with another limit of bytes for each file.
    pub(super) fn create_with(takes: &Path, mut take: Take, file_bytes_max: u64) -> Result<Self, Trouble> {
        let name = folder::folder_name(&take.started, &take.name);
        let folder = folder::create(takes, &name)
            .map_err(|source| Trouble::new("make the folder of a take", takes, source))?;
        take.state = TakeState::Recording;
        take.length_samples = 0;
        take.tracks.clear();
        let live = folder::go_live(&folder, RESERVE_BYTES)
            .map_err(|source| Trouble::new("begin a take", &folder, source))
            .and_then(|live| manifest::write(&folder, &take).map(|()| live))
            .and_then(|live| {
                atomic_file::sync_folder(takes)
                    .map_err(|source| Trouble::new("begin a take", takes, source))
                    .map(|()| live)
            });
        match live {
            Ok(live) => Ok(Self {
                folder,
                take,
                tracks: Vec::new(),
                live: Some(live),
                file_bytes_max,
                is_dirty: false,
                written: Instant::now(),
                has_failed: false,
            }),
            Err(trouble) => {
                // There is nothing in it yet; what failed before is the error that counts.
                let _ = std::fs::remove_dir_all(&folder);
                Err(trouble)
            }
        }
    }

    /// Which take.
    #[must_use]
    pub const fn id(&self) -> TakeId {
        self.take.id
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `take.json` will say next.
    #[must_use]
    pub const fn take(&self) -> &Take {
        &self.take
    }

    fn index_of(&self, number: u16) -> Result<usize, SinkTrouble> {
        self.take.tracks.iter().position(|track| track.number == number).ok_or_else(|| SinkTrouble {
            what: format!("cannot write track {number}"),
            why: "this take has no such track".to_owned(),
            remedy: "Stop the recording and begin another one.".to_owned(),
        })
    }

    /// Does something with a track's files, unless the take has failed before.
    fn on_track(
        &mut self,
        number: u16,
        work: impl FnOnce(&mut TrackWriter) -> io::Result<bool>,
    ) -> Result<(), SinkTrouble> {
        let index = self.index_of(number)?;
        if self.has_failed {
            return Err(already_failed());
        }
        let is_new = work(&mut self.tracks[index]);
        if self.tracks[index].frames() > SAMPLES_MAX {
            self.has_failed = true;
            return Err(too_much("it is longer than thirty days"));
        }
        match is_new {
            Ok(false) => Ok(()),
            Ok(true) => self.write_manifest().map_err(|trouble| self.failed(&trouble)),
            Err(source) => {
                let trouble = Trouble::new("write a track", &self.folder, source);
                Err(self.failed(&trouble))
            }
        }
    }

    fn failed(&mut self, trouble: &Trouble) -> SinkTrouble {
        self.has_failed = true;
        sink_trouble(trouble)
    }

    /// Says in `take.json` what is known now.
    fn write_manifest(&mut self) -> Result<(), Trouble> {
        for (track, writer) in self.take.tracks.iter_mut().zip(&self.tracks) {
            track.files = writer.files();
        }
        self.take.length_samples = self.tracks.iter().map(TrackWriter::frames).max().unwrap_or(0);
        manifest::write(&self.folder, &self.take)?;
        self.is_dirty = false;
        self.written = Instant::now();
        Ok(())
    }

    /// Closes every track as far as the disk lets it; the first that it refused.
    fn close_tracks(&mut self, length_samples: u64) -> Result<(), Trouble> {
        let mut first = Ok(());
        for (track, writer) in self.take.tracks.iter_mut().zip(&mut self.tracks) {
            if self.has_failed {
                writer.give_up();
            }
            let closed = writer.set_length(length_samples).and_then(|()| writer.finish()).or_else(|error| {
                // Once more without what was not taken: a hole at its end costs the disk nothing.
                writer.give_up();
                writer.set_length(length_samples).and_then(|()| writer.finish()).map_err(|_| error)
            });
            match closed {
                Ok(files) => track.files = files,
                Err(source) if first.is_ok() => {
                    track.files = writer.files();
                    first = Err(Trouble::new("close a track", &self.folder, source));
                }
                Err(_) => track.files = writer.files(),
            }
            gaps::cut(&mut track.gaps, length_samples);
        }
        first
    }
}

impl TakeSink for TakeWriter {
    fn add_track(&mut self, plan: TrackPlan) -> Result<u16, SinkTrouble> {
        if self.has_failed {
            return Err(already_failed());
        }
        if self.take.tracks.len() >= TRACKS_MAX {
            return Err(too_much(&format!("it has {TRACKS_MAX} tracks")));
        }
        let number = self.take.tracks.iter().map(|track| track.number).max().unwrap_or(0) + 1;
        let channels = plan.channels.clamp(1, 2);
        let form = WavForm { channels: u16::from(channels), rate_hz: self.take.rate_hz, bits: 24 };
        let stem = format!("{number:02}_{}", track_slug(&plan));
        let writer = TrackWriter::create(&self.folder, stem, form, self.file_bytes_max)
            .map_err(|source| self.failed(&Trouble::new("begin a track", &self.folder, source)))?;
        let (kind, player) = (plan.kind, plan.player);
        self.take.tracks.push(Track {
            number,
            kind,
            player,
            channels,
            files: writer.files(),
            gaps: Vec::new(),
        });
        self.tracks.push(writer);
        self.write_manifest().map_err(|trouble| self.failed(&trouble))?;
        Ok(number)
    }

    fn write(&mut self, track: u16, samples: &[[f32; 2]]) -> Result<(), SinkTrouble> {
        self.on_track(track, |writer| writer.write(samples))
    }

    fn silence(&mut self, track: u16, samples: u64) -> Result<(), SinkTrouble> {
        if samples > SAMPLES_MAX {
            return Err(too_much("it is longer than thirty days"));
        }
        self.on_track(track, |writer| writer.silence(samples))
    }

    fn gap(&mut self, track: u16, gap: Gap) {
        if let Ok(index) = self.index_of(track) {
            gaps::insert(&mut self.take.tracks[index].gaps, gap, GAPS_MAX);
            self.is_dirty = true;
        }
    }

    fn consent(&mut self, consent: Consent) {
        push_bounded(&mut self.take.consents, consent, &mut self.is_dirty);
    }

    fn mark(&mut self, mut mark: Mark) {
        mark.text = manifest::harmless_text(&mark.text);
        push_bounded(&mut self.take.marks, mark, &mut self.is_dirty);
    }

    fn log(&mut self, entry: LogEntry) {
        push_bounded(&mut self.take.log, entry, &mut self.is_dirty);
    }

    fn keep(&mut self) -> Result<(), SinkTrouble> {
        if self.has_failed {
            return Err(already_failed());
        }
        for index in 0..self.tracks.len() {
            if let Err(source) = self.tracks[index].keep() {
                let trouble = Trouble::new("write a track", &self.folder, source);
                return Err(self.failed(&trouble));
            }
        }
        if self.is_dirty && self.written.elapsed() >= MANIFEST_EVERY {
            self.write_manifest().map_err(|trouble| self.failed(&trouble))?;
        }
        Ok(())
    }

    fn end(mut self: Box<Self>, length_samples: u64) -> Result<(), SinkTrouble> {
        let length_samples = length_samples.min(SAMPLES_MAX);
        // What was held back for this moment; the lock stays until this is dropped.
        let released = self.live.as_ref().map_or(Ok(()), |live| live.set_len(0));
        let closed = self.close_tracks(length_samples);
        // A take with a track that could not be closed stays one that recovery looks at.
        self.take.state = if closed.is_ok() { TakeState::Ended } else { TakeState::Recording };
        self.take.length_samples = length_samples;
        self.take.marks.retain(|mark| mark.at <= length_samples);
        self.take.marks.sort_by_key(|mark| mark.at);
        let written = manifest::write(&self.folder, &self.take);
        let trouble = |source| Trouble::new("end a take", &self.folder, source);
        let removed = match written {
            Ok(()) => plain_file::remove(&self.folder.join(RECORDING_FILE)).map_err(trouble),
            Err(_) => Ok(()),
        };
        let ended = closed.and(written).and(removed).and(released.map_err(trouble));
        ended.map_err(|trouble| sink_trouble(&trouble))
    }
}

/// What a track's file is called after its number.
fn track_slug(plan: &TrackPlan) -> String {
    match (plan.kind, &plan.player) {
        (TrackKind::Mix, _) => "mix".to_owned(),
        (TrackKind::MixWithoutMe, _) => "mix-without-me".to_owned(),
        (TrackKind::Own | TrackKind::Heard | TrackKind::Stem, Some(player)) => {
            folder::slug(player.name.as_str())
        }
        (TrackKind::Own | TrackKind::Heard | TrackKind::Stem, None) => "track".to_owned(),
    }
}

/// Keeps an entry, unless there are as many as `take.json` may have.
fn push_bounded<T>(entries: &mut Vec<T>, entry: T, is_dirty: &mut bool) {
    if entries.len() < ENTRIES_MAX {
        entries.push(entry);
        *is_dirty = true;
    }
}

fn sink_trouble(trouble: &Trouble) -> SinkTrouble {
    SinkTrouble {
        what: format!("cannot {}", trouble.operation),
        why: trouble.source.to_string(),
        remedy: trouble.remedy(),
    }
}

fn already_failed() -> SinkTrouble {
    SinkTrouble {
        what: "cannot write the take any further".to_owned(),
        why: "the disk refused it before".to_owned(),
        remedy: "Stop the recording; what was kept stays.".to_owned(),
    }
}

fn too_much(why: &str) -> SinkTrouble {
    SinkTrouble {
        what: "cannot make the take larger".to_owned(),
        why: why.to_owned(),
        remedy: "Stop the recording and begin another one.".to_owned(),
    }
}

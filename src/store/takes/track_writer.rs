//! One track being written: as many WAV files one after the other as it needs.

use std::io;
use std::path::{Path, PathBuf};

use super::manifest::FILES_MAX;
use super::plain_file;
use super::wav::{WavForm, WavWriter, to_integer};
use crate::domain::take::{AudioFormat, TrackFile};

/// Bytes of samples of one file: 2 GB, which every program and every file system reads.
pub(super) const FILE_BYTES_MAX: u64 = 2_000_000_000;

/// A track being written. All its files but the last are finished.
#[derive(Debug)]
pub(super) struct TrackWriter {
    folder: PathBuf,
    /// `01_ana`: files are called so, with `_2`, `_3`… from the second on.
    stem: String,
    form: WavForm,
    /// Samples per channel of one file.
    file_frames_max: u64,
    done: Vec<TrackFile>,
    last: WavWriter,
}

impl TrackWriter {
    /// A new track with one empty file.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn create(
        folder: &Path,
        stem: String,
        form: WavForm,
        file_bytes_max: u64,
    ) -> io::Result<Self> {
        let last = WavWriter::create(&folder.join(file_name(&stem, 0)), form)?;
        Ok(Self {
            folder: folder.to_owned(),
            stem,
            form,
            file_frames_max: (file_bytes_max / form.frame_bytes()).max(1),
            done: Vec::new(),
            last,
        })
    }

    /// Samples per channel of all files.
    pub(super) fn frames(&self) -> u64 {
        self.done.iter().map(|file| file.samples).sum::<u64>() + self.last.frames()
    }

    /// Its files as they are now, without hashes.
    pub(super) fn files(&self) -> Vec<TrackFile> {
        let mut files = self.done.clone();
        files.push(self.last_file());
        files
    }

    /// Appends samples; of two ears a mono track keeps the first. `true` if a new file was begun.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn write(&mut self, mut samples: &[[f32; 2]]) -> io::Result<bool> {
        let channels = usize::from(self.form.channels);
        let mut is_new = false;
        while !samples.is_empty() {
            let room = usize::try_from(self.room(&mut is_new)?).unwrap_or(usize::MAX);
            let (now, later) = samples.split_at(room.min(samples.len()));
            self.last
                .write(now.iter().flat_map(|ears| ears[..channels].iter().map(|ear| to_integer(*ear))))?;
            samples = later;
        }
        Ok(is_new)
    }

    /// Appends silence. `true` if a new file was begun.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn silence(&mut self, mut frames: u64) -> io::Result<bool> {
        let mut is_new = false;
        while frames > 0 {
            let now = self.room(&mut is_new)?.min(frames);
            self.last.silence(now)?;
            frames -= now;
        }
        Ok(is_new)
    }

    /// Makes what was written whole on the disk.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn keep(&mut self) -> io::Result<()> {
        self.last.keep()
    }

    /// Forgets what the disk did not take.
    pub(super) fn give_up(&mut self) {
        self.last.give_up();
    }

    /// Brings the track to this length, by silence or by a cut; files beyond it are removed.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn set_length(&mut self, frames: u64) -> io::Result<()> {
        let now = self.frames();
        if frames >= now {
            return self.silence(frames - now).map(|_| ());
        }
        let mut before: u64 = self.done.iter().map(|file| file.samples).sum();
        while before >= frames
            && let Some(previous) = self.done.pop()
        {
            plain_file::remove(&self.folder.join(file_name(&self.stem, self.done.len() + 1)))?;
            before -= previous.samples;
            self.last = WavWriter::resume(&self.folder.join(&previous.name), self.form)?;
        }
        self.last.cut(frames - before)
    }

    /// Closes the last file and says what all files are, with their hashes.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn finish(&mut self) -> io::Result<Vec<TrackFile>> {
        self.last.finish(&[])?;
        let mut files = self.files();
        for file in &mut files {
            let hash = plain_file::hash(&self.folder.join(&file.name), &mut |_| true)?;
            file.blake3 = hash.unwrap_or_default();
        }
        Ok(files)
    }

    /// Samples per channel that the last file still takes: at least one, in a new file if need be.
    fn room(&mut self, is_new: &mut bool) -> io::Result<u64> {
        if self.last.frames() >= self.file_frames_max {
            if self.done.len() + 1 >= FILES_MAX {
                let kind = io::ErrorKind::FileTooLarge;
                return Err(io::Error::new(kind, format!("a track has {FILES_MAX} files at most")));
            }
            self.last.finish(&[])?;
            let next = self.folder.join(file_name(&self.stem, self.done.len() + 1));
            let next = WavWriter::create(&next, self.form)?;
            self.done.push(self.last_file());
            self.last = next;
            *is_new = true;
        }
        Ok(self.file_frames_max - self.last.frames())
    }

    fn last_file(&self) -> TrackFile {
        TrackFile {
            name: file_name(&self.stem, self.done.len()),
            format: AudioFormat::Wav,
            samples: self.last.frames(),
            blake3: String::new(),
        }
    }
}

/// The file of this index, from 0 on.
fn file_name(stem: &str, index: usize) -> String {
    if index == 0 { format!("{stem}.wav") } else { format!("{stem}_{}.wav", index + 1) }
}

//! Any track of a take as one stream of samples, whatever files it lies in.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use super::error::TakeError;
use super::flac::FlacFile;
use super::manifest::file_path;
use super::wav::to_float;
use super::wav_read::WavReader;
use super::{BLOCK, plain_file};
use crate::domain::take::{AudioFormat, Track, TrackFile};

/// Streams a track: all of its files one after the other, WAV or FLAC. One file is open at a time.
pub struct TrackReader {
    folder: PathBuf,
    files: Vec<TrackFile>,
    channels: usize,
    frames: u64,
    position: u64,
    /// Which of the files is open.
    open: Option<(usize, Open)>,
    block: Vec<i32>,
}

enum Open {
    Wav(WavReader<BufReader<File>>),
    Flac(Box<FlacFile>),
}

impl TrackReader {
    /// A track of the take in this folder, from its beginning.
    ///
    /// # Errors
    /// [`TakeError`] if its first file cannot be opened, or is not what `take.json` says of it.
    pub fn open(folder: &Path, track: &Track) -> Result<Self, TakeError> {
        let mut reader = Self {
            folder: folder.to_owned(),
            files: track.files.clone(),
            channels: usize::from(track.channels),
            frames: track.samples(),
            position: 0,
            open: None,
            block: Vec::new(),
        };
        reader.seek(0)?;
        Ok(reader)
    }

    /// 1 or 2.
    #[must_use]
    pub const fn channels(&self) -> usize {
        self.channels
    }

    /// Samples per channel of all files.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// The sample that is read next.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Fills `samples` (interleaved, 24 bits) as far as there are some; returns samples per channel, 0 at the end.
    ///
    /// # Errors
    /// [`TakeError::Damaged`] where a file is shorter than its take says or cannot be decoded.
    pub fn read(&mut self, samples: &mut [i32]) -> Result<usize, TakeError> {
        let mut filled = 0;
        let wanted = samples.len() / self.channels;
        while filled < wanted && self.position < self.frames {
            let (index, begins) = self.file_at(self.position);
            let left = begins + self.files[index].samples - self.position;
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(wanted - filled);
            self.go_to(index, self.position - begins)?;
            let piece = &mut samples[filled * self.channels..(filled + count) * self.channels];
            let path = file_path(&self.folder, &self.files[index]);
            let Some((_, file)) = &mut self.open else { break };
            let read = file.read(piece).map_err(|error| read_error(&path, error))?;
            if read == 0 {
                return Err(TakeError::damaged(&path, "it is shorter than its take says"));
            }
            self.position += read as u64;
            filled += read;
        }
        Ok(filled)
    }

    /// As [`Self::read`], as floats; 1.0 is 0 dBFS.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_float(&mut self, samples: &mut [f32]) -> Result<usize, TakeError> {
        let mut filled = 0;
        let mut block = std::mem::take(&mut self.block);
        block.resize(BLOCK * self.channels, 0);
        let wanted = samples.len() - samples.len() % self.channels;
        while filled < wanted {
            let most = block.len().min(wanted - filled);
            let count = self.read(&mut block[..most])? * self.channels;
            if count == 0 {
                break;
            }
            for (to, from) in samples[filled..].iter_mut().zip(&block[..count]) {
                *to = to_float(*from);
            }
            filled += count;
        }
        self.block = block;
        Ok(filled / self.channels)
    }

    /// The next read begins at this sample, or at the end.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn seek(&mut self, sample: u64) -> Result<(), TakeError> {
        self.position = sample.min(self.frames);
        self.open = None;
        if self.position < self.frames {
            let (index, begins) = self.file_at(self.position);
            self.go_to(index, self.position - begins)?;
        }
        Ok(())
    }

    /// The file that holds this sample, which is before the end, and where the file begins.
    fn file_at(&self, sample: u64) -> (usize, u64) {
        let mut begins = 0;
        for (index, file) in self.files.iter().enumerate() {
            if sample < begins + file.samples {
                return (index, begins);
            }
            begins += file.samples;
        }
        (self.files.len().saturating_sub(1), begins)
    }

    /// Opens that file, if it is not the one that is open; an open one is at its place already.
    fn go_to(&mut self, index: usize, offset: u64) -> Result<(), TakeError> {
        if self.open.as_ref().is_some_and(|(open, _)| *open == index) {
            return Ok(());
        }
        let path = file_path(&self.folder, &self.files[index]);
        let mut file =
            Open::file(&path, self.files[index].format).map_err(|error| read_error(&path, error))?;
        if file.channels() != self.channels {
            return Err(TakeError::damaged(
                &path,
                format!("{} channels instead of {}", file.channels(), self.channels),
            ));
        }
        if offset > 0 {
            file.seek(offset).map_err(|error| read_error(&path, error))?;
        }
        self.open = Some((index, file));
        Ok(())
    }
}

impl fmt::Debug for TrackReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackReader").field("folder", &self.folder).field("position", &self.position).finish()
    }
}

/// Samples per channel that a file really has.
///
/// # Errors
/// [`TakeError`] if it cannot be opened, or has another number of channels.
pub(super) fn frames_of(path: &Path, format: AudioFormat, channels: u8) -> Result<u64, TakeError> {
    let file = Open::file(path, format).map_err(|error| read_error(path, error))?;
    if file.channels() != usize::from(channels) {
        return Err(TakeError::damaged(path, format!("{} channels instead of {channels}", file.channels())));
    }
    Ok(match file {
        Open::Wav(wav) => wav.frames(),
        Open::Flac(flac) => flac.frames(),
    })
}

impl Open {
    fn file(path: &Path, format: AudioFormat) -> io::Result<Self> {
        Ok(match format {
            AudioFormat::Wav => Self::Wav(WavReader::open(BufReader::new(plain_file::open(path)?))?),
            AudioFormat::Flac => Self::Flac(Box::new(FlacFile::open(path)?)),
        })
    }

    fn channels(&self) -> usize {
        match self {
            Self::Wav(wav) => usize::from(wav.channels()),
            Self::Flac(flac) => flac.channels(),
        }
    }

    fn read(&mut self, samples: &mut [i32]) -> io::Result<usize> {
        match self {
            Self::Wav(wav) => wav.read(samples),
            Self::Flac(flac) => flac.read(samples),
        }
    }

    fn seek(&mut self, frame: u64) -> io::Result<()> {
        match self {
            Self::Wav(wav) => wav.seek(frame),
            Self::Flac(flac) => flac.seek(frame),
        }
    }
}

/// What is wrong with the content is the file's fault, everything else the disk's.
fn read_error(path: &Path, error: io::Error) -> TakeError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            TakeError::damaged(path, error.to_string())
        }
        io::ErrorKind::NotFound => TakeError::damaged(path, "it is not there"),
        _ => TakeError::disk("read a track", path)(error),
    }
}

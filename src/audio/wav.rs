//! WAV files in and out: any of them to 48 kHz, and ours so that they are whole at every flush.
//!
//! World: worker.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::rate;
use crate::domain::time::RATE_HZ;

/// Sound from a file, at 48 kHz.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Interleaved; 0 dBFS is 1.0.
    pub samples: Vec<f32>,
    /// 1 or 2: of a file with more, the first two.
    pub channels: usize,
}

/// What a WAV file can do to us, by what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// There is no such file (exit code 66).
    #[error("there is no file {}", .0.display())]
    NotFound(PathBuf),
    /// It is there, but it is not a WAV we can read (exit code 65).
    #[error("cannot read {}: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It cannot be written: full disk, missing permission or folder (exit code 73).
    #[error("cannot write {}: {why}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

impl WavError {
    /// What to do now, as a sentence without its period.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "check the path",
            Self::Unreadable { .. } => "save it as WAV with 16, 24 or 32 bits, or 32-bit float",
            Self::Unwritable { .. } => "choose another path, or make room on the disk",
        }
    }
}

impl Clip {
    /// Reads a whole WAV file: integers of 8 to 32 bits or 32-bit float, any rate, any number of
    /// channels (the first two are kept).
    ///
    /// # Errors
    /// [`WavError::NotFound`], or [`WavError::Unreadable`] for anything that is not such a file.
    pub fn read(path: &Path) -> Result<Self, WavError> {
        let unreadable = |why: String| WavError::Unreadable { path: path.to_owned(), why };
        let file = File::open(path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => WavError::NotFound(path.to_owned()),
            _ => unreadable(e.to_string()),
        })?;
        if file.metadata().is_ok_and(|data| data.is_dir()) {
            return Err(unreadable("it is a folder".to_owned()));
        }
        let reader =
            WavReader::new(io::BufReader::new(file)).map_err(|e| unreadable(say(&e, "not a WAV file")))?;
        let spec = reader.spec();
        if spec.channels == 0 {
            return Err(unreadable("it has no channels".to_owned()));
        }
        let channels = usize::from(spec.channels.min(2));
        let samples = samples(reader, channels).map_err(|e| unreadable(say(&e, "damaged")))?;
        if samples.is_empty() {
            return Err(unreadable("there is no sound in it".to_owned()));
        }
        let samples =
            rate::convert_all(samples, channels, spec.sample_rate).map_err(|e| unreadable(e.to_string()))?;
        Ok(Self { samples, channels })
    }

    /// Samples per channel.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len() / self.channels
    }

    /// Whether nothing is in it; [`Self::read`] gives no such clip.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

/// A WAV file being written: 32-bit float, 48 kHz.
pub struct WavFile {
    writer: WavWriter<BufWriter<File>>,
    path: PathBuf,
}

impl WavFile {
    /// Makes the file, or empties it.
    ///
    /// # Errors
    /// [`WavError::Unwritable`].
    pub fn create(path: &Path, channels: u16) -> Result<Self, WavError> {
        let spec = WavSpec {
            channels,
            sample_rate: RATE_HZ,
            bits_per_sample: 32,
            sample_format: SampleFormat::Float,
        };
        let writer = WavWriter::create(path, spec).map_err(|e| unwritable(path, &e))?;
        let mut file = Self { writer, path: path.to_owned() };
        file.flush()?;
        Ok(file)
    }

    /// Appends interleaved samples.
    ///
    /// # Errors
    /// [`WavError::Unwritable`]; what was flushed before stays whole. Also at 4 GiB (three hours
    /// of stereo), which is all a WAV file can hold.
    pub fn write(&mut self, samples: &[f32]) -> Result<(), WavError> {
        let left = (BYTES_MAX / 4).saturating_sub(self.writer.len() as usize);
        if samples.len() > left {
            return Err(WavError::Unwritable {
                path: self.path.clone(),
                why: "a WAV file ends at 4 GiB".to_owned(),
            });
        }
        for sample in samples {
            self.writer.write_sample(*sample).map_err(|e| unwritable(&self.path, &e))?;
        }
        Ok(())
    }

    /// Brings the file's header up to date: what was written so far is a whole WAV file now.
    ///
    /// # Errors
    /// [`WavError::Unwritable`].
    pub fn flush(&mut self) -> Result<(), WavError> {
        self.writer.flush().map_err(|e| unwritable(&self.path, &e))
    }
}

/// The samples of the first `channels` channels as floats, interleaved.
fn samples(mut reader: WavReader<io::BufReader<File>>, channels: usize) -> Result<Vec<f32>, hound::Error> {
    let spec = reader.spec();
    let every = usize::from(spec.channels);
    let kept = move |n: usize| n % every < channels;
    match spec.sample_format {
        SampleFormat::Float => reader
            .samples::<f32>()
            .enumerate()
            .filter(|(n, _)| kept(*n))
            .map(|(_, sample)| sample.map(|value| if value.is_finite() { value } else { 0.0 }))
            .collect(),
        SampleFormat::Int => {
            let scale = 2.0_f64.powi(1 - i32::from(spec.bits_per_sample));
            reader
                .samples::<i32>()
                .enumerate()
                .filter(|(n, _)| kept(*n))
                .map(|(_, sample)| sample.map(|value| (f64::from(value) * scale) as f32))
                .collect()
        }
    }
}

fn unwritable(path: &Path, error: &hound::Error) -> WavError {
    WavError::Unwritable { path: path.to_owned(), why: say(error, "it cannot hold this") }
}

/// The library's words where they help, ours where they do not.
fn say(error: &hound::Error, else_say: &str) -> String {
    match error {
        // `Other` is the library's own: a chunk that ends before it should.
        hound::Error::IoError(e)
            if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::Other) =>
        {
            "it ends too early".to_owned()
        }
        hound::Error::IoError(e) => e.to_string(),
        hound::Error::FormatError(why) => format!("{else_say} ({why})"),
        hound::Error::Unsupported => "a kind of WAV we do not know".to_owned(),
        hound::Error::TooWide | hound::Error::UnfinishedSample | hound::Error::InvalidSampleFormat => {
            else_say.to_owned()
        }
    }
}

/// What a RIFF header can count, less the header.
const BYTES_MAX: usize = u32::MAX as usize - 4_096;

impl std::fmt::Debug for WavFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavFile").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, spec: WavSpec, frames: u32) {
        let mut writer = WavWriter::create(path, spec).unwrap();
        for n in 0..frames {
            for channel in 0..spec.channels {
                let phase = f64::from(n) * 1_000.0 / f64::from(spec.sample_rate) * std::f64::consts::TAU;
                let value = phase.sin() * 0.5 / f64::from(channel + 1);
                match spec.sample_format {
                    SampleFormat::Float => writer.write_sample(value as f32).unwrap(),
                    SampleFormat::Int => {
                        let full = 2.0_f64.powi(i32::from(spec.bits_per_sample) - 1) - 1.0;
                        writer.write_sample((value * full) as i32).unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
    }

    #[test]
    fn every_common_kind_of_wav_sounds_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        for (bits, sample_format) in [
            (8, SampleFormat::Int),
            (16, SampleFormat::Int),
            (24, SampleFormat::Int),
            (32, SampleFormat::Int),
            (32, SampleFormat::Float),
        ] {
            for sample_rate in [44_100, 48_000, 96_000] {
                for channels in [1, 2, 6] {
                    let spec = WavSpec { channels, sample_rate, bits_per_sample: bits, sample_format };
                    write(&path, spec, sample_rate / 10);
                    let clip = Clip::read(&path).unwrap();
                    assert_eq!(clip.channels, usize::from(channels.min(2)));
                    assert!((clip.len() as i64 - 4_800).abs() <= 1, "{spec:?}: {}", clip.len());
                    // 12 samples after the start of a 1 kHz sine at 48 kHz is its top; 8 bits are coarse.
                    let top = clip.samples[(48 * 20 + 12) * clip.channels];
                    assert!((top - 0.5).abs() < 0.02, "{spec:?}: {top}");
                    if channels > 1 {
                        let other = clip.samples[(48 * 20 + 12) * clip.channels + 1];
                        assert!((other - 0.25).abs() < 0.02, "{spec:?}: {other}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_was_flushed_is_a_whole_file_already() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut file = WavFile::create(&path, 2).unwrap();
        file.write(&[0.5; 960]).unwrap();
        file.flush().unwrap();
        assert_eq!(Clip::read(&path).unwrap(), Clip { samples: vec![0.5; 960], channels: 2 });
        file.write(&[0.25; 960]).unwrap();
        drop(file);
        assert_eq!(Clip::read(&path).unwrap().len(), 960);
    }

    #[test]
    fn what_is_no_wav_is_said_by_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.wav");
        assert!(matches!(Clip::read(&missing), Err(WavError::NotFound(_))));
        let text = folder.path().join("text.wav");
        for bytes in [&b"hello"[..], b"", b"RIFF\xff\xff\xff\xffWAVEfmt ", &[0; 4_000]] {
            std::fs::write(&text, bytes).unwrap();
            assert!(matches!(Clip::read(&text), Err(WavError::Unreadable { .. })), "{bytes:?}");
        }
        assert!(matches!(Clip::read(folder.path()), Err(WavError::Unreadable { .. })));
        std::fs::write(&text, b"RIFF").unwrap();
        assert!(Clip::read(&text).unwrap_err().to_string().ends_with("text.wav: it ends too early"));
        let nowhere = folder.path().join("no/such/folder.wav");
        assert!(matches!(WavFile::create(&nowhere, 2), Err(WavError::Unwritable { .. })));
    }
}

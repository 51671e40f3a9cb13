//! A sound card without hardware: its own clock, sound from a file, a tone or a pipe, sound to a
//! file or a pipe. For playing without a card, for tests, for the house band.
//!
//! `clock` is the thread that is the card; `source` and `sink` are its two ends, each with a worker
//! of its own where a file or a pipe is behind it.

mod clock;
mod sink;
mod source;

use std::path::PathBuf;

pub use clock::{VirtualEnds, VirtualRunner, VirtualSides};
pub use sink::{Sink, SinkTrouble};
pub use source::Source;

use crate::audio::wav::WavError;

/// A virtual card as asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualCard {
    /// What it hears.
    pub input: VirtualInput,
    /// Where what it plays goes.
    pub output: VirtualOutput,
    /// Samples per channel in a block: 8 to 4096.
    pub period: u32,
    /// How wrong its clock is, in ppm: it runs at `48000 * (1 + error_ppm / 1e6)` Hz.
    pub error_ppm: f64,
}

/// What a virtual card hears.
#[derive(Debug, Clone, PartialEq)]
pub enum VirtualInput {
    /// Nothing.
    Silence,
    /// A sine at -12 dBFS.
    Tone {
        /// Its pitch.
        hz: f64,
    },
    /// A WAV file.
    File {
        /// Which.
        path: PathBuf,
        /// Over and over, or once and then silence.
        looped: bool,
    },
    /// Raw samples from standard input; silence while none come, and after they end.
    Stdin(RawFormat),
}

/// Where what a virtual card plays goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VirtualOutput {
    /// Nowhere.
    Nothing,
    /// To a WAV file: 32-bit float, stereo, 48 kHz, whole at any moment.
    File {
        /// Which; it is overwritten.
        path: PathBuf,
    },
    /// To standard output: raw 32-bit float, little endian, stereo, 48 kHz.
    Stdout,
}

/// The form of raw samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawFormat {
    /// How a sample is written.
    pub encoding: RawEncoding,
    /// Samples per channel a second.
    pub rate_hz: u32,
    /// Interleaved channels: 1 or 2.
    pub channels: u16,
}

/// How a raw sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawEncoding {
    /// 32-bit float, little endian.
    F32le,
    /// 16-bit integer, little endian.
    S16le,
    /// 24-bit integer in three bytes, little endian.
    S24le,
}

/// What keeps a virtual card from starting.
#[derive(Debug, thiserror::Error)]
pub enum VirtualTrouble {
    /// Its files.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// Numbers that make no card.
    #[error("{0}")]
    Wish(String),
    /// The system: threads, descriptors.
    #[error("the system refused: {0}")]
    System(#[from] std::io::Error),
}

impl VirtualCard {
    /// Silence in, nothing out, a block of `period`, an exact clock.
    #[must_use]
    pub const fn silent(period: u32) -> Self {
        Self { input: VirtualInput::Silence, output: VirtualOutput::Nothing, period, error_ppm: 0.0 }
    }

    /// One line for people.
    #[must_use]
    pub fn words(&self) -> String {
        let input = match &self.input {
            VirtualInput::Silence => "silence in".to_owned(),
            VirtualInput::Tone { hz } => format!("{hz} Hz in"),
            VirtualInput::File { path, looped: true } => format!("{} in, over and over", path.display()),
            VirtualInput::File { path, looped: false } => format!("{} in", path.display()),
            VirtualInput::Stdin(_) => "standard input in".to_owned(),
        };
        let output = match &self.output {
            VirtualOutput::Nothing => "nothing out".to_owned(),
            VirtualOutput::File { path } => format!("{} out", path.display()),
            VirtualOutput::Stdout => "standard output out".to_owned(),
        };
        let error = if self.error_ppm == 0.0 {
            String::new()
        } else {
            format!(", clock wrong by {} ppm", self.error_ppm)
        };
        format!("virtual card: {input}, {output}, {} samples a block{error}", self.period)
    }

    /// What its clock runs at, in Hz.
    #[must_use]
    pub fn rate_hz(&self) -> f64 {
        f64::from(crate::domain::time::RATE_HZ) * (1.0 + self.error_ppm * 1e-6)
    }

    /// Whether its numbers make a card.
    ///
    /// # Errors
    /// [`VirtualTrouble::Wish`] in words.
    pub fn check(&self) -> Result<(), VirtualTrouble> {
        let wish = |words: String| Err(VirtualTrouble::Wish(words));
        if !(PERIOD_MIN..=PERIOD_MAX).contains(&self.period) {
            return wish(format!(
                "a period of {} samples; it can be {PERIOD_MIN} to {PERIOD_MAX}",
                self.period
            ));
        }
        if self.error_ppm.is_nan() || self.error_ppm.abs() > ERROR_PPM_MAX {
            return wish(format!("a clock wrong by {} ppm; at most {ERROR_PPM_MAX}", self.error_ppm));
        }
        match &self.input {
            VirtualInput::Tone { hz } if !(1.0..=20_000.0).contains(hz) => {
                wish(format!("a tone of {hz} Hz; it can be 1 to 20000"))
            }
            VirtualInput::Stdin(raw) if !(1..=2).contains(&raw.channels) => {
                wish(format!("{} raw channels; 1 or 2", raw.channels))
            }
            VirtualInput::Silence
            | VirtualInput::Tone { .. }
            | VirtualInput::File { .. }
            | VirtualInput::Stdin(_) => Ok(()),
        }
    }
}

impl RawFormat {
    /// From what people write: `f32le,48000,1`; rate and channels may be left out (48000, 1).
    #[must_use]
    pub fn parse(words: &str) -> Option<Self> {
        let mut parts = words.split(',').map(str::trim);
        let encoding = match parts.next()? {
            "f32le" => RawEncoding::F32le,
            "s16le" => RawEncoding::S16le,
            "s24le" => RawEncoding::S24le,
            _ => return None,
        };
        let rate_hz = parts.next().map_or(Some(48_000), |rate| rate.parse().ok())?;
        let channels = parts.next().map_or(Some(1), |channels| channels.parse().ok())?;
        let known = parts.next().is_none() && (4_000..=768_000).contains(&rate_hz);
        (known && (1..=2).contains(&channels)).then_some(Self { encoding, rate_hz, channels })
    }

    /// Bytes of one sample of all channels.
    #[must_use]
    pub const fn frame_bytes(self) -> usize {
        self.sample_bytes() * self.channels as usize
    }

    const fn sample_bytes(self) -> usize {
        match self.encoding {
            RawEncoding::F32le => 4,
            RawEncoding::S16le => 2,
            RawEncoding::S24le => 3,
        }
    }
}

impl VirtualTrouble {
    /// What to do now, as a sentence without its period.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Wav(error) => error.remedy(),
            Self::Wish(_) => "choose a number within",
            Self::System(_) => "close other programs and try again",
        }
    }
}

/// Shorter and the thread does nothing but wake; longer and it is no live card.
const PERIOD_MIN: u32 = 8;
const PERIOD_MAX: u32 = 4_096;

/// A tenth of the pitch: far beyond any card, still a clock.
const ERROR_PPM_MAX: f64 = 100_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_format_is_written_shortly() {
        let whole = RawFormat { encoding: RawEncoding::S16le, rate_hz: 44_100, channels: 2 };
        assert_eq!(RawFormat::parse("s16le,44100,2"), Some(whole));
        assert_eq!(RawFormat::parse("f32le").map(|raw| (raw.rate_hz, raw.channels)), Some((48_000, 1)));
        for wrong in ["", "mp3", "f32le,0", "f32le,48000,3", "f32le,48000,1,9", "f32le,x"] {
            assert_eq!(RawFormat::parse(wrong), None, "{wrong}");
        }
        assert_eq!(whole.frame_bytes(), 4);
    }

    #[test]
    fn numbers_that_make_no_card_are_refused_in_words() {
        let card = VirtualCard::silent(64);
        assert!(card.check().is_ok());
        assert!(VirtualCard { period: 1, ..card.clone() }.check().is_err());
        assert!(VirtualCard { error_ppm: f64::NAN, ..card.clone() }.check().is_err());
        assert!(VirtualCard { input: VirtualInput::Tone { hz: 0.0 }, ..card }.check().is_err());
    }
}

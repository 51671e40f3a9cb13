//! The form of one participant's stream: codec, channels, frame.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::time::RATE_HZ;

/// The largest encoded frame: 128 samples of stereo in 24 bits.
pub const FRAME_BYTES_MAX: usize = 128 * 2 * 3;

/// The longest frame, in samples per channel: Opus at 10 ms.
pub const FRAME_SAMPLES_MAX: usize = 480;

/// The longest PCM frame, in samples per channel: two stereo frames of 16 bits fit one packet.
pub const PCM_FRAME_SAMPLES_MAX: u16 = 128;

/// The shortest PCM frame, in samples per channel: 1500 packets a second are enough for any network.
pub const PCM_FRAME_SAMPLES_MIN: u16 = 32;

/// How the samples of a frame are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// Opus, low delay, constant bit rate (RFC 6716): 2.5 ms of look-ahead.
    Opus,
    /// 16-bit integers, big endian (L16 of RFC 3551).
    Pcm16,
    /// 24-bit integers, big endian (L24 of RFC 3190).
    Pcm24,
}

/// The form of a stream; both ends agree on it before the first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StreamFormat {
    codec: Codec,
    channels: u8,
    frame_samples: u16,
    bitrate_kbps: u16,
}

/// Why a stream cannot have this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatError {
    /// One channel or two.
    Channels(u8),
    /// Opus frames are 120, 240 or 480 samples; PCM frames are 32 to 128.
    Frame(u16),
    /// Opus takes 16 to 510 kbit/s, and at most [`FRAME_BYTES_MAX`] bytes a frame.
    Bitrate(u16),
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channels(n) => write!(f, "{n} channels; a stream has 1 or 2"),
            Self::Frame(n) => write!(f, "a frame of {n} samples; Opus takes 120, 240 or 480, PCM 32 to 128"),
            Self::Bitrate(n) => write!(f, "{n} kbit/s; Opus takes 16 to 510"),
        }
    }
}

impl std::error::Error for FormatError {}

impl StreamFormat {
    /// Opus frames of `frame_samples` per channel at `bitrate_kbps`.
    ///
    /// # Errors
    /// [`FormatError`] for what Opus, or one packet, does not hold.
    pub const fn opus(channels: u8, frame_samples: u16, bitrate_kbps: u16) -> Result<Self, FormatError> {
        if !matches!(frame_samples, 120 | 240 | 480) {
            return Err(FormatError::Frame(frame_samples));
        }
        if bitrate_kbps < 16 || bitrate_kbps > 510 {
            return Err(FormatError::Bitrate(bitrate_kbps));
        }
        Self { codec: Codec::Opus, channels, frame_samples, bitrate_kbps }.checked()
    }

    /// PCM frames of `frame_samples` per channel; `codec` is not Opus.
    ///
    /// # Errors
    /// [`FormatError`] for what one packet does not hold.
    pub const fn pcm(codec: Codec, channels: u8, frame_samples: u16) -> Result<Self, FormatError> {
        if matches!(codec, Codec::Opus)
            || frame_samples < PCM_FRAME_SAMPLES_MIN
            || frame_samples > PCM_FRAME_SAMPLES_MAX
        {
            return Err(FormatError::Frame(frame_samples));
        }
        Self { codec, channels, frame_samples, bitrate_kbps: 0 }.checked()
    }

    /// The same format again if it is one: for values that came from outside.
    ///
    /// # Errors
    /// [`FormatError`], as the constructors.
    pub const fn validated(self) -> Result<Self, FormatError> {
        match self.codec {
            Codec::Opus => Self::opus(self.channels, self.frame_samples, self.bitrate_kbps),
            Codec::Pcm16 | Codec::Pcm24 => Self::pcm(self.codec, self.channels, self.frame_samples),
        }
    }

    const fn checked(self) -> Result<Self, FormatError> {
        if self.channels == 0 || self.channels > 2 {
            return Err(FormatError::Channels(self.channels));
        }
        if self.frame_bytes() > FRAME_BYTES_MAX {
            return Err(FormatError::Bitrate(self.bitrate_kbps));
        }
        Ok(self)
    }

    /// How samples are written.
    #[must_use]
    pub const fn codec(self) -> Codec {
        self.codec
    }

    /// 1 or 2.
    #[must_use]
    pub const fn channels(self) -> usize {
        self.channels as usize
    }

    /// Samples per channel in a frame.
    #[must_use]
    pub const fn frame_samples(self) -> usize {
        self.frame_samples as usize
    }

    /// kbit/s of Opus payload; 0 for PCM.
    #[must_use]
    pub const fn bitrate_kbps(self) -> u16 {
        self.bitrate_kbps
    }

    /// Bytes of every encoded frame: the bit rate is constant.
    #[must_use]
    pub const fn frame_bytes(self) -> usize {
        let samples = self.frame_samples as usize;
        match self.codec {
            Codec::Opus => self.bitrate_kbps as usize * 125 * samples / RATE_HZ as usize,
            Codec::Pcm16 => samples * self.channels as usize * 2,
            Codec::Pcm24 => samples * self.channels as usize * 3,
        }
    }

    /// Samples the encoder holds back: what it adds to the delay besides the frame itself.
    ///
    /// Source: RFC 6716 §2; libopus reports 120 in low delay mode at 48 kHz.
    #[must_use]
    pub const fn lookahead_samples(self) -> usize {
        match self.codec {
            Codec::Opus => 120,
            Codec::Pcm16 | Codec::Pcm24 => 0,
        }
    }
}

impl fmt::Display for StreamFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.channels == 1 { "mono" } else { "stereo" };
        let ms = f64::from(self.frame_samples) * 1_000.0 / f64::from(RATE_HZ);
        match self.codec {
            Codec::Opus => write!(f, "opus {form} {} kbit/s, {ms:.1} ms frames", self.bitrate_kbps),
            Codec::Pcm16 => write!(f, "pcm16 {form}, {ms:.2} ms frames"),
            Codec::Pcm24 => write!(f, "pcm24 {form}, {ms:.2} ms frames"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_what_the_codecs_give() -> Result<(), FormatError> {
        assert_eq!(StreamFormat::opus(2, 120, 128)?.frame_bytes(), 40);
        assert_eq!(StreamFormat::pcm(Codec::Pcm16, 1, 64)?.frame_bytes(), 128);
        assert_eq!(StreamFormat::pcm(Codec::Pcm24, 2, 128)?.frame_bytes(), FRAME_BYTES_MAX);
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(StreamFormat::opus(2, 121, 128), Err(FormatError::Frame(121)));
        assert_eq!(StreamFormat::opus(0, 120, 128), Err(FormatError::Channels(0)));
        assert_eq!(StreamFormat::opus(1, 120, 5), Err(FormatError::Bitrate(5)));
        assert_eq!(StreamFormat::pcm(Codec::Pcm16, 2, 512), Err(FormatError::Frame(512)));
        assert_eq!(StreamFormat::pcm(Codec::Opus, 2, 64), Err(FormatError::Frame(64)));
    }
}

//! WAV files of 16 or 24 bits, read as hostile input.

use std::io::{self, Read, Seek, SeekFrom};

/// Chunks looked at before `data`; a file with more is no sound.
const CHUNKS_MAX: u32 = 1_000;

/// Bytes of a `fmt ` chunk that are read; the longest there is has 40.
const FORMAT_BYTES_MAX: u64 = 64;

/// Streams the samples of a WAV file; 16 bits come as 24.
#[derive(Debug)]
pub struct WavReader<R> {
    source: R,
    channels: u16,
    rate_hz: u32,
    sample_bytes: usize,
    data_at: u64,
    frames: u64,
    position: u64,
    bytes: Vec<u8>,
}

impl<R: Read + Seek> WavReader<R> {
    /// Reads what stands before the samples. A file that was cut off has as many as are there.
    ///
    /// # Errors
    /// What the source said; [`io::ErrorKind::InvalidData`] in words for what is no WAV of 16 or 24 bits.
    pub fn open(mut source: R) -> io::Result<Self> {
        let total = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(0))?;
        let mut head = [0; 12];
        source.read_exact(&mut head).map_err(|_| bad("no WAV file"))?;
        if &head[..4] != b"RIFF" || &head[8..] != b"WAVE" {
            return Err(bad("no WAV file"));
        }
        let mut format = None;
        let mut at = 12;
        for _ in 0..CHUNKS_MAX {
            let mut head = [0; 8];
            source.seek(SeekFrom::Start(at))?;
            source.read_exact(&mut head).map_err(|_| bad("no samples in it"))?;
            let size = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
            at += 8;
            match &head[..4] {
                b"fmt " => format = Some(read_format(&mut source, size)?),
                b"data" => {
                    let (channels, rate_hz, sample_bytes) =
                        format.ok_or_else(|| bad("no format before the samples"))?;
                    let frame_bytes = u64::from(channels) * sample_bytes as u64;
                    let frames = size.min(total.saturating_sub(at)) / frame_bytes;
                    source.seek(SeekFrom::Start(at))?;
                    let bytes = Vec::new();
                    return Ok(Self {
                        source,
                        channels,
                        rate_hz,
                        sample_bytes,
                        data_at: at,
                        frames,
                        position: 0,
                        bytes,
                    });
                }
                _ => {}
            }
            at += size + size % 2;
        }
        Err(bad("too many chunks before the samples"))
    }

    /// 1 or 2.
    #[must_use]
    pub const fn channels(&self) -> u16 {
        self.channels
    }

    /// Samples per channel a second.
    #[must_use]
    pub const fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Samples per channel of the whole file.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Fills `samples` (interleaved, whole frames) as far as there are some; returns samples per channel.
    ///
    /// # Errors
    /// What the source said.
    pub fn read(&mut self, samples: &mut [i32]) -> io::Result<usize> {
        let channels = usize::from(self.channels);
        let frames = (samples.len() / channels)
            .min(usize::try_from(self.frames - self.position).unwrap_or(usize::MAX));
        self.bytes.resize(frames * channels * self.sample_bytes, 0);
        self.source.read_exact(&mut self.bytes)?;
        for (sample, bytes) in samples.iter_mut().zip(self.bytes.chunks_exact(self.sample_bytes)) {
            *sample = match *bytes {
                [low, middle, high] => i32::from_le_bytes([0, low, middle, high]) >> 8,
                [low, high] => i32::from(i16::from_le_bytes([low, high])) << 8,
                _ => 0,
            };
        }
        self.position += frames as u64;
        Ok(frames)
    }

    /// The next read begins at this sample, or at the end.
    ///
    /// # Errors
    /// What the source said.
    pub fn seek(&mut self, frame: u64) -> io::Result<()> {
        self.position = frame.min(self.frames);
        let frame_bytes = u64::from(self.channels) * self.sample_bytes as u64;
        self.source.seek(SeekFrom::Start(self.data_at + self.position * frame_bytes)).map(|_| ())
    }
}

/// Channels, rate, bytes of a sample.
fn read_format(source: &mut impl Read, size: u64) -> io::Result<(u16, u32, usize)> {
    let mut bytes = Vec::new();
    source.take(size.min(FORMAT_BYTES_MAX)).read_to_end(&mut bytes)?;
    if bytes.len() < 16 {
        return Err(bad("its format is cut off"));
    }
    let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    // 0xFFFE says what it is further behind; of integers it is the same.
    let extended = word(0) == 0xFFFE && bytes.len() >= 26 && word(24) == 1;
    if word(0) != 1 && !extended {
        return Err(bad("its samples are not integers"));
    }
    let (channels, bits) = (word(2), word(14));
    if !(1..=2).contains(&channels) || !matches!(bits, 16 | 24) {
        return Err(bad("it has neither 16 nor 24 bits, or more than two channels"));
    }
    let rate_hz = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    if rate_hz == 0 {
        return Err(bad("its rate is 0"));
    }
    Ok((channels, rate_hz, usize::from(bits / 8)))
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn read_all(bytes: &[u8]) -> io::Result<u64> {
        let mut reader = WavReader::open(Cursor::new(bytes))?;
        let mut samples = [0; 64];
        let mut count = 0;
        loop {
            match reader.read(&mut samples)? as u64 {
                0 => break,
                frames => count += frames,
            }
        }
        assert_eq!(count, reader.frames());
        assert!(count <= bytes.len() as u64);
        reader.seek(u64::MAX)?;
        reader.read(&mut samples)?;
        Ok(count)
    }

    fn wav(format: [u8; 16], data_size: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        bytes.extend_from_slice(&format);
        bytes.extend_from_slice(b"data");
        bytes.extend_from_slice(&data_size.to_le_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    #[test]
    fn a_size_that_is_not_there_is_not_believed() {
        let mono_24 = [1, 0, 1, 0, 0x80, 0xBB, 0, 0, 0, 0, 0, 0, 3, 0, 24, 0];
        assert_eq!(read_all(&wav(mono_24, u32::MAX, &[1; 8])).ok(), Some(2));
        assert!(read_all(b"RIFF\0\0\0\0WAVE").is_err());
        assert!(read_all(&wav([0; 16], 3, &[1; 3])).is_err());
    }

    proptest! {
        #![proptest_config(crate::protocol::cases())]
        #[test]
        fn any_bytes_are_read_or_refused(
            noise in prop::collection::vec(any::<u8>(), 0..200),
            format in any::<[u8; 16]>(),
            data_size in any::<u32>(),
        ) {
            let _ = read_all(&noise);
            let _ = read_all(&wav(format, data_size, &noise));
            let two_24 = [1, 0, 2, 0, 0x80, 0xBB, 0, 0, 0, 0, 0, 0, 6, 0, 24, 0];
            let mut damaged = wav(two_24, data_size, &noise);
            if let Some(byte) = damaged.get_mut(usize::from(format[0]) % 60) {
                *byte ^= format[1];
            }
            let _ = read_all(&damaged);
        }
    }
}

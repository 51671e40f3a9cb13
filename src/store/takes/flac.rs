//! One FLAC file written and read, a block at a time.
//!
//! World: worker. `flacenc` makes the frames; the 42 bytes before them are written here, for it would keep the whole
//! stream in memory to write them. `symphonia` reads.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use flacenc::bitsink::ByteSink;
use flacenc::component::{BitRepr as _, StreamInfo};
use flacenc::config::Encoder;
use flacenc::encode_fixed_size_frame;
use flacenc::error::{Verified, Verify as _};
use flacenc::source::{Context, Fill as _, FrameBuf};
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioDecoder as _, AudioDecoderOptions};
use symphonia::core::formats::{FormatOptions, FormatReader as _, SeekMode, SeekTo};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::units::Timestamp;
use symphonia::default::codecs::FlacDecoder;
use symphonia::default::formats::FlacReader;

use super::{BLOCK, plain_file};

/// Bits of a sample.
const BITS: usize = 24;

/// `fLaC`, the head of a block, STREAMINFO (RFC 9639 §8.2).
const HEADER_BYTES: u64 = 42;

/// Coefficients of a prediction. 8 is what `flac -5` takes: more costs time and saves next to nothing of an instrument.
const LPC_ORDER: usize = 8;

/// Writes a new FLAC file (0600) of 24 bits: give it blocks of [`BLOCK`], the last may be shorter; then [`Self::finish`].
pub(super) struct FlacWriter {
    out: BufWriter<File>,
    config: Verified<Encoder>,
    info: StreamInfo,
    block: FrameBuf,
    context: Context,
    frame_bytes: (u32, u32),
}

impl FlacWriter {
    /// # Errors
    /// What the disk said; also if it is there already.
    pub(super) fn create(path: &Path, channels: usize, rate_hz: u32) -> io::Result<Self> {
        let mut config = Encoder::default();
        config.block_size = BLOCK;
        config.multithread = false;
        config.subframe_coding.qlpc.lpc_order = LPC_ORDER;
        let config = config.into_verified().map_err(|(_, error)| other(error))?;
        let info = StreamInfo::new(rate_hz as usize, channels, BITS).map_err(other)?;
        let block = FrameBuf::with_size(channels, BLOCK).map_err(other)?;
        let mut out = BufWriter::new(plain_file::create(path)?);
        out.write_all(&[0; HEADER_BYTES as usize])?;
        let context = Context::new(BITS, channels);
        Ok(Self { out, config, info, block, context, frame_bytes: (u32::MAX, 0) })
    }

    /// Appends a block, interleaved, of 24 bits.
    ///
    /// # Errors
    /// What the disk said, or the encoder.
    pub(super) fn write(&mut self, samples: &[i32]) -> io::Result<()> {
        if samples.is_empty() {
            return Ok(());
        }
        self.block.fill_interleaved(samples).map_err(other)?;
        self.context.fill_interleaved(samples).map_err(other)?;
        let number = self.context.current_frame_number().unwrap_or(0);
        let frame = encode_fixed_size_frame(&self.config, &self.block, number, &self.info).map_err(other)?;
        let mut bytes = ByteSink::new();
        frame.write(&mut bytes).map_err(other)?;
        let count = u32::try_from(bytes.as_slice().len()).unwrap_or(u32::MAX);
        self.frame_bytes = (self.frame_bytes.0.min(count), self.frame_bytes.1.max(count));
        self.out.write_all(bytes.as_slice())
    }

    /// Writes what stands at the beginning, and makes the file durable.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let header = self.header();
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header)?;
        self.out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }

    fn header(&self) -> Vec<u8> {
        let mut header = b"fLaC\x80\0\0\x22".to_vec();
        let block = (BLOCK as u16).to_be_bytes();
        header.extend_from_slice(&block);
        header.extend_from_slice(&block);
        let (least, most) = if self.frame_bytes.1 == 0 { (0, 0) } else { self.frame_bytes };
        // 0 says that it is not known, which is what a frame past 24 bits of length comes to.
        for bytes in [least, most] {
            header.extend_from_slice(&if bytes >> 24 == 0 { bytes } else { 0 }.to_be_bytes()[1..]);
        }
        let form = (self.info.sample_rate() as u64) << 44
            | (self.info.channels() as u64 - 1) << 41
            | (BITS as u64 - 1) << 36
            | (self.context.total_samples() as u64 & 0xF_FFFF_FFFF);
        header.extend_from_slice(&form.to_be_bytes());
        header.extend_from_slice(&self.context.md5_digest());
        header
    }
}

/// Streams the samples of a FLAC file as 24 bits.
pub(super) struct FlacFile {
    reader: FlacReader<'static>,
    decoder: FlacDecoder,
    channels: usize,
    frames: u64,
    /// What was decoded and not asked for yet, interleaved.
    decoded: Vec<i32>,
    taken: usize,
}

impl FlacFile {
    /// # Errors
    /// What the disk said; [`io::ErrorKind::InvalidData`] for what is no FLAC of one or two channels.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = plain_file::open(path)?;
        let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
        let reader = FlacReader::try_new(stream, FormatOptions::default()).map_err(bad)?;
        let track = reader.tracks().first().ok_or_else(|| bad("no track"))?;
        let Some(CodecParameters::Audio(params)) = &track.codec_params else { return Err(bad("no sound")) };
        let channels = params.channels.as_ref().map_or(0, |channels| channels.count());
        if !(1..=2).contains(&channels) || params.bits_per_sample.is_none_or(|bits| bits > 24) {
            return Err(bad("it has more than two channels or 24 bits"));
        }
        let frames = track.num_frames.unwrap_or(0);
        let decoder = FlacDecoder::try_new(params, &AudioDecoderOptions::default()).map_err(bad)?;
        Ok(Self { reader, decoder, channels, frames, decoded: Vec::new(), taken: 0 })
    }

    pub(super) const fn channels(&self) -> usize {
        self.channels
    }

    pub(super) const fn frames(&self) -> u64 {
        self.frames
    }

    /// As `WavReader::read`.
    ///
    /// # Errors
    /// What the disk said; [`io::ErrorKind::InvalidData`] where it is damaged.
    pub(super) fn read(&mut self, samples: &mut [i32]) -> io::Result<usize> {
        let mut filled = 0;
        let wanted = samples.len() - samples.len() % self.channels;
        while filled < wanted && self.fill()? {
            let count = (self.decoded.len() - self.taken).min(wanted - filled);
            let from = &self.decoded[self.taken..self.taken + count];
            samples[filled..filled + count].copy_from_slice(from);
            self.taken += count;
            filled += count;
        }
        Ok(filled / self.channels)
    }

    /// As `WavReader::seek`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn seek(&mut self, frame: u64) -> io::Result<()> {
        self.decoded.clear();
        self.taken = 0;
        let wanted = i64::try_from(frame.min(self.frames.saturating_sub(1))).map_err(other)?;
        let to = SeekTo::Timestamp { ts: Timestamp::new(wanted), track_id: 0 };
        let reached = self.reader.seek(SeekMode::Accurate, to).map_err(bad)?.actual_ts.get();
        // It lands on a whole block; the rest of the way is decoded.
        let ahead = u64::try_from(wanted - reached).map_err(|_| bad("a block is missing"))?;
        let mut ahead = ahead + (frame.min(self.frames) - wanted.unsigned_abs());
        while ahead > 0 && self.fill()? {
            let count =
                (self.decoded.len() / self.channels).min(usize::try_from(ahead).unwrap_or(usize::MAX));
            self.taken = count * self.channels;
            ahead -= count as u64;
        }
        Ok(())
    }

    /// Decodes the next block if nothing is left of the last one; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        while self.taken >= self.decoded.len() {
            let Some(packet) = self.reader.next_packet().map_err(bad)? else { return Ok(false) };
            let decoded = self.decoder.decode(&packet).map_err(bad)?;
            if decoded.num_planes() != self.channels {
                return Err(bad("its channels change"));
            }
            decoded.copy_to_vec_interleaved::<i32>(&mut self.decoded);
            // The decoder gives every width as 32 bits.
            self.decoded.iter_mut().for_each(|sample| *sample >>= 8);
            self.taken = 0;
        }
        Ok(true)
    }
}

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

fn bad(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

//! WAV files of integers that are whole at every [`WavWriter::keep`]: what was kept opens in any audio program,
//! whatever happens to this one afterwards.
//!
//! World: worker. Our own and not `hound`: its `flush` costs two seeks and it can neither go on with a file that was
//! cut off, nor leave silence as a hole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::plain_file;

/// Bytes before the samples: RIFF, `fmt ` and the head of `data` (Microsoft, Multimedia Programming Interface 1.0).
pub(super) const HEADER_BYTES: u64 = 44;

/// 24-bit full scale: 0 dBFS is one more than the largest sample, as cards and audio programs have it.
pub(crate) const FULL_SCALE: f32 = 8_388_608.0;

/// The largest sample of 24 bits; the smallest is one further away.
pub(super) const SAMPLE_MAX: i32 = 8_388_607;

/// Samples are given to the disk in pieces of this many bytes: fewer calls, and memory of so much for each track.
const BUFFER_BYTES: usize = 1 << 16;

/// Silence of more bytes is left as a hole of the file, so that someone who comes after an hour stalls nobody. Shorter
/// silence is written: a hole is not worth its entry in the file system's lists.
const HOLE_BYTES: u64 = 1 << 18;

/// A sample of 24 bits. Beyond full scale it is clipped; what is not a number is silence. A float that was made of
/// 24 bits by [`to_float`] comes back as it was.
#[must_use]
pub(crate) fn to_integer(sample: f32) -> i32 {
    // A cast keeps to the range of i32, and makes 0 of NaN.
    ((sample * FULL_SCALE).round() as i32).clamp(-SAMPLE_MAX - 1, SAMPLE_MAX)
}

/// The float of a sample of 24 bits; exact.
#[must_use]
pub(crate) fn to_float(sample: i32) -> f32 {
    sample as f32 / FULL_SCALE
}

/// How the samples of a file lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WavForm {
    /// 1 or 2.
    pub(super) channels: u16,
    /// Samples per channel a second.
    pub(super) rate_hz: u32,
    /// 16 or 24.
    pub(super) bits: u16,
}

impl WavForm {
    /// Bytes of one sample of every channel.
    pub(super) const fn frame_bytes(self) -> u64 {
        self.channels as u64 * (self.bits / 8) as u64
    }

    /// Whether a file begins as one of this form does. Its sizes may be anything; a head that never reached the disk
    /// is missing or zero.
    fn is_of(self, file: &File) -> io::Result<bool> {
        if file.metadata()?.len() < HEADER_BYTES {
            return Ok(true);
        }
        let mut found = [0; 44];
        file.read_exact_at(&mut found, 0)?;
        let wanted = self.header(0, 0);
        Ok(found == [0; 44] || (found[..4] == wanted[..4] && found[8..40] == wanted[8..40]))
    }

    fn header(self, data_bytes: u64, after_bytes: u64) -> [u8; 44] {
        let size = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
        let mut header = [0; 44];
        header[..4].copy_from_slice(b"RIFF");
        header[4..8].copy_from_slice(&size(36 + data_bytes + after_bytes));
        header[8..16].copy_from_slice(b"WAVEfmt ");
        header[16..20].copy_from_slice(&16_u32.to_le_bytes());
        header[20..22].copy_from_slice(&1_u16.to_le_bytes());
        header[22..24].copy_from_slice(&self.channels.to_le_bytes());
        header[24..28].copy_from_slice(&self.rate_hz.to_le_bytes());
        header[28..32].copy_from_slice(&size(u64::from(self.rate_hz) * self.frame_bytes()));
        header[32..34].copy_from_slice(&(self.channels * self.bits / 8).to_le_bytes());
        header[34..36].copy_from_slice(&self.bits.to_le_bytes());
        header[36..40].copy_from_slice(b"data");
        header[40..44].copy_from_slice(&size(data_bytes));
        header
    }
}

/// A WAV file that grows. After an error it can be tried again, or [`Self::give_up`] and finished.
#[derive(Debug)]
pub(super) struct WavWriter {
    file: File,
    form: WavForm,
    /// Bytes of samples that the disk has; always whole samples of all channels.
    data_bytes: u64,
    buffer: Vec<u8>,
}

impl WavWriter {
    /// A new file (0600), whole and empty.
    ///
    /// # Errors
    /// What the disk said; also if it is there already.
    pub(super) fn create(path: &Path, form: WavForm) -> io::Result<Self> {
        let file = plain_file::create(path)?;
        file.write_all_at(&form.header(0, 0), 0)?;
        Ok(Self { file, form, data_bytes: 0, buffer: Vec::with_capacity(BUFFER_BYTES) })
    }

    /// Goes on with a file of this form that was cut off: what is whole of it is kept, whatever its header says.
    ///
    /// # Errors
    /// What the disk said; [`io::ErrorKind::InvalidInput`], and nothing is touched, if it is no file of this form.
    pub(super) fn resume(path: &Path, form: WavForm) -> io::Result<Self> {
        let file = plain_file::open_to_write(path)?;
        if !form.is_of(&file)? {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not the WAV file that was written there",
            ));
        }
        let bytes = file.metadata()?.len().saturating_sub(HEADER_BYTES);
        let data_bytes = bytes - bytes % form.frame_bytes();
        file.set_len(HEADER_BYTES + data_bytes)?;
        let mut writer = Self { file, form, data_bytes, buffer: Vec::with_capacity(BUFFER_BYTES) };
        writer.write_header(0)?;
        Ok(writer)
    }

    /// Samples per channel so far.
    pub(super) fn frames(&self) -> u64 {
        (self.data_bytes + self.buffer.len() as u64) / self.form.frame_bytes()
    }

    /// Appends whole frames, interleaved, of 24 bits or 16 as the form says.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn write(&mut self, samples: impl Iterator<Item = i32>) -> io::Result<()> {
        for sample in samples {
            let bytes = sample.to_le_bytes();
            self.buffer.extend_from_slice(&bytes[..usize::from(self.form.bits / 8)]);
            // Only whole frames: whatever fails, the file ends with one.
            if self.buffer.len() >= BUFFER_BYTES
                && (self.buffer.len() as u64).is_multiple_of(self.form.frame_bytes())
            {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Appends silence.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn silence(&mut self, frames: u64) -> io::Result<()> {
        let bytes = frames * self.form.frame_bytes();
        if bytes <= HOLE_BYTES {
            return self.write((0..frames * u64::from(self.form.channels)).map(|_| 0));
        }
        self.flush()?;
        self.file.set_len(HEADER_BYTES + self.data_bytes + bytes)?;
        self.data_bytes += bytes;
        Ok(())
    }

    /// Makes what was written whole on the disk, header and all.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn keep(&mut self) -> io::Result<()> {
        self.flush()?;
        self.write_header(0)?;
        self.file.sync_data()
    }

    /// Leaves out everything from this sample on.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn cut(&mut self, frames: u64) -> io::Result<()> {
        if frames >= self.frames() {
            return Ok(());
        }
        self.flush()?;
        let data_bytes = frames * self.form.frame_bytes();
        self.file.set_len(HEADER_BYTES + data_bytes)?;
        self.data_bytes = data_bytes;
        Ok(())
    }

    /// Forgets what the disk did not take. What it took of it in part is cut off.
    pub(super) fn give_up(&mut self) {
        self.buffer.clear();
        // It only shortens the file; were it to fail, the header would still say what counts.
        let _ = self.file.set_len(HEADER_BYTES + self.data_bytes);
    }

    /// Closes the file, with `chunks` (whole chunks, of even length) after the samples.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn finish(&mut self, chunks: &[u8]) -> io::Result<()> {
        self.flush()?;
        // A chunk of odd length is followed by one byte (RIFF).
        let mut after = vec![0; (self.data_bytes % 2) as usize];
        after.extend_from_slice(chunks);
        self.file.write_all_at(&after, HEADER_BYTES + self.data_bytes)?;
        self.write_header(after.len() as u64)?;
        self.file.sync_all()
    }

    fn write_header(&mut self, after_bytes: u64) -> io::Result<()> {
        self.file.write_all_at(&self.form.header(self.data_bytes, after_bytes), 0)
    }

    /// By position, so that what was written in part before an error is written over.
    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.file.write_all_at(&self.buffer, HEADER_BYTES + self.data_bytes)?;
        self.data_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

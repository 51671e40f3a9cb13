//! How a track looks from afar: least, largest and mean loudness of every 1024 samples, and of more.
//!
//! World: worker. Computed in one pass over the track; 1 MB for an hour. Only the finest level is written down, for
//! the coarser ones follow from it.

use super::error::TakeError;
use super::reader::TrackReader;
use super::{BLOCK, GoOn, Progress};

/// Samples per channel of one peak, by level: a screen of 200 columns shows 4 s, a minute, 18 minutes of them.
pub const LEVELS: [u64; 3] = [1_024, 16_384, 262_144];

/// What serialised peaks begin with; another form gets another number.
const MAGIC: &[u8; 4] = b"jpk1";

/// Bytes of one serialised peak.
const PEAK_BYTES: usize = 6;

/// Bytes before the first: magic and the number of samples.
const HEAD_BYTES: usize = 12;

/// A piece of a track, all channels together. Full scale is 32,768.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peak {
    /// The least sample.
    pub min: i16,
    /// The largest sample.
    pub max: i16,
    /// The root of the mean square.
    pub rms: u16,
}

/// A whole track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peaks {
    samples: u64,
    /// As many as [`LEVELS`].
    levels: Vec<Vec<Peak>>,
}

/// Bytes that are no peaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the peaks of a track")]
pub struct NotPeaks;

impl Peaks {
    /// Of a track, read from its beginning to its end. Progress in samples per channel.
    ///
    /// # Errors
    /// As [`TrackReader::read`]; [`TakeError::Stopped`].
    pub fn of(reader: &mut TrackReader, go_on: GoOn<'_>) -> Result<Self, TakeError> {
        reader.seek(0)?;
        let (channels, of) = (reader.channels(), reader.frames());
        let mut finest = Vec::new();
        // A whole number of peaks, so that only the last block has one that is shorter.
        let mut block = vec![0; BLOCK * channels];
        let mut samples = 0;
        loop {
            let frames = reader.read(&mut block)?;
            if frames == 0 {
                return Ok(Self::from_finest(samples, finest));
            }
            samples += frames as u64;
            finest.extend(block[..frames * channels].chunks(LEVELS[0] as usize * channels).map(Peak::of));
            if !go_on(Progress { done: samples, of }) {
                return Err(TakeError::Stopped);
            }
        }
    }

    /// Samples per channel of the track.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        self.samples
    }

    /// All peaks of a level of [`LEVELS`]; the coarsest for one past it.
    #[must_use]
    pub fn level(&self, level: usize) -> &[Peak] {
        &self.levels[level.min(LEVELS.len() - 1)]
    }

    /// The samples from `from` up to `to` as so many columns; beyond the end there is silence.
    #[must_use]
    pub fn columns(&self, from: u64, to: u64, count: u16) -> Vec<Peak> {
        let length = to.saturating_sub(from);
        let wide = length / u64::from(count.max(1));
        // The coarsest that has a peak for every column.
        let level = LEVELS.iter().rposition(|samples| *samples <= wide).unwrap_or(0);
        let peaks = self.level(level);
        let edge = |column: u16| {
            let ahead = u128::from(length) * u128::from(column) / u128::from(count.max(1));
            from.saturating_add(u64::try_from(ahead).unwrap_or(u64::MAX))
        };
        (0..count)
            .map(|column| {
                let first =
                    usize::try_from(edge(column) / LEVELS[level]).unwrap_or(usize::MAX).min(peaks.len());
                let end = usize::try_from(edge(column + 1).div_ceil(LEVELS[level])).unwrap_or(usize::MAX);
                Peak::joined(&peaks[first..end.clamp(first, peaks.len())])
            })
            .collect()
    }

    /// As bytes: a head of 12, then 6 for every 1024 samples.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.samples.to_le_bytes());
        for peak in &self.levels[0] {
            bytes.extend_from_slice(&peak.min.to_le_bytes());
            bytes.extend_from_slice(&peak.max.to_le_bytes());
            bytes.extend_from_slice(&peak.rms.to_le_bytes());
        }
        bytes
    }

    /// What [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`NotPeaks`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotPeaks> {
        let (head, peaks) = bytes.split_at_checked(HEAD_BYTES).ok_or(NotPeaks)?;
        let (magic, samples) = head.split_at(MAGIC.len());
        let samples = u64::from_le_bytes(samples.try_into().map_err(|_| NotPeaks)?);
        let count = (peaks.len() / PEAK_BYTES) as u64;
        if magic != MAGIC || !peaks.len().is_multiple_of(PEAK_BYTES) || samples.div_ceil(LEVELS[0]) != count {
            return Err(NotPeaks);
        }
        let finest = peaks.chunks_exact(PEAK_BYTES).map(|peak| Peak {
            min: i16::from_le_bytes([peak[0], peak[1]]),
            max: i16::from_le_bytes([peak[2], peak[3]]),
            rms: u16::from_le_bytes([peak[4], peak[5]]),
        });
        Ok(Self::from_finest(samples, finest.collect()))
    }

    fn from_finest(samples: u64, finest: Vec<Peak>) -> Self {
        let mut levels = vec![finest];
        for pair in LEVELS.windows(2) {
            let finer = &levels[levels.len() - 1];
            let coarser = finer.chunks((pair[1] / pair[0]) as usize).map(Peak::joined).collect();
            levels.push(coarser);
        }
        Self { samples, levels }
    }
}

impl Peak {
    /// Of samples of 24 bits.
    fn of(samples: &[i32]) -> Self {
        let (mut min, mut max, mut squares) = (0, 0, 0.0);
        for sample in samples {
            min = min.min(*sample);
            max = max.max(*sample);
            squares += f64::from(*sample) * f64::from(*sample);
        }
        let rms = (squares / samples.len().max(1) as f64).sqrt() / 256.0;
        // Outwards: a sound that is there is never drawn as silence. The casts keep to the range.
        Self { min: (min >> 8) as i16, max: ((max + 255) >> 8).min(32_767) as i16, rms: rms.round() as u16 }
    }

    /// Of pieces that follow each other, each as long as the others.
    fn joined(peaks: &[Self]) -> Self {
        let min = peaks.iter().map(|peak| peak.min).min().unwrap_or(0);
        let max = peaks.iter().map(|peak| peak.max).max().unwrap_or(0);
        let squares: f64 = peaks.iter().map(|peak| f64::from(peak.rms) * f64::from(peak.rms)).sum();
        let rms = (squares / peaks.len().max(1) as f64).sqrt();
        Self { min, max, rms: rms.round() as u16 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn levels_follow_from_the_finest_and_columns_from_levels() {
        let loud = Peak { min: -32_768, max: 32_767, rms: 20_000 };
        let mut finest = vec![Peak::default(); 1_000];
        finest[500] = loud;
        let peaks = Peaks::from_finest(1_000 * 1_024, finest);
        assert_eq!((peaks.level(0).len(), peaks.level(1).len(), peaks.level(2).len()), (1_000, 63, 4));
        assert_eq!(peaks.level(1)[31], Peak { rms: 5_000, ..loud });
        let columns = peaks.columns(0, peaks.samples(), 10);
        let shown: Vec<usize> = (0..10).filter(|column| columns[*column].max > 0).collect();
        assert!(shown.contains(&5) && shown.len() <= 2, "{shown:?}");
        assert_eq!(peaks.columns(500 * 1_024, 501 * 1_024, 4), [loud; 4], "wider than the finest");
        assert_eq!(peaks.columns(u64::MAX - 5, u64::MAX, 3), [Peak::default(); 3]);
        assert!(peaks.columns(5, 5, 0).is_empty());
    }

    #[test]
    fn what_is_there_is_seen() {
        assert_eq!(Peak::of(&[0, 1, -1]), Peak { min: -1, max: 1, rms: 0 });
        let full = Peak::of(&[8_388_607, -8_388_608]);
        assert_eq!(full, Peak { min: -32_768, max: 32_767, rms: 32_768 });
    }

    proptest! {
        #![proptest_config(crate::protocol::cases())]
        #[test]
        fn bytes_are_peaks_or_refused(noise in prop::collection::vec(any::<u8>(), 0..60), samples in 0_u64..6_000) {
            prop_assert!(Peaks::from_bytes(&noise).is_err());
            let mut bytes = MAGIC.to_vec();
            bytes.extend_from_slice(&samples.to_le_bytes());
            bytes.extend_from_slice(&noise);
            if let Ok(peaks) = Peaks::from_bytes(&bytes) {
                prop_assert_eq!(peaks.to_bytes(), bytes);
                prop_assert_eq!(peaks.columns(0, samples, 7).len(), 7);
            }
        }
    }
}

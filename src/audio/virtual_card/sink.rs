//! Where what a virtual card plays goes: a WAV file, a pipe, nowhere.
//!
//! World: real-time (`put`); a worker of its own writes.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{VirtualOutput, VirtualTrouble};
use crate::audio::rt::Rt;
use crate::audio::wav::WavFile;
use crate::domain::time::RATE_HZ;

/// The output end of a virtual card; always stereo.
///
/// # Real-time
/// Made and dropped by a worker; the drop waits until all is written.
#[derive(Debug)]
pub struct Sink {
    ring: Option<rtrb::Producer<f32>>,
    owed: usize,
    dropped: Arc<AtomicU64>,
    trouble: Arc<SinkTrouble>,
    writer: Option<JoinHandle<()>>,
}

/// Why the writer stopped before its time; empty while all is well.
#[derive(Debug, Default)]
pub struct SinkTrouble {
    stopped: AtomicBool,
    why: Mutex<Option<(String, &'static str)>>,
}

impl Sink {
    /// Opens what was asked for; a file is made now.
    ///
    /// # Errors
    /// [`VirtualTrouble`] for a file that cannot be made.
    pub fn open(output: &VirtualOutput) -> Result<Self, VirtualTrouble> {
        match output {
            VirtualOutput::Nothing => Ok(Self {
                ring: None,
                owed: 0,
                dropped: Arc::default(),
                trouble: Arc::default(),
                writer: None,
            }),
            VirtualOutput::File { path } => {
                let mut file = WavFile::create(path, CHANNELS as u16)?;
                Self::start(move |samples| {
                    let done = if samples.is_empty() { file.flush() } else { file.write(samples) };
                    done.map_err(|e| (e.to_string(), e.remedy()))
                })
            }
            VirtualOutput::Stdout => {
                Self::pipe(rustix::io::dup(rustix::stdio::stdout()).map_err(io::Error::from)?)
            }
        }
    }

    /// Raw samples to any descriptor.
    ///
    /// # Errors
    /// [`VirtualTrouble`] if no thread can be made.
    pub fn pipe(to: OwnedFd) -> Result<Self, VirtualTrouble> {
        let mut to = io::BufWriter::new(std::fs::File::from(to));
        Self::start(move |samples| {
            let write = |to: &mut io::BufWriter<std::fs::File>| {
                samples.iter().try_for_each(|sample| to.write_all(&sample.to_le_bytes()))?;
                to.flush()
            };
            write(&mut to).map_err(|e| (format!("cannot write the output: {e}"), "read it to its end"))
        })
    }

    fn start(
        write: impl FnMut(&[f32]) -> Result<(), (String, &'static str)> + Send + 'static,
    ) -> Result<Self, VirtualTrouble> {
        let (ring, samples) = rtrb::RingBuffer::new(RING_SAMPLES_MAX * CHANNELS);
        let trouble = Arc::<SinkTrouble>::default();
        let told = Arc::clone(&trouble);
        let writer = std::thread::Builder::new()
            .name("jamtty-card-out".to_owned())
            .spawn(move || drain(samples, write, &told))?;
        Ok(Self { ring: Some(ring), owed: 0, dropped: Arc::default(), trouble, writer: Some(writer) })
    }

    /// Samples (per channel) the writer was too slow for.
    #[must_use]
    pub fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }

    /// Where it says why it stopped writing.
    #[must_use]
    pub fn trouble(&self) -> Arc<SinkTrouble> {
        Arc::clone(&self.trouble)
    }

    /// One block, interleaved stereo.
    ///
    /// # Real-time
    /// Does not allocate. What the ring has no room for is counted as dropped, and becomes silence of the
    /// same length later, so that the file's time stays the card's.
    pub fn put(&mut self, _rt: &mut Rt<'_>, block: &[f32]) {
        let Some(ring) = &mut self.ring else { return };
        let pay = self.owed.min(ring.slots() / CHANNELS * CHANNELS);
        if pay > 0
            && let Ok(chunk) = ring.write_chunk_uninit(pay)
        {
            self.owed -= chunk.fill_from_iter(std::iter::repeat_n(0.0, pay));
        }
        if self.owed > 0 || ring.slots() < block.len() {
            self.owed += block.len();
            self.dropped.fetch_add((block.len() / CHANNELS) as u64, Relaxed);
        } else if let Ok(chunk) = ring.write_chunk_uninit(block.len()) {
            chunk.fill_from_iter(block.iter().copied());
        }
    }

    /// Goes on as if `samples` per channel of silence had been played: the card was away that long.
    pub const fn skip(&mut self, samples: u64) {
        if self.ring.is_some() {
            self.owed += samples as usize * CHANNELS;
        }
    }
}

impl SinkTrouble {
    /// Why writing stopped and what to do, once.
    pub fn take(&self) -> Option<(String, &'static str)> {
        if !self.stopped.swap(false, Relaxed) {
            return None;
        }
        self.why.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Writes what comes until the card is gone and all is written. `write` with nothing means flush.
fn drain(
    mut samples: rtrb::Consumer<f32>,
    mut write: impl FnMut(&[f32]) -> Result<(), (String, &'static str)>,
    trouble: &SinkTrouble,
) {
    let mut unflushed = 0;
    loop {
        let last = samples.is_abandoned();
        let there = samples.slots();
        let mut done = Ok(());
        if let Ok(chunk) = samples.read_chunk(there) {
            let (first, second) = chunk.as_slices();
            for part in [first, second] {
                if done.is_ok() && !part.is_empty() {
                    done = write(part);
                }
            }
            chunk.commit_all();
        }
        unflushed += there;
        if done.is_ok() && (unflushed >= FLUSH_SAMPLES * CHANNELS || last) {
            unflushed = 0;
            done = write(&[]);
        }
        if let Err(why) = done {
            *trouble.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            trouble.stopped.store(true, Relaxed);
            return;
        }
        if last {
            return;
        }
        std::thread::park_timeout(DRAIN_WAIT);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.ring = None;
        if let Some(writer) = self.writer.take() {
            writer.thread().unpark();
            // It ends when the ring is empty; a pipe that nobody reads holds it, and then we go
            // without it: the system closes the pipe with the process.
            let deadline = Instant::now() + LAST_WRITE_MAX;
            while !writer.is_finished() && Instant::now() < deadline {
                std::thread::park_timeout(DRAIN_WAIT);
            }
            if writer.is_finished() {
                let _ = writer.join();
            }
        }
    }
}

/// Left and right.
const CHANNELS: usize = 2;

/// What the writer may be behind: 2 s, a disk's bad moment. Past it the block is dropped and
/// becomes silence ([`Sink::put`]), counted in `output_dropped`.
const RING_SAMPLES_MAX: usize = 2 * RATE_HZ as usize;

/// The file is made whole every 250 ms.
const FLUSH_SAMPLES: usize = RATE_HZ as usize / 4;

/// How long the end of the card waits for the writer: a disk's bad moment, twice.
const LAST_WRITE_MAX: Duration = Duration::from_secs(4);

/// How often the writer looks: far more often than the ring is full.
const DRAIN_WAIT: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::rt::{self, RtContext};
    use crate::audio::wav::Clip;
    use std::io::Read;

    fn put(sink: &mut Sink, block: &[f32]) {
        rt::section(&mut RtContext::new(), |rt| sink.put(rt, block));
    }

    #[test]
    fn the_file_holds_all_that_was_played_and_silence_for_what_was_missed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut sink = Sink::open(&VirtualOutput::File { path: path.clone() }).unwrap();
        put(&mut sink, &[0.5; 4]);
        sink.skip(3);
        put(&mut sink, &[0.25; 4]);
        drop(sink);
        let clip = Clip::read(&path).unwrap();
        let left: Vec<f32> = clip.samples.iter().step_by(2).copied().collect();
        assert_eq!(left, [0.5, 0.5, 0.0, 0.0, 0.0, 0.25, 0.25]);
    }

    #[test]
    fn a_pipe_gets_raw_samples() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut sink = Sink::pipe(writer.into()).unwrap();
        put(&mut sink, &[0.5, -0.5]);
        drop(sink);
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, [0.5_f32.to_le_bytes(), (-0.5_f32).to_le_bytes()].concat());
    }

    #[test]
    fn a_reader_who_leaves_is_told_and_does_not_stop_the_card() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut sink = Sink::pipe(writer.into()).unwrap();
        let trouble = sink.trouble();
        let deadline = Instant::now() + Duration::from_secs(10);
        let told = loop {
            put(&mut sink, &[0.5; 128]);
            match trouble.take() {
                Some(told) => break told,
                None if Instant::now() > deadline => panic!("nothing was said"),
                None => std::thread::yield_now(),
            }
        };
        assert!(told.0.contains("output"), "{told:?}");
        for _ in 0..2_000 {
            put(&mut sink, &[0.5; 128]);
        }
        assert!(sink.dropped().load(Relaxed) > 0);
    }
}

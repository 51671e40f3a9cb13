//! What a virtual card hears: a file in memory, a tone, a pipe, silence.
//!
//! World: real-time (`fill`); a worker of its own pumps a pipe.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{RawEncoding, RawFormat, VirtualInput, VirtualTrouble};
use crate::audio::rate::ToInside;
use crate::audio::rt::Rt;
use crate::audio::wav::Clip;
use crate::domain::time::RATE_HZ;

/// The input end of a virtual card.
///
/// # Real-time
/// Made and dropped by a worker.
#[derive(Debug)]
pub struct Source {
    kind: Kind,
    underruns: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Kind {
    Silence,
    Tone { phase: f64, step: f64 },
    Clip { samples: Arc<[f32]>, channels: usize, at: usize, looped: bool },
    Pipe { samples: rtrb::Consumer<f32>, channels: usize, pump: Pump },
}

/// The worker that reads a pipe, and how to end it.
#[derive(Debug)]
struct Pump {
    stop: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    /// Opens what was asked for; a file is read whole and converted to 48 kHz now.
    ///
    /// # Errors
    /// [`VirtualTrouble`] for a file that cannot be read, or a pipe that cannot be pumped.
    pub fn open(input: &VirtualInput) -> Result<Self, VirtualTrouble> {
        let kind = match input {
            VirtualInput::Silence => Kind::Silence,
            VirtualInput::Tone { hz } => Kind::Tone { phase: 0.0, step: hz / f64::from(RATE_HZ) },
            VirtualInput::File { path, looped } => {
                let clip = Clip::read(path)?;
                Kind::Clip { channels: clip.channels, samples: clip.samples.into(), at: 0, looped: *looped }
            }
            VirtualInput::Stdin(raw) => {
                let stdin = rustix::io::dup(rustix::stdio::stdin()).map_err(io::Error::from)?;
                return Self::pipe(stdin, *raw);
            }
        };
        Ok(Self { kind, underruns: Arc::default() })
    }

    /// Raw samples from any descriptor.
    ///
    /// # Errors
    /// [`VirtualTrouble`] if the rate cannot be converted or no thread can be made.
    pub fn pipe(from: OwnedFd, raw: RawFormat) -> Result<Self, VirtualTrouble> {
        let channels = usize::from(raw.channels);
        let (ring, samples) = rtrb::RingBuffer::new(PIPE_SAMPLES_MAX * channels);
        let rate = if raw.rate_hz == RATE_HZ {
            None
        } else {
            let rate = ToInside::new(raw.rate_hz, channels, PUMP_FRAMES);
            Some(rate.map_err(|e| VirtualTrouble::Wish(e.to_string()))?)
        };
        let (stop, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (stop_there, ended_there) = (Arc::clone(&stop), Arc::clone(&ended));
        let thread = std::thread::Builder::new().name("jamtty-card-in".to_owned()).spawn(move || {
            // A pipe that breaks is a pipe that ended: silence from then on.
            let _ = pump(&from, raw, rate, ring, &stop_there);
            ended_there.store(true, Relaxed);
        })?;
        let pump = Pump { stop, ended, thread: Some(thread) };
        Ok(Self { kind: Kind::Pipe { samples, channels, pump }, underruns: Arc::default() })
    }

    /// 1 or 2.
    #[must_use]
    pub const fn channels(&self) -> usize {
        match &self.kind {
            Kind::Silence | Kind::Tone { .. } => 1,
            Kind::Clip { channels, .. } | Kind::Pipe { channels, .. } => *channels,
        }
    }

    /// Samples (per channel) that a pipe had not delivered in time.
    #[must_use]
    pub fn underruns(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.underruns)
    }

    /// The next block, interleaved.
    ///
    /// # Real-time
    /// Does not allocate; what a pipe has not delivered is silence, and counted.
    pub fn fill(&mut self, _rt: &mut Rt<'_>, out: &mut [f32]) {
        match &mut self.kind {
            Kind::Silence => out.fill(0.0),
            Kind::Tone { phase, step } => {
                for sample in out {
                    *sample = TONE_PEAK * (*phase * std::f64::consts::TAU).sin() as f32;
                    *phase = (*phase + *step).fract();
                }
            }
            Kind::Clip { samples, at, looped, .. } => {
                for sample in out {
                    if *at == samples.len() && *looped {
                        *at = 0;
                    }
                    *sample = samples.get(*at).copied().unwrap_or(0.0);
                    *at = (*at + 1).min(samples.len());
                }
            }
            Kind::Pipe { samples, channels, pump } => {
                let there = samples.slots().min(out.len()) / *channels * *channels;
                let (now, missing) = out.split_at_mut(there);
                if let Ok(chunk) = samples.read_chunk(there) {
                    let (first, second) = chunk.as_slices();
                    now[..first.len()].copy_from_slice(first);
                    now[first.len()..].copy_from_slice(second);
                    chunk.commit_all();
                }
                if !missing.is_empty() {
                    missing.fill(0.0);
                    if !pump.ended.load(Relaxed) {
                        self.underruns.fetch_add((missing.len() / *channels) as u64, Relaxed);
                    }
                }
            }
        }
    }

    /// Goes on as if `samples` per channel had been played: the card was away that long.
    pub fn skip(&mut self, samples: u64) {
        match &mut self.kind {
            Kind::Silence | Kind::Pipe { .. } => {}
            Kind::Tone { phase, step } => *phase = (*phase + *step * samples as f64).fract(),
            Kind::Clip { samples: clip, channels, at, looped } => {
                let frames = (clip.len() / *channels) as u64;
                let gone = (*at / *channels) as u64 + samples;
                let frame = if *looped { gone % frames.max(1) } else { gone.min(frames) };
                *at = frame as usize * *channels;
            }
        }
    }
}

/// Reads until the end, an error or `stop`.
fn pump(
    from: &OwnedFd,
    raw: RawFormat,
    mut rate: Option<ToInside>,
    mut ring: rtrb::Producer<f32>,
    stop: &AtomicBool,
) -> io::Result<()> {
    let frame = raw.frame_bytes();
    let mut bytes = vec![0_u8; PUMP_FRAMES * frame];
    let mut held = 0;
    let mut samples = Vec::with_capacity(PUMP_FRAMES * usize::from(raw.channels));
    while !stop.load(Relaxed) {
        let mut fds = [PollFd::new(from, PollFlags::IN)];
        let wait = Timespec { tv_sec: 0, tv_nsec: PUMP_WAIT.subsec_nanos().into() };
        match poll(&mut fds, Some(&wait)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        match rustix::io::read(from.as_fd(), &mut bytes[held..]) {
            Ok(0) => return Ok(()),
            Ok(read) => held += read,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
            Err(error) => return Err(error.into()),
        }
        let whole = held / frame * frame;
        samples.clear();
        samples.extend(bytes[..whole].chunks_exact(raw.sample_bytes()).map(|b| decode(raw.encoding, b)));
        bytes.copy_within(whole..held, 0);
        held -= whole;
        let ready = rate.as_mut().map_or(&samples[..], |rate| rate.convert(&samples));
        if !push(&mut ring, ready, stop) {
            return Ok(());
        }
    }
    Ok(())
}

/// Puts all of `samples` into the ring, waiting for room: whoever writes the pipe waits with us.
/// `false` if the card is gone.
fn push(ring: &mut rtrb::Producer<f32>, mut samples: &[f32], stop: &AtomicBool) -> bool {
    while !samples.is_empty() {
        if ring.is_abandoned() || stop.load(Relaxed) {
            return false;
        }
        let now = ring.slots().min(samples.len());
        if now == 0 {
            std::thread::park_timeout(PUSH_WAIT);
            continue;
        }
        if let Ok(chunk) = ring.write_chunk_uninit(now) {
            chunk.fill_from_iter(samples[..now].iter().copied());
        }
        samples = &samples[now..];
    }
    true
}

fn decode(encoding: RawEncoding, bytes: &[u8]) -> f32 {
    let value = match (encoding, bytes) {
        (RawEncoding::F32le, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
        (RawEncoding::S16le, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
        // In the upper three bytes of four, so that the sign is where it belongs.
        (RawEncoding::S24le, &[a, b, c]) => i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0,
        (RawEncoding::F32le | RawEncoding::S16le | RawEncoding::S24le, _) => 0.0,
    };
    if value.is_finite() { value } else { 0.0 }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It looks at `stop` at least every `PUMP_WAIT`.
            let _ = thread.join();
        }
    }
}

/// -12 dBFS: loud enough to measure, quiet enough for ears.
const TONE_PEAK: f32 = 0.25;

/// What a pipe may be ahead of the card: 100 ms. Less underruns when its writer is late, more is
/// delay between a player behind the pipe and the jam. When it is full the writer waits.
const PIPE_SAMPLES_MAX: usize = RATE_HZ as usize / 10;

/// Samples per channel the pump reads at once.
const PUMP_FRAMES: usize = 1_024;

/// How long the pump waits before it looks whether it should end.
const PUMP_WAIT: Duration = Duration::from_millis(50);

/// How long the pump waits for room: a few blocks.
const PUSH_WAIT: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::rt::{self, RtContext};
    use crate::audio::wav::WavFile;
    use std::io::Write;

    fn take(source: &mut Source, samples: usize) -> Vec<f32> {
        let mut out = vec![9.0; samples];
        rt::section(&mut RtContext::new(), |rt| source.fill(rt, &mut out));
        out
    }

    #[test]
    fn a_file_plays_once_or_over_and_over_without_a_gap() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        WavFile::create(&path, 1).unwrap().write(&[0.1, 0.2, 0.3]).unwrap();
        let input = |looped| VirtualInput::File { path: path.clone(), looped };
        let mut once = Source::open(&input(false)).unwrap();
        assert_eq!(take(&mut once, 5), [0.1, 0.2, 0.3, 0.0, 0.0]);
        let mut over = Source::open(&input(true)).unwrap();
        assert_eq!(take(&mut over, 5), [0.1, 0.2, 0.3, 0.1, 0.2]);
        over.skip(2);
        assert_eq!(take(&mut over, 1), [0.2]);
    }

    #[test]
    fn a_tone_has_its_pitch_across_blocks() {
        let mut tone = Source::open(&VirtualInput::Tone { hz: 1_000.0 }).unwrap();
        let heard: Vec<f32> = (0..10).flat_map(|_| take(&mut tone, 48)).collect();
        assert!((heard[12] - TONE_PEAK).abs() < 1e-4 && (heard[12 + 48 * 9] - TONE_PEAK).abs() < 1e-4);
    }

    #[test]
    fn every_encoding_has_its_sign_and_scale() {
        assert_eq!(decode(RawEncoding::S16le, &[0, 192]), -0.5);
        assert_eq!(decode(RawEncoding::S24le, &[0, 0, 192]), -0.5);
        assert_eq!(decode(RawEncoding::F32le, &(-0.5_f32).to_le_bytes()), -0.5);
        assert_eq!(decode(RawEncoding::F32le, &f32::NAN.to_le_bytes()), 0.0);
    }

    #[test]
    fn a_pipe_plays_what_comes_and_counts_what_does_not() {
        let (reader, mut writer) = io::pipe().unwrap();
        let raw = RawFormat { encoding: RawEncoding::S16le, rate_hz: 48_000, channels: 1 };
        let mut source = Source::pipe(reader.into(), raw).unwrap();
        assert_eq!(take(&mut source, 10), [0.0; 10]);
        assert_eq!(source.underruns().load(Relaxed), 10);
        writer.write_all(&[0, 64, 0, 192, 7]).unwrap();
        let mut heard = Vec::new();
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while heard.len() < 2 && std::time::Instant::now() < deadline {
            heard.extend(take(&mut source, 1).into_iter().filter(|sample| *sample != 0.0));
            std::thread::yield_now();
        }
        assert_eq!(heard, [0.5, -0.5]);
        drop(writer);
        drop(source);
    }
}

//! The encoder thread: captured samples to frames, and every frame straight to the network.
//!
//! World: worker. Woken by the input callback; there is no queue between encoder and socket.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use rtrb::Consumer;

use super::codec::{CodecError, Encoder, Stereo};
use crate::clock;
use crate::domain::stream::{FRAME_BYTES_MAX, FRAME_SAMPLES_MAX, StreamFormat};
use crate::domain::time::Timestamp;
use crate::protocol::frame::{EncodedFrame, FrameSink};

/// Captured samples that may wait for the encoder: 0.5 s. When it is full the block is dropped whole
/// and counted, and the stream skips its time, so that later sound stays where it belongs.
pub const CAPTURE_RING: usize = 24_000;

/// Orders that may wait for the encoder thread; each wakes it.
const ORDERS: usize = 8;

/// The longest the thread sleeps while it streams: reports and copies are due meanwhile.
const NAP: Duration = Duration::from_millis(20);

/// The longest it sleeps while nobody is sent to: every order wakes it, so nothing waits for this.
const NAP_IDLE: Duration = Duration::from_secs(1);

/// Cuts a stream of samples into frames and compresses them.
#[derive(Debug)]
pub struct Framer {
    encoder: Encoder,
    format: StreamFormat,
    pending: [Stereo; FRAME_SAMPLES_MAX],
    filled: usize,
    seq: u64,
}

impl Framer {
    /// The first frame of a stream of this form.
    ///
    /// # Errors
    /// [`CodecError`] if the codec refuses the form.
    pub fn new(format: StreamFormat) -> Result<Self, CodecError> {
        let pending = [[0.0; 2]; FRAME_SAMPLES_MAX];
        Ok(Self { encoder: Encoder::new(format)?, format, pending, filled: 0, seq: 0 })
    }

    /// Takes samples in; `each` gets every frame they complete.
    pub fn push(&mut self, mut samples: &[Stereo], mut each: impl FnMut(&EncodedFrame)) {
        let frame_samples = self.format.frame_samples();
        while !samples.is_empty() {
            let count = samples.len().min(frame_samples - self.filled);
            let (now, later) = samples.split_at(count);
            self.pending[self.filled..self.filled + count].copy_from_slice(now);
            self.filled += count;
            samples = later;
            if self.filled == frame_samples {
                self.filled = 0;
                self.complete(&mut each);
            }
        }
    }

    fn complete(&mut self, each: &mut impl FnMut(&EncodedFrame)) {
        let frame_samples = self.format.frame_samples();
        let mut bytes = [0; FRAME_BYTES_MAX];
        let len = self.encoder.encode(&self.pending[..frame_samples], &mut bytes);
        // A frame's place is its time: the sequence goes on even where encoding failed.
        if let Some(frame) = EncodedFrame::new(self.seq, self.seq * frame_samples as u64, &bytes[..len])
            && len > 0
        {
            each(&frame);
        }
        self.seq += 1;
    }

    /// `count` captured samples were dropped before they came here: their time passes as silence, as
    /// whole frames that are never sent and a rest in the next one.
    pub fn skip(&mut self, count: u64, mut each: impl FnMut(&EncodedFrame)) {
        let frame_samples = self.format.frame_samples();
        let total = self.filled as u64 + count;
        let frames = total / frame_samples as u64;
        let rest = (total % frame_samples as u64) as usize;
        if frames == 0 {
            self.push(&[[0.0; 2]; FRAME_SAMPLES_MAX][..count as usize], &mut each);
            return;
        }
        self.seq += frames;
        self.pending[..rest].fill([0.0; 2]);
        self.filled = rest;
    }
}

/// What the thread is told.
enum Order {
    Start(Box<dyn FrameSink>),
    Format(StreamFormat),
    Rest,
    End,
}

/// The thread's control, in the hands of the engine.
#[derive(Debug)]
pub struct EncoderThread {
    orders: SyncSender<Order>,
    thread: Option<JoinHandle<()>>,
    wake: EncoderWake,
}

/// Wakes the encoder thread from a device callback, while a stream runs.
///
/// # Real-time
/// A wake is one futex call that never waits.
#[derive(Debug, Clone, Default)]
pub struct EncoderWake(Arc<Wanted>);

#[derive(Debug, Default)]
struct Wanted {
    thread: OnceLock<Thread>,
    streams: AtomicBool,
}

impl EncoderWake {
    /// Whether anybody takes what is captured.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.0.streams.load(Ordering::Relaxed)
    }

    /// Wakes it, if it streams.
    pub fn wake(&self) {
        if self.is_streaming()
            && let Some(thread) = self.0.thread.get()
        {
            thread.unpark();
        }
    }
}

impl EncoderThread {
    /// Starts the thread; it idles until it is given a sink and a form.
    ///
    /// `lost`: how many captured samples were dropped in all; `raise`: called first in the thread.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub fn start(
        captured: Consumer<Stereo>,
        lost: impl Fn() -> u64 + Send + 'static,
        wake: &EncoderWake,
        raise: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, inbox) = sync_channel(ORDERS);
        let worker = Worker { captured, inbox, lost: Box::new(lost), lost_seen: 0, sink: None, framer: None };
        let thread = thread::Builder::new().name("encoder".to_owned()).spawn(move || {
            raise();
            worker.run();
        })?;
        let _ = wake.0.thread.set(thread.thread().clone());
        Ok(Self { orders, thread: Some(thread), wake: wake.clone() })
    }

    /// Gives it where frames go.
    pub fn set_sink(&self, sink: Box<dyn FrameSink>) {
        self.order(Order::Start(sink));
    }

    /// Begins a stream of this form.
    pub fn set_format(&self, format: StreamFormat) {
        self.wake.0.streams.store(true, Ordering::Relaxed);
        self.order(Order::Format(format));
    }

    /// Ends the stream: nothing is encoded, and callbacks wake nobody, until the next form.
    pub fn rest(&self) {
        self.wake.0.streams.store(false, Ordering::Relaxed);
        self.order(Order::Rest);
    }

    fn order(&self, order: Order) {
        // Full only if the thread has died; then nobody is left to tell.
        let _ = self.orders.try_send(order);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for EncoderThread {
    fn drop(&mut self) {
        self.order(Order::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    captured: Consumer<Stereo>,
    inbox: Receiver<Order>,
    lost: Box<dyn Fn() -> u64 + Send>,
    lost_seen: u64,
    sink: Option<Box<dyn FrameSink>>,
    framer: Option<Framer>,
}

impl Worker {
    fn run(mut self) {
        let mut due = clock::now() + NAP;
        loop {
            let now = clock::now();
            if due > now {
                thread::park_timeout(due.since(now));
            }
            if !self.obey() {
                return;
            }
            self.encode();
            let now = clock::now();
            let wanted = self.sink.as_mut().map(|sink| sink.poll(now));
            due = match wanted {
                Some(wanted) if self.framer.is_some() => wanted.min(now + NAP),
                // Links end before the stream does: nothing is due.
                _ => now + NAP_IDLE,
            };
        }
    }

    /// Follows what it was told; false to end.
    fn obey(&mut self) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(Order::Start(sink)) => self.sink = Some(sink),
                Ok(Order::Format(format)) => self.begin(format),
                Ok(Order::Rest) => self.framer = None,
                Ok(Order::End) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn begin(&mut self, format: StreamFormat) {
        if self.framer.is_none() {
            self.forget_captured();
        }
        match Framer::new(format) {
            Ok(framer) => self.framer = Some(framer),
            Err(error) => {
                tracing::error!(%format, %error, "no encoder");
                self.framer = None;
            }
        }
        if let Some(sink) = &mut self.sink {
            sink.start(format);
        }
    }

    fn encode(&mut self) {
        let available = self.captured.slots();
        let (Some(framer), Some(sink)) = (&mut self.framer, &mut self.sink) else {
            return self.forget_captured();
        };
        let now: Timestamp = clock::now();
        if let Ok(chunk) = self.captured.read_chunk(available) {
            let (first, second) = chunk.as_slices();
            framer.push(first, |frame| sink.send(now, frame));
            framer.push(second, |frame| sink.send(now, frame));
            chunk.commit_all();
        }
        let lost = (self.lost)();
        if lost != self.lost_seen {
            framer.skip(lost - self.lost_seen, |frame| sink.send(now, frame));
            self.lost_seen = lost;
        }
    }

    /// Nobody to send to: what was captured meanwhile is not kept.
    fn forget_captured(&mut self) {
        let available = self.captured.slots();
        if let Ok(chunk) = self.captured.read_chunk(available) {
            chunk.commit_all();
        }
        self.lost_seen = (self.lost)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stream::Codec;

    fn framer() -> Framer {
        Framer::new(StreamFormat::pcm(Codec::Pcm16, 1, 64).unwrap()).unwrap()
    }

    #[test]
    fn blocks_of_any_size_become_frames_of_one() {
        let mut framer = framer();
        let mut seen = Vec::new();
        for block in [1, 63, 64, 200, 17] {
            framer.push(&vec![[0.5; 2]; block], |frame| seen.push((frame.seq, frame.media_time)));
        }
        assert_eq!(seen, [(0, 0), (1, 64), (2, 128), (3, 192), (4, 256)]);
    }

    #[test]
    fn dropped_samples_leave_their_time_empty() {
        let mut framer = framer();
        let mut seen = Vec::new();
        framer.push(&[[0.5; 2]; 64], |frame| seen.push(frame.seq));
        framer.skip(200, |frame| seen.push(frame.seq));
        framer.push(&[[0.5; 2]; 56], |frame| seen.push(frame.seq));
        framer.skip(10, |frame| seen.push(frame.seq));
        framer.push(&[[0.5; 2]; 54], |frame| seen.push(frame.seq));
        assert_eq!(seen, [0, 4, 5], "64 heard, 200 lost, 56 heard: frame 4 is whole again");
    }

    /// Says every frame, and where a stream begins.
    struct Told(std::sync::mpsc::Sender<Option<u64>>);

    impl FrameSink for Told {
        fn start(&mut self, _: StreamFormat) {
            self.0.send(None).unwrap();
        }

        fn send(&mut self, _: Timestamp, frame: &EncodedFrame) {
            self.0.send(Some(frame.seq)).unwrap();
        }

        fn poll(&mut self, now: Timestamp) -> Timestamp {
            now
        }
    }

    #[test]
    fn a_stream_that_rests_encodes_nothing_and_begins_anew() {
        const WAIT: Duration = Duration::from_secs(10);
        let format = StreamFormat::pcm(Codec::Pcm16, 1, 64).unwrap();
        let (mut captured, ring) = rtrb::RingBuffer::new(CAPTURE_RING);
        let (tell, told) = std::sync::mpsc::channel();
        let wake = EncoderWake::default();
        let thread = EncoderThread::start(ring, || 0, &wake, || {}).unwrap();
        thread.set_sink(Box::new(Told(tell)));
        assert!(!wake.is_streaming(), "a callback would wake it for nothing");
        for _ in 0..2 {
            thread.set_format(format);
            assert_eq!(told.recv_timeout(WAIT), Ok(None));
            assert!(wake.is_streaming());
            captured.push_entire_slice(&[[0.5; 2]; 128]).unwrap();
            wake.wake();
            assert_eq!(told.recv_timeout(WAIT), Ok(Some(0)));
            assert_eq!(told.recv_timeout(WAIT), Ok(Some(1)));
            thread.rest();
            assert!(!wake.is_streaming());
            // Comes before the rest is seen, or after it; never into the next stream.
            captured.push_entire_slice(&[[0.5; 2]; 32]).unwrap();
        }
    }
}

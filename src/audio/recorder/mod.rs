//! The recorder: what is sent and what is heard, lined up, kept in memory for a while, and written where it is wanted.
//!
//! World: worker. Two threads: the *collector* empties the taps of the callbacks into `lines` on one time line, the
//! *writer* takes from there and gives to [`TakeSink`]s. So a slow disk costs memory first, and only when that is over
//! a marked gap; the sound never waits. Neither knows what a file is.
//!
//! The time line is the output callback's: position 0 is its first block. Other players lie on it as they were heard,
//! the own line where its player heard the others: earlier by the round trip of the card.

mod collect;
mod lines;
mod writing;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::playout_stats::PlayoutStats;
use super::tap::{AxisReader, TapReader};
use crate::clock;
use crate::domain::peer_id::PeerId;
use crate::domain::strip::StripSettings;
use crate::domain::take::{Consent, LogWhat, Player, TakeId};
use crate::domain::time::RATE_HZ;
use crate::protocol::take_sink::{SinkTrouble, TakeSink};

use collect::Collector;
use lines::Lines;
use writing::Writer;

/// How often the taps are emptied: they hold two seconds.
const COLLECT_EVERY: Duration = Duration::from_millis(40);

/// How often the writer looks for more when nobody tells it anything.
const WRITE_EVERY: Duration = Duration::from_millis(100);

/// How often a thread that has nothing to do looks all the same: every order wakes it.
const IDLE: Duration = Duration::from_secs(1);

/// Orders that may wait for either thread. More are refused, and the caller is told: a disk that has not moved for
/// that long is in trouble already.
const ORDERS: usize = 512;

/// What is kept in memory at least while a take is written, in seconds: what a disk may stand still for.
const MEMORY_MIN_S: u32 = 20;

/// What is kept in memory at most, all lines together. With more players it reaches less far back.
const MEMORY_BYTES_MAX: u64 = 384 << 20;

/// A take that begins.
pub struct BeginTake {
    /// Which.
    pub take: TakeId,
    /// Where it is written.
    pub sink: Box<dyn TakeSink>,
    /// How long it is, in seconds, of a take that reaches back; 0: it begins now. One that reaches back is written when
    /// [`Recorder::release`] says that everyone had the time to answer.
    pub back_s: u32,
    /// How long ago it began; of a take that reaches back, how long ago it ended.
    pub ago: Duration,
    /// Whether a mix without the own line is kept, too.
    pub mix_without_me: bool,
}

impl std::fmt::Debug for BeginTake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BeginTake {{ {:?}, {} s back }}", self.take, self.back_s)
    }
}

/// What the recorder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecorderEvent {
    /// A take is whole on the disk, or as whole as the disk allowed.
    Ended {
        /// Which.
        take: TakeId,
        /// Samples per channel.
        length_samples: u64,
        /// Why it ended before it was told to.
        trouble: Option<SinkTrouble>,
    },
    /// The disk was too slow for longer than memory reaches.
    Behind {
        /// Which.
        take: TakeId,
        /// Samples per channel that are missing.
        samples: u64,
    },
}

/// Both threads, in the hands of the peer.
#[derive(Debug)]
pub struct Recorder {
    collect: Option<SyncSender<CollectOrder>>,
    write: Option<SyncSender<WriteOrder>>,
    threads: Vec<JoinHandle<()>>,
    figures: Arc<Figures>,
    /// Orders that found a queue full.
    refused: u64,
}

/// Read without waiting for either thread.
#[derive(Debug, Default)]
struct Figures {
    head: AtomicU64,
    memory_bytes: AtomicU64,
    memory_samples: AtomicU64,
    missed_samples: AtomicU64,
}

/// What the recorder holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecorderReading {
    /// How far the time line is, in samples.
    pub head: u64,
    /// Bytes of sound in memory.
    pub memory_bytes: u64,
    /// How far back they reach, in samples.
    pub memory_samples: u64,
    /// Samples that the collector did not take in time, of all lines.
    pub missed_samples: u64,
}

/// What the collector is told.
enum CollectOrder {
    Own { who: PeerId, channels: u8, reader: TapReader },
    Heard { who: PeerId, channels: u8, reader: TapReader, stats: PlayoutStats },
    Forget(PeerId),
    Strip(PeerId, StripSettings),
    RoundTrip(u32),
    Memory { seconds: u32 },
}

/// What the writer is told.
enum WriteOrder {
    Begin { begin: BeginTake, me: PeerId, head: u64 },
    Allow { take: TakeId, player: Player, on: bool, head: u64 },
    Consent { take: TakeId, consent: Consent },
    Mark { take: TakeId, head: u64, text: String },
    Log { take: TakeId, head: u64, what: LogWhat, who: Option<crate::domain::name::Name>, words: String },
    Release { take: TakeId },
    End { take: TakeId, head: u64 },
}

impl Recorder {
    /// Starts both threads. `tell` is called from the writer.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub fn start(
        axes: (AxisReader, AxisReader),
        tell: impl Fn(RecorderEvent) + Send + 'static,
    ) -> io::Result<Self> {
        let lines = Arc::new(Mutex::new(Lines::new()));
        let figures = Arc::new(Figures::default());
        let (collect, collect_orders) = sync_channel(ORDERS);
        let (write, write_orders) = sync_channel(ORDERS);
        let mut collector = Collector::new(axes, Arc::clone(&lines), Arc::clone(&figures));
        let mut writer = Writer::new(lines, Box::new(tell));
        let threads = vec![
            thread::Builder::new()
                .name("rec-collect".to_owned())
                .spawn(move || run_collector(&mut collector, &collect_orders))?,
            thread::Builder::new()
                .name("rec-write".to_owned())
                .spawn(move || run_writer(&mut writer, &write_orders))?,
        ];
        Ok(Self { collect: Some(collect), write: Some(write), threads, figures, refused: 0 })
    }

    /// The own line, from now on.
    pub fn own(&mut self, who: PeerId, channels: u8, reader: TapReader) {
        self.collect(CollectOrder::Own { who, channels, reader });
    }

    /// Another player as heard, from now on; in place of an earlier line of theirs.
    pub fn heard(&mut self, who: PeerId, channels: u8, reader: TapReader, stats: PlayoutStats) {
        self.collect(CollectOrder::Heard { who, channels, reader, stats });
    }

    /// A line is not wanted any more.
    pub fn forget(&mut self, who: PeerId) {
        self.collect(CollectOrder::Forget(who));
    }

    /// How loud someone is in the mix, from now on.
    pub fn strip(&mut self, who: PeerId, strip: StripSettings) {
        self.collect(CollectOrder::Strip(who, strip));
    }

    /// The round trip of the card, in samples.
    pub fn round_trip(&mut self, samples: u32) {
        self.collect(CollectOrder::RoundTrip(samples));
    }

    /// How far back memory reaches, in seconds.
    pub fn memory(&mut self, seconds: u32) {
        self.collect(CollectOrder::Memory { seconds });
    }

    /// Begins a take; nobody is on it yet. `false`: the disk has stood still for so long that no order is taken.
    pub fn begin(&mut self, me: PeerId, begin: BeginTake) -> bool {
        let head = self.reading().head;
        self.write(WriteOrder::Begin { begin, me, head })
    }

    /// From now on someone is on a take, or not any more; or, `from_start`, from its beginning on. On a take that reaches
    /// back: on all of it, or on none.
    pub fn allow(&mut self, take: TakeId, player: Player, on: bool, from_start: bool) {
        let head = if from_start { 0 } else { self.reading().head };
        self.write(WriteOrder::Allow { take, player, on, head });
    }

    /// Keeps someone's answer with a take.
    pub fn consent(&mut self, take: TakeId, consent: Consent) {
        self.write(WriteOrder::Consent { take, consent });
    }

    /// Marks this moment of a take.
    pub fn mark(&mut self, take: TakeId, text: String) {
        let head = self.reading().head;
        self.write(WriteOrder::Mark { take, head, text });
    }

    /// Keeps what happened.
    pub fn log(
        &mut self,
        take: TakeId,
        what: LogWhat,
        who: Option<crate::domain::name::Name>,
        words: String,
    ) {
        let head = self.reading().head;
        self.write(WriteOrder::Log { take, head, what, who, words });
    }

    /// Everyone had the time to answer: a take that reaches back is written now.
    pub fn release(&mut self, take: TakeId) {
        self.write(WriteOrder::Release { take });
    }

    /// Ends a take here; [`RecorderEvent::Ended`] follows when it is whole.
    pub fn end(&mut self, take: TakeId) {
        let head = self.reading().head;
        self.write(WriteOrder::End { take, head });
    }

    /// What is held now.
    #[must_use]
    pub fn reading(&self) -> RecorderReading {
        let read = |value: &AtomicU64| value.load(Ordering::Relaxed);
        RecorderReading {
            head: read(&self.figures.head),
            memory_bytes: read(&self.figures.memory_bytes),
            memory_samples: read(&self.figures.memory_samples),
            missed_samples: read(&self.figures.missed_samples),
        }
    }

    /// Orders that were lost because a thread was too far behind.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    fn collect(&mut self, order: CollectOrder) {
        if let Some(orders) = &self.collect
            && orders.try_send(order).is_err()
        {
            self.refused += 1;
        }
    }

    fn write(&mut self, order: WriteOrder) -> bool {
        let Some(orders) = &self.write else { return false };
        match orders.try_send(order) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.refused += 1;
                false
            }
        }
    }
}

impl Drop for Recorder {
    /// Ends every take that is still being written, and waits until it is whole.
    fn drop(&mut self) {
        self.collect = None;
        self.write = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn run_collector(collector: &mut Collector, orders: &Receiver<CollectOrder>) {
    loop {
        match orders.recv_timeout(if collector.is_idle() { IDLE } else { COLLECT_EVERY }) {
            Ok(order) => collector.obey(order),
            Err(RecvTimeoutError::Timeout) => collector.step(clock::now()),
            Err(RecvTimeoutError::Disconnected) => return collector.step(clock::now()),
        }
        if collector.is_due(clock::now()) {
            collector.step(clock::now());
        }
    }
}

fn run_writer(writer: &mut Writer, orders: &Receiver<WriteOrder>) {
    loop {
        match orders.recv_timeout(if writer.is_idle() { IDLE } else { WRITE_EVERY }) {
            Ok(order) => writer.obey(order),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return writer.finish(),
        }
        writer.step(clock::now());
    }
}

/// Seconds as samples.
const fn samples(seconds: u32) -> u64 {
    seconds as u64 * RATE_HZ as u64
}

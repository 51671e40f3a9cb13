//! The thread that is a virtual card: wakes once a period, on deadlines that never drift.
//!
//! World: a worker that plays the part of the device; what it calls inside `rt::section` is real-time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::thread::{ClockId, clock_nanosleep_absolute};
use rustix::time::{Timespec, clock_gettime};

use super::{Sink, Source, VirtualCard, VirtualTrouble};
use crate::audio::device::callback::Homing;
use crate::audio::device::{Capture, CardClock, EndCounters, Render};
use crate::audio::rt::{self, CardTime, RtContext};
use crate::domain::time::{RATE_HZ, SampleTime};
use crate::priority::{Raised, Role};

/// A virtual card, ready to run or running again after it was away.
#[derive(Debug)]
pub struct VirtualEnds {
    card: VirtualCard,
    source: Source,
    sink: Sink,
    /// Sample 0 on the monotonic clock, once it ran.
    began_ns: Option<u64>,
    /// The next block.
    next: u64,
}

/// The engine's sides that sit on the card; a stand-in for half a card has one.
#[derive(Debug, Default)]
pub struct VirtualSides {
    /// Gets what the card hears.
    pub capture: Option<Homing<Capture>>,
    /// Makes what the card plays.
    pub render: Option<Homing<Render>>,
}

/// A virtual card that runs. Its drop stops it; the sides go home.
#[derive(Debug)]
pub struct VirtualRunner {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<VirtualEnds>>,
    clock: CardClock,
}

impl VirtualEnds {
    /// Opens the files and pipes of a virtual card; nothing runs yet.
    ///
    /// # Errors
    /// [`VirtualTrouble`] for numbers that make no card and files that cannot be used.
    pub fn open(card: &VirtualCard) -> Result<Self, VirtualTrouble> {
        card.check()?;
        let (source, sink) = (Source::open(&card.input)?, Sink::open(&card.output)?);
        Ok(Self { card: card.clone(), source, sink, began_ns: None, next: 0 })
    }

    /// What it hears.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// Where what it plays goes.
    #[must_use]
    pub const fn sink(&self) -> &Sink {
        &self.sink
    }
}

impl VirtualRunner {
    /// Runs a card with the sides given. A card that ran before keeps its clock: what it would
    /// have heard and played meanwhile is skipped.
    ///
    /// # Errors
    /// If the system gives no thread; the sides go home.
    pub fn start(
        mut ends: VirtualEnds,
        sides: VirtualSides,
        input: Arc<EndCounters>,
        output: Arc<EndCounters>,
    ) -> io::Result<Self> {
        let rate_hz = ends.card.rate_hz();
        let period = u64::from(ends.card.period);
        let now = now_ns();
        let began_ns = *ends.began_ns.get_or_insert(now + block_ns(1, period, rate_hz));
        let behind = now.saturating_sub(deadline_ns(began_ns, ends.next, period, rate_hz));
        if behind > 0 {
            let away = behind.div_ceil(block_ns(1, period, rate_hz).max(1));
            ends.skip(away);
        }
        let clock = CardClock { began_ns, rate_hz, input_began: SampleTime::new(0) };
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("jamtty-card".to_owned())
            .spawn(move || Clock::new(ends, sides, input, output, began_ns).run(&told))?;
        Ok(Self { stop, thread: Some(thread), clock })
    }

    /// Where its samples lie in time.
    #[must_use]
    pub const fn clock(&self) -> CardClock {
        self.clock
    }

    /// Stops it within a period and gives back its ends; the sides go home.
    #[must_use]
    pub fn stop(mut self) -> Option<VirtualEnds> {
        self.end()
    }

    fn end(&mut self) -> Option<VirtualEnds> {
        self.stop.store(true, Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok())
    }
}

impl Drop for VirtualRunner {
    fn drop(&mut self) {
        self.end();
    }
}

impl VirtualEnds {
    /// Leaves out `blocks` blocks, in and out.
    fn skip(&mut self, blocks: u64) {
        let samples = blocks * u64::from(self.card.period);
        self.source.skip(samples);
        self.sink.skip(samples);
        self.next += blocks;
    }
}

/// The running card.
struct Clock {
    ends: VirtualEnds,
    sides: VirtualSides,
    input: Arc<EndCounters>,
    output: Arc<EndCounters>,
    began_ns: u64,
    period: u64,
    rate_hz: f64,
    context: RtContext,
    heard: Vec<f32>,
    played: Vec<f32>,
}

impl Clock {
    fn new(
        ends: VirtualEnds,
        sides: VirtualSides,
        input: Arc<EndCounters>,
        output: Arc<EndCounters>,
        began_ns: u64,
    ) -> Self {
        let samples = ends.card.period as usize;
        let (period, rate_hz) = (u64::from(ends.card.period), ends.card.rate_hz());
        let (heard, played) = (vec![0.0; samples * ends.source.channels()], vec![0.0; samples * 2]);
        let context = RtContext::new();
        Self { ends, sides, input, output, began_ns, period, rate_hz, context, heard, played }
    }

    fn run(mut self, stop: &AtomicBool) -> VirtualEnds {
        let raised = Raised::try_now(Role::Card);
        self.input.set_raised(raised);
        self.output.set_raised(raised);
        let period_ns = block_ns(1, self.period, self.rate_hz);
        while !stop.load(Relaxed) {
            let deadline = deadline_ns(self.began_ns, self.ends.next, self.period, self.rate_hz);
            sleep_until(deadline);
            let late = now_ns().saturating_sub(deadline);
            if late > CATCH_UP_MAX_NS {
                let lost = late / period_ns.max(1);
                self.ends.skip(lost);
                self.output.count_xrun();
                continue;
            }
            if late > period_ns {
                self.output.count_xrun();
            }
            self.block(CardTime(Duration::from_nanos(deadline)), late > period_ns / 2);
            self.ends.next += 1;
        }
        self.ends
    }

    /// One period: what was heard goes in, what is played comes out.
    fn block(&mut self, at: CardTime, late: bool) {
        let Self { ends, sides, input, output, context, heard, played, .. } = self;
        let samples = ends.card.period as usize;
        if sides.capture.is_some() {
            input.count(samples, late);
        }
        if sides.render.is_some() {
            output.count(samples, late);
        }
        let begun = output.measures().then(Instant::now);
        rt::section(context, |rt| {
            let channels = ends.source.channels();
            ends.source.fill(rt, heard);
            if let Some(capture) = sides.capture.as_mut().and_then(Homing::block) {
                capture.process(rt, heard, channels, at);
            }
            played.fill(0.0);
            if let Some(render) = sides.render.as_mut().and_then(Homing::block) {
                render.process(rt, played, 2, at);
            }
            ends.sink.put(rt, played);
        });
        if let Some(begun) = begun {
            let budget = samples as u64 * 1_000_000_000 / u64::from(RATE_HZ);
            output.note_cost(begun.elapsed(), Duration::from_nanos(budget));
        }
    }
}

/// When block `block` is due. From the beginning every time: rounding never adds up.
fn deadline_ns(began_ns: u64, block: u64, period: u64, rate_hz: f64) -> u64 {
    began_ns + block_ns(block, period, rate_hz)
}

/// How long `blocks` blocks last on this card.
fn block_ns(blocks: u64, period: u64, rate_hz: f64) -> u64 {
    ((blocks * period) as f64 * (1e9 / rate_hz)).round() as u64
}

fn now_ns() -> u64 {
    let now = clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

fn sleep_until(deadline_ns: u64) {
    let seconds = i64::try_from(deadline_ns / 1_000_000_000).unwrap_or(i64::MAX);
    let until = Timespec { tv_sec: seconds, tv_nsec: (deadline_ns % 1_000_000_000) as _ };
    // Again after a signal; any other answer means that the moment is past.
    while clock_nanosleep_absolute(ClockId::Monotonic, &until) == Err(rustix::io::Errno::INTR) {}
}

/// Blocks a sleeper makes up for when it wakes: up to 500 ms of them. A machine that slept longer
/// (suspended, stopped) has lost the moment; playing all of it fast would only delay what is next.
const CATCH_UP_MAX_NS: u64 = 500_000_000;

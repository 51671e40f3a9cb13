//! The collector: empties the taps and puts what they held on the time line.
//!
//! World: worker. `step` is called about every 40 ms with the time; nothing in here waits.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::lines::{Line, Lines};
use super::{COLLECT_EVERY, CollectOrder, Figures};
use crate::audio::codec::Stereo;
use crate::audio::playout_stats::PlayoutStats;
use crate::audio::tap::{AxisReader, TapReader};
use crate::domain::peer_id::PeerId;
use crate::domain::strip::StripSettings;
use crate::domain::time::{RATE_HZ, Timestamp};

/// Behind the newest block by this much, in samples, a piece of the time line is taken for whole: 0.1 s, which the
/// input callback may lag behind the output's.
const MARGIN: u64 = 4_800;

/// Without a block for this long the card stands still.
const STANDSTILL: Duration = Duration::from_millis(300);

/// Looks at both axes whose median tells how far the two callbacks are apart: one second. A single look is off by
/// however late a callback was woken.
const LOOKS: usize = 25;

/// Looks before the own line is put anywhere.
const LOOKS_MIN: usize = 5;

/// Samples by which the callbacks must have moved against each other before the own line follows: 5 ms. Less is
/// the scatter of their stamps.
const SHIFT_TRUSTED: i64 = 240;

/// Samples taken from a tap at a time.
const TAKEN: usize = 4_800;

pub(super) struct Collector {
    capture: AxisReader,
    render: AxisReader,
    lines: Arc<Mutex<Lines>>,
    figures: Arc<Figures>,
    feeds: Vec<Feed>,
    round_trip: u32,
    /// How far the input's axis is behind the output's, as the last looks had it, in samples.
    shifts: VecDeque<i64>,
    shift: Option<i64>,
    /// Samples that were put in where the card stood still.
    extra: u64,
    position: u64,
    moved_at: Timestamp,
    stepped_at: Timestamp,
}

/// One tap.
struct Feed {
    who: PeerId,
    reader: TapReader,
    /// Of another player; `None`: the own line.
    stats: Option<PlayoutStats>,
    concealed_ms: f64,
    /// Samples taken from the ring, and samples that were missing in it.
    taken: u64,
    missing: u64,
}

impl Collector {
    pub(super) fn new(
        (capture, render): (AxisReader, AxisReader),
        lines: Arc<Mutex<Lines>>,
        figures: Arc<Figures>,
    ) -> Self {
        Self {
            capture,
            render,
            lines,
            figures,
            feeds: Vec::new(),
            round_trip: 0,
            shifts: VecDeque::new(),
            shift: None,
            extra: 0,
            position: 0,
            moved_at: Timestamp::default(),
            stepped_at: Timestamp::default(),
        }
    }

    pub(super) fn obey(&mut self, order: CollectOrder) {
        match order {
            CollectOrder::Own { who, channels, reader } => self.feed(who, channels, reader, None),
            CollectOrder::Heard { who, channels, reader, stats } => {
                self.feed(who, channels, reader, Some(stats));
            }
            CollectOrder::Forget(who) => {
                self.drain();
                self.feeds.retain(|feed| feed.who != who);
                if let Some(line) = lock(&self.lines).lines.get_mut(&who) {
                    line.is_fed = false;
                }
            }
            CollectOrder::Strip(who, strip) => {
                let head = self.head();
                if let Some(line) = lock(&self.lines).lines.get_mut(&who) {
                    line.set_strip(head, strip);
                }
            }
            CollectOrder::RoundTrip(samples) => {
                self.round_trip = samples;
                self.shift = None;
            }
            CollectOrder::Memory { seconds } => lock(&self.lines).remember(seconds),
        }
    }

    fn feed(&mut self, who: PeerId, channels: u8, reader: TapReader, stats: Option<PlayoutStats>) {
        // What the tap before still holds comes first.
        self.drain();
        self.feeds.retain(|feed| feed.who != who);
        let concealed_ms = stats.as_ref().map_or(0.0, |stats| stats.read().concealed_ms);
        self.feeds.push(Feed { who, reader, stats, concealed_ms, taken: 0, missing: 0 });
        let mut lines = lock(&self.lines);
        let line = lines.lines.entry(who).or_insert_with(|| Line::new(channels, StripSettings::default()));
        line.change_channels(channels);
        line.is_fed = true;
    }

    /// Whether there is nothing to take.
    pub(super) fn is_idle(&self) -> bool {
        self.feeds.is_empty()
    }

    /// Whether it is time for a step, however many orders there are.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now.since(self.stepped_at) >= COLLECT_EVERY
    }

    /// Takes what the callbacks left since the last step.
    pub(super) fn step(&mut self, now: Timestamp) {
        self.stepped_at = now;
        // Before the taps: each holds everything before this position.
        let position = self.render.position();
        self.watch_card(now, position);
        self.position = position;
        self.look_at_axes();
        self.drain();
        let head = self.head();
        let complete = head.saturating_sub(MARGIN + u64::from(self.round_trip));
        let mut lines = lock(&self.lines);
        lines.complete(complete);
        let (bytes, back) = (lines.bytes(), lines.sealed.saturating_sub(lines.oldest) * super::lines::PIECE);
        drop(lines);
        self.figures.head.store(head, Ordering::Relaxed);
        self.figures.memory_bytes.store(bytes, Ordering::Relaxed);
        self.figures.memory_samples.store(back, Ordering::Relaxed);
    }

    fn head(&self) -> u64 {
        self.position + self.extra
    }

    /// A card that stood still gives back the time it was gone, as silence at the place where it stopped.
    fn watch_card(&mut self, now: Timestamp, position: u64) {
        if position == self.position {
            return;
        }
        let gone = now.since(self.moved_at);
        if self.position > 0 && gone > STANDSTILL {
            let passed = gone.as_micros() as u64 * u64::from(RATE_HZ) / 1_000_000;
            let missing = passed.saturating_sub(position - self.position);
            // Less than that: it was this thread that stood still.
            if missing > MARGIN {
                let from = self.head();
                lock(&self.lines).stood_still(from..from + missing);
                self.extra += missing;
                self.shifts.clear();
                self.shift = None;
            }
        }
        self.moved_at = now;
    }

    /// Learns how far the input callback is behind the output's.
    fn look_at_axes(&mut self) {
        let (Some(capture), Some(render)) = (self.capture.origin_ns(), self.render.origin_ns()) else {
            return;
        };
        let ns = capture.wrapping_sub(render) as i64;
        let apart = (ns as f64 * f64::from(RATE_HZ) / 1e9).round() as i64;
        self.shifts.push_back(apart);
        if self.shifts.len() > LOOKS {
            self.shifts.pop_front();
        }
        if self.shifts.len() < LOOKS_MIN {
            return;
        }
        let mut sorted: Vec<i64> = self.shifts.iter().copied().collect();
        sorted.sort_unstable();
        let seen = sorted[sorted.len() / 2] - i64::from(self.round_trip);
        if self.shift.is_none_or(|shift| (shift - seen).abs() > SHIFT_TRUSTED) {
            self.shift = Some(seen);
        }
    }

    fn drain(&mut self) {
        let (shift, extra) = (self.shift, self.extra);
        let mut lines = lock(&self.lines);
        for feed in &mut self.feeds {
            let shift = match (&feed.stats, shift) {
                (Some(_), _) => 0,
                (None, Some(shift)) => shift,
                // Not known yet where it belongs: the tap holds two seconds.
                (None, None) => continue,
            };
            let Some(line) = lines.lines.get_mut(&feed.who) else { continue };
            feed.drain(line, shift, extra);
        }
        self.feeds.retain(|feed| {
            let is_over = feed.reader.samples.is_abandoned() && feed.reader.samples.slots() == 0;
            if is_over && let Some(line) = lines.lines.get_mut(&feed.who) {
                line.is_fed = false;
            }
            !is_over
        });
        let missed: u64 = self.feeds.iter().map(|feed| feed.missing).sum();
        self.figures.missed_samples.store(missed, Ordering::Relaxed);
    }
}

impl Feed {
    fn drain(&mut self, line: &mut Line, shift: i64, extra: u64) {
        let mut taken: [Stereo; TAKEN] = [[0.0; 2]; TAKEN];
        loop {
            // In this order: whatever is counted here has its gaps said already.
            let there = self.reader.samples.slots();
            let gap = self.reader.gaps.peek().ok().copied();
            if let Some(gap) = gap.filter(|gap| gap.after == self.taken) {
                self.missing += gap.samples;
                let _ = self.reader.gaps.pop();
                continue;
            }
            let until = gap.map_or(usize::MAX, |gap| (gap.after - self.taken) as usize);
            let count = there.min(until).min(TAKEN);
            if count == 0 {
                break;
            }
            let (got, _) = self.reader.samples.pop_partial_slice(&mut taken[..count]);
            let count = got.len() as u64;
            let first = self.reader.first_position().unwrap_or(0);
            let at = (first + self.taken + self.missing + extra).saturating_add_signed(shift);
            line.write(at, got);
            self.taken += count;
        }
        if let Some(stats) = &self.stats {
            let concealed_ms = stats.read().concealed_ms;
            let samples = ((concealed_ms - self.concealed_ms).max(0.0) * 48.0) as u64;
            if samples > 0 {
                line.concealed(samples);
                self.concealed_ms = concealed_ms;
            }
        }
    }
}

/// A thread that panicked left whole pieces behind: going on with them loses nothing.
pub(super) fn lock(lines: &Mutex<Lines>) -> std::sync::MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

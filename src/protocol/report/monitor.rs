//! The receiving end's measurement of one link, and what a sender may conclude from its reports.
//!
//! World: worker.

use super::{Report, ntp_middle};
use crate::domain::time::{RATE_HZ, Timestamp};
use crate::protocol::packet::Extender;

/// What one end measures of the stream that comes to it, and of the path.
///
/// Feed it authenticated packets only. Invariant: `arrived` never exceeds what came; loss is never
/// negative; no heap after `new`.
#[derive(Debug, Clone)]
pub struct LinkMonitor {
    arrivals: Arrivals,
    loss: LossShare,
    jitter_us: f32,
    last_transit_us: Option<i64>,
    delays: DelayHistogram,
    path: PathClock,
    last_report: Option<(u32, Timestamp)>,
}

impl Default for LinkMonitor {
    fn default() -> Self {
        Self::new()
    }
}

impl LinkMonitor {
    /// Nothing came yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            arrivals: Arrivals::default(),
            loss: LossShare::default(),
            jitter_us: 0.0,
            last_transit_us: None,
            delays: DelayHistogram::new(),
            path: PathClock::default(),
            last_report: None,
        }
    }

    /// The first copy of packet `seq` came; `media_time` of its newest frame in samples.
    pub fn handle_packet(&mut self, arrived: Timestamp, seq: u64, media_time: u64) {
        let in_order = self.arrivals.first_copy(seq);
        let played_us = u128::from(media_time) * 1_000_000 / u128::from(RATE_HZ);
        let transit_us = (arrived.micros() as i64).wrapping_sub(played_us as i64);
        self.delays.add(arrived, transit_us);
        if !in_order {
            return;
        }
        if let Some(last) = self.last_transit_us.replace(transit_us) {
            let step_us = transit_us.abs_diff(last).min(JITTER_STEP_US_MAX) as f32;
            self.jitter_us += (step_us - self.jitter_us) / 16.0;
        }
    }

    /// Another copy of a packet that had come already.
    pub fn handle_copy(&mut self) {
        self.arrivals.datagrams = self.arrivals.datagrams.wrapping_add(1);
    }

    /// A report of the other end came.
    pub fn handle_report(&mut self, now: Timestamp, report: &Report) {
        self.loss.update(now, report.packets, self.arrivals.datagrams);
        self.last_report = Some((ntp_middle(report.sent), now));
        self.path.handle_report(now, report);
    }

    /// Share of the other end's datagrams that did not come in the last seconds, copies counted.
    #[must_use]
    pub fn loss(&self) -> f32 {
        self.loss.share()
    }

    /// Mean length of a run of packets of which no copy came, in packets: 1.0 and up.
    #[must_use]
    pub fn mean_burst(&self) -> f32 {
        self.arrivals.mean_burst
    }

    /// RFC 3550 §6.4.1, in µs.
    #[must_use]
    pub fn jitter_us(&self) -> f32 {
        self.jitter_us
    }

    /// Packets of which no copy came.
    #[must_use]
    pub fn packets_lost(&self) -> u64 {
        self.arrivals.lost
    }

    /// Datagrams that came, copies counted.
    #[must_use]
    pub fn datagrams(&self) -> u32 {
        self.arrivals.datagrams
    }

    /// The highest packet number that came; 0 if none.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.arrivals.highest
    }

    /// How much later than the fastest of the last seconds the slowest share comes, in µs.
    #[must_use]
    pub fn delay_quantile_us(&self, share: f32) -> u32 {
        self.delays.quantile_us(share)
    }

    /// Round trip of the last seconds, smoothed, in µs.
    #[must_use]
    pub fn rtt_us(&self) -> Option<u32> {
        self.path.rtt_us
    }

    /// The other end's clock minus ours in µs, from the fastest of the last round trips.
    #[must_use]
    pub fn clock_offset_us(&self) -> Option<i64> {
        self.path.offset_us()
    }

    /// For our report block: which report came last, and when.
    #[must_use]
    pub fn last_report(&self) -> Option<(u32, Timestamp)> {
        self.last_report
    }
}

/// A jump larger than this is a break in the stream and not jitter.
const JITTER_STEP_US_MAX: u64 = 500_000;

/// Which of the last packets came, and how long the runs of missing ones are.
#[derive(Debug, Clone)]
struct Arrivals {
    any: bool,
    highest: u64,
    /// Bit k: packet `highest - k` came.
    came: u64,
    datagrams: u32,
    lost: u64,
    run: u32,
    mean_burst: f32,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { any: false, highest: 0, came: 0, datagrams: 0, lost: 0, run: 0, mean_burst: 1.0 }
    }
}

impl Arrivals {
    /// Returns whether it is the newest so far.
    fn first_copy(&mut self, seq: u64) -> bool {
        self.datagrams = self.datagrams.wrapping_add(1);
        if !self.any {
            (self.any, self.highest, self.came) = (true, seq, u64::MAX);
            return true;
        }
        if seq <= self.highest {
            let back = self.highest - seq;
            if back < 64 {
                self.came |= 1 << back;
            }
            return false;
        }
        let step = seq - self.highest;
        for _ in 0..step.min(BURST_MAX) {
            self.leave_window(self.came >> 63 == 1);
            self.came <<= 1;
        }
        self.lost += step.saturating_sub(BURST_MAX);
        self.came |= 1;
        self.highest = seq;
        true
    }

    /// A packet is too old to come any more: it is lost now, or it was not.
    fn leave_window(&mut self, came: bool) {
        if came {
            if self.run > 0 {
                self.mean_burst += (self.run as f32 - self.mean_burst) / 8.0;
                self.run = 0;
            }
        } else {
            self.run += 1;
            self.lost += 1;
        }
    }
}

/// Longer gaps are not walked packet by packet: an outage, not a burst.
const BURST_MAX: u64 = 256;

/// Share of datagrams lost: sums that forget in [`LOSS_MEMORY_US`].
#[derive(Debug, Default, Clone)]
struct LossShare {
    last: Option<(Timestamp, u32, u32)>,
    sent: f32,
    arrived: f32,
}

impl LossShare {
    fn update(&mut self, now: Timestamp, sent: u32, arrived: u32) {
        let Some((then, sent_then, arrived_then)) = self.last.replace((now, sent, arrived)) else { return };
        let elapsed_us = now.since(then).as_micros() as f32;
        let sent = sent.wrapping_sub(sent_then) as i32;
        let arrived = arrived.wrapping_sub(arrived_then) as i32;
        if sent < 0 || arrived < 0 {
            return;
        }
        // An outage of a minute counts like one of a second, or it would not be forgotten.
        let weight = (1_000_000.0 / elapsed_us.max(1.0)).min(1.0);
        let kept = (-elapsed_us / LOSS_MEMORY_US).exp();
        self.sent = self.sent * kept + sent as f32 * weight;
        self.arrived = self.arrived * kept + arrived as f32 * weight;
    }

    fn share(&self) -> f32 {
        if self.sent < 1.0 { 0.0 } else { (1.0 - self.arrived / self.sent).clamp(0.0, 1.0) }
    }
}

/// 2 s: at 375 packets/s that is 1 % to within a third of itself; half of it would make the
/// redundancy jump at every lost packet, twice of it leaves a new loss unanswered for too long.
const LOSS_MEMORY_US: f32 = 2_000_000.0;

/// How much later than the fastest the packets of the last seconds came.
#[derive(Debug, Clone)]
struct DelayHistogram {
    counts: [u32; DELAY_BINS],
    fastest_us: i64,
    fastest_lately_us: i64,
    turn: Timestamp,
}

const DELAY_BINS: usize = 128;
const DELAY_BIN_US: i64 = 250;
/// The fastest is the fastest of one to two of these; cards drift apart by 1 ms in the meantime at 200 ppm.
const DELAY_TURN_US: u64 = 5_000_000;

impl DelayHistogram {
    fn new() -> Self {
        Self {
            counts: [0; DELAY_BINS],
            fastest_us: i64::MAX,
            fastest_lately_us: i64::MAX,
            turn: Timestamp::default(),
        }
    }

    fn add(&mut self, now: Timestamp, transit_us: i64) {
        if now.micros().saturating_sub(self.turn.micros()) > DELAY_TURN_US {
            self.turn = now;
            self.fastest_us = self.fastest_lately_us;
            self.fastest_lately_us = i64::MAX;
            self.counts.iter_mut().for_each(|count| *count /= 2);
        }
        self.fastest_lately_us = self.fastest_lately_us.min(transit_us);
        self.fastest_us = self.fastest_us.min(transit_us);
        let bin = (transit_us - self.fastest_us) / DELAY_BIN_US;
        self.counts[(bin as usize).min(DELAY_BINS - 1)] += 1;
    }

    fn quantile_us(&self, share: f32) -> u32 {
        let total: u32 = self.counts.iter().sum();
        let wanted = (total as f32 * share.clamp(0.0, 1.0)).ceil() as u32;
        let mut below = 0;
        for (bin, count) in self.counts.iter().enumerate() {
            below += count;
            if below >= wanted && below > 0 {
                return (bin as u32 + 1) * DELAY_BIN_US as u32;
            }
        }
        0
    }
}

/// Round trip and clock offset from report blocks (RFC 3550 §6.4.1), and of the offsets the one
/// with the shortest round trip, as NTP does (RFC 5905 §10).
#[derive(Debug, Clone)]
struct PathClock {
    rtt_us: Option<u32>,
    samples: [(u32, i64); OFFSET_SAMPLES],
    next: usize,
}

/// 6 s of reports: a clock error of 50 ppm moves 0.3 ms in it, and one of 60 round trips is fast.
const OFFSET_SAMPLES: usize = 64;
/// Longer round trips are an old report, not a path.
const RTT_US_MAX: u32 = 10_000_000;

impl Default for PathClock {
    fn default() -> Self {
        Self { rtt_us: None, samples: [(u32::MAX, 0); OFFSET_SAMPLES], next: 0 }
    }
}

impl PathClock {
    fn handle_report(&mut self, now: Timestamp, report: &Report) {
        if report.heard.last_report == 0 {
            return;
        }
        let ticks = ntp_middle(now)
            .wrapping_sub(report.heard.last_report)
            .wrapping_sub(report.heard.since_last_report);
        // A tick or two below zero is rounding.
        let ticks = if ticks > u32::MAX - 4 { 0 } else { ticks };
        let rtt_us = (u64::from(ticks) * 1_000_000) >> 16;
        if rtt_us > u64::from(RTT_US_MAX) {
            return;
        }
        let rtt_us = rtt_us as u32;
        self.rtt_us = Some(self.rtt_us.map_or(rtt_us, |old| old - old / 8 + rtt_us / 8));
        let offset_us = report.sent.micros() as i64 + i64::from(rtt_us / 2) - now.micros() as i64;
        self.samples[self.next] = (rtt_us, offset_us);
        self.next = (self.next + 1) % OFFSET_SAMPLES;
    }

    fn offset_us(&self) -> Option<i64> {
        let (rtt_us, offset_us) = *self.samples.iter().min_by_key(|(rtt_us, _)| *rtt_us)?;
        (rtt_us != u32::MAX).then_some(offset_us)
    }
}

/// The sender's side of one link: which packet numbers the other end has told us it has.
///
/// The far end guesses the upper bits of a packet number from the highest it knows (RFC 3711
/// §3.3.1), so it must never be left more than 2^15 behind, or it can open nothing any more.
#[derive(Debug, Default, Clone, Copy)]
pub struct Acknowledged {
    extender: Extender,
}

impl Acknowledged {
    /// The other end has this one (low 32 bits, 0 for none).
    pub fn handle_highest(&mut self, highest: u32) {
        if highest != 0 {
            let _ = self.extender.timestamp(highest);
        }
    }

    /// Whether packet `seq` may be sent without leaving the other end behind.
    #[must_use]
    pub fn allows(&self, seq: u64) -> bool {
        self.unheard(seq) < UNHEARD_PACKETS_MAX
    }

    /// Whether it may be sent to find out if packets arrive again.
    #[must_use]
    pub fn allows_test(&self, seq: u64) -> bool {
        self.unheard(seq) < UNHEARD_PACKETS_MAX + TEST_PACKETS_MAX
    }

    fn unheard(&self, seq: u64) -> u64 {
        seq.saturating_sub(self.extender.highest().unwrap_or(0))
    }
}

/// 32 to 80 s of sound: after that only reports are sent until the other end answers.
const UNHEARD_PACKETS_MAX: u64 = 30_000;
/// Both together stay below 2^15.
const TEST_PACKETS_MAX: u64 = 2_000;

#[cfg(test)]
mod tests {
    use super::super::Heard;
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn play(monitor: &mut LinkMonitor, packets: u64, sends: u32, comes: impl Fn(u64, u32) -> bool) {
        let mut sent = 0;
        for seq in 1..=packets {
            let now = Timestamp::from_micros(1_000_000 + seq * 2_500);
            let mut first = true;
            for copy in 0..sends {
                sent += 1;
                if comes(seq, copy) {
                    if first {
                        monitor.handle_packet(now, seq, seq * 120);
                        first = false;
                    } else {
                        monitor.handle_copy();
                    }
                }
            }
            if seq % 40 == 0 {
                monitor.handle_report(now, &Report { packets: sent, sent: now, ..Report::default() });
            }
        }
    }

    #[test]
    fn copies_count_in_the_loss_of_the_path() {
        let mut monitor = LinkMonitor::new();
        play(&mut monitor, 4_000, 2, |seq, copy| copy == 0 || seq % 10 != 0);
        assert!((monitor.loss() - 0.05).abs() < 0.005, "{}", monitor.loss());
        assert_eq!(monitor.packets_lost(), 0);
    }

    #[test]
    fn the_length_of_bursts_is_followed() {
        let mut monitor = LinkMonitor::new();
        play(&mut monitor, 8_000, 1, |seq, _| seq % 200 > 5);
        assert!((monitor.mean_burst() - 6.0).abs() < 0.5, "{}", monitor.mean_burst());
        assert!((monitor.loss() - 0.03).abs() < 0.01, "{}", monitor.loss());
    }

    #[test]
    fn reordered_packets_are_not_lost() {
        let mut monitor = LinkMonitor::new();
        for pair in 0..200_u64 {
            for seq in [pair * 2 + 2, pair * 2 + 1] {
                monitor.handle_packet(Timestamp::from_micros(pair * 5_000), seq, seq * 120);
            }
        }
        assert_eq!(monitor.packets_lost(), 0);
    }

    #[test]
    fn a_round_trip_gives_the_time_and_the_offset() {
        let mut monitor = LinkMonitor::new();
        // Our clock; theirs is 7 s ahead, 2 ms there, 2 ms back, 5 ms of waiting there.
        let asked = Timestamp::from_micros(50_000_000);
        let answered = asked + Duration::from_millis(7) + Duration::from_secs(7);
        let now = asked + Duration::from_millis(9);
        let heard = Heard {
            last_report: ntp_middle(asked),
            since_last_report: 5 * 65_536 / 1_000,
            ..Heard::default()
        };
        monitor.handle_report(now, &Report { sent: answered, heard, ..Report::default() });
        assert!(monitor.rtt_us().unwrap().abs_diff(4_000) < 60, "{:?}", monitor.rtt_us());
        assert!(
            monitor.clock_offset_us().unwrap().abs_diff(7_000_000) < 60,
            "{:?}",
            monitor.clock_offset_us()
        );
    }

    #[test]
    fn jitter_and_late_packets_show() {
        let mut monitor = LinkMonitor::new();
        for seq in 1..2_000_u64 {
            let late_us = if seq % 10 == 0 { 5_000 } else { 0 };
            monitor.handle_packet(Timestamp::from_micros(seq * 2_500 + late_us), seq, seq * 120);
        }
        assert!(monitor.jitter_us() > 300.0 && monitor.jitter_us() < 2_000.0);
        assert_eq!(monitor.delay_quantile_us(0.5), 250);
        assert_eq!(monitor.delay_quantile_us(0.99), 5_250);
    }

    #[test]
    fn nobody_is_left_behind_by_more_than_half_the_numbers() {
        let mut acknowledged = Acknowledged::default();
        assert!(acknowledged.allows(1));
        assert!(!acknowledged.allows(30_000));
        acknowledged.handle_highest(29_999);
        assert!(acknowledged.allows(30_000) && !acknowledged.allows(60_000));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn a_monitor_takes_any_numbers(
            packets in proptest::collection::vec((any::<u32>(), any::<u16>(), any::<u32>()), 1..100),
        ) {
            let mut monitor = LinkMonitor::new();
            for (at, seq, media_time) in packets {
                let now = Timestamp::from_micros(u64::from(at));
                monitor.handle_packet(now, u64::from(seq), u64::from(media_time));
                let heard = Heard { last_report: media_time, since_last_report: at, ..Heard::default() };
                monitor.handle_report(now, &Report { packets: at, heard, ..Report::default() });
                prop_assert!((0.0..=1.0).contains(&monitor.loss()));
                prop_assert!(monitor.mean_burst() >= 1.0);
            }
        }
    }
}

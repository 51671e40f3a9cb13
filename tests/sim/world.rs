//! Two musicians: one plays through the real framer and codec, the other hears through the real
//! playout, on cards whose clocks differ, over a [`Link`].

use std::time::Duration;

use jamtty::audio::codec::Stereo;
use jamtty::audio::encoder::Framer;
use jamtty::audio::playout::Playout;
use jamtty::audio::playout_stats::PlayoutReading;
use jamtty::audio::rt::{CardTime, RtContext, section};
use jamtty::domain::stream::StreamFormat;
use jamtty::domain::strip::DelayMode;
use jamtty::domain::time::Timestamp;
use jamtty::protocol::frame::{ReceivedFrame, Redundancy, frame_ring};

use super::link::Link;

pub(crate) const BLOCK: usize = 64;
const RATE: f64 = 48_000.0;

/// What is played: a tone, loud enough to judge.
pub(crate) const TONE_HZ: f64 = 440.0;
pub(crate) const TONE_LEVEL: f64 = 0.25;

pub(crate) struct World {
    pub(crate) format: StreamFormat,
    pub(crate) link: Link,
    pub(crate) redundancy: Redundancy,
    /// How fast each card runs, in ppm.
    pub(crate) sender_ppm: f64,
    pub(crate) listener_ppm: f64,
    /// When the listener's first callback comes after the sender's, in µs.
    pub(crate) phase_us: f64,
    pub(crate) mode: DelayMode,
    /// From this moment on nothing arrives, until the second one. In seconds.
    pub(crate) cut_s: Option<(f64, f64)>,
    /// What would arrive between these two moments comes all at once at the second one. In seconds.
    pub(crate) stall_s: Option<(f64, f64)>,
}

/// What the listener heard.
pub(crate) struct Heard {
    pub(crate) samples: Vec<f32>,
    /// Playout delay in ms, ten times a second.
    pub(crate) delay_ms: Vec<f64>,
    pub(crate) reading: PlayoutReading,
}

impl World {
    pub(crate) fn new(format: StreamFormat, link: Link) -> Self {
        Self {
            format,
            link,
            redundancy: Redundancy::NONE,
            sender_ppm: 0.0,
            listener_ppm: 0.0,
            phase_us: 0.0,
            mode: DelayMode::default(),
            cut_s: None,
            stall_s: None,
        }
    }

    /// Plays `seconds` of tone and returns what came out.
    pub(crate) fn play(mut self, seconds: f64) -> Heard {
        let (mut tx, rx) = frame_ring();
        let (mut playout, stats) = Playout::new(self.format, rx, self.mode).expect("a legal form");
        let mut framer = Framer::new(self.format).expect("a legal form");
        let mut context = RtContext::new();
        let sender_block_us = BLOCK as f64 / RATE * 1e6 / (1.0 + self.sender_ppm * 1e-6);
        let listener_block_us = BLOCK as f64 / RATE * 1e6 / (1.0 + self.listener_ppm * 1e-6);
        let blocks = (seconds * RATE / BLOCK as f64) as u64;
        let mut heard =
            Heard { samples: Vec::new(), delay_ms: Vec::new(), reading: PlayoutReading::default() };
        let mut on_the_way: Vec<(f64, jamtty::protocol::frame::EncodedFrame)> = Vec::new();
        let mut sent_blocks = 0_u64;
        for block in 0..blocks {
            let now_us = self.phase_us + block as f64 * listener_block_us;
            while (sent_blocks + 1) as f64 * sender_block_us <= now_us {
                let samples = tone_block(sent_blocks);
                sent_blocks += 1;
                let at_us = sent_blocks as f64 * sender_block_us;
                framer.push(&samples, |frame| {
                    for send in 0..self.redundancy.sends {
                        let at = at_us + f64::from(u32::from(send) * self.redundancy.spacing_us);
                        if let Some(arrives) = self.link.carry(at) {
                            on_the_way.push((self.after_stall(arrives), *frame));
                        }
                    }
                });
            }
            on_the_way.sort_by(|a, b| a.0.total_cmp(&b.0));
            let arrived = on_the_way.partition_point(|(at, _)| *at <= now_us);
            for (at, frame) in on_the_way.drain(..arrived) {
                let cut = self.cut_s.is_some_and(|(from, to)| at >= from * 1e6 && at < to * 1e6);
                if !cut {
                    let arrived = Timestamp::from_micros(at as u64 + 1_000_000);
                    assert!(
                        tx.push(ReceivedFrame { frame, arrived }).is_ok(),
                        "the ring is drained each block"
                    );
                }
            }
            let mut out = [[0.0; 2]; BLOCK];
            let at = CardTime(Duration::from_nanos((now_us * 1e3) as u64));
            section(&mut context, |rt| playout.render(rt, &mut out, at));
            heard.samples.extend(out.iter().map(|sample: &Stereo| sample[0]));
            if block % 75 == 0 {
                heard.delay_ms.push(stats.read().playout_delay_ms);
            }
        }
        heard.reading = stats.read();
        heard
    }

    fn after_stall(&self, arrives_us: f64) -> f64 {
        match self.stall_s {
            Some((from, to)) if arrives_us >= from * 1e6 => arrives_us.max(to * 1e6),
            _ => arrives_us,
        }
    }
}

fn tone_block(block: u64) -> [Stereo; BLOCK] {
    std::array::from_fn(|n| {
        let at = (block * BLOCK as u64 + n as u64) as f64;
        [(TONE_LEVEL * (at * TONE_HZ * std::f64::consts::TAU / RATE).sin()) as f32; 2]
    })
}

impl Heard {
    /// Share in % of 10 ms windows, from `from_s` on, whose level is off by more than 3 dB or whose
    /// rest after fitting the tone is above -20 dB: the measure of the bench beside other programs.
    pub(crate) fn damaged_pct(&self, from_s: f64) -> f64 {
        let windows: Vec<bool> =
            self.samples[(from_s * RATE) as usize..].chunks_exact(480).map(is_damaged).collect();
        100.0 * windows.iter().filter(|damaged| **damaged).count() as f64 / windows.len() as f64
    }

    /// The median playout delay from `from_s` on, in ms.
    pub(crate) fn delay_ms_median(&self, from_s: f64) -> f64 {
        let mut delays = self.delay_ms[(from_s * 10.0) as usize..].to_vec();
        delays.sort_by(f64::total_cmp);
        delays[delays.len() / 2]
    }

    pub(crate) fn delay_ms_max(&self, from_s: f64) -> f64 {
        self.delay_ms[(from_s * 10.0) as usize..].iter().copied().fold(0.0, f64::max)
    }

    pub(crate) fn delay_ms_min(&self, from_s: f64) -> f64 {
        self.delay_ms[(from_s * 10.0) as usize..].iter().copied().fold(f64::MAX, f64::min)
    }
}

fn is_damaged(window: &[f32]) -> bool {
    let (mut sin, mut cos, mut power) = (0.0, 0.0, 0.0);
    let turn = TONE_HZ * std::f64::consts::TAU / RATE;
    // 10 ms is not a whole number of periods: solve the 2x2 normal equations.
    let (mut ss, mut sc, mut cc) = (0.0, 0.0, 0.0);
    for (n, value) in window.iter().enumerate() {
        let (s, c) = (n as f64 * turn).sin_cos();
        let value = f64::from(*value);
        sin += value * s;
        cos += value * c;
        power += value * value;
        ss += s * s;
        sc += s * c;
        cc += c * c;
    }
    let determinant = ss * cc - sc * sc;
    let (a, b) = ((sin * cc - cos * sc) / determinant, (cos * ss - sin * sc) / determinant);
    let reference = TONE_LEVEL * TONE_LEVEL / 2.0;
    let count = window.len() as f64;
    let rest = (power - a * sin - b * cos) / count;
    let level_db = 10.0 * (power / count / reference).max(1e-12).log10();
    level_db.abs() > 3.0 || 10.0 * (rest / reference).max(1e-12).log10() > -20.0
}

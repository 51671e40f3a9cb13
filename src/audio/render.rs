//! The output callback's half of the engine: every remote peer, the mixer, the master.
//!
//! World: real-time. Made and dropped by the worker that opens the card.

use rtrb::{Consumer, Producer};

use super::codec::Stereo;
use super::device::RenderBlock;
use super::engine::{REMOTES_MAX, RtEvent};
use super::howl::HowlGuard;
use super::limiter::Limiter;
use super::meter::Meter;
use super::mixer::{BLOCK_MAX, Fader, Strip};
use super::playout::Playout;
use super::round_trip::RenderProbe;
use super::rt::{CardTime, Rt};
use super::tap::{Axis, Tap, Taps};
use crate::domain::level::Gain;
use crate::domain::strip::{DelayMode, StripSettings};
use crate::domain::time::RATE_HZ;

/// One remote peer as the output callback knows it.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) playout: Playout,
    pub(super) meter: Meter,
    pub(super) guard: HowlGuard,
    pub(super) cut: Fader,
    pub(super) strip: Strip,
    pub(super) taps: Taps,
}

/// What the output callback is told; read at the start of each block.
#[derive(Debug)]
pub(super) enum RenderOrder {
    Add { slot: usize, remote: Box<Remote> },
    Remove { slot: usize },
    Strip { slot: usize, strip: StripSettings },
    Delay { slot: usize, delay: DelayMode },
    ReleaseHowl { slot: usize },
    Tap { slot: usize, tap: Tap },
    Master(Gain),
    Monitor(Gain),
    Panic(bool),
    TestTone(bool),
    Probe(Box<RenderProbe>),
}

/// What the callback hands back to be freed elsewhere.
#[derive(Debug)]
pub(super) enum Garbage {
    /// A peer that left.
    Remote(#[expect(dead_code, reason = "held only to be dropped")] Box<Remote>),
    /// A tap that was replaced, or that nobody reads any more.
    Tap(#[expect(dead_code, reason = "held only to be dropped")] Tap),
    /// A probe that played all of its signal.
    Probe(#[expect(dead_code, reason = "held only to be dropped")] Box<RenderProbe>),
}

/// Loudness of the test tone, as an amplitude: -20 dBFS.
const TEST_TONE_LEVEL: f32 = 0.1;
const TEST_TONE_HZ: f32 = 440.0;

/// Samples of own sound the monitor keeps waiting before it lets go of the oldest: three usual blocks.
const MONITOR_BEHIND_MAX: usize = 384;

/// Lives in the output callback, at 48 kHz always.
#[derive(Debug)]
pub struct RenderSide {
    pub(super) orders: Consumer<RenderOrder>,
    pub(super) events: Producer<RtEvent>,
    pub(super) garbage: Producer<Garbage>,
    pub(super) remotes: [Option<Box<Remote>>; REMOTES_MAX],
    pub(super) from_capture: Consumer<Stereo>,
    pub(super) monitor: Fader,
    pub(super) master: Fader,
    pub(super) panic: Fader,
    pub(super) limiter: Limiter,
    pub(super) meter: Meter,
    pub(super) test_tone: Fader,
    pub(super) test_phase: f32,
    pub(super) probe: Option<Box<RenderProbe>>,
    pub(super) axis: Axis,
    pub(super) sum: Box<[Stereo; BLOCK_MAX]>,
    pub(super) one: Box<[Stereo; BLOCK_MAX]>,
}

impl RenderSide {
    /// Fills one block of the card: interleaved; mono gets both ears' mean, channels past two silence.
    pub fn process(&mut self, rt: &mut Rt<'_>, output: &mut [f32], channels: usize, at: CardTime) {
        while let Ok(order) = self.orders.pop() {
            self.obey(rt, order);
        }
        let channels = channels.max(1);
        for piece in output.chunks_mut(BLOCK_MAX * channels) {
            let count = piece.len() / channels;
            self.mix(rt, count, at);
            for (to, [left, right]) in piece.chunks_exact_mut(channels).zip(self.sum.iter()) {
                match to {
                    [mono] => *mono = (left + right) / 2.0,
                    [first, second, rest @ ..] => {
                        *first = *left;
                        *second = *right;
                        rest.fill(0.0);
                    }
                    [] => {}
                }
            }
        }
    }

    fn obey(&mut self, rt: &mut Rt<'_>, order: RenderOrder) {
        match order {
            RenderOrder::Add { slot, remote } => {
                let old = self.remotes[slot].replace(remote);
                self.throw_away(old.map(Garbage::Remote));
            }
            RenderOrder::Remove { slot } => {
                let old = self.remotes[slot].take();
                self.throw_away(old.map(Garbage::Remote));
            }
            RenderOrder::Strip { slot, strip } => self.with(slot, |remote| remote.strip.set(strip)),
            RenderOrder::Delay { slot, delay } => {
                self.with(slot, |remote| remote.playout.set_mode(rt, delay));
            }
            RenderOrder::ReleaseHowl { slot } => self.with(slot, |remote| remote.guard.release()),
            RenderOrder::Tap { slot, tap } => {
                let place = tap.reader as usize;
                if let Some(remote) = &mut self.remotes[slot] {
                    let old = remote.taps[place].replace(tap);
                    self.throw_away(old.map(Garbage::Tap));
                } else {
                    self.throw_away(Some(Garbage::Tap(tap)));
                }
            }
            RenderOrder::Master(gain) => self.master.set(gain),
            RenderOrder::Monitor(gain) => self.monitor.set(gain),
            RenderOrder::Panic(on) => self.panic.set(if on { Gain::ZERO } else { Gain::UNITY }),
            RenderOrder::TestTone(on) => self.test_tone.set(if on { Gain::UNITY } else { Gain::ZERO }),
            RenderOrder::Probe(probe) => {
                let old = self.probe.replace(probe);
                self.throw_away(old.map(Garbage::Probe));
            }
        }
    }

    fn with(&mut self, slot: usize, change: impl FnOnce(&mut Remote)) {
        if let Some(remote) = &mut self.remotes[slot] {
            change(remote);
        }
    }

    /// Gives memory back to be freed elsewhere. The ring holds more than there are remotes and the
    /// engine empties it before each order, so it cannot be full; if it were, leaking is what is left.
    fn throw_away(&mut self, garbage: Option<Garbage>) {
        if let Some(garbage) = garbage
            && let Err(rtrb::PushError::Full(kept)) = self.garbage.push(garbage)
        {
            std::mem::forget(kept);
        }
    }

    fn mix(&mut self, rt: &mut Rt<'_>, count: usize, at: CardTime) {
        let sum = &mut self.sum[..count];
        sum.fill([0.0; 2]);
        let any_solo = self.remotes.iter().flatten().any(|remote| remote.strip.settings().solo);
        for (slot, remote) in self.remotes.iter_mut().enumerate() {
            let Some(remote) = remote else { continue };
            let one = &mut self.one[..count];
            remote.playout.render(rt, one, at);
            for tap in remote.taps.iter_mut().flatten() {
                tap.write(one, at, self.axis.position());
            }
            remote.meter.measure(rt, one);
            if let Some(howl) = remote.guard.watch(rt, one) {
                // A full ring loses the word, not the cut.
                let _ = self.events.push(RtEvent::RemoteHowl { slot, howl });
            }
            remote.cut.set(remote.guard.gain());
            remote.cut.apply(rt, one);
            remote.strip.mix_into(rt, one, sum, any_solo);
        }
        self.add_monitor(rt, count);
        let sum = &mut self.sum[..count];
        self.master.apply(rt, sum);
        self.add_test_tone(rt, count);
        self.add_probe(rt, count, at);
        let sum = &mut self.sum[..count];
        self.limiter.apply(rt, sum);
        self.panic.apply(rt, sum);
        self.meter.measure(rt, sum);
        self.axis.advance(count, at);
        self.hand_back_taps();
    }

    /// Taps that nobody reads any more.
    fn hand_back_taps(&mut self) {
        for slot in 0..self.remotes.len() {
            let Some(remote) = &mut self.remotes[slot] else { continue };
            let old = remote.taps.iter_mut().find(|tap| tap.as_ref().is_some_and(Tap::is_abandoned));
            let old = old.and_then(Option::take);
            self.throw_away(old.map(Garbage::Tap));
        }
    }

    fn add_monitor(&mut self, rt: &mut Rt<'_>, count: usize) {
        // The two callbacks may slip against each other: the monitor stays near the newest sample.
        let behind = self.from_capture.slots();
        if behind > count + MONITOR_BEHIND_MAX
            && let Ok(old) = self.from_capture.read_chunk(behind - count)
        {
            old.commit_all();
        }
        let one = &mut self.one[..count];
        one.fill([0.0; 2]);
        let _ = self.from_capture.pop_partial_slice(one);
        self.monitor.mix_into(rt, one, &mut self.sum[..count]);
    }

    fn add_test_tone(&mut self, rt: &mut Rt<'_>, count: usize) {
        if self.test_tone.is_silent() {
            return;
        }
        let one = &mut self.one[..count];
        for sample in one.iter_mut() {
            *sample = [TEST_TONE_LEVEL * (self.test_phase * std::f32::consts::TAU).sin(); 2];
            self.test_phase = (self.test_phase + TEST_TONE_HZ / RATE_HZ as f32).fract();
        }
        self.test_tone.mix_into(rt, one, &mut self.sum[..count]);
    }

    fn add_probe(&mut self, rt: &mut Rt<'_>, count: usize, at: CardTime) {
        let Some(probe) = &mut self.probe else { return };
        if !probe.process(rt, &mut self.sum[..count], at) {
            let done = self.probe.take();
            self.throw_away(done.map(Garbage::Probe));
        }
    }
}

impl RenderBlock for RenderSide {
    fn process(&mut self, rt: &mut Rt<'_>, output: &mut [f32], channels: usize, at: CardTime) {
        Self::process(self, rt, output, channels, at);
    }
}

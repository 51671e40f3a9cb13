//! The input callback's half of the engine: meter, mic mute, howl guard, monitor, encoder ring.
//!
//! World: real-time. Made and dropped by the worker that opens the card.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtrb::{Consumer, Producer};

use super::codec::Stereo;
use super::device::CaptureBlock;
use super::encoder::EncoderWake;
use super::engine::RtEvent;
use super::howl::HowlGuard;
use super::meter::Meter;
use super::mixer::{BLOCK_MAX, Fader};
use super::round_trip::CaptureProbe;
use super::rt::{CardTime, Rt};
use super::tap::{Axis, Tap, Taps};
use crate::domain::level::Gain;

/// What the input callback is told; read at the start of each block.
#[derive(Debug)]
pub(super) enum CaptureOrder {
    /// Microphone gain: silence is mute.
    Mic(Gain),
    /// Silent towards everyone, whatever else is set.
    Panic(bool),
    /// Open again after a howl was cut.
    ReleaseHowl,
    /// A copy of what is sent from now on.
    Tap(Tap),
    /// Hear what comes in, and send nothing meanwhile.
    Probe(Box<CaptureProbe>),
}

/// What the callback hands back to be freed elsewhere.
#[derive(Debug)]
pub(super) enum CaptureGarbage {
    /// A tap that was replaced, or that nobody reads any more.
    Tap(#[expect(dead_code, reason = "held only to be dropped")] Tap),
    /// A probe that heard enough.
    Probe(#[expect(dead_code, reason = "held only to be dropped")] Box<CaptureProbe>),
}

/// Lives in the input callback, at 48 kHz always.
#[derive(Debug)]
pub struct CaptureSide {
    pub(super) orders: Consumer<CaptureOrder>,
    pub(super) events: Producer<RtEvent>,
    pub(super) garbage: Producer<CaptureGarbage>,
    pub(super) to_encoder: Producer<Stereo>,
    pub(super) wake: EncoderWake,
    pub(super) to_monitor: Producer<Stereo>,
    pub(super) meter: Meter,
    pub(super) mic: Fader,
    pub(super) panic: Fader,
    pub(super) guard: HowlGuard,
    pub(super) cut: Fader,
    pub(super) taps: Taps,
    pub(super) axis: Axis,
    pub(super) probe: Option<Box<CaptureProbe>>,
    /// Silent while a probe hears: what is measured is for our own ears.
    pub(super) sent: Fader,
    /// Captured samples that found the encoder's ring full.
    pub(super) lost: Arc<AtomicU64>,
    pub(super) block: Box<[Stereo; BLOCK_MAX]>,
}

impl CaptureSide {
    /// Takes one block of the card: interleaved, one channel or more (the first two are used).
    ///
    /// # Real-time
    /// Wakes the encoder thread while a stream runs: one futex call that never waits.
    pub fn process(&mut self, rt: &mut Rt<'_>, input: &[f32], channels: usize, at: CardTime) {
        while let Ok(order) = self.orders.pop() {
            self.obey(order);
        }
        let channels = channels.max(1);
        for piece in input.chunks(BLOCK_MAX * channels) {
            let count = piece.len() / channels;
            for (to, from) in self.block.iter_mut().zip(piece.chunks_exact(channels)) {
                *to = [from[0], from[usize::from(channels > 1)]];
            }
            self.piece(rt, count, at);
        }
        self.wake.wake();
    }

    fn obey(&mut self, order: CaptureOrder) {
        match order {
            CaptureOrder::Mic(gain) => self.mic.set(gain),
            CaptureOrder::Panic(on) => self.panic.set(if on { Gain::ZERO } else { Gain::UNITY }),
            CaptureOrder::ReleaseHowl => self.guard.release(),
            CaptureOrder::Tap(tap) => {
                let place = tap.reader as usize;
                let old = self.taps[place].replace(tap);
                self.throw_away(old.map(CaptureGarbage::Tap));
            }
            CaptureOrder::Probe(probe) => {
                let old = self.probe.replace(probe);
                self.throw_away(old.map(CaptureGarbage::Probe));
            }
        }
    }

    /// Gives memory back to be freed elsewhere. The ring holds as many as there can be orders and the engine empties it
    /// before each, so it cannot be full; if it were, leaking is what is left.
    fn throw_away(&mut self, garbage: Option<CaptureGarbage>) {
        if let Some(garbage) = garbage
            && let Err(rtrb::PushError::Full(kept)) = self.garbage.push(garbage)
        {
            std::mem::forget(kept);
        }
    }

    /// While a probe hears, it alone does: the signal is no howl, and a monitor would send it round and round.
    fn measure(&mut self, rt: &mut Rt<'_>, count: usize, at: CardTime) -> bool {
        let Some(probe) = &mut self.probe else { return false };
        if !probe.process(rt, &self.block[..count], at) {
            let done = self.probe.take();
            self.throw_away(done.map(CaptureGarbage::Probe));
        }
        true
    }

    fn piece(&mut self, rt: &mut Rt<'_>, count: usize, at: CardTime) {
        let is_measured = self.measure(rt, count, at);
        let block = &mut self.block[..count];
        self.meter.measure(rt, block);
        if !is_measured {
            if let Some(howl) = self.guard.watch(rt, block) {
                // A full ring loses the word, not the cut.
                let _ = self.events.push(RtEvent::OwnHowl(howl));
            }
            // The player hears what the microphone gives even while muted: that is what monitoring is for.
            let _ = self.to_monitor.push_partial_slice(block);
        }
        self.sent.set(if is_measured { Gain::ZERO } else { Gain::UNITY });
        self.sent.apply(rt, block);
        self.cut.set(self.guard.gain());
        self.cut.apply(rt, block);
        self.mic.apply(rt, block);
        self.panic.apply(rt, block);
        for place in 0..self.taps.len() {
            if self.taps[place].as_ref().is_some_and(Tap::is_abandoned) {
                let old = self.taps[place].take();
                self.throw_away(old.map(CaptureGarbage::Tap));
            }
        }
        let block = &mut self.block[..count];
        for tap in self.taps.iter_mut().flatten() {
            tap.write(block, at, self.axis.position());
        }
        self.axis.advance(count, at);
        if self.wake.is_streaming() && self.to_encoder.push_entire_slice(block).is_err() {
            self.lost.fetch_add(count as u64, Ordering::Relaxed);
        }
    }
}

impl CaptureBlock for CaptureSide {
    fn process(&mut self, rt: &mut Rt<'_>, input: &[f32], channels: usize, at: CardTime) {
        Self::process(self, rt, input, channels, at);
    }
}

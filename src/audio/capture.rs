//! The input callback's half of the engine: meter, mic mute, howl guard, monitor, encoder ring.
//!
//! World: real-time. Made and dropped by the worker that opens the card.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtrb::{Consumer, Producer};

use super::codec::Stereo;
use super::device::CaptureBlock;
use super::encoder::EncoderWake;
use super::engine::{RtEvent, Tap};
use super::howl::HowlGuard;
use super::meter::Meter;
use super::mixer::{BLOCK_MAX, Fader};
use super::rt::{CardTime, Rt};
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
}

/// Lives in the input callback, at 48 kHz always.
#[derive(Debug)]
pub struct CaptureSide {
    pub(super) orders: Consumer<CaptureOrder>,
    pub(super) events: Producer<RtEvent>,
    pub(super) garbage: Producer<Tap>,
    pub(super) to_encoder: Producer<Stereo>,
    pub(super) wake: EncoderWake,
    pub(super) to_monitor: Producer<Stereo>,
    pub(super) meter: Meter,
    pub(super) mic: Fader,
    pub(super) panic: Fader,
    pub(super) guard: HowlGuard,
    pub(super) cut: Fader,
    pub(super) tap: Option<Tap>,
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
                if let Some(old) = self.tap.replace(tap) {
                    // Freed by the engine; if its ring were full the tap would have to wait here.
                    if let Err(rtrb::PushError::Full(old)) = self.garbage.push(old) {
                        self.tap = Some(old);
                    }
                }
            }
        }
    }

    fn piece(&mut self, rt: &mut Rt<'_>, count: usize, at: CardTime) {
        let block = &mut self.block[..count];
        self.meter.measure(rt, block);
        if let Some(howl) = self.guard.watch(rt, block) {
            // A full ring loses the word, not the cut.
            let _ = self.events.push(RtEvent::OwnHowl(howl));
        }
        // The player hears what the microphone gives even while muted: that is what monitoring is for.
        let _ = self.to_monitor.push_partial_slice(block);
        self.cut.set(self.guard.gain());
        self.cut.apply(rt, block);
        self.mic.apply(rt, block);
        self.panic.apply(rt, block);
        if let Some(tap) = &mut self.tap {
            tap.write(block, at);
        }
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

//! Everything behind the two callbacks, as the peer holds it: orders in, events and readings out.
//!
//! World: worker and async. [`Engine::new`] also makes the halves that live in the callbacks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

use super::capture::{CaptureGarbage, CaptureOrder, CaptureSide};
use super::codec::CodecError;
use super::encoder::{CAPTURE_RING, EncoderThread, EncoderWake};
use super::howl::{HowlEvent, HowlGuard};
use super::limiter::{Limiter, LimiterReader, Limiting};
use super::meter::{Level, Meter, MeterReader};
use super::mixer::{BLOCK_MAX, Fader, Strip};
use super::playout::Playout;
use super::playout_stats::{PlayoutReading, PlayoutStats};
use super::render::{Garbage, Remote, RenderOrder, RenderSide};
use super::round_trip::{Measure, probes};
use super::tap::{Axis, AxisReader, Tap, TapFor, TapReader};
use crate::domain::level::Gain;
use crate::domain::peer_id::PeerId;
use crate::domain::stream::StreamFormat;
use crate::domain::strip::{DelayMode, StripSettings};
use crate::priority::{Raised, Role};
use crate::protocol::frame::{FrameSink, ReceivedFrame};

/// Remote peers heard at once. More are refused by [`Engine::add_remote`].
pub const REMOTES_MAX: usize = 16;

/// Orders that may wait for a callback. When it is full (the card stands still) the order is refused
/// and the caller told; a panic is never refused, it replaces the wait.
const ORDERS: usize = 128;

/// Events that may wait for the engine's owner; a lost one is a lost word, not a lost cut.
const EVENTS: usize = 32;

/// Own samples that may wait for the monitor.
const MONITOR_RING: usize = 4_096;

/// What the callbacks say.
#[derive(Debug, Clone, Copy)]
pub(super) enum RtEvent {
    OwnHowl(HowlEvent),
    RemoteHowl { slot: usize, howl: HowlEvent },
}

/// What the engine's owner is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EngineEvent {
    /// A sustained howl was cut: of our own microphone (`None`) or of a peer.
    HowlCut {
        /// Whose sound is silent now.
        peer: Option<PeerId>,
        /// What was heard.
        howl: HowlEvent,
    },
}

/// What may be changed while it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EngineCommand {
    /// Nobody hears us.
    SetMicMuted(bool),
    /// How loud we hear ourselves, dry.
    SetMonitorGain(Gain),
    /// Silence both ways at the next block, by a 5 ms ramp; and back as it was.
    SetPanic(bool),
    /// One peer's line in the mixer.
    SetStrip {
        /// Whose.
        peer: PeerId,
        /// The whole line.
        strip: StripSettings,
    },
    /// Everything we hear.
    SetMasterGain(Gain),
    /// How one peer's playout delay is chosen.
    SetDelay {
        /// Whose.
        peer: PeerId,
        /// How.
        delay: DelayMode,
    },
    /// Undoes the cut of a howl: of our own microphone (`None`) or of a peer.
    ReleaseHowl(Option<PeerId>),
    /// 440 Hz at -20 dBFS to our own ears.
    SetTestTone(bool),
}

/// Why an order was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// No such peer is heard.
    #[error("that peer is not heard")]
    UnknownPeer,
    /// [`REMOTES_MAX`] are heard already.
    #[error("{REMOTES_MAX} peers are heard already")]
    Full,
    /// The sound card has not asked for sound for long enough to fill the queue.
    #[error("the sound card stands still")]
    Stalled,
}

/// Own and master level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// What our card captures, before any mute.
    pub capture: Level,
    /// What we hear, after everything.
    pub master: Level,
    /// What the limiter does.
    pub limiting: Limiting,
    /// Captured samples that the encoder did not take in time.
    pub capture_lost: u64,
}

/// One remote peer as the engine's owner knows it.
#[derive(Debug)]
struct RemoteHandle {
    peer: PeerId,
    stats: PlayoutStats,
    meter: MeterReader,
    strip: StripSettings,
}

/// The sound, from the peer's side.
#[derive(Debug)]
pub struct Engine {
    to_capture: Producer<CaptureOrder>,
    to_render: Producer<RenderOrder>,
    capture_events: Consumer<RtEvent>,
    render_events: Consumer<RtEvent>,
    capture_garbage: Consumer<CaptureGarbage>,
    render_garbage: Consumer<Garbage>,
    remotes: [Option<RemoteHandle>; REMOTES_MAX],
    capture_meter: MeterReader,
    master_meter: MeterReader,
    limiter: LimiterReader,
    capture_lost: Arc<AtomicU64>,
    capture_axis: AxisReader,
    render_axis: AxisReader,
    encoder: EncoderThread,
}

impl Engine {
    /// The engine and its two halves, which the card's callbacks own. Starts the encoder thread.
    ///
    /// `raised`: told once, from the encoder thread, whether it got its priority.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub fn new(raised: impl FnOnce(Raised) + Send + 'static) -> io::Result<(Self, CaptureSide, RenderSide)> {
        let (to_capture, capture_orders) = RingBuffer::new(ORDERS);
        let (to_render, render_orders) = RingBuffer::new(ORDERS);
        let (capture_tx, capture_events) = RingBuffer::new(EVENTS);
        let (render_tx, render_events) = RingBuffer::new(EVENTS);
        let (capture_trash, capture_garbage) = RingBuffer::new(ORDERS);
        let (render_trash, render_garbage) = RingBuffer::new(ORDERS * 2);
        let (to_encoder, captured) = RingBuffer::new(CAPTURE_RING);
        let (to_monitor, from_capture) = RingBuffer::new(MONITOR_RING);
        let wake = EncoderWake::default();
        let capture_lost = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&capture_lost);
        let encoder = EncoderThread::start(
            captured,
            move || lost.load(Ordering::Relaxed),
            &wake,
            move || raised(Raised::try_now(Role::Codec)),
        )?;
        let (capture_meter, master_meter, limiter) = (Meter::for_capture(), Meter::new(), Limiter::new());
        let (capture_axis, render_axis) = (Axis::default(), Axis::default());
        let engine = Self {
            to_capture,
            to_render,
            capture_events,
            render_events,
            capture_garbage,
            render_garbage,
            remotes: [const { None }; REMOTES_MAX],
            capture_meter: capture_meter.reader(),
            master_meter: master_meter.reader(),
            limiter: limiter.reader(),
            capture_lost: Arc::clone(&capture_lost),
            capture_axis: capture_axis.reader(),
            render_axis: render_axis.reader(),
            encoder,
        };
        let capture = CaptureSide {
            orders: capture_orders,
            events: capture_tx,
            garbage: capture_trash,
            to_encoder,
            wake,
            to_monitor,
            meter: capture_meter,
            mic: Fader::new(Gain::UNITY),
            panic: Fader::new(Gain::UNITY),
            guard: HowlGuard::staggered(0),
            cut: Fader::new(Gain::UNITY),
            taps: Default::default(),
            axis: capture_axis,
            probe: None,
            sent: Fader::new(Gain::UNITY),
            lost: capture_lost,
            block: Box::new([[0.0; 2]; BLOCK_MAX]),
        };
        let render = RenderSide {
            orders: render_orders,
            events: render_tx,
            garbage: render_trash,
            remotes: [const { None }; REMOTES_MAX],
            from_capture,
            monitor: Fader::new(Gain::ZERO),
            master: Fader::new(Gain::UNITY),
            panic: Fader::new(Gain::UNITY),
            limiter,
            meter: master_meter,
            test_tone: Fader::new(Gain::ZERO),
            test_phase: 0.0,
            probe: None,
            axis: render_axis,
            sum: Box::new([[0.0; 2]; BLOCK_MAX]),
            one: Box::new([[0.0; 2]; BLOCK_MAX]),
        };
        Ok((engine, capture, render))
    }

    /// Where encoded frames go; once.
    pub fn set_sink(&self, sink: Box<dyn FrameSink>) {
        self.encoder.set_sink(sink);
    }

    /// Begins a stream of this form, or another one.
    pub fn set_format(&self, format: StreamFormat) {
        self.encoder.set_format(format);
    }

    /// Ends the stream; the encoder rests until the next form. Links are removed before.
    pub fn stop_stream(&self) {
        self.encoder.rest();
    }

    /// Hears one more peer; one who is heard already begins anew.
    ///
    /// # Errors
    /// [`AddError`] if it cannot be heard.
    pub fn add_remote(
        &mut self,
        peer: PeerId,
        format: StreamFormat,
        frames: Consumer<ReceivedFrame>,
        strip: StripSettings,
        delay: DelayMode,
    ) -> Result<(), AddError> {
        self.take_out_garbage();
        let slot = self
            .slot(peer)
            .or_else(|| self.remotes.iter().position(Option::is_none))
            .ok_or(AddError::Engine(EngineError::Full))?;
        let (playout, stats) = Playout::new(format, frames, delay)?;
        let meter = Meter::new();
        let handle = RemoteHandle { peer, stats, meter: meter.reader(), strip };
        let remote = Box::new(Remote {
            playout,
            meter,
            guard: HowlGuard::staggered(slot + 1),
            cut: Fader::new(Gain::UNITY),
            strip: Strip::new(strip),
            taps: Default::default(),
        });
        self.render(RenderOrder::Add { slot, remote }).map_err(AddError::Engine)?;
        self.remotes[slot] = Some(handle);
        Ok(())
    }

    /// Hears a peer no more; nothing if it was not heard.
    ///
    /// # Errors
    /// [`EngineError::Stalled`]: try again.
    pub fn remove_remote(&mut self, peer: PeerId) -> Result<(), EngineError> {
        self.take_out_garbage();
        let Some(slot) = self.slot(peer) else { return Ok(()) };
        self.render(RenderOrder::Remove { slot })?;
        self.remotes[slot] = None;
        Ok(())
    }

    /// Changes something; heard at the next block.
    ///
    /// # Errors
    /// [`EngineError`]: nothing was changed.
    pub fn command(&mut self, command: EngineCommand) -> Result<(), EngineError> {
        match command {
            EngineCommand::SetMicMuted(muted) => {
                self.capture(CaptureOrder::Mic(if muted { Gain::ZERO } else { Gain::UNITY }))
            }
            EngineCommand::SetMonitorGain(gain) => self.render(RenderOrder::Monitor(gain)),
            EngineCommand::SetPanic(on) => {
                let sent = self.capture(CaptureOrder::Panic(on));
                self.render(RenderOrder::Panic(on)).and(sent)
            }
            EngineCommand::SetStrip { peer, strip } => {
                let slot = self.known(peer)?;
                self.render(RenderOrder::Strip { slot, strip })?;
                if let Some(remote) = &mut self.remotes[slot] {
                    remote.strip = strip;
                }
                Ok(())
            }
            EngineCommand::SetMasterGain(gain) => self.render(RenderOrder::Master(gain)),
            EngineCommand::SetDelay { peer, delay } => {
                let slot = self.known(peer)?;
                self.render(RenderOrder::Delay { slot, delay })
            }
            EngineCommand::ReleaseHowl(None) => self.capture(CaptureOrder::ReleaseHowl),
            EngineCommand::ReleaseHowl(Some(peer)) => {
                let slot = self.known(peer)?;
                self.render(RenderOrder::ReleaseHowl { slot })
            }
            EngineCommand::SetTestTone(on) => self.render(RenderOrder::TestTone(on)),
        }
    }

    /// A copy of what we send, from the next block on, until the reader is dropped.
    ///
    /// # Errors
    /// [`EngineError::Stalled`].
    pub fn tap_capture(&mut self, reader: TapFor) -> Result<TapReader, EngineError> {
        self.take_out_garbage();
        let (tap, reader) = Tap::pair(reader);
        self.capture(CaptureOrder::Tap(tap))?;
        Ok(reader)
    }

    /// Plays a short signal to our own ears and hears where it comes in again; nothing of our input is sent or monitored
    /// meanwhile, and it is over by itself after one second.
    ///
    /// # Errors
    /// [`EngineError::Stalled`].
    pub fn measure(&mut self) -> Result<Measure, EngineError> {
        self.take_out_garbage();
        let (render, capture, measure) = probes();
        // Hearing begins first: what is played before is not heard.
        self.capture(CaptureOrder::Probe(capture))?;
        self.render(RenderOrder::Probe(render))?;
        Ok(measure)
    }

    /// How far both callbacks are: of what we send, and of what we hear.
    #[must_use]
    pub fn axes(&self) -> (AxisReader, AxisReader) {
        (self.capture_axis.clone(), self.render_axis.clone())
    }

    /// A copy of one peer as heard, before their strip, from the next block on, until the reader is dropped; and
    /// their playout's counts.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn tap_remote(
        &mut self,
        peer: PeerId,
        reader: TapFor,
    ) -> Result<(TapReader, PlayoutStats), EngineError> {
        self.take_out_garbage();
        let slot = self.known(peer)?;
        let stats = self.remotes[slot].as_ref().map(|remote| remote.stats.clone());
        let stats = stats.ok_or(EngineError::UnknownPeer)?;
        let (tap, reader) = Tap::pair(reader);
        self.render(RenderOrder::Tap { slot, tap })?;
        Ok((reader, stats))
    }

    /// The next thing that happened, if any; also frees what the callbacks gave back.
    pub fn poll_event(&mut self) -> Option<EngineEvent> {
        self.take_out_garbage();
        let event = self.capture_events.pop().or_else(|_| self.render_events.pop()).ok()?;
        Some(match event {
            RtEvent::OwnHowl(howl) => EngineEvent::HowlCut { peer: None, howl },
            RtEvent::RemoteHowl { slot, howl } => {
                let peer = self.remotes[slot].as_ref().map(|remote| remote.peer);
                EngineEvent::HowlCut { peer, howl }
            }
        })
    }

    /// Own and master level since the last reading.
    #[must_use]
    pub fn levels(&self) -> Levels {
        Levels {
            capture: self.capture_meter.read(),
            master: self.master_meter.read(),
            limiting: self.limiter.read(),
            capture_lost: self.capture_lost.load(Ordering::Relaxed),
        }
    }

    /// How one peer is heard: the playout's counts, the level before the strip, the strip.
    #[must_use]
    pub fn remote(&self, peer: PeerId) -> Option<(PlayoutReading, Level, StripSettings)> {
        let remote = self.remotes[self.slot(peer)?].as_ref()?;
        Some((remote.stats.read(), remote.meter.read(), remote.strip))
    }

    fn slot(&self, peer: PeerId) -> Option<usize> {
        self.remotes.iter().position(|remote| remote.as_ref().is_some_and(|remote| remote.peer == peer))
    }

    fn known(&self, peer: PeerId) -> Result<usize, EngineError> {
        self.slot(peer).ok_or(EngineError::UnknownPeer)
    }

    fn capture(&mut self, order: CaptureOrder) -> Result<(), EngineError> {
        self.to_capture.push(order).map_err(|_| EngineError::Stalled)
    }

    fn render(&mut self, order: RenderOrder) -> Result<(), EngineError> {
        self.to_render.push(order).map_err(|_| EngineError::Stalled)
    }

    fn take_out_garbage(&mut self) {
        while self.capture_garbage.pop().is_ok() {}
        while self.render_garbage.pop().is_ok() {}
    }
}

/// Why a peer cannot be heard.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// There is no place, or the card stands still.
    #[error(transparent)]
    Engine(EngineError),
    /// Its codec could not be made.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

//! The engine: what `update` wants of it, what it tells; and one's own sound looped back.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rtrb::{Consumer, Producer};
use tokio::sync::mpsc;

use super::media::playout_report;
use super::tap::TapPart;
use crate::audio::capture::CaptureSide;
use crate::audio::engine::{Engine, EngineCommand, EngineError, EngineEvent};
use crate::audio::recorder::{Recorder, RecorderEvent};
use crate::audio::render::RenderSide;
use crate::audio::round_trip::NotHeard;
use crate::audio::tap::TapFor;
use crate::domain::level::Gain;
use crate::domain::peer_id::PeerId;
use crate::domain::stream::StreamFormat;
use crate::domain::strip::{DelayMode, StripSettings};
use crate::domain::time::Timestamp;
use crate::peer::api::Levels;
use crate::peer::message::{Ask, LinkReading, Message, SoundEffect, SoundMessage};
use crate::priority::Raised;
use crate::protocol::frame::{EncodedFrame, FrameSink, ReceivedFrame, frame_ring};
use crate::protocol::recording::GRAB_ANSWERS_WITHIN;
use crate::protocol::report::PlayoutReport;

/// The running engine.
#[derive(Debug)]
pub(super) struct SoundPart {
    engine: Engine,
    me: PeerId,
    format: Option<StreamFormat>,
    looped: LoopEnd,
    /// Orders the engine did not take because the card stands still.
    pub(super) refused: u64,
    /// What holds whatever the card does, given again when it did not take it.
    again: Vec<EngineCommand>,
    /// Who left while the card stood still, and is still in the mixer.
    gone: Vec<PeerId>,
    tap: Option<TapPart>,
    recorder: Recorder,
    /// Channels of the own line that the recorder takes; `None` while it takes none.
    recorded: Option<u8>,
    /// Seconds that can be kept afterwards.
    grab_s: u32,
}

/// Where frames also go while the own sound is looped back.
type LoopEnd = Arc<Mutex<Option<Producer<ReceivedFrame>>>>;

impl SoundPart {
    /// `tap`: a folder for what is sent and heard, if it is to be kept.
    ///
    /// `grab_s`: how many seconds can be kept afterwards.
    ///
    /// `raised`: told once, from the encoder thread, whether it got its priority. `tell`: told what becomes of takes.
    pub(super) fn start(
        me: PeerId,
        tap: Option<PathBuf>,
        grab_s: u32,
        raised: impl FnOnce(Raised) + Send + 'static,
        tell: impl Fn(RecorderEvent) + Send + 'static,
    ) -> io::Result<(Self, CaptureSide, RenderSide)> {
        let (mut engine, capture, render) = Engine::new(raised)?;
        let recorder = Recorder::start(engine.axes(), tell)?;
        let tap = tap.map(TapPart::start).transpose()?;
        if let (Some(tap), Ok(reader)) = (&tap, engine.tap_capture(TapFor::Judge)) {
            tap.add("sent".to_owned(), reader);
        }
        let looped = LoopEnd::default();
        let part = Self {
            engine,
            me,
            format: None,
            looped,
            refused: 0,
            again: Vec::new(),
            gone: Vec::new(),
            tap,
            recorder,
            recorded: None,
            grab_s,
        };
        Ok((part, capture, render))
    }

    /// Where encoded frames go; once.
    pub(super) fn set_sink(&self, sink: impl FrameSink + 'static) {
        self.engine.set_sink(Box::new(Tee { sink: Box::new(sink), looped: Arc::clone(&self.looped) }));
    }

    pub(super) fn apply(&mut self, effect: SoundEffect) {
        let command = match effect {
            SoundEffect::Stream(format) => {
                self.format = Some(format);
                self.engine.set_format(format);
                return self.record_own(format.channels() as u8);
            }
            SoundEffect::Rest => {
                self.format = None;
                self.recorded = None;
                self.recorder.forget(self.me);
                self.recorder.memory(0);
                return self.engine.stop_stream();
            }
            SoundEffect::Loopback(on) => return self.loop_back(on),
            SoundEffect::MicMuted(muted) => EngineCommand::SetMicMuted(muted),
            SoundEffect::Monitor(gain) => EngineCommand::SetMonitorGain(gain),
            SoundEffect::Panic(on) => EngineCommand::SetPanic(on),
            SoundEffect::Master(gain) => EngineCommand::SetMasterGain(gain),
            SoundEffect::Strip(peer, strip) => {
                self.recorder.strip(peer, strip);
                EngineCommand::SetStrip { peer, strip }
            }
            SoundEffect::Delay(peer, delay) => EngineCommand::SetDelay { peer, delay },
            SoundEffect::ReleaseHowl(peer) => EngineCommand::ReleaseHowl(peer),
            SoundEffect::TestTone(on) => EngineCommand::SetTestTone(on),
            // Answered, and so not begun here.
            SoundEffect::Measure(_) => return,
        };
        self.command(command);
    }

    /// Measures the round trip of the card; the answer comes as a message, at once if it cannot be begun.
    pub(super) fn measure(&mut self, ask: Ask, answers: mpsc::Sender<Message>) -> Option<Message> {
        match self.engine.measure() {
            Ok(measure) => super::measure::begin(measure, ask, answers),
            Err(_) => Some(super::measure::measured(ask, Err(NotHeard::CardStandsStill))),
        }
    }

    /// Gives an order; one that finds the card standing still is given again at the next poll.
    fn command(&mut self, command: EngineCommand) {
        match self.engine.command(command) {
            // Nothing comes from them yet: their strip is given when the link is made.
            Ok(()) | Err(EngineError::UnknownPeer) => {}
            Err(EngineError::Stalled | EngineError::Full) => {
                self.refused += 1;
                if self.again.len() < AGAIN_MAX {
                    self.again.push(command);
                }
            }
        }
    }

    pub(super) fn add_remote(
        &mut self,
        peer: PeerId,
        format: StreamFormat,
        frames: Consumer<ReceivedFrame>,
        strip: StripSettings,
        delay: DelayMode,
    ) -> Result<(), String> {
        self.engine.add_remote(peer, format, frames, strip, delay).map_err(|error| error.to_string())?;
        self.gone.retain(|gone| *gone != peer);
        if let Ok((reader, stats)) = self.engine.tap_remote(peer, TapFor::Recorder) {
            self.recorder.heard(peer, format.channels() as u8, reader, stats);
            self.recorder.strip(peer, strip);
        }
        if let Some(tap) = &self.tap
            && let Ok((reader, _)) = self.engine.tap_remote(peer, TapFor::Judge)
        {
            tap.add(format!("heard_{peer}"), reader);
        }
        Ok(())
    }

    /// The recorder takes the own line while there is a stream, in as many channels.
    fn record_own(&mut self, channels: u8) {
        if self.recorded == Some(channels) {
            return;
        }
        // Until the last answer may come that it is kept for.
        let answers_s = u32::try_from(GRAB_ANSWERS_WITHIN.as_secs()).unwrap_or(u32::MAX);
        self.recorder.memory(if self.grab_s > 0 { self.grab_s + answers_s } else { 0 });
        if let Ok(reader) = self.engine.tap_capture(TapFor::Recorder) {
            self.recorder.own(self.me, channels, reader);
            self.recorded = Some(channels);
        }
    }

    /// What keeps lines and writes takes.
    pub(super) const fn recorder(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    pub(super) fn remove_remote(&mut self, peer: PeerId) {
        if self.engine.remove_remote(peer).is_err() {
            self.refused += 1;
            // As many as the engine holds.
            self.gone.push(peer);
        }
    }

    fn loop_back(&mut self, on: bool) {
        let end = match (on, self.format) {
            (true, Some(format)) => {
                let (frames, played) = frame_ring();
                let strip = StripSettings { gain: Gain::UNITY, ..StripSettings::default() };
                match self.engine.add_remote(self.me, format, played, strip, DelayMode::default()) {
                    Ok(()) => Some(frames),
                    Err(_) => None,
                }
            }
            _ => {
                self.remove_remote(self.me);
                None
            }
        };
        if let Ok(mut looped) = self.looped.lock() {
            *looped = end;
        }
    }

    /// The next thing that happened.
    pub(super) fn poll(&mut self) -> Option<SoundMessage> {
        for command in std::mem::take(&mut self.again) {
            self.command(command);
        }
        for peer in std::mem::take(&mut self.gone) {
            self.remove_remote(peer);
        }
        let EngineEvent::HowlCut { peer, howl } = self.engine.poll_event()?;
        Some(SoundMessage::HowlCut { peer: peer.filter(|peer| *peer != self.me), hz: howl.frequency_hz })
    }

    pub(super) fn levels(&self) -> (Levels, u64) {
        let levels = self.engine.levels();
        let shown = Levels {
            input_peak_db: levels.capture.peak_db,
            input_rms_db: levels.capture.rms_db,
            input_clips: levels.capture.clips,
            output_peak_db: levels.master.peak_db,
            output_rms_db: levels.master.rms_db,
            output_clips: levels.limiting.activations,
        };
        (shown, levels.capture_lost)
    }

    /// How someone is heard; and that in the form their end is told.
    pub(super) fn read_remote(&self, peer: PeerId, reading: &mut LinkReading) -> Option<PlayoutReport> {
        let (playout, level, _) = self.engine.remote(peer)?;
        reading.figures.late = playout.late;
        reading.figures.concealed = playout.concealed;
        reading.figures.played = playout.played;
        reading.peak_db = Some(level.peak_db);
        reading.rms_db = Some(level.rms_db);
        if playout.played > 0 {
            reading.figures.playout_delay_ms = Some(playout.playout_delay_ms);
            reading.figures.target_delay_ms = Some(playout.target_delay_ms);
            reading.figures.drift_ppm = Some(playout.drift_ppm);
        }
        Some(playout_report(
            playout.playout_delay_ms,
            playout.target_delay_ms,
            playout.late,
            playout.concealed,
            playout.drift_ppm,
        ))
    }
}

/// Orders kept for a card that stands still; more are forgotten, and counted (`sound_orders_refused`).
const AGAIN_MAX: usize = 64;

/// The network's sink, and one's own ears while `audio.loopback` is on.
struct Tee {
    sink: Box<dyn FrameSink>,
    looped: LoopEnd,
}

impl FrameSink for Tee {
    fn start(&mut self, format: StreamFormat) {
        self.sink.start(format);
    }

    fn send(&mut self, now: Timestamp, frame: &EncodedFrame) {
        self.sink.send(now, frame);
        // Held elsewhere only while loopback is switched: a frame less in one's own ears then.
        if let Ok(mut looped) = self.looped.try_lock()
            && let Some(frames) = looped.as_mut()
        {
            let _ = frames.push(ReceivedFrame { frame: *frame, arrived: now });
        }
    }

    fn poll(&mut self, now: Timestamp) -> Timestamp {
        self.sink.poll(now)
    }
}

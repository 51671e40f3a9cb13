//! The engine's two callbacks, driven by hand: no allocation in ten thousand of them, and no other
//! thread can hold them up. In this build an allocation inside `rt::section` aborts the process.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use jamtty::audio::capture::CaptureSide;
use jamtty::audio::engine::{Engine, EngineCommand};
use jamtty::audio::render::RenderSide;
use jamtty::audio::round_trip::Listening;
use jamtty::audio::rt::{CardTime, RtContext, section};
use jamtty::audio::tap::TapFor;
use jamtty::domain::level::{Gain, Pan};
use jamtty::domain::peer_id::PeerId;
use jamtty::domain::stream::{Codec, StreamFormat};
use jamtty::domain::strip::{DelayMode, StripSettings};
use jamtty::domain::time::Timestamp;
use jamtty::protocol::frame::{EncodedFrame, FrameSink, ReceivedFrame, frame_ring};

const BLOCK: usize = 64;

/// A network that brings our own frames back, to as many peers as there are rings.
struct Mirror {
    rings: Vec<rtrb::Producer<ReceivedFrame>>,
    /// Frames sent are told here; the sender then waits for leave to go on, if there is a gate.
    sent: Sender<u64>,
    gate: Option<Receiver<()>>,
    every: u64,
}

impl FrameSink for Mirror {
    fn start(&mut self, _format: StreamFormat) {}

    fn send(&mut self, now: Timestamp, frame: &EncodedFrame) {
        if let Some(gate) = &self.gate {
            let _ = self.sent.send(frame.seq);
            let _ = gate.recv();
        }
        // Some are lost on the way, so that concealment is among what is tested.
        if !frame.seq.is_multiple_of(self.every) {
            for ring in &mut self.rings {
                let _ = ring.push(ReceivedFrame { frame: *frame, arrived: now });
            }
        }
        let _ = self.sent.send(frame.seq);
    }

    fn poll(&mut self, now: Timestamp) -> Timestamp {
        now + Duration::from_millis(20)
    }
}

struct Card {
    capture: CaptureSide,
    render: RenderSide,
    context: RtContext,
    at: Duration,
    phase: f32,
}

impl Card {
    fn block(&mut self) -> f32 {
        let mut input = [0.0; BLOCK];
        for sample in &mut input {
            *sample = 0.25 * (self.phase * std::f32::consts::TAU).sin();
            self.phase = (self.phase + 440.0 / 48_000.0).fract();
        }
        let mut output = [0.0; BLOCK * 2];
        let at = CardTime(self.at);
        section(&mut self.context, |rt| {
            self.capture.process(rt, &input, 1, at);
            self.render.process(rt, &mut output, 2, at);
        });
        self.at += Duration::from_nanos(1_333_333);
        output.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
    }
}

fn peer(number: u8) -> PeerId {
    PeerId::from_bytes([number; 32])
}

fn engine() -> (Engine, Card) {
    let (engine, capture, render) = Engine::new(|_| {}).expect("a thread");
    (engine, Card { capture, render, context: RtContext::new(), at: Duration::ZERO, phase: 0.0 })
}

#[test]
fn ten_thousand_callbacks_with_eight_peers_allocate_nothing() {
    for format in [StreamFormat::opus(2, 120, 128).unwrap(), StreamFormat::pcm(Codec::Pcm16, 1, 64).unwrap()]
    {
        let (mut engine, mut card) = engine();
        let (sent, frames_sent) = channel();
        let mut rings = Vec::new();
        for number in 0..8 {
            let (tx, rx) = frame_ring();
            rings.push(tx);
            engine
                .add_remote(peer(number), format, rx, StripSettings::default(), DelayMode::default())
                .unwrap();
        }
        engine.set_sink(Box::new(Mirror { rings, sent, gate: None, every: 50 }));
        engine.set_format(format);
        let _tap = engine.tap_remote(peer(3), TapFor::Recorder).unwrap();
        let _own = engine.tap_capture(TapFor::Recorder).unwrap();
        let mut loudest = 0.0_f32;
        for block in 0..10_000_u64 {
            loudest = loudest.max(card.block());
            if block % 100 == 0 {
                // Every order there is, while the callbacks run.
                let strip = StripSettings {
                    gain: Gain::from_db(-((block / 100 % 7) as f32)),
                    pan: Pan::new((block % 3) as f32 - 1.0),
                    muted: block % 700 == 0,
                    solo: block % 900 == 0,
                };
                let target = peer((block / 100 % 8) as u8);
                for command in [
                    EngineCommand::SetStrip { peer: target, strip },
                    EngineCommand::SetDelay { peer: target, delay: DelayMode::Fixed { ms: 8.0 } },
                    EngineCommand::SetMicMuted(false),
                    EngineCommand::SetMonitorGain(Gain::from_db(-20.0)),
                    EngineCommand::SetMasterGain(Gain::UNITY),
                    EngineCommand::SetTestTone(block % 1_000 == 0),
                    EngineCommand::SetPanic(false),
                    EngineCommand::ReleaseHowl(None),
                    EngineCommand::ReleaseHowl(Some(target)),
                ] {
                    engine.command(command).unwrap();
                }
                while engine.poll_event().is_some() {}
                // Keeps pace with the encoder, as a card's clock would.
                let _ = frames_sent.recv_timeout(Duration::from_secs(5));
            }
        }
        assert!(loudest > 0.05, "{format}: something was heard: {loudest}");
        for number in 0..8 {
            engine.remove_remote(peer(number)).unwrap();
        }
        card.block();
        assert!(engine.poll_event().is_none());
    }
}

#[test]
fn a_stalled_network_stalls_no_callback() {
    let (engine, mut card) = engine();
    let (sent, frames_sent) = channel();
    let (open, gate) = channel();
    engine.set_sink(Box::new(Mirror { rings: Vec::new(), sent, gate: Some(gate), every: u64::MAX }));
    engine.set_format(StreamFormat::pcm(Codec::Pcm16, 1, 64).unwrap());
    // The encoder may look at its ring a moment before it knows its form: play until it has a frame.
    let mut stuck = false;
    for _ in 0..100_000 {
        card.block();
        if frames_sent.recv_timeout(Duration::from_millis(1)).is_ok() {
            stuck = true;
            break;
        }
    }
    assert!(stuck, "the encoder thread sends and is stuck in it");
    // It holds the encoder thread now; a second of callbacks must all return while it does.
    for _ in 0..750 {
        card.block();
    }
    assert!(frames_sent.try_recv().is_err(), "the encoder is still stuck");
    let lost = engine.levels().capture_lost;
    assert!(lost > 0, "what the encoder could not take is counted");
    drop(open);
}

#[test]
fn panic_silences_both_ways_within_a_block_and_a_ramp() {
    let (mut engine, mut card) = engine();
    engine.command(EngineCommand::SetMonitorGain(Gain::UNITY)).unwrap();
    let mut own = engine.tap_capture(TapFor::Recorder).unwrap();
    for _ in 0..100 {
        card.block();
    }
    assert!(card.block() > 0.2, "the monitor is heard");
    engine.command(EngineCommand::SetPanic(true)).unwrap();
    // 5 ms of ramp are 240 samples: four blocks of 64.
    for _ in 0..4 {
        card.block();
    }
    assert_eq!(card.block(), 0.0);
    let mut sent = vec![[0.0; 2]; own.samples.slots()];
    own.samples.pop_entire_slice(&mut sent).unwrap();
    assert!(sent[sent.len() - BLOCK..].iter().all(|sample| *sample == [0.0; 2]));
    engine.command(EngineCommand::SetPanic(false)).unwrap();
    for _ in 0..5 {
        card.block();
    }
    assert!(card.block() > 0.2, "and back as it was");
}

/// A card whose input hears its output this many samples later; gives the measured round trip. Nothing of it is sent.
fn measured(delay: usize) -> u32 {
    let (mut engine, mut card) = engine();
    engine.command(EngineCommand::SetMonitorGain(Gain::UNITY)).expect("the engine takes it");
    let mut sent = engine.tap_capture(TapFor::Recorder).expect("the engine takes it");
    let mut wire = std::collections::VecDeque::from(vec![0.0; delay]);
    let mut block = |card: &mut Card| {
        let (mut input, mut output) = ([0.0; BLOCK], [0.0; BLOCK * 2]);
        input.iter_mut().for_each(|sample| *sample = wire.pop_front().unwrap_or(0.0));
        let at = CardTime(card.at);
        section(&mut card.context, |rt| {
            card.capture.process(rt, &input, 1, at);
            card.render.process(rt, &mut output, 2, at);
        });
        wire.extend(output.chunks_exact(2).map(|frame| frame[0]));
        card.at += Duration::from_nanos(1_333_333);
    };
    let mut waiting = engine.measure().expect("the engine takes it");
    for _ in 0..1_000 {
        block(&mut card);
    }
    for _ in 0..10 {
        match waiting.look() {
            Listening::Done(found) => {
                // What was measured is not sent, the first 5 ms of a ramp in silence apart.
                let mut heard = vec![[0.0; 2]; sent.samples.slots()];
                sent.samples.pop_entire_slice(&mut heard).expect("the engine takes it");
                assert!(heard.iter().all(|sample| *sample == [0.0; 2]));
                return found.expect("it is heard").samples;
            }
            Listening::Waiting(measure) => waiting = measure,
        }
    }
    panic!("a second of blocks was not enough");
}

#[test]
fn a_round_trip_is_measured_to_the_sample_and_sends_nothing() {
    for delay in [BLOCK, 591, 9_999] {
        assert_eq!(measured(delay) as usize, delay);
    }
}

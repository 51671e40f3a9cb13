//! The whole recorder on a card that is driven by hand, in virtual time: what is on each track, sample by sample.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use super::collect::Collector;
use super::lines::{Line, Lines, PIECE};
use super::writing::Writer;
use super::*;
use crate::audio::capture::CaptureSide;
use crate::audio::engine::Engine;
use crate::audio::render::RenderSide;
use crate::audio::rt::{CardTime, RtContext, section};
use crate::audio::tap::TapFor;
use crate::domain::name::Name;
use crate::domain::stream::{Codec, StreamFormat};
use crate::domain::strip::DelayMode;
use crate::domain::take::{Gap, GapWhy, LogEntry, Mark, TrackKind};
use crate::domain::time::Timestamp;
use crate::protocol::frame::{EncodedFrame, ReceivedFrame, frame_ring};
use crate::protocol::take_sink::TrackPlan;

const BLOCK: usize = 64;
const ME: u8 = 1;
const ANA: u8 = 2;
const BO: u8 = 3;
const TAKE: TakeId = TakeId::from_bytes([7; 16]);

/// What a sink was given.
#[derive(Debug, Default)]
struct Kept {
    tracks: Vec<(TrackPlan, Vec<[f32; 2]>, Vec<Gap>)>,
    marks: Vec<Mark>,
    length: Option<u64>,
    /// From this many samples of any track on the disk is full.
    room: Option<usize>,
}

impl Kept {
    fn of(&self, kind: TrackKind, who: Option<u8>) -> &(TrackPlan, Vec<[f32; 2]>, Vec<Gap>) {
        let key = who.map(key);
        let found = self
            .tracks
            .iter()
            .find(|(plan, ..)| plan.kind == kind && plan.player.as_ref().map(|player| player.key) == key);
        found.expect("the track is there")
    }
}

struct TestSink(Arc<Mutex<Kept>>);

impl TakeSink for TestSink {
    fn add_track(&mut self, plan: TrackPlan) -> Result<u16, SinkTrouble> {
        let mut kept = self.0.lock().unwrap();
        kept.tracks.push((plan, Vec::new(), Vec::new()));
        Ok(kept.tracks.len() as u16 - 1)
    }

    fn write(&mut self, track: u16, samples: &[[f32; 2]]) -> Result<(), SinkTrouble> {
        let mut kept = self.0.lock().unwrap();
        let room = kept.room;
        let track = &mut kept.tracks[usize::from(track)].1;
        if room.is_some_and(|room| track.len() + samples.len() > room) {
            let [what, why, remedy] = ["cannot write", "full", "make room"].map(str::to_owned);
            return Err(SinkTrouble { what, why, remedy });
        }
        track.extend_from_slice(samples);
        Ok(())
    }

    fn silence(&mut self, track: u16, samples: u64) -> Result<(), SinkTrouble> {
        self.write(track, &vec![[0.0; 2]; samples as usize])
    }

    fn gap(&mut self, track: u16, gap: Gap) {
        let gaps = &mut self.0.lock().unwrap().tracks[usize::from(track)].2;
        match gaps.last_mut() {
            Some(last) if last.why == gap.why && last.at + last.samples == gap.at => {
                last.samples += gap.samples
            }
            _ => gaps.push(gap),
        }
    }

    fn consent(&mut self, _consent: Consent) {}

    fn mark(&mut self, mark: Mark) {
        self.0.lock().unwrap().marks.push(mark);
    }

    fn log(&mut self, _entry: LogEntry) {}

    fn keep(&mut self) -> Result<(), SinkTrouble> {
        Ok(())
    }

    fn end(self: Box<Self>, length_samples: u64) -> Result<(), SinkTrouble> {
        let mut kept = self.0.lock().unwrap();
        kept.length = Some(length_samples);
        for (_, samples, _) in &kept.tracks {
            assert_eq!(samples.len() as u64, length_samples, "all tracks have one length");
        }
        Ok(())
    }
}

fn key(n: u8) -> PeerId {
    PeerId::from_bytes([n; 32])
}

fn player(n: u8) -> Player {
    Player { key: key(n), name: Name::new("someone"), instruments: Vec::new() }
}

/// A musician's machine: engine, recorder, and a clock that runs when it is told to.
struct World {
    engine: Engine,
    capture: CaptureSide,
    render: RenderSide,
    context: RtContext,
    collector: Collector,
    writer: Writer,
    events: mpsc::Receiver<RecorderEvent>,
    figures: Arc<Figures>,
    /// Blocks of the card, and µs of the world.
    blocks: u64,
    now_us: u64,
    /// What went in and what came out, in order.
    played: Vec<f32>,
    heard: Vec<[f32; 2]>,
    others: Vec<(u8, rtrb::Producer<ReceivedFrame>, u64)>,
    collects: bool,
    writes: bool,
}

/// A sample that is the same after 24 bits, and differs from its neighbours.
fn sound(n: u64, who: u8) -> f32 {
    let wave = (n as f32 * 0.01 * f32::from(who)).sin() * 0.2;
    (wave * 32_768.0).round() / 32_768.0
}

fn format() -> StreamFormat {
    StreamFormat::pcm(Codec::Pcm16, 1, BLOCK as u16).unwrap()
}

impl World {
    fn new(round_trip: u32) -> Self {
        let (mut engine, capture, render) = Engine::new(|_| {}).unwrap();
        let lines = Arc::new(Mutex::new(Lines::new()));
        let figures = Arc::new(Figures::default());
        let (tell, events) = mpsc::channel();
        let mut collector = Collector::new(engine.axes(), Arc::clone(&lines), Arc::clone(&figures));
        let writer = Writer::new(lines, Box::new(move |event| drop(tell.send(event))));
        collector.obey(CollectOrder::RoundTrip(round_trip));
        let reader = engine.tap_capture(TapFor::Recorder).unwrap();
        collector.obey(CollectOrder::Own { who: key(ME), channels: 1, reader });
        Self {
            engine,
            capture,
            render,
            context: RtContext::new(),
            collector,
            writer,
            events,
            figures,
            blocks: 0,
            now_us: 1_000_000,
            played: Vec::new(),
            heard: Vec::new(),
            others: Vec::new(),
            collects: true,
            writes: true,
        }
    }

    fn joins(&mut self, who: u8) {
        let (frames, ring) = frame_ring();
        let strip = StripSettings::default();
        self.engine.add_remote(key(who), format(), ring, strip, DelayMode::default()).unwrap();
        let (reader, stats) = self.engine.tap_remote(key(who), TapFor::Recorder).unwrap();
        self.collector.obey(CollectOrder::Heard { who: key(who), channels: 1, reader, stats });
        self.others.push((who, frames, 0));
    }

    fn leaves(&mut self, who: u8) {
        self.engine.remove_remote(key(who)).unwrap();
        self.others.retain(|(other, ..)| *other != who);
    }

    fn plays(&mut self, seconds: f64) {
        let until = self.blocks + (seconds * 48_000.0 / BLOCK as f64).round() as u64;
        while self.blocks < until {
            self.block();
            if self.blocks.is_multiple_of(30) {
                self.works();
            }
        }
        self.works();
    }

    fn works(&mut self) {
        let now = Timestamp::from_micros(self.now_us);
        let _ = self.engine.poll_event();
        if self.collects {
            self.collector.step(now);
        }
        if self.writes {
            self.writer.step(now);
        }
    }

    fn block(&mut self) {
        let first = self.blocks * BLOCK as u64;
        let input: Vec<f32> = (first..first + BLOCK as u64).map(|n| sound(n, ME)).collect();
        for (who, frames, seq) in &mut self.others {
            let samples = *seq * BLOCK as u64..(*seq + 1) * BLOCK as u64;
            let bytes: Vec<u8> =
                samples.flat_map(|n| ((sound(n, *who) * 32_768.0) as i16).to_be_bytes()).collect();
            let frame = EncodedFrame::new(*seq, *seq * BLOCK as u64, &bytes).unwrap();
            let _ = frames.push(ReceivedFrame { frame, arrived: Timestamp::from_micros(self.now_us) });
            *seq += 1;
        }
        let mut output = [0.0; BLOCK * 2];
        let at = CardTime(Duration::from_micros(self.now_us));
        section(&mut self.context, |rt| {
            self.capture.process(rt, &input, 1, at);
            self.render.process(rt, &mut output, 2, at);
        });
        self.played.extend(input);
        self.heard.extend(output.chunks_exact(2).map(|both| [both[0], both[1]]));
        self.blocks += 1;
        self.now_us = 1_000_000 + self.blocks * BLOCK as u64 * 1_000_000 / 48_000;
    }

    fn head(&self) -> u64 {
        self.figures.head.load(Ordering::Relaxed)
    }

    /// Begins a take; returns what it keeps, and where on the time line it begins.
    fn begins(&mut self, back_s: u32) -> (Arc<Mutex<Kept>>, u64) {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let sink = Box::new(TestSink(Arc::clone(&kept)));
        let begin = BeginTake { take: TAKE, sink, back_s, ago: Duration::ZERO, mix_without_me: true };
        let head = self.head();
        self.writer.obey(WriteOrder::Begin { begin, me: key(ME), head });
        (kept, head)
    }

    fn allows(&mut self, who: u8, on: bool) {
        let head = self.head();
        self.writer.obey(WriteOrder::Allow { take: TAKE, player: player(who), on, head });
    }

    fn ends(&mut self) -> RecorderEvent {
        let head = self.head();
        self.writer.obey(WriteOrder::End { take: TAKE, head });
        self.plays(1.0);
        self.events.try_recv().expect("it ended")
    }
}

#[test]
fn the_own_line_is_kept_bit_for_bit_and_lies_a_round_trip_earlier() {
    let mut world = World::new(100);
    world.plays(1.0);
    let (kept, from) = world.begins(0);
    world.allows(ME, true);
    world.plays(3.0);
    let ended = world.ends();
    let kept = kept.lock().unwrap();
    let (plan, track, gaps) = kept.of(TrackKind::Own, Some(ME));
    assert_eq!((plan.channels, gaps.len()), (1, 0));
    assert!(track.len() > 2 * 48_000);
    for (n, sample) in track.iter().enumerate() {
        assert_eq!(sample[0], world.played[from as usize + n + 100], "sample {n}");
    }
    assert!(matches!(ended, RecorderEvent::Ended { take: TAKE, trouble: None, length_samples }
        if Some(length_samples) == kept.length));
}

#[test]
fn others_are_kept_as_they_were_heard_and_everyone_begins_at_the_same_sample() {
    let mut world = World::new(0);
    world.joins(ANA);
    world.plays(2.0);
    let (kept, from) = world.begins(0);
    world.allows(ME, true);
    world.allows(ANA, true);
    world.plays(1.0);
    world.joins(BO);
    world.allows(BO, true);
    world.plays(2.0);
    world.ends();
    let kept = kept.lock().unwrap();
    let ana = &kept.of(TrackKind::Heard, Some(ANA)).1;
    let bo = kept.of(TrackKind::Heard, Some(BO));
    for (n, sample) in world.heard[from as usize..][..ana.len()].iter().enumerate() {
        assert!((ana[n][0] + bo.1[n][0] - sample[0]).abs() < 1e-6, "sample {n}");
    }
    assert_eq!((bo.2[0].at, bo.2[0].why), (0, GapWhy::Away), "Bo came later");
    assert!(bo.2[0].samples >= 48_000 && bo.2.len() == 1, "{:?}", bo.2);
    let mix = &kept.of(TrackKind::Mix, None).1;
    let without = &kept.of(TrackKind::MixWithoutMe, None).1;
    for n in 0..mix.len() {
        let own = world.played[from as usize + n];
        assert!((mix[n][0] - without[n][0] - own).abs() < 1e-5, "sample {n}");
        assert!((without[n][0] - ana[n][0] - bo.1[n][0]).abs() < 1e-5, "sample {n}");
    }
}

#[test]
fn who_did_not_agree_is_on_no_track_and_in_no_mix() {
    let mut world = World::new(0);
    world.joins(ANA);
    world.joins(BO);
    world.plays(2.0);
    let (kept, from) = world.begins(0);
    world.allows(ME, true);
    world.allows(ANA, true);
    world.allows(BO, false);
    world.plays(1.0);
    // Ana changes her mind.
    let changed = world.head();
    world.allows(ANA, false);
    world.plays(1.0);
    world.ends();
    let kept = kept.lock().unwrap();
    assert_eq!(kept.tracks.len(), 4, "own, Ana, two mixes");
    let (_, ana, gaps) = kept.of(TrackKind::Heard, Some(ANA));
    let silent_from = (changed - from) as usize;
    assert!(ana[..silent_from].iter().any(|sample| sample[0].abs() > 0.1));
    assert!(ana[silent_from..].iter().all(|sample| *sample == [0.0; 2]));
    assert_eq!(gaps.last().map(|gap| gap.at), Some(changed - from));
    let without = &kept.of(TrackKind::MixWithoutMe, None).1;
    // Strips ramp for 5 ms.
    assert!(without[silent_from + 480..].iter().all(|sample| sample[0].abs() < 1e-6), "nobody else agreed");
}

#[test]
fn who_comes_back_keeps_one_track() {
    let mut world = World::new(0);
    world.joins(ANA);
    world.plays(1.0);
    let (kept, _) = world.begins(0);
    world.allows(ME, true);
    world.allows(ANA, true);
    world.plays(1.0);
    world.leaves(ANA);
    world.plays(1.5);
    world.joins(ANA);
    world.plays(1.0);
    world.ends();
    let kept = kept.lock().unwrap();
    let (_, ana, gaps) = kept.of(TrackKind::Heard, Some(ANA));
    assert_eq!(kept.tracks.iter().filter(|(plan, ..)| plan.kind == TrackKind::Heard).count(), 1);
    let away: Vec<&Gap> = gaps.iter().filter(|gap| gap.why == GapWhy::Away).collect();
    assert_eq!(away.len(), 1, "{gaps:?}");
    assert!((70_000..74_000).contains(&away[0].samples), "{gaps:?}");
    let silent = &ana[away[0].at as usize..][..away[0].samples as usize];
    assert!(silent.iter().all(|sample| *sample == [0.0; 2]));
    assert!(ana[ana.len() - 20_000..].iter().any(|sample| sample[0].abs() > 0.1), "heard again");
}

#[test]
fn the_last_seconds_are_kept_afterwards_of_those_who_agree() {
    let mut world = World::new(0);
    world.collector.obey(CollectOrder::Memory { seconds: 30 });
    world.joins(ANA);
    world.joins(BO);
    world.plays(8.0);
    let (kept, until) = world.begins(5);
    world.allows(ME, true);
    world.plays(3.0);
    assert!(kept.lock().unwrap().tracks.is_empty(), "nothing is written before everyone could answer");
    world.allows(ANA, true);
    world.allows(BO, false);
    world.writer.obey(WriteOrder::Release { take: TAKE });
    world.plays(1.0);
    let kept = kept.lock().unwrap();
    assert_eq!(kept.length, Some(5 * 48_000));
    let own = &kept.of(TrackKind::Own, Some(ME)).1;
    let from = until as usize - 5 * 48_000;
    assert!(own.iter().zip(&world.played[from..]).all(|(kept, played)| kept[0] == *played));
    assert_eq!(kept.tracks.len(), 4, "Bo is on none");
    assert!(kept.of(TrackKind::Heard, Some(ANA)).1.iter().any(|sample| sample[0].abs() > 0.1));
}

#[test]
fn a_card_that_stood_still_leaves_its_time_as_silence_on_every_track() {
    let mut world = World::new(0);
    world.joins(ANA);
    world.plays(1.0);
    let (kept, from) = world.begins(0);
    world.allows(ME, true);
    world.allows(ANA, true);
    world.plays(1.0);
    let stopped = world.head() - from;
    // Two seconds without a callback; the card's clock goes on, too.
    for _ in 0..50 {
        world.now_us += 40_000;
        world.works();
    }
    let shift = world.now_us;
    for _ in 0..750 {
        world.block();
        world.now_us = shift + (world.blocks * 64 * 1_000_000 / 48_000) % 1_000_000;
        if world.blocks.is_multiple_of(30) {
            world.works();
        }
    }
    let head = world.head();
    world.writer.obey(WriteOrder::End { take: TAKE, head });
    world.plays(1.0);
    let kept = kept.lock().unwrap();
    for kind in [(TrackKind::Own, Some(ME)), (TrackKind::Heard, Some(ANA))] {
        let gaps = &kept.of(kind.0, kind.1).2;
        let still: Vec<&Gap> = gaps.iter().filter(|gap| gap.why == GapWhy::Card).collect();
        assert_eq!(still.len(), 1, "{gaps:?}");
        assert!(still[0].at.abs_diff(stopped) < 2_000, "{still:?} at {stopped}");
        assert!((94_000..100_000).contains(&still[0].samples), "{still:?}");
    }
}

#[test]
fn a_disk_that_is_slow_for_longer_than_memory_leaves_a_marked_gap_and_nothing_slips() {
    let mut world = World::new(0);
    world.plays(1.0);
    let (kept, from) = world.begins(0);
    world.allows(ME, true);
    world.plays(1.0);
    world.writes = false;
    world.plays(40.0);
    world.writes = true;
    world.plays(1.0);
    assert!(
        matches!(world.events.try_recv(), Ok(RecorderEvent::Behind { take: TAKE, samples }) if samples > 12_000)
    );
    world.ends();
    let kept = kept.lock().unwrap();
    let (_, own, gaps) = kept.of(TrackKind::Own, Some(ME));
    assert!(gaps.len() == 1 && gaps[0].why == GapWhy::Disk, "{gaps:?}");
    let missing = gaps[0].at as usize..(gaps[0].at + gaps[0].samples) as usize;
    for (n, sample) in own.iter().enumerate() {
        let expected = if missing.contains(&n) { 0.0 } else { world.played[from as usize + n] };
        assert_eq!(sample[0], expected, "sample {n}");
    }
}

#[test]
fn a_collector_that_was_held_up_leaves_silence_where_samples_are_missing() {
    let mut world = World::new(0);
    world.plays(1.0);
    let (kept, from) = world.begins(0);
    world.allows(ME, true);
    world.plays(1.0);
    world.collects = false;
    world.plays(3.0);
    world.collects = true;
    world.plays(1.0);
    world.ends();
    let kept = kept.lock().unwrap();
    let own = &kept.of(TrackKind::Own, Some(ME)).1;
    let wrong = own.iter().enumerate().filter(|(n, sample)| sample[0] != world.played[from as usize + n]);
    let wrong: Vec<usize> = wrong.map(|(n, _)| n).collect();
    assert!(!wrong.is_empty() && wrong.len() < 60_000, "about a second found no room: {}", wrong.len());
    assert!(wrong.iter().all(|n| own[*n] == [0.0; 2]), "what is missing is silent, and nothing slips");
}

#[test]
fn a_full_disk_ends_the_take_with_what_fitted() {
    let mut world = World::new(0);
    world.plays(1.0);
    let (kept, _) = world.begins(0);
    kept.lock().unwrap().room = Some(100_000);
    world.allows(ME, true);
    world.plays(4.0);
    let ended = world.events.try_recv().expect("it ended by itself");
    let RecorderEvent::Ended { trouble: Some(trouble), length_samples, .. } = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(trouble.why, "full");
    assert!(length_samples > 48_000 && length_samples <= 100_000);
}

#[test]
fn a_copy_that_is_agreed_to_late_begins_when_the_recording_did() {
    let mut world = World::new(0);
    world.joins(ANA);
    world.plays(5.0);
    let kept = Arc::new(Mutex::new(Kept::default()));
    let sink = Box::new(TestSink(Arc::clone(&kept)));
    let begin = BeginTake { take: TAKE, sink, back_s: 0, ago: Duration::from_secs(2), mix_without_me: false };
    let head = world.head();
    world.writer.obey(WriteOrder::Begin { begin, me: key(ME), head });
    world.allows(ME, true);
    world.plays(1.0);
    world.ends();
    let kept = kept.lock().unwrap();
    let (_, own, gaps) = kept.of(TrackKind::Own, Some(ME));
    assert_eq!(gaps[0], Gap { at: 0, samples: 96_000, why: GapWhy::Away });
    assert_eq!(own[96_000][0], world.played[head as usize]);
}

#[test]
fn marks_lie_where_they_were_made() {
    let mut world = World::new(0);
    world.plays(1.0);
    let (kept, from) = world.begins(0);
    world.allows(ME, true);
    world.plays(2.0);
    let head = world.head();
    world.writer.obey(WriteOrder::Mark { take: TAKE, head, text: "bridge".to_owned() });
    world.ends();
    assert_eq!(kept.lock().unwrap().marks, [Mark { at: head - from, text: "bridge".to_owned() }]);
}

#[test]
fn a_line_is_the_same_after_memory_and_late_samples_have_no_place() {
    let mut lines = Lines::new();
    let who = key(ME);
    lines.lines.insert(who, Line::new(2, StripSettings::default()));
    let block: Vec<[f32; 2]> = (0..30_000).map(|n| [sound(n, 2), -sound(n, 3)]).collect();
    lines.lines.get_mut(&who).unwrap().write(5_000, &block);
    lines.complete(36_000);
    lines.lines.get_mut(&who).unwrap().write(10_000, &[[1.0; 2]; 100]);
    let mut out = vec![[0.0; 2]; PIECE as usize];
    for number in 0..2 {
        let piece = Arc::clone(&lines.lines[&who].pieces[&number]);
        piece.read(0..PIECE as usize, &mut out);
        for range in &piece.present {
            for n in range.clone() {
                let at = number * PIECE + u64::from(n) - 5_000;
                assert_eq!(out[n as usize], block[at as usize]);
            }
        }
    }
    let loud = [[2.0, -2.0]];
    let mut line = Line::new(2, StripSettings::default());
    line.write(0, &loud);
    line.write(PIECE, &loud);
    line.pieces[&0].read(0..1, &mut out[..1]);
    assert!(out[0][0] > 0.999 && out[0][1] == -1.0, "beyond full scale is full scale");
}

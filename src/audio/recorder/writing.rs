//! The writer: takes whole pieces of the lines and gives them to the sinks of the takes, track by track.
//!
//! World: worker. A sink may wait for the disk; the lines are locked only to pick up what is shared anyway.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::collect::lock;
use super::lines::{Lines, PIECE, Piece};
use super::{BeginTake, RecorderEvent, WriteOrder, samples};
use crate::audio::codec::Stereo;
use crate::audio::limiter::Limiter;
use crate::audio::mixer::Strip;
use crate::audio::rt::{self, RtContext};
use crate::domain::peer_id::PeerId;
use crate::domain::strip::StripSettings;
use crate::domain::take::{Gap, GapWhy, LogEntry, LogWhat, Mark, Player, TakeId, TrackKind};
use crate::domain::time::{RATE_HZ, Timestamp};
use crate::protocol::take_sink::{SinkTrouble, TakeSink, TrackPlan};

/// How often a sink makes whole what it has: with a piece and both threads' naps this stays within a second.
const KEEP_EVERY: Duration = Duration::from_millis(400);

/// Pieces of one take that are written before the other takes get their turn: ten seconds.
const PIECES_AT_ONCE: usize = 40;

pub(super) struct Writer {
    lines: Arc<Mutex<Lines>>,
    tell: Box<dyn Fn(RecorderEvent) + Send>,
    takes: Vec<Writing>,
    context: RtContext,
}

/// One take that is being written.
struct Writing {
    take: TakeId,
    me: PeerId,
    sink: Box<dyn TakeSink>,
    /// Where on the time line it begins, how far it is written, and where it ends.
    from: u64,
    next: u64,
    until: Option<u64>,
    /// Of a take that reaches back: everyone is still being asked, and this is kept for them meanwhile.
    waits: bool,
    frozen: Option<Box<Lines>>,
    people: BTreeMap<PeerId, OnTake>,
    mixes: Vec<Mix>,
    mix_without_me: bool,
    kept_at: Timestamp,
    behind: u64,
    trouble: Option<SinkTrouble>,
}

/// Someone who was asked.
struct OnTake {
    player: Player,
    /// From each moment on: are they on it? In order.
    on: Vec<(u64, bool)>,
    track: Option<(u16, u8)>,
    strip: Strip,
}

struct Mix {
    track: u16,
    with_me: bool,
    limiter: Limiter,
}

/// What is known of one piece of the time line.
struct Picked {
    heard: BTreeMap<PeerId, Heard>,
    /// Where the card stood still.
    standstills: Vec<Range<u64>>,
    /// Memory has forgotten it: the disk was too slow.
    is_forgotten: bool,
}

/// What is known of one person's line in one piece.
struct Heard {
    piece: Option<Arc<Piece>>,
    channels: u8,
    strip: StripSettings,
}

impl Writer {
    pub(super) fn new(lines: Arc<Mutex<Lines>>, tell: Box<dyn Fn(RecorderEvent) + Send>) -> Self {
        Self { lines, tell, takes: Vec::new(), context: RtContext::new() }
    }

    pub(super) fn obey(&mut self, order: WriteOrder) {
        if let WriteOrder::Begin { begin, me, head } = order {
            let mut writing = Writing::begin(begin, me, head);
            // Memory may not reach back as far as the take began.
            writing.from = writing.from.max(lock(&self.lines).oldest * PIECE).min(head);
            writing.next = writing.from;
            self.takes.push(writing);
            lock(&self.lines).is_written = true;
            return;
        }
        let take = match &order {
            WriteOrder::Begin { .. } => return,
            WriteOrder::Allow { take, .. }
            | WriteOrder::Consent { take, .. }
            | WriteOrder::Mark { take, .. }
            | WriteOrder::Log { take, .. }
            | WriteOrder::Release { take }
            | WriteOrder::End { take, .. } => *take,
        };
        if let Some(writing) = self.takes.iter_mut().find(|writing| writing.take == take) {
            writing.obey(order);
        }
    }

    /// Whether there is nothing to write.
    pub(super) fn is_idle(&self) -> bool {
        self.takes.is_empty()
    }

    /// Writes what is whole by now.
    pub(super) fn step(&mut self, now: Timestamp) {
        for index in (0..self.takes.len()).rev() {
            let writing = &mut self.takes[index];
            writing.advance(&self.lines, &mut self.context);
            writing.keep(now);
            if writing.behind > 0 {
                let samples = std::mem::take(&mut writing.behind);
                (self.tell)(RecorderEvent::Behind { take: writing.take, samples });
            }
            if writing.is_over() {
                let ended = self.takes.swap_remove(index).end();
                lock(&self.lines).is_written = !self.takes.is_empty();
                (self.tell)(ended);
            }
        }
    }

    /// The program ends: every take ends with what is whole.
    pub(super) fn finish(&mut self) {
        for mut writing in std::mem::take(&mut self.takes) {
            writing.waits = false;
            let sealed = lock(&self.lines).sealed * PIECE;
            writing.until = Some(writing.until.map_or(sealed, |until| until.min(sealed)).max(writing.from));
            while writing.advance(&self.lines, &mut self.context) {}
            let ended = writing.end();
            (self.tell)(ended);
        }
    }
}

impl Writing {
    fn begin(begin: BeginTake, me: PeerId, head: u64) -> Self {
        let is_back = begin.back_s > 0;
        let ago = begin.ago.as_micros() as u64 * u64::from(RATE_HZ) / 1_000_000;
        let until = head.saturating_sub(ago);
        let from = until.saturating_sub(samples(begin.back_s));
        Self {
            take: begin.take,
            me,
            sink: begin.sink,
            from,
            next: from,
            until: is_back.then_some(until),
            waits: is_back,
            frozen: None,
            people: BTreeMap::new(),
            mixes: Vec::new(),
            mix_without_me: begin.mix_without_me,
            kept_at: Timestamp::default(),
            behind: 0,
            trouble: None,
        }
    }

    fn obey(&mut self, order: WriteOrder) {
        match order {
            WriteOrder::Begin { .. } => {}
            WriteOrder::Allow { player, on, head, .. } => self.allow(player, on, head),
            WriteOrder::Consent { consent, .. } => self.sink.consent(consent),
            WriteOrder::Mark { head, text, .. } => {
                let at = self.place(head);
                self.sink.mark(Mark { at, text });
            }
            WriteOrder::Log { head, what, who, words, .. } => {
                let at = self.place(head);
                self.sink.log(LogEntry { at, what, who, words });
            }
            WriteOrder::Release { .. } => self.waits = false,
            WriteOrder::End { head, .. } => {
                // A take that reaches back has its end already.
                self.until = Some(self.until.unwrap_or(head).max(self.from));
                self.waits = false;
            }
        }
    }

    /// A moment of the time line as a place in the take.
    fn place(&self, head: u64) -> u64 {
        head.min(self.until.unwrap_or(u64::MAX)).saturating_sub(self.from)
    }

    fn allow(&mut self, player: Player, on: bool, head: u64) {
        let since = if self.waits { self.from } else { head.max(self.from) };
        let person = self.people.entry(player.key).or_insert_with(|| OnTake {
            player: player.clone(),
            on: Vec::new(),
            track: None,
            strip: Strip::new(StripSettings::default()),
        });
        person.player = player;
        if self.waits {
            person.on.clear();
        }
        person.on.push((since, on));
    }

    /// Writes one turn's worth of pieces; whether there was any.
    fn advance(&mut self, lines: &Mutex<Lines>, context: &mut RtContext) -> bool {
        self.freeze(lines);
        if self.waits || self.trouble.is_some() {
            return false;
        }
        for turn in 0..PIECES_AT_ONCE {
            if self.until.is_some_and(|until| self.next >= until) {
                return turn > 0;
            }
            let number = self.next / PIECE;
            let Some(picked) = self.pick_up(lines, number) else { return turn > 0 };
            let end = ((number + 1) * PIECE).min(self.until.unwrap_or(u64::MAX));
            if picked.is_forgotten {
                self.behind += end - self.next;
            }
            if let Err(trouble) = self.write(self.next..end, &picked, context) {
                self.trouble = Some(trouble);
                self.until = Some(self.next);
                return true;
            }
            self.next = end;
        }
        true
    }

    /// Takes hold of all that a take reaches back to, as soon as its end is whole: answers take their time, and memory
    /// goes on forgetting.
    fn freeze(&mut self, lines: &Mutex<Lines>) {
        let (true, None, Some(until)) = (self.waits, &self.frozen, self.until) else { return };
        let lines = lock(lines);
        if lines.sealed * PIECE >= until {
            // Memory may not reach back as far as was asked for.
            self.from = self.from.max(lines.oldest * PIECE).min(until);
            self.next = self.from;
            self.frozen = Some(Box::new(lines.clone()));
        }
    }

    /// What is known of everyone in this piece; `None`: it is not whole yet.
    fn pick_up(&self, lines: &Mutex<Lines>, number: u64) -> Option<Picked> {
        let locked;
        let lines = match &self.frozen {
            Some(frozen) => frozen,
            None => {
                locked = lock(lines);
                &*locked
            }
        };
        if number >= lines.sealed {
            return None;
        }
        let at = number * PIECE;
        let heard = lines.lines.iter().map(|(who, line)| {
            let piece = line.pieces.get(&number).cloned();
            (*who, Heard { piece, channels: line.channels, strip: line.strip_at(at) })
        });
        let touching = |range: &&Range<u64>| range.start < at + PIECE && range.end > at;
        Some(Picked {
            heard: heard.collect(),
            standstills: lines.standstills.iter().filter(touching).cloned().collect(),
            is_forgotten: number < lines.oldest,
        })
    }

    fn write(
        &mut self,
        range: Range<u64>,
        picked: &Picked,
        context: &mut RtContext,
    ) -> Result<(), SinkTrouble> {
        let length = (range.end - range.start) as usize;
        let mut sum = vec![[0.0; 2]; length];
        let mut own = vec![[0.0; 2]; length];
        let mut one = vec![[0.0; 2]; length];
        let keys: Vec<PeerId> = self.people.keys().copied().collect();
        for key in keys {
            let Some(person) = self.people.get_mut(&key) else { continue };
            let heard = picked.heard.get(&key);
            let gaps = person.read(&range, heard, &mut one);
            let is_here = gaps.iter().map(|gap| gap.end - gap.start).sum::<u64>() < length as u64;
            if person.track.is_none() && !is_here {
                continue;
            }
            self.write_track(key, &range, heard, &one)?;
            self.note_gaps(key, &range, picked, &gaps);
            let Some(person) = self.people.get_mut(&key) else { continue };
            let into = if key == self.me { &mut own } else { &mut sum };
            person.strip.set(heard.map_or_else(StripSettings::default, |heard| heard.strip));
            rt::section(context, |rt| person.strip.mix_into(rt, &one, into, false));
        }
        self.write_mixes(&range, &own, &sum, context)
    }

    /// Appends to someone's track; the first time, begins it and brings it up to here.
    fn write_track(
        &mut self,
        key: PeerId,
        range: &Range<u64>,
        heard: Option<&Heard>,
        one: &[Stereo],
    ) -> Result<(), SinkTrouble> {
        let before = range.start - self.from;
        let Some(person) = self.people.get_mut(&key) else { return Ok(()) };
        let (track, channels) = match person.track {
            Some(track) => track,
            None => {
                let kind = if key == self.me { TrackKind::Own } else { TrackKind::Heard };
                let channels = heard.map_or(1, |heard| heard.channels);
                let plan = TrackPlan { kind, player: Some(person.player.clone()), channels };
                let track = self.sink.add_track(plan)?;
                self.sink.silence(track, before)?;
                if before > 0 {
                    self.sink.gap(track, Gap { at: 0, samples: before, why: GapWhy::Away });
                }
                person.track = Some((track, channels));
                (track, channels)
            }
        };
        if channels == 1 && heard.is_some_and(|heard| heard.channels == 2) {
            let both: Vec<Stereo> = one.iter().map(|[left, right]| [(left + right) / 2.0; 2]).collect();
            self.sink.write(track, &both)?;
        } else {
            self.sink.write(track, one)?;
        }
        Ok(())
    }

    /// Says what in a track is not what was played.
    fn note_gaps(&mut self, key: PeerId, range: &Range<u64>, picked: &Picked, gaps: &[Range<u64>]) {
        let Some((track, _)) = self.people.get(&key).and_then(|person| person.track) else { return };
        for gap in gaps {
            let stood = |still: &Range<u64>| still.start < gap.end && still.end > gap.start;
            let why = match () {
                () if picked.is_forgotten => GapWhy::Disk,
                () if picked.standstills.iter().any(stood) => GapWhy::Card,
                () => GapWhy::Away,
            };
            self.sink.gap(track, Gap { at: gap.start - self.from, samples: gap.end - gap.start, why });
        }
        let piece = picked.heard.get(&key).and_then(|heard| heard.piece.as_ref());
        let invented = piece.map_or(0, |piece| piece.concealed).min(range.end - range.start);
        if invented > 0 {
            let at = range.start - self.from;
            self.sink.gap(track, Gap { at, samples: invented, why: GapWhy::Concealed });
        }
    }

    fn write_mixes(
        &mut self,
        range: &Range<u64>,
        own: &[Stereo],
        sum: &[Stereo],
        context: &mut RtContext,
    ) -> Result<(), SinkTrouble> {
        if self.mixes.is_empty() {
            if self.people.values().all(|person| person.track.is_none()) {
                return Ok(());
            }
            for with_me in [true, false].into_iter().filter(|with_me| *with_me || self.mix_without_me) {
                let kind = if with_me { TrackKind::Mix } else { TrackKind::MixWithoutMe };
                let track = self.sink.add_track(TrackPlan { kind, player: None, channels: 2 })?;
                self.sink.silence(track, range.start - self.from)?;
                self.mixes.push(Mix { track, with_me, limiter: Limiter::new() });
            }
        }
        for mix in &mut self.mixes {
            let mut both = sum.to_vec();
            if mix.with_me {
                for (sample, [left, right]) in both.iter_mut().zip(own) {
                    *sample = [sample[0] + left, sample[1] + right];
                }
            }
            rt::section(context, |rt| mix.limiter.apply(rt, &mut both));
            self.sink.write(mix.track, &both)?;
        }
        Ok(())
    }

    fn keep(&mut self, now: Timestamp) {
        if self.trouble.is_some() || now.since(self.kept_at) < KEEP_EVERY {
            return;
        }
        self.kept_at = now;
        if let Err(trouble) = self.sink.keep() {
            self.trouble = Some(trouble);
            self.until = Some(self.next);
        }
    }

    fn is_over(&self) -> bool {
        !self.waits && self.until.is_some_and(|until| self.next >= until)
    }

    fn end(mut self) -> RecorderEvent {
        let length_samples = self.until.unwrap_or(self.next).min(self.next) - self.from;
        if let Some(trouble) = &self.trouble {
            let words = format!("{}: {}", trouble.what, trouble.why);
            self.sink.log(LogEntry { at: length_samples, what: LogWhat::DiskFull, who: None, words });
        }
        let ended = self.sink.end(length_samples);
        RecorderEvent::Ended { take: self.take, length_samples, trouble: self.trouble.or(ended.err()) }
    }
}

impl OnTake {
    /// Their line in `range`, as it is on the take; returns where nothing of it is.
    fn read(&self, range: &Range<u64>, heard: Option<&Heard>, out: &mut [Stereo]) -> Vec<Range<u64>> {
        out.fill([0.0; 2]);
        let base = range.start / PIECE * PIECE;
        let mut gaps = Vec::new();
        let mut done = range.start;
        let piece = heard.and_then(|heard| heard.piece.as_ref());
        for present in piece.map_or(&[][..], |piece| &piece.present) {
            let present = base + u64::from(present.start)..base + u64::from(present.end);
            for on in self.allowed(range) {
                let both = present.start.max(on.start)..present.end.min(on.end);
                if both.start >= both.end {
                    continue;
                }
                let place = (both.start - range.start) as usize..(both.end - range.start) as usize;
                let in_piece = (both.start - base) as usize..(both.end - base) as usize;
                if let Some(piece) = piece {
                    piece.read(in_piece, &mut out[place]);
                }
                if both.start > done {
                    gaps.push(done..both.start);
                }
                done = both.end;
            }
        }
        if done < range.end {
            gaps.push(done..range.end);
        }
        gaps
    }

    /// The parts of `range` in which they are on the take.
    fn allowed(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let ends = self.on.iter().skip(1).map(|(at, _)| *at).chain([u64::MAX]);
        let spans = self.on.iter().zip(ends).filter(|((_, on), _)| *on);
        let spans = spans.map(|((at, _), end)| range.start.max(*at)..range.end.min(end));
        spans.filter(|span| span.start < span.end).collect()
    }
}

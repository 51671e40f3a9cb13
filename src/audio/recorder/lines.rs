//! The last minutes of every line, in pieces of a quarter of a second.
//!
//! A piece is made by the collector, sealed when nothing more can come into it, and shared from then on: whoever
//! writes it holds no lock. Samples are 24-bit integers, as they will be on the disk.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::{MEMORY_BYTES_MAX, MEMORY_MIN_S, samples};
use crate::audio::codec::Stereo;
use crate::domain::peer_id::PeerId;
use crate::domain::strip::StripSettings;

/// Samples per channel of a piece: 0.25 s. What a crash costs; shorter costs more bookkeeping.
pub(super) const PIECE: u64 = 12_000;

/// Bytes of a sample in memory.
const SAMPLE_BYTES: usize = 3;

/// Full scale of 24 bits.
const FULL_SCALE: f32 = 8_388_608.0;

/// A quarter of a second of one line.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    channels: usize,
    bytes: Box<[u8]>,
    /// Where something was played, as places in the piece; silent elsewhere.
    pub(super) present: Vec<Range<u32>>,
    /// Samples that were invented in it.
    pub(super) concealed: u64,
}

/// One line: its pieces by number, and how loud it was in the mix.
#[derive(Debug, Default, Clone)]
pub(super) struct Line {
    pub(super) channels: u8,
    pub(super) pieces: BTreeMap<u64, Arc<Piece>>,
    open: Option<(u64, Piece)>,
    /// Up to here everything was written.
    end: u64,
    /// From each moment on, this; at least one, in order.
    strips: VecDeque<(u64, StripSettings)>,
    /// A tap gives more.
    pub(super) is_fed: bool,
}

/// Changes of a strip that are remembered; a fader moved more often keeps its newest places.
const STRIPS_MAX: usize = 4_096;

impl Piece {
    fn silent(channels: usize) -> Self {
        let bytes = vec![0; PIECE as usize * channels * SAMPLE_BYTES].into();
        Self { channels, bytes, present: Vec::new(), concealed: 0 }
    }

    fn write(&mut self, at: usize, samples: &[Stereo]) {
        for (n, sample) in samples.iter().enumerate() {
            for (channel, value) in sample.iter().take(self.channels).enumerate() {
                let value = (value * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1.0) as i32;
                let place = ((at + n) * self.channels + channel) * SAMPLE_BYTES;
                self.bytes[place..place + SAMPLE_BYTES].copy_from_slice(&value.to_le_bytes()[..SAMPLE_BYTES]);
            }
        }
        let (from, to) = (at as u32, (at + samples.len()) as u32);
        match self.present.last_mut() {
            Some(last) if last.end == from => last.end = to,
            _ => self.present.push(from..to),
        }
    }

    /// The samples of `range`, two ears each.
    pub(super) fn read(&self, range: Range<usize>, out: &mut [Stereo]) {
        for (n, sample) in range.zip(out) {
            let value = |channel: usize| {
                let place = (n * self.channels + channel) * SAMPLE_BYTES;
                let [low, middle, high] = [0, 1, 2].map(|byte| self.bytes[place + byte]);
                (i32::from_le_bytes([0, low, middle, high]) >> 8) as f32 / FULL_SCALE
            };
            *sample = [value(0), value(self.channels - 1)];
        }
    }

    fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl Line {
    pub(super) fn new(channels: u8, strip: StripSettings) -> Self {
        Self { channels: channels.clamp(1, 2), strips: VecDeque::from([(0, strip)]), ..Self::default() }
    }

    /// Its player begins anew, perhaps in stereo: a piece has one number of channels.
    pub(super) fn change_channels(&mut self, channels: u8) {
        if self.channels != channels.clamp(1, 2) {
            self.seal_at_border();
            self.channels = channels.clamp(1, 2);
        }
    }

    /// Writes samples that begin at `at`. What lies before the end is there already, and is left out.
    pub(super) fn write(&mut self, at: u64, samples: &[Stereo]) {
        let known = self.end.saturating_sub(at).min(samples.len() as u64) as usize;
        let (mut at, mut rest) = (at + known as u64, &samples[known..]);
        while !rest.is_empty() {
            let (number, place) = (at / PIECE, (at % PIECE) as usize);
            let count = rest.len().min(PIECE as usize - place);
            self.open_piece(number).write(place, &rest[..count]);
            rest = &rest[count..];
            at += count as u64;
            self.end = at;
        }
    }

    /// Says that `count` samples were invented just before the end.
    pub(super) fn concealed(&mut self, count: u64) {
        if let Some((_, piece)) = &mut self.open {
            piece.concealed += count;
        }
    }

    fn open_piece(&mut self, number: u64) -> &mut Piece {
        let is_open = self.open.as_ref().is_some_and(|(open, _)| *open == number);
        if !is_open {
            self.seal();
        }
        let channels = usize::from(self.channels);
        &mut self.open.get_or_insert_with(|| (number, Piece::silent(channels))).1
    }

    /// The rest of the open piece stays silent: what comes in other channels belongs to the next.
    fn seal_at_border(&mut self) {
        if let Some((number, _)) = &self.open {
            self.end = self.end.max((number + 1) * PIECE);
        }
        self.seal();
    }

    fn seal(&mut self) {
        if let Some((number, piece)) = self.open.take() {
            self.pieces.insert(number, Arc::new(piece));
        }
    }

    pub(super) fn set_strip(&mut self, at: u64, strip: StripSettings) {
        if self.strips.back().is_none_or(|(_, last)| *last != strip) {
            self.strips.push_back((at, strip));
        }
        if self.strips.len() > STRIPS_MAX {
            self.strips.pop_front();
        }
    }

    /// How loud it is in the mix at `at`.
    pub(super) fn strip_at(&self, at: u64) -> StripSettings {
        let known = self.strips.iter().rev().find(|(from, _)| *from <= at).or_else(|| self.strips.front());
        known.map_or_else(StripSettings::default, |(_, strip)| *strip)
    }

    fn forget_before(&mut self, piece: u64) {
        self.pieces = self.pieces.split_off(&piece);
        while self.strips.len() > 1 && self.strips[1].0 <= piece * PIECE {
            self.strips.pop_front();
        }
    }

    fn bytes(&self) -> u64 {
        let open = self.open.as_ref().map_or(0, |(_, piece)| piece.bytes());
        self.pieces.values().map(|piece| piece.bytes()).sum::<u64>() + open
    }
}

/// All lines, and how far they are whole.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    pub(super) lines: BTreeMap<PeerId, Line>,
    /// Pieces before this one are sealed.
    pub(super) sealed: u64,
    /// The oldest piece that is kept.
    pub(super) oldest: u64,
    /// Where the card stood still, and for how long, as it is on the time line.
    pub(super) standstills: VecDeque<Range<u64>>,
    memory_s: u32,
    /// A take is being written: the disk may stand still.
    pub(super) is_written: bool,
}

/// Standstills of the card that are remembered.
const STANDSTILLS_MAX: usize = 256;

impl Lines {
    pub(super) fn new() -> Self {
        let (lines, standstills) = (BTreeMap::new(), VecDeque::new());
        Self { lines, sealed: 0, oldest: 0, standstills, memory_s: 0, is_written: false }
    }

    pub(super) fn remember(&mut self, seconds: u32) {
        self.memory_s = seconds;
    }

    pub(super) fn stood_still(&mut self, range: Range<u64>) {
        self.standstills.push_back(range);
        if self.standstills.len() > STANDSTILLS_MAX {
            self.standstills.pop_front();
        }
    }

    /// Nothing before `position` comes any more: seals what is whole, forgets what is old.
    pub(super) fn complete(&mut self, position: u64) {
        self.sealed = self.sealed.max(position / PIECE);
        let sealed = self.sealed;
        for line in self.lines.values_mut() {
            // What comes later than this has no place any more.
            line.end = line.end.max(sealed * PIECE);
            if line.open.as_ref().is_some_and(|(number, _)| *number < sealed) {
                line.seal();
            }
        }
        // Four seconds more than asked for: whoever wants the last minutes needs a moment to take them.
        let least = if self.is_written { MEMORY_MIN_S } else { 0 };
        let kept = samples(self.memory_s.max(least) + 4) / PIECE;
        self.oldest = self.oldest.max(sealed.saturating_sub(kept));
        while self.bytes() > MEMORY_BYTES_MAX && self.oldest < sealed {
            self.oldest += 4;
            self.forget();
        }
        self.forget();
    }

    fn forget(&mut self) {
        let oldest = self.oldest;
        for line in self.lines.values_mut() {
            line.forget_before(oldest);
        }
        // Someone who left, and of whom nothing is remembered.
        self.lines.retain(|_, line| line.is_fed || line.open.is_some() || !line.pieces.is_empty());
        self.standstills.retain(|range| range.end > oldest * PIECE);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.lines.values().map(Line::bytes).sum()
    }
}

//! What a meter shows: rises at once, falls slowly, holds its peak and keeps CLIP until it was seen.

use std::collections::BTreeMap;

use crate::domain::level::SILENCE_DB;
use crate::domain::time::Timestamp;

/// How long a peak is held: shorter is not read, longer hides the next one.
const HOLD_US: u64 = 1_500_000;

/// How fast a meter falls: PPM-like, so that a hit is seen and the next one too.
const FALL_DB_PER_S: f32 = 24.0;

/// At full scale or beyond, in dBFS: what no further gain survives.
const CLIP_DB: f32 = 0.0;

/// One meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Meter {
    /// As it stands, in dBFS.
    pub level_db: f32,
    /// The held peak, in dBFS.
    pub peak_db: f32,
    /// It was at full scale, and nobody has cleared that.
    pub clipped: bool,
    peak_at: Timestamp,
    read_at: Timestamp,
}

impl Meter {
    fn silent(now: Timestamp) -> Self {
        Self { level_db: SILENCE_DB, peak_db: SILENCE_DB, clipped: false, peak_at: now, read_at: now }
    }

    fn read(&mut self, now: Timestamp, db: f32, clipped: bool) {
        let fallen = now.since(self.read_at).as_secs_f32() * FALL_DB_PER_S;
        self.read_at = now;
        let db = if db.is_finite() { db } else { SILENCE_DB };
        self.level_db = db.max(self.level_db - fallen).max(SILENCE_DB);
        if self.level_db < -60.0 {
            self.level_db = SILENCE_DB;
        }
        if db >= self.peak_db {
            (self.peak_db, self.peak_at) = (db, now);
        } else if now.since(self.peak_at).as_micros() > u128::from(HOLD_US) {
            self.peak_db = self.level_db;
        }
        self.clipped |= clipped || db >= CLIP_DB;
    }

    /// Whether it still moves without anything being heard.
    #[must_use]
    pub fn moves(&self) -> bool {
        self.level_db > SILENCE_DB || self.peak_db > SILENCE_DB
    }
}

/// Whose meter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Your own input.
    Input,
    /// What you hear.
    Output,
    /// Someone, by key.
    Person(String),
    /// An input that is not chosen yet, by its name.
    Card(String),
}

/// All meters.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Meters {
    meters: BTreeMap<Source, Meter>,
    /// Peaks of the output, newest last.
    trail: std::collections::VecDeque<f32>,
    trail_count: u64,
    input_clips: u64,
}

/// Peaks of the output kept: as many as a wide scope has dots.
const TRAIL_MAX: usize = 400;

impl Meters {
    /// Takes a reading. `clips` counts samples beyond full scale since the peer began.
    pub fn read(&mut self, now: Timestamp, source: Source, db: f32) {
        if source == Source::Output {
            if self.trail.len() == TRAIL_MAX {
                self.trail.pop_front();
            }
            self.trail.push_back(db);
            self.trail_count += 1;
        }
        self.meters.entry(source).or_insert_with(|| Meter::silent(now)).read(now, db, false);
    }

    /// The input clipped this many samples in all.
    pub fn read_clips(&mut self, now: Timestamp, clips: u64) {
        let more = clips > self.input_clips && self.input_clips > 0 || clips > 0 && self.input_clips == 0;
        self.input_clips = clips;
        if more {
            let meter = self.meters.entry(Source::Input).or_insert_with(|| Meter::silent(now));
            meter.clipped = true;
        }
    }

    /// One meter; `None` before its first reading.
    #[must_use]
    pub fn get(&self, source: &Source) -> Option<&Meter> {
        self.meters.get(source)
    }

    /// Keeps only these people.
    pub fn keep(&mut self, is_here: impl Fn(&str) -> bool) {
        self.meters.retain(|source, _| match source {
            Source::Person(key) => is_here(key),
            Source::Input | Source::Output | Source::Card(_) => true,
        });
    }

    /// Forgets the inputs that were looked at.
    pub fn forget_cards(&mut self) {
        self.meters.retain(|source, _| !matches!(source, Source::Card(_)));
    }

    /// Clears CLIP everywhere; true if it stood anywhere.
    pub fn clear_clips(&mut self) -> bool {
        let stood = self.meters.values().any(|meter| meter.clipped);
        self.meters.values_mut().for_each(|meter| meter.clipped = false);
        stood
    }

    /// Whether any meter moves.
    #[must_use]
    pub fn move_at_all(&self) -> bool {
        self.meters.values().any(Meter::moves)
    }

    /// How many peaks of the output there were in all.
    #[must_use]
    pub fn trail_count(&self) -> u64 {
        self.trail_count
    }

    /// Peaks of the output, oldest first.
    #[must_use]
    pub fn trail(&self) -> impl ExactSizeIterator<Item = f32> + DoubleEndedIterator + '_ {
        self.trail.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_micros(ms * 1_000)
    }

    #[test]
    fn a_hit_rises_at_once_and_falls_slowly_while_its_peak_stays() {
        let mut meters = Meters::default();
        meters.read(at(0), Source::Input, -6.0);
        meters.read(at(500), Source::Input, -50.0);
        let meter = meters.get(&Source::Input).copied();
        assert_eq!(meter.map(|meter| (meter.level_db, meter.peak_db)), Some((-18.0, -6.0)));
        for ms in (550..6_000).step_by(50) {
            meters.read(at(ms), Source::Input, SILENCE_DB);
        }
        assert!(!meters.move_at_all());
    }

    #[test]
    fn clip_stays_until_it_is_cleared() {
        let mut meters = Meters::default();
        meters.read(at(0), Source::Input, -6.0);
        meters.read_clips(at(0), 3);
        meters.read(at(9_000), Source::Input, -60.0);
        assert!(meters.get(&Source::Input).is_some_and(|meter| meter.clipped));
        assert!(meters.clear_clips());
        meters.read_clips(at(9_050), 3);
        assert!(!meters.clear_clips());
    }
}

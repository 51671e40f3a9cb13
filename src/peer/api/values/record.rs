//! Recordings: the one that runs, and the takes on the disk.

use serde::{Deserialize, Serialize};

use super::super::rounded::thousandths;
use super::Person;
use crate::domain::take::{Answer, Gap, LogEntry, Mark, TakeKind, TakeState, TrackKind};

/// The recording that runs in the jam. In `status`, and the reply to `rec.start` and its kin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Which take, 32 hex digits; the same at everyone.
    pub take: String,
    /// What it is called.
    pub name: String,
    /// `recorded`: from now on; `grabbed`: kept from memory.
    pub kind: TakeKind,
    /// Who started it.
    pub by: Person,
    /// Seconds since it began.
    pub since_s: u64,
    /// You are on it, and your machine keeps a copy of it.
    pub yours: bool,
    /// You are asked, and have not answered: `rec.agree` or `rec.refuse`.
    pub asks_you: bool,
    /// Everyone in the jam who plays, and everyone who gave an answer.
    pub people: Vec<Recorded>,
    /// Why your copy could not be written any further; empty if it is.
    #[serde(default)]
    pub trouble: String,
}

/// One person, and what they said to being recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Who.
    pub who: Person,
    /// `yes`, `no` or `withdrawn`; `null` while they have not answered: they are on no track.
    pub answer: Option<Answer>,
}

/// Reply to `rec.start`, `rec.stop`, `rec.toggle`, `rec.grab`, `rec.agree`, `rec.refuse`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingNow {
    /// What runs now; `null` if nothing does.
    pub recording: Option<Recording>,
}

/// A take on the disk, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakeCard {
    /// 32 hex digits; the first few are enough to name it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// The jam it is of.
    pub jam: String,
    /// When it began, RFC 3339 UTC.
    pub started: String,
    /// How long it is.
    #[serde(serialize_with = "thousandths")]
    pub length_s: f64,
    /// How it came to be.
    pub kind: TakeKind,
    /// How far it is.
    pub state: TakeState,
    /// Everyone on a track.
    pub players: Vec<String>,
    /// What they played, each once.
    pub instruments: Vec<String>,
    /// How many tracks.
    pub tracks: u32,
    /// Bytes of its files.
    pub bytes: u64,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// In your own words.
    pub note: String,
}

/// A folder in which no take can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenTake {
    /// Which folder.
    pub folder: String,
    /// Why.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

/// Reply to `rec.ls`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Takes {
    /// Newest first.
    pub takes: Vec<TakeCard>,
    /// Folders that are no takes any more.
    pub broken: Vec<BrokenTake>,
    /// Bytes of all of them.
    pub used_bytes: u64,
    /// Bytes free on that disk.
    pub free_bytes: u64,
    /// Minutes of recording that fit, at the rate of the jam you are in or of two players.
    pub minutes_left: u64,
    /// Where they lie.
    pub folder: String,
}

/// One track of a take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakeTrack {
    /// Its number in the take.
    pub number: u16,
    /// What it is of.
    pub kind: TrackKind,
    /// Whose; `null` for a mix.
    pub who: Option<Person>,
    /// 1 or 2.
    pub channels: u8,
    /// Its files, in the order in which they are played.
    pub files: Vec<String>,
    /// Seconds of it that were invented, because they were lost on the way.
    #[serde(serialize_with = "thousandths")]
    pub concealed_s: f64,
    /// Where it is not what was played; at most a hundred of them here.
    pub gaps: Vec<Gap>,
}

/// Reply to `rec.show`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakeShown {
    /// In short.
    pub take: TakeCard,
    /// Where it lies.
    pub folder: String,
    /// Who began it.
    pub started_by: Person,
    /// Its lines.
    pub tracks: Vec<TakeTrack>,
    /// What everyone said, last word of each.
    pub answers: Vec<Recorded>,
    /// Moments worth finding again, in samples at 48 kHz.
    pub marks: Vec<Mark>,
    /// What happened, in samples at 48 kHz.
    pub log: Vec<LogEntry>,
}

/// Something found in a take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeFinding {
    /// `problem`, or `note` for what does no harm.
    pub severity: String,
    /// What.
    pub what: String,
    /// What to do; may be empty.
    pub remedy: String,
}

/// Reply to `rec.verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeVerified {
    /// Which.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Everything is as it was written, and everyone on it agreed.
    pub ok: bool,
    /// What was found.
    pub findings: Vec<TakeFinding>,
}

/// Reply to `rec.export` and `rec.import`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeMoved {
    /// Which.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Where it is now.
    pub folder: String,
    /// How many files.
    pub files: u32,
    /// How many bytes.
    pub bytes: u64,
}

/// Reply to `rec.rm` and `rec.undo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeGone {
    /// Which.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whether it can be brought back with `rec.undo`.
    pub in_bin: bool,
}

/// Reply to `rec.withdraw`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// From which take, 32 hex digits.
    pub take: String,
    /// Who may hold it and has not said yet that you are out of it. Those who are not here hear of it when you meet.
    pub waits_for: Vec<Person>,
}

//! Where the recorder gives its samples: `audio` fills tracks, `store` keeps them, `peer` brings the two together.

use crate::domain::take::{Consent, Gap, LogEntry, Mark, Player, TrackKind};

/// A track that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackPlan {
    /// What it is of.
    pub kind: TrackKind,
    /// Whose line; `None` for a mix.
    pub player: Option<Player>,
    /// 1 or 2.
    pub channels: u8,
}

/// Why a take cannot be written any further, in three parts as a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkTrouble {
    /// What failed.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do now.
    pub remedy: String,
}

/// A take being written. All positions in samples per channel since the take began.
///
/// World: worker. Every call may wait for the disk; what it wrote stays whatever happens afterwards. After an error
/// nothing more is written: end it.
pub trait TakeSink: Send {
    /// One more track, empty; returns its number. The caller brings it up to the others with [`Self::silence`].
    ///
    /// # Errors
    /// [`SinkTrouble`] if there is no room for it on the disk or in the take.
    fn add_track(&mut self, plan: TrackPlan) -> Result<u16, SinkTrouble>;

    /// Appends samples, two ears each; of a mono track the first is kept. 1.0 is 0 dBFS; beyond it is clipped.
    ///
    /// # Errors
    /// [`SinkTrouble`].
    fn write(&mut self, track: u16, samples: &[[f32; 2]]) -> Result<(), SinkTrouble>;

    /// Appends `samples` of silence.
    ///
    /// # Errors
    /// [`SinkTrouble`].
    fn silence(&mut self, track: u16, samples: u64) -> Result<(), SinkTrouble>;

    /// Says that a piece of a track is not what was played. Pieces of the same kind that touch become one.
    fn gap(&mut self, track: u16, gap: Gap);

    /// Keeps someone's answer; the last of each counts.
    fn consent(&mut self, consent: Consent);

    /// Keeps a mark.
    fn mark(&mut self, mark: Mark);

    /// Keeps what happened.
    fn log(&mut self, entry: LogEntry);

    /// Makes everything written so far whole on the disk: called about once a second.
    ///
    /// # Errors
    /// [`SinkTrouble`].
    fn keep(&mut self) -> Result<(), SinkTrouble>;

    /// The take is over and this long: every track is brought to that length, by silence or by a cut.
    ///
    /// # Errors
    /// [`SinkTrouble`]; what [`Self::keep`] kept stays.
    fn end(self: Box<Self>, length_samples: u64) -> Result<(), SinkTrouble>;
}

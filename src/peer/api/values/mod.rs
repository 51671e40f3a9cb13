//! What stands in replies and events: people, cards, levels, links.

mod card;
mod jam;
mod link;
mod lobby;
mod machine;
mod record;
mod status;

pub use card::{Card, CardClock, Levels, RoundTrip, ThreadPriority};
pub use jam::{Delay, Format, Jam, Joined, Mic, Participant, Path, Strip};
pub use link::{Link, LinkFigures, Links};
pub use lobby::{ListedJam, ListedPerson, Listing, Ticket};
pub use machine::{Cards, Doctor, Finding, InputLevel, Inputs, Interface, ListedCard, Topic};
pub use record::{
    BrokenTake, Recorded, Recording, RecordingNow, TakeCard, TakeFinding, TakeGone, TakeMoved, TakeShown,
    TakeTrack, TakeVerified, Takes, Withdrawal,
};
pub use status::{Me, Person, Place, Status};
// The same states for everyone: a word more would be one that others never hear of.
pub use crate::domain::mic::MicState;
pub use crate::domain::take::{
    Answer, Gap, GapWhy, LogEntry, LogWhat, Mark, TakeKind, TakeState, TrackKind, WithdrawOutcome,
};

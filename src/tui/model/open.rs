//! What can be open over the screen: questions, lists, a line to be typed, the steps of the set-up.

use crate::domain::sharing::Field;
use crate::peer::api::RoundTrip;

/// What lies over the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    /// Keys.
    Help {
        /// Typed to filter.
        filter: String,
        /// Which line.
        chosen: usize,
    },
    /// Every action.
    Palette {
        /// Typed to filter.
        filter: String,
        /// Which line.
        chosen: usize,
    },
    /// A question that only `y` answers with yes.
    Confirm {
        /// The question.
        question: String,
        /// What then is asked of the peer.
        doing: Vec<Vec<String>>,
        /// The screen closes then.
        quit: bool,
    },
    /// One line to be typed.
    Prompt {
        /// For what.
        purpose: Purpose,
        /// Typed so far.
        text: String,
    },
    /// Someone wants to record: `y`, `n`, or later.
    Recording {
        /// The question.
        question: String,
    },
    /// How others find this peer.
    Invite {
        /// The ticket; empty until it came.
        ticket: String,
        /// The same as rows of blocks.
        qr: Vec<String>,
    },
    /// What this machine sees.
    Missing,
    /// Why it crackles.
    Why,
    /// What happened so far.
    Log {
        /// Typed to filter.
        filter: String,
        /// Lines scrolled up.
        up: usize,
    },
}

/// What a typed line is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A new jam's name.
    NewJam,
    /// A ticket or address.
    Address,
    /// The code word of this jam.
    Code {
        /// Its name.
        jam: String,
    },
    /// A field of the own card.
    Own(Field),
    /// Filters the lobby.
    Filter,
    /// Words that takes are looked for with.
    FindTakes,
    /// Something of the take of this id.
    Take {
        /// What.
        field: super::TakeField,
        /// Which.
        id: String,
    },
}

/// What became of the wish to know the round trip.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    /// It sounds now.
    Running,
    /// The figure.
    Found(RoundTrip),
    /// Why there is none, and what to do.
    Failed(String),
}

/// The first steps, or the audio set-up alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Where in it.
    pub step: Step,
    /// Opened by itself at the first start.
    pub first: bool,
    /// Which line.
    pub chosen: usize,
    /// The name as typed.
    pub name: String,
    /// The loudest input so far, in dBFS times ten.
    pub loudest: i32,
}

/// A step of the set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Which card.
    Device,
    /// How loud.
    Level,
    /// Tone, hearing oneself, block.
    Sound,
    /// What one is called.
    Name,
}

impl Step {
    /// All of them in order.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Device, "1 device"),
        (Self::Level, "2 level"),
        (Self::Sound, "3 tone and delay"),
        (Self::Name, "4 name"),
    ];
}

//! What the screen knows. Changed only by `update`; drawn by `screens`; no clock, no I/O.

mod library;
mod open;

use std::collections::{BTreeMap, VecDeque};

use jiff::tz::TimeZone;

use super::action::Tab;
use super::history::History;
use super::keymap::{Context, Keymap};
use super::look::Look;
use super::meters::Meters;
use super::why::Fix;
use crate::domain::sharing::Field;
use crate::domain::time::Timestamp;
use crate::peer::api::{
    Cards, Doctor, ErrorReply, InputLevel, Inputs, Link, Listing, MicState, Participant, Place, Recording,
    Status,
};

pub use library::{Library, TakeField};
pub use open::{Measured, Overlay, Purpose, Setup, Step};

/// Chat lines kept: more than a screen shows, less than anybody reads back.
pub const CHAT_MAX: usize = 200;
/// Lines of the log kept.
pub const LOG_MAX: usize = 500;
/// Changes that can be undone.
pub const UNDO_MAX: usize = 50;
/// Longest text anyone types here, in bytes: a ticket is the longest, well below this.
pub const INPUT_MAX: usize = 1_000;

/// Everything.
#[derive(Debug)]
pub struct Model {
    /// Columns and rows.
    pub size: (u16, u16),
    /// Theme and characters.
    pub look: Look,
    /// Which key does what.
    pub keymap: Keymap,
    /// Whether this screen started the peer, and so ends it.
    pub own_peer: bool,
    /// The screen that is shown.
    pub tab: Tab,
    /// Big letters over it.
    pub stage: bool,
    /// The first steps, or the audio set-up.
    pub setup: Option<Setup>,
    /// What lies over the screen.
    pub overlay: Option<Overlay>,
    /// What is typed into the chat; `None`: nothing is.
    pub writing: Option<String>,
    /// The mouse is ours, and not the terminal's.
    pub mouse: bool,
    /// `g` was pressed: a letter names the screen.
    pub going: bool,
    /// The way to the peer.
    pub peer: PeerLink,
    /// As the peer says.
    pub status: Option<Status>,
    /// Jams and people.
    pub listing: Listing,
    /// Links, while in a jam.
    pub links: Vec<Link>,
    /// All findings and counters, while someone looks.
    pub doctor: Option<Doctor>,
    /// Sound cards, while someone chooses.
    pub cards: Option<Cards>,
    /// Every input of the machine, while someone chooses.
    pub inputs: Option<Inputs>,
    /// The round trip of the card, if someone asked for it.
    pub round_trip: Option<Measured>,
    /// Jams are joined with a listening seat.
    pub listen_only: bool,
    /// Levels.
    pub meters: Meters,
    /// The last minutes.
    pub history: History,
    /// Where this machine is: times of day are shown as clocks there show them.
    pub zone: TimeZone,
    /// What people wrote.
    pub chat: VecDeque<ChatLine>,
    /// What happened.
    pub log: VecDeque<LogLine>,
    /// What is said above the hints.
    pub toast: Option<Toast>,
    /// What is chosen on each screen.
    pub chosen: BTreeMap<Tab, usize>,
    /// Filter of the lobby.
    pub filter: String,
    /// Details of the chosen player are shown on a small screen, too.
    pub details: bool,
    /// Changes that can be taken back, newest last.
    pub undo: Vec<Undo>,
    /// Changes that were taken back.
    pub redo: Vec<Undo>,
    /// The test tone sounds.
    pub tone: bool,
    /// When it ends by itself.
    pub(super) tone_until: Option<Timestamp>,
    /// The house band.
    pub band: Band,
    /// The jam that it opens, and how many it is.
    pub band_jam: (&'static str, u32),
    /// Takes on the disk, as far as they were asked for.
    pub library: Library,
    /// The home folder of whoever looks: `~` in what is typed; empty if there is none.
    pub home: String,
    /// Where things are kept: what, and the file or folder.
    pub kept: Vec<(&'static str, String)>,
    /// Requests without an answer yet.
    pub(super) asked: BTreeMap<u64, Asked>,
    pub(super) last_id: u64,
    /// When what is polled next.
    pub(super) due: Due,
    /// Config complaints, said once.
    pub(super) complaints: Vec<String>,
}

/// The way to the peer.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerLink {
    /// Being opened for the first time.
    Connecting,
    /// It answers.
    Up,
    /// It does not.
    Lost(Box<ErrorReply>),
}

/// The house band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// Not there.
    Away,
    /// Started; we join as soon as its jam is seen.
    Coming,
    /// We are in its jam, or were.
    Here,
}

/// A line of chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatLine {
    /// `18:31`, as clocks here show it.
    pub at: String,
    /// Who; empty for what the jam itself says.
    pub who: String,
    /// What.
    pub text: String,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// `18:31:02`.
    pub at: String,
    /// What.
    pub text: String,
}

/// What is said above the hints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    /// Words.
    pub text: String,
    /// Errors stay until a key is pressed.
    pub until: Option<Timestamp>,
    /// Something failed.
    pub error: bool,
}

/// A change and its opposite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// In words.
    pub what: String,
    /// Does it.
    pub doing: Vec<Vec<String>>,
    /// Takes it back.
    pub undoing: Vec<Vec<String>>,
}

/// What a reply is the answer to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    /// The takes on the disk.
    Takes,
    /// One take, of this id.
    Take(String),
    /// The check of a take.
    Verified,
    /// The export of a take.
    Exported,
    Status,
    Listing,
    Links,
    Doctor,
    Cards,
    Ticket,
    Inputs,
    Measure,
    /// A change: said when it failed.
    Change,
    /// Getting into a jam, with the words if a code is missing.
    Join {
        jam: String,
    },
    /// The tone, on or off.
    Tone(bool),
}

/// When what is asked next; `None`: an answer is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) status: Option<Timestamp>,
    pub(super) listing: Option<Timestamp>,
    pub(super) links: Option<Timestamp>,
    pub(super) doctor: Option<Timestamp>,
    /// Also `None` while nobody looks at them.
    pub(super) inputs: Option<Timestamp>,
}

/// What the screen starts with.
#[derive(Debug, Clone)]
pub struct Start {
    /// Theme and characters.
    pub look: Look,
    /// Which key does what.
    pub keymap: Keymap,
    /// The mouse is taken from the terminal.
    pub mouse: bool,
    /// What is wrong in the config.
    pub complaints: Vec<String>,
    /// Where this machine is.
    pub zone: TimeZone,
    /// This screen started the peer.
    pub own_peer: bool,
    /// The jam that the house band opens, and how many it is.
    pub band_jam: (&'static str, u32),
    /// The home folder of whoever looks; empty if there is none.
    pub home: String,
    /// Where things are kept: what, and the file or folder.
    pub kept: Vec<(&'static str, String)>,
    /// The first start: the first steps come by themselves, with this name offered.
    pub first: Option<String>,
}

impl Model {
    /// A screen before the first answer.
    #[must_use]
    pub fn new(start: Start, size: (u16, u16)) -> Self {
        let setup = start.first.map(|name| Setup {
            step: Step::Device,
            first: true,
            chosen: 0,
            name,
            loudest: -1_000,
        });
        Self {
            size,
            look: start.look,
            keymap: start.keymap,
            own_peer: start.own_peer,
            tab: Tab::Lobby,
            stage: false,
            setup,
            overlay: None,
            writing: None,
            going: false,
            mouse: start.mouse,
            peer: PeerLink::Connecting,
            status: None,
            listing: Listing::default(),
            links: Vec::new(),
            doctor: None,
            cards: None,
            inputs: None,
            round_trip: None,
            listen_only: false,
            meters: Meters::default(),
            history: History::default(),
            zone: start.zone,
            chat: VecDeque::new(),
            log: VecDeque::new(),
            toast: None,
            chosen: BTreeMap::new(),
            filter: String::new(),
            details: false,
            undo: Vec::new(),
            redo: Vec::new(),
            tone: false,
            tone_until: None,
            band: Band::Away,
            band_jam: start.band_jam,
            library: Library::default(),
            home: start.home,
            kept: start.kept,
            asked: BTreeMap::new(),
            last_id: 0,
            due: Due { status: None, listing: None, links: None, doctor: None, inputs: None },
            complaints: start.complaints,
        }
    }

    /// Where keys are looked up.
    #[must_use]
    pub fn context(&self) -> Context {
        if self.setup.is_some() { Context::Setup } else { Context::Tab(self.tab) }
    }

    /// Where the peer is.
    #[must_use]
    pub fn place(&self) -> Place {
        self.status.as_ref().map_or(Place::Lobby, |status| status.place)
    }

    /// The recording that runs.
    #[must_use]
    pub fn recording(&self) -> Option<&Recording> {
        self.status.as_ref()?.recording.as_ref()
    }

    /// Whether this peer sits in a jam.
    #[must_use]
    pub fn in_jam(&self) -> bool {
        self.place() == Place::Jam
    }

    /// What others hear of you.
    #[must_use]
    pub fn mic(&self) -> MicState {
        self.status.as_ref().map_or(MicState::Muted, |status| status.mic)
    }

    /// Everyone in the jam, you first.
    #[must_use]
    pub fn people(&self) -> &[Participant] {
        self.status.as_ref().and_then(|status| status.jam.as_ref()).map_or(&[], |jam| &jam.people)
    }

    /// What is chosen on a screen of `count` lines.
    #[must_use]
    pub fn chosen(&self, tab: Tab, count: usize) -> usize {
        self.chosen.get(&tab).copied().unwrap_or(0).min(count.saturating_sub(1))
    }

    /// The chosen line of the own card.
    #[must_use]
    pub fn chosen_field(&self) -> Field {
        Field::ALL[self.chosen(Tab::Me, Field::ALL.len())]
    }

    /// The chosen player; `None` when it is you, the output, or nobody.
    #[must_use]
    pub fn chosen_player(&self) -> Option<&Participant> {
        let people = self.people();
        people.get(self.chosen(Tab::Jam, people.len() + 1)).filter(|one| !one.you)
    }

    /// Whether the output's row is chosen.
    #[must_use]
    pub fn master_chosen(&self) -> bool {
        let people = self.people().len();
        people > 0 && self.chosen(Tab::Jam, people + 1) == people
    }

    /// The link to someone.
    #[must_use]
    pub fn link(&self, key: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.who.key == key)
    }

    /// Lines of the lobby that pass the filter: jams, then people.
    #[must_use]
    pub fn lobby(&self) -> Vec<LobbyLine<'_>> {
        let wanted = self.filter.to_lowercase();
        let passes = |text: &str| wanted.is_empty() || text.to_lowercase().contains(&wanted);
        let jams = self
            .listing
            .jams
            .iter()
            .filter(|jam| passes(&jam.name) || jam.people.iter().any(|person| passes(&person.name)));
        let people = self
            .listing
            .people
            .iter()
            .filter(|one| passes(&one.name) || one.plays.iter().any(|plays| passes(plays)));
        let mut people: Vec<_> = people.collect();
        people.sort_by_key(|one| (one.blocked, one.jam.is_none(), one.jam.clone(), one.name.to_lowercase()));
        jams.map(LobbyLine::Jam).chain(people.into_iter().map(LobbyLine::Person)).collect()
    }

    /// The lobby's chosen line.
    #[must_use]
    pub fn chosen_line(&self) -> Option<LobbyLine<'_>> {
        let lines = self.lobby();
        let chosen = self.chosen(Tab::Lobby, lines.len());
        lines.into_iter().nth(chosen)
    }

    /// What `f` would do.
    #[must_use]
    pub fn fix(&self) -> Option<Fix> {
        let causes =
            super::why::causes(self.status.as_ref(), &self.links, self.doctor.as_ref(), &self.history);
        super::why::first_fix(&causes).cloned()
    }

    /// How loud an input is that may be chosen; `None` before that is known.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&InputLevel> {
        self.inputs.iter().flat_map(|inputs| &inputs.inputs).find(|input| input.name == name)
    }

    /// Whether the inputs are looked at, to choose one.
    #[must_use]
    pub fn is_choosing(&self) -> bool {
        self.setup.as_ref().is_some_and(|setup| setup.step == Step::Device)
    }

    /// When the model wants to be woken at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let toast = self.toast.as_ref().and_then(|toast| toast.until);
        let due = &self.due;
        [due.status, due.listing, due.links, due.doctor, due.inputs, self.tone_until, toast]
            .into_iter()
            .flatten()
            .min()
    }
}

/// A line of the lobby.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LobbyLine<'a> {
    /// A jam.
    Jam(&'a crate::peer::api::ListedJam),
    /// A person.
    Person(&'a crate::peer::api::ListedPerson),
}

impl LobbyLine<'_> {
    /// What tells it from others, whatever it is called.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Jam(jam) => &jam.id,
            Self::Person(person) => &person.key,
        }
    }
}

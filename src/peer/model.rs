//! All that the running peer knows, as plain values: what `update` changes and replies are made from.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::api::{Card, MicState, Path};
use super::message::{Ask, Readings, Unreached};
use super::run::{RecordingOptions, StreamOptions};
use crate::domain::level::Gain;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::profile::Profile;
use crate::domain::roster::{Addrs, Seat};
use crate::domain::session::{SessionId, SessionState};
use crate::domain::sharing::Shared;
use crate::domain::stream::{Codec, FormatError, PCM_FRAME_SAMPLES_MAX, StreamFormat};
use crate::domain::strip::{DelayMode, StripSettings};
use crate::domain::take::TakeId;
use crate::domain::time::Timestamp;
use crate::protocol::code_word::CodeWord;
use crate::protocol::control::MediaOffer;
use crate::protocol::lobby::LobbyCard;
use crate::protocol::recording::{Members, Policy, RecordingMachine};
use crate::protocol::session::SessionMachine;

/// People of the network we keep; one more is not listed until another is gone.
pub const PEOPLE_MAX: usize = 256;

/// Addresses we keep of ourselves and of each of them.
pub const ADDRS_KEPT: usize = 16;

/// A jam we were in, newest first in `Setup::recent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// Its name.
    pub name: Name,
    /// Its id.
    pub session: Option<SessionId>,
    /// Who was there.
    pub peers: Vec<PeerId>,
    /// Where they listened.
    pub addrs: Vec<String>,
}

/// What a peer is made of when it starts.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Profile.
    pub profile_name: String,
    /// This process.
    pub pid: u32,
    /// Path of the socket.
    pub socket: String,
    /// Seconds of Unix time at the start: offers of a process that starts later are newer.
    pub started_unix_s: u64,
    /// Whose key.
    pub me: PeerId,
    /// What they say of themselves; what of it leaves this machine is [`Setup::card`].
    pub profile: Profile,
    /// Which of it others see.
    pub shared: Shared,
    /// The form of the stream, as it was asked for.
    pub stream: StreamOptions,
    /// Channels of it: another card may have it changed.
    pub send_channels: u8,
    /// Playout delay of people without a remembered one.
    pub delay: DelayMode,
    /// Own dry monitor.
    pub monitor: Gain,
    /// Begin with the microphone off.
    pub muted: bool,
    /// People a jam opened here holds.
    pub max_people: u8,
    /// What we say to being recorded, unless the person says it.
    pub record_me: Policy,
    /// How recordings are made.
    pub recording: RecordingOptions,
    /// Newest first.
    pub recent: Vec<Recent>,
    /// Keys we never want to meet.
    pub blocked: BTreeMap<PeerId, Name>,
}

impl Setup {
    /// What others see: the one form of the profile that is given to the network.
    #[must_use]
    pub fn card(&self) -> Profile {
        self.shared.card(&self.profile, self.me)
    }
}

/// The running peer.
#[derive(Debug)]
pub struct Model {
    /// What it was started with; `profile`, `shared`, `stream`, `recent` and `blocked` change.
    pub setup: Setup,
    /// When it began.
    pub started: Timestamp,
    /// Who is in the jam, who orders it.
    pub session: SessionMachine,
    /// When the session machine wants to be called.
    pub session_wakes: Option<Timestamp>,
    /// Who is recorded.
    pub recording: RecordingMachine,
    /// When it wants to be called.
    pub recording_wakes: Option<Timestamp>,
    /// Who is in the jam, as it was told last.
    pub members: Option<Members>,
    /// What the recording that runs, or ran last, is called.
    pub recording_name: Name,
    /// The takes that our recorder writes.
    pub writing: BTreeMap<TakeId, Writing>,
    /// Recordings begun here since the start: ids and names of takes come from it.
    pub takes_begun: u32,
    /// The round trip of the card in samples, as it was measured last with this card.
    pub measured_round_trip: Option<u32>,
    /// Makes ids of takes that nobody else makes; random, of the start.
    pub take_seed: [u8; 32],
    /// The jam as it was told to the person: to see what changed, and what it was called.
    pub jam: Option<SessionState>,
    /// The way into a jam.
    pub joining: Option<Joining>,
    /// Our multiaddresses.
    pub listening: BTreeSet<String>,
    /// People on this network.
    pub people: BTreeMap<PeerId, Seen>,
    /// What we show; sent again when it differs.
    pub card_shown: Option<LobbyCard>,
    /// Whom the control path connects again and again: everyone else in the jam.
    pub kept: Vec<PeerId>,
    /// Microphone.
    pub mic: Mic,
    /// Own dry monitor.
    pub monitor: Gain,
    /// Our own input is cut by the feedback guard.
    pub howl_cut: bool,
    /// Everything heard.
    pub master: Gain,
    /// How we hear people; of everyone in the jam, and of who was.
    pub strips: BTreeMap<PeerId, Strip>,
    /// Paths of sound.
    pub links: BTreeMap<PeerId, LinkState>,
    /// Offers made since the start.
    pub offers: u32,
    /// The form of the stream the engine sends; `None` while it rests.
    pub sending: Option<StreamFormat>,
    /// The open sound card.
    pub card: Option<Card>,
    /// Why there is none.
    pub card_trouble: String,
    /// Threads that must not be late, and what became of raising each, in words.
    pub threads: BTreeMap<&'static str, Raising>,
    /// Own sound is looped back to our ears.
    pub looped: bool,
    /// The round trip of the card is being measured.
    pub measuring: bool,
    /// Newest figures.
    pub readings: Readings,
    /// Told to end.
    pub ending: bool,
}

/// A take that our recorder writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writing {
    /// What it is called.
    pub name: Name,
    /// Why it could not be written any further; empty while it can.
    pub trouble: String,
}

/// What became of raising a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raising {
    /// In words.
    pub words: String,
    /// What to do; `None` where nothing is amiss.
    pub remedy: Option<String>,
}

/// Microphone and seat, as the person set them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mic {
    /// Switched off.
    pub muted: bool,
    /// Silent both ways.
    pub panic: bool,
    /// Player or listener.
    pub seat: Seat,
}

impl Mic {
    /// What others hear of us.
    #[must_use]
    pub const fn state(self) -> MicState {
        match self {
            Self { panic: true, .. } => MicState::Panic,
            Self { seat: Seat::Listener, .. } => MicState::Listen,
            Self { muted: true, .. } => MicState::Muted,
            Self { .. } => MicState::Live,
        }
    }
}

/// Someone on this network.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What they show.
    pub card: LobbyCard,
    /// Where.
    pub addrs: Vec<String>,
}

/// How we hear someone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strip {
    /// Gain, pan, mute, solo.
    pub settings: StripSettings,
    /// Playout delay.
    pub delay: DelayMode,
    /// Cut by the feedback guard.
    pub howl_cut: bool,
    /// Set by hand since the start: what the disk remembers is older.
    pub touched: bool,
}

/// The path of sound to someone: a link is an unused offer of ours and an unused one of theirs.
#[derive(Debug, Default)]
pub struct LinkState {
    /// Ours.
    pub mine: Offer,
    /// Theirs; taken out when it is used.
    pub theirs: Option<MediaOffer>,
    /// The form of their stream.
    pub their_format: Option<StreamFormat>,
    /// UDP packets of theirs came, from here; `None` before the first and while none come.
    pub udp_from: Option<std::net::SocketAddr>,
    /// Nothing came by UDP for 2 s: we told them, and our own sound takes a stream too.
    pub silent: bool,
    /// They say that nothing of ours comes by UDP.
    pub they_hear_nothing: bool,
    /// It could not be made: when to try again, and how long to wait after that.
    pub retry: Option<Retry>,
    /// Our offer waits for theirs: when it is made anew if none comes.
    pub answer_by: Option<Timestamp>,
}

/// A link that could not be made is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// When; `None` while it is being tried.
    pub at: Option<Timestamp>,
    /// How long to wait the next time.
    pub pause: Duration,
}

impl LinkState {
    /// Whether sound takes a stream. What we hear decides what we tell them, and what either hears
    /// decides where sound goes: else each would wait for the other for ever.
    #[must_use]
    pub const fn falls_back(&self) -> bool {
        self.silent || self.they_hear_nothing
    }

    /// How sound comes; `None` while it does not.
    #[must_use]
    pub const fn path(&self) -> Option<Path> {
        match (self.falls_back(), self.udp_from) {
            (true, _) => Some(Path::Stream),
            (false, Some(_)) => Some(Path::Udp),
            (false, None) => None,
        }
    }
}

/// Our side of a link.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// None.
    #[default]
    None,
    /// Being made.
    Making {
        /// Its number.
        generation: u32,
    },
    /// Told to them, not in use.
    Fresh {
        /// Its number.
        generation: u32,
    },
    /// In use: its keys are never used for another link.
    Used,
}

/// The way into a jam.
#[derive(Debug)]
pub struct Joining {
    /// Who is answered when it ends; `None`: nobody, it was the start of the peer.
    pub ask: Option<Ask>,
    /// As the person named it.
    pub target: String,
    /// What it means.
    pub aim: Aim,
    /// For a closed one.
    pub code: Option<CodeWord>,
    /// Player or listener.
    pub seat: Seat,
    /// How far it is.
    pub step: JoinStep,
    /// When we give up; `None`: never, the peer was started to wait for it.
    pub until: Option<Timestamp>,
    /// Why the last dial failed; `None` if none did.
    pub trouble: Option<Unreached>,
}

/// What a join target means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aim {
    /// The first jam in the list.
    First,
    /// A jam or a person of this name, or a key.
    Named(String),
    /// This peer, at these addresses.
    Peer {
        /// Whose key.
        peer: PeerId,
        /// Where.
        addrs: Vec<String>,
        /// Which jam; `None`: the one they sit in.
        session: Option<SessionId>,
    },
    /// Whoever answers here.
    Address(String),
    /// A jam we were in.
    Recent(Recent),
}

/// How far a join is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinStep {
    /// Nobody seen yet who could be meant.
    Looking,
    /// The address was dialled.
    Dialling,
    /// Someone was asked.
    Asking,
}

impl Model {
    /// A peer in the lobby.
    ///
    /// `seed` is random and used once: ids and challenges of the session come from it.
    #[must_use]
    pub fn new(now: Timestamp, seed: [u8; 32], setup: Setup) -> Self {
        let blocked: Vec<PeerId> = setup.blocked.keys().copied().collect();
        let mut session = SessionMachine::new(now, setup.me, setup.card(), seed);
        for peer in blocked {
            session.handle_command(now, crate::protocol::session::SessionCommand::Block(peer));
        }
        let recording = RecordingMachine::new(setup.me, setup.record_me);
        let take_seed =
            *blake3::Hasher::new_derive_key("jamtty ids of takes").update(&seed).finalize().as_bytes();
        let mic = Mic { muted: setup.muted, panic: false, seat: Seat::Player };
        Self {
            started: now,
            session,
            session_wakes: None,
            recording,
            recording_wakes: None,
            members: None,
            recording_name: Name::new(""),
            writing: BTreeMap::new(),
            takes_begun: 0,
            measured_round_trip: None,
            take_seed,
            jam: None,
            joining: None,
            listening: BTreeSet::new(),
            people: BTreeMap::new(),
            card_shown: None,
            kept: Vec::new(),
            mic,
            monitor: setup.monitor,
            howl_cut: false,
            master: Gain::UNITY,
            strips: BTreeMap::new(),
            links: BTreeMap::new(),
            offers: 0,
            sending: None,
            card: None,
            card_trouble: String::new(),
            threads: BTreeMap::new(),
            looped: false,
            measuring: false,
            readings: Readings::default(),
            ending: false,
            setup,
        }
    }

    /// When [`Message::Wake`](super::message::Message::Wake) is wanted at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let join = self.joining.as_ref().and_then(|joining| joining.until);
        let links =
            self.links.values().flat_map(|link| [link.retry.and_then(|retry| retry.at), link.answer_by]);
        let links = links.flatten().min();
        [self.session_wakes, self.recording_wakes, join, links].into_iter().flatten().min()
    }

    /// Whether figures are wanted ten times a second.
    #[must_use]
    pub const fn wants_ticks(&self) -> bool {
        self.jam.is_some()
    }

    /// The form of our stream: PCM frames are one period of the card.
    ///
    /// # Errors
    /// [`FormatError`] for what no stream can be.
    pub fn format(&self, stream: StreamOptions) -> Result<StreamFormat, FormatError> {
        let channels = self.setup.send_channels;
        match stream.codec {
            Codec::Opus => {
                let samples = (stream.frame_ms * 48.0).round();
                let samples = if (0.0..=1000.0).contains(&samples) { samples as u16 } else { 0 };
                StreamFormat::opus(channels, samples, stream.bitrate_kbps)
            }
            Codec::Pcm16 | Codec::Pcm24 => {
                // In our own samples: a card of 96 kHz has periods of half the length.
                let period = self.card.as_ref().map_or(64, |card| card.period_at_48k());
                let samples = u16::try_from(period).unwrap_or(PCM_FRAME_SAMPLES_MAX);
                // A card that varies, or has longer periods than a packet holds, is cut into packets.
                let samples = if samples == 0 { 64 } else { samples.clamp(16, PCM_FRAME_SAMPLES_MAX) };
                StreamFormat::pcm(stream.codec, channels, samples)
            }
        }
    }

    /// What this person is called: by the roster, by the lobby, else by their key.
    #[must_use]
    pub fn name_of(&self, peer: PeerId) -> Name {
        if peer == self.setup.me {
            return self.setup.profile.name().clone();
        }
        let in_jam = self.jam.as_ref().and_then(|jam| jam.roster.find(peer)).map(|one| one.profile.name());
        let in_lobby = || self.people.get(&peer).map(|seen| seen.card.profile.name());
        in_jam
            .or_else(in_lobby)
            .or_else(|| self.setup.blocked.get(&peer))
            .cloned()
            .unwrap_or_else(|| Name::new(&peer.fingerprint()))
    }

    /// The card we should show now.
    #[must_use]
    pub fn lobby_card(&self) -> LobbyCard {
        LobbyCard {
            peer: self.setup.me,
            profile: self.setup.card(),
            session: self.session.open_session(),
            app_version: Name::new(env!("CARGO_PKG_VERSION")),
            protocol_version: crate::protocol::control::PROTOCOL_VERSION,
        }
    }

    /// Where we listen, for the session.
    #[must_use]
    pub fn own_addrs(&self) -> Addrs {
        self.listening.iter().cloned().collect::<Vec<_>>().into()
    }

    /// From what we hear to what we play to it, in samples: as measured, else a block out and a block in. A virtual
    /// card plays to nobody.
    #[must_use]
    pub fn round_trip(&self) -> u32 {
        let nominal =
            self.card.as_ref().filter(|card| !card.is_virtual()).map_or(0, |card| 2 * card.period_at_48k());
        self.measured_round_trip.unwrap_or(nominal)
    }

    /// How we hear someone; defaults for who is new.
    #[must_use]
    pub fn strip_of(&self, peer: PeerId) -> Strip {
        self.strips.get(&peer).copied().unwrap_or(Strip {
            settings: StripSettings::default(),
            delay: self.setup.delay,
            howl_cut: false,
            touched: false,
        })
    }
}

//! What comes into `update` and what goes out of it: closed enums, plain values, nothing that runs.
//!
//! The other parts of the program have types of their own; `effects` translates, so that what the
//! peer decides can be read and tested without any of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::api::{Card, ErrorCode, ErrorReply, Event, Interface, Levels, ListedCard, ReplyLine, RequestLine};
use super::run::{Begin, CardOptions, ExitReason};
use super::socket::server::ClientId;
use crate::domain::level::Gain;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::stream::StreamFormat;
use crate::domain::strip::{DelayMode, StripSettings};
use crate::protocol::control::{ControlMessage, MediaOffer};
use crate::protocol::lobby::LobbyCard;

/// Something that happened.
#[derive(Debug)]
pub enum Message {
    /// The moment of [`Model::wake_at`](super::model::Model::wake_at) came.
    Wake,
    /// Fresh figures: ten times a second in a jam, and before a request that shows some.
    Readings(Box<Readings>),
    /// What the peer was started for.
    Begin {
        /// Where to go.
        begin: Begin,
        /// Code word of the jam, if it has one.
        code: Option<String>,
        /// Take a listen-only seat.
        listen: bool,
    },
    /// A client asks.
    Request {
        /// Who.
        client: ClientId,
        /// What.
        request: RequestLine,
    },
    /// From the control path.
    Net(NetMessage),
    /// From the media path.
    Media(MediaMessage),
    /// From the engine.
    Sound(SoundMessage),
    /// From the sound card.
    Card(CardMessage),
    /// From the disk.
    Disk(DiskMessage),
    /// What became of raising a thread of ours.
    Raised {
        /// Which: `encoder`, `receive`.
        thread: &'static str,
        /// What became of it, in words.
        words: String,
        /// What to do; `None` where nothing is amiss.
        remedy: Option<String>,
    },
    /// What the machine looks like, for a client that asked `doctor`.
    Surveyed {
        /// Whose request.
        ask: Ask,
        /// Interfaces in use.
        interfaces: Vec<Interface>,
        /// UDP port of the sound; 0 if there is none.
        media_port: u16,
    },
    /// The system wants us to end: 2 or 15.
    Signal(i32),
}

/// A request that is not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Whose.
    pub client: ClientId,
    /// Its number for them.
    pub id: u64,
}

/// Why someone was not reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// For whoever asked.
    pub code: ErrorCode,
    /// In words.
    pub why: String,
    /// What to do, in words.
    pub remedy: String,
}

/// From the control path.
#[derive(Debug)]
pub enum NetMessage {
    /// We can be reached here too.
    Listening {
        /// A multiaddress.
        addr: String,
    },
    /// Not here any more.
    NotListening {
        /// A multiaddress.
        addr: String,
    },
    /// A peer shows this card.
    Seen {
        /// Who.
        peer: PeerId,
        /// What they show.
        card: Box<LobbyCard>,
        /// Where.
        addrs: Vec<String>,
    },
    /// A peer is not on this network any more.
    Gone {
        /// Who.
        peer: PeerId,
    },
    /// The control stream to a peer is there.
    Connected {
        /// Who.
        peer: PeerId,
    },
    /// A dial reached this peer.
    Reached {
        /// Who.
        peer: PeerId,
    },
    /// The control stream to a peer is gone.
    Disconnected {
        /// Who.
        peer: PeerId,
    },
    /// A peer says.
    Received {
        /// Who.
        peer: PeerId,
        /// What.
        message: Box<ControlMessage>,
    },
    /// A peer or an address could not be reached.
    DialFailed {
        /// Who, if we knew.
        peer: Option<PeerId>,
        /// Why.
        why: Unreached,
    },
    /// Something is not as it should be.
    Warning {
        /// What.
        what: String,
        /// Why.
        why: String,
        /// What to do.
        remedy: String,
    },
}

/// From the media path.
#[derive(Debug)]
pub enum MediaMessage {
    /// Keys for what we will send to a peer, as we tell them.
    OfferReady {
        /// To whom.
        peer: PeerId,
        /// What to tell.
        offer: MediaOffer,
    },
    /// UDP works both ways.
    Up {
        /// From whom.
        peer: PeerId,
        /// From where.
        addr: SocketAddr,
    },
    /// Sound comes from another address.
    Moved {
        /// From whom.
        peer: PeerId,
        /// From where.
        addr: SocketAddr,
    },
    /// Nothing came by UDP for 2 s, there or here.
    Silent {
        /// From whom.
        peer: PeerId,
    },
    /// A link could not be made.
    Failed {
        /// To whom.
        peer: PeerId,
        /// Why, in words.
        why: String,
    },
}

/// From the engine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SoundMessage {
    /// A howl was cut.
    HowlCut {
        /// On whose strip; `None`: our own input.
        peer: Option<PeerId>,
        /// At what pitch.
        hz: f32,
    },
}

/// From the sound card.
#[derive(Debug, Clone, PartialEq)]
pub enum CardMessage {
    /// It is open.
    Opened(Card),
    /// It is gone.
    Lost {
        /// What.
        what: String,
        /// Why.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// It is back.
    Restored(Card),
    /// Nothing is lost, but a person should know.
    Notice {
        /// What.
        what: String,
        /// Why.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// It cannot be what was asked for, and waiting does not mend it.
    Refused {
        /// Who asked; `None`: the start of the peer, which ends with this.
        ask: Option<Ask>,
        /// In three parts.
        error: ErrorReply,
    },
    /// It is taken; `Opened` or `Lost` follows.
    Taken {
        /// Who asked.
        ask: Ask,
        /// How many of its channels are sent.
        channels: u8,
    },
    /// Over- and underruns since the start.
    Xruns(u64),
    /// Its thread was not raised.
    Priority {
        /// What the system said.
        words: String,
        /// What to do.
        remedy: String,
    },
    /// Cards of this machine, for a client that asked.
    Listed {
        /// Whose request.
        ask: Ask,
        /// All of them.
        cards: Vec<ListedCard>,
    },
}

/// From the disk.
#[derive(Debug, Clone, PartialEq)]
pub enum DiskMessage {
    /// What is remembered of a peer.
    Recalled {
        /// Of whom.
        peer: PeerId,
        /// Their strip, if it was ever set.
        strip: Option<StripSettings>,
        /// Their playout delay, if it was ever set.
        delay: Option<DelayMode>,
    },
    /// Something could not be kept. The peer goes on without.
    Failed {
        /// What.
        what: String,
        /// Why.
        why: String,
        /// What to do.
        remedy: String,
    },
}

/// Figures of one moment.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Readings {
    /// How loud it is here.
    pub levels: Levels,
    /// Links by peer.
    pub links: BTreeMap<PeerId, LinkReading>,
    /// Times the card and we missed each other.
    pub xruns: u64,
    /// Things counted since the start, by name.
    pub counters: BTreeMap<String, u64>,
}

/// What engine and media path measure of one link; `None`: not known yet.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct LinkReading {
    /// There and back.
    pub rtt_ms: Option<f64>,
    /// Variation of arrival.
    pub jitter_ms: Option<f64>,
    /// Lost of what they sent, in per cent, last seconds.
    pub lost_pct: Option<f64>,
    /// Frames lost since the link came up.
    pub lost: u64,
    /// Frames that came after their moment.
    pub late: u64,
    /// Frames we had to invent.
    pub concealed: u64,
    /// Frames played.
    pub played: u64,
    /// What arrives, all copies counted.
    pub kbit_s: Option<f64>,
    /// Playout delay now.
    pub playout_delay_ms: Option<f64>,
    /// Playout delay it is moving to.
    pub target_delay_ms: Option<f64>,
    /// Playout delay of our sound at the other end.
    pub their_playout_delay_ms: Option<f64>,
    /// Lost of what we sent, in per cent.
    pub their_lost_pct: Option<f64>,
    /// How much faster their card runs than ours.
    pub drift_ppm: Option<f64>,
    /// Their clock minus ours.
    pub clock_offset_ms: Option<f64>,
    /// How our sound is protected on the way, for people.
    pub redundancy: String,
    /// Peak of what came, in dBFS.
    pub peak_db: Option<f32>,
    /// RMS of what came, in dBFS.
    pub rms_db: Option<f32>,
}

/// What is to be done, in this order.
pub type Effects = Vec<Effect>;

/// One thing to be done.
#[derive(Debug)]
pub enum Effect {
    /// By the control path.
    Net(NetEffect),
    /// By the media path.
    Media(MediaEffect),
    /// By the engine.
    Sound(SoundEffect),
    /// By the sound card.
    Card(CardEffect),
    /// By the disk.
    Disk(DiskEffect),
    /// Answer a client.
    Reply {
        /// Whom.
        client: ClientId,
        /// What.
        reply: ReplyLine,
    },
    /// From now on this client follows events.
    Watch {
        /// Who.
        client: ClientId,
        /// Which; empty: all.
        names: Vec<String>,
    },
    /// Tell everyone who follows, and print it.
    Broadcast(Event),
    /// Look at the machine; answered by [`Message::Surveyed`].
    Survey(Ask),
    /// End, once what stands before this is done.
    Quit(Result<ExitReason, ErrorReply>),
}

/// By the control path.
#[derive(Debug)]
pub enum NetEffect {
    /// Show this card from now on.
    SetCard(Box<LobbyCard>),
    /// Connect.
    Dial {
        /// To whom; `None`: whoever is there.
        peer: Option<PeerId>,
        /// Multiaddresses, or `host:port`.
        addrs: Vec<String>,
    },
    /// Say on the ordered stream.
    Send {
        /// To whom.
        peer: PeerId,
        /// What.
        message: Box<ControlMessage>,
    },
    /// Hang up, after what was sent before.
    Disconnect {
        /// On whom.
        peer: PeerId,
    },
    /// Connect to these again whenever they drop, and to nobody else.
    Keep(Vec<PeerId>),
    /// Keep this peer out.
    Block(PeerId),
    /// Let this peer in again.
    Unblock(PeerId),
    /// Sound takes a stream to this peer.
    OpenFallback(PeerId),
    /// Sound does not take a stream any more.
    CloseFallback(PeerId),
}

/// By the media path (and the engine's remotes, which live and die with links).
#[derive(Debug)]
pub enum MediaEffect {
    /// Make keys for what we will send to this peer; answered by [`MediaMessage::OfferReady`].
    MakeOffer {
        /// To whom.
        peer: PeerId,
        /// Number of this offer.
        generation: u32,
        /// The form of our stream.
        format: StreamFormat,
    },
    /// Make the link of our offer of this generation and theirs, in place of an older one.
    Link {
        /// To whom.
        peer: PeerId,
        /// Which of our offers; used once, so no key ever seals two streams.
        generation: u32,
        /// Their offer.
        theirs: MediaOffer,
        /// How we hear them.
        strip: StripSettings,
        /// How long we hold them back.
        delay: DelayMode,
    },
    /// No link any more, and no unused offer.
    Unlink(PeerId),
}

/// By the engine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SoundEffect {
    /// Send a stream of this form from now on.
    Stream(StreamFormat),
    /// Send none any more.
    Rest,
    /// Own microphone.
    MicMuted(bool),
    /// Own dry monitor.
    Monitor(Gain),
    /// Silence both ways.
    Panic(bool),
    /// Everything heard.
    Master(Gain),
    /// One person.
    Strip(PeerId, StripSettings),
    /// One person's playout delay.
    Delay(PeerId, DelayMode),
    /// Let a cut howl be heard again; `None`: of our own input.
    ReleaseHowl(Option<PeerId>),
    /// A tone in the own output.
    TestTone(bool),
    /// Own sound through codec and buffer, without a network.
    Loopback(bool),
}

/// By the sound card.
#[derive(Debug, Clone, PartialEq)]
pub enum CardEffect {
    /// Take this card from now on; answered by [`CardMessage::Taken`] or [`CardMessage::Refused`].
    Set(Ask, Box<CardOptions>),
    /// Look which cards there are; answered by [`CardMessage::Listed`].
    List(Ask),
}

/// By the disk.
#[derive(Debug, Clone, PartialEq)]
pub enum DiskEffect {
    /// Look up what is remembered of a peer; answered by [`DiskMessage::Recalled`].
    Recall(PeerId),
    /// Remember how we hear a peer.
    Strip(PeerId, StripSettings),
    /// Remember a peer's playout delay.
    Delay(PeerId, DelayMode),
    /// Remember a jam.
    Jam {
        /// Its name.
        name: Name,
        /// Its id, hex.
        session: String,
        /// Who is in it.
        peers: Vec<PeerId>,
        /// Where they listen.
        addrs: Vec<String>,
    },
    /// Remember what others see of us.
    Profile {
        /// Name.
        name: Name,
        /// Instruments.
        plays: Vec<Name>,
    },
    /// Remember a block.
    Block(PeerId, Name),
    /// Forget a block.
    Unblock(PeerId),
}

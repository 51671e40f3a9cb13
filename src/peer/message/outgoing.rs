//! What `update` wants done by the other parts of the program.

use super::Ask;
use crate::domain::level::Gain;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::profile::Profile;
use crate::domain::sharing::Shared;
use crate::domain::stream::StreamFormat;
use crate::domain::strip::{DelayMode, StripSettings};
use crate::peer::run::CardOptions;
use crate::protocol::control::{ControlMessage, MediaOffer};
use crate::protocol::lobby::LobbyCard;

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
    /// Make keys for what we will send to this peer; answered by [`MediaMessage::OfferReady`](super::MediaMessage::OfferReady).
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
    /// Play a short signal and find it in the input; answered by [`SoundMessage::Measured`](super::SoundMessage::Measured).
    Measure(Ask),
}

/// By the sound card.
#[derive(Debug, Clone, PartialEq)]
pub enum CardEffect {
    /// Take this card from now on; answered by [`CardMessage::Taken`](super::CardMessage::Taken) or [`CardMessage::Refused`](super::CardMessage::Refused).
    Set(Ask, Box<CardOptions>),
    /// Keep the card and take blocks of this many samples; answered as `Set`.
    Period(Ask, u32),
    /// Look which cards there are; answered by [`CardMessage::Listed`](super::CardMessage::Listed).
    List(Ask),
    /// Open every input to be metered, or go on (`true`), or close them; answered by
    /// [`CardMessage::Inputs`](super::CardMessage::Inputs).
    Inputs(Ask, bool),
}

/// By the disk.
#[derive(Debug, Clone, PartialEq)]
pub enum DiskEffect {
    /// Look up what is remembered of a peer; answered by [`DiskMessage::Recalled`](super::DiskMessage::Recalled).
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
    /// Remember what this person says of themselves.
    Profile {
        /// All of it.
        profile: Profile,
        /// Which of it others see.
        shared: Shared,
    },
    /// Remember a block.
    Block(PeerId, Name),
    /// Forget a block.
    Unblock(PeerId),
}

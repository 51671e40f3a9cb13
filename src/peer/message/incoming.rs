//! What the other parts of the program tell `update`.

use std::net::SocketAddr;

use super::Ask;
use crate::domain::peer_id::PeerId;
use crate::domain::strip::{DelayMode, StripSettings};
use crate::peer::api::{Card, ErrorCode, ErrorReply, Inputs, ListedCard, RoundTrip};
use crate::protocol::control::{ControlMessage, MediaOffer};
use crate::protocol::lobby::LobbyCard;

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
        /// A person wanted it; else it is one of the jam who is missing.
        asked: bool,
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
#[derive(Debug, Clone, PartialEq)]
pub enum SoundMessage {
    /// A howl was cut.
    HowlCut {
        /// On whose strip; `None`: our own input.
        peer: Option<PeerId>,
        /// At what pitch.
        hz: f32,
    },
    /// The round trip of our card.
    Measured {
        /// Who asked.
        ask: Ask,
        /// The figure, or why there is none.
        found: Result<RoundTrip, ErrorReply>,
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
    /// How loud every input is, for a client that asked.
    Inputs {
        /// Whose request.
        ask: Ask,
        /// All of them; the one in use without its level, which is the engine's.
        inputs: Inputs,
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

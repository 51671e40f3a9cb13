//! The media path: UDP and SRTP between this peer and every other, on threads of its own.
//!
//! World: [`MediaPlane`] belongs to the control side and never waits; [`MediaSink`] goes into the
//! encoder thread; one `media-rx` thread per socket ends in the rings of the output callback.
//!
//! Order of reading: `keys` (sealing and opening), `sender` and `sink` (out), `opener` and `receive`
//! (in), `link` (what they share), `socket`.
//!
//! Deliberately absent: names, sessions and consent (whoever has the keys is let in; `session` gives
//! them out), relays, hole punching, congestion control (a jam's rate is fixed, and known to both).

mod keys;
mod link;
mod opener;
mod plane;
mod receive;
mod sender;
mod sink;
mod socket;

use std::io;
use std::net::SocketAddr;

pub use keys::StreamKeys;
pub use link::{FarReport, LinkReport, ReceiveReport, SendReport, UdpState};
pub use plane::{MediaPlane, PlaneCounters};
pub use sink::MediaSink;

use crate::domain::peer_id::PeerId;
use crate::domain::stream::StreamFormat;
use crate::priority::Raised;
use crate::protocol::frame::ReceivedFrame;

/// Where sealed packets go that UDP does not carry. Bounded by whoever makes it; a packet that finds
/// it full is dropped and counted.
pub type FallbackOut = tokio::sync::mpsc::Sender<(PeerId, Vec<u8>)>;

/// Which sockets to open.
#[derive(Debug, Clone, Default)]
pub struct MediaBind {
    /// Names of interfaces; none is all of them.
    pub ifaces: Vec<String>,
    /// UDP port; `None` lets the system choose.
    pub port: Option<u16>,
    /// The detour over the control path; without one there is none.
    pub fallback: Option<FallbackOut>,
}

/// Everything about one link that the control path agreed on.
#[derive(Debug)]
pub struct LinkSpec {
    /// The other end.
    pub peer: PeerId,
    /// What we offered: we seal with it.
    pub send: StreamKeys,
    /// What they offered: we open with it.
    pub receive: StreamKeys,
    /// Where they say they can be reached, best first.
    pub remote: Vec<SocketAddr>,
    /// Where their frames go.
    pub frames: rtrb::Producer<ReceivedFrame>,
    /// The form of their stream.
    pub format: StreamFormat,
}

/// What the media path tells, by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// UDP works both ways.
    UdpUp {
        /// With whom.
        peer: PeerId,
        /// At which address.
        addr: SocketAddr,
    },
    /// Nothing authentic came for two seconds, or the other end says so of us.
    UdpSilent {
        /// With whom.
        peer: PeerId,
    },
    /// Packets go to another address from now on.
    Moved {
        /// Whose.
        peer: PeerId,
        /// Where.
        addr: SocketAddr,
    },
    /// Whether the receive threads were raised.
    ReceivePriority(Raised),
}

/// Why the media path cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// Choose another name.
    #[error("there is no network interface {0:?}")]
    NoInterface(String),
    /// Choose another port, or none.
    #[error("UDP port {0} is taken by another program")]
    PortTaken(u16),
    /// No UDP socket at all.
    #[error("open a UDP socket: {0}")]
    Bind(#[source] io::Error),
    /// No thread.
    #[error("start a receive thread: {0}")]
    Thread(#[source] io::Error),
    /// No keys.
    #[error("the system gives no random numbers: {0}")]
    Randomness(String),
    /// Generate new ones: these were used for a link that has ended, and no packet number may be
    /// sealed or accepted twice.
    #[error("the keys of a stream were used before")]
    KeysUsed,
    /// Keys the cipher refuses.
    #[error("the keys of a stream do not work")]
    Keys,
    /// The encoder thread or a receive thread takes no commands: it has ended.
    #[error("the media threads do not answer")]
    Stalled,
}

impl MediaError {
    /// What a person can do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NoInterface(_) => {
                "Choose one of the interfaces that `ip link` shows, or none for all of them."
            }
            Self::PortTaken(_) => "Choose another port, or leave it out to get a free one.",
            Self::Bind(_) => "Check that the network is up and that UDP is allowed.",
            Self::Thread(_) => "Raise the limit of processes (ulimit -u), or close other programs.",
            Self::Randomness(_) => "Check that /dev/urandom is there.",
            Self::KeysUsed | Self::Keys => "Join again: both sides then make new keys.",
            Self::Stalled => "Start the peer again.",
        }
    }
}

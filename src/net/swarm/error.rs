//! What can go wrong between peers, in words: what failed, why, what to do now.

use std::error::Error;
use std::fmt;
use std::io;

use crate::domain::peer_id::PeerId;
use crate::net::interfaces::UnknownInterface;

/// Why the control path could not start at all.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// A named interface does not exist.
    #[error(transparent)]
    UnknownInterface(#[from] UnknownInterface),
    /// The fixed port is in use by another program.
    #[error("port {port} is already in use")]
    PortTaken {
        /// The port asked for.
        port: u16,
    },
    /// `SSLKEYLOGFILE` is set: the TLS library would write the keys of every connection there.
    #[error("SSLKEYLOGFILE is set, which would write the keys of every connection to a file")]
    KeyLog,
    /// The system refused something a peer cannot do without.
    #[error("{operation}: {source}")]
    System {
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Called where no tokio runtime runs: a mistake of the caller.
    #[error("the control path needs a running tokio runtime")]
    NoRuntime,
}

impl NetError {
    /// What to do now, as a sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::UnknownInterface(_) => "Name one of those with --iface, or leave it out to use all.",
            Self::PortTaken { .. } => "Choose another port, or leave it out to take any free one.",
            Self::KeyLog => "Start jamtty without it: env -u SSLKEYLOGFILE jamtty",
            Self::System { .. } => "Run `jamtty doctor` to see what this machine allows.",
            Self::NoRuntime => "Report this: it is a bug in jamtty.",
        }
    }
}

/// Why a peer could not be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialFailure {
    /// The text is not an address.
    BadAddress {
        /// The text, made safe to print.
        text: String,
    },
    /// Nothing is known about where this peer is.
    NoAddress,
    /// This machine has no way to that network.
    NoRoute,
    /// The machine answers; nothing listens on that port.
    Refused,
    /// No answer at all.
    TimedOut,
    /// Somebody answers there, but with another key.
    WrongKey {
        /// Who answers.
        found: PeerId,
    },
    /// That address is this peer's own.
    Myself,
    /// This peer has blocked them.
    Blocked,
    /// They closed the connection at once.
    TurnedAway,
    /// Another program answers there.
    NotJamtty,
    /// They speak another version of the control path.
    Version {
        /// What we speak.
        ours: String,
        /// What they speak, made safe to print.
        theirs: String,
    },
    /// Our own limit of connections is reached.
    TooMany,
    /// With `--iface lo` nothing outside this machine is reached.
    OutsideIfaces,
    /// Anything else, in the network library's words.
    Other {
        /// The words, made safe to print.
        words: String,
    },
}

impl DialFailure {
    /// Why, in lower case and without a full stop.
    #[must_use]
    pub fn why(&self) -> String {
        match self {
            Self::BadAddress { text } => format!("{text:?} is not an address"),
            Self::NoAddress => "no address of theirs is known".to_owned(),
            Self::NoRoute => "this machine has no route to their network".to_owned(),
            Self::Refused => "their machine answers, but nothing listens on that port".to_owned(),
            Self::TimedOut => "no answer came".to_owned(),
            Self::WrongKey { found } => {
                format!("somebody else answers there, with key {}", found.fingerprint())
            }
            Self::Myself => "that address is this peer's own".to_owned(),
            Self::Blocked => "you have blocked them".to_owned(),
            Self::TurnedAway => "they closed the connection at once".to_owned(),
            Self::NotJamtty => "another program answers there".to_owned(),
            Self::Version { ours, theirs } => format!("they speak {theirs}, this jamtty speaks {ours}"),
            Self::TooMany => "this peer has reached its limit of connections".to_owned(),
            Self::OutsideIfaces => "they are not on the interfaces this peer may use".to_owned(),
            Self::Other { words } => words.clone(),
        }
    }

    /// What to do now, as a sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::BadAddress { .. } => "Give a ticket, or an address with its port, as in 192.168.1.20:4242.",
            Self::NoAddress => "Wait until they are in the lobby, or ask them for a ticket.",
            Self::NoRoute => "Check that the cable or the Wi-Fi is connected and on the same network.",
            Self::Refused => "Ask whether their jamtty still runs, and for a new ticket: ports change.",
            Self::TimedOut => {
                "Check that both are on the same network and that no firewall or guest Wi-Fi stands between."
            }
            Self::WrongKey { .. } => "Ask them for a new ticket, and compare fingerprints aloud.",
            Self::Myself => "Give the address of the other peer.",
            Self::Blocked => "Unblock them first.",
            Self::TurnedAway => "They may have blocked you or be full: ask them.",
            Self::NotJamtty => "Check the address and the port with them.",
            Self::Version { .. } => "Both update to the same version.",
            Self::TooMany => "Leave or remove somebody first.",
            Self::OutsideIfaces => "Start again with the interface that leads to them in --iface.",
            Self::Other { .. } => "Run `jamtty doctor` on both machines.",
        }
    }
}

impl fmt::Display for DialFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why())
    }
}

impl std::error::Error for DialFailure {}

/// Why a control link that was up is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisconnectReason {
    /// They took their leave: the program ends or it wants no more of us.
    Goodbye,
    /// We were told to.
    Asked,
    /// We have blocked them.
    Blocked,
    /// Nothing came from them any more: a cable, a crash, a sleeping machine.
    Silent,
    /// The connection broke.
    Broken,
    /// They made a new connection while the old one seemed alive to us.
    Replaced,
    /// They did not take what we sent: the queue of waiting frames was full.
    TooSlow,
    /// They announced a frame longer than the limit.
    FrameTooLong {
        /// Its length, in bytes.
        bytes: u32,
    },
    /// Several frames could not be understood.
    BadFrames {
        /// How many.
        count: u32,
    },
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Goodbye => f.write_str("they left"),
            Self::Asked => f.write_str("disconnected on request"),
            Self::Blocked => f.write_str("blocked"),
            Self::Silent => f.write_str("they fell silent"),
            Self::Broken => f.write_str("the connection broke"),
            Self::Replaced => f.write_str("they connected anew"),
            Self::TooSlow => f.write_str("they take messages too slowly"),
            Self::FrameTooLong { bytes } => {
                write!(f, "they sent a message of {bytes} bytes, which is over the limit")
            }
            Self::BadFrames { count } => write!(f, "they sent {count} messages that make no sense"),
        }
    }
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// There is no control link to that peer now.
    #[error("they are not connected")]
    NotConnected,
    /// It is longer than the limit when encoded.
    #[error("the message has {bytes} bytes, which is over the limit")]
    TooLong {
        /// Its length when encoded, in bytes.
        bytes: usize,
    },
}

/// All that an error and what it wraps say, in lower case.
///
/// libp2p's layers wrap the system's error in their own, some by its text alone: kinds are lost.
pub(super) fn words_of(error: &io::Error) -> String {
    let mut words = error.to_string();
    let mut inner: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(source) = inner {
        words.push_str(": ");
        words.push_str(&source.to_string());
        inner = source.source();
    }
    words.to_lowercase()
}

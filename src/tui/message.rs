//! What comes to the screen, and what it asks for: one closed set each way.

use serde_json::Value;

use super::key::Key;
use super::mouse::Gesture;
use crate::peer::api::{ErrorReply, EventLine};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A key was pressed.
    Key(Key),
    /// The mouse did that in this column and row.
    Mouse(Gesture, u16, u16),
    /// Text was pasted: it goes into an open field, and nowhere else.
    Paste(String),
    /// The terminal has this many columns and rows now.
    Resized(u16, u16),
    /// From the running peer.
    Peer(PeerNews),
    /// The house band, which we started, ended by itself.
    BandEnded(String),
    /// Back from the shell.
    Resumed,
    /// A moment that was waited for.
    Wake,
}

/// What comes over the socket.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerNews {
    /// There is a connection.
    Up,
    /// There is none, or no longer; it is tried again.
    Lost(Box<ErrorReply>),
    /// The answer to an [`Effect::Ask`].
    Reply {
        /// Of the request.
        id: u64,
        /// What was given, or why not.
        result: Result<Value, Box<ErrorReply>>,
    },
    /// Something happened there.
    Event(Box<EventLine>),
}

/// What is to be done outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A request to the peer.
    Ask {
        /// Comes back with the reply.
        id: u64,
        /// What to do.
        action: String,
        /// With what.
        args: Vec<String>,
    },
    /// The house band begins to play.
    StartBand,
    /// The house band ends.
    StopBand,
    /// The first steps are done: they do not come by themselves again.
    Welcomed,
    /// Everything is drawn anew.
    Redraw,
    /// The mouse is ours, or the terminal's.
    Mouse(bool),
    /// Back to the shell until it says otherwise.
    Suspend,
    /// The screen closes.
    Quit(How),
}

/// How the screen closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The peer plays on.
    Detach,
    /// The peer ends too.
    EndPeer,
}

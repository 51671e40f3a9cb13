//! What comes into `update` and what goes out of it: closed enums, plain values, nothing that runs.
//!
//! The other parts of the program have types of their own; `effects` translates, so that what the
//! peer decides can be read and tested without any of them.

use super::api::{ErrorReply, Event, Interface, ReplyLine, RequestLine};
use super::run::{Begin, ExitReason};
use super::socket::server::ClientId;

mod incoming;
mod outgoing;
mod readings;
mod record;

pub use incoming::{CardMessage, DiskMessage, MediaMessage, NetMessage, SoundMessage, Unreached};
pub use outgoing::{CardEffect, DiskEffect, MediaEffect, NetEffect, SoundEffect};
pub use readings::{LinkReading, Readings};
pub use record::{LibraryOrder, RecordEffect, RecordMessage};

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
    /// From the recorder, the library, and the key that signs.
    Record(RecordMessage),
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
    /// By the recorder, the library, or the key that signs.
    Record(RecordEffect),
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

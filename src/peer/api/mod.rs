//! What crosses the local socket: one JSON object a line, each with `"v":1`.
//!
//! A client sends [`RequestLine`]s and gets one [`ReplyLine`] for each, in any order, told apart by
//! `id`. After `watch` it also gets [`EventLine`]s. `docs/socket.md` is the same for people; a test
//! holds the two together. Nothing here knows a socket, a clock or another part of the peer.

mod event;
mod reply;
mod request;
mod rounded;
mod values;

#[cfg(test)]
mod document;

pub use event::{Event, EventLine};
pub use reply::{ErrorCode, ErrorReply, ReplyLine};
pub use request::{ACTIONS, ActionSpec, RequestLine};
pub use values::{
    Answer, BrokenTake, Card, CardClock, Cards, Delay, Doctor, Finding, Format, Gap, GapWhy, InputLevel,
    Inputs, Interface, Jam, Joined, Levels, Link, LinkFigures, Links, ListedCard, ListedJam, ListedPerson,
    Listing, LogEntry, LogWhat, Mark, Me, Mic, MicState, Participant, Path, Person, Place, Recorded,
    Recording, RecordingNow, RoundTrip, Status, Strip, TakeCard, TakeFinding, TakeGone, TakeKind, TakeMoved,
    TakeShown, TakeState, TakeTrack, TakeVerified, Takes, ThreadPriority, Ticket, Topic, TrackKind,
    WithdrawOutcome, Withdrawal,
};

/// The version of every line. A line of another version is answered with [`ErrorCode::Version`].
pub const API_VERSION: u32 = 1;

/// The longest line either side takes, in bytes, newline included. A longer one is answered with
/// [`ErrorCode::Usage`] and skipped to its end.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_takes_numbers_as_text() -> Result<(), serde_json::Error> {
        let line: RequestLine = serde_json::from_str(r#"{"v":1,"id":7,"do":"fader","args":["Bo",-3]}"#)?;
        assert_eq!(line.args, ["Bo", "-3"]);
        assert!(serde_json::from_str::<RequestLine>(r#"{"v":1,"do":"x","args":[{}]}"#).is_err());
        Ok(())
    }

    #[test]
    fn an_event_is_one_flat_object_with_its_name() -> Result<(), serde_json::Error> {
        let who = Person { key: "00".repeat(32), name: "Bo".to_owned() };
        let line = EventLine { v: 1, at: "2026-11-22T00:00:00Z".to_owned(), event: Event::PeerGone { who } };
        let text = serde_json::to_string(&line)?;
        assert!(
            text.starts_with(r#"{"v":1,"at":"2026-11-22T00:00:00Z","event":"peer_gone","who":"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<EventLine>(&text)?, line);
        Ok(())
    }

    #[test]
    fn every_action_has_one_name_and_every_code_its_own_number() {
        for (index, action) in ACTIONS.iter().enumerate() {
            assert!(ACTIONS[..index].iter().all(|other| other.name != action.name), "{}", action.name);
            assert!(!action.help.is_empty() && !action.help.ends_with('.'), "{}", action.name);
        }
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from(code.exit_code()), code);
        }
    }
}

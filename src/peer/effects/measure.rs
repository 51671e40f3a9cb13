//! The round trip of our own card: waited for and looked for on a thread of its own.

use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::audio::round_trip::{Measure, NotHeard, RoundTrip};
use crate::peer::api::{self, ErrorCode, ErrorReply};
use crate::peer::message::{Ask, Message, SoundMessage};

/// A measure takes one second of the card's time. One that takes this long has no card that runs.
const PATIENCE: Duration = Duration::from_secs(4);

/// Answers `ask` by a message when it is known.
pub(super) fn begin(measure: Measure, ask: Ask, answers: mpsc::Sender<Message>) -> Option<Message> {
    let work = move || {
        // The peer is ending if nobody takes it.
        let _ = answers.blocking_send(measured(ask, measure.wait(PATIENCE)));
    };
    let started = thread::Builder::new().name("jamtty-measure".to_owned()).spawn(work);
    started.err().map(|error| {
        let remedy = "Close other programs and try again";
        let error = ErrorReply::new(ErrorCode::Failed, "nothing was measured", error.to_string(), remedy);
        Message::Sound(SoundMessage::Measured { ask, found: Err(error) })
    })
}

/// What `ask` is answered.
pub(super) fn measured(ask: Ask, found: Result<RoundTrip, NotHeard>) -> Message {
    let found = found.map_err(refusal).map(|found| api::RoundTrip {
        round_trip_ms: found.ms,
        round_trip_samples: found.samples,
        heard_db: found.heard_db,
    });
    Message::Sound(SoundMessage::Measured { ask, found })
}

fn refusal(why: NotHeard) -> ErrorReply {
    let (code, remedy) = match why {
        NotHeard::Silent => (
            ErrorCode::Failed,
            "Join output and input with a cable, or hold a headphone to the microphone, and turn both up",
        ),
        NotHeard::SomethingElse => (
            ErrorCode::Failed,
            "Join output and input with a cable, or hold a headphone to the microphone where it is quiet, louder",
        ),
        NotHeard::CardStandsStill => {
            (ErrorCode::Audio, "Choose another card from `jamtty audio ls`, or run `jamtty doctor`")
        }
    };
    ErrorReply::new(code, "the round trip was not measured", why.to_string(), remedy)
}

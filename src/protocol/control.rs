//! What peers say to each other on the session stream, and how it is written.
//!
//! Every message is one CBOR map `{"v": version, "m": message}`, at most [`MESSAGE_BYTES_MAX`].
//! Unknown fields are skipped. A message of another version is not read any further: the answer is
//! `{"speaks": ours, "heard": theirs}`, a form that never changes, so that every version can say both.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::cbor;
use crate::domain::peer_id::PeerId;
use crate::domain::profile::Profile;
use crate::domain::roster::{Addrs, Participant, ROSTER_MAX, Seat, Seniority};
use crate::domain::session::{SessionId, SessionState};
use crate::domain::stream::StreamFormat;

/// The version of the control protocol this program speaks.
pub const PROTOCOL_VERSION: u16 = 1;

/// Bytes of one encoded message. A full roster takes about 50,000; larger messages are refused unread.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Characters of a chat line; longer ones are refused, not cut: half a sentence may mean the opposite.
pub const CHAT_CHARS_MAX: usize = 500;

/// Addresses in one media offer; an offer with more is refused.
pub const MEDIA_ADDRS_MAX: usize = 16;

/// Bytes of one SPAKE2 message: a side and a point.
pub const PAKE_BYTES: usize = 33;

/// One message between two peers.
///
/// `net` moves them and looks inside none; who sent it is what the connection proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlMessage {
    /// Let me in. To a steward; others answer with `Redirect`.
    Join(JoinRequest),
    /// Ask the steward instead.
    Redirect(Redirect),
    /// Steward to newcomer: my half of the code word exchange.
    CodeChallenge(CodeChallenge),
    /// Newcomer to steward: proof that I know the code word.
    CodeProof(CodeProof),
    /// Steward to newcomer: you are in.
    Admitted(Admitted),
    /// Steward to newcomer: you are not.
    Refused(Refused),
    /// The newest state, first hand or passed on.
    Snapshot(Snapshot),
    /// I am here, this is the state I follow, these are those I hear. Twice a second.
    Pulse(Pulse),
    /// My own line of the roster, changed, or to be seated again after a split.
    Line(Line),
    /// From a steward that yields to an older half: whom it had.
    Merge(Snapshot),
    /// Steward to the removed one.
    Removed(Removed),
    /// I go.
    Goodbye(Goodbye),
    /// A line for everyone; sent to each.
    Chat(Chat),
    /// The keys I will send sound with, and where I take yours.
    MediaOffer(MediaOffer),
    /// Which way my sound takes to you from now on.
    MediaPath(MediaPath),
    /// Answer to a message of another version. Never answered.
    VersionRefused(VersionRefused),
    /// Made by [`ControlMessage::decode`] of any message in another version; cannot be sent.
    #[serde(skip)]
    OtherVersion {
        /// The version they wrote in.
        theirs: u16,
    },
}

/// See [`ControlMessage::Join`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// Which session; `None` is the one the receiver sits in.
    #[serde(default)]
    pub session: Option<SessionId>,
    /// Player or listener.
    pub seat: Seat,
    /// Who I am.
    pub profile: Profile,
    /// Where my control path listens.
    #[serde(default)]
    pub addrs: Addrs,
    /// My half of the code word exchange, [`PAKE_BYTES`] bytes, if I was given a code word.
    #[serde(default)]
    pub pake: Option<Vec<u8>>,
}

/// See [`ControlMessage::Redirect`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// Which session.
    pub session: SessionId,
    /// Who admits.
    pub steward: PeerId,
    /// Where they listen.
    #[serde(default)]
    pub addrs: Addrs,
}

/// See [`ControlMessage::CodeChallenge`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChallenge {
    /// Which session; part of what both sides prove.
    pub session: SessionId,
    /// [`PAKE_BYTES`] bytes.
    pub pake: Vec<u8>,
}

/// See [`ControlMessage::CodeProof`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeProof {
    /// Keyed hash over the whole exchange.
    pub mac: [u8; 32],
}

/// See [`ControlMessage::Admitted`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// The session, newcomer included.
    pub state: SessionState,
    /// What members prove their membership with, to those who do not know them yet.
    pub secret: [u8; 32],
    /// Proof that the steward knows the code word; `None` if the session is open.
    #[serde(default)]
    pub mac: Option<[u8; 32]>,
}

/// See [`ControlMessage::Refused`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why.
    pub reason: RefusedReason,
}

/// Why a steward does not admit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedReason {
    /// All seats are taken.
    Full {
        /// How many seats there are.
        size_limit: u8,
    },
    /// The session is closed: a code word is needed.
    CodeNeeded,
    /// The code word is not the session's.
    CodeWrong,
    /// Too many guesses of late.
    TooManyTries {
        /// Seconds to wait.
        wait_s: u16,
    },
    /// This key was removed from the session.
    Removed,
    /// They sit in no session, or in another.
    NoSuchSession,
    /// They have more newcomers than they can answer at once.
    Busy,
}

/// See [`ControlMessage::Snapshot`] and [`ControlMessage::Merge`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The state.
    pub state: SessionState,
    /// The steward's heartbeat when this was sent, first hand or as heard.
    pub beat: u64,
    /// Proof that the sender was admitted once.
    pub proof: [u8; 32],
}

/// See [`ControlMessage::Pulse`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
    /// Which session.
    pub session: SessionId,
    /// Whose line of states I follow.
    pub lead: Seniority,
    /// Its newest version I have.
    pub version: u64,
    /// The newest heartbeat of that steward I know of.
    pub beat: u64,
    /// Whether that heartbeat stands still for me.
    #[serde(default)]
    pub lost: bool,
    /// Whom I hear myself.
    pub hears: Vec<PeerId>,
    /// Proof that the sender was admitted once.
    pub proof: [u8; 32],
}

/// See [`ControlMessage::Line`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which session.
    pub session: SessionId,
    /// The line; its peer is the sender, or whom the sender passes it on for.
    pub participant: Participant,
    /// Proof that the sender was admitted once.
    pub proof: [u8; 32],
}

/// See [`ControlMessage::Removed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// From which session.
    pub session: SessionId,
    /// Whose line of states says so: it must be older than the one the removed peer follows.
    pub lead: Seniority,
    /// Proof that the sender was admitted once.
    pub proof: [u8; 32],
}

/// See [`ControlMessage::Goodbye`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// Which session is left.
    pub session: SessionId,
    /// The state without the one who goes, if they were its steward.
    #[serde(default)]
    pub state: Option<SessionState>,
}

/// See [`ControlMessage::Chat`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Which session.
    pub session: SessionId,
    /// At most [`CHAT_CHARS_MAX`] characters; made safe before it is shown.
    pub text: String,
}

/// The keys one side sends its sound with, and where it takes the other's. See [`ControlMessage::MediaOffer`].
///
/// A link is my offer and theirs. `Debug` shows no key; keys leave memory when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaOffer {
    /// Grows with every offer to the same peer, so that both ends can name one.
    pub generation: u32,
    /// SSRC of my packets.
    pub ssrc: u32,
    /// AES-128 key of my packets.
    pub key: [u8; 16],
    /// SRTP salt of my packets.
    pub salt: [u8; 12],
    /// Where I receive; at most [`MEDIA_ADDRS_MAX`].
    pub addrs: Vec<SocketAddr>,
    /// The form of my stream.
    pub format: StreamFormat,
}

impl fmt::Debug for MediaOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaOffer")
            .field("generation", &self.generation)
            .field("ssrc", &self.ssrc)
            .field("addrs", &self.addrs)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Drop for MediaOffer {
    fn drop(&mut self) {
        self.key.zeroize();
        self.salt.zeroize();
    }
}

/// Which way sound takes. See [`ControlMessage::MediaPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaPath {
    /// UDP packets: the usual way.
    Udp,
    /// A stream of the control path, because UDP does not get through: later, but heard.
    Stream,
}

/// See [`ControlMessage::VersionRefused`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRefused {
    /// The version the sender of this speaks.
    pub speaks: u16,
    /// The version it heard from us.
    pub heard: u16,
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// More than [`MESSAGE_BYTES_MAX`].
    #[error("a message of {0} bytes, more than {MESSAGE_BYTES_MAX}")]
    TooLong(usize),
    /// Not a message of our version.
    #[error("not a control message")]
    Malformed,
}

impl ControlMessage {
    /// The message as CBOR, at most [`MESSAGE_BYTES_MAX`] bytes for all that the machines send.
    ///
    /// `OtherVersion` is written as the refusal that answers it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::VersionRefused(refusal) => cbor::encode(refusal),
            Self::OtherVersion { theirs } => {
                cbor::encode(&VersionRefused { speaks: PROTOCOL_VERSION, heard: *theirs })
            }
            message => cbor::encode(&Envelope { v: PROTOCOL_VERSION, m: message }),
        }
    }

    /// Reads a message, and checks every bound its types do not hold by themselves.
    ///
    /// A message of another version reads as [`ControlMessage::OtherVersion`]: give it to the
    /// session machine, which answers.
    ///
    /// # Errors
    /// [`ControlError`] for what is too long or no message of our version.
    pub fn decode(bytes: &[u8]) -> Result<Self, ControlError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(ControlError::TooLong(bytes.len()));
        }
        let head: Head = cbor::decode(bytes).map_err(|_| ControlError::Malformed)?;
        match head {
            Head { speaks: Some(speaks), heard: Some(heard), .. } => {
                Ok(Self::VersionRefused(VersionRefused { speaks, heard }))
            }
            Head { v: Some(v), .. } if v == PROTOCOL_VERSION => {
                let OwnedEnvelope { m } = cbor::decode(bytes).map_err(|_| ControlError::Malformed)?;
                if m.is_bounded() { Ok(m) } else { Err(ControlError::Malformed) }
            }
            Head { v: Some(theirs), .. } => Ok(Self::OtherVersion { theirs }),
            Head { .. } => Err(ControlError::Malformed),
        }
    }

    /// Whether the lists and texts inside keep their bounds.
    fn is_bounded(&self) -> bool {
        match self {
            Self::Join(join) => join.pake.as_ref().is_none_or(|pake| pake.len() == PAKE_BYTES),
            Self::CodeChallenge(challenge) => challenge.pake.len() == PAKE_BYTES,
            Self::Pulse(pulse) => pulse.hears.len() <= ROSTER_MAX,
            Self::Chat(chat) => chat.text.chars().count() <= CHAT_CHARS_MAX,
            Self::MediaOffer(offer) => {
                offer.addrs.len() <= MEDIA_ADDRS_MAX && offer.format.validated().is_ok()
            }
            Self::Redirect(_)
            | Self::CodeProof(_)
            | Self::Admitted(_)
            | Self::Refused(_)
            | Self::Snapshot(_)
            | Self::Line(_)
            | Self::Merge(_)
            | Self::Removed(_)
            | Self::Goodbye(_)
            | Self::MediaPath(_)
            | Self::VersionRefused(_)
            | Self::OtherVersion { .. } => true,
        }
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("state", &self.state).finish_non_exhaustive()
    }
}

/// What every version has on top.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    v: Option<u16>,
    #[serde(default)]
    speaks: Option<u16>,
    #[serde(default)]
    heard: Option<u16>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    v: u16,
    m: &'a ControlMessage,
}

#[derive(Deserialize)]
struct OwnedEnvelope {
    m: ControlMessage,
}

#[cfg(test)]
mod tests {
    use ciborium::{Value, cbor};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::name::Name;
    use crate::domain::profile::INSTRUMENTS_MAX;
    use crate::domain::roster::{MicState, Presence, Roster};
    use crate::domain::session::{Door, REMOVED_MAX, SIZE_MAX};
    use crate::domain::stream::Codec;
    use crate::protocol::cases;

    fn peer(index: usize) -> PeerId {
        PeerId::from_bytes(std::array::from_fn(|i| 255 - (i as u8 ^ index as u8) % 100))
    }

    fn participant(index: usize, name: &str) -> Participant {
        Participant {
            peer: peer(index),
            profile: Profile::new(name, &[name; INSTRUMENTS_MAX]),
            seat: Seat::Listener,
            mic: MicState::Panic,
            presence: Presence::Away,
            standing: i64::MIN + index as i64,
            revision: u64::MAX,
            incarnation: u64::MAX,
            addrs: Addrs::from(vec!["x".repeat(128); 8]),
        }
    }

    fn state(size: usize, name: &str) -> SessionState {
        let list: Vec<Participant> = (0..size).map(|index| participant(index, name)).collect();
        SessionState {
            id: SessionId::from_bytes([255; 16]),
            name: Name::new(name),
            door: Door::Closed,
            size_limit: SIZE_MAX,
            steward: peer(0),
            version: u64::MAX,
            roster: Roster::try_from(list).unwrap(),
            removed: (0..REMOVED_MAX).map(|index| peer(index + 40)).collect(),
        }
    }

    fn offer() -> MediaOffer {
        MediaOffer {
            generation: 3,
            ssrc: 4,
            key: [5; 16],
            salt: [6; 12],
            addrs: vec!["[fe80::1]:4001".parse().unwrap(), "10.0.0.1:1".parse().unwrap()],
            format: StreamFormat::pcm(Codec::Pcm16, 1, 64).unwrap(),
        }
    }

    fn one_of_each() -> Vec<ControlMessage> {
        let session = SessionId::from_bytes([1; 16]);
        let snapshot = Snapshot { state: state(3, "Ana"), beat: 1, proof: [2; 32] };
        let lead = Seniority { standing: -1, peer: peer(1), incarnation: 7 };
        vec![
            ControlMessage::Join(JoinRequest {
                session: Some(session),
                seat: Seat::Player,
                profile: Profile::new("Ana", &["bass"]),
                addrs: Addrs::default(),
                pake: Some(vec![7; PAKE_BYTES]),
            }),
            ControlMessage::Redirect(Redirect { session, steward: peer(1), addrs: Addrs::default() }),
            ControlMessage::CodeChallenge(CodeChallenge { session, pake: vec![7; PAKE_BYTES] }),
            ControlMessage::CodeProof(CodeProof { mac: [3; 32] }),
            ControlMessage::Admitted(Admitted { state: state(2, "Bo"), secret: [4; 32], mac: Some([5; 32]) }),
            ControlMessage::Refused(Refused { reason: RefusedReason::Full { size_limit: 8 } }),
            ControlMessage::Refused(Refused { reason: RefusedReason::CodeNeeded }),
            ControlMessage::Refused(Refused { reason: RefusedReason::TooManyTries { wait_s: 40 } }),
            ControlMessage::Snapshot(snapshot.clone()),
            ControlMessage::Pulse(Pulse {
                session,
                lead,
                version: 5,
                beat: 6,
                lost: true,
                hears: vec![peer(2)],
                proof: [8; 32],
            }),
            ControlMessage::Line(Line { session, participant: participant(1, "Cy"), proof: [9; 32] }),
            ControlMessage::Merge(snapshot),
            ControlMessage::Removed(Removed { session, lead, proof: [1; 32] }),
            ControlMessage::Goodbye(Goodbye { session, state: Some(state(1, "Di")) }),
            ControlMessage::Chat(Chat { session, text: "hello".into() }),
            ControlMessage::MediaOffer(offer()),
            ControlMessage::MediaPath(MediaPath::Stream),
            ControlMessage::VersionRefused(VersionRefused { speaks: 1, heard: 2 }),
        ]
    }

    fn written(value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn every_message_reads_back() {
        for message in one_of_each() {
            let bytes = message.encode();
            assert_eq!(ControlMessage::decode(&bytes), Ok(message));
        }
    }

    #[test]
    fn the_fullest_state_fits_one_message() {
        let widest = "𝄞".repeat(32);
        let state = state(ROSTER_MAX, &widest);
        let admitted = ControlMessage::Admitted(Admitted { state, secret: [255; 32], mac: Some([255; 32]) });
        let bytes = admitted.encode();
        assert!(bytes.len() <= MESSAGE_BYTES_MAX, "{} bytes", bytes.len());
        assert_eq!(ControlMessage::decode(&bytes), Ok(admitted));
    }

    #[test]
    fn unknown_fields_are_skipped() {
        let value = cbor!({
            "v" => 1, "later" => [1, {"deep" => null}],
            "m" => {"media_path" => "udp"}
        });
        assert_eq!(
            ControlMessage::decode(&written(&value.unwrap())),
            Ok(ControlMessage::MediaPath(MediaPath::Udp))
        );
        let value = cbor!({
            "v" => 1,
            "m" => {"chat" => {"session" => [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15], "colour" => "red", "text" => "hi"}}
        });
        let chat = ControlMessage::decode(&written(&value.unwrap()));
        assert!(matches!(chat, Ok(ControlMessage::Chat(chat)) if chat.text == "hi"));
    }

    #[test]
    fn another_version_is_named_and_the_refusal_is_read_by_all() {
        let value = cbor!({"v" => 2, "m" => {"unheard_of" => 1}}).unwrap();
        let message = ControlMessage::decode(&written(&value));
        assert_eq!(message, Ok(ControlMessage::OtherVersion { theirs: 2 }));
        let answer = message.unwrap().encode();
        let refusal = VersionRefused { speaks: PROTOCOL_VERSION, heard: 2 };
        assert_eq!(ControlMessage::decode(&answer), Ok(ControlMessage::VersionRefused(refusal)));
    }

    #[test]
    fn what_breaks_a_bound_is_refused() {
        let session = SessionId::from_bytes([1; 16]);
        let long = Chat { session, text: "x".repeat(CHAT_CHARS_MAX + 1) };
        let mut many = offer();
        many.addrs = vec!["10.0.0.1:1".parse().unwrap(); MEDIA_ADDRS_MAX + 1];
        let hears = vec![peer(1); ROSTER_MAX + 1];
        let lead = Seniority { standing: 0, peer: peer(1), incarnation: 7 };
        let pulse = Pulse { session, lead, version: 0, beat: 0, lost: false, hears, proof: [0; 32] };
        for message in [
            ControlMessage::Chat(long),
            ControlMessage::MediaOffer(many),
            ControlMessage::Pulse(pulse),
            ControlMessage::CodeChallenge(CodeChallenge { session, pake: vec![0; 34] }),
        ] {
            assert_eq!(ControlMessage::decode(&message.encode()), Err(ControlError::Malformed));
        }
        let megabyte = Chat { session, text: "x".repeat(1_000_000) };
        let bytes = ControlMessage::Chat(megabyte).encode();
        assert_eq!(ControlMessage::decode(&bytes), Err(ControlError::TooLong(bytes.len())));
    }

    #[test]
    fn a_state_without_its_steward_and_a_format_of_nothing_are_refused() {
        let mut state = state(2, "Ana");
        state.steward = peer(9);
        let message = ControlMessage::Snapshot(Snapshot { state, beat: 0, proof: [0; 32] });
        assert_eq!(ControlMessage::decode(&message.encode()), Err(ControlError::Malformed));
        let mut bytes = ControlMessage::MediaOffer(offer()).encode();
        let at = bytes.windows(8).position(|window| window == b"channels").unwrap() + 8;
        bytes[at] = 9;
        assert_eq!(ControlMessage::decode(&bytes), Err(ControlError::Malformed));
    }

    #[test]
    fn keys_and_secrets_are_not_printed() {
        let text = format!("{:?}", ControlMessage::MediaOffer(offer()));
        assert!(!text.contains("key") && !text.contains("salt"), "{text}");
        let admitted = Admitted { state: state(1, "Ana"), secret: [77; 32], mac: Some([78; 32]) };
        let text = format!("{admitted:?}");
        assert!(!text.contains("77, 77") && !text.contains("78, 78"), "{text}");
    }

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = ControlMessage::decode(&bytes);
        }

        #[test]
        fn a_damaged_message_is_a_message_or_an_error_and_what_is_read_is_bounded(
            which in any::<prop::sample::Index>(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
            whole: bool,
        ) {
            let messages = one_of_each();
            let mut bytes = messages[which.index(messages.len())].encode();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if !whole {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Ok(message) = ControlMessage::decode(&bytes) {
                let again = message.encode();
                prop_assert!(again.len() <= MESSAGE_BYTES_MAX);
            }
        }

        #[test]
        fn any_chat_and_any_names_read_back_harmless(text in ".{0,500}", name in ".{0,60}") {
            let session = SessionId::from_bytes([1; 16]);
            let chat = ControlMessage::Chat(Chat { session, text });
            prop_assert_eq!(ControlMessage::decode(&chat.encode()), Ok(chat));
            let line = Line { session, participant: participant(1, &name), proof: [0; 32] };
            let line = ControlMessage::Line(line);
            prop_assert_eq!(ControlMessage::decode(&line.encode()), Ok(line));
        }
    }
}

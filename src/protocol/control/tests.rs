//! Every message there and back, and what is refused.

use ciborium::{Value, cbor};
use proptest::prelude::*;

use super::*;
use crate::domain::badge::{Avatar, NameColour};
use crate::domain::mic::MicState;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::profile::{INSTRUMENTS_MAX, INTERESTS_MAX, Profile};
use crate::domain::roster::{Addrs, Participant, Presence, Roster, Seat, Seniority};
use crate::domain::session::{Door, REMOVED_MAX, SIZE_MAX, SessionId, SessionState};
use crate::domain::stream::{Codec, StreamFormat};
use crate::domain::take::{Answer, Consent, Receipt, TakeId, WithdrawOutcome};
use crate::protocol::cases;

fn peer(index: usize) -> PeerId {
    PeerId::from_bytes(std::array::from_fn(|i| 255 - (i as u8 ^ index as u8) % 100))
}

fn participant(index: usize, name: &str) -> Participant {
    // As many texts as a card holds: sixteen of 32 bytes are longer, written, than four of 128.
    let some: String = name.chars().take(8).collect();
    Participant {
        peer: peer(index),
        profile: Profile::new(name, &[some.as_str(); INSTRUMENTS_MAX])
            .interested_in(vec![Name::new(&some); INTERESTS_MAX])
            .coloured(Some(NameColour::Violet))
            .with_avatar(Avatar::parse("𝄞𝄞𝄞𝄞").ok()),
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
    .into_iter()
    .chain(recording().into_iter().map(ControlMessage::Recording))
    .collect()
}

fn recording() -> Vec<RecordingMessage> {
    let (session, take) = (SessionId::from_bytes([1; 16]), TakeId::from_bytes([2; 16]));
    let consent = |answer| Consent { take, who: peer(1), answer, at_unix_ms: 3, signature: [4; 64] };
    let (name, at_unix_ms) = (Name::new("Kitchen blues"), u64::MAX);
    let ask = |kind| RecordingAsk { session, take, kind, name: name.clone(), at_unix_ms };
    vec![
        RecordingMessage::Hello(RecordingHello { session, running: None }),
        RecordingMessage::Hello(RecordingHello { session, running: Some(take) }),
        RecordingMessage::Ask(ask(RecordingKind::Recorded)),
        RecordingMessage::Ask(ask(RecordingKind::Grabbed { seconds_back: GRAB_SECONDS_MAX })),
        RecordingMessage::Answer(consent(Answer::Yes)),
        RecordingMessage::Answer(consent(Answer::Withdrawn)),
        RecordingMessage::Stopped(RecordingStopped { session, take, why: StopWhy::Wanted }),
        RecordingMessage::Withdraw(consent(Answer::Withdrawn)),
        RecordingMessage::WithdrawReceipt(Receipt {
            take,
            whose: peer(1),
            holder: peer(2),
            outcome: WithdrawOutcome::Removed,
            at_unix_ms,
            signature: [5; 64],
        }),
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
        ControlMessage::Recording(RecordingMessage::Ask(RecordingAsk {
            session,
            take: TakeId::from_bytes([2; 16]),
            kind: RecordingKind::Grabbed { seconds_back: GRAB_SECONDS_MAX + 1 },
            name: Name::new("Ana"),
            at_unix_ms: 0,
        })),
        ControlMessage::Recording(RecordingMessage::Withdraw(Consent {
            take: TakeId::from_bytes([2; 16]),
            who: peer(1),
            answer: Answer::Yes,
            at_unix_ms: 0,
            signature: [0; 64],
        })),
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

//! A take there and back, and what a consent signs.

use super::*;

fn player(n: u8) -> Player {
    Player { key: PeerId::from_bytes([n; 32]), name: Name::new("Ana"), instruments: vec![Name::new("bass")] }
}

fn consent(n: u8, answer: Answer) -> Consent {
    let take = TakeId::from_bytes([9; 16]);
    Consent { take, who: PeerId::from_bytes([n; 32]), answer, at_unix_ms: 5, signature: [n; 64] }
}

fn track(number: u16, kind: TrackKind, whose: Option<u8>) -> Track {
    let file = |name: &str, samples| TrackFile {
        name: name.to_owned(),
        format: AudioFormat::Wav,
        samples,
        blake3: String::new(),
    };
    Track {
        number,
        kind,
        player: whose.map(player),
        channels: 1,
        files: vec![file("01_ana.wav", 48_000), file("01_ana_2.wav", 24_000)],
        gaps: vec![Gap { at: 0, samples: 480, why: GapWhy::Away }],
    }
}

fn take() -> Take {
    Take {
        v: TAKE_VERSION,
        id: TakeId::from_bytes([9; 16]),
        name: Name::new("Kitchen blues"),
        jam: Name::new("kitchen"),
        session: "00".repeat(16),
        started: "2026-11-23T18:29:00.000Z".to_owned(),
        started_by: player(1),
        kept_by: player(2),
        kind: TakeKind::Recorded,
        state: TakeState::Ended,
        rate_hz: 48_000,
        length_samples: 72_000,
        round_trip_samples: 128,
        tracks: vec![
            track(1, TrackKind::Own, Some(2)),
            track(2, TrackKind::Heard, Some(1)),
            track(3, TrackKind::Stem, Some(1)),
            track(4, TrackKind::Mix, None),
        ],
        consents: vec![consent(1, Answer::Yes), consent(2, Answer::Yes), consent(1, Answer::Withdrawn)],
        tempo: vec![TempoChange { at: 0, bpm: 92.5, beats: 4 }],
        marks: vec![Mark { at: 100, text: "bridge".to_owned() }],
        log: vec![LogEntry {
            at: 0,
            what: LogWhat::Began,
            who: Some(Name::new("Ana")),
            words: String::new(),
        }],
        tags: vec![Name::new("blues")],
        note: "take the ending from this one".to_owned(),
    }
}

#[test]
fn a_take_reads_back_as_it_was_written() {
    let text = serde_json::to_string_pretty(&take()).unwrap();
    assert_eq!(serde_json::from_str::<Take>(&text).unwrap(), take());
    assert!(text.contains(&"01".repeat(32)), "keys are hex digits");
}

#[test]
fn the_last_word_of_a_person_counts() {
    let take = take();
    assert_eq!(take.answer_of(PeerId::from_bytes([1; 32])), Some(Answer::Withdrawn));
    assert_eq!(take.answer_of(PeerId::from_bytes([2; 32])), Some(Answer::Yes));
    assert_eq!(take.answer_of(PeerId::from_bytes([3; 32])), None);
}

#[test]
fn everyone_on_a_track_is_a_player_once() {
    let take = take();
    let keys: Vec<u8> = take.players().iter().map(|player| player.key.as_bytes()[0]).collect();
    assert_eq!(keys, [2, 1]);
    assert_eq!(take.tracks[0].samples(), 72_000);
}

#[test]
fn every_part_of_a_consent_is_in_what_is_signed() {
    let (take, who) = (TakeId::from_bytes([1; 16]), PeerId::from_bytes([2; 32]));
    let bytes = Consent::signed_bytes(take, who, Answer::Yes, 7);
    assert_eq!(bytes.len(), 73);
    for other in [
        Consent::signed_bytes(TakeId::from_bytes([3; 16]), who, Answer::Yes, 7),
        Consent::signed_bytes(take, PeerId::from_bytes([3; 32]), Answer::Yes, 7),
        Consent::signed_bytes(take, who, Answer::No, 7),
        Consent::signed_bytes(take, who, Answer::Withdrawn, 7),
        Consent::signed_bytes(take, who, Answer::Yes, 8),
    ] {
        assert_ne!(bytes, other);
    }
}

#[test]
fn what_is_no_id_or_signature_is_refused() {
    assert!("xyz".parse::<TakeId>().is_err());
    let mut value = serde_json::to_value(consent(1, Answer::Yes)).unwrap();
    value["signature"] = "12".into();
    assert!(serde_json::from_value::<Consent>(value).is_err());
}

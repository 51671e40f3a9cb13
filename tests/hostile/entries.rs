//! Where bytes of others come in, each as a function of bytes: for the properties beside this file
//! (`main.rs`) and for the fuzzers (`tests/fuzz`), which share it so that neither forgets one.

use std::io::Cursor;
use std::path::Path;

use jamtty::config::file;
use jamtty::domain::stream::{Codec, StreamFormat};
use jamtty::peer::socket::server::parse_request;
use jamtty::protocol::control::ControlMessage;
use jamtty::protocol::lobby::LobbyCard;
use jamtty::protocol::packet::{RtpHeader, claimed_ssrc, is_rtcp, read_payload};
use jamtty::protocol::report::Report;
use jamtty::protocol::ticket::{JoinTarget, Ticket};
use jamtty::store::takes::{WavReader, manifest};

/// An entry: its name, which is the fuzz target's, and what it does with bytes. It may refuse them in
/// words; it may not panic, hang or read without bound.
pub(crate) type Entry = (&'static str, fn(&[u8]));

/// All of them.
pub(crate) const ENTRIES: [Entry; 9] = [
    ("config", config),
    ("control_message", control_message),
    ("lobby_card", lobby_card),
    ("packet", packet),
    ("report", report),
    ("socket_line", socket_line),
    ("take_json", take_json),
    ("take_wav", take_wav),
    ("ticket", ticket),
];

/// Gives these bytes to the entry of this name, which must be one of [`ENTRIES`].
pub(crate) fn take(name: &str, bytes: &[u8]) {
    let entry = ENTRIES.iter().find(|(known, _)| *known == name);
    entry.unwrap_or_else(|| panic!("there is no entry {name}")).1(bytes);
}

/// A datagram of the sound: RTP header and payload, RFC 2198 included, of every form of stream.
fn packet(bytes: &[u8]) {
    let _ = claimed_ssrc(bytes);
    let _ = is_rtcp(bytes);
    let formats = [
        StreamFormat::opus(1, 120, 128),
        StreamFormat::opus(2, 480, 16),
        StreamFormat::pcm(Codec::Pcm16, 1, 64),
        StreamFormat::pcm(Codec::Pcm24, 2, 128),
    ];
    let header = RtpHeader::parse(bytes);
    // As it comes, and as the payload alone: most noise is no header.
    let kinds = [header.map_or(96, |header| header.payload_type), bytes.first().copied().unwrap_or(0) & 0x7F];
    for format in formats.into_iter().flatten() {
        for kind in kinds {
            for payload in [bytes.get(12..), bytes.get(1..)].into_iter().flatten() {
                if let Ok(read) = read_payload(format, kind, payload) {
                    assert_eq!(read.newest.len(), format.frame_bytes());
                    assert!(read.earlier.iter().flatten().all(|block| block.len() == format.frame_bytes()));
                }
            }
        }
    }
}

/// A receiver's report (RTCP).
fn report(bytes: &[u8]) {
    let _ = Report::parse(bytes);
}

/// A message of the session stream.
fn control_message(bytes: &[u8]) {
    if let Ok(message) = ControlMessage::decode(bytes) {
        assert!(ControlMessage::decode(&message.encode()).is_ok());
    }
}

/// What peers show in the lobby.
fn lobby_card(bytes: &[u8]) {
    if let Ok(card) = LobbyCard::decode(bytes) {
        assert!(LobbyCard::decode(&card.encode()).is_ok());
    }
}

/// What is pasted after `jamtty join`.
fn ticket(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = text.parse::<JoinTarget>();
    let marked = format!("jamtty:{text}");
    for text in [&*text, &marked] {
        if let Ok(ticket) = text.parse::<Ticket>() {
            assert!(ticket.to_string().parse::<Ticket>().is_ok());
        }
    }
}

/// A line of the local socket.
fn socket_line(bytes: &[u8]) {
    if let Err(reply) = parse_request(bytes) {
        assert!(!reply.ok && reply.error.is_some());
    }
}

/// What describes a take, in a folder of whoever.
fn take_json(bytes: &[u8]) {
    let path = Path::new("take.json");
    match manifest::parse(path, bytes) {
        Ok(take) => {
            let names = take.tracks.iter().flat_map(|track| &track.files).map(|file| &file.name);
            assert!(
                names.into_iter().all(|name| !name.contains(['/', '\\', '\0']) && !name.starts_with('.'))
            );
            let again = serde_json::to_vec(&take).expect("what was read can be written");
            assert!(manifest::parse(path, &again).is_ok_and(|again| again == take));
        }
        Err(error) => assert!(!error.to_string().is_empty() && !error.remedy().is_empty()),
    }
}

/// A sound file of a take.
fn take_wav(bytes: &[u8]) {
    let Ok(mut reader) = WavReader::open(Cursor::new(bytes)) else { return };
    let mut samples = [0; 64];
    let mut count = 0;
    while let Ok(frames @ 1..) = reader.read(&mut samples) {
        count += frames as u64;
    }
    assert_eq!(count, reader.frames());
}

/// A settings file.
fn config(bytes: &[u8]) {
    if let Err(error) = file::parse(Path::new("config.toml"), &String::from_utf8_lossy(bytes)) {
        assert!(!error.to_string().is_empty());
    }
}

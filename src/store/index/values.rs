//! The index's keys and values as bytes: `[version][postcard]`, and the way from every older version.
//!
//! The structs of a version are written once and never change; `tests/golden/` holds their bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::badge::{Avatar, NameColour};
use crate::domain::level::{Gain, Pan};
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::strip::{DelayMode, StripSettings};

use super::contents::{Blocked, Contents, Person, Profile, RecentJam};

/// Keys and values as they are on the disk.
pub(super) type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// The version values are written in; each kind counts its own.
const VERSION: u8 = 1;

/// The version a profile is written in: 2 has interests, colour and avatar.
const PROFILE_VERSION: u8 = 2;

const PROFILE: &[u8] = b"profile";
const PERSON: &[u8] = b"person/";
const JAM: &[u8] = b"jam/";
const BLOCKED: &[u8] = b"blocked/";
/// Says which state the entries are in; not an entry itself.
const SEAL: &[u8] = b"seal";

/// Why bytes are no entry of the index.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum ValueError {
    /// Written by a newer jamtty.
    #[error("version {found}, this jamtty reads up to {reads}")]
    Newer {
        /// Its version.
        found: u8,
        /// The newest one we know.
        reads: u8,
    },
    /// Not what was written.
    #[error("unreadable entry {0}")]
    Damaged(String),
}

/// Which state the entries are in: proof that all of them are there, and of no other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seal {
    /// Counts commits; the newer of two states has the larger one.
    pub(super) generation: u64,
    digest: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct SealV1 {
    generation: u64,
    digest: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct ProfileV1 {
    name: String,
    instruments: Vec<String>,
    share_name: bool,
    share_instruments: bool,
}

#[derive(Serialize, Deserialize)]
struct ProfileV2 {
    name: String,
    instruments: Vec<String>,
    interests: Vec<String>,
    colour: Option<String>,
    avatar: Option<String>,
    share_name: bool,
    share_instruments: bool,
    share_interests: bool,
    share_colour: bool,
    share_avatar: bool,
}

impl From<ProfileV1> for ProfileV2 {
    /// What version 1 does not know is empty, and shared as soon as it is not.
    fn from(old: ProfileV1) -> Self {
        Self {
            name: old.name,
            instruments: old.instruments,
            interests: Vec::new(),
            colour: None,
            avatar: None,
            share_name: old.share_name,
            share_instruments: old.share_instruments,
            share_interests: true,
            share_colour: true,
            share_avatar: true,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct StripV1 {
    gain: Gain,
    pan: Pan,
    muted: bool,
    solo: bool,
}

#[derive(Serialize, Deserialize)]
enum DelayV1 {
    Auto(f32),
    Fixed(f32),
}

#[derive(Serialize, Deserialize)]
struct PersonV1 {
    strip: Option<StripV1>,
    delay: Option<DelayV1>,
    changed_unix_s: u64,
}

#[derive(Serialize, Deserialize)]
struct JamV1 {
    name: String,
    peers: Vec<[u8; 32]>,
    addresses: Vec<String>,
    at_unix_s: u64,
}

#[derive(Serialize, Deserialize)]
struct BlockedV1 {
    name: String,
    at_unix_s: u64,
}

/// All of `contents` as entries, without a seal.
pub(super) fn encode(contents: &Contents) -> Entries {
    let mut entries = Entries::new();
    if let Some(profile) = &contents.profile {
        entries.insert(PROFILE.to_vec(), value(PROFILE_VERSION, &profile_v2(profile)));
    }
    for (peer, person) in &contents.people {
        entries.insert([PERSON, peer.as_bytes()].concat(), value(VERSION, &person_v1(person)));
    }
    for jam in &contents.jams {
        let stored = JamV1 {
            name: jam.name.as_str().to_owned(),
            peers: jam.peers.iter().map(|peer| *peer.as_bytes()).collect(),
            addresses: jam.addresses.clone(),
            at_unix_s: jam.at_unix_s,
        };
        entries.insert([JAM, jam.session.as_bytes()].concat(), value(VERSION, &stored));
    }
    for blocked in &contents.blocked {
        let stored = BlockedV1 { name: blocked.name.as_str().to_owned(), at_unix_s: blocked.at_unix_s };
        entries.insert([BLOCKED, blocked.peer.as_bytes()].concat(), value(VERSION, &stored));
    }
    entries
}

/// Everything the entries say, made sound.
///
/// # Errors
/// [`ValueError`] for the first entry that is not readable.
pub(super) fn decode(entries: &Entries) -> Result<Contents, ValueError> {
    let mut contents = Contents::default();
    for (key, bytes) in entries {
        let damaged = || ValueError::Damaged(String::from_utf8_lossy(key).escape_debug().take(40).collect());
        let peer = |key: &[u8]| key.try_into().map(PeerId::from_bytes).map_err(|_| damaged());
        if key == PROFILE {
            contents.profile = Some(profile(match body(bytes, PROFILE_VERSION, &damaged)? {
                (1, body) => parsed::<ProfileV1>(body, damaged)?.into(),
                (_, body) => parsed::<ProfileV2>(body, damaged)?,
            }));
        } else if let Some(key) = key.strip_prefix(PERSON) {
            contents.people.insert(peer(key)?, person(read(bytes, damaged)?));
        } else if let Some(session) = key.strip_prefix(JAM) {
            let session = String::from_utf8(session.to_vec()).map_err(|_| damaged())?;
            contents.jams.push(jam(session, read(bytes, damaged)?));
        } else if let Some(key) = key.strip_prefix(BLOCKED) {
            let stored: BlockedV1 = read(bytes, damaged)?;
            let name = Name::new(&stored.name);
            contents.blocked.push(Blocked { peer: peer(key)?, name, at_unix_s: stored.at_unix_s });
        } else {
            return Err(damaged());
        }
    }
    Ok(contents.made_sound())
}

impl Seal {
    /// The seal of `entries` as their `generation`th state.
    pub(super) fn of(entries: &Entries, generation: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        for (key, value) in entries {
            for part in [key, value] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        }
        Self { generation, digest: *hasher.finalize().as_bytes() }
    }

    /// The key and value under which it is stored beside the entries.
    pub(super) fn entry(self) -> (Vec<u8>, Vec<u8>) {
        (SEAL.to_vec(), value(VERSION, &SealV1 { generation: self.generation, digest: self.digest }))
    }

    /// Takes the seal out of what was read.
    ///
    /// # Errors
    /// [`ValueError`] if the seal is unreadable, or missing beside entries, or not theirs.
    pub(super) fn take_from(entries: &mut Entries) -> Result<Self, ValueError> {
        let damaged = || ValueError::Damaged("seal".to_owned());
        let Some(bytes) = entries.remove(SEAL) else {
            return if entries.is_empty() { Ok(Self::default()) } else { Err(damaged()) };
        };
        let stored: SealV1 = read(&bytes, damaged)?;
        let seal = Self::of(entries, stored.generation);
        if seal.digest == stored.digest { Ok(seal) } else { Err(damaged()) }
    }
}

fn value<T: Serialize>(version: u8, stored: &T) -> Vec<u8> {
    // These structs have no map of unknown length and no failing serializer: an empty value never leaves.
    let body = postcard::to_stdvec(stored).unwrap_or_default();
    debug_assert!(!body.is_empty(), "a value of the index always has a body");
    [&[version], body.as_slice()].concat()
}

/// A value of a kind that has had one version so far.
fn read<T: for<'de> Deserialize<'de>>(
    bytes: &[u8],
    damaged: impl Fn() -> ValueError,
) -> Result<T, ValueError> {
    let (_, body) = body(bytes, VERSION, &damaged)?;
    parsed(body, damaged)
}

/// The version of a value, at most `newest`, and what follows it: whoever asks reads each version as
/// itself and turns it into the next.
fn body<'a>(
    bytes: &'a [u8],
    newest: u8,
    damaged: &impl Fn() -> ValueError,
) -> Result<(u8, &'a [u8]), ValueError> {
    match bytes.split_first() {
        Some((0, _)) | None => Err(damaged()),
        Some((&version, body)) if version <= newest => Ok((version, body)),
        Some((&found, _)) => Err(ValueError::Newer { found, reads: newest }),
    }
}

fn parsed<T: for<'de> Deserialize<'de>>(
    body: &[u8],
    damaged: impl Fn() -> ValueError,
) -> Result<T, ValueError> {
    match postcard::take_from_bytes(body) {
        Ok((stored, [])) => Ok(stored),
        _ => Err(damaged()),
    }
}

fn profile_v2(profile: &Profile) -> ProfileV2 {
    let texts = |names: &[Name]| names.iter().map(|name| name.as_str().to_owned()).collect();
    ProfileV2 {
        name: profile.name.as_str().to_owned(),
        instruments: texts(&profile.instruments),
        interests: texts(&profile.interests),
        colour: profile.colour.map(|colour| colour.as_str().to_owned()),
        avatar: profile.avatar.as_ref().map(|avatar| avatar.as_str().to_owned()),
        share_name: profile.share_name,
        share_instruments: profile.share_instruments,
        share_interests: profile.share_interests,
        share_colour: profile.share_colour,
        share_avatar: profile.share_avatar,
    }
}

fn profile(stored: ProfileV2) -> Profile {
    let names = |texts: Vec<String>| texts.iter().map(|text| Name::new(text)).collect();
    Profile {
        name: Name::new(&stored.name),
        instruments: names(stored.instruments),
        interests: names(stored.interests),
        colour: stored.colour.and_then(|word| NameColour::parse(&word)),
        avatar: stored.avatar.and_then(|text| Avatar::parse(&text).ok()),
        share_name: stored.share_name,
        share_instruments: stored.share_instruments,
        share_interests: stored.share_interests,
        share_colour: stored.share_colour,
        share_avatar: stored.share_avatar,
    }
}

fn person_v1(person: &Person) -> PersonV1 {
    PersonV1 {
        strip: person.strip.map(|StripSettings { gain, pan, muted, solo }| StripV1 {
            gain,
            pan,
            muted,
            solo,
        }),
        delay: person.delay.map(|delay| match delay {
            DelayMode::Auto { bias } => DelayV1::Auto(bias),
            DelayMode::Fixed { ms } => DelayV1::Fixed(ms),
        }),
        changed_unix_s: person.changed_unix_s,
    }
}

fn person(stored: PersonV1) -> Person {
    Person {
        strip: stored.strip.map(|StripV1 { gain, pan, muted, solo }| StripSettings {
            gain,
            pan,
            muted,
            solo,
        }),
        delay: stored.delay.map(|delay| match delay {
            DelayV1::Auto(bias) => DelayMode::Auto { bias },
            DelayV1::Fixed(ms) => DelayMode::Fixed { ms },
        }),
        changed_unix_s: stored.changed_unix_s,
    }
}

fn jam(session: String, stored: JamV1) -> RecentJam {
    RecentJam {
        name: Name::new(&stored.name),
        session,
        peers: stored.peers.into_iter().map(PeerId::from_bytes).collect(),
        addresses: stored.addresses,
        at_unix_s: stored.at_unix_s,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One of everything, with every field away from its default.
    pub(crate) fn sample() -> Contents {
        let peer = PeerId::from_bytes([7; 32]);
        let mut contents = Contents {
            profile: Some(Profile {
                name: Name::new("Ana"),
                instruments: vec![Name::new("bass"), Name::new("voice")],
                interests: vec![Name::new("drone")],
                colour: Some(NameColour::Teal),
                avatar: Avatar::parse("<3").ok(),
                share_name: true,
                share_instruments: false,
                share_interests: false,
                share_colour: false,
                share_avatar: false,
            }),
            ..Contents::default()
        };
        let strip =
            StripSettings { gain: Gain::from_db(-6.0), pan: Pan::new(-0.25), muted: true, solo: false };
        *contents.person_mut(peer, 1_700_000_000) = Person {
            strip: Some(strip),
            delay: Some(DelayMode::Fixed { ms: 7.5 }),
            changed_unix_s: 1_700_000_000,
        };
        let auto = Some(DelayMode::Auto { bias: -0.5 });
        contents.people.insert(PeerId::from_bytes([8; 32]), Person { delay: auto, ..Person::default() });
        contents.remember_jam(RecentJam {
            name: Name::new("Kitchen"),
            session: "00ff".to_owned(),
            peers: vec![peer],
            addresses: vec!["/ip4/10.0.0.2/udp/4001/quic-v1".to_owned()],
            at_unix_s: 1_700_000_001,
        });
        contents.block(Blocked { peer: PeerId::from_bytes([9; 32]), name: Name::new("Bo"), at_unix_s: 5 });
        contents
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(decode(&encode(&sample())), Ok(sample()));
        assert_eq!(decode(&encode(&Contents::default())), Ok(Contents::default()));
    }

    /// Entries of a golden file: `key=value` in hex. They are on people's disks and never change.
    fn golden(text: &str) -> Result<Entries, Box<dyn std::error::Error>> {
        let unhex = |text: &str| -> Result<Vec<u8>, _> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16)).collect()
        };
        let mut entries = Entries::new();
        for line in text.lines() {
            let (key, value) = line.split_once('=').ok_or("no = in a line")?;
            entries.insert(unhex(key)?, unhex(value)?);
        }
        Ok(entries)
    }

    #[test]
    fn the_golden_file_of_version_1_is_read() -> Result<(), Box<dyn std::error::Error>> {
        let mut stored = golden(include_str!("../../../tests/golden/index_v1.txt"))?;
        let seal = Seal::take_from(&mut stored)?;
        let mut then = sample();
        then.profile = Some(Profile {
            name: Name::new("Ana"),
            instruments: vec![Name::new("bass"), Name::new("voice")],
            share_instruments: false,
            ..Profile::default()
        });
        assert_eq!((seal.generation, decode(&stored)?), (3, then.clone()));
        // All but the profile is still written as it was.
        let mut written = encode(&then);
        assert_eq!(written.remove(PROFILE).and_then(|value| value.first().copied()), Some(PROFILE_VERSION));
        stored.remove(PROFILE);
        assert_eq!(written, stored);
        Ok(())
    }

    #[test]
    fn the_golden_file_of_version_2_is_read_and_written_alike() -> Result<(), Box<dyn std::error::Error>> {
        let entries = golden(include_str!("../../../tests/golden/index_v2.txt"))?;
        let mut stored = entries.clone();
        let seal = Seal::take_from(&mut stored)?;
        assert_eq!((seal.generation, decode(&stored)?), (3, sample()));
        let mut written = encode(&sample());
        let (key, value) = Seal::of(&written, 3).entry();
        written.insert(key, value);
        assert_eq!(written, entries);
        Ok(())
    }

    #[test]
    fn a_profile_with_a_colour_of_a_newer_program_is_read_without_it() {
        let mut stored = profile_v2(&Profile { colour: Some(NameColour::Teal), ..Profile::default() });
        stored.colour = Some("plaid".to_owned());
        stored.avatar = Some("d[-_-]b".to_owned());
        let entries = Entries::from([(PROFILE.to_vec(), value(PROFILE_VERSION, &stored))]);
        let read = decode(&entries).map(|contents| contents.profile);
        assert_eq!(read, Ok(Some(Profile::default())));
    }

    #[test]
    fn a_newer_value_is_told_from_a_damaged_one() {
        let mut entries = encode(&sample());
        entries.insert(PROFILE.to_vec(), vec![3, 0]);
        assert_eq!(decode(&entries), Err(ValueError::Newer { found: 3, reads: 2 }));
        for bytes in [&[][..], &[0], &[1], &[2], &[1, 255, 255, 255, 255, 15], &[2, 255, 255, 255, 255, 15]] {
            entries.insert(PROFILE.to_vec(), bytes.to_vec());
            assert_eq!(decode(&entries), Err(ValueError::Damaged("profile".to_owned())));
        }
    }

    #[test]
    fn a_seal_is_broken_by_any_change() {
        let mut entries = encode(&sample());
        let (key, seal) = Seal::of(&entries, 3).entry();
        entries.insert(key, seal);
        assert_eq!(Seal::take_from(&mut entries.clone()).map(|seal| seal.generation), Ok(3));
        for key in entries.keys() {
            let mut changed = entries.clone();
            changed.remove(key);
            assert!(Seal::take_from(&mut changed).is_err(), "{key:?} is gone");
        }
        assert_eq!(Seal::take_from(&mut Entries::new()), Ok(Seal::default()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn any_bytes_are_an_entry_or_an_error(
            key in prop_oneof![Just(PROFILE.to_vec()), Just([PERSON, &[1; 32]].concat()),
                Just([JAM, b"aa"].concat()), Just([BLOCKED, &[1; 32]].concat()), any::<Vec<u8>>()],
            mut bytes in prop::collection::vec(any::<u8>(), 0..120),
            version in prop::bool::weighted(0.9),
        ) {
            if let (true, Some(first)) = (version, bytes.first_mut()) { *first = 1 + *first % 2; }
            if let Ok(contents) = decode(&Entries::from([(key, bytes)])) {
                prop_assert_eq!(decode(&encode(&contents)), Ok(contents));
            }
        }
    }
}

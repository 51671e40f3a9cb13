//! The index's keys and values as bytes: `[version][postcard]`, and the way from every older version.
//!
//! The structs of a version are written once and never change; `tests/golden/` holds their bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::level::{Gain, Pan};
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::strip::{DelayMode, StripSettings};

use super::contents::{Blocked, Contents, Person, Profile, RecentJam};

/// Keys and values as they are on the disk.
pub(super) type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// The version every value is written in.
pub(super) const VERSION: u8 = 1;

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
    #[error("version {0}, this jamtty reads up to {VERSION}")]
    Newer(u8),
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
        entries.insert(PROFILE.to_vec(), value(&profile_v1(profile)));
    }
    for (peer, person) in &contents.people {
        entries.insert([PERSON, peer.as_bytes()].concat(), value(&person_v1(person)));
    }
    for jam in &contents.jams {
        let stored = JamV1 {
            name: jam.name.as_str().to_owned(),
            peers: jam.peers.iter().map(|peer| *peer.as_bytes()).collect(),
            addresses: jam.addresses.clone(),
            at_unix_s: jam.at_unix_s,
        };
        entries.insert([JAM, jam.session.as_bytes()].concat(), value(&stored));
    }
    for blocked in &contents.blocked {
        let stored = BlockedV1 { name: blocked.name.as_str().to_owned(), at_unix_s: blocked.at_unix_s };
        entries.insert([BLOCKED, blocked.peer.as_bytes()].concat(), value(&stored));
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
            contents.profile = Some(profile(read(bytes, damaged)?));
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
        (SEAL.to_vec(), value(&SealV1 { generation: self.generation, digest: self.digest }))
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

fn value<T: Serialize>(stored: &T) -> Vec<u8> {
    // These structs have no map of unknown length and no failing serializer: an empty value never leaves.
    let body = postcard::to_stdvec(stored).unwrap_or_default();
    debug_assert!(!body.is_empty(), "a value of the index always has a body");
    [&[VERSION], body.as_slice()].concat()
}

/// The one place that knows which versions there are: an older one would be read here as itself
/// and turned into the next.
fn read<T: for<'de> Deserialize<'de>>(
    bytes: &[u8],
    damaged: impl Fn() -> ValueError,
) -> Result<T, ValueError> {
    match bytes.split_first() {
        Some((&VERSION, body)) => match postcard::take_from_bytes(body) {
            Ok((stored, [])) => Ok(stored),
            _ => Err(damaged()),
        },
        Some((0, _)) | None => Err(damaged()),
        Some((&newer, _)) => Err(ValueError::Newer(newer)),
    }
}

fn profile_v1(profile: &Profile) -> ProfileV1 {
    ProfileV1 {
        name: profile.name.as_str().to_owned(),
        instruments: profile.instruments.iter().map(|name| name.as_str().to_owned()).collect(),
        share_name: profile.share_name,
        share_instruments: profile.share_instruments,
    }
}

fn profile(stored: ProfileV1) -> Profile {
    Profile {
        name: Name::new(&stored.name),
        instruments: stored.instruments.iter().map(|name| Name::new(name)).collect(),
        share_name: stored.share_name,
        share_instruments: stored.share_instruments,
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
                share_name: true,
                share_instruments: false,
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

    /// The bytes of version 1, as `key=value` in hex: they are on people's disks and never change.
    #[test]
    fn the_golden_file_of_version_1_is_read_and_written_alike() -> Result<(), Box<dyn std::error::Error>> {
        let golden = include_str!("../../../tests/golden/index_v1.txt");
        let unhex = |text: &str| -> Result<Vec<u8>, _> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16)).collect()
        };
        let mut entries = Entries::new();
        for line in golden.lines() {
            let (key, value) = line.split_once('=').ok_or("no = in a line")?;
            entries.insert(unhex(key)?, unhex(value)?);
        }
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
    fn a_newer_value_is_told_from_a_damaged_one() {
        let mut entries = encode(&sample());
        entries.insert(PROFILE.to_vec(), vec![2, 0]);
        assert_eq!(decode(&entries), Err(ValueError::Newer(2)));
        for bytes in [&[][..], &[0], &[VERSION], &[VERSION, 255, 255, 255, 255, 15]] {
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
            if let (true, Some(first)) = (version, bytes.first_mut()) { *first = VERSION; }
            if let Ok(contents) = decode(&Entries::from([(key, bytes)])) {
                prop_assert_eq!(decode(&encode(&contents)), Ok(contents));
            }
        }
    }
}

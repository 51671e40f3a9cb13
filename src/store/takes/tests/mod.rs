//! Takes on real folders: recorded, killed, mended, converted, carried out and in.

mod carry;
mod crash;
mod disk;
mod library;
mod recording;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::wav::to_float;
use super::*;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::take::{Player, TAKE_VERSION, Take, TakeId, TakeKind, TakeState, Track, TrackKind};
use crate::protocol::take_sink::{SinkTrouble, TakeSink, TrackPlan};

pub(super) type Tested = Result<(), Box<dyn Error>>;

pub(super) fn words(trouble: SinkTrouble) -> Box<dyn Error> {
    format!("{}: {}", trouble.what, trouble.why).into()
}

pub(super) fn player(n: u8, name: &str) -> Player {
    Player { key: PeerId::from_bytes([n; 32]), name: Name::new(name), instruments: Vec::new() }
}

pub(super) fn take(n: u8, name: &str) -> Take {
    Take {
        v: TAKE_VERSION,
        id: TakeId::from_bytes([n; 16]),
        name: Name::new(name),
        jam: Name::new("kitchen"),
        session: String::new(),
        started: "2026-11-23T18:29:00.000Z".to_owned(),
        started_by: player(1, "Ana"),
        kept_by: player(1, "Ana"),
        kind: TakeKind::Recorded,
        state: TakeState::Ended,
        rate_hz: 48_000,
        length_samples: 0,
        round_trip_samples: 0,
        tracks: Vec::new(),
        consents: Vec::new(),
        tempo: Vec::new(),
        marks: Vec::new(),
        log: Vec::new(),
        tags: Vec::new(),
        note: String::new(),
    }
}

pub(super) fn plan(n: u8, name: &str, channels: u8) -> TrackPlan {
    TrackPlan { kind: TrackKind::Heard, player: Some(player(n, name)), channels }
}

/// Something between a tone and noise, of 24 bits, two ears; the same for the same seed.
pub(super) fn music(seed: u64, samples: usize) -> Vec<[i32; 2]> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..samples)
        .map(|n| {
            let tone = ((n as f64 * 0.03).sin() * 3_000_000.0) as i32;
            [tone + random.random_range(-90_000..90_000), random.random_range(-8_388_608..8_388_608)]
        })
        .collect()
}

pub(super) fn floats(samples: &[[i32; 2]]) -> Vec<[f32; 2]> {
    samples.iter().map(|ears| ears.map(to_float)).collect()
}

/// What a track with this many channels keeps of it, interleaved.
pub(super) fn kept(samples: &[[i32; 2]], channels: usize) -> Vec<i32> {
    samples.iter().flat_map(|ears| ears[..channels].to_vec()).collect()
}

pub(super) fn read_track(folder: &Path, track: &Track) -> Result<Vec<i32>, TakeError> {
    let mut reader = TrackReader::open(folder, track)?;
    let mut samples = vec![0; usize::try_from(reader.frames()).unwrap() * reader.channels()];
    let frames = reader.read(&mut samples)?;
    assert_eq!(frames as u64, reader.frames());
    Ok(samples)
}

pub(super) fn go_on() -> impl FnMut(Progress) -> bool {
    let mut last = 0;
    move |progress| {
        assert!(progress.done >= last, "progress goes forward");
        last = progress.done;
        true
    }
}

/// A take of a mono and a stereo track of this music, ended; its folder.
pub(super) fn recorded(takes: &Path, n: u8, name: &str, samples: usize) -> Result<PathBuf, Box<dyn Error>> {
    recorded_with(takes, n, name, samples, track_writer::FILE_BYTES_MAX)
}

pub(super) fn recorded_with(
    takes: &Path,
    n: u8,
    name: &str,
    samples: usize,
    file_bytes_max: u64,
) -> Result<PathBuf, Box<dyn Error>> {
    let mut writer = Box::new(TakeWriter::create_with(takes, take(n, name), file_bytes_max)?);
    let folder = writer.folder().to_owned();
    for (number, channels) in [(1, 1), (2, 2)] {
        let track = writer.add_track(plan(number, "Ana", channels)).map_err(words)?;
        for block in floats(&music(u64::from(number), samples)).chunks(999) {
            writer.write(track, block).map_err(words)?;
        }
    }
    writer.end(samples as u64).map_err(words)?;
    Ok(folder)
}

/// The folder still holds exactly what [`recorded`] wrote.
pub(super) fn assert_whole(folder: &Path, samples: usize) -> Tested {
    let take = manifest::read(folder)?;
    assert_eq!(take.length_samples, samples as u64);
    for track in &take.tracks {
        let expected = kept(&music(u64::from(track.number), samples), usize::from(track.channels));
        assert!(read_track(folder, track)? == expected, "track {} differs", track.number);
    }
    assert_eq!(verify::verify(folder, &mut go_on())?, []);
    Ok(())
}

pub(super) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

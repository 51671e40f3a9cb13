//! Takes that were cut off: nothing that was kept is missing, whatever the moment.

use std::fs::OpenOptions;

use super::*;
use crate::domain::take::LogWhat;

/// What `keep` had kept of each track when the writer was dropped.
struct Killed {
    folder: PathBuf,
    kept: Vec<usize>,
}

/// Records at random and drops the writer in the middle.
fn killed(takes: &Path, random: &mut ChaCha8Rng) -> Result<Killed, Box<dyn Error>> {
    let file_bytes_max = [9_000, 60_001, 2_000_000_000][random.random_range(0..3)];
    let mut writer = TakeWriter::create_with(takes, take(7, "killed"), file_bytes_max)?;
    let mut written: Vec<usize> = Vec::new();
    let mut kept = Vec::new();
    for _ in 0..random.random_range(0..60) {
        match random.random_range(0..10) {
            0 if written.len() < 4 => {
                let channels = 1 + (written.len() % 2) as u8;
                writer.add_track(plan(written.len() as u8, "Bo", channels)).map_err(words)?;
                written.push(0);
            }
            1..=2 => {
                writer.keep().map_err(words)?;
                kept.clone_from(&written);
            }
            _ if !written.is_empty() => {
                let track = random.random_range(0..written.len());
                let count = random.random_range(1..3_000);
                let now = &music(track as u64, written[track] + count)[written[track]..];
                writer.write(track as u16 + 1, &floats(now)).map_err(words)?;
                written[track] += count;
            }
            _ => {}
        }
    }
    Ok(Killed { folder: writer.folder().to_owned(), kept })
}

/// A kill of the machine: the end of a file that was never made durable is gone, to any byte.
fn tear(killed: &Killed, random: &mut ChaCha8Rng) -> Tested {
    let take = manifest::read(&killed.folder)?;
    for (index, track) in take.tracks.iter().enumerate() {
        let kept = killed.kept.get(index).copied().unwrap_or(0) as u64;
        let frame_bytes = 3 * u64::from(track.channels);
        // Files before the last are finished and durable; nothing of the last is known but what was kept.
        let Some((last, done)) = track.files.split_last() else { continue };
        let before: u64 = done.iter().map(|file| file.samples).sum();
        let path = killed.folder.join(&last.name);
        let length = fs::metadata(&path)?.len();
        let safe = (44 + kept.saturating_sub(before) * frame_bytes).min(length);
        OpenOptions::new().write(true).open(&path)?.set_len(random.random_range(safe..=length))?;
    }
    Ok(())
}

#[test]
fn two_hundred_kills_lose_nothing_that_was_kept() -> Tested {
    let mut random = ChaCha8Rng::seed_from_u64(2_711);
    for round in 0..200 {
        let takes = tempfile::tempdir()?;
        let killed = killed(takes.path(), &mut random)?;
        if round % 2 == 0 {
            tear(&killed, &mut random)?;
        }
        let recovered = recover::recover_all(takes.path())?;
        assert_eq!(recovered.len(), 1, "round {round}");
        assert!(recovered[0].trouble.is_none(), "round {round}: {:?}", recovered[0].trouble);
        let take = manifest::read(&killed.folder)?;
        assert_eq!(take.state, TakeState::Recovered);
        assert_eq!(take.log.last().map(|entry| entry.what), Some(LogWhat::Interrupted));
        for (index, kept_samples) in killed.kept.iter().enumerate() {
            let track = &take.tracks[index];
            assert_eq!(track.samples(), take.length_samples);
            let expected = kept(&music(index as u64, *kept_samples), usize::from(track.channels));
            let found = read_track(&killed.folder, track)?;
            assert!(found.starts_with(&expected), "round {round}: track {index} lost what was kept");
        }
        assert_eq!(verify::verify(&killed.folder, &mut go_on())?, [], "round {round}");
        assert!(recover::recover_all(takes.path())?.is_empty(), "once is enough");
    }
    Ok(())
}

#[test]
fn a_recovery_killed_before_its_end_begins_again() -> Tested {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let takes = tempfile::tempdir()?;
    let killed = loop {
        let killed = killed(takes.path(), &mut random)?;
        if killed.kept.len() > 1 {
            break killed;
        }
        fs::remove_dir_all(&killed.folder)?;
    };
    // All but the last step: take.json still says that it is being recorded.
    let before = fs::read(killed.folder.join("take.json"))?;
    recover::recover(&killed.folder)?;
    let first = manifest::read(&killed.folder)?;
    fs::write(killed.folder.join("take.json"), before)?;
    fs::write(killed.folder.join("take.json.1.tmp"), b"{")?;
    recover::recover(&killed.folder)?;
    let second = manifest::read(&killed.folder)?;
    assert_eq!(first.length_samples, second.length_samples);
    for (a, b) in first.tracks.iter().zip(&second.tracks) {
        assert_eq!(a.files, b.files);
    }
    assert_eq!(verify::verify(&killed.folder, &mut go_on())?, []);
    Ok(())
}

#[test]
fn a_take_that_is_being_recorded_is_left_alone() -> Tested {
    let takes = tempfile::tempdir()?;
    let mut writer = Box::new(TakeWriter::create(takes.path(), take(1, "live"))?);
    let folder = writer.folder().to_owned();
    let track = writer.add_track(plan(1, "Ana", 1)).map_err(words)?;
    assert!(folder::is_live(&folder));
    assert!(recover::recover_all(takes.path())?.is_empty());
    let is_refused = |error: TakeError| matches!(error, TakeError::BeingRecorded(_));
    assert!(recover::recover(&folder).is_err_and(is_refused));
    assert!(bin::delete(takes.path(), &folder, 0).is_err_and(is_refused));
    assert!(bin::erase(takes.path(), &folder).is_err_and(is_refused));
    assert!(edit::rename(&folder, Name::new("y")).is_err_and(is_refused));
    assert!(convert::to_flac(&folder, &mut go_on()).is_err_and(is_refused));
    writer.write(track, &floats(&music(1, 100))).map_err(words)?;
    writer.end(100).map_err(words)?;
    assert!(!folder::is_live(&folder));
    edit::rename(&folder, Name::new("y"))?;
    Ok(())
}

#[test]
fn files_that_are_gone_or_not_ours_are_said_and_left_out() -> Tested {
    let takes = tempfile::tempdir()?;
    let mut writer = TakeWriter::create(takes.path(), take(1, "x"))?;
    let folder = writer.folder().to_owned();
    for number in 1..=3 {
        let track = writer.add_track(plan(number, "Ana", 1)).map_err(words)?;
        writer.write(track, &floats(&music(u64::from(number), 500))).map_err(words)?;
    }
    writer.keep().map_err(words)?;
    drop(writer);
    fs::remove_file(folder.join("01_ana.wav"))?;
    let other = vec![b'x'; 3_000];
    fs::write(folder.join("02_ana.wav"), &other)?;
    let left_out = recover::recover(&folder)?;
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    let take = manifest::read(&folder)?;
    assert_eq!(take.tracks.iter().map(|track| track.number).collect::<Vec<_>>(), [3]);
    assert_eq!(read_track(&folder, &take.tracks[0])?, kept(&music(3, 500), 1));
    assert_eq!(fs::read(folder.join("02_ana.wav"))?, other, "what is not ours is not touched");
    assert!(take.log.iter().any(|entry| entry.words.contains("track 1 (Ana)")));
    Ok(())
}

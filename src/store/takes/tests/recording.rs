//! What the writer writes, and FLAC made of it.

use std::os::unix::fs::PermissionsExt as _;

use super::super::wav::{SAMPLE_MAX, to_integer};
use super::*;
use crate::domain::take::{Gap, GapWhy, LogEntry, LogWhat, Mark};

#[test]
fn a_float_made_of_24_bits_comes_back_and_the_rest_is_clipped() {
    for sample in (-SAMPLE_MAX - 1..=SAMPLE_MAX).step_by(77).chain([SAMPLE_MAX]) {
        assert_eq!(to_integer(to_float(sample)), sample);
    }
    for (wild, sample) in
        [(1.5, SAMPLE_MAX), (-1.5, -SAMPLE_MAX - 1), (f32::NAN, 0), (f32::INFINITY, SAMPLE_MAX)]
    {
        assert_eq!(to_integer(wild), sample);
    }
}

#[test]
fn what_is_recorded_is_read_back_bit_for_bit_as_wav_and_as_flac() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded(takes.path(), 1, "Kitchen blues", 10_001)?;
    assert_eq!(folder.file_name().unwrap(), "2026-11-23T18-29_kitchen-blues");
    assert_eq!(names_in(&folder), ["01_ana.wav", "02_ana.wav", "take.json"]);
    assert_whole(&folder, 10_001)?;
    let wav = hound::WavReader::open(folder.join("02_ana.wav"))?;
    assert_eq!((wav.spec().bits_per_sample, wav.duration()), (24, 10_001));
    let converted = convert::to_flac(&folder, &mut go_on())?;
    assert_eq!(converted.files, 2);
    assert_eq!(names_in(&folder), ["01_ana.flac", "02_ana.flac", "take.json"]);
    assert_whole(&folder, 10_001)?;
    assert_eq!(convert::to_flac(&folder, &mut go_on())?, convert::Converted::default(), "once is enough");
    for name in names_in(&folder) {
        assert_eq!(fs::metadata(folder.join(name))?.permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(fs::metadata(&folder)?.permissions().mode() & 0o777, 0o700);
    Ok(())
}

#[test]
fn any_length_survives_flac() -> Tested {
    for samples in (0..40).chain([4_095, 4_096, 4_097, 8_192 + 31]) {
        let takes = tempfile::tempdir()?;
        let folder = recorded(takes.path(), 1, "x", samples)?;
        convert::to_flac(&folder, &mut go_on()).map_err(|error| format!("{samples} samples: {error}"))?;
        assert_whole(&folder, samples)?;
    }
    Ok(())
}

#[test]
fn a_full_file_is_followed_by_another_and_read_as_one() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded_with(takes.path(), 1, "long", 10_000, 9_001)?;
    let before = manifest::read(&folder)?;
    assert_eq!(before.tracks[0].files.len(), 4);
    assert_eq!(before.tracks[1].files.len(), 7);
    assert_whole(&folder, 10_000)?;
    convert::to_flac(&folder, &mut go_on())?;
    assert_whole(&folder, 10_000)?;
    let track = &manifest::read(&folder)?.tracks[1];
    let expected = kept(&music(2, 10_000), 2);
    let mut reader = TrackReader::open(&folder, track)?;
    for at in [9_999, 0, 1_499, 1_500, 5_000, 10_000, 20_000] {
        reader.seek(at)?;
        let mut found = [0; 200];
        let frames = reader.read(&mut found)?;
        let at = usize::try_from(at)?.min(10_000);
        assert_eq!(frames, (10_000 - at).min(100), "at {at}");
        assert_eq!(found[..frames * 2], expected[at * 2..(at + frames) * 2], "at {at}");
    }
    Ok(())
}

#[test]
fn seeking_in_a_flac_of_many_blocks_is_exact() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded(takes.path(), 1, "seek", 100_000)?;
    convert::to_flac(&folder, &mut go_on())?;
    let track = &manifest::read(&folder)?.tracks[0];
    let expected = kept(&music(1, 100_000), 1);
    let mut reader = TrackReader::open(&folder, track)?;
    for at in [99_999, 4_096, 4_095, 50_001, 0, 81_920, 81_919, 100_000] {
        reader.seek(at as u64)?;
        let mut found = [0.0; 300];
        let frames = reader.read_float(&mut found)?;
        assert_eq!(frames, (100_000 - at).min(300));
        let expected: Vec<f32> = expected[at..at + frames].iter().map(|sample| to_float(*sample)).collect();
        assert_eq!(found[..frames], expected, "at {at}");
    }
    Ok(())
}

#[test]
fn tracks_end_together_whoever_came_late_or_ran_on() -> Tested {
    let takes = tempfile::tempdir()?;
    let mut writer = Box::new(TakeWriter::create_with(takes.path(), take(1, "x"), 30_000)?);
    let folder = writer.folder().to_owned();
    let long = writer.add_track(plan(1, "Ana", 1)).map_err(words)?;
    writer.write(long, &floats(&music(1, 50_000))).map_err(words)?;
    let late = writer.add_track(plan(2, "../Bo/\u{7}", 2)).map_err(words)?;
    writer.silence(late, 200_000).map_err(words)?;
    writer.gap(late, Gap { at: 0, samples: 200_000, why: GapWhy::Away });
    writer.gap(99, Gap { at: 0, samples: 1, why: GapWhy::Disk });
    writer.mark(Mark { at: 5, text: "bridge\u{1b}[2J".to_owned() });
    writer.log(LogEntry { at: 0, what: LogWhat::Began, who: None, words: String::new() });
    writer.keep().map_err(words)?;
    assert!(writer.write(99, &[[0.0; 2]]).is_err());
    writer.end(20_000).map_err(words)?;
    let take = manifest::read(&folder)?;
    assert_eq!(take.state, TakeState::Ended);
    assert!(take.tracks.iter().all(|track| track.samples() == 20_000));
    assert_eq!(take.tracks[1].gaps, [Gap { at: 0, samples: 20_000, why: GapWhy::Away }]);
    assert_eq!(read_track(&folder, &take.tracks[0])?, kept(&music(1, 20_000), 1));
    assert_eq!(take.marks[0].text, "bridge[2J");
    assert!(take.tracks[1].files[0].name.starts_with("02_bo"));
    assert_eq!(verify::verify(&folder, &mut go_on())?, [], "nothing is left beside");
    Ok(())
}

#[test]
fn peaks_hold_every_sample_and_come_back_from_bytes() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded(takes.path(), 1, "x", 50_001)?;
    let track = &manifest::read(&folder)?.tracks[1];
    let peaks = Peaks::of(&mut TrackReader::open(&folder, track)?, &mut go_on())?;
    assert_eq!((peaks.samples(), peaks.level(0).len(), peaks.level(1).len()), (50_001, 49, 4));
    for (peak, samples) in peaks.level(0).iter().zip(kept(&music(2, 50_001), 2).chunks(2_048)) {
        let holds =
            |sample: &i32| (i32::from(peak.min) * 256..=i32::from(peak.max) * 256 + 255).contains(sample);
        assert!(samples.iter().all(holds) && peak.rms > 1_000);
    }
    assert_eq!(Peaks::from_bytes(&peaks.to_bytes())?, peaks);
    Ok(())
}

#[test]
fn a_long_silence_costs_the_disk_nothing() -> Tested {
    let takes = tempfile::tempdir()?;
    let mut writer = Box::new(TakeWriter::create(takes.path(), take(1, "x"))?);
    let folder = writer.folder().to_owned();
    let track = writer.add_track(plan(1, "Ana", 1)).map_err(words)?;
    writer.silence(track, 48_000 * 600).map_err(words)?;
    writer.write(track, &floats(&music(1, 100))).map_err(words)?;
    writer.keep().map_err(words)?;
    let path = folder.join("01_ana.wav");
    let mut wav = hound::WavReader::open(&path)?;
    assert_eq!(wav.duration(), 48_000 * 600 + 100);
    wav.seek(48_000 * 600)?;
    let found: Vec<i32> = wav.samples().collect::<Result<_, _>>()?;
    assert_eq!(found, kept(&music(1, 100), 1));
    assert!(space::used(&folder)? < 8 << 20, "86 MB of silence are a hole");
    Ok(())
}

#[test]
fn a_stopped_conversion_and_what_a_kill_left_are_cleaned_up() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded(takes.path(), 1, "x", 20_000)?;
    let wav = fs::read(folder.join("02_ana.wav"))?;
    for steps in 0..40 {
        let mut left = steps;
        let stopped = convert::to_flac(&folder, &mut |_| {
            left -= 1;
            left >= 0
        });
        assert_whole(&folder, 20_000)?;
        if stopped.is_ok() {
            break;
        }
        // A kill after a rename, before take.json; and one after take.json.
        fs::write(folder.join("02_ana.flac.part"), b"half")?;
        if folder.join("02_ana.wav").exists() {
            fs::write(folder.join("02_ana.flac"), b"other")?;
        } else {
            fs::write(folder.join("02_ana.wav"), &wav)?;
        }
    }
    convert::to_flac(&folder, &mut go_on())?;
    assert_eq!(names_in(&folder), ["01_ana.flac", "02_ana.flac", "take.json"]);
    assert_whole(&folder, 20_000)
}

#[test]
fn a_damaged_wav_never_becomes_a_flac_that_says_it_is_whole() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded(takes.path(), 1, "x", 5_000)?;
    let path = folder.join("01_ana.wav");
    let mut bytes = fs::read(&path)?;
    bytes[1_000] ^= 1;
    fs::write(&path, &bytes)?;
    assert!(matches!(convert::to_flac(&folder, &mut go_on()), Err(TakeError::Damaged { .. })));
    assert!(path.exists() && !folder.join("01_ana.flac").exists());
    Ok(())
}

#[test]
fn a_change_during_a_conversion_is_kept() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded(takes.path(), 1, "x", 5_000)?;
    let mut renamed = false;
    convert::to_flac(&folder, &mut |_| {
        if !std::mem::replace(&mut renamed, true) {
            edit::rename(&folder, Name::new("renamed meanwhile")).unwrap();
        }
        true
    })?;
    assert_eq!(manifest::read(&folder)?.name.as_str(), "renamed meanwhile");
    assert_whole(&folder, 5_000)
}

//! Takes carried out and in.

use std::os::unix::fs::symlink;

use super::*;
use crate::domain::take::{Mark, TempoChange};
use crate::store::takes::export::{ExportForm, ExportPlan};
use crate::store::takes::import::Imported;

const SAMPLES: usize = 10_001;

fn plan_of(form: ExportForm) -> ExportPlan {
    ExportPlan { form, tracks: Vec::new(), replace: false, seed: 3 }
}

fn exported(folder: &Path, to: &Path, form: ExportForm) -> Result<export::Exported, TakeError> {
    export::export(folder, to, &plan_of(form), &mut go_on())
}

fn wav_samples(path: &Path) -> Result<Vec<i32>, hound::Error> {
    hound::WavReader::open(path)?.samples().collect()
}

#[test]
fn exports_are_what_was_recorded_and_open_elsewhere() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded(takes.path(), 1, "It's \"blues\"", SAMPLES)?;
    edit::mark(&folder, &Mark { at: 480, text: "bridge \"one\"".to_owned() })?;
    manifest::change(&folder, |take| {
        take.tempo.push(TempoChange { at: 0, bpm: 92.5, beats: 4 });
        Ok(())
    })?;
    let wav = exported(&folder, &takes.path().join("wav24"), ExportForm::Wav24)?;
    convert::to_flac(&folder, &mut go_on())?;
    let flac = exported(&folder, &takes.path().join("flac"), ExportForm::Flac)?;
    for (number, channels) in [(1, 1), (2, 2)] {
        let expected = kept(&music(number, SAMPLES), channels);
        assert_eq!(wav_samples(&wav.folder.join(format!("0{number}_ana-as-heard.wav")))?, expected);
        let path = flac.folder.join(format!("0{number}_ana-as-heard.flac"));
        let mut file = flac::FlacFile::open(&path)?;
        let mut found = vec![0; expected.len()];
        assert_eq!(file.read(&mut found)?, SAMPLES);
        assert_eq!(found, expected);
    }
    let bytes = fs::read(wav.folder.join("01_ana-as-heard.wav"))?;
    let cue = bytes.windows(4).position(|four| four == b"cue ").ok_or("no marks")?;
    assert_eq!(bytes[cue + 16..cue + 20], 480_u32.to_le_bytes());
    assert!(bytes.windows(12).any(|some| some == b"bridge \"one\""));
    for done in [&wav, &flac] {
        assert_projects_find_their_files(done)?;
    }
    Ok(())
}

/// Each path in the projects is relative and there; positions are numbers.
fn assert_projects_find_their_files(done: &export::Exported) -> Tested {
    let read = |ending: &str| {
        let name = done.files.iter().find(|name| name.ends_with(ending)).unwrap();
        fs::read_to_string(done.folder.join(name))
    };
    let reaper = read(".rpp")?;
    let (opened, closed) = (reaper.matches("\n  <").count(), reaper.matches("\n  >").count());
    assert_eq!((opened, closed), (2, 2));
    assert_eq!(reaper.matches('<').count(), reaper.lines().filter(|line| line.trim() == ">").count());
    assert!(reaper.contains("TEMPO 92.5 4 4") && reaper.contains("MARKER 1 0.010000000 'bridge \"one\"' 0"));
    let from_reaper =
        reaper.lines().filter_map(|line| line.trim().strip_prefix("FILE \"")?.strip_suffix('"'));
    let audacity = read(".lof")?;
    let from_audacity: Vec<&str> = audacity
        .lines()
        .map(|line| line.strip_prefix("file \"").unwrap().split_once("\" offset ").unwrap())
        .map(|(name, offset)| offset.parse::<f64>().map(|_| name))
        .collect::<Result<_, _>>()?;
    assert_eq!(from_reaper.collect::<Vec<_>>(), from_audacity);
    assert_eq!(from_audacity.len(), done.files.len() - 2);
    for name in from_audacity {
        assert!(!name.contains('/') && done.folder.join(name).is_file(), "{name}");
    }
    Ok(())
}

#[test]
fn sixteen_bits_are_near_the_same_for_the_same_seed_and_silent_in_silence() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded(takes.path(), 1, "x", SAMPLES)?;
    let first = exported(&folder, &takes.path().join("a"), ExportForm::Wav16)?;
    let second = exported(&folder, &takes.path().join("b"), ExportForm::Wav16)?;
    let found = wav_samples(&first.folder.join("01_ana-as-heard.wav"))?;
    assert_eq!(found, wav_samples(&second.folder.join("01_ana-as-heard.wav"))?);
    let expected = kept(&music(1, SAMPLES), 1);
    let mut sum = 0;
    for (sample, exact) in found.iter().zip(&expected) {
        let off = sample * 256 - exact;
        // Half a step of rounding, and a step of noise either way.
        assert!(off.abs() <= 384, "{off}");
        sum += i64::from(off);
    }
    assert!((sum / SAMPLES as i64).abs() < 16, "dither adds no offset");
    let mut writer = Box::new(TakeWriter::create(takes.path(), take(9, "silence"))?);
    let silent = writer.folder().to_owned();
    let track = writer.add_track(plan(1, "Ana", 1)).map_err(words)?;
    writer.silence(track, 5_000).map_err(words)?;
    writer.end(5_000).map_err(words)?;
    let done = exported(&silent, &takes.path().join("c"), ExportForm::Wav16)?;
    assert!(wav_samples(&done.folder.join("01_ana-as-heard.wav"))?.iter().all(|sample| *sample == 0));
    Ok(())
}

#[test]
fn long_tracks_are_exported_in_several_files() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded(takes.path(), 1, "x", SAMPLES)?;
    let to = takes.path().join("out");
    let mut plan = plan_of(ExportForm::Wav24);
    plan.tracks = vec![2];
    let done = export::export_with(&folder, &to, &plan, 24_000, &mut go_on())?;
    assert_eq!(done.files.len(), 3 + 2);
    let mut found = Vec::new();
    for name in &done.files[..3] {
        found.extend(wav_samples(&to.join(name))?);
    }
    assert_eq!(found, kept(&music(2, SAMPLES), 2));
    plan.tracks = vec![3];
    assert!(matches!(
        export::export(&folder, &takes.path().join("y"), &plan, &mut go_on()),
        Err(TakeError::NotFound(_))
    ));
    Ok(())
}

#[test]
fn an_export_replaces_nothing_unasked_and_leaves_no_half() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded(takes.path(), 1, "x", SAMPLES)?;
    let out = takes.path().join("out");
    fs::create_dir(&out)?;
    for steps in 0..5 {
        let mut left = steps;
        let stopped = export::export(&folder, &out, &plan_of(ExportForm::Wav24), &mut |_| {
            left -= 1;
            left >= 0
        });
        assert!(matches!(stopped, Err(TakeError::Stopped)));
        assert!(names_in(&out).is_empty());
    }
    exported(&folder, &out, ExportForm::Wav24)?;
    fs::write(out.join("mine.txt"), "mine")?;
    assert!(matches!(exported(&folder, &out, ExportForm::Wav24), Err(TakeError::Exists(_))));
    fs::write(out.join("01_ana-as-heard.wav"), "damaged")?;
    let again = ExportPlan { replace: true, ..plan_of(ExportForm::Wav24) };
    export::export(&folder, &out, &again, &mut go_on())?;
    assert_eq!(wav_samples(&out.join("01_ana-as-heard.wav"))?, kept(&music(1, SAMPLES), 1));
    assert_eq!(fs::read_to_string(out.join("mine.txt"))?, "mine");
    assert!(!takes.path().join(".out.part").exists());
    let file = takes.path().join("file");
    fs::write(&file, "x")?;
    assert!(matches!(exported(&folder, &file, ExportForm::Wav24), Err(TakeError::Exists(_))));
    Ok(())
}

#[test]
fn a_take_folder_is_brought_in_once() -> Tested {
    let theirs = tempfile::tempdir()?;
    let ours = tempfile::tempdir()?;
    let source = recorded(theirs.path(), 1, "x", SAMPLES)?;
    fs::write(source.join("virus.sh"), "x")?;
    let Imported::New(folder) = import::import(&source, ours.path(), import::BYTES_MAX, &mut go_on())? else {
        panic!("it was not there yet");
    };
    assert_whole(&folder, SAMPLES)?;
    assert_eq!(manifest::read(&folder)?.kind, TakeKind::Imported);
    let again = import::import(&source, ours.path(), import::BYTES_MAX, &mut go_on())?;
    assert_eq!(again, Imported::AlreadyHere(folder));
    assert_eq!(names_in(ours.path()).len(), 1);
    Ok(())
}

#[test]
fn what_is_not_what_it_says_is_not_brought_in() -> Tested {
    let theirs = tempfile::tempdir()?;
    let ours = tempfile::tempdir()?;
    let source = recorded(theirs.path(), 1, "x", SAMPLES)?;
    let refused = |what: &str, bytes_max| {
        let refused = import::import(&source, ours.path(), bytes_max, &mut go_on());
        assert!(refused.is_err(), "{what} was taken");
        let left = names_in(ours.path());
        assert!(left.is_empty(), "{what} left {left:?}");
        refused.unwrap_err()
    };
    assert!(matches!(refused("too much", 1_000), TakeError::TooLarge { .. }));
    let (path, json) = (source.join("01_ana.wav"), source.join("take.json"));
    let (whole, text) = (fs::read(&path)?, fs::read_to_string(&json)?);
    let mut changed = whole.clone();
    changed[100] ^= 1;
    for (what, bytes) in [("changed", &changed[..]), ("cut", &whole[..500]), ("empty", &[])] {
        fs::write(&path, bytes)?;
        assert!(matches!(refused(what, import::BYTES_MAX), TakeError::Damaged { .. }));
    }
    fs::File::options().write(true).open(&path)?.set_len(100 << 30)?;
    assert!(matches!(refused("a bomb", import::BYTES_MAX), TakeError::TooLarge { .. }));
    fs::remove_file(&path)?;
    assert!(matches!(refused("gone", import::BYTES_MAX), TakeError::Damaged { .. }));
    symlink("/etc/passwd", &path)?;
    assert!(matches!(refused("a link", import::BYTES_MAX), TakeError::Damaged { .. }));
    fs::remove_file(&path)?;
    fs::write(&path, &whole)?;
    for (from, to) in [
        ("01_ana.wav", "../../01_ana.wav"),
        ("\"samples\": 10001", "\"samples\": 10002"),
        ("\"state\": \"ended\"", "\"state\": \"recording\""),
        ("\"channels\": 1", "\"channels\": 2"),
    ] {
        assert!(text.contains(from));
        fs::write(&json, text.replacen(from, to, 1))?;
        refused(to, import::BYTES_MAX);
    }
    fs::write(&json, &text)?;
    let stopped = import::import(&source, ours.path(), import::BYTES_MAX, &mut |_| false);
    assert!(matches!(stopped, Err(TakeError::Stopped)) && names_in(ours.path()).is_empty());
    assert!(matches!(
        import::import(&source, ours.path(), import::BYTES_MAX, &mut go_on())?,
        Imported::New(_)
    ));
    Ok(())
}

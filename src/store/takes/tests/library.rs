//! Finding, changing, deleting and checking takes; `take.json` as hostile input.

use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::*;
use crate::domain::take::Mark;
use crate::store::takes::verify::Severity;

#[test]
fn no_name_leaves_its_folder() {
    for hostile in
        ["../../etc", "/", ".", "..", "", "a/b\\c", "\u{1b}[2J", "漢字", ".hidden", "con\0", "Ünïcode"]
    {
        let slug = folder::slug(hostile);
        assert!(!slug.is_empty() && slug.len() <= 40, "{hostile:?}");
        assert!(slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{slug:?}");
    }
    assert_eq!(folder::slug("Kitchen  Blues #2!"), "kitchen-blues-2");
    assert_eq!(folder::slug("漢字"), "take");
    assert_eq!(folder::slug(&"x".repeat(500)).len(), 40);
}

#[test]
fn takes_are_found_by_id_its_beginning_name_or_folder() -> Tested {
    let takes = tempfile::tempdir()?;
    let takes = takes.path();
    assert!(folder::list(&takes.join("missing"))?.takes.is_empty());
    let first = recorded(takes, 0xAA, "Kitchen blues", 10)?;
    let second = recorded(takes, 0xAB, "Kitchen blues", 10)?;
    let third = recorded(takes, 0xAC, "Slow one", 10)?;
    assert_eq!(second.file_name().unwrap(), "2026-11-23T18-29_kitchen-blues_2");
    let found = |wanted: &str| folder::find(takes, wanted).map(|one| one.folder);
    assert_eq!(found(&"aa".repeat(16))?, first);
    assert_eq!(found("ABAB")?, second);
    assert_eq!(found("slow ONE")?, third);
    assert_eq!(found("2026-11-23T18-29_kitchen-blues")?, first);
    assert!(matches!(found("kitchen blues"), Err(TakeError::Ambiguous { .. })));
    for missing in ["ab", "", "..", "abac"] {
        assert!(matches!(found(missing), Err(TakeError::NotFound(_))), "{missing:?}");
    }
    Ok(())
}

#[test]
fn a_broken_take_says_where_and_hides_no_other() -> Tested {
    let takes = tempfile::tempdir()?;
    let broken = recorded(takes.path(), 1, "broken", 10)?;
    recorded(takes.path(), 2, "whole", 10)?;
    fs::create_dir(takes.path().join("something else"))?;
    symlink(&broken, takes.path().join("link"))?;
    let path = broken.join("take.json");
    let text = fs::read_to_string(&path)?;
    fs::write(&path, text.replacen("\"rate_hz\": 48000", "\"rate_hz\": fast", 1))?;
    let listing = folder::list(takes.path())?;
    assert_eq!((listing.takes.len(), listing.broken.len()), (1, 1));
    let TakeError::Broken { path: said, line, .. } = &listing.broken[0] else {
        panic!("{:?}", listing.broken)
    };
    let expected = text.lines().position(|one| one.contains("rate_hz")).map(|index| index + 1);
    assert_eq!((said, Some(*line)), (&path, expected));
    assert!(listing.broken[0].remedy().contains("editor"));
    fs::write(&path, text.replacen("\"v\": 1", "\"v\": 2", 1))?;
    assert!(matches!(manifest::read(&broken), Err(TakeError::Newer { found: 2, .. })));
    fs::remove_file(&path)?;
    symlink("/dev/zero", &path)?;
    assert!(manifest::read(&broken).is_err());
    Ok(())
}

#[test]
fn names_of_files_that_lead_elsewhere_are_refused() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded(takes.path(), 1, "x", 10)?;
    let path = folder.join("take.json");
    let text = fs::read_to_string(&path)?;
    for hostile in [
        "../01.wav",
        "/etc/x.wav",
        ".wav",
        "..wav",
        "a/b.wav",
        "take.json",
        "x.flac",
        "a\\u0000.wav",
        "02_ana.wav",
    ] {
        let changed = text.replacen("01_ana.wav", hostile, 1);
        let refused = manifest::parse(&path, changed.as_bytes());
        assert!(matches!(refused, Err(TakeError::Broken { .. })), "{hostile:?}");
    }
    for (from, to) in [
        ("\"samples\": 10", "\"samples\": 18446744073709551615"),
        ("\"channels\": 1", "\"channels\": 0"),
        ("\"number\": 2", "\"number\": 1"),
        ("\"started\": \"2026", "\"started\": \"x"),
        ("\"length_samples\": 10", "\"length_samples\": 99999999999999"),
    ] {
        assert!(text.contains(from));
        assert!(manifest::parse(&path, text.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::protocol::cases())]
    #[test]
    fn any_bytes_are_a_take_or_an_error(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let path = Path::new("take.json");
        let _ = manifest::parse(path, &noise);
        let mut whole = serde_json::to_vec(&take(1, "x")).unwrap();
        prop_assert!(manifest::parse(path, &whole).is_ok());
        for (place, byte) in changes {
            let place = place.index(whole.len());
            whole[place] = byte;
        }
        if let Ok(take) = manifest::parse(path, &whole) {
            let again = serde_json::to_vec(&take).unwrap();
            prop_assert_eq!(manifest::parse(path, &again).unwrap(), take);
        }
    }
}

#[test]
fn edits_change_what_they_say_and_nothing_else() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded(takes.path(), 1, "x", 1_000)?;
    let before = manifest::read(&folder)?;
    assert_eq!(edit::rename(&folder, Name::new("a/b"))?.name.as_str(), "a/b");
    edit::tag(&folder, Name::new("Blues"))?;
    assert_eq!(edit::tag(&folder, Name::new("blues"))?.tags.len(), 1);
    for n in 1..16 {
        edit::tag(&folder, Name::new(&format!("tag {n}")))?;
    }
    assert!(matches!(edit::tag(&folder, Name::new("one more")), Err(TakeError::TooLarge { .. })));
    assert_eq!(edit::untag(&folder, &Name::new("BLUES"))?.tags.len(), 15);
    edit::mark(&folder, &Mark { at: 900, text: "end".to_owned() })?;
    edit::mark(&folder, &Mark { at: 5, text: "a".to_owned() })?;
    edit::mark(&folder, &Mark { at: 5, text: "b\u{7}".to_owned() })?;
    let take = edit::mark(&folder, &Mark { at: u64::MAX, text: String::new() })?;
    let marks: Vec<(u64, &str)> = take.marks.iter().map(|mark| (mark.at, mark.text.as_str())).collect();
    assert_eq!(marks, [(5, "b"), (900, "end"), (1_000, "")]);
    assert_eq!(edit::unmark(&folder, 5)?.marks.len(), 2);
    let take = edit::note(&folder, &format!("first\nsecond\u{1b}[2J\n{}", "x".repeat(5_000)))?;
    assert!(take.note.starts_with("first\nsecond[2J\nx") && take.note.chars().count() == 2_000);
    assert_eq!(manifest::read(&folder)?, take);
    assert_eq!((take.tracks, take.id), (before.tracks, before.id));
    assert_eq!(folder.file_name().unwrap(), "2026-11-23T18-29_x");
    assert_whole(&folder, 1_000)
}

#[test]
fn a_deleted_take_comes_back_or_goes_after_thirty_days() -> Tested {
    let takes = tempfile::tempdir()?;
    let takes = takes.path();
    let folder = recorded(takes, 1, "x", 1_000)?;
    let binned = bin::delete(takes, &folder, 1_000)?;
    assert!(!folder.exists() && binned.exists());
    assert!(folder::list(takes)?.takes.is_empty());
    let other = recorded(takes, 2, "x", 10)?;
    assert_eq!(other, folder, "its name is free again");
    let found = bin::find(takes, "x")?;
    assert_eq!((found.deleted_unix_ms, found.name.as_str()), (1_000, "2026-11-23T18-29_x"));
    let back = bin::undo(takes, &found)?;
    assert_eq!(back.file_name().unwrap(), "2026-11-23T18-29_x_2");
    assert_whole(&back, 1_000)?;
    bin::delete(takes, &back, 2_000)?;
    bin::delete(takes, &other, 5_000)?;
    assert_eq!(bin::purge(takes, 2_000 + bin::KEPT_MS)?, bin::Purged::default());
    let purged = bin::purge(takes, 2_001 + bin::KEPT_MS)?;
    assert!(purged.takes == 1 && purged.bytes > 0);
    assert_eq!(bin::list(takes)?.len(), 1);
    bin::erase(takes, &bin::list(takes)?[0].folder)?;
    assert!(bin::list(takes)?.is_empty());
    assert_eq!(space::used(takes)?, 0, "the bytes are gone");
    Ok(())
}

#[test]
fn only_takes_can_be_deleted_and_what_a_kill_left_goes() -> Tested {
    let takes = tempfile::tempdir()?;
    let takes = takes.path();
    let folder = recorded(takes, 1, "x", 100)?;
    for elsewhere in
        [takes.to_owned(), takes.join(".."), takes.join(".bin"), folder.join("a"), PathBuf::from("/")]
    {
        assert!(bin::erase(takes, &elsewhere).is_err(), "{}", elsewhere.display());
    }
    assert_whole(&folder, 100)?;
    fs::create_dir_all(takes.join(".bin/erasing_x/y"))?;
    fs::create_dir_all(takes.join(".import-00"))?;
    bin::purge(takes, 0)?;
    assert_eq!(names_in(takes), [".bin", "2026-11-23T18-29_x"]);
    assert!(names_in(&takes.join(".bin")).is_empty());
    Ok(())
}

#[test]
fn what_was_cut_swapped_or_added_is_found() -> Tested {
    let takes = tempfile::tempdir()?;
    let folder = recorded(takes.path(), 1, "x", 10_000)?;
    let worst = || -> Result<Vec<(Severity, Option<String>)>, TakeError> {
        Ok(verify::verify(&folder, &mut go_on())?.into_iter().map(|one| (one.severity, one.file)).collect())
    };
    let is_wrong = |file: &str| [(Severity::Error, Some(file.to_owned()))];
    for form in ["wav", "flac"] {
        let name = format!("01_ana.{form}");
        let path = folder.join(&name);
        let whole = fs::read(&path)?;
        for cut in [0, 30, 44, whole.len() / 2, whole.len() - 4] {
            fs::write(&path, &whole[..cut])?;
            assert_eq!(worst()?, is_wrong(&name), "cut at {cut}");
        }
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 4;
        fs::write(&path, &changed)?;
        assert_eq!(worst()?, is_wrong(&name));
        fs::copy(folder.join(format!("02_ana.{form}")), &path)?;
        assert_eq!(worst()?, is_wrong(&name), "swapped");
        fs::remove_file(&path)?;
        assert_eq!(worst()?, is_wrong(&name), "gone");
        symlink("/dev/zero", &path)?;
        assert_eq!(worst()?, is_wrong(&name), "a link");
        fs::remove_file(&path)?;
        fs::write(&path, &whole)?;
        fs::write(folder.join("lyrics.txt"), "la")?;
        assert_eq!(worst()?, [(Severity::Note, Some("lyrics.txt".to_owned()))]);
        fs::remove_file(folder.join("lyrics.txt"))?;
        if form == "wav" {
            convert::to_flac(&folder, &mut go_on())?;
        }
    }
    assert!(matches!(verify::verify(&folder, &mut |_| false), Err(TakeError::Stopped)));
    assert_whole(&folder, 10_000)
}

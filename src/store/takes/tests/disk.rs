//! A disk that is full or read-only: a small one of memory, mounted for a process of this test alone.

use std::process::Command;

use super::*;
use crate::store::trouble::TroubleKind;

const DISK: &str = "JAMTTY_TEST_SMALL_DISK";

/// Runs the test `inner` again, in a process that has a disk with these options; `false`, and said, where a disk
/// cannot be mounted.
fn on_a_disk(inner: &str, options: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o {options} none {0} && exec \"$@\"", folder.path().display());
    let program = std::env::current_exe().unwrap();
    let name = format!("store::takes::tests::disk::{inner}");
    let shell = ["--mount", "--map-root-user", "sh", "-c", &mount, "sh"];
    let probe = Command::new("unshare").args(shell).arg("true").output();
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no disk can be mounted here");
        return false;
    }
    let output = Command::new("unshare")
        .args(shell)
        .arg(program)
        .args(["--exact", &name, "--nocapture"])
        .env(DISK, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
    true
}

/// The disk of this process, if it is one that [`on_a_disk`] made.
fn disk() -> Option<PathBuf> {
    std::env::var_os(DISK).map(PathBuf::from)
}

#[test]
fn a_full_disk_ends_a_take_that_stays_whole() {
    on_a_disk("full_inner", "size=2m");
}

#[test]
fn full_inner() -> Tested {
    let Some(disk) = disk() else { return Ok(()) };
    let takes = disk.join("takes");
    let mut writer = Box::new(TakeWriter::create(&takes, take(1, "x"))?);
    let folder = writer.folder().to_owned();
    let tracks: Vec<u16> =
        (1..=2).map(|n| writer.add_track(plan(n, "Ana", 1)).map_err(words).unwrap()).collect();
    let sound = music(1, 2_000_000);
    let mut kept_samples = 0;
    let trouble = 'full: loop {
        let now = floats(&sound[kept_samples..kept_samples + 4_800]);
        for track in &tracks {
            if let Err(trouble) = writer.write(*track, &now) {
                break 'full trouble;
            }
        }
        if let Err(trouble) = writer.keep() {
            break 'full trouble;
        }
        kept_samples += 4_800;
    };
    assert!(trouble.remedy.contains("Free some space"), "{trouble:?}");
    assert!(kept_samples > 100_000);
    assert!(writer.write(1, &[[0.0; 2]]).is_err(), "nothing more is written");
    // Whatever fills the disk takes the last byte, too.
    let filler = fs::write(disk.join("filler"), vec![0; 4 << 20]);
    assert!(filler.is_err());
    writer.end(kept_samples as u64).map_err(words)?;
    let take = manifest::read(&folder)?;
    assert_eq!(take.state, TakeState::Ended);
    for track in &take.tracks {
        assert_eq!(read_track(&folder, track)?, kept(&sound[..kept_samples], 1));
    }
    assert_eq!(verify::verify(&folder, &mut go_on())?, []);
    assert!(fs::write(disk.join("filler again"), vec![0; 4 << 20]).is_err());
    let refused = TakeWriter::create(&takes, super::take(2, "y")).map_err(|trouble| trouble.kind);
    assert_eq!(refused.err(), Some(TroubleKind::Full));
    assert_eq!(folder::list(&takes)?.takes.len(), 1, "no folder is left of what could not begin");
    // A full disk refuses FLAC, and the WAV stays.
    assert!(convert::to_flac(&folder, &mut go_on()).is_err());
    assert_eq!(verify::verify(&folder, &mut go_on())?, []);
    assert!(space::free(&takes)? < 1 << 20);
    Ok(())
}

#[test]
fn a_killed_take_is_recovered_on_a_full_disk() {
    on_a_disk("recover_inner", "size=2m");
}

#[test]
fn recover_inner() -> Tested {
    let Some(disk) = disk() else { return Ok(()) };
    let mut writer = TakeWriter::create(&disk, take(1, "x"))?;
    let folder = writer.folder().to_owned();
    for number in 1..=2 {
        let track = writer.add_track(plan(number, "Ana", 1)).map_err(words)?;
        writer.write(track, &floats(&music(1, 1_000 * usize::from(number)))).map_err(words)?;
    }
    writer.keep().map_err(words)?;
    drop(writer);
    assert!(fs::write(disk.join("filler"), vec![0; 4 << 20]).is_err());
    assert_eq!(recover::recover(&folder)?, [""; 0]);
    assert_eq!(manifest::read(&folder)?.length_samples, 2_000);
    assert_eq!(verify::verify(&folder, &mut go_on())?, []);
    Ok(())
}

#[test]
fn a_read_only_disk_is_said_before_anything_is_recorded() {
    on_a_disk("read_only_inner", "ro,size=1m");
}

#[test]
fn read_only_inner() -> Tested {
    let Some(disk) = disk() else { return Ok(()) };
    let refused = TakeWriter::create(&disk, take(1, "x")).map_err(|trouble| (trouble.kind, trouble.remedy()));
    let (kind, remedy) = refused.err().ok_or("it was written")?;
    assert_eq!(kind, TroubleKind::ReadOnly);
    assert!(remedy.contains("writable"));
    Ok(())
}

use std::error::Error;
use std::os::unix::fs::PermissionsExt;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::domain::level::{Gain, Pan};
use crate::domain::name::Name;

type Tested = Result<(), Box<dyn Error>>;

fn paths_in(folder: &Path) -> Paths {
    Paths {
        profile: "test".to_owned(),
        config: folder.join("config"),
        data: folder.join("data"),
        state: folder.join("state"),
        runtime: folder.join("run"),
    }
}

fn peer(n: u8) -> PeerId {
    PeerId::from_bytes([n; 32])
}

fn strip(db: f32) -> StripSettings {
    StripSettings { gain: Gain::from_db(db), pan: Pan::new(0.5), muted: false, solo: true }
}

fn profile() -> Profile {
    Profile { name: Name::new("Ana"), instruments: vec![Name::new("bass")], ..Profile::default() }
}

fn jam(session: &str) -> RecentJam {
    RecentJam {
        name: Name::new("Kitchen"),
        session: session.to_owned(),
        peers: vec![peer(1)],
        addresses: vec!["10.0.0.2:4001".to_owned()],
        at_unix_s: 1_700_000_000,
    }
}

/// An index with one of everything, closed again.
fn filled(paths: &Paths) -> Tested {
    let (mut index, notice) = Index::open(paths)?;
    assert_eq!(notice, None);
    index.set_profile(profile())?;
    index.remember_jam(jam("aa"))?;
    index.block(Blocked { peer: peer(9), name: Name::new("Bo"), at_unix_s: 5 })?;
    index.set_strip(peer(1), strip(-6.0));
    index.set_delay(peer(1), DelayMode::Fixed { ms: 4.0 });
    index.flush()?;
    Ok(())
}

fn assert_filled(index: &Index) {
    assert_eq!(index.profile(), Some(&profile()));
    assert_eq!(index.strip(peer(1)), Some(strip(-6.0)));
    assert_eq!(index.delay(peer(1)), Some(DelayMode::Fixed { ms: 4.0 }));
    assert_eq!(index.recent_jams(), [jam("aa")]);
    assert!(index.is_blocked(peer(9)) && !index.is_blocked(peer(1)));
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for name in fs::read_dir(from)? {
        let name = name?;
        let target = to.join(name.file_name());
        if name.file_type()?.is_dir() {
            copy_folder(&name.path(), &target)?;
        } else {
            fs::copy(name.path(), target)?;
        }
    }
    Ok(())
}

fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for name in fs::read_dir(folder)? {
        let path = name?.path();
        if path.is_dir() { files.extend(files_in(&path)?) } else { files.push(path) }
    }
    files.sort();
    Ok(files)
}

#[test]
fn what_was_set_is_there_after_a_restart() -> Tested {
    let folder = tempfile::tempdir()?;
    let paths = paths_in(folder.path());
    filled(&paths)?;
    let (mut index, notice) = Index::open(&paths)?;
    assert_eq!(notice, None);
    assert_filled(&index);
    index.unblock(peer(9))?;
    drop(index);
    let (index, notice) = Index::open(&paths)?;
    assert_eq!((notice, index.is_blocked(peer(9))), (None, false));
    assert_eq!(fs::metadata(&paths.data)?.permissions().mode() & 0o777, 0o700);
    Ok(())
}

#[test]
fn files_that_the_database_before_still_holds_are_waited_for() -> Tested {
    let folder = tempfile::tempdir()?;
    let paths = paths_in(folder.path());
    filled(&paths)?;
    let held = File::open(paths.data.join(super::INDEX_FOLDER).join("db"))?;
    rustix::fs::flock(&held, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    let holder = std::thread::spawn(move || {
        std::thread::park_timeout(std::time::Duration::from_millis(100));
        drop(held);
    });
    let (index, _) = Index::open(&paths)?;
    assert!(index.is_blocked(peer(9)));
    drop(holder);
    Ok(())
}

#[test]
fn a_second_user_of_the_profile_is_refused_with_words() -> Tested {
    let folder = tempfile::tempdir()?;
    let paths = paths_in(folder.path());
    let (_index, _) = Index::open(&paths)?;
    let Err(refused) = Index::open(&paths) else { panic!("opened twice") };
    assert!(matches!(refused, IndexError::InUse { .. }), "{refused}");
    assert_eq!(refused.exit_code(), 75);
    assert!(refused.remedy().contains("--profile"));
    Ok(())
}

/// What a kill -9 leaves: the files as they are at some moment, here copied while it is open.
#[test]
fn a_killed_process_loses_nothing_that_was_flushed() -> Tested {
    let folder = tempfile::tempdir()?;
    let paths = paths_in(folder.path());
    filled(&paths)?;
    let (mut index, _) = Index::open(&paths)?;
    for round in 0..20_u8 {
        index.set_strip(peer(100 + round), strip(f32::from(round)));
        index.flush()?;
        index.set_strip(peer(50), strip(-20.0));
        let killed = paths_in(&folder.path().join(format!("killed{round}")));
        copy_folder(&paths.data, &killed.data)?;
        let (after, notice) = Index::open(&killed)?;
        assert_eq!(notice, None, "round {round}");
        assert_filled(&after);
        assert!((0..=round).all(|n| after.strip(peer(100 + n)).is_some()), "round {round}");
    }
    Ok(())
}

#[test]
fn an_unfinished_snapshot_does_not_keep_it_from_opening() -> Tested {
    let folder = tempfile::tempdir()?;
    let paths = paths_in(folder.path());
    filled(&paths)?;
    fs::write(paths.data.join(INDEX_FOLDER).join("snap.0000000000000ABC.generating"), b"half")?;
    let (index, notice) = Index::open(&paths)?;
    assert_eq!(notice, None);
    assert_filled(&index);
    Ok(())
}

/// Two hundred times: bytes garbled, files cut or emptied or deleted. Whatever sled makes of it, the
/// open answers, nothing is lost that the plain copy has, and what is said is true.
#[test]
fn a_garbled_index_is_rebuilt_from_its_plain_copy() -> Tested {
    let folder = tempfile::tempdir()?;
    let whole = paths_in(&folder.path().join("whole"));
    filled(&whole)?;
    let mut said = 0;
    for seed in 0..200 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let paths = paths_in(&folder.path().join("garbled"));
        copy_folder(&whole.data, &paths.data)?;
        let files = files_in(&paths.data.join(INDEX_FOLDER))?;
        let path = &files[random.random_range(0..files.len())];
        let mut bytes = fs::read(path)?;
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        match random.random_range(0..5) {
            0 => bytes.truncate(random.random_range(0..=used)),
            1 => bytes.clear(),
            2 => bytes.iter_mut().take(used).for_each(|byte| *byte = random.random()),
            _ => (0..random.random_range(1..64)).for_each(|_| {
                let at = random.random_range(0..used.max(1));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.random();
                }
            }),
        }
        fs::write(path, &bytes)?;
        let (mut index, notice) = Index::open(&paths).map_err(|error| format!("seed {seed}: {error}"))?;
        assert_filled(&index);
        if let Some(notice) = notice {
            said += 1;
            let rebuilt = Rebuilt::FromBackup { people: 1, jams: 1, blocked: 1 };
            assert_eq!(notice.rebuilt, rebuilt, "seed {seed}");
            assert!(notice.set_aside.is_some_and(|path| path.is_dir()), "seed {seed}");
        }
        index.set_strip(peer(3), strip(-1.0));
        index.flush().map_err(|error| format!("seed {seed}: {error}"))?;
        drop(index);
        let (index, _) = Index::open(&paths).map_err(|error| format!("seed {seed} again: {error}"))?;
        assert_filled(&index);
        assert_eq!(index.strip(peer(3)), Some(strip(-1.0)), "seed {seed}");
        drop(index);
        fs::remove_dir_all(&paths.data)?;
    }
    assert!(said > 50, "only {said} of 200 were noticed: the test garbles nothing that matters");
    Ok(())
}

#[test]
fn a_garbled_index_without_a_copy_is_made_anew_and_said() -> Tested {
    let folder = tempfile::tempdir()?;
    let paths = paths_in(folder.path());
    filled(&paths)?;
    for copy in ["index.backup", "index.backup.1"] {
        fs::write(paths.data.join(copy), b"not it")?;
    }
    fs::remove_dir_all(paths.data.join(INDEX_FOLDER))?;
    fs::write(paths.data.join(INDEX_FOLDER), b"no folder at all")?;
    let (index, notice) = Index::open(&paths)?;
    let notice = notice.ok_or("nothing said")?;
    assert_eq!(notice.rebuilt, Rebuilt::Empty);
    assert!(notice.to_string().contains("set them again"), "{notice}");
    assert_eq!(index.profile(), None);
    Ok(())
}

#[test]
fn a_lost_folder_comes_back_from_the_copy() -> Tested {
    let folder = tempfile::tempdir()?;
    let paths = paths_in(folder.path());
    filled(&paths)?;
    fs::remove_dir_all(paths.data.join(INDEX_FOLDER))?;
    let (index, notice) = Index::open(&paths)?;
    assert!(notice.is_some_and(|notice| notice.set_aside.is_some() || notice.why == "it was gone"));
    assert_filled(&index);
    Ok(())
}

#[test]
fn damaged_ones_are_kept_but_not_for_ever() -> Tested {
    let folder = tempfile::tempdir()?;
    let paths = paths_in(folder.path());
    filled(&paths)?;
    for _ in 0..5 {
        fs::remove_dir_all(paths.data.join(INDEX_FOLDER))?;
        fs::write(paths.data.join(INDEX_FOLDER), b"no folder")?;
        let (index, notice) = Index::open(&paths)?;
        assert!(notice.is_some());
        assert_filled(&index);
    }
    let kept = fs::read_dir(&paths.data)?.filter_map(Result::ok);
    let kept = kept.filter(|name| name.file_name().to_string_lossy().starts_with(SET_ASIDE)).count();
    assert_eq!(kept, SET_ASIDE_MAX);
    Ok(())
}

#[test]
fn an_index_of_a_newer_jamtty_is_left_alone() -> Tested {
    let folder = tempfile::tempdir()?;
    let paths = paths_in(folder.path());
    filled(&paths)?;
    let (disk, mut entries) = Disk::open(&paths.data.join(INDEX_FOLDER))?;
    Seal::take_from(&mut entries)?;
    entries.insert(b"profile".to_vec(), vec![3, 1, 1]);
    let (seal_key, seal) = Seal::of(&entries, 99).entry();
    disk.commit(vec![(b"profile".to_vec(), Some(vec![3, 1, 1])), (seal_key, Some(seal))])?;
    drop(disk);
    let Err(refused) = Index::open(&paths) else { panic!("opened") };
    assert!(matches!(refused, IndexError::Newer { .. }), "{refused}");
    assert!(refused.to_string().contains("version 3"), "{refused}");
    Ok(())
}

#[test]
fn a_panic_in_the_database_is_an_error_and_the_copy_takes_over() -> Tested {
    let folder = tempfile::tempdir()?;
    let paths = paths_in(folder.path());
    filled(&paths)?;
    let (mut index, _) = Index::open(&paths)?;
    // As after a panic on one of sled's own threads: nothing opens any more in this process.
    index.database = Database::CopyOnly;
    index.set_strip(peer(3), strip(-1.0));
    index.flush()?;
    drop(index);
    let (index, notice) = Index::open(&paths)?;
    assert!(notice.is_some_and(|notice| notice.why.contains("lost changes")));
    assert_filled(&index);
    assert_eq!(index.strip(peer(3)), Some(strip(-1.0)));
    Ok(())
}

/// A full disk, for real: a small tmpfs. Needs root, else it says that it was skipped.
#[test]
fn a_full_disk_is_said_and_nothing_is_forgotten() -> Tested {
    let folder = tempfile::tempdir()?;
    let Some(small) = SmallDisk::mount(folder.path())? else { return Ok(()) };
    let paths = paths_in(&small.0);
    filled(&paths)?;
    let (mut index, _) = Index::open(&paths)?;
    let ballast = small.0.join("ballast");
    let mut filler = File::create(&ballast)?;
    while io::Write::write_all(&mut filler, &[1; 4096]).is_ok() {}
    let mut refused = None;
    for round in 0..200_u8 {
        index.set_strip(peer(round), strip(-3.0));
        if let Err(error) = index.flush() {
            refused = Some(error);
            break;
        }
    }
    let refused = refused.ok_or("a full disk took everything")?;
    assert_eq!(refused.exit_code(), 73);
    let IndexError::Disk(trouble) = &refused else { panic!("{refused}") };
    assert_eq!(trouble.kind, crate::store::TroubleKind::Full, "{refused}");
    assert!(refused.remedy().contains("Free some space"), "{}", refused.remedy());
    assert_eq!(index.strip(peer(0)), Some(strip(-3.0)));
    drop(filler);
    fs::remove_file(&ballast)?;
    index.flush()?;
    drop(index);
    let (index, _) = Index::open(&paths)?;
    assert_eq!(index.strip(peer(0)), Some(strip(-3.0)));
    assert!(index.is_blocked(peer(9)));
    Ok(())
}

#[test]
fn a_folder_that_cannot_be_written_is_said() -> Tested {
    let folder = tempfile::tempdir()?;
    let Some(small) = SmallDisk::mount(folder.path())? else { return Ok(()) };
    let paths = paths_in(&small.0);
    filled(&paths)?;
    small.read_only()?;
    let Err(refused) = Index::open(&paths) else { panic!("opened") };
    let IndexError::Disk(trouble) = &refused else { panic!("{refused}") };
    assert_eq!(trouble.kind, crate::store::TroubleKind::ReadOnly, "{refused}");
    assert_eq!(refused.exit_code(), 73);
    Ok(())
}

/// A file system of its own, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, with the reason on stderr, where mounting is not allowed.
    fn mount(folder: &Path) -> Result<Option<Self>, Box<dyn Error>> {
        let place = folder.join("small");
        fs::create_dir(&place)?;
        let command = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m,mode=0700", "jamtty-test"])
            .arg(&place)
            .output();
        match command {
            Ok(output) if output.status.success() => Ok(Some(Self(place))),
            Ok(output) => {
                eprintln!("skipped: mount: {}", String::from_utf8_lossy(&output.stderr).trim());
                Ok(None)
            }
            Err(error) => {
                eprintln!("skipped: mount: {error}");
                Ok(None)
            }
        }
    }

    fn read_only(&self) -> Tested {
        let status = std::process::Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status()?;
        assert!(status.success());
        Ok(())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a thread given up by a failed test may still hold a file.
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

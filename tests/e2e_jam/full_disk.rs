//! A disk that is full: said in three parts, and the jam goes on.
//!
//! The disk is 256 KiB of memory, mounted for one peer alone in a mount namespace of its own.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::support::{PATIENCE, Peer, Person, Room};

/// Someone whose `disk` folder is a small disk; `None`, and said, where it cannot be mounted.
fn with_small_disk(room: &Room, name: &str) -> Option<(Person, PathBuf)> {
    let disk = room.0.path().join("disk");
    fs::create_dir_all(&disk).unwrap();
    let mount = format!("mount -t tmpfs -o size=256k none {} && exec \"$@\"", disk.display());
    let before: Vec<String> =
        ["unshare", "-m", "sh", "-c", &mount, "sh"].iter().map(|&word| word.to_owned()).collect();
    let tried = Command::new(&before[0]).args(&before[1..]).arg("true").output();
    if !tried.is_ok_and(|output| output.status.success()) {
        println!("skipped: mounting a small disk needs root");
        return None;
    }
    Some((Person { before, ..room.person(name) }, disk))
}

/// The same folder as this peer sees it.
fn seen_by(peer: &Peer, folder: &Path) -> PathBuf {
    let root = format!("/proc/{}/root", peer.tell("status", &[])["pid"]);
    Path::new(&root).join(folder.strip_prefix("/").unwrap())
}

#[test]
fn a_recording_that_fills_the_disk_is_said_and_the_jam_goes_on() {
    let room = Room::new();
    let Some((ana, disk)) = with_small_disk(&room, "Ana") else { return };
    let file = disk.join("heard.wav");
    let mut ana = ana.play("drums", &["--new", "Kitchen", "--out-file", file.to_str().unwrap()]);
    let mut bo = room.person("Bo").play("bass", &["--join", "Kitchen"]);
    let (_, warning) = ana.wait("warning");
    assert_eq!(warning["what"], "the output of the virtual card stopped");
    assert!(warning["why"].as_str().unwrap().contains("heard.wav: No space left on device"), "{warning}");
    assert!(warning["remedy"].as_str().unwrap().contains("make room on the disk"), "{warning}");
    bo.wait_to_hear(&ana);
    ana.wait_to_hear(&bo);
    assert!(!ana.saw("card_lost"));
    ana.end();
    bo.end();
}

#[test]
fn what_a_full_disk_cannot_remember_is_said_once_and_the_jam_goes_on() {
    let room = Room::new();
    let Some((ana, disk)) = with_small_disk(&room, "Ana") else { return };
    let ana = Person { env: vec![("XDG_DATA_HOME", disk.to_str().unwrap().to_owned())], ..ana };
    let mut ana = ana.play("drums", &["--new", "Kitchen"]);
    let mut bo = room.person("Bo").play("bass", &["--join", "Kitchen"]);
    bo.wait_to_hear(&ana);
    ana.wait_to_hear(&bo);

    let fill = seen_by(&ana, &disk).join("fill");
    let mut filling = File::create(&fill).unwrap();
    while filling.write_all(&[0; 1_024]).is_ok() {}
    while filling.write_all(&[0]).is_ok() {}
    // What is there already has some room left in its last page.
    let until = Instant::now() + PATIENCE;
    for n in 0.. {
        if ana.saw("warning") {
            break;
        }
        assert!(Instant::now() < until, "{n} names found room on a full disk");
        ana.tell("me.set", &[&format!("name=Ana {n}")]);
    }
    for name in ["name=Anna", "name=Anja"] {
        ana.tell("me.set", &[name]);
    }
    let (_, warning) = ana.wait("warning");
    assert_eq!(warning["what"], "something could not be remembered");
    assert!(warning["why"].as_str().unwrap().contains("No space left on device"), "{warning}");
    assert!(warning["remedy"].as_str().unwrap().contains("Free some space"), "{warning}");
    bo.until("for the new name all the same", |bo| bo.sees(&ana.key)["name"] == "Anja");
    bo.wait_to_hear(&ana);
    ana.wait_to_hear(&bo);

    // With room again it is remembered again, by itself.
    fs::remove_file(&fill).unwrap();
    drop(filling);
    ana.tell("me.set", &["name=Hannah"]);
    ana.end();
    assert_eq!(ana.count("warning"), 1, "a full disk is said once, not at every order");
    bo.end();
}

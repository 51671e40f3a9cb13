//! Takes of real peers: who is on them, what is in them, and what a crash or a full disk leaves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Peer, Person, Room, play_for};

/// The takes of someone.
fn takes(peer: &Peer) -> Vec<Value> {
    peer.tell("rec.ls", &[])["takes"].as_array().cloned().unwrap()
}

/// Waits until someone's copy is whole; gives what `rec.show` says of it.
fn kept(peer: &mut Peer) -> Value {
    let (_, kept) = peer.wait("take_kept");
    assert_eq!(kept["trouble"], "", "{kept}");
    peer.tell("rec.show", &[kept["take"].as_str().unwrap()])
}

/// Whose lines are in a take, by kind.
fn lines(shown: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let tracks = shown["tracks"].as_array().unwrap();
    let mut lines: Vec<_> =
        tracks.iter().map(|track| (text(&track["kind"]), text(&track["who"]["name"]))).collect();
    lines.sort();
    lines
}

fn id(shown: &Value) -> &str {
    shown["take"]["id"].as_str().unwrap()
}

/// Says on whom the others wait, and what they said.
fn answers(peer: &Peer, who: &str) -> Value {
    let status = peer.tell("status", &[]);
    let people = status["recording"]["people"].as_array().cloned().unwrap_or_default();
    people.into_iter().find(|one| one["who"]["key"] == *who).map_or(Value::Null, |one| one["answer"].clone())
}

/// Every sample of a WAV file as 24 bits, first ear.
fn samples(path: &Path) -> Vec<i32> {
    let mut reader = hound::WavReader::open(path).unwrap();
    let channels = usize::from(reader.spec().channels);
    match reader.spec().sample_format {
        hound::SampleFormat::Float => {
            let found = reader.samples::<f32>().step_by(channels);
            found.map(|sample| (sample.unwrap() * 8_388_608.0).round() as i32).collect()
        }
        hound::SampleFormat::Int => {
            assert_eq!(reader.spec().bits_per_sample, 24);
            reader.samples::<i32>().step_by(channels).map(Result::unwrap).collect()
        }
    }
}

/// The exported file of a track.
fn exported(folder: &Path, track: &Value) -> PathBuf {
    let number = format!("{:02}", track["number"].as_u64().unwrap());
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(&number) && name.ends_with(".wav")
    };
    files.into_iter().find(wanted).unwrap_or_else(|| panic!("track {number} in {}", folder.display()))
}

#[test]
fn who_agrees_is_on_the_take_whole_and_who_refuses_is_on_nobodys() {
    let room = Room::new();
    let mut ana = room.person("Ana").play("drums", &["--new", "Kitchen"]);
    let mut bo = room.person("Bo").play("bass", &["--join", "Kitchen"]);
    let mut cy = room.person("Cy").play("keys", &["--join", "Kitchen"]);
    for (one, other) in [(&ana, &bo), (&bo, &ana), (&ana, &cy), (&cy, &ana), (&bo, &cy)] {
        one.wait_to_hear(other);
    }
    let started = ana.tell("rec.start", &["Slow waltz"]);
    assert_eq!(started["recording"]["name"], "Slow waltz");
    for peer in [&mut bo, &mut cy] {
        let (_, asked) = peer.wait("recording_asked");
        assert_eq!((&asked["by"]["name"], &asked["name"]), (&"Ana".into(), &"Slow waltz".into()));
        assert_eq!(peer.tell("status", &[])["recording"]["asks_you"], true);
    }
    bo.tell("rec.agree", &[]);
    cy.tell("rec.refuse", &[]);
    let (bo_key, cy_key) = (bo.key.clone(), cy.key.clone());
    ana.until("for Bo's yes and Cy's no", |ana| {
        answers(ana, &bo_key) == "yes" && answers(ana, &cy_key) == "no"
    });
    play_for(Duration::from_secs(3));
    ana.tell("rec.mark", &["bridge"]);
    play_for(Duration::from_secs(1));
    let refused = bo.ask("rec.start", &[]).unwrap_err();
    assert!(refused["why"].as_str().unwrap().contains("started by Ana"), "{refused}");
    ana.tell("rec.stop", &[]);

    let of_ana = kept(&mut ana);
    let of_bo = kept(&mut bo);
    let line = |kind: &str, who: &str| (kind.to_owned(), who.to_owned());
    assert_eq!(lines(&of_ana), [line("heard", "Bo"), line("mix", ""), line("own", "Ana")]);
    assert_eq!(lines(&of_bo), [line("heard", "Ana"), line("mix", ""), line("own", "Bo")]);
    assert_eq!(id(&of_ana), id(&of_bo), "one take, two copies");
    assert_eq!(of_ana["marks"][0]["text"], "bridge");
    assert!(takes(&cy).is_empty(), "who is on no recording keeps none");
    for shown in [&of_ana, &of_bo] {
        let no = shown["answers"].as_array().unwrap().iter().find(|one| one["who"]["key"] == *cy_key);
        assert_eq!(no.unwrap()["answer"], "no", "{shown}");
        // Both ends are known to 40 ms: that is how often the recorder looks.
        assert!(shown["take"]["length_s"].as_f64().unwrap() >= 3.9, "{shown}");
    }
    for peer in [&ana, &bo] {
        let verified = peer.tell("rec.verify", &["Slow waltz"]);
        assert_eq!(verified["ok"], true, "{verified}");
    }
    // Bo does not want to be on it any more: Ana's machine carries it out, and says so.
    let copy = PathBuf::from(of_ana["folder"].as_str().unwrap());
    let theirs =
        of_ana["tracks"].as_array().unwrap().iter().find(|track| track["who"]["name"] == "Bo").unwrap();
    let file = theirs["files"][0].as_str().unwrap().split('.').next().unwrap().to_owned();
    let is_there = || {
        fs::read_dir(&copy).unwrap().any(|one| one.unwrap().file_name().to_string_lossy().starts_with(&file))
    };
    assert!(is_there());
    let asked = bo.tell("rec.withdraw", &[id(&of_bo)]);
    assert!(asked["waits_for"].as_array().unwrap().iter().any(|who| who["name"] == "Ana"), "{asked}");
    let (_, answered) = bo.wait_of("withdrawal_answered", &ana.key.clone());
    assert_eq!(answered["outcome"], "removed");
    let of_ana = ana.tell("rec.show", &[id(&of_ana)]);
    assert_eq!(lines(&of_ana), [line("own", "Ana")], "the mix had Bo in it, too");
    assert!(!is_there(), "the bytes are gone");
    assert_eq!(ana.tell("rec.verify", &["Slow waltz"])["ok"], true);

    let folder = room.0.path().join("out");
    let out = ana.tell("rec.export", &["slow", folder.to_str().unwrap()]);
    assert_eq!(out["files"], 3, "a track, a Reaper and an Audacity project: {out}");
    let tracks = of_ana["tracks"].as_array().unwrap();
    let own = samples(&exported(&folder, tracks.iter().find(|track| track["kind"] == "own").unwrap()));
    let all: Vec<usize> = tracks.iter().map(|track| samples(&exported(&folder, track)).len()).collect();
    assert!(all.iter().all(|length| *length == own.len()), "all tracks have one length: {all:?}");
    let tap = ana.tap.clone();
    [&mut ana, &mut bo, &mut cy].into_iter().for_each(Peer::end);

    // What was kept is what was sent, bit for bit.
    let sent = samples(&tap.join("sent.wav"));
    let piece = &own[own.len() / 2..own.len() / 2 + 2_000];
    let place = sent.windows(piece.len()).position(|window| window == piece).expect("it was sent");
    let from = place - own.len() / 2;
    assert!(own == sent[from..from + own.len()], "the own line is lossless from end to end");
}

#[test]
fn a_peer_killed_while_it_records_loses_at_most_a_second_and_the_others_nothing() {
    let room = Room::new();
    let ana = room.person("Ana").play("drums", &["--new", "Kitchen"]);
    let mut bo = room.person("Bo").play("bass", &["--join", "Kitchen"]);
    ana.wait_to_hear(&bo);
    bo.wait_to_hear(&ana);
    ana.tell("rec.start", &[]);
    bo.wait("recording_asked");
    bo.tell("rec.agree", &[]);
    let bo_key = bo.key.clone();
    ana.until("for Bo's yes", |ana| answers(ana, &bo_key) == "yes");
    play_for(Duration::from_secs(4));
    let began = ana.tell("status", &[])["recording"]["since_s"].as_f64().unwrap();
    ana.kill();

    let mut ana = room.person("Ana").play("drums", &[]);
    let (_, warning) = ana.wait("warning");
    assert_eq!(warning["what"], "a take was mended", "{warning}");
    let shown = ana.tell("rec.show", &["Kitchen"]);
    assert_eq!(shown["take"]["state"], "recovered");
    let length = shown["take"]["length_s"].as_f64().unwrap();
    println!("FIGURE killed at {began} s or later, {length:.2} s are there");
    assert!(length >= began - 1.0, "killed at {began} s, {length} s are there");
    assert_eq!(lines(&shown).len(), 3, "{shown}");
    assert_eq!(ana.tell("rec.verify", &["Kitchen"])["ok"], true);

    let of_bo = kept(&mut bo);
    assert!(of_bo["take"]["length_s"].as_f64().unwrap() >= began, "{of_bo}");
    assert_eq!(bo.tell("rec.verify", &["Kitchen"])["ok"], true);
    ana.end();
    bo.end();
}

#[test]
fn what_was_played_is_kept_afterwards_found_and_deleted_for_good() {
    let room = Room::new();
    let mut ana = room.person("Ana").play("drums", &["--new", "Kitchen"]);
    let config = room.0.path().join("config/jamtty");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), "[privacy]\nrecord_me = \"yes\"\n").unwrap();
    let mut bo = room.person("Bo").play("bass", &["--join", "Kitchen"]);
    ana.wait_to_hear(&bo);
    bo.wait_to_hear(&ana);
    play_for(Duration::from_secs(4));
    ana.tell("rec.grab", &["3"]);
    let of_ana = kept(&mut ana);
    let of_bo = kept(&mut bo);
    for shown in [&of_ana, &of_bo] {
        assert_eq!(shown["take"]["kind"], "grabbed");
        assert!((2.5..=3.1).contains(&shown["take"]["length_s"].as_f64().unwrap()), "{shown}");
        assert_eq!(lines(shown).len(), 3, "{shown}");
    }
    assert!(!bo.saw("recording_asked"), "Bo's settings answer");
    let take = id(&of_ana)[..8].to_owned();
    ana.tell("rec.tag", &[&take, "slow blues"]);
    ana.tell("rec.rename", &[&take, "Kitchen/../blues"]);
    assert_eq!(ana.tell("rec.ls", &["slow", "bo"])["takes"].as_array().unwrap().len(), 1);
    assert_eq!(ana.tell("rec.ls", &["polka"])["takes"].as_array().unwrap().len(), 0);

    let folder = PathBuf::from(of_ana["folder"].as_str().unwrap());
    ana.tell("rec.rm", &[&take]);
    assert!(takes(&ana).is_empty());
    ana.tell("rec.undo", &[&take]);
    assert_eq!(takes(&ana).len(), 1);
    ana.tell("rec.rm", &[&take, "forever"]);
    assert!(takes(&ana).is_empty() && !folder.exists());
    let found =
        Command::new("find").arg(room.0.path().join("data/jamtty/Ana/takes")).args(["-type", "f"]).output();
    assert_eq!(String::from_utf8(found.unwrap().stdout).unwrap(), "", "no file of it is left");
    ana.end();
    // The command line finds takes while no peer runs, too.
    bo.end();
    let said = bo.person.run(&["rec", "ls", "--json"]);
    assert_eq!(said.json()["takes"].as_array().unwrap().len(), 1);
    bo.person.run(&["rec", "show", "nothing"]).failed(66, &["no take", "nothing"]);
}

#[test]
fn a_disk_without_room_is_said_at_once_and_the_jam_plays_on() {
    let room = Room::new();
    let disk = room.0.path().join("disk");
    fs::create_dir_all(&disk).unwrap();
    let mount = format!("mount -t tmpfs -o size=2m none {} && exec \"$@\"", disk.display());
    let before: Vec<String> =
        ["unshare", "-m", "sh", "-c", &mount, "sh"].iter().map(|&word| word.to_owned()).collect();
    let tried = Command::new(&before[0]).args(&before[1..]).arg("true").output();
    if !tried.is_ok_and(|output| output.status.success()) {
        println!("skipped: mounting a small disk needs root");
        return;
    }
    let config = room.0.path().join("config/jamtty");
    fs::create_dir_all(&config).unwrap();
    let settings = format!("[rec]\ndir = \"{}\"\n[privacy]\nrecord_me = \"yes\"\n", disk.display());
    fs::write(config.join("config.toml"), settings).unwrap();
    let ana = Person { before, ..room.person("Ana") };
    let mut ana = ana.play("drums", &["--new", "Kitchen"]);
    let mut bo = room.person("Bo").play("bass", &["--join", "Kitchen"]);
    ana.wait_to_hear(&bo);
    bo.wait_to_hear(&ana);
    // Less than a minute fits from the start: that is said, and what of it is lost.
    ana.tell("rec.start", &[]);
    let (_, warning) = ana.wait("warning");
    assert_eq!(warning["what"], "your copy of the take ends here", "{warning}");
    assert!(warning["remedy"].as_str().unwrap().contains("rec rm"), "{warning}");
    let status = ana.tell("status", &[]);
    assert!(status["recording"]["trouble"].as_str().unwrap().contains("full"), "{status}");
    play_for(Duration::from_secs(1));
    ana.tell("rec.stop", &[]);
    kept(&mut bo);
    assert_eq!(ana.count("warning"), 1, "it is said once");
    bo.wait_to_hear(&ana);
    ana.wait_to_hear(&bo);
    assert!(!ana.saw("card_lost") && !ana.saw("ended"));
    ana.end();
    bo.end();
}

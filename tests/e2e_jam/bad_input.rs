//! What people and strangers get wrong: a message in three parts, an exit code, and a jam that never
//! notices.

use std::time::Duration;

use crate::support::{HELD, Person, Room, Said, assert_undamaged, play_for};

/// A peer that cannot start: it ends by itself, with words.
fn refused(person: &Person, args: &[&str], code: i32, words: &[&str]) {
    let said = person.run(&[&["peer"], args].concat());
    println!("{args:?}: {} {}", said.code, said.err.trim());
    said.failed(code, words);
    assert_three_parts(&said);
}

/// `jamtty: WHAT: WHY. REMEDY` on stderr.
fn assert_three_parts(said: &Said) {
    let line = said.err.lines().find(|line| line.starts_with("jamtty: ")).unwrap_or_default();
    assert!(line.matches(": ").count() >= 2 && line.contains(". "), "what, why, remedy: {said:?}");
}

#[test]
fn what_people_get_wrong_is_said_and_a_running_jam_never_notices() {
    let room = Room::new();
    let mut ana = room.person("Ana").play("drums", &[&["--new", "Kitchen"][..], &HELD].concat());
    let mut bo = room.person("Bo").play("bass", &[&["--join", "Kitchen"][..], &HELD].concat());
    bo.wait_to_hear(&ana);
    ana.wait_to_hear(&bo);
    play_for(Duration::from_secs(2));
    let from = play_for(Duration::ZERO).from_ns;
    let eve = room.person("Eve");

    refused(&eve, &["--in-file", "/no/such.wav"], 66, &["/no/such.wav"]);
    let wrong = room.file("wrong.wav", "this is no sound");
    refused(&eve, &["--in-file", &wrong], 65, &["wrong.wav"]);
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    refused(&eve, &["--null", "--port", &port], 75, &[&port]);
    let elsewhere = Person { iface: Some("wlan7"), ..eve.clone() };
    refused(&elsewhere, &["--null"], 2, &["wlan7"]);
    refused(&room.person("Ana"), &["--null"], 75, &["Ana"]);
    refused(&eve, &["--audio", "alsa", "--in", "hw:Piano"], 2, &["hw:Piano"]);
    // The same from a peer that lives for one command, however fast it ends.
    eve.run(&["audio", "level", "--audio", "alsa", "--in", "hw:Piano"]).failed(2, &["hw:Piano"]);
    refused(&eve, &["--null", "--out-file", "/no/such/heard.wav"], 73, &["/no/such/heard.wav"]);
    refused(&eve, &["--null", "--out-file", "/dev/full"], 73, &["No space left on device", "make room"]);
    let code = room.0.path().join("nowhere");
    refused(&eve, &["--null", "--join", "Kitchen", "--code-file", code.to_str().unwrap()], 66, &["nowhere"]);

    let broken = room.file("broken.toml", "name = \"Eve\"\n[audio]\nperiod = \"many\"\n");
    let said = eve.run(&["peer", "--null", "--config", &broken]);
    said.failed(78, &["broken.toml:3", "audio.period", "many", "16 to 4096"]);
    let misspelt = room.file("misspelt.toml", "[audio]\nperoid = 64\n");
    let said = eve.run(&["config", "check", "--config", &misspelt]);
    assert!(
        said.code == 78 && said.out.contains("toml:2:") && said.out.contains("did you mean audio.period")
    );
    said.failed(78, &["1 key is not understood"]);
    // Whoever plays is told, and plays: an older release must run with the config of a newer one.
    let mut eve = eve.start(&["--null", "--config", &misspelt]);
    eve.end();
    let complaints = eve.complaints();
    assert!(complaints.contains("misspelt.toml:2: unknown key audio.peroid, did you mean"), "{complaints}");

    let from_stranger =
        bo.person.run_with(&["do", "-"], b"\x00\xff\x1b[2J rubbish\n{\"v\":1}\nfadr Ana -3\n");
    assert!(from_stranger.code != 0 && !from_stranger.err.contains('\x1b'), "{from_stranger:?}");
    let garbled = bo.person.run_with(&["do", "-"], b"fadr Ana -3\n");
    garbled.failed(2, &["fadr", "fader"]);

    // The comparison wants some seconds, and all of the above may take one.
    let mut span = play_for(Duration::from_secs(3));
    span.from_ns = from;
    for peer in [&mut ana, &mut bo] {
        assert!(!peer.saw("participant_away") && !peer.saw("card_lost") && !peer.saw("link_fallback"));
        peer.end();
    }
    assert_undamaged(&ana, &bo, span);
    assert_undamaged(&bo, &ana, span);
}

#[test]
fn names_and_words_of_others_are_shown_safe_and_bounded() {
    let room = Room::new();
    let mut ana = room.person("Ana").play("drums", &["--new", "Kitchen"]);
    let mut eve = room.person("Eve").play("keys", &["--join", "Kitchen"]);
    eve.wait_to_hear(&ana);
    eve.tell("me.set", &["name=E\u{1b}[2Jv\u{202e}e\u{200b}\n\u{7}x", "plays=\u{1b}]0;owned\u{7}"]);
    ana.until("for a new name", |ana| ana.sees(&eve.key)["name"] != "Eve");
    let shown = [ana.person.run(&["status"]), ana.person.run(&["ls"]), ana.person.run(&["link"])];
    for said in &shown {
        let is_harmful =
            |c: char| (c.is_control() && c != '\n' && c != '\t') || "\u{202e}\u{200b}".contains(c);
        assert!(said.code == 0 && !said.out.contains(is_harmful), "{said:?}");
    }
    println!("shown as {}", ana.sees(&eve.key));

    // A megabyte, by argument's way and by the socket's: refused, and the room hears nothing of it.
    let long = format!("chat {}\n", "la ".repeat(350_000));
    let said = eve.person.run_with(&["do", "-"], long.as_bytes());
    println!("a megabyte of chat: {} {}", said.code, said.err.chars().take(300).collect::<String>());
    assert_eq!(said.code, 2, "{}", said.err.chars().take(300).collect::<String>());
    assert_eq!(said.err.lines().count(), 1, "its rest is no further action");
    let long = "la ".repeat(2_000);
    assert_eq!(eve.ask("chat", &[&long]).unwrap_err()["code"], 2);
    eve.tell("chat", &["short"]);
    assert_eq!(ana.wait("chat").1["text"], "short");
    eve.end();
    ana.end();
}

#[test]
fn a_full_disk_is_said_and_the_jam_goes_on() {
    if !std::path::Path::new("/dev/full").exists() {
        println!("skipped: no /dev/full here");
        return;
    }
    let room = Room::new();
    let mut ana = room.person("Ana").play("drums", &["--new", "Kitchen"]);
    let mut bo = room.person("Bo").play("bass", &["--join", "Kitchen"]);
    bo.wait_to_hear(&ana);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = ana.person.command(&["status"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(73));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("cannot write to stdout"), "{text}");
    bo.wait_to_hear(&ana);
    ana.wait_to_hear(&bo);
    ana.end();
    bo.end();
}

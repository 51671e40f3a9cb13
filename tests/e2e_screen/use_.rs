//! What a player does: the first steps, joining, the mixer, chat, panic, resizing, detaching and coming back.

use crate::tty::{Room, Tty, WIDE};

#[test]
fn a_newcomer_gets_through_the_first_steps_and_into_a_jam_with_enter_alone() {
    let room = Room::new();
    room.peer("ana", &["--new", "Kitchen", "--in-tone", "440", "--null"]);
    let mut tty = Tty::jamtty(&room, (80, 24), &["--profile", "kim", "--iface", "lo"]);
    tty.sees("[1 device]");
    // This machine may have no sound card: then none at all is what Enter takes.
    tty.wait("the card, or none", |screen| {
        let text = screen.contents();
        text.contains("in use:") || text.contains("no sound card was found")
    });
    tty.types("\r");
    tty.sees("[2 level]");
    tty.types("\r");
    tty.sees("[3 tone and delay]");
    tty.types("\r");
    tty.sees("What do others call you?");
    tty.types("\u{15}Kim\r");
    tty.sees("Kitchen");
    tty.types("\r");
    tty.sees("LIVE");
    tty.sees("others hear you");
    room.wait_for("kim", |status| status["me"]["name"] == "Kim");
    room.wait_for("ana", |status| status["jam"]["people"][1]["name"] == "Kim");
    // Ends the peer that it started, too.
    tty.types("q");
    tty.sees("Others still hear you");
    tty.types("\ry");
    tty.sees("NOT IN A JAM");
    tty.types("q");
    let (code, _) = tty.ends();
    assert_eq!(code, 0);
    let until = std::time::Instant::now() + crate::tty::PATIENCE;
    while room.ask("kim", &["status"]).is_some_and(|status| status["pid"].is_number()) {
        assert!(std::time::Instant::now() < until, "its peer goes on");
    }
}

#[test]
fn the_mixer_the_chat_and_panic_do_what_the_screen_says() {
    let room = Room::new();
    room.peer("ana", &["--new", "Kitchen", "--in-tone", "440", "--null"]);
    room.peer("kim", &["--join", "Kitchen", "--in-tone", "330", "--null"]);
    let mut tty = Tty::jamtty(&room, (80, 24), &["attach", "--profile", "kim"]);
    tty.sees("LIVE");
    tty.sees(" ms");
    let mine = |field: &'static str| {
        move |status: &serde_json::Value| status["jam"]["people"][1]["strip"][field].clone()
    };
    tty.types("m");
    tty.sees("MUTE");
    room.wait_for("kim", |status| mine("muted")(status) == true);
    tty.types("m");
    tty.misses("MUTE");
    tty.types("\x1b[D\x1b[D\x1b[D");
    tty.sees("-3.0dB");
    room.wait_for("kim", |status| mine("gain_db")(status).as_f64().is_some_and(|db| (db + 3.0).abs() < 0.1));
    tty.types("u");
    tty.sees("+0.0dB");
    tty.types("cfrom the top? x\r");
    tty.sees("from the top? x");
    let heard = room.ask("ana", &["status"]);
    assert!(heard.is_some());
    tty.types(" ");
    tty.sees("MUTED");
    room.wait_for("ana", |status| status["jam"]["people"][1]["mic"] == "muted");
    tty.types(" ");
    room.wait_for("ana", |status| status["jam"]["people"][1]["mic"] == "live");
    tty.types("x");
    tty.sees("PANIC");
    room.wait_for("kim", |status| status["mic"] == "panic");
    tty.types("x");
    room.wait_for("kim", |status| status["mic"] == "live");
    tty.sees("panic is over");
    // Pasted keys are text, and nowhere is text wanted here.
    tty.types("\x1b[200~xq y\x1b[201~");
    tty.sees("pasted text was ignored");
    assert_eq!(room.wait_for("kim", |_| true)["mic"], "live");
    tty.types("D");
    assert_eq!(tty.ends().0, 0);
}

#[test]
fn a_screen_that_is_closed_leaves_the_music_and_another_finds_it() {
    let room = Room::new();
    room.welcomed("kim");
    room.peer("ana", &["--new", "Kitchen", "--null"]);
    let mut tty = Tty::jamtty(&room, (100, 30), &["--profile", "kim", "--iface", "lo"]);
    tty.sees("Kitchen");
    tty.types("\r");
    tty.sees("[2 Jam]");
    tty.types("D");
    assert_eq!(tty.ends().0, 0);
    let status = room.wait_for("kim", |status| status["place"] == "jam");
    let mut again = Tty::jamtty(&room, (60, 15), &["attach", "--profile", "kim"]);
    again.sees("[2 Jam]  Kitchen");
    again.resize(120, 40);
    again.sees("Chat");
    again.resize(30, 5);
    again.sees("LIVE in silent net");
    again.resize(80, 24);
    again.sees("3 Lib");
    again.types("D");
    let (code, bytes) = again.ends();
    assert_eq!(code, 0);
    // One full clear for the start and for each new size.
    let clears = bytes.windows(4).filter(|four| four == b"\x1b[2J").count();
    assert!((2..=5).contains(&clears), "{clears} full clears");
    assert_eq!(room.wait_for("kim", |_| true)["pid"], status["pid"]);
    assert!(room.ask("kim", &["quit"]).is_some());
}

#[test]
fn a_screen_without_a_terminal_says_what_to_do() {
    let room = Room::new();
    for args in [&[][..], &["attach"]] {
        let output = room.command(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("terminal"), "{said}");
    }
    let tty = Tty::start(&room, (80, 24), &[env!("CARGO_BIN_EXE_jamtty")], &[("TERM", "dumb")]);
    tty.sees("TERM is dumb");
    assert_eq!(tty.ends().0, 2);
    let tty = Tty::jamtty(&room, (80, 24), &["attach"]);
    assert_eq!(tty.ends().0, 69);
}

#[test]
fn a_terminal_of_another_language_gets_ascii_and_no_colour_where_none_is_wanted() {
    let room = Room::new();
    room.peer("kim", &["--null"]);
    let words = [env!("CARGO_BIN_EXE_jamtty"), "attach", "--profile", "kim"];
    let mut tty = Tty::start(&room, (80, 24), &words, &[("LANG", "C"), ("NO_COLOR", "1")]);
    tty.sees("NOT IN A JAM");
    tty.sees("house band");
    tty.types("D");
    let (_, bytes) = tty.ends();
    assert!(bytes.is_ascii());
    let text = String::from_utf8_lossy(&bytes);
    for code in ["[3", ";3", "[9", ";9"] {
        let coloured = text.match_indices(code).any(|(at, _)| {
            let rest = &text[at + code.len()..];
            rest.starts_with(|c: char| ('0'..='7').contains(&c)) && rest[1..].starts_with(['m', ';'])
        });
        assert!(!coloured, "a colour: {code}");
    }
}

#[test]
fn a_closed_screen_of_a_broken_config_says_the_line() {
    let room = Room::new();
    let config = room.path().join("config.toml");
    std::fs::write(&config, "[ui]\ntheme = \"blue\"\n").unwrap();
    let tty = Tty::jamtty(&room, (80, 24), &["--config", config.to_str().unwrap()]);
    tty.sees("config.toml:2");
    assert_eq!(tty.ends().0, 78);
}

#[test]
fn the_mouse_clicks_and_a_terminal_that_draws_wide_gets_ascii() {
    let room = Room::new();
    room.peer("kim", &["--new", "Barn", "--in-tone", "440", "--null"]);
    let words = [env!("CARGO_BIN_EXE_jamtty"), "attach", "--profile", "kim"];
    let mut tty = Tty::start(&room, (80, 24), &words, &[WIDE]);
    tty.sees("LIVE");
    assert!(tty.contents().is_ascii(), "{}", tty.contents());
    // The seventh screen's name, in the first row.
    let place = tty.contents().lines().next().unwrap().find("7 Dr").unwrap();
    tty.types(&format!("\x1b[<0;{};1M\x1b[<0;{};1m", place + 2, place + 2));
    tty.sees("[7 Dr]");
    tty.types("\x1b[17~");
    tty.sees("marks text again");
    assert!(tty.bytes().windows(8).any(|bytes| bytes == b"\x1b[?1000l"));
    tty.types("D");
    assert_eq!(tty.ends().0, 0);
}

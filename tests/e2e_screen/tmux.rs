//! Under tmux, which has its own ideas of keys and colours.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::tty::{PATIENCE, Room};

fn tmux(room: &Room, args: &[&str]) -> Output {
    let mut command = Command::new("tmux");
    command.args(["-f", "/dev/null", "-S"]).arg(room.path().join("tmux")).args(args);
    command.env_clear().envs(room.environment()).output().unwrap()
}

fn shown(room: &Room) -> String {
    String::from_utf8_lossy(&tmux(room, &["capture-pane", "-p"]).stdout).into_owned()
}

fn sees(room: &Room, text: &str) {
    let until = Instant::now() + PATIENCE;
    while !shown(room).contains(text) {
        assert!(Instant::now() < until, "no {text}:\n{}", shown(room));
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
fn keys_and_sizes_get_through_tmux() {
    if Command::new("tmux").arg("-V").output().is_err() {
        println!("no tmux here: nothing was tried");
        return;
    }
    let room = Room::new();
    room.peer("kim", &["--null"]);
    let line = format!("'{}' attach --profile kim", env!("CARGO_BIN_EXE_jamtty"));
    assert!(tmux(&room, &["new-session", "-d", "-x", "80", "-y", "24", &line]).status.success());
    sees(&room, "NOT IN A JAM");
    tmux(&room, &["send-keys", "?"]);
    sees(&room, "Help: Lobby");
    tmux(&room, &["send-keys", "Escape"]);
    tmux(&room, &["send-keys", "n"]);
    sees(&room, "New jam");
    tmux(&room, &["send-keys", "-l", "Barn"]);
    tmux(&room, &["send-keys", "Enter"]);
    sees(&room, "Barn");
    sees(&room, "LIVE");
    tmux(&room, &["resize-window", "-x", "120", "-y", "40"]);
    sees(&room, "Chat");
    tmux(&room, &["send-keys", "x"]);
    sees(&room, "PANIC");
    tmux(&room, &["kill-server"]);
    // The terminal is gone, the jam is not.
    assert_eq!(room.wait_for("kim", |status| status["mic"] == "panic")["jam"]["name"], "Barn");
}

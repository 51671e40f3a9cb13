//! The terminal is as it was after every way out, by `stty -g` before and after.

use rustix::process::{Pid, Signal, kill_process};

use crate::tty::{Room, Tty};

/// A shell that says how the terminal is set, runs the screen, and says it again.
fn in_shell(room: &Room, env: &[(&str, &str)]) -> Tty {
    let script = format!(
        "stty -g > before; '{}' attach --profile kim; echo $? > code; stty -g > after; echo all done",
        env!("CARGO_BIN_EXE_jamtty")
    );
    Tty::start(room, (80, 24), &["sh", "-c", &script], env)
}

fn said(room: &Room, file: &str) -> String {
    std::fs::read_to_string(room.path().join(file)).unwrap_or_default().trim().to_owned()
}

/// The process of the screen, a child of the shell.
fn screen_pid(tty: &Tty) -> Pid {
    let children = format!("/proc/{0}/task/{0}/children", tty.pid());
    let pid = std::fs::read_to_string(children).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    Pid::from_raw(pid).unwrap()
}

fn is_restored(room: &Room, tty: &Tty, code: &str) {
    tty.sees("all done");
    assert_eq!(said(room, "before"), said(room, "after"));
    assert_eq!(said(room, "code"), code);
    tty.wait("the main screen", |screen| {
        !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste()
    });
}

fn up(room: &Room, env: &[(&str, &str)]) -> Tty {
    room.peer("kim", &["--null"]);
    let tty = in_shell(room, env);
    tty.sees("NOT IN A JAM");
    tty.wait("the alternate screen", |screen| screen.alternate_screen() && screen.bracketed_paste());
    tty
}

#[test]
fn after_quitting() {
    let room = Room::new();
    let mut tty = up(&room, &[]);
    tty.types("q");
    is_restored(&room, &tty, "0");
}

#[test]
fn after_ctrl_c() {
    let room = Room::new();
    let mut tty = up(&room, &[]);
    tty.types("\x03");
    is_restored(&room, &tty, "0");
}

#[test]
fn after_each_signal_that_ends_it() {
    for (signal, code) in [(Signal::TERM, "143"), (Signal::INT, "130"), (Signal::HUP, "129")] {
        let room = Room::new();
        let tty = up(&room, &[]);
        kill_process(screen_pid(&tty), signal).unwrap();
        is_restored(&room, &tty, code);
    }
}

#[test]
fn after_a_bug_in_the_screen() {
    let room = Room::new();
    let mut tty = up(&room, &[("JAMTTY_BUG_ON_KEY", "!")]);
    tty.types("!");
    tty.sees("this is a bug of jamtty");
    is_restored(&room, &tty, "70");
}

#[test]
fn after_the_peer_is_killed_the_screen_says_so_and_leaves_in_order() {
    let room = Room::new();
    let mut tty = up(&room, &[]);
    let pid = room.wait_for("kim", |_| true)["pid"]
        .as_i64()
        .and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    kill_process(pid.unwrap(), Signal::KILL).unwrap();
    tty.sees("NO PEER");
    tty.types("q");
    is_restored(&room, &tty, "0");
}

#[test]
fn while_it_is_suspended_and_after() {
    let room = Room::new();
    room.peer("kim", &["--null"]);
    let mut tty =
        Tty::start(&room, (80, 24), &["bash", "--norc", "--noprofile", "-i"], &[("PS1", "ready> ")]);
    tty.sees("ready>");
    tty.types("stty -g > before\n");
    tty.types(&format!("'{}' attach --profile kim\n", env!("CARGO_BIN_EXE_jamtty")));
    tty.sees("NOT IN A JAM");
    tty.types("\x1a");
    tty.sees("Stopped");
    tty.wait("the main screen", |screen| !screen.alternate_screen() && !screen.hide_cursor());
    tty.types("fg\n");
    tty.wait("the screen again", |screen| {
        screen.alternate_screen() && screen.contents().contains("NOT IN A JAM")
    });
    tty.types("q");
    // What is typed before the shell reads again would go to the screen.
    tty.wait("the shell", |screen| {
        !screen.alternate_screen() && screen.contents().trim_end().ends_with("ready>")
    });
    tty.types("stty -g > after; echo all; echo done\n");
    tty.sees("all\ndone");
    assert_eq!(said(&room, "before"), said(&room, "after"));
}

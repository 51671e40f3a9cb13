//! What the screen costs, measured on this machine and printed; bounds are far from any figure.

use std::time::{Duration, Instant};

use crate::tty::{Room, Tty};

/// How long is measured.
const SPAN: Duration = Duration::from_secs(5);

/// What Linux tells of to programs, on every machine.
const TICKS_A_SECOND: f64 = 100.0;

/// Clock ticks that a process has used.
fn cpu_ticks(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Lets time pass; bytes to the terminal and share of a core meanwhile.
fn cost(tty: &Tty, span: Duration) -> (usize, f64) {
    let (bytes, ticks, began) = (tty.bytes().len(), cpu_ticks(tty.pid()), Instant::now());
    while began.elapsed() < span {
        std::thread::park_timeout(span.saturating_sub(began.elapsed()));
    }
    let share = (cpu_ticks(tty.pid()) - ticks) as f64 / TICKS_A_SECOND / began.elapsed().as_secs_f64();
    (tty.bytes().len() - bytes, share * 100.0)
}

#[test]
fn an_idle_lobby_writes_nothing() {
    let room = Room::new();
    room.peer("kim", &["--null"]);
    let tty = Tty::jamtty(&room, (80, 24), &["attach", "--profile", "kim"]);
    tty.sees("house band");
    tty.sees("virtual card");
    cost(&tty, Duration::from_secs(1));
    let (bytes, share) = cost(&tty, SPAN);
    println!("idle lobby: {bytes} bytes and {share:.2} % of a core in {} s", SPAN.as_secs());
    assert_eq!(bytes, 0);
}

#[test]
fn moving_meters_are_cheap() {
    let room = Room::new();
    let loops = format!("{}/assets/loops", env!("CARGO_MANIFEST_DIR"));
    let sounds = ["drums", "bass", "keys"].map(|name| format!("{loops}/{name}.wav"));
    room.peer("p0", &["--new", "Hall", "--in-file", &sounds[0], "--loop"]);
    for number in 1..4 {
        room.peer(&format!("p{number}"), &["--join", "Hall", "--in-file", &sounds[number % 3], "--loop"]);
    }
    let tty = Tty::jamtty(&room, (80, 24), &["attach", "--profile", "p0"]);
    room.wait_for("p0", |status| status["jam"]["people"].as_array().is_some_and(|all| all.len() == 4));
    tty.sees("OUT");
    cost(&tty, Duration::from_secs(1));
    let (bytes, share) = cost(&tty, SPAN);
    let per_second = bytes as f64 / SPAN.as_secs_f64();
    println!("5 moving meters at 80x24: {per_second:.0} bytes/s, {share:.2} % of a core (this build)");
    assert!(per_second < 80_000.0, "{per_second} bytes/s");
}

#[test]
fn the_first_frame_and_a_key_come_soon() {
    let room = Room::new();
    room.peer("kim", &["--new", "Barn", "--null"]);
    let began = Instant::now();
    let mut tty = Tty::jamtty(&room, (120, 40), &["attach", "--profile", "kim"]);
    tty.sees("1 Lobby");
    println!("first frame after {} ms", began.elapsed().as_millis());
    tty.sees("LIVE");
    let mut times: Vec<f64> = Vec::new();
    for round in 0..20 {
        let began = Instant::now();
        tty.types("x");
        let word = if round % 2 == 0 { "PANIC" } else { "LIVE" };
        tty.wait(word, |screen| screen.contents().lines().next().is_some_and(|line| line.contains(word)));
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    println!("panic key to its word on the screen: p50 {:.1} ms, p95 {:.1} ms", times[10], times[18]);
    let began = Instant::now();
    tty.types("D");
    tty.ends();
    println!("quit to the shell: {} ms", began.elapsed().as_millis());
}

#[test]
fn a_terminal_that_takes_nothing_stops_nothing_else() {
    let room = Room::new();
    room.peer("kim", &["--new", "Barn", "--in-tone", "440", "--null"]);
    let mut tty = Tty::jamtty(&room, (200, 60), &["attach", "--profile", "kim"]);
    tty.sees("LIVE");
    tty.stops_reading();
    // More redraws than any terminal holds unread.
    for _ in 0..200 {
        tty.types("\x0c");
    }
    tty.types("x");
    room.wait_for("kim", |status| status["mic"] == "panic");
    tty.types("x");
    room.wait_for("kim", |status| status["mic"] == "live");
    room.ask("kim", &["do", "mic.off"]);
    room.wait_for("kim", |status| status["mic"] == "muted");
    tty.types("D");
    let (code, _) = tty.ends();
    assert_eq!(code, 0);
}

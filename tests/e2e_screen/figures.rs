//! What the screen costs, measured on this machine and printed; bounds are far from any figure.
//!
//! Among the tests these are short. `make figures` has them in full: the released program, a minute, eight players.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::tty::{PATIENCE, Room, Tty};

/// Whether this is `make figures`.
fn in_full() -> bool {
    std::env::var_os("JAMTTY_MEASURED").is_some()
}

/// How long is measured.
fn span() -> Duration {
    Duration::from_secs(if in_full() { 60 } else { 5 })
}

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
    let (bytes, share) = cost(&tty, span());
    println!("idle lobby: {bytes} bytes and {share:.2} % of a core in {} s", span().as_secs());
    assert_eq!(bytes, 0);
}

#[test]
fn moving_meters_are_cheap() {
    let room = Room::new();
    let loops = format!("{}/assets/loops", env!("CARGO_MANIFEST_DIR"));
    let sounds = ["drums", "bass", "keys"].map(|name| format!("{loops}/{name}.wav"));
    room.peer("p0", &["--new", "Hall", "--in-file", &sounds[0], "--loop"]);
    let players = if in_full() { 8 } else { 4 };
    for number in 1..players {
        room.peer(&format!("p{number}"), &["--join", "Hall", "--in-file", &sounds[number % 3], "--loop"]);
    }
    let tty = Tty::jamtty(&room, (80, 24), &["attach", "--profile", "p0"]);
    room.wait_for("p0", |status| status["jam"]["people"].as_array().is_some_and(|all| all.len() == players));
    tty.sees("OUT");
    cost(&tty, Duration::from_secs(1));
    let (bytes, share) = cost(&tty, span());
    let per_second = bytes as f64 / span().as_secs_f64();
    println!("{} moving meters at 80x24: {per_second:.0} bytes/s, {share:.2} % of a core", players + 1);
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

/// When sound that is not silence was last heard, and when anything at all.
#[derive(Clone, Copy)]
struct Heard {
    loud: Instant,
    any: Instant,
}

/// Bytes of a stereo sample as a peer writes it.
const SAMPLE_BYTES: usize = 8;

/// Listens to raw samples until they end. They come in lots of some milliseconds: when one of them was played is told by how many
/// came after it.
fn listen(mut sound: impl Read + Send + 'static) -> Arc<Mutex<Heard>> {
    let now = Instant::now();
    let heard = Arc::new(Mutex::new(Heard { loud: now, any: now }));
    let told = Arc::clone(&heard);
    std::thread::spawn(move || {
        let mut lot = vec![0; 1 << 16];
        let mut kept = 0;
        while let Ok(more @ 1..) = sound.read(&mut lot[kept..]) {
            let whole = (kept + more) / SAMPLE_BYTES * SAMPLE_BYTES;
            let samples = lot[..whole].chunks_exact(SAMPLE_BYTES);
            let is_loud = |sample: &[u8]| {
                sample.chunks_exact(4).any(|one| f32::from_le_bytes(one.try_into().unwrap()).abs() > 1e-4)
            };
            let after = samples.rev().position(is_loud);
            let mut heard = told.lock().unwrap();
            heard.any = Instant::now();
            if let Some(after) = after {
                heard.loud = heard.any - Duration::from_secs_f64(after as f64 / 48_000.0);
            }
            lot.copy_within(whole..kept + more, 0);
            kept = kept + more - whole;
        }
    });
    heard
}

#[test]
fn panic_is_silence_soon_after_the_key() {
    let room = Room::new();
    room.peer("ana", &["--new", "Barn", "--in-tone", "440", "--null"]);
    let sound = listen(room.peer_heard("kim", &["--join", "Barn", "--period", "64", "--in-tone", "330"]));
    let mut tty = Tty::jamtty(&room, (80, 24), &["attach", "--profile", "kim"]);
    tty.sees("LIVE");
    let wait = |what: &str, is_so: &dyn Fn(Heard) -> bool| {
        let until = Instant::now() + PATIENCE;
        while !is_so(*sound.lock().unwrap()) {
            assert!(Instant::now() < until, "no {what}");
            std::thread::park_timeout(Duration::from_millis(1));
        }
    };
    let mut times = Vec::new();
    for _ in 0..20 {
        wait("sound", &|heard| heard.loud.elapsed() < Duration::from_millis(15));
        let pressed = Instant::now();
        tty.types("x");
        // Silence is heard, and not only nothing.
        wait("silence", &|heard| heard.any.duration_since(heard.loud) > Duration::from_millis(60));
        let last = sound.lock().unwrap().loud;
        times.push(last.saturating_duration_since(pressed).as_secs_f64() * 1_000.0);
        tty.types("x");
    }
    times.sort_by(f64::total_cmp);
    println!("panic key to silence in the output: p50 {:.1} ms, p95 {:.1} ms", times[10], times[18]);
}

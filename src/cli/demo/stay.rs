//! The house band for one who plays along: it stays until whoever called it lets go of its stdin.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::player::Player;
use super::{BAND, Failure, Folder, JAM};

/// Far enough: the band is looked after that often, and plays on.
const LOOK_AFTER: Duration = Duration::from_secs(3_600);

/// Plays until stdin ends, or a signal comes.
pub(super) fn run() -> Result<(), Failure> {
    let folder = Folder::new(None)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        // Where it cannot be had, a signal ends us as it ends any program.
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
    }
    let let_go = Arc::clone(&stop);
    thread::spawn(move || {
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        let_go.store(true, Ordering::Relaxed);
    });
    let mut band = Vec::new();
    let played = play(&folder, &stop, &mut band);
    // Also where one of them failed: nobody plays on alone.
    let ended = band.iter_mut().try_for_each(Player::end);
    match played {
        Err(_) if stop.load(Ordering::Relaxed) => ended,
        played => played.and(ended),
    }
}

fn play(folder: &Folder, stop: &Arc<AtomicBool>, band: &mut Vec<Player>) -> Result<(), Failure> {
    for (index, (name, sound)) in BAND.iter().enumerate() {
        let mut command = folder.command(name)?;
        // Found where all peers of this user are found.
        match std::env::var_os("XDG_RUNTIME_DIR") {
            Some(runtime) => command.env("XDG_RUNTIME_DIR", runtime),
            None => command.env_remove("XDG_RUNTIME_DIR"),
        };
        command.arg("peer").args(if index == 0 { ["--new", JAM] } else { ["--join", JAM] });
        command.arg("--in-file").arg(folder.sound(name, sound)?).arg("--loop");
        band.push(Player::start(name, folder.tap(name)?, command, stop)?);
        if let Some(player) = band.last_mut() {
            player.wait_until("be in the jam", |player| player.joined)?;
        }
    }
    loop {
        let until = Instant::now() + LOOK_AFTER;
        band.iter_mut().try_for_each(|player| player.listen_until(until))?;
    }
}

//! The README's pictures: runs the real program beside real peers, drives it by its keys, and draws what it shows.
//!
//! `jamtty-pictures PROGRAM LOOPS PICTURES`: the binary, the folder of the bundled loops, the folder that gets
//! `NAME.svg` and `NAME.png`. `room` keeps the run apart from this machine, `terminal` is what the program writes
//! to, `scenes` says who does what, `svg` and `png` draw.

mod palette;
mod png;
mod room;
mod scenes;
mod shapes;
mod svg;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;

use room::{Given, Room};

/// A result whose error is a line for people: what failed, and what to do.
pub(crate) type Outcome<T = ()> = Result<T, String>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("jamtty-pictures: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    let mut given = given()?;
    if !room::is_inside() {
        return room::enter(&given);
    }
    let room = Room::furnish(&mut given)?;
    scenes::play(room, &given.pictures)
}

fn given() -> Outcome<Given> {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(program), Some(loops), Some(pictures), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("give the program, the folder of loops and the folder for pictures".to_owned());
    };
    std::fs::create_dir_all(&pictures)
        .map_err(|error| format!("cannot make {}: {error}", pictures.display()))?;
    let whole = |path: PathBuf| {
        path.canonicalize().map_err(|error| format!("{}: {error}. Is it built?", path.display()))
    };
    Ok(Given { program: whole(program)?, loops: whole(loops)?, pictures: whole(pictures)? })
}

//! Who does what, and when a picture is taken.
//!
//! Ana plays keys. Bo and Cleo are in the Kitchen, Dana rehearses behind a code word, Emil is in no jam. Then Ana
//! calls the house band, and Bo comes over. Every one of them is a peer of its own; only their instruments are files.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Outcome;
use crate::palette::{DARK, LIGHT, Palette};
use crate::png::Painter;
use crate::room::{HOME, Room};
use crate::svg::svg;
use crate::terminal::Terminal;

/// Room for chat and details beside the players.
const WIDE: (u16, u16) = (120, 40);
/// What most terminals open with.
const SMALL: (u16, u16) = (80, 24);
/// A README with larger pictures is slow to open.
const PNG_BYTES_MAX: usize = 120_000;
/// A larger SVG is not worth its place in the repository.
const SVG_BYTES_MAX: usize = 200_000;
/// Where the peers of [`guests`] stand in their order.
const BO: usize = 1;

/// Plays all scenes; pictures go to `folder`.
pub(crate) fn play(mut room: Room, folder: &Path) -> Outcome {
    let album = Album { painter: Painter::new()?, folder };
    first_steps(&room, &album)?;
    guests(&mut room)?;
    let ana = room.screen(WIDE, &["attach", "--profile", "ana"])?;
    lobby(&ana, &album)?;
    band(&room, &ana)?;
    jam(&ana, &album)?;
    overlays(&ana, &album)?;
    others(&room, &album)?;
    // Last: what happens to Bo is seen on every screen.
    trouble(&room, &ana, &album)
}

/// What is drawn, and where it goes.
struct Album<'a> {
    painter: Painter,
    folder: &'a Path,
}

impl Album<'_> {
    /// Takes the picture `name` of what `terminal` shows.
    fn take(&self, name: &str, terminal: &Terminal, palette: &Palette) -> Outcome {
        let svg = svg(&terminal.screen(), palette);
        let file = |ending: &str| self.folder.join(format!("{name}.{ending}"));
        let bytes = self.painter.paint(&svg, &file("png"))?;
        if bytes > PNG_BYTES_MAX {
            return Err(format!("{name}.png has {bytes} bytes, more than {PNG_BYTES_MAX}: draw it smaller"));
        }
        if svg.len() <= SVG_BYTES_MAX {
            let written = fs::write(file("svg"), &svg);
            written.map_err(|error| format!("cannot write {name}.svg: {error}"))?;
        }
        eprintln!("{name}: {} kB as SVG, {} kB as PNG", svg.len() / 1_000, bytes / 1_000);
        Ok(())
    }
}

/// Somebody who has never been here.
fn first_steps(room: &Room, album: &Album<'_>) -> Outcome {
    let kim = room.screen(SMALL, &["--profile", "kim", "--iface", "lo"])?;
    kim.sees("[1 device]")?;
    kim.wait("a card, or none", |shown| {
        shown.contains("in use:") || shown.contains("no sound card was found")
    })?;
    kim.wait("what it hears", |shown| !shown.contains("being opened"))?;
    album.take("first-steps", &kim, &DARK)?;
    // Kim goes home: nobody else is to meet that peer.
    room.does("kim", &["quit"])
}

/// Those who are there.
fn guests(room: &mut Room) -> Outcome {
    let plays = |file| ["--in-file", file, "--loop"];
    let me = |room: &Room, profile, name, plays, interests, colour, avatar| {
        let words = ["me", "set", "--name", name, "--plays", plays, "--interests", interests];
        let looks = ["--colour", colour, "--avatar", avatar];
        room.does(profile, &[&words[..], &looks[..]].concat())?;
        room.does(profile, &["me", "set", "--share", "name,plays,interests,colour,avatar"])
    };
    room.peer("ana", &plays("keys.wav"))?;
    me(room, "ana", "Ana", "keys,voice", "jazz,late night dub", "teal", "<3")?;
    // Five at full level are too much for one output.
    room.does("ana", &["do", "master", "-9"])?;
    room.peer("bo", &[&["--new", "Kitchen"][..], &plays("drums.wav")[..]].concat())?;
    me(room, "bo", "Bo", "drums", "funk", "gold", "o|")?;
    room.peer("cleo", &[&["--join", "Kitchen"][..], &plays("bass.wav")[..]].concat())?;
    me(room, "cleo", "Cleo", "bass", "jazz", "violet", "~~")?;
    let code = format!("{HOME}/code");
    fs::write(&code, "correct horse\n").map_err(|error| format!("cannot write {code}: {error}"))?;
    room.peer("dana", &["--new", "Rehearsal", "--code-file", &code, "--null"])?;
    me(room, "dana", "Dana", "trumpet", "brass", "green", "*")?;
    room.peer("emil", &["--null"])?;
    me(room, "emil", "Emil", "violin", "folk", "sky", "%")
}

fn lobby(ana: &Terminal, album: &Album<'_>) -> Outcome {
    let all = ["Kitchen", "Rehearsal", "Bo", "Cleo", "Dana", "Emil", "violin", "2 of 8"];
    ana.wait("everybody", |shown| all.iter().all(|word| shown.contains(word)))?;
    ana.wait("Ana's own sound", |shown| shown.contains(" dB"))?;
    album.take("lobby", ana, &DARK)
}

/// The house band comes, Bo as well, and there is some talk.
fn band(room: &Room, ana: &Terminal) -> Outcome {
    ana.types("B")?;
    ana.sees("LIVE")?;
    ana.sees("4 players")?;
    room.does("bo", &["leave"])?;
    room.until("bo", &["ls"], |said| said.contains("House band"))?;
    room.does("bo", &["join", "House band"])?;
    ana.sees("5 players")?;
    room.does("bo", &["do", "chat", "hi! same tempo as yesterday?"])?;
    ana.types("cyes, 96. from the top\r")?;
    ana.sees("from the top")?;
    room.does("bo", &["do", "chat", "one two three four"])?;
    ana.sees("three")
}

/// Ana mixes; every figure is there.
fn jam(ana: &Terminal, album: &Album<'_>) -> Outcome {
    // The bass: 3 dB less and a little to the left. The keys: a little to the right.
    ana.types("j\x1b[D\x1b[D\x1b[D,j.")?;
    ana.sees("-3.0dB")?;
    ana.wait("all links", |shown| !shown.contains("no sound") && !shown.contains("net --"))?;
    ana.wait("the clocks' drift", |shown| shown.contains("ppm"))?;
    ana.wait("some sound behind them", is_trailed)?;
    ana.wait("the vital signs", |shown| shown.contains("xruns"))?;
    ana.sees("one way, last minute")?;
    album.take("jam", ana, &DARK)
}

/// Whether the picture of the sound is nearly full: 82 columns and five rows of braille, or of stars where there is none.
fn is_trailed(shown: &str) -> bool {
    let (braille, stars) = ('\u{2801}'..='\u{28FF}', shown.chars().filter(|c| *c == '*').count());
    stars > 200 || shown.chars().filter(|c| braille.contains(c)).count() > 360
}

/// Bo's machine hangs for a moment, again and again, as a busy one does.
fn trouble(room: &Room, ana: &Terminal, album: &Album<'_>) -> Outcome {
    let _hiccups = Hiccups::of(room.process(BO)?)?;
    ana.types("2w")?;
    ana.sees("Bo -> you")?;
    album.take("why", ana, &DARK)?;
    ana.closes("Why does it crackle?")?;
    ana.types("7")?;
    ana.sees("This computer")?;
    ana.wait("figures", |shown| shown.contains("ms a bar") && !shown.contains("no figures yet"))?;
    album.take("doctor", ana, &DARK)
}

/// A process that is stopped for 60 ms about every second, for a minute at most.
struct Hiccups {
    shell: Child,
    process: String,
}

impl Hiccups {
    fn of(process: u32) -> Outcome<Self> {
        let lines = "for n in 1 2 3 4 5 6 7 8 9 10; do for m in 1 2 3 4 5 6; do \
                     kill -STOP $0; sleep 0.06; kill -CONT $0; sleep 0.9; done; done";
        let process = process.to_string();
        let shell = shell(lines, &process).spawn();
        let shell = shell.map_err(|error| format!("cannot run sh: {error}"))?;
        Ok(Self { shell, process })
    }
}

impl Drop for Hiccups {
    fn drop(&mut self) {
        // Where the shell cannot be ended it ends by itself; where the process cannot be woken a later scene says so.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        let _ = shell("kill -CONT $0", &self.process).status();
    }
}

/// `lines` of shell, `$0` being `word`.
fn shell(lines: &str, word: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", lines, word]).stdin(Stdio::null());
    command
}

/// What lies over a screen or in its place.
fn overlays(ana: &Terminal, album: &Album<'_>) -> Outcome {
    ana.types("?")?;
    ana.sees("Help")?;
    album.take("help", ana, &DARK)?;
    ana.closes("Help")?;
    ana.types(":")?;
    ana.sees("find any command")?;
    album.take("palette", ana, &DARK)?;
    ana.closes("find any command")?;
    ana.types("v")?;
    ana.sees("worst link")?;
    album.take("stage", ana, &DARK)?;
    ana.types("v6")?;
    ana.sees("Your rights")?;
    album.take("me", ana, &DARK)
}

/// The same jam in other terminals.
fn others(room: &Room, album: &Album<'_>) -> Outcome {
    let in_jam =
        |shown: &str| shown.contains("House band") && shown.contains("OUT") && !shown.contains("net --");
    let small = room.screen(SMALL, &["attach", "--profile", "ana"])?;
    small.wait("the jam", in_jam)?;
    // A screen knows what was said since it was opened.
    room.does("bo", &["do", "chat", "once more with the bridge?"])?;
    small.sees("bridge")?;
    small.sees("xruns")?;
    album.take("jam-small", &small, &DARK)?;
    small.types("j\r")?;
    small.sees("capture")?;
    album.take("player", &small, &DARK)?;
    let light = room.look("light", "theme = \"light\"")?;
    let light = room.screen(WIDE, &["attach", "--profile", "ana", "--config", &light])?;
    let ascii = room.look("ascii", "theme = \"plain\"\ncharset = \"ascii\"")?;
    let ascii = room.screen(WIDE, &["attach", "--profile", "ana", "--config", &ascii])?;
    let screens = [("jam-light", light, &LIGHT), ("jam-ascii", ascii, &DARK)];
    for (_, screen, _) in &screens {
        screen.wait("the jam", in_jam)?;
    }
    room.does("bo", &["do", "chat", "thanks, that was it"])?;
    for (name, screen, palette) in screens {
        screen.sees("thanks")?;
        screen.types("j")?;
        screen.sees("one way, last minute")?;
        screen.wait("some sound behind them", is_trailed)?;
        screen.sees("xruns")?;
        album.take(name, &screen, palette)?;
    }
    Ok(())
}

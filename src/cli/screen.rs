//! No command, and `attach`: opens the screen, on the running peer or on one that is started for it.

use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread;

use super::context::Context;
use super::exit::{Outcome, Stop};
use super::output::bug;
use super::{demo, help, panic_report};
use crate::config::Config;
use crate::paths::{IDENTITY_FILE, INDEX_FOLDER, LOG_FOLDER, TAKES_FOLDER};
use crate::peer::api::{ErrorCode, ErrorReply};
use crate::tui::keymap::{Keymap, Override};
use crate::tui::look::{Charset, ColorDepth, Look, Theme};
use crate::tui::model::Start;
use crate::tui::{self, Closed, Options, StartedPeer};

/// The screen of the running peer, or of one of its own.
pub(super) fn open(context: &Context) -> Outcome {
    if !is_terminal() {
        return Err(help::nothing_typed());
    }
    can_be_drawn()?;
    let loaded = context.settings(Vec::new())?;
    let child = match context.running()? {
        Some(_) => None,
        None => Some(start_peer(context)?),
    };
    show(context, &loaded.config, loaded.warnings.iter().map(ToString::to_string).collect(), child)
}

/// The screen of the running peer, which must run.
pub(super) fn attach(context: &Context) -> Outcome {
    if !is_terminal() {
        let remedy = "Run it in a terminal; `jamtty watch` follows the peer line by line without one";
        return Err(Stop::failed(ErrorCode::Usage, "the screen needs a terminal", "this is none", remedy));
    }
    can_be_drawn()?;
    let loaded = context.settings(Vec::new())?;
    drop(context.peer()?);
    show(context, &loaded.config, loaded.warnings.iter().map(ToString::to_string).collect(), None)
}

fn is_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// A terminal that cannot move its cursor shows lines only.
fn can_be_drawn() -> Outcome {
    if variable("TERM") != "dumb" {
        return Ok(());
    }
    let remedy = "Use another one; `jamtty peer --new` and `jamtty watch` print line by line on any";
    Err(Stop::failed(ErrorCode::Usage, "this terminal cannot show the screen", "TERM is dumb", remedy))
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// This program with the flags that this one was given.
fn again(context: &Context) -> Outcome<Command> {
    let program = std::env::current_exe().map_err(|error| bug("find this program", &error.to_string()))?;
    let mut command = Command::new(program);
    command.args(["--profile", &context.paths.profile]);
    if let Some(config) = &context.common.config {
        command.arg("--config").arg(config);
    }
    for iface in &context.common.iface {
        command.args(["--iface", iface]);
    }
    Ok(command)
}

/// A headless peer in a process of its own: it outlives the screen, whatever ends that.
fn start_peer(context: &Context) -> Outcome<StartedPeer> {
    let mut command = again(context)?;
    // In a group of its own no Ctrl-C and no hang-up of this terminal reaches it.
    command.args(["peer", "-q"]).process_group(0);
    let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = started.map_err(|error| {
        Stop::failed(
            ErrorCode::Failed,
            "cannot start a peer",
            error.to_string(),
            "See whether this machine has processes and memory left",
        )
    })?;
    let (told, ended) = sync_channel(1);
    thread::spawn(move || {
        // Read to its end, so that it never waits for a reader.
        let words = child.stderr.take().map_or_else(String::new, tui::last_words);
        let code = child.wait().ok().and_then(|status| status.code());
        let _ = told.send((code, words));
    });
    Ok(StartedPeer { ended })
}

fn show(
    context: &Context,
    config: &Config,
    mut complaints: Vec<String>,
    child: Option<StartedPeer>,
) -> Outcome {
    let (keymap, conflicts) = keymap(context, config);
    complaints.extend(conflicts);
    let (look, depth) = look(config);
    let probe = config.ui.charset.is_none() && look.charset != Charset::Ascii;
    let welcomed = context.paths.state.join("welcomed");
    let first =
        (child.is_some() && !welcomed.exists()).then(|| config.name.clone().unwrap_or_else(pronounceable));
    let start = Start {
        look,
        keymap,
        mouse: config.ui.mouse,
        zone: jiff::tz::TimeZone::system(),
        complaints,
        own_peer: child.is_some(),
        band_jam: (demo::JAM, demo::PLAYERS),
        home: std::env::var("HOME").unwrap_or_default(),
        kept: kept(context),
        first,
    };
    let mut band = again(context)?;
    // The band meets nobody but this machine.
    band.args(["demo", "--stay"]);
    band.process_group(0);
    let closed =
        tui::run(Options { paths: context.paths.clone(), start, depth, probe, child, band, welcomed })?;
    match closed {
        Closed::Quit if panic_report::happened() => Err(Stop::Code(ErrorCode::Bug.exit_code())),
        Closed::Quit => Ok(()),
        Closed::Bug => Err(Stop::Code(ErrorCode::Bug.exit_code())),
        Closed::Signal(number) => Err(Stop::Code(u8::try_from(128 + number).unwrap_or(1))),
        Closed::NoPeer(code, words) => {
            let code =
                code.and_then(|code| u8::try_from(code).ok()).map_or(ErrorCode::Failed, ErrorCode::from);
            let why = words.trim().trim_start_matches("jamtty: ").to_owned();
            Err(ErrorReply::new(code, "the peer did not start", why, "").into())
        }
    }
}

/// Where things are kept, as the person would look for them.
fn kept(context: &Context) -> Vec<(&'static str, String)> {
    let paths = &context.paths;
    [
        ("settings", context.config_path()),
        ("key", paths.data.join(IDENTITY_FILE)),
        ("people, jams", paths.data.join(INDEX_FOLDER)),
        ("recordings", paths.data.join(TAKES_FOLDER)),
        ("log", paths.state.join(LOG_FOLDER)),
    ]
    .map(|(what, path)| (what, path.display().to_string()))
    .to_vec()
}

/// Keys with the config's changes, and what is wrong with those.
pub(super) fn keymap(context: &Context, config: &Config) -> (Keymap, Vec<String>) {
    let path = context.config_path();
    let overrides: Vec<Override> = config
        .keys
        .iter()
        .map(|change| Override {
            name: change.action.clone(),
            keys: change.keys.clone(),
            place: format!("{}:{}", path.display(), change.line),
        })
        .collect();
    Keymap::with(&overrides, &config.translate)
}

/// Colours and characters by config, else by what the terminal says of itself.
fn look(config: &Config) -> (Look, ColorDepth) {
    let no_color = !variable("NO_COLOR").is_empty();
    let theme = match config.ui.theme {
        Theme::Auto | Theme::Dark | Theme::Light if no_color => Theme::Mono,
        theme => theme,
    };
    let depth = match config.ui.color_depth {
        _ if no_color => ColorDepth::None,
        Some(depth) => depth,
        None => depth_of(&variable("TERM"), &variable("COLORTERM")),
    };
    let charset = config.ui.charset.unwrap_or_else(|| {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(variable).into_iter().find(|value| !value.is_empty());
        charset_of(&locale.unwrap_or_default(), &variable("TERM"))
    });
    (Look { theme, charset }, depth)
}

/// Guessing all colours garbles; guessing fewer is merely plain.
fn depth_of(term: &str, colorterm: &str) -> ColorDepth {
    if matches!(colorterm, "truecolor" | "24bit") {
        ColorDepth::True
    } else if term.contains("256color") {
        ColorDepth::Indexed
    } else {
        ColorDepth::Ansi
    }
}

/// The characters that a locale and a terminal can be expected to show.
fn charset_of(locale: &str, term: &str) -> Charset {
    let locale = locale.to_ascii_lowercase();
    if !(locale.contains("utf-8") || locale.contains("utf8")) {
        Charset::Ascii
    } else if term == "linux" {
        // Its fonts have boxes and blocks, and no braille.
        Charset::Compat
    } else {
        Charset::Unicode
    }
}

/// A name that can be called across a room.
fn pronounceable() -> String {
    const FIRST: [&str; 12] = ["Ba", "Da", "Fe", "Ka", "Li", "Mo", "Na", "Pe", "Ro", "Su", "To", "Vi"];
    const LAST: [&str; 12] = ["bo", "di", "fa", "ko", "la", "mi", "na", "pi", "ro", "sa", "tu", "vo"];
    let pick = |from: &[&'static str; 12]| from[usize::from(rand::random::<u8>()) % from.len()];
    format!("{}{}{}", pick(&FIRST), pick(&LAST), pick(&LAST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_what_it_can_show() {
        assert_eq!(charset_of("C", "xterm"), Charset::Ascii);
        assert_eq!(charset_of("", "xterm"), Charset::Ascii);
        assert_eq!(charset_of("de_DE.UTF-8", "xterm"), Charset::Unicode);
        assert_eq!(charset_of("C.utf8", "linux"), Charset::Compat);
        assert_eq!(depth_of("xterm", ""), ColorDepth::Ansi);
        assert_eq!(depth_of("tmux-256color", ""), ColorDepth::Indexed);
        assert_eq!(depth_of("xterm", "truecolor"), ColorDepth::True);
    }

    #[test]
    fn a_name_that_is_offered_can_be_said() {
        let name = pronounceable();
        assert_eq!(name.len(), 6);
        assert!(name.chars().next().is_some_and(char::is_uppercase));
    }
}

//! Help, the man page and completions: all made from the definitions in `args`, with examples first.

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::act::action_lines;
use super::args::{Cli, Shell, nearest};
use super::context::Context;
use super::exit::{EXIT_CODES, Outcome, Stop};
use super::output::{bug, complain};
use super::show::columns;
use crate::peer::api::{ACTIONS, ErrorCode};

/// What to type, and what it does, by command. Each is parsed in a test.
pub const EXAMPLES: [(&str, &[(&str, &str)]); 48] = [
    (
        "",
        &[
            ("jamtty", "open the screen: everything is there"),
            ("jamtty peer --new \"Kitchen blues\"", "without a screen: start, and open a jam"),
            ("jamtty do mic.off", "mute yourself for everyone"),
            ("jamtty demo", "hear three peers on this machine play, no sound card needed"),
        ],
    ),
    (
        "peer",
        &[
            ("jamtty peer --new \"Kitchen blues\"", "open a jam"),
            ("jamtty peer --join \"Kitchen blues\" --codec pcm16", "join one, over a cable"),
            ("jamtty peer --last --in hw:1 --out hw:1 --period 64", "the jam of yesterday, this card"),
            (
                "arecord -f FLOAT_LE -r 48000 | jamtty peer --in-file - --raw f32le,48000,1",
                "sound from a pipe",
            ),
            ("jamtty peer --new --null --json", "no sound card; events as JSON Lines"),
        ],
    ),
    (
        "attach",
        &[
            ("jamtty attach", "the screen of the running peer; D closes it, the music goes on"),
            ("jamtty attach --profile stage", "of the peer of another profile"),
        ],
    ),
    (
        "new",
        &[
            ("jamtty new \"Kitchen blues\"", "open a jam"),
            ("jamtty new --code-file word.txt --max 4", "a closed one for four"),
        ],
    ),
    (
        "join",
        &[
            ("jamtty join \"Kitchen blues\"", "by the jam's name"),
            ("jamtty join --first --listen", "the first jam seen, only to listen"),
            ("jamtty join Stage --code-file word.txt", "a closed one"),
        ],
    ),
    ("leave", &[("jamtty leave", "leave the jam; the peer stays in the lobby")]),
    (
        "ls",
        &[
            ("jamtty ls", "jams and people on this network"),
            ("jamtty ls --watch --json", "again at each change, for a script"),
        ],
    ),
    (
        "status",
        &[
            ("jamtty status", "am I heard, by whom, with which card"),
            ("jamtty status --wait live --for 10s", "wait until sound goes both ways"),
        ],
    ),
    (
        "do",
        &[
            ("jamtty do mic.toggle", "mute or unmute yourself"),
            ("jamtty do fader.by Bo -3", "Bo is too loud"),
            ("printf 'mic.off\\nchat \"back in five\"\\n' | jamtty do -", "several at once"),
            ("jamtty do --list", "all actions"),
        ],
    ),
    (
        "watch",
        &[
            ("jamtty watch", "follow everything"),
            ("jamtty watch chat --plain", "only what people write"),
            ("jamtty watch link_up --count 1 --for 10s", "wait for the first sound"),
        ],
    ),
    ("link", &[("jamtty link", "to everyone"), ("jamtty link Bo --for 30s --json", "to Bo, once a second")]),
    (
        "ticket",
        &[
            ("jamtty ticket", "to paste after `jamtty join`"),
            ("jamtty ticket --qr", "to hold before a camera"),
        ],
    ),
    ("audio", &[("jamtty audio ls", "which cards there are"), ("jamtty audio test", "hear a tone")]),
    (
        "audio ls",
        &[("jamtty audio ls", "names that --in and --out take"), ("jamtty audio ls --plain", "for a script")],
    ),
    (
        "audio test",
        &[("jamtty audio test", "3 s of a tone"), ("jamtty audio test --for 1s --out hw:1", "on that card")],
    ),
    (
        "audio level",
        &[
            ("jamtty audio level --for 10s", "play your loudest: it should peak at -12 to -6 dB"),
            ("jamtty audio level --all --for 30s", "every input: which one is the guitar in?"),
        ],
    ),
    (
        "audio measure",
        &[("jamtty audio measure", "the round trip of your card, with a cable from its output to its input")],
    ),
    ("audio loopback", &[("jamtty audio loopback --for 30s", "hear yourself as others will")]),
    (
        "audio set",
        &[
            ("jamtty audio set --in hw:1 --out hw:1", "change the card"),
            ("jamtty audio set --period 128", "give a weak machine more time"),
        ],
    ),
    (
        "rec",
        &[
            ("jamtty rec start", "record the jam; everyone is asked"),
            ("jamtty rec grab", "we should have recorded that: keep the last minutes"),
            ("jamtty rec ls blues Ana", "takes in which both words are"),
        ],
    ),
    ("rec start", &[("jamtty rec start \"Slow waltz\"", "record, and call it so")]),
    ("rec stop", &[("jamtty rec stop", "end the recording you started, for everyone")]),
    ("rec grab", &[("jamtty rec grab 60", "keep the last minute")]),
    ("rec agree", &[("jamtty rec agree", "be on the recording from now on")]),
    ("rec refuse", &[("jamtty rec refuse", "be on no track, on anybody's machine")]),
    ("rec mark", &[("jamtty rec mark bridge", "find this moment again")]),
    (
        "rec ls",
        &[
            ("jamtty rec ls", "all takes, newest first"),
            ("jamtty rec ls 2026-11 waltz", "waltzes of November"),
        ],
    ),
    ("rec show", &[("jamtty rec show \"Slow waltz\"", "its tracks, who agreed, marks")]),
    ("rec rename", &[("jamtty rec rename 3f2a \"Slow waltz\"", "3f2a is how its id begins")]),
    (
        "rec tag",
        &[
            ("jamtty rec tag 3f2a waltz good", "two words to find it by"),
            ("jamtty rec tag 3f2a good --remove", "one less"),
        ],
    ),
    ("rec note", &[("jamtty rec note 3f2a \"take the ending from this one\"", "in your own words")]),
    ("rec verify", &[("jamtty rec verify 3f2a", "exit code 3 if it is not as it was written")]),
    (
        "rec export",
        &[
            ("jamtty rec export 3f2a ~/waltz", "24-bit WAV, a Reaper and an Audacity project"),
            ("jamtty rec export 3f2a ~/waltz --format flac", "smaller, and the same sound"),
        ],
    ),
    (
        "rec import",
        &[("jamtty rec import /media/stick/2026-11-23T18-29_slow-waltz", "a take from another machine")],
    ),
    ("rec withdraw", &[("jamtty rec withdraw 3f2a", "I do not want to be on it any more")]),
    (
        "rec rm",
        &[("jamtty rec rm 3f2a", "into the bin"), ("jamtty rec rm 3f2a --forever", "gone from the disk")],
    ),
    ("rec undo", &[("jamtty rec undo 3f2a", "out of the bin again")]),
    (
        "doctor",
        &[("jamtty doctor", "what is wrong, and what to do"), ("jamtty doctor --json", "for a bug report")],
    ),
    (
        "me",
        &[
            ("jamtty me show", "who you are, and what of it others see"),
            ("jamtty me set --name Ana --plays guitar,voice", "change it"),
        ],
    ),
    ("me show", &[("jamtty me show", "your name, instruments and key, and what of it others see")]),
    (
        "me set",
        &[
            ("jamtty me set --name Ana --plays guitar,voice", "kept for the next jams, too"),
            ("jamtty me set --interests jazz,drone --colour teal --avatar '<3'", "who you are at a glance"),
            ("jamtty me set --share name,plays", "others see these and nothing else"),
            ("jamtty me set --share none", "others see a fingerprint instead of your name"),
        ],
    ),
    (
        "config",
        &[
            ("jamtty config get", "every setting, and where it comes from"),
            ("jamtty config set audio.period 64", "change one; comments stay"),
            ("jamtty config default", "all keys, explained"),
        ],
    ),
    ("config path", &[("jamtty config path", "where the file is")]),
    ("config check", &[("jamtty config check", "what is wrong in it")]),
    ("config default", &[("jamtty config default > config.toml", "a file to start from")]),
    (
        "config get",
        &[("jamtty config get audio.period", "one key"), ("jamtty config get --json", "all, for a script")],
    ),
    ("config set", &[("jamtty config set net.ifaces eth0", "use the cable only")]),
    ("quit", &[("jamtty quit", "leave the jam and end the peer")]),
];

/// Examples of commands that are about the command line itself, or are told in their own file.
const MORE_EXAMPLES: [(&str, &[(&str, &str)]); 4] = [
    ("demo", &[("jamtty demo", "three peers play over loopback; prints what each heard")]),
    (
        "completions",
        &[("jamtty completions bash > ~/.local/share/bash-completion/completions/jamtty", "for bash")],
    ),
    ("man", &[("jamtty man | man -l -", "read it"), ("jamtty man audio ls", "of one command")]),
    ("help", &[("jamtty help exit-codes", "a topic"), ("jamtty help audio ls", "a command")]),
];

/// Variables of the environment, and what they do.
const VARIABLES: [(&str, &str); 8] = [
    ("JAMTTY_PROFILE", "as --profile"),
    ("JAMTTY_CONFIG", "as --config"),
    ("JAMTTY_NAME", "as --name, the config key name"),
    ("JAMTTY_IFACE", "as --iface, with commas; the config key net.ifaces"),
    ("JAMTTY_LOG", "off, error, warn, info, debug or trace; the config key log.level"),
    ("NO_COLOR", "heeded: the screen has attributes only; what is printed has no colour at all"),
    ("COLORTERM", "truecolor gives the screen all colours; TERM says the rest"),
    ("LC_ALL, LC_CTYPE, LANG", "the screen is drawn in ASCII where they do not say UTF-8"),
];

/// Topics of `jamtty help`.
const TOPICS: [&str; 3] = ["exit-codes", "environment", "actions"];

/// The definitions with their examples: what help, man page and completions are made of.
#[must_use]
pub fn command() -> Command {
    let actions = format!("Actions:\n{}", indented(&action_lines()));
    let root =
        with_examples(Cli::command(), "").mut_subcommand("do", |command| command.after_long_help(actions));
    let codes = format!("Exit codes:\n{}", indented(&exit_code_lines()));
    let variables =
        format!("Environment (flag > environment > config file > default):\n{}", indented(&variable_lines()));
    root.after_help("More: jamtty COMMAND --help, jamtty help exit-codes|environment|actions, jamtty man")
        .after_long_help(format!("{codes}\n\n{variables}"))
}

fn with_examples(command: Command, path: &str) -> Command {
    let mut command = command.before_help(examples(path));
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command = command.mut_subcommand(name, |sub| with_examples(sub, &path));
    }
    command
}

fn examples(path: &str) -> String {
    let mut known = EXAMPLES.iter().chain(&MORE_EXAMPLES);
    let lines = known.find(|(known, _)| *known == path).map_or(&[][..], |(_, lines)| lines);
    let width =
        lines.iter().map(|(line, _)| line.len()).filter(|width| *width <= BESIDE_MAX).max().unwrap_or(0);
    let shown: Vec<String> = lines
        .iter()
        .map(|(line, what)| match line.len() {
            // As a comment of the shell: it can be copied along.
            BESIDE_MIN.. => format!("{line}\n      # {what}"),
            _ => format!("{line:width$}  # {what}"),
        })
        .collect();
    format!("Examples:\n{}", indented(&shown))
}

/// The longest example that has its meaning beside it: more does not fit 80 columns.
const BESIDE_MAX: usize = 44;
const BESIDE_MIN: usize = BESIDE_MAX + 1;

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn exit_code_lines() -> Vec<String> {
    EXIT_CODES.iter().map(|(code, meaning)| format!("{code:>3}  {meaning}")).collect()
}

fn variable_lines() -> Vec<String> {
    let rows: Vec<Vec<String>> =
        VARIABLES.iter().map(|(name, what)| vec![(*name).to_owned(), (*what).to_owned()]).collect();
    columns(&rows)
}

/// Help on stderr, for someone who typed nothing.
pub(super) fn nothing_typed() -> Stop {
    complain(&command().render_help().to_string());
    complain(
        "The screen needs a terminal; without one, `jamtty peer --new` starts a jam and prints what happens.",
    );
    Stop::Code(ErrorCode::Usage.exit_code())
}

/// `jamtty help`.
pub(super) fn help(context: &Context, about: &[String]) -> Outcome {
    let out = context.out;
    let about: Vec<&str> = about.iter().map(String::as_str).collect();
    match about[..] {
        ["exit-codes"] => exit_code_lines().iter().try_for_each(|line| out.line(line)),
        ["environment"] => variable_lines().iter().try_for_each(|line| out.line(line)),
        ["actions"] => action_lines().iter().try_for_each(|line| out.line(line)),
        ref path => out.bytes(find(path)?.render_long_help().to_string().as_bytes()),
    }
}

/// The command at `path`, with its full name in its usage.
fn find(path: &[&str]) -> Outcome<Command> {
    let mut root = command();
    root.build();
    let mut found = &root;
    for name in path {
        let subs = || found.get_subcommands().map(Command::get_name);
        found = found.find_subcommand(name).ok_or_else(|| {
            let topics = if path.len() == 1 { &TOPICS[..] } else { &[] };
            let hint = nearest(subs().chain(topics.iter().copied()), name);
            let remedy =
                hint.map_or_else(|| "See `jamtty help`".to_owned(), |hint| format!("Did you mean {hint}?"));
            Stop::failed(ErrorCode::Usage, format!("there is no command or topic {name:?}"), "", remedy)
        })?;
    }
    Ok(found.clone())
}

/// `jamtty completions`.
pub(super) fn completions(context: &Context, shell: Shell) -> Outcome {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Elvish => clap_complete::Shell::Elvish,
        Shell::Fish => clap_complete::Shell::Fish,
        Shell::Powershell => clap_complete::Shell::PowerShell,
        Shell::Zsh => clap_complete::Shell::Zsh,
    };
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut command(), "jamtty", &mut bytes);
    context.out.bytes(&bytes)
}

/// `jamtty man`.
pub(super) fn man(context: &Context, path: &[String]) -> Outcome {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let page =
        page(find(&path)?, path.is_empty()).map_err(|error| bug("make the man page", &error.to_string()))?;
    context.out.bytes(&page)
}

fn page(command: Command, whole: bool) -> std::io::Result<Vec<u8>> {
    let display = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let path = command.get_bin_name().unwrap_or("jamtty").trim_start_matches("jamtty").trim().to_owned();
    // The examples have a section of their own here, and the codes and variables, too.
    let command = command.before_help(None).after_help(None).after_long_help(None);
    let man = Man::new(command.clone()).title(display).manual("jamtty manual");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut roff = Roff::new();
    if command.has_subcommands() {
        roff.control("SH", ["COMMANDS"]);
        list_commands(&mut roff, &command, "");
    }
    section(&mut roff, "EXAMPLES", &example_pairs(&path));
    if whole {
        let actions: Vec<(String, &str)> = ACTIONS
            .iter()
            .map(|action| (format!("{} {}", action.name, action.args).trim().to_owned(), action.help))
            .collect();
        section(&mut roff, "ACTIONS", &actions);
        section(&mut roff, "ENVIRONMENT", &VARIABLES.map(|(name, what)| (name.to_owned(), what)));
        section(&mut roff, "FILES", &FILES.map(|(name, what)| (name.to_owned(), what)));
    }
    section(&mut roff, "EXIT STATUS", &EXIT_CODES.map(|(code, meaning)| (code.to_string(), meaning)));
    roff.to_writer(&mut page)?;
    if whole {
        man.render_version_section(&mut page)?;
    }
    Ok(page)
}

fn example_pairs(path: &str) -> Vec<(String, &'static str)> {
    let mut known = EXAMPLES.iter().chain(&MORE_EXAMPLES);
    let lines = known.find(|(known, _)| *known == path).map_or(&[][..], |(_, lines)| lines);
    lines.iter().map(|(line, what)| ((*line).to_owned(), *what)).collect()
}

fn section(roff: &mut Roff, title: &str, pairs: &[(String, &str)]) {
    if pairs.is_empty() {
        return;
    }
    roff.control("SH", [title]);
    for (term, meaning) in pairs {
        roff.control("TP", []);
        roff.text([bold(term.as_str())]);
        roff.text([roman(*meaning)]);
    }
}

fn list_commands(roff: &mut Roff, command: &Command, path: &str) {
    for sub in command.get_subcommands() {
        let path = format!("{path} {}", sub.get_name());
        roff.control("TP", []);
        roff.text([bold(format!("jamtty{path}"))]);
        roff.text([roman(sub.get_about().map(ToString::to_string).unwrap_or_default())]);
        list_commands(roff, sub, &path);
    }
}

/// Where things are, for the man page.
const FILES: [(&str, &str); 5] = [
    ("$XDG_CONFIG_HOME/jamtty/config.toml", "settings; `jamtty config default` explains each"),
    ("$XDG_DATA_HOME/jamtty/PROFILE/identity.key", "who you are: keep it, and keep it to yourself"),
    ("$XDG_DATA_HOME/jamtty/PROFILE/index/", "what you set for whom"),
    ("$XDG_STATE_HOME/jamtty/PROFILE/log/jamtty.log", "the log: no sound, no chat"),
    ("$XDG_RUNTIME_DIR/jamtty/PROFILE.sock", "the socket of the running peer, for you alone"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ENVIRONMENT;
    use clap::Parser;

    #[test]
    fn every_example_is_a_command_that_parses() {
        for (path, lines) in EXAMPLES.iter().chain(&MORE_EXAMPLES) {
            assert!(!lines.is_empty(), "{path}");
            for (line, _) in *lines {
                let start = line.find("jamtty").unwrap();
                let command = line[start..].split([">", "|"].as_slice()[0]).next().unwrap();
                let command = command.split('|').next().unwrap();
                let words = super::super::act::words(command).unwrap();
                assert!(Cli::try_parse_from(&words).is_ok(), "{line}: {words:?}");
                assert!(
                    command.trim_start_matches("jamtty").trim().starts_with(path),
                    "{line} is of {path:?}"
                );
            }
        }
    }

    #[test]
    fn every_variable_that_sets_a_key_is_told() {
        for (variable, key) in ENVIRONMENT {
            assert!(
                VARIABLES.iter().any(|(name, what)| *name == variable && what.contains(key)),
                "{variable}"
            );
        }
    }

    #[test]
    fn topics_are_not_commands() {
        let command = command();
        assert!(TOPICS.iter().all(|topic| command.find_subcommand(topic).is_none()));
    }
}

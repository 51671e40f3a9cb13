//! Help, completions and the man page say everything that can be typed, examples first.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails its test")]

#[cfg(test)]
mod cli_support;

use std::process::Command;

use jamtty::cli::{EXAMPLES, EXIT_CODES, command};

/// Every command as the words after `jamtty`, the root as no words.
fn paths() -> Vec<Vec<String>> {
    fn walk(command: &clap::Command, path: &[String], found: &mut Vec<Vec<String>>) {
        found.push(path.to_vec());
        for sub in command.get_subcommands() {
            let path: Vec<String> = path.iter().cloned().chain([sub.get_name().to_owned()]).collect();
            walk(sub, &path, found);
        }
    }
    let mut found = Vec::new();
    walk(&command(), &[], &mut found);
    found
}

fn at<'a>(root: &'a clap::Command, path: &[String]) -> &'a clap::Command {
    path.iter().fold(root, |command, name| command.find_subcommand(name).unwrap())
}

fn jamtty(args: &[&str]) -> (String, String, i32) {
    cli_support::Home::new().run(args)
}

#[test]
fn help_of_every_command_begins_with_an_example_and_names_every_flag() {
    let mut root = command();
    root.build();
    for path in paths() {
        let mut found = at(&root, &path).clone();
        for text in [found.render_help().to_string(), found.render_long_help().to_string()] {
            let mut lines = text.lines();
            assert_eq!(lines.next(), Some("Examples:"), "{path:?}");
            let example = lines.next().unwrap().trim();
            assert!(example.contains("jamtty"), "{path:?}: {example}");
            for argument in found.get_arguments().filter(|argument| !argument.is_hide_set()) {
                if let Some(long) = argument.get_long() {
                    assert!(text.contains(&format!("--{long}")), "{path:?} does not tell --{long}");
                }
                assert!(argument.get_help().is_some(), "{path:?}: {} has no words", argument.get_id());
            }
        }
    }
}

#[test]
fn every_flag_of_the_peer_is_there() {
    let (help, _, code) = jamtty(&["peer", "--help"]);
    assert_eq!(code, 0);
    for flag in [
        "--new",
        "--join",
        "--last",
        "--first",
        "--listen",
        "--code-file",
        "--in",
        "--out",
        "--audio",
        "--channels",
        "--period",
        "--codec",
        "--frame",
        "--bitrate",
        "--in-file",
        "--raw",
        "--in-tone",
        "--loop",
        "--out-file",
        "--null",
        "--delay",
        "--iface",
        "--port",
        "--profile",
        "--name",
        "--max",
        "--json",
    ] {
        assert!(help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")), "{flag}");
    }
    assert!(!help.contains("--card-ppm"), "a flag for tests is not shown");
}

#[test]
fn without_arguments_help_is_on_stderr_and_the_code_is_2() {
    let (stdout, stderr, code) = jamtty(&[]);
    assert_eq!((stdout.as_str(), code), ("", 2));
    assert!(
        stderr.starts_with("Examples:") && stderr.contains("`jamtty peer --new` starts a jam"),
        "{stderr}"
    );
}

#[test]
fn version_is_on_stdout() {
    assert_eq!(jamtty(&["-V"]), (format!("jamtty {}\n", env!("CARGO_PKG_VERSION")), String::new(), 0));
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (script, _, code) = jamtty(&["completions", shell]);
        assert_eq!(code, 0, "{shell}");
        for word in ["jamtty", "loopback", "code-file"] {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
    }
}

#[test]
fn bash_accepts_its_completions() {
    let (script, _, _) = jamtty(&["completions", "bash"]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("jamtty.bash");
    std::fs::write(&file, script).unwrap();
    match Command::new("bash").arg("-n").arg(&file).status() {
        Ok(status) => assert!(status.success()),
        Err(error) => eprintln!("skipped: no bash here ({error})"),
    }
}

#[test]
fn the_man_page_tells_every_command_every_exit_code_and_every_action() {
    let (page, _, code) = jamtty(&["man"]);
    assert_eq!(code, 0);
    let page = page.replace("\\-", "-");
    for path in paths() {
        let name =
            ["jamtty"].into_iter().chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        assert!(page.contains(&name), "{name}");
    }
    let codes = page.split("EXIT STATUS").nth(1).unwrap();
    for (code, meaning) in EXIT_CODES {
        assert!(codes.contains(&format!("\\fB{code}\\fR\n{}", meaning)), "{code}");
    }
    for action in jamtty::peer::api::ACTIONS {
        assert!(page.contains(action.name), "{}", action.name);
    }
}

#[test]
fn every_command_has_a_man_page_of_its_own() {
    for path in paths() {
        let words: Vec<&str> = ["man"].into_iter().chain(path.iter().map(String::as_str)).collect();
        let (page, stderr, code) = jamtty(&words);
        assert_eq!(code, 0, "{path:?}: {stderr}");
        assert!(page.contains(".SH SYNOPSIS") && page.contains("EXIT STATUS"), "{path:?}");
    }
}

#[test]
fn help_knows_topics_commands_and_near_misses() {
    let (codes, _, code) = jamtty(&["help", "exit-codes"]);
    assert_eq!((code, codes.lines().count()), (0, EXIT_CODES.len()));
    assert!(jamtty(&["help", "actions"]).0.contains("mic.toggle"));
    assert!(jamtty(&["help", "environment"]).0.contains("JAMTTY_IFACE"));
    assert!(jamtty(&["help", "audio", "ls"]).0.contains("Usage: jamtty audio ls"));
    assert!(jamtty(&["--help"]).0.contains("JAMTTY_PROFILE"));
    let (_, stderr, code) = jamtty(&["help", "exit-code"]);
    assert!(code == 2 && stderr.contains("Did you mean exit-codes?"), "{stderr}");
}

#[test]
fn every_example_belongs_to_a_command() {
    let root = command();
    for (path, _) in EXAMPLES {
        let words: Vec<String> = path.split_whitespace().map(str::to_owned).collect();
        at(&root, &words);
    }
}

//! Who may know whom, checked by reading the sources. Each rule has its reason beside it; a rule that is in the way is
//! changed with its reason, in `ARCHITECTURE.md` too.

use std::fs;
use std::path::{Path, PathBuf};

/// `from` (a folder or file of `src/`) never names the modules in `to`.
struct Arrow {
    from: &'static str,
    to: &'static [&'static str],
    because: &'static str,
}

const ARROWS: &[Arrow] = &[
    Arrow {
        from: "domain/",
        to: &[
            "audio", "cli", "clock", "config", "net", "paths", "peer", "priority", "protocol", "store", "tui",
        ],
        because: "words outlive mechanisms",
    },
    Arrow {
        from: "protocol/",
        to: &["audio", "cli", "clock", "config", "net", "paths", "peer", "priority", "store", "tui"],
        because: "else ten minutes of jam cannot be simulated in a second",
    },
    Arrow {
        from: "audio/",
        to: &["cli", "config", "net", "peer", "store", "tui"],
        because: "sound runs alone in a test; it meets the network in rings that the peer makes",
    },
    Arrow {
        from: "net/",
        to: &["audio", "cli", "config", "peer", "store", "tui"],
        because: "the network runs alone in a test; it meets sound in rings that the peer makes",
    },
    Arrow {
        from: "store/",
        to: &["audio", "cli", "config", "net", "peer", "tui"],
        because: "the disk runs alone in a test",
    },
    Arrow {
        from: "peer/",
        to: &["cli", "tui"],
        because: "a peer has no face: faces are clients of its socket",
    },
    Arrow {
        from: "peer/api",
        to: &["audio", "cli", "config", "net", "store", "tui"],
        because: "clients read these types without the parts behind them",
    },
    Arrow {
        from: "peer/update",
        to: &["audio", "cli", "clock", "config", "net", "paths", "priority", "store", "tui"],
        because: "it is a function of a model and a message; effects run outside",
    },
    Arrow { from: "cli/", to: &["audio", "net", "store"], because: "faces speak to the socket" },
    Arrow { from: "tui/", to: &["audio", "net", "store"], because: "faces speak to the socket" },
];

/// Arrows that are wanted all the same: the file, the module, why.
const ALLOWED: &[(&str, &str, &str)] = &[];

/// `from` never has these words in its code.
struct Words {
    from: &'static str,
    words: &'static [&'static str],
    because: &'static str,
}

const WORDS: &[Words] = &[
    Words {
        from: "domain/",
        words: &["std::fs", "std::net::UdpSocket", "std::thread", "tokio", "Instant", "SystemTime"],
        because: "the words do no I/O and have no clock",
    },
    Words {
        from: "protocol/",
        words: &[
            "std::fs",
            "UdpSocket",
            "std::thread",
            "tokio",
            "Instant",
            "SystemTime",
            "OsRng",
            "rand::rng",
        ],
        because: "`now` and every seed is an argument, or a simulation could not repeat itself",
    },
    Words {
        from: "peer/update",
        words: &[
            "std::fs",
            "UdpSocket",
            "std::thread",
            "tokio",
            "Instant",
            "SystemTime",
            "OsRng",
            "async",
            "rand::rng",
        ],
        because: "it is a function: the same model and message always give the same effects",
    },
];

/// A crate is named by its owner alone, so that replacing it is a change in one place.
const OWNERS: &[(&str, &str)] = &[
    ("cpal", "audio/device/backend/"),
    ("jack", "audio/device/backend/jack_"),
    ("opus", "audio/codec.rs"),
    ("libp2p", "net/swarm/"),
    ("libp2p_stream", "net/swarm/"),
    ("sled", "store/index/"),
    ("flacenc", "store/takes/flac.rs"),
    ("symphonia", "store/takes/flac.rs"),
    ("crossterm", "tui/terminal"),
];

/// Files that may sleep in the open: the file, why. Everything else waits on what it waits for.
const SLEEPERS: &[(&str, &str)] =
    &[("src/cli/context.rs", "a peer that is not there yet, or has no event for it, is asked again")];

/// Past it a file is two ideas.
const LINES_MAX: usize = 800;

/// A source file: its path in `src/` or `tests/`, its text, and its code without comments.
struct Source {
    path: String,
    text: String,
    code: String,
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                let name = path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
                found.push(Source { path: name, code: without_comments(&text), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// Lines of comment go, and what stands behind `//` on a line (an address in a text goes too).
fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Where `word` stands by itself in `code`: not as a part of a longer name.
fn places<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(|c| is_name(c) || c == ':') && !after.is_some_and(is_name)
    })
}

/// The modules of this crate that `source` names, by `crate::` or by going up with `super::`.
fn modules_named(source: &Source) -> Vec<String> {
    let mut named = Vec::new();
    for at in places(&source.code, "crate") {
        if let Some(rest) = source.code[at + "crate".len()..].strip_prefix("::") {
            named.extend(first_names(rest));
        }
    }
    let depth = source.path.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count();
    let up = vec!["super"; depth].join("::");
    for at in places(&source.code, &up) {
        if let Some(rest) = source.code[at + up.len()..].strip_prefix("::") {
            named.extend(first_names(rest));
        }
    }
    named
}

/// The first name of a path, or of each path in braces.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut names = Vec::new();
    let mut depth = 0;
    let mut begins = true;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if begins && !c.is_whitespace() => {
                names.push(name(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

fn fail_if_any(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn no_module_knows_what_it_must_not() {
    let mut faults = Vec::new();
    for source in sources("src") {
        let named = modules_named(&source);
        for arrow in ARROWS.iter().filter(|arrow| source.path.starts_with(arrow.from)) {
            for to in arrow.to.iter().filter(|to| named.iter().any(|name| name == *to)) {
                if !ALLOWED.iter().any(|(file, module, _)| *file == source.path && module == to) {
                    faults.push(format!("src/{} names {to}: {}", source.path, arrow.because));
                }
            }
        }
    }
    fail_if_any(&faults);
}

#[test]
fn what_is_pure_has_no_clock_no_thread_and_no_chance() {
    let mut faults = Vec::new();
    for source in sources("src") {
        // Its own tests may.
        let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
        for rule in WORDS.iter().filter(|rule| source.path.starts_with(rule.from)) {
            for word in rule.words.iter().filter(|word| places(code, word).next().is_some()) {
                faults.push(format!("src/{} has {word}: {}", source.path, rule.because));
            }
        }
    }
    fail_if_any(&faults);
}

#[test]
fn a_crate_is_named_by_its_owner_alone() {
    let mut faults = Vec::new();
    for source in sources("src") {
        for (name, owner) in OWNERS.iter().filter(|(_, owner)| !source.path.starts_with(owner)) {
            let is_path = |at: usize| {
                let rest = &source.code[at + name.len()..];
                rest.starts_with("::")
                    || source.code[..at].ends_with("use ")
                    || source.code[..at].ends_with("extern crate ")
            };
            if places(&source.code, name).any(is_path) {
                faults.push(format!("src/{} names the crate {name}, which is {owner}'s", source.path));
            }
        }
    }
    fail_if_any(&faults);
}

#[test]
fn files_are_short_and_folders_say_what_they_own() {
    let mut faults = Vec::new();
    for source in sources("src") {
        let lines = source.text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("src/{} has {lines} lines: past {LINES_MAX} it is two ideas", source.path));
        }
        let is_face = source.path == "lib.rs" || source.path == "main.rs" || source.path.ends_with("mod.rs");
        if is_face && !source.text.starts_with("//!") {
            faults.push(format!("src/{} does not begin with what it owns (//!)", source.path));
        }
    }
    fail_if_any(&faults);
}

#[test]
fn nothing_is_left_open_and_no_test_is_switched_off() {
    // In pieces, or this file would find itself.
    let words = [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("#[ig", "nore")];
    let mut faults = Vec::new();
    for (folder, source) in
        ["src", "tests"].into_iter().flat_map(|f| sources(f).into_iter().map(move |s| (f, s)))
    {
        for word in words.iter().filter(|word| source.code.contains(**word)) {
            faults.push(format!("{folder}/{} has {word}..", source.path));
        }
    }
    fail_if_any(&faults);
}

#[test]
fn nobody_sleeps_instead_of_waiting() {
    let sleep = concat!("thread::", "sleep");
    let mut faults = Vec::new();
    for (folder, source) in
        ["src", "tests"].into_iter().flat_map(|f| sources(f).into_iter().map(move |s| (f, s)))
    {
        let path = format!("{folder}/{}", source.path);
        if source.code.contains(sleep) && !SLEEPERS.iter().any(|(file, _)| *file == path) {
            faults.push(format!("{path} sleeps: wait on a condition with a deadline, or say here why not"));
        }
    }
    fail_if_any(&faults);
}

#[test]
fn the_rules_see_what_they_look_for() {
    let source = |path: &str, code: &str| Source {
        path: path.to_owned(),
        text: String::new(),
        code: without_comments(code),
    };
    let named = |path, code| modules_named(&source(path, code));
    assert_eq!(
        named("domain/a.rs", "use crate::{audio::rt, net::{a, b}, store};"),
        ["audio", "net", "store"]
    );
    assert_eq!(named("domain/a.rs", "let x = crate::peer::run(); // crate::cli"), ["peer"]);
    assert_eq!(named("domain/a.rs", "use super::super::net::x; use super::level;"), ["net"]);
    assert_eq!(named("audio/device/mod.rs", "use super::super::net::x; use super::rt;"), ["net"]);
    assert_eq!(places("StreamFormat::opus(1); opus::Encoder", "opus").count(), 1);
    assert_eq!(places("Instant Instantly MyInstant", "Instant").count(), 1);
}

//! The config file as people meet it: what is wrong in it is said with line, key and what to write.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails its test")]

#[cfg(test)]
mod cli_support;

use std::fs;
use std::path::{Path, PathBuf};

use cli_support::{Home, said};
use jamtty::config::keys::KEYS;
use jamtty::config::{Config, DEFAULT_FILE, file};
use proptest::prelude::*;

impl Home {
    fn config(&self) -> PathBuf {
        self.0.path().join("config/jamtty/config.toml")
    }

    fn with_config(self, text: impl AsRef<[u8]>) -> Self {
        fs::create_dir_all(self.config().parent().unwrap()).unwrap();
        fs::write(self.config(), text).unwrap();
        self
    }
}

#[test]
fn the_default_file_tells_every_key_and_has_the_defaults() {
    let parsed = file::parse(Path::new("config.default.toml"), DEFAULT_FILE).unwrap();
    assert_eq!(parsed.config, Config::default());
    assert_eq!(parsed.warnings, []);
    let told: Vec<&str> = parsed.lines.iter().map(|(key, _)| *key).collect();
    for key in &KEYS {
        assert!(told.contains(&key.path), "{} is not in the default file", key.path);
    }
    for (key, line) in &parsed.lines {
        let above: Vec<&str> = DEFAULT_FILE.lines().take(line - 1).collect();
        let comment = above.iter().rev().find(|line| line.is_empty() || line.starts_with('#'));
        assert!(comment.is_some_and(|line| line.starts_with('#')), "{key} has no words above it");
    }
}

#[test]
fn config_default_is_a_config_that_can_be_used() {
    let home = Home::new();
    let (text, _, code) = home.run(&["config", "default"]);
    assert_eq!((text.as_str(), code), (DEFAULT_FILE, 0));
    let home = home.with_config(&text);
    assert_eq!(home.run(&["config", "check", "-q"]), (String::new(), String::new(), 0));
}

/// Each file in `invalid_configs` begins with `# exit CODE` and lines `# says TEXT`.
#[test]
fn every_broken_config_is_answered_with_line_key_and_what_is_allowed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invalid_configs");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 12, "the fixtures are gone");
    for path in files {
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let told = |word: &str| {
            let prefix = format!("# {word} ");
            text.lines()
                .filter_map(move |line| line.strip_prefix(prefix.as_str()).map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let exit: i32 = told("exit").first().unwrap().parse().unwrap();
        let (stdout, stderr, code) = Home::new().with_config(&bytes).run(&["config", "check"]);
        let all = stdout + &stderr;
        assert_eq!(code, exit, "{}: {all}", path.display());
        for words in told("says") {
            assert!(all.contains(&words), "{}: {words:?} is not in {all:?}", path.display());
        }
        assert!(!told("says").is_empty(), "{}", path.display());
    }
}

#[test]
fn a_broken_config_stops_a_command_and_an_unknown_key_does_not() {
    let (_, stderr, code) = Home::new().with_config("[audio]\nperiod = 7\n").run(&["config", "get", "name"]);
    assert!(code == 78 && stderr.contains(":2:"), "{stderr}");
    let (stdout, stderr, code) = Home::new().with_config("nmae = \"Bo\"\n").run(&["config", "get", "name"]);
    assert_eq!((stdout.as_str(), code), ("name = \"\"  (default)\n", 0));
    assert!(stderr.contains("did you mean name?"), "{stderr}");
}

#[test]
fn an_unreadable_file_is_said_with_its_remedy() {
    let home = Home::new();
    let (_, stderr, code) = home.run(&["config", "get", "--config", "/nonexistent/x.toml"]);
    assert!(
        code == 66 && stderr.contains("/nonexistent/x.toml") && stderr.contains("config default"),
        "{stderr}"
    );
    let (_, stderr, code) = home.run(&["config", "get", "--config", "/"]);
    assert!(code == 78 && stderr.contains("folder"), "{stderr}");
}

#[test]
fn config_get_tells_the_value_that_counts_and_its_source() {
    let home = Home::new().with_config("name = \"File\"\n[net]\nport = 5000\n");
    let path = home.config();
    assert_eq!(
        home.run(&["config", "get", "net.port"]).0,
        format!("net.port = 5000  ({}:3)\n", path.display())
    );
    let output =
        home.command(&["config", "get", "name", "--plain"]).env("JAMTTY_NAME", "Env").output().unwrap();
    assert_eq!(said(output).0, "name\tEnv\tenvironment JAMTTY_NAME\n");
    let all = home.run(&["config", "get", "--json", "--iface", "lo,eth0"]).0;
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    assert_eq!(all["v"], 1);
    assert_eq!(all["keys"].as_object().unwrap().len(), KEYS.len());
    assert_eq!(all["keys"]["net.ifaces"]["value"], serde_json::json!(["lo", "eth0"]));
    assert_eq!(all["keys"]["net.ifaces"]["source"], "flag --iface");
    let (_, stderr, code) = home.run(&["config", "get", "net.prot"]);
    assert!(code == 2 && stderr.contains("did you mean net.port?"), "{stderr}");
}

#[test]
fn config_set_keeps_comments_and_refuses_what_does_not_fit() {
    let before = "# mine\n[audio]\n# small\nperiod = 64 # fast\n";
    let home = Home::new().with_config(before);
    assert_eq!(home.run(&["config", "set", "audio.period", "128"]).2, 0);
    assert_eq!(home.run(&["config", "set", "audio.monitor_db", "-6"]).2, 0);
    let after = fs::read_to_string(home.config()).unwrap();
    assert_eq!(after, before.replace("64", "128") + "monitor_db = -6\n");
    let (_, stderr, code) = home.run(&["config", "set", "audio.period", "7"]);
    assert!(code == 2 && stderr.contains("16 to 4096"), "{stderr}");
    assert_eq!(home.run(&["config", "set", "audio.priod", "64"]).2, 2);
    assert_eq!(fs::read_to_string(home.config()).unwrap(), after);
    let (_, stderr, code) = home.run(&["config", "set", "name", "Bo", "--config", "/proc/x/config.toml"]);
    assert!(code == 73 && stderr.contains("/proc/x"), "{stderr}");
}

#[test]
fn config_path_follows_the_flag_the_variable_and_the_home() {
    let home = Home::new();
    assert_eq!(home.run(&["config", "path"]).0, format!("{}\n", home.config().display()));
    let output = home.command(&["config", "path"]).env("JAMTTY_CONFIG", "/a.toml").output().unwrap();
    assert_eq!(said(output).0, "/a.toml\n");
    let output =
        home.command(&["config", "path", "--config", "/b.toml"]).env("JAMTTY_CONFIG", "/a.toml").output();
    assert_eq!(said(output.unwrap()).0, "/b.toml\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]
    #[test]
    fn any_bytes_as_config_are_read_or_refused_in_words(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..120),
        cut in 0..DEFAULT_FILE.len(),
    ) {
        // Noise in the middle of a real file gets past the first line of the parser.
        let mut whole = DEFAULT_FILE.as_bytes()[..cut].to_vec();
        whole.append(&mut bytes);
        whole.extend_from_slice(&DEFAULT_FILE.as_bytes()[cut..]);
        let text = String::from_utf8_lossy(&whole);
        match file::parse(Path::new("config.toml"), &text) {
            Ok(parsed) => prop_assert!(parsed.warnings.iter().all(|warning| warning.line >= 1)),
            Err(error) => prop_assert!(error.to_string().contains("config.toml:")),
        }
    }
}

//! What a user chose: flags > environment > file > defaults, parsed once into a valid [`Config`].
//!
//! Every key stands once, in [`keys`]: the file, the environment, the flags, `config get` and
//! `config set` all go through that table, so they cannot disagree about what is allowed.
//!
//! World: worker; only [`load`] and [`edit`] touch the disk. Never: asks for a secret. Code words come by file or stdin.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::domain::stream::Codec;
use crate::domain::strip::DelayMode;
use crate::protocol::recording::Policy;

pub mod edit;
pub mod file;
pub mod keys;
pub mod look;

use look::{Charset, ColorDepth, Theme};

pub use file::Warning;

/// The settings of one run, all valid together with their defaults.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Config {
    /// What others see; `None`: the login name.
    pub name: Option<String>,
    /// Instruments, in the user's words.
    pub plays: Vec<String>,
    /// The sound card.
    pub audio: AudioConfig,
    /// The network and what is sent on it.
    pub net: NetConfig,
    /// How recordings are made.
    pub rec: RecConfig,
    /// What others may do with us.
    pub privacy: PrivacyConfig,
    /// The log file.
    pub log: LogConfig,
    /// The screen.
    pub ui: UiConfig,
    /// Keys of the screen that are other than built in.
    pub keys: Vec<KeyChange>,
    /// Keys of another layout, and the key each stands for.
    pub translate: BTreeMap<String, String>,
}

/// `[audio]`.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioConfig {
    /// Sound system (`alsa`, `jack`, `pipewire`, `pulseaudio`); `None`: the best one that answers.
    pub host: Option<String>,
    /// Input card by its stable name; `None`: the system's default.
    pub input: Option<String>,
    /// Output card by its stable name; `None`: the system's default.
    pub output: Option<String>,
    /// Which inputs are sent.
    pub channels: Channels,
    /// Samples per channel in a block; `None`: what the card does best.
    pub period: Option<u32>,
    /// Hearing oneself dry, in dB; `None`: off.
    pub monitor_db: Option<f32>,
    /// Ask the system for raised priority of the audio threads.
    pub priority: bool,
}

/// Which inputs of the card are sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Stereo from a card with two inputs or more, else mono.
    #[default]
    Auto,
    /// The first input, mono.
    Left,
    /// The second input, mono.
    Right,
    /// The first two inputs.
    Stereo,
}

/// `[net]`.
#[derive(Debug, Clone, PartialEq)]
pub struct NetConfig {
    /// Interfaces used, by name; empty: all.
    pub ifaces: Vec<String>,
    /// UDP and TCP port; `None`: any free one.
    pub port: Option<u16>,
    /// Find others, and be found, by mDNS.
    pub discovery: bool,
    /// How the playout delay of new participants is chosen.
    pub delay: DelayMode,
    /// How the own stream is written.
    pub codec: Codec,
    /// Length of an Opus frame, in ms; PCM sends one block a frame.
    pub frame_ms: f32,
    /// kbit/s of Opus.
    pub bitrate_kbps: u16,
    /// People in a jam that this peer starts.
    pub max_peers: u8,
}

/// `[rec]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecConfig {
    /// Where takes lie; `None`: in the profile's own folder.
    pub folder: Option<PathBuf>,
    /// Minutes kept in memory, so that they can be kept afterwards; 0: none.
    pub grab_minutes: u8,
    /// Record by itself whenever somebody else is in the jam.
    pub auto: bool,
    /// Keep a mix without the own line, too.
    pub mix_without_me: bool,
}

impl Default for RecConfig {
    fn default() -> Self {
        Self { folder: None, grab_minutes: 3, auto: false, mix_without_me: false }
    }
}

/// `[privacy]`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PrivacyConfig {
    /// What is said to being recorded, unless the person says it.
    pub record_me: Policy,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// What is written to the log file at least.
    pub level: LogLevel,
}

/// `[ui]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UiConfig {
    /// The colours.
    pub theme: Theme,
    /// The characters; `None`: by locale and terminal.
    pub charset: Option<Charset>,
    /// How many colours; `None`: as the terminal says.
    pub color_depth: Option<ColorDepth>,
    /// The mouse clicks and turns faders, instead of marking text.
    pub mouse: bool,
}

impl Default for UiConfig {
    fn default() -> Self {
        Self { theme: Theme::default(), charset: None, color_depth: None, mouse: true }
    }
}

/// A line of `[keys]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// What the screen calls the action.
    pub action: String,
    /// Its keys, as they are written.
    pub keys: Vec<String>,
    /// First line is 1.
    pub line: usize,
}

/// How much is logged.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What is odd, too.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// What was decided.
    Debug,
    /// Each message.
    Trace,
}

impl LogLevel {
    /// As it is written in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Default for AudioConfig {
    fn default() -> Self {
        Self {
            host: None,
            input: None,
            output: None,
            channels: Channels::Auto,
            period: None,
            monitor_db: None,
            priority: true,
        }
    }
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            ifaces: Vec::new(),
            port: None,
            discovery: true,
            delay: DelayMode::default(),
            codec: Codec::Opus,
            frame_ms: 2.5,
            bitrate_kbps: 128,
            max_peers: 8,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: LogLevel::Info }
    }
}

/// The file that documents every key; its values are the defaults (a test compares them).
pub const DEFAULT_FILE: &str = include_str!("../../assets/config.default.toml");

/// Variables that set a key, with the key they set.
pub const ENVIRONMENT: [(&str, &str); 3] =
    [("JAMTTY_NAME", "name"), ("JAMTTY_IFACE", "net.ifaces"), ("JAMTTY_LOG", "log.level")];

/// Where an effective value came from.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said otherwise.
    #[default]
    Default,
    /// The config file.
    File {
        /// Path as it was opened.
        path: PathBuf,
        /// First line is 1.
        line: usize,
    },
    /// This variable.
    Environment(&'static str),
    /// This flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// Why there is no valid config. Each says what to change, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file is there but cannot be read.
    #[error("cannot read the config file {}: {why}; {remedy}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
        /// What to do now.
        remedy: &'static str,
    },
    /// The file was named, and there is none.
    #[error("there is no config file {}; make it with `jamtty config default > FILE`, or leave out --config and JAMTTY_CONFIG", path.display())]
    NoSuchFile {
        /// The file.
        path: PathBuf,
    },
    /// The file is not TOML.
    #[error("{}:{line}:{column}: {why}; correct that line, or start from `jamtty config default`", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// First line is 1.
        line: usize,
        /// First column is 1, in characters.
        column: usize,
        /// What the parser said.
        why: String,
    },
    /// The file or the environment gives a key a value it cannot have.
    #[error("{place}: {key} = {value}: {key} takes {allowed}")]
    Value {
        /// File and line, or variable.
        place: String,
        /// The key, as in `audio.period`.
        key: &'static str,
        /// What was there.
        value: String,
        /// What may be there, in words.
        allowed: &'static str,
    },
    /// So does the command line: nothing is broken but the command.
    #[error("{place}: {key} = {value}: {key} takes {allowed}")]
    Argument {
        /// The flag, or `config set`.
        place: String,
        /// The key, as in `audio.period`.
        key: &'static str,
        /// What was there.
        value: String,
        /// What may be there, in words.
        allowed: &'static str,
    },
    /// `config get` or `set` named no key.
    #[error("there is no key {key}{}; `jamtty config default` lists all keys", hint(suggestion.as_deref()))]
    NoSuchKey {
        /// What was asked for.
        key: String,
        /// The nearest key.
        suggestion: Option<String>,
    },
    /// `config set` could not write.
    #[error("cannot write the config file {}: {why}; free space or correct its permissions, then try again", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

/// `, did you mean X?`, or nothing.
fn hint(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |nearest| format!(", did you mean {nearest}?"))
}

/// What [`load`] reads, in rising order of who wins.
#[derive(Debug, Default, Clone)]
pub struct Inputs {
    /// The config file.
    pub path: PathBuf,
    /// The file was named by the user, so it must exist.
    pub must_exist: bool,
    /// Values of [`ENVIRONMENT`] variables that are set: (variable, value).
    pub environment: Vec<(&'static str, String)>,
    /// Values of flags: (flag, key, value).
    pub flags: Vec<(&'static str, &'static str, String)>,
}

impl Inputs {
    /// The variables of this process that set a key; empty ones count as not set.
    #[must_use]
    pub fn environment_of_process() -> Vec<(&'static str, String)> {
        let set = |variable| std::env::var(variable).ok().filter(|value| !value.is_empty());
        ENVIRONMENT.iter().filter_map(|(variable, _)| set(variable).map(|value| (*variable, value))).collect()
    }
}

/// A valid config, and how it came about.
#[derive(Debug, Default, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// What in the file was not understood; the rest counts all the same.
    pub warnings: Vec<Warning>,
    sources: BTreeMap<&'static str, Source>,
}

impl Loaded {
    /// Where the value of `key` came from.
    #[must_use]
    pub fn source(&self, key: &str) -> Source {
        self.sources.get(key).cloned().unwrap_or_default()
    }

    /// Lays `text` over `key`, as a flag or variable does.
    fn lay(&mut self, key: &'static str, text: &str, source: Source) -> Result<(), ConfigError> {
        let entry = keys::find(key)?;
        entry.set_text(&mut self.config, text).map_err(|allowed| {
            let (place, key, value) = (source.to_string(), entry.path, format!("{text:?}"));
            match source {
                Source::Flag(_) => ConfigError::Argument { place, key, value, allowed },
                Source::Default | Source::File { .. } | Source::Environment(_) => {
                    ConfigError::Value { place, key, value, allowed }
                }
            }
        })?;
        self.sources.insert(entry.path, source);
        Ok(())
    }
}

/// Reads the file, then the environment, then the flags: the last one wins.
///
/// # Errors
/// [`ConfigError`]; unknown keys are warnings, not errors.
pub fn load(inputs: &Inputs) -> Result<Loaded, ConfigError> {
    let mut loaded = Loaded::default();
    if let Some(text) = file::read(&inputs.path, inputs.must_exist)? {
        let parsed = file::parse(&inputs.path, &text)?;
        loaded.config = parsed.config;
        loaded.warnings = parsed.warnings;
        for (key, line) in parsed.lines {
            loaded.sources.insert(key, Source::File { path: inputs.path.clone(), line });
        }
    }
    for (variable, value) in &inputs.environment {
        for (_, key) in ENVIRONMENT.iter().filter(|(name, _)| name == variable) {
            loaded.lay(key, value, Source::Environment(variable))?;
        }
    }
    for (flag, key, value) in &inputs.flags {
        loaded.lay(key, value, Source::Flag(flag))?;
    }
    Ok(loaded)
}

/// Where the config file is, unless it is named.
#[must_use]
pub fn default_path(config_dir: &Path) -> PathBuf {
    config_dir.join("config.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str, inputs: Inputs) -> Result<Loaded, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        load(&Inputs { path, ..inputs })
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file() {
        let file = "name = \"File\"\n[net]\nifaces = [\"eth0\"]\n[log]\nlevel = \"warn\"\n";
        let inputs = Inputs {
            environment: vec![("JAMTTY_NAME", "Env".into()), ("JAMTTY_IFACE", "lo, eth1".into())],
            flags: vec![("--name", "name", "Flag".into())],
            ..Inputs::default()
        };
        let loaded = loaded(file, inputs).unwrap();
        assert_eq!(loaded.config.name.as_deref(), Some("Flag"));
        assert_eq!(loaded.config.net.ifaces, ["lo", "eth1"]);
        assert_eq!(loaded.config.log.level, LogLevel::Warn);
        assert_eq!(loaded.source("name"), Source::Flag("--name"));
        assert_eq!(loaded.source("net.ifaces"), Source::Environment("JAMTTY_IFACE"));
        assert!(matches!(loaded.source("log.level"), Source::File { line: 5, .. }));
        assert_eq!(loaded.source("audio.period"), Source::Default);
    }

    #[test]
    fn a_bad_variable_is_named() {
        let inputs = Inputs { environment: vec![("JAMTTY_LOG", "loud".into())], ..Inputs::default() };
        let error = loaded("", inputs).unwrap_err().to_string();
        assert!(error.contains("JAMTTY_LOG") && error.contains("trace"), "{error}");
    }

    #[test]
    fn only_a_file_that_was_named_must_exist() {
        let path = PathBuf::from("/nonexistent/config.toml");
        assert_eq!(
            load(&Inputs { path: path.clone(), ..Inputs::default() }).unwrap().config,
            Config::default()
        );
        let named = Inputs { path, must_exist: true, ..Inputs::default() };
        assert!(matches!(load(&named), Err(ConfigError::NoSuchFile { .. })));
    }
}

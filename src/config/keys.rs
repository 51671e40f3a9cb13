//! Every key of the config, once: its name, what it takes, how it is set and read.

use std::path::PathBuf;

use super::look::{self, Charset, ColorDepth, Theme, Words};
use super::{Channels, Config, ConfigError, LogLevel};
use crate::domain::level::Gain;
use crate::domain::stream::Codec;
use crate::domain::strip::DelayMode;
use crate::protocol::recording::Policy;

/// A value as it stands in the file, a variable or a flag.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `"text"`.
    Text(String),
    /// `64`.
    Whole(i64),
    /// `2.5`; always finite.
    Number(f64),
    /// `true` or `false`.
    Switch(bool),
    /// `["a", "b"]`.
    List(Vec<String>),
}

impl Value {
    /// As it is printed for people and pipes: text bare, lists with commas.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Switch(on) => on.to_string(),
            Self::List(items) => items.join(","),
        }
    }

    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn number(&self) -> Option<f64> {
        match self {
            // Exact: every range here ends far below 2^53.
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            Self::Text(_) | Self::Switch(_) | Self::List(_) => None,
        }
    }

    fn whole_in<T: TryFrom<i64> + PartialOrd>(&self, lowest: T, highest: T) -> Option<T> {
        let Self::Whole(number) = self else { return None };
        T::try_from(*number).ok().filter(|number| (lowest..=highest).contains(number))
    }
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// As in `audio.period`.
    pub path: &'static str,
    /// What it takes, in words that follow "takes".
    pub allowed: &'static str,
    set: fn(&mut Config, &Value) -> Option<()>,
    get: fn(&Config) -> Value,
}

impl Key {
    /// Sets the key.
    ///
    /// # Errors
    /// What the key takes, in words; `config` is as it was.
    pub fn set(&self, config: &mut Config, value: &Value) -> Result<(), &'static str> {
        (self.set)(config, value).ok_or(self.allowed)
    }

    /// The value in `config`, as the file would have it.
    #[must_use]
    pub fn value(&self, config: &Config) -> Value {
        (self.get)(config)
    }

    /// The value that `text` of a variable, a flag or `config set` stands for.
    ///
    /// # Errors
    /// What the key takes, in words.
    pub fn parse(&self, text: &str) -> Result<Value, &'static str> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned);
        let readings = [
            text.parse().ok().map(Value::Whole),
            text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Number),
            text.parse().ok().map(Value::Switch),
            Some(Value::Text(text.to_owned())),
            Some(Value::List(items.collect())),
        ];
        let fits = |value: &Value| (self.set)(&mut Config::default(), value).is_some();
        readings.into_iter().flatten().find(fits).ok_or(self.allowed)
    }

    /// Sets the key from the text of a variable or a flag.
    ///
    /// # Errors
    /// What the key takes, in words; `config` is as it was.
    pub fn set_text(&self, config: &mut Config, text: &str) -> Result<(), &'static str> {
        let value = self.parse(text)?;
        self.set(config, &value)
    }
}

/// The key named `path`.
///
/// # Errors
/// [`ConfigError::NoSuchKey`] with the nearest one.
pub fn find(path: &str) -> Result<&'static Key, ConfigError> {
    KEYS.iter()
        .find(|key| key.path == path)
        .ok_or_else(|| ConfigError::NoSuchKey { key: path.to_owned(), suggestion: nearest(path) })
}

/// The key a person meant who wrote `path`, if one is near.
#[must_use]
pub fn nearest(path: &str) -> Option<String> {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |key: &Key| {
        let whole = strsim::jaro_winkler(key.path, path);
        // `period` at the top is `audio.period` in the wrong section.
        if last(key.path) == last(path) { whole.max(0.95) } else { whole }
    };
    let best = KEYS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= LIKENESS_MIN).then(|| best.path.to_owned())
}

/// Lower suggests keys that have nothing to do with what was written; higher misses two swapped letters.
const LIKENESS_MIN: f64 = 0.8;

/// Longest text of any value: card names are the longest there are, well below this.
const TEXT_MAX: usize = 200;

/// Most items of a list: nobody plays or has more; a larger list is a mistake.
const ITEMS_MAX: usize = 32;

fn short(text: &str) -> Option<String> {
    (text.len() <= TEXT_MAX && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// `"auto"` is `None`; the empty text is nothing at all.
fn auto_or_text(value: &Value) -> Option<Option<String>> {
    match value.text()? {
        "" => None,
        "auto" => Some(None),
        text => short(text).map(Some),
    }
}

fn text_or_auto(text: Option<&String>) -> Value {
    Value::Text(text.cloned().unwrap_or_else(|| "auto".to_owned()))
}

/// A text that is one of these words.
fn one_of<T: Copy>(value: &Value, words: Words<T>) -> Option<T> {
    value.text().and_then(|text| look::named(words, text))
}

fn word<T: PartialEq>(words: Words<T>, meant: &T) -> Value {
    Value::Text(look::name_of(words, meant).to_owned())
}

fn items(value: &Value) -> Option<Vec<String>> {
    let Value::List(items) = value else { return None };
    let fit = items.len() <= ITEMS_MAX && items.iter().all(|item| !item.is_empty() && short(item).is_some());
    fit.then(|| items.clone())
}

fn switch(value: &Value) -> Option<bool> {
    if let Value::Switch(on) = value { Some(*on) } else { None }
}

/// `quick` and `safe` are the two ends of the bias; a number is ms.
fn delay(value: &Value) -> Option<DelayMode> {
    match (value.text(), value.number()) {
        (Some("auto"), _) => Some(DelayMode::Auto { bias: 0.0 }),
        (Some("quick"), _) => Some(DelayMode::Auto { bias: -1.0 }),
        (Some("safe"), _) => Some(DelayMode::Auto { bias: 1.0 }),
        (_, Some(ms)) if (0.0..=500.0).contains(&ms) => Some(DelayMode::Fixed { ms: ms as f32 }),
        _ => None,
    }
}

fn delay_value(delay: DelayMode) -> Value {
    match delay {
        DelayMode::Auto { bias } if bias < -0.5 => Value::Text("quick".to_owned()),
        DelayMode::Auto { bias } if bias > 0.5 => Value::Text("safe".to_owned()),
        DelayMode::Auto { .. } => Value::Text("auto".to_owned()),
        DelayMode::Fixed { ms } => Value::Number(f64::from(ms)),
    }
}

fn channels(value: &Value) -> Option<Channels> {
    match (value.text(), value) {
        (Some("auto"), _) => Some(Channels::Auto),
        (Some("left"), _) | (_, Value::Whole(1)) => Some(Channels::Left),
        (Some("right"), _) => Some(Channels::Right),
        (Some("stereo"), _) | (_, Value::Whole(2)) => Some(Channels::Stereo),
        _ => None,
    }
}

const fn channels_name(channels: Channels) -> &'static str {
    match channels {
        Channels::Auto => "auto",
        Channels::Left => "left",
        Channels::Right => "right",
        Channels::Stereo => "stereo",
    }
}

fn codec(value: &Value) -> Option<Codec> {
    match value.text()? {
        "opus" => Some(Codec::Opus),
        "pcm16" => Some(Codec::Pcm16),
        "pcm24" => Some(Codec::Pcm24),
        _ => None,
    }
}

/// As it is written in the file.
#[must_use]
pub const fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::Pcm16 => "pcm16",
        Codec::Pcm24 => "pcm24",
    }
}

/// What is said to being recorded.
const RECORD_ME: Words<Policy> = &[("ask", Policy::Ask), ("yes", Policy::Yes), ("no", Policy::No)];

fn log_level(value: &Value) -> Option<LogLevel> {
    let text = value.text()?;
    [LogLevel::Off, LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace]
        .into_iter()
        .find(|level| level.as_str() == text)
}

/// All keys, in the order of the default file.
pub static KEYS: [Key; 27] = [
    Key {
        path: "name",
        allowed: "a text of at most 200 bytes on one line, \"\" for your login name",
        set: |config, value| {
            let text = short(value.text()?)?;
            config.name = (!text.is_empty()).then_some(text);
            Some(())
        },
        get: |config| Value::Text(config.name.clone().unwrap_or_default()),
    },
    Key {
        path: "plays",
        allowed: "a list of texts, as in [\"guitar\", \"voice\"]",
        set: |config, value| items(value).map(|items| config.plays = items),
        get: |config| Value::List(config.plays.clone()),
    },
    Key {
        path: "audio.host",
        allowed: "\"auto\", \"alsa\", \"jack\", \"pipewire\" or \"pulseaudio\"",
        set: |config, value| {
            let known = ["auto", "alsa", "jack", "pipewire", "pulseaudio"].contains(&value.text()?);
            known.then(|| auto_or_text(value)).flatten().map(|host| config.audio.host = host)
        },
        get: |config| text_or_auto(config.audio.host.as_ref()),
    },
    Key {
        path: "audio.input",
        allowed: "\"auto\" or a card's name as `jamtty audio ls` shows it",
        set: |config, value| auto_or_text(value).map(|card| config.audio.input = card),
        get: |config| text_or_auto(config.audio.input.as_ref()),
    },
    Key {
        path: "audio.output",
        allowed: "\"auto\" or a card's name as `jamtty audio ls` shows it",
        set: |config, value| auto_or_text(value).map(|card| config.audio.output = card),
        get: |config| text_or_auto(config.audio.output.as_ref()),
    },
    Key {
        path: "audio.channels",
        allowed: "\"auto\", \"left\", \"right\" or \"stereo\" (1 is left, 2 is stereo)",
        set: |config, value| channels(value).map(|pick| config.audio.channels = pick),
        get: |config| Value::Text(channels_name(config.audio.channels).to_owned()),
    },
    Key {
        path: "audio.period",
        allowed: "\"auto\" or a whole number of samples from 16 to 4096",
        set: |config, value| {
            let period = if value.text() == Some("auto") { None } else { Some(value.whole_in(16, 4096)?) };
            config.audio.period = period;
            Some(())
        },
        get: |config| config.audio.period.map_or(Value::Text("auto".to_owned()), |n| Value::Whole(n.into())),
    },
    Key {
        path: "audio.monitor_db",
        allowed: "\"off\" or a number of dB from -60 to 12",
        set: |config, value| {
            let highest = f64::from(Gain::DB_MAX);
            config.audio.monitor_db = match (value.text(), value.number()) {
                (Some("off"), _) => None,
                (_, Some(db)) if (-60.0..=highest).contains(&db) => Some(db as f32),
                _ => return None,
            };
            Some(())
        },
        get: |config| {
            config.audio.monitor_db.map_or(Value::Text("off".to_owned()), |db| Value::Number(db.into()))
        },
    },
    Key {
        path: "audio.priority",
        allowed: "true or false",
        set: |config, value| switch(value).map(|on| config.audio.priority = on),
        get: |config| Value::Switch(config.audio.priority),
    },
    Key {
        path: "net.ifaces",
        allowed: "a list of interface names, as in [\"eth0\"]; [] is all of them",
        set: |config, value| items(value).map(|ifaces| config.net.ifaces = ifaces),
        get: |config| Value::List(config.net.ifaces.clone()),
    },
    Key {
        path: "net.port",
        allowed: "a whole number from 1024 to 65535, or 0 for any free port",
        set: |config, value| {
            let port = value.whole_in(0_u16, u16::MAX).filter(|port| *port == 0 || *port >= 1024)?;
            config.net.port = (port != 0).then_some(port);
            Some(())
        },
        get: |config| Value::Whole(config.net.port.unwrap_or(0).into()),
    },
    Key {
        path: "net.discovery",
        allowed: "true or false",
        set: |config, value| switch(value).map(|on| config.net.discovery = on),
        get: |config| Value::Switch(config.net.discovery),
    },
    Key {
        path: "net.delay",
        allowed: "\"auto\", \"quick\", \"safe\" or a number of ms from 0 to 500",
        set: |config, value| delay(value).map(|delay| config.net.delay = delay),
        get: |config| delay_value(config.net.delay),
    },
    Key {
        path: "net.codec",
        allowed: "\"opus\", \"pcm16\" or \"pcm24\"",
        set: |config, value| codec(value).map(|codec| config.net.codec = codec),
        get: |config| Value::Text(codec_name(config.net.codec).to_owned()),
    },
    Key {
        path: "net.frame_ms",
        allowed: "2.5, 5 or 10",
        set: |config, value| {
            let ms = value.number().filter(|ms| [2.5, 5.0, 10.0].contains(ms))?;
            config.net.frame_ms = ms as f32;
            Some(())
        },
        get: |config| Value::Number(config.net.frame_ms.into()),
    },
    Key {
        path: "net.bitrate_kbps",
        allowed: "a whole number of kbit/s from 16 to 510",
        set: |config, value| value.whole_in(16, 510).map(|kbps| config.net.bitrate_kbps = kbps),
        get: |config| Value::Whole(config.net.bitrate_kbps.into()),
    },
    Key {
        path: "net.max_peers",
        allowed: "a whole number of people from 2 to 16",
        set: |config, value| value.whole_in(2, 16).map(|most| config.net.max_peers = most),
        get: |config| Value::Whole(config.net.max_peers.into()),
    },
    Key {
        path: "rec.dir",
        allowed: "a folder whose path begins with / or ~/, or \"\" for the profile's own",
        set: |config, value| {
            let text = value.text()?;
            config.rec.folder = match text {
                "" => None,
                _ if text.starts_with('/') || text.starts_with("~/") => Some(PathBuf::from(short(text)?)),
                _ => return None,
            };
            Some(())
        },
        get: |config| {
            Value::Text(config.rec.folder.as_ref().map(|dir| dir.display().to_string()).unwrap_or_default())
        },
    },
    Key {
        path: "rec.grab_minutes",
        allowed: "a whole number of minutes from 0 to 10; 0 keeps nothing in memory",
        set: |config, value| value.whole_in(0, 10).map(|minutes| config.rec.grab_minutes = minutes),
        get: |config| Value::Whole(config.rec.grab_minutes.into()),
    },
    Key {
        path: "rec.auto",
        allowed: "true or false",
        set: |config, value| switch(value).map(|on| config.rec.auto = on),
        get: |config| Value::Switch(config.rec.auto),
    },
    Key {
        path: "rec.mix_without_me",
        allowed: "true or false",
        set: |config, value| switch(value).map(|on| config.rec.mix_without_me = on),
        get: |config| Value::Switch(config.rec.mix_without_me),
    },
    Key {
        path: "privacy.record_me",
        allowed: "\"ask\", \"yes\" or \"no\"",
        set: |config, value| one_of(value, RECORD_ME).map(|policy| config.privacy.record_me = policy),
        get: |config| word(RECORD_ME, &config.privacy.record_me),
    },
    Key {
        path: "ui.theme",
        allowed: "\"auto\", \"dark\", \"light\", \"mono\" or \"plain\"",
        set: |config, value| one_of(value, Theme::WORDS).map(|theme| config.ui.theme = theme),
        get: |config| word(Theme::WORDS, &config.ui.theme),
    },
    Key {
        path: "ui.charset",
        allowed: "\"auto\", \"unicode\", \"compat\" or \"ascii\"",
        set: |config, value| one_of(value, Charset::WORDS).map(|charset| config.ui.charset = charset),
        get: |config| word(Charset::WORDS, &config.ui.charset),
    },
    Key {
        path: "ui.color_depth",
        allowed: "\"auto\", \"none\", \"16\", \"256\" or \"truecolor\"",
        set: |config, value| one_of(value, ColorDepth::WORDS).map(|depth| config.ui.color_depth = depth),
        get: |config| word(ColorDepth::WORDS, &config.ui.color_depth),
    },
    Key {
        path: "ui.mouse",
        allowed: "true or false",
        set: |config, value| switch(value).map(|on| config.ui.mouse = on),
        get: |config| Value::Switch(config.ui.mouse),
    },
    Key {
        path: "log.level",
        allowed: "\"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
        set: |config, value| log_level(value).map(|level| config.log.level = level),
        get: |config| Value::Text(config.log.level.as_str().to_owned()),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_takes_back_what_it_says() {
        for key in &KEYS {
            let mut config = Config::default();
            let value = key.value(&config);
            key.set(&mut config, &value).unwrap();
            assert_eq!(config, Config::default(), "{}", key.path);
            assert_eq!(key.parse(&value.plain()).unwrap().plain(), value.plain(), "{}", key.path);
        }
    }

    #[test]
    fn ranges_end_where_they_say() {
        for (path, good, bad) in [
            ("audio.period", "16", "15"),
            ("audio.period", "4096", "4097"),
            ("audio.monitor_db", "12", "12.1"),
            ("net.port", "1024", "1023"),
            ("net.port", "0", "65536"),
            ("net.delay", "0", "-0.1"),
            ("net.delay", "500", "NaN"),
            ("net.frame_ms", "2.5", "20"),
            ("net.bitrate_kbps", "510", "511"),
            ("net.max_peers", "2", "1"),
            ("audio.channels", "2", "3"),
            ("net.codec", "pcm24", "mp3"),
            ("audio.priority", "false", "yes"),
            ("name", "64", "a\u{1b}[2J"),
        ] {
            let key = find(path).unwrap();
            assert!(key.parse(good).is_ok(), "{path} = {good}");
            assert_eq!(key.parse(bad), Err(key.allowed), "{path} = {bad}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_key() {
        assert_eq!(nearest("audio.priod").as_deref(), Some("audio.period"));
        assert_eq!(nearest("period").as_deref(), Some("audio.period"));
        assert_eq!(nearest("nmae").as_deref(), Some("name"));
        assert_eq!(nearest("zzz"), None);
    }
}

//! The config file: TOML to a valid [`Config`], with the line of everything that is wrong.

use std::fmt;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, KEYS, Key, Value};
use super::{Config, ConfigError, KeyChange, hint};
use crate::domain::name::safe_line;

/// Something in the file that counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file.
    pub path: PathBuf,
    /// First line is 1.
    pub line: usize,
    /// The key as it stands there, safe to print.
    pub key: String,
    /// The key it may have meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, key, suggestion } = self;
        write!(f, "{}:{line}: unknown key {key}{}", path.display(), hint(suggestion.as_deref()))?;
        if suggestion.is_none() { write!(f, ", ignored") } else { Ok(()) }
    }
}

/// What a file says.
#[derive(Debug, Default, Clone)]
pub struct Parsed {
    /// Defaults, with the file laid over them.
    pub config: Config,
    /// The keys it sets, and where.
    pub lines: Vec<(&'static str, usize)>,
    /// What it says in vain.
    pub warnings: Vec<Warning>,
}

/// The text of the file; `None` if it does not exist and need not.
///
/// # Errors
/// [`ConfigError::NoSuchFile`], [`ConfigError::Unreadable`], or [`ConfigError::Syntax`] for text that is not UTF-8.
pub fn read(path: &Path, must_exist: bool) -> Result<Option<String>, ConfigError> {
    let unreadable = |why: String, remedy| ConfigError::Unreadable { path: path.to_owned(), why, remedy };
    let length = match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(unreadable("it is a folder".into(), "name a file with --config"));
        }
        Ok(found) => found.len(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            let missing = || ConfigError::NoSuchFile { path: path.to_owned() };
            return if must_exist { Err(missing()) } else { Ok(None) };
        }
        Err(error) => return Err(unreadable(error.to_string(), PERMISSION_REMEDY)),
    };
    if length > LENGTH_MAX_BYTES {
        return Err(unreadable(
            format!("it has {length} bytes"),
            "a config has at most 1 MiB: is it the right file?",
        ));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string(), PERMISSION_REMEDY))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
            let (line, column) = position(&text, good);
            let why = "this byte is not UTF-8 text".to_owned();
            Err(ConfigError::Syntax { path: path.to_owned(), line, column, why })
        }
    }
}

const PERMISSION_REMEDY: &str = "make it readable for you (chmod u+r), or name another with --config";

/// Longest config that is read. Ours has 4 KiB; a larger file is something else.
const LENGTH_MAX_BYTES: u64 = 1 << 20;

/// Reads TOML. `path` is only for messages.
///
/// # Errors
/// [`ConfigError::Syntax`] and [`ConfigError::Value`], the first one in the file.
pub fn parse(path: &Path, text: &str) -> Result<Parsed, ConfigError> {
    let root = DeTable::parse(text).map_err(|error| {
        let (line, column) = position(text, error.span().map_or(text.len(), |span| span.start));
        let why = safe_line(error.message(), MESSAGE_COLUMNS_MAX);
        ConfigError::Syntax { path: path.to_owned(), line, column, why }
    })?;
    let mut reader = Reader { path, text, parsed: Parsed::default() };
    reader.table("", root.get_ref())?;
    reader.parsed.warnings.sort_by_key(|warning| warning.line);
    Ok(reader.parsed)
}

/// Columns of a parser's message or a wrong value that are shown: more hides the rest of the sentence.
const MESSAGE_COLUMNS_MAX: usize = 120;

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    parsed: Parsed,
}

impl Reader<'_> {
    fn table(&mut self, section: &str, table: &DeTable<'_>) -> Result<(), ConfigError> {
        for (name, value) in table {
            let path = if section.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{section}.{}", name.get_ref())
            };
            let line = position(self.text, name.span().start).0;
            if let (true, "keys", DeValue::Table(keys)) = (section.is_empty(), path.as_str(), value.get_ref())
            {
                self.key_changes(keys);
                continue;
            }
            match (KEYS.iter().find(|key| key.path == path), value.get_ref()) {
                (Some(key), _) => self.key(key, line, value)?,
                (None, DeValue::Table(inner)) if section.is_empty() && is_section(&path) => {
                    self.table(&path, inner)?
                }
                (None, value) => self.unknown(path, line, matches!(value, DeValue::Table(_))),
            }
        }
        Ok(())
    }

    fn key(
        &mut self,
        key: &'static Key,
        line: usize,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ConfigError> {
        let read = value_of(value.get_ref());
        let set = read.ok_or(key.allowed).and_then(|read| key.set(&mut self.parsed.config, &read));
        set.map_err(|allowed| ConfigError::Value {
            place: format!("{}:{line}", self.path.display()),
            key: key.path,
            value: excerpt(self.text, value.span()),
            allowed,
        })?;
        self.parsed.lines.push((key.path, line));
        Ok(())
    }

    /// `[keys]`: which action a line names is the screen's to know, and so is what is wrong with it.
    fn key_changes(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let line = position(self.text, name.span().start).0;
            let action = safe_line(name.get_ref(), MESSAGE_COLUMNS_MAX);
            match (value.get_ref(), value_of(value.get_ref())) {
                (DeValue::Table(pairs), _) if action == "translate" => {
                    let pairs = pairs.iter().filter_map(|(from, to)| {
                        Some((from.get_ref().to_string(), to.get_ref().as_str()?.to_owned()))
                    });
                    self.parsed.config.translate.extend(pairs);
                }
                (_, Some(Value::Text(key))) => {
                    self.parsed.config.keys.push(KeyChange { action, keys: vec![key], line });
                }
                (_, Some(Value::List(keys))) => {
                    self.parsed.config.keys.push(KeyChange { action, keys, line });
                }
                (value, _) => {
                    self.unknown(format!("keys.{action}"), line, matches!(value, DeValue::Table(_)))
                }
            }
        }
        self.parsed.config.keys.sort_by_key(|change| change.line);
    }

    fn unknown(&mut self, key: String, line: usize, is_table: bool) {
        let suggestion = if is_table { nearest_section(&key) } else { keys::nearest(&key) };
        let shown = safe_line(&key, MESSAGE_COLUMNS_MAX);
        let key = if is_table { format!("[{shown}]") } else { shown };
        self.parsed.warnings.push(Warning { path: self.path.to_owned(), line, key, suggestion });
    }
}

fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(|key| key.path.split_once('.')).map(|(section, _)| section)
}

fn is_section(name: &str) -> bool {
    sections().any(|section| section == name)
}

fn nearest_section(name: &str) -> Option<String> {
    let likeness = |section: &str| strsim::jaro_winkler(section, name);
    let best = sections().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= 0.8).then(|| format!("[{best}]"))
}

/// `None` for what no key takes: dates, tables, lists of other things than text, numbers past all ranges.
fn value_of(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::Text(text.to_string())),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::Whole)
        }
        DeValue::Float(number) => {
            let number: f64 = number.as_str().parse().ok()?;
            number.is_finite().then_some(Value::Number(number))
        }
        DeValue::Boolean(on) => Some(Value::Switch(*on)),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>().map(Value::List)
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// Line and column, both from 1, of a byte of `text`; past its end is its end.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn excerpt(text: &str, span: Range<usize>) -> String {
    safe_line(text.get(span).unwrap_or_default(), MESSAGE_COLUMNS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Result<Parsed, ConfigError> {
        parse(Path::new("config.toml"), text)
    }

    #[test]
    fn an_unknown_key_is_a_warning_with_line_and_suggestion() {
        let parsed = parsed("name = \"Ana\"\n\n[audio]\npriod = 64\n\n[board]\nkeep = \"/x\"\n").unwrap();
        let lines: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "config.toml:4: unknown key audio.priod, did you mean audio.period?",
                "config.toml:6: unknown key [board], ignored"
            ]
        );
        assert_eq!(parsed.config.name.as_deref(), Some("Ana"));
    }

    #[test]
    fn keys_of_the_screen_keep_their_lines() {
        let parsed = parsed(
            "[keys]\nmic = [\"Space\", \"PageDown\"]\nchat = \"y\"\n[keys.translate]\n\"ч\" = \"x\"\n",
        )
        .unwrap();
        assert_eq!(parsed.warnings, []);
        let lines: Vec<(&str, usize)> =
            parsed.config.keys.iter().map(|change| (change.action.as_str(), change.line)).collect();
        assert_eq!(lines, [("mic", 2), ("chat", 3)]);
        assert_eq!(parsed.config.translate["ч"], "x");
    }

    #[test]
    fn a_wrong_value_says_line_key_and_what_is_allowed() {
        let error = parsed("[audio]\n# comment\nperiod = \"64\"\n").unwrap_err().to_string();
        let expected = "config.toml:3: audio.period = \"64\": audio.period takes \"auto\" or a whole number \
                        of samples from 16 to 4096";
        assert_eq!(error, expected);
        assert!(parsed("audio = 3").unwrap().warnings.len() == 1);
    }

    #[test]
    fn broken_toml_says_line_and_column() {
        let error = parsed("name = \"Ana\"\n[audio\n").unwrap_err();
        assert!(matches!(error, ConfigError::Syntax { line: 2, .. }), "{error}");
    }

    #[test]
    fn escape_sequences_of_a_file_do_not_reach_the_terminal() {
        let warned = parsed("\"a\\u001b[2J\" = 1\n").unwrap();
        assert!(!warned.warnings[0].to_string().contains('\u{1b}'));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn any_bytes_are_a_config_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = String::from_utf8_lossy(&bytes);
            if let Err(error) = parsed(&text) {
                prop_assert!(!error.to_string().is_empty());
            }
        }

        #[test]
        fn any_lines_that_look_like_keys_are_a_config_or_an_error(
            lines in proptest::collection::vec(
                "(\\[[a-z.]{0,6}\\]|\\[?audio\\]?|(name|plays|audio\\.period|net\\.delay|port) ?= ?[-0-9a-fx.\"\\[\\]'{},a-z]{0,8})", 0..8)
        ) {
            drop(parsed(&lines.join("\n")));
        }
    }
}

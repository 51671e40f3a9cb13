//! Changes one key of the config file and leaves all the rest, comments included, as it is.

use std::io::Write;
use std::path::Path;

use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::keys::{self, Value};
use super::{ConfigError, file};

/// Sets `key` to `text` in the file at `path`, which is made if it is not there.
///
/// The new file is written beside the old one and put in its place, so a full disk loses nothing.
///
/// # Errors
/// [`ConfigError`]: an unknown key, a value the key does not take, a file that is broken already or cannot be written.
pub fn set(path: &Path, key: &str, text: &str) -> Result<Value, ConfigError> {
    let entry = keys::find(key)?;
    let parsed = entry.parse(text).map_err(|allowed| ConfigError::Argument {
        place: "config set".to_owned(),
        key: entry.path,
        value: format!("{text:?}"),
        allowed,
    })?;
    let old = file::read(path, false)?.unwrap_or_default();
    file::parse(path, &old)?;
    let new = with_key(&old, entry.path, &parsed).ok_or_else(|| ConfigError::Syntax {
        path: path.to_owned(),
        line: 1,
        column: 1,
        why: format!("{key} has no place in this file"),
    })?;
    file::parse(path, &new)?;
    write(path, &new)
        .map_err(|error| ConfigError::Unwritable { path: path.to_owned(), why: error.to_string() })?;
    Ok(parsed)
}

/// `text` with one key changed; `None` where another value stands in the way (`audio = 3`).
fn with_key(text: &str, key: &str, new: &Value) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let (table, name): (&mut dyn toml_edit::TableLike, &str) = match key.split_once('.') {
        None => (document.as_table_mut(), key),
        Some((section, name)) => {
            let table = document.entry(section).or_insert_with(|| Item::Table(Table::new()));
            (table.as_table_like_mut()?, name)
        }
    };
    let mut fresh = item(new);
    // In place: a fresh insert would take the comments above the key with it.
    if let Some(old) = table.get_mut(name) {
        if let (Some(old), Some(fresh)) = (old.as_value(), fresh.as_value_mut()) {
            *fresh.decor_mut() = old.decor().clone();
        }
        *old = fresh;
    } else {
        table.insert(name, fresh);
    }
    Some(document.to_string())
}

fn item(new: &Value) -> Item {
    match new {
        Value::Text(text) => value(text.as_str()),
        Value::Whole(number) => value(*number),
        Value::Number(number) => value(*number),
        Value::Switch(on) => value(*on),
        Value::List(items) => value(items.iter().map(String::as_str).collect::<Array>()),
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    // A link is followed, so that a config kept elsewhere stays there.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let written = std::fs::File::create(&fresh).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        if let Ok(old) = std::fs::metadata(&path) {
            file.set_permissions(old.permissions())?;
        }
        file.sync_all()?;
        std::fs::rename(&fresh, &path)
    });
    if written.is_err() {
        drop(std::fs::remove_file(&fresh));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_order_and_other_keys_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let before = "# mine\nname = \"Ana\"  # me\n\n[audio]\n# the small card\nperiod = 64 # fast\ninput = \"hw:1\"\n";
        std::fs::write(&path, before).unwrap();
        set(&path, "audio.period", "128").unwrap();
        set(&path, "net.ifaces", "eth0,lo").unwrap();
        let after = std::fs::read_to_string(&path).unwrap();
        assert_eq!(after, before.replace("64", "128") + "\n[net]\nifaces = [\"eth0\", \"lo\"]\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_and_its_folder_are_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/config.toml");
        set(&path, "name", "Bo").unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "name = \"Bo\"\n");
    }

    #[test]
    fn a_wrong_value_leaves_the_file_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "audio = 3\n").unwrap();
        assert!(matches!(set(&path, "audio.period", "1"), Err(ConfigError::Argument { .. })));
        assert!(matches!(set(&path, "audio.period", "64"), Err(ConfigError::Syntax { .. })));
        assert!(matches!(set(&path, "audio.priod", "64"), Err(ConfigError::NoSuchKey { .. })));
        assert_eq!(std::fs::read_to_string(path).unwrap(), "audio = 3\n");
    }
}

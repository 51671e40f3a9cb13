//! The plain copy beside the database: one line that proves the next, then everything as JSON.
//!
//! Two are kept, `index.backup` and the one before it, so that one bad write never costs both.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::store::atomic_file::{self, Existing};

use super::contents::Contents;

/// The newest copy, in the profile's data folder.
const NEWEST: &str = "index.backup";
/// The one before.
const OLDER: &str = "index.backup.1";
/// Bytes read at most; all bounds of the contents together stay far below.
const BYTES_MAX: u64 = 64 << 20;
/// The form of the file.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Head {
    jamtty_index_backup: u32,
    generation: u64,
    blake3: String,
}

/// A copy that was read and proved.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Backup {
    pub(super) generation: u64,
    pub(super) contents: Contents,
}

/// Writes a new copy; the newest one becomes the older one.
pub(super) fn write(folder: &Path, generation: u64, contents: &Contents) -> Result<(), (PathBuf, io::Error)> {
    let path = folder.join(NEWEST);
    let refused = |error| (path.clone(), error);
    let text = serde_json::to_string_pretty(contents).map_err(|error| refused(error.into()))?;
    let blake3 = blake3::hash(text.as_bytes()).to_hex().to_string();
    let head = Head { jamtty_index_backup: VERSION, generation, blake3 };
    let head = serde_json::to_string(&head).map_err(|error| refused(error.into()))?;
    match fs::rename(&path, folder.join(OLDER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused(error)),
        _ => {}
    }
    atomic_file::write(&path, format!("{head}\n{text}").as_bytes(), Existing::Replace).map_err(refused)
}

/// The newest readable copy, if there is one.
pub(super) fn read(folder: &Path) -> Option<Backup> {
    let copies = [NEWEST, OLDER].into_iter().filter_map(|name| read_one(&folder.join(name)));
    copies.max_by_key(|backup| backup.generation)
}

fn read_one(path: &Path) -> Option<Backup> {
    let metadata = fs::symlink_metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > BYTES_MAX {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    let (head, body) = text.split_once('\n')?;
    let head: Head = serde_json::from_str(head).ok()?;
    let proved =
        head.jamtty_index_backup == VERSION && *blake3::hash(body.as_bytes()).to_hex() == *head.blake3;
    let contents: Contents = proved.then(|| serde_json::from_str(body).ok())??;
    Some(Backup { generation: head.generation, contents: contents.made_sound() })
}

#[cfg(test)]
mod tests {
    use super::super::values::tests::sample;
    use super::*;

    #[test]
    fn the_newest_whole_copy_is_read() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        assert_eq!(read(folder.path()), None);
        let write = |generation, contents: &Contents| {
            write(folder.path(), generation, contents).map_err(|(_, error)| error)
        };
        write(1, &Contents::default())?;
        write(2, &sample())?;
        assert_eq!(read(folder.path()), Some(Backup { generation: 2, contents: sample() }));
        let newest = folder.path().join(NEWEST);
        let text = fs::read_to_string(&newest)?.replace("Ana", "Eve");
        fs::write(&newest, text)?;
        assert_eq!(read(folder.path()), Some(Backup { generation: 1, contents: Contents::default() }));
        Ok(())
    }
}

//! The log file of a running peer: never sound, never chat, never from a callback.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use crate::config::LogLevel;
use crate::paths::LOG_FOLDER;

/// Begins to log into `state/log/jamtty.log`; says where. `None` if `level` is off or a log runs already.
///
/// # Errors
/// What the system says when the file cannot be opened.
pub(super) fn start(state: &Path, level: LogLevel) -> io::Result<Option<PathBuf>> {
    if level == LogLevel::Off {
        return Ok(None);
    }
    let path = state.join(LOG_FOLDER).join("jamtty.log");
    let file = open(&path)?;
    // Libraries speak only of trouble; at trace they say all.
    let others = if level == LogLevel::Trace { LogLevel::Debug } else { LogLevel::Warn.min(level) };
    let filter = format!("{},jamtty={}", others.as_str(), level.as_str());
    let started = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(Mutex::new(file))
        .with_ansi(false)
        .try_init();
    Ok(started.is_ok().then_some(path))
}

/// The file, to be appended to; a long one is set aside first, and the one before that goes.
fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    if fs::metadata(path).is_ok_and(|file| file.len() > LENGTH_MAX_BYTES) {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

/// A log longer than this begins anew at the next start: two of them are kept at most.
const LENGTH_MAX_BYTES: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log/jamtty.log");
        open(&path).unwrap().set_len(LENGTH_MAX_BYTES + 1).unwrap();
        assert_eq!(open(&path).unwrap().metadata().unwrap().len(), 0);
        assert!(dir.path().join("log/jamtty.log.1").exists());
    }
}

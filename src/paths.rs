//! Where a profile's files are (XDG base directories), and nothing else.

use std::env;
use std::path::PathBuf;

/// The folders of one profile. Nothing here touches the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The profile's name, already checked by [`profile_name`].
    pub profile: String,
    /// `$XDG_CONFIG_HOME/jamtty`: `config.toml`, shared by all profiles.
    pub config: PathBuf,
    /// `$XDG_DATA_HOME/jamtty/<profile>`: `identity.key`, `index/`, `takes/`.
    pub data: PathBuf,
    /// `$XDG_STATE_HOME/jamtty/<profile>`: logs, without sound or chat.
    pub state: PathBuf,
    /// `$XDG_RUNTIME_DIR/jamtty`, else `$TMPDIR/jamtty-<uid>` (0700): sockets of running peers.
    pub runtime: PathBuf,
}

/// Who you are, in [`Paths::data`].
pub const IDENTITY_FILE: &str = "identity.key";
/// What is remembered, in [`Paths::data`].
pub const INDEX_FOLDER: &str = "index";
/// Recordings, in [`Paths::data`], unless the config says where.
pub const TAKES_FOLDER: &str = "takes";
/// What was logged, in [`Paths::state`].
pub const LOG_FOLDER: &str = "log";

/// The profile used when none is named.
pub const DEFAULT_PROFILE: &str = "default";

/// A profile's name if it is fit for a file name: 1 to 32 of `a-z A-Z 0-9 _ -`.
#[must_use]
pub fn profile_name(text: &str) -> Option<&str> {
    let fit = (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    fit.then_some(text)
}

impl Paths {
    /// The folders of `profile` (checked by [`profile_name`]) in this process's environment.
    #[must_use]
    pub fn of(profile: &str) -> Self {
        let home = env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let base = |variable: &str, fallback: &str| {
            let set = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
            set.unwrap_or_else(|| home.join(fallback)).join("jamtty")
        };
        let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        Self {
            profile: profile.to_owned(),
            config: base("XDG_CONFIG_HOME", ".config"),
            data: base("XDG_DATA_HOME", ".local/share").join(profile),
            state: base("XDG_STATE_HOME", ".local/state").join(profile),
            runtime: runtime.map_or_else(
                || env::temp_dir().join(format!("jamtty-{}", rustix::process::getuid().as_raw())),
                |path| path.join("jamtty"),
            ),
        }
    }

    /// The local socket of this profile's peer.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.runtime.join(format!("{}.sock", self.profile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_profiles() {
        assert_eq!(profile_name("stage-2"), Some("stage-2"));
        for bad in ["", "..", "a/b", "a b", "é", &"x".repeat(33)] {
            assert_eq!(profile_name(bad), None, "{bad:?}");
        }
    }
}

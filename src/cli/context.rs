//! What every command has at hand: the common flags, the profile's folders, the way to the running peer.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::args::Common;
use super::exit::{Outcome, Stop};
use super::output::Output;
use crate::config::{self, Inputs, Loaded};
use crate::paths::Paths;
use crate::peer::api::ErrorCode;
use crate::peer::socket::client::Client;

/// A flag that was given: (flag, config key, value).
pub(super) type FlagValue = (&'static str, &'static str, String);

/// One run of the command line.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) common: Common,
    pub(super) paths: Paths,
    pub(super) out: Output,
}

impl Context {
    pub(super) fn new(common: Common) -> Self {
        let paths = Paths::of(&common.profile);
        let out = Output::new(&common);
        Self { common, paths, out }
    }

    /// The config file: named by flag or variable, else the user's.
    pub(super) fn config_path(&self) -> PathBuf {
        self.common.config.clone().unwrap_or_else(|| config::default_path(&self.paths.config))
    }

    /// The settings that count, `flags` laid over all. Warnings are not said yet.
    pub(super) fn settings(&self, mut flags: Vec<FlagValue>) -> Outcome<Loaded> {
        if !self.common.iface.is_empty() {
            flags.push(("--iface", "net.ifaces", self.common.iface.join(",")));
        }
        let path = self.config_path();
        let must_exist = self.common.config.is_some();
        let environment = Inputs::environment_of_process();
        Ok(config::load(&Inputs { path, must_exist, environment, flags })?)
    }

    /// As [`Self::settings`], and says what the file says in vain.
    pub(super) fn settings_aloud(&self, flags: Vec<FlagValue>) -> Outcome<Loaded> {
        let loaded = self.settings(flags)?;
        for warning in &loaded.warnings {
            self.out.note(&format!("jamtty: warning: {warning}"));
        }
        Ok(loaded)
    }

    /// The running peer of this profile; `None` if none runs.
    pub(super) fn running(&self) -> Outcome<Option<Client>> {
        match Client::connect(&self.paths) {
            Ok(client) => Ok(Some(client)),
            Err(error) if error.code == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The running peer of this profile, which must run.
    pub(super) fn peer(&self) -> Outcome<Client> {
        self.running()?.ok_or_else(|| self.no_peer())
    }

    pub(super) fn no_peer(&self) -> Stop {
        Stop::failed(
            ErrorCode::NotFound,
            format!("no peer of profile {} runs here", self.paths.profile),
            "",
            "Start one with `jamtty peer --new NAME`, or name another profile with --profile",
        )
    }
}

/// Tries `attempt` until it gives something or `limit` is over, then `None`.
pub(super) fn poll<T>(
    limit: Duration,
    mut attempt: impl FnMut() -> Outcome<Option<T>>,
) -> Outcome<Option<T>> {
    let until = Instant::now() + limit;
    loop {
        if let Some(found) = attempt()? {
            return Ok(Some(found));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        // The command line waits for a state of the peer, and no event tells of every one.
        std::thread::sleep(left.min(POLL_EVERY));
    }
}

/// Shorter costs the peer more answers; longer makes scripts wait for what is already so.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// The code word in the first line of `file`, or of stdin for `-`.
pub(super) fn code_word(file: &Path) -> Outcome<String> {
    let failed = |code, why: String| {
        let what = format!("cannot read the code word from {}", file.display());
        Stop::failed(
            code,
            what,
            why,
            "Put the word on the first line of a file, or of stdin with --code-file -",
        )
    };
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => failed(ErrorCode::NoFile, error.to_string()),
        _ => failed(ErrorCode::BadInput, error.to_string()),
    };
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(file).map_err(io)?)
    };
    source.take(CODE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(io)?;
    let text =
        String::from_utf8(bytes).map_err(|_| failed(ErrorCode::BadInput, "it is not UTF-8 text".into()))?;
    let word = text.lines().next().unwrap_or_default().trim();
    if word.is_empty() || word.len() as u64 > CODE_BYTES_MAX {
        let why = if word.is_empty() { "its first line is empty" } else { "its first line is too long" };
        return Err(failed(ErrorCode::BadInput, why.to_owned()));
    }
    Ok(word.to_owned())
}

/// Longest code word, in bytes: more is not a word that is said aloud, but the wrong file.
const CODE_BYTES_MAX: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_word_is_the_first_line_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("code");
        std::fs::write(&file, "  blue moon \nignored\n").unwrap();
        assert_eq!(code_word(&file).unwrap(), "blue moon");
        for (bytes, code) in [(&b"\nword"[..], 65), (b"\xff", 65), (&[b'a'; 300], 65)] {
            std::fs::write(&file, bytes).unwrap();
            let Err(Stop::Failed(error)) = code_word(&file) else { panic!("{bytes:?} was taken") };
            assert_eq!(error.code.exit_code(), code);
        }
        std::fs::remove_file(&file).unwrap();
        let Err(Stop::Failed(error)) = code_word(&file) else { panic!("no file was taken") };
        assert_eq!(error.code.exit_code(), 66);
    }
}

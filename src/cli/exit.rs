//! How a command ends: the exit codes, once, for the code, the help and the man page.

use std::process::ExitCode;

use crate::config::ConfigError;
use crate::peer::api::{ErrorCode, ErrorReply};

/// `doctor` or `config check` found something. Not an error of ours, so not an [`ErrorCode`].
pub(super) const FOUND_PROBLEMS: u8 = 3;

/// Every exit code and what it means, after sysexits.h where it has one.
pub const EXIT_CODES: [(u8, &str); 17] = [
    (0, "done"),
    (1, "failed; stderr says why"),
    (2, "wrong use: no such command, flag, action, setting, sound card or interface"),
    (FOUND_PROBLEMS, "doctor or demo found problems"),
    (65, "an input file cannot be read as what it should be"),
    (66, "no such file"),
    (69, "no such jam or person on this network, or no peer of this profile runs"),
    (70, "a bug of jamtty: the path of a report is printed"),
    (73, "cannot write: disk full, permission"),
    (74, "the sound card failed or went away"),
    (75, "try again: jam full, peer busy, port taken, a peer of this profile runs already"),
    (76, "the versions of two peers do not match"),
    (77, "refused: wrong code word, blocked, not the steward"),
    (78, "the config is broken, or `config check` found keys that do not exist"),
    (124, "what --wait or --count waited for did not come in time"),
    (130, "ended by SIGINT (Ctrl-C)"),
    (143, "ended by SIGTERM"),
];

/// Why a command ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// It failed: said on stderr in three parts, then the exit code.
    Failed(Box<ErrorReply>),
    /// What had to be said is said: only the code is left.
    Code(u8),
    /// Whoever read our stdout is gone: nothing more to say, and nothing failed.
    PipeClosed,
}

/// What every command gives back.
pub(super) type Outcome<T = ()> = Result<T, Stop>;

impl Stop {
    /// A failure in its three parts.
    pub(super) fn failed(
        code: ErrorCode,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Failed(Box::new(ErrorReply::new(code, what, why, remedy)))
    }

    /// Says it on stderr where there is something to say, and gives the code.
    pub(super) fn into_exit(self) -> ExitCode {
        match self {
            Self::Failed(error) => {
                super::output::complain(&format!("jamtty: {error}"));
                ExitCode::from(error.code.exit_code())
            }
            Self::Code(code) => ExitCode::from(code),
            Self::PipeClosed => ExitCode::SUCCESS,
        }
    }
}

impl From<ErrorReply> for Stop {
    fn from(error: ErrorReply) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<ConfigError> for Stop {
    fn from(error: ConfigError) -> Self {
        let code = match error {
            ConfigError::NoSuchKey { .. } | ConfigError::Argument { .. } => ErrorCode::Usage,
            ConfigError::NoSuchFile { .. } => ErrorCode::NoFile,
            ConfigError::Unwritable { .. } => ErrorCode::CannotWrite,
            ConfigError::Unreadable { .. } | ConfigError::Syntax { .. } | ConfigError::Value { .. } => {
                ErrorCode::Config
            }
        };
        Self::failed(code, error.to_string(), "", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_an_error_can_have_is_in_the_table_in_order() {
        assert!(EXIT_CODES.is_sorted_by_key(|(code, _)| *code));
        for code in ErrorCode::ALL {
            assert!(EXIT_CODES.iter().any(|(listed, _)| *listed == code.exit_code()), "{code:?}");
        }
    }
}

//! What a client is answered: done with data, or not done, with the reason in three parts.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::API_VERSION;

/// One reply: `{"v":1,"id":7,"ok":true,"data":{..}}` or `{"v":1,"id":7,"ok":false,"error":{..}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplyLine {
    /// [`API_VERSION`].
    pub v: u32,
    /// Of the request; 0 if the request could not be read.
    pub id: u64,
    /// Whether it was done.
    pub ok: bool,
    /// What the action gives, of the type its [`super::ActionSpec::reply`] names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReply>,
}

impl ReplyLine {
    /// Done, with this.
    #[must_use]
    pub const fn done(id: u64, data: Value) -> Self {
        Self { v: API_VERSION, id, ok: true, data: Some(data), error: None }
    }

    /// Not done, for this reason.
    #[must_use]
    pub const fn failed(id: u64, error: ErrorReply) -> Self {
        Self { v: API_VERSION, id, ok: false, data: None, error: Some(error) }
    }
}

/// Exit codes of the command line, and the codes of errors here (`UX` table; after sysexits.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", from = "u8")]
pub enum ErrorCode {
    /// 1: failed for another reason.
    Failed,
    /// 2: wrong use: no such action, argument missing or not understood.
    Usage,
    /// 65: an input file cannot be read as what it should be.
    BadInput,
    /// 66: no such file.
    NoFile,
    /// 69: no such jam or peer on this network; no peer of this profile runs.
    NotFound,
    /// 70: a bug of jamtty.
    Bug,
    /// 73: cannot write.
    CannotWrite,
    /// 74: the sound card failed or went away.
    Audio,
    /// 75: try again: jam full, peer busy, port taken, a peer of this profile runs already.
    TryAgain,
    /// 76: versions do not match.
    Version,
    /// 77: refused: wrong code, blocked, not the steward.
    Refused,
    /// 78: the configuration is broken.
    Config,
    /// 124: it took too long.
    TimedOut,
}

impl ErrorCode {
    /// All of them, in order.
    pub const ALL: [Self; 13] = [
        Self::Failed,
        Self::Usage,
        Self::BadInput,
        Self::NoFile,
        Self::NotFound,
        Self::Bug,
        Self::CannotWrite,
        Self::Audio,
        Self::TryAgain,
        Self::Version,
        Self::Refused,
        Self::Config,
        Self::TimedOut,
    ];

    /// As the process's exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::BadInput => 65,
            Self::NoFile => 66,
            Self::NotFound => 69,
            Self::Bug => 70,
            Self::CannotWrite => 73,
            Self::Audio => 74,
            Self::TryAgain => 75,
            Self::Version => 76,
            Self::Refused => 77,
            Self::Config => 78,
            Self::TimedOut => 124,
        }
    }
}

impl From<ErrorCode> for u8 {
    fn from(code: ErrorCode) -> Self {
        code.exit_code()
    }
}

impl From<u8> for ErrorCode {
    fn from(number: u8) -> Self {
        Self::ALL.into_iter().find(|code| code.exit_code() == number).unwrap_or(Self::Failed)
    }
}

/// Why something was not done, in three parts for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// Also the exit code of the command that asked.
    pub code: ErrorCode,
    /// What failed, as a sentence without a period.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do now.
    pub remedy: String,
}

impl ErrorReply {
    /// An error in its three parts.
    #[must_use]
    pub fn new(
        code: ErrorCode,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { code, what: what.into(), why: why.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.why.is_empty() {
            write!(f, ": {}", self.why)?;
        }
        if !self.remedy.is_empty() {
            write!(f, ". {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for ErrorReply {}

//! What can be wrong with a take, by what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::domain::name::Name;
use crate::domain::take::TAKE_VERSION;
use crate::store::trouble::Trouble;

/// Why something could not be done with a take.
#[derive(Debug, Error)]
pub enum TakeError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] Trouble),
    /// A `take.json` that says nothing sensible.
    #[error("{}, line {line}: {what}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Where in it, from 1 on; 1 if it is about the whole.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A `take.json` of a newer jamtty.
    #[error("{} is of version {found}, this jamtty reads up to {TAKE_VERSION}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// A file that is not what its take says: cut, changed, swapped, a link.
    #[error("{}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// There is no such take.
    #[error("there is no take {0:?}")]
    NotFound(String),
    /// More than one take is meant.
    #[error("{wanted:?} is the beginning of {} takes: {}", found.len(), found.join(", "))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// Ids and names of some of those it could be.
        found: Vec<String>,
    },
    /// The take is being written.
    #[error("{0} is being recorded")]
    BeingRecorded(Name),
    /// Something of that name is there already.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// More than what is taken.
    #[error("{}: {what}", path.display())]
    TooLarge {
        /// Of what.
        path: PathBuf,
        /// What is too large, and how large it may be.
        what: String,
    },
    /// The caller said so.
    #[error("stopped")]
    Stopped,
}

impl TakeError {
    /// The disk refused `operation` on `path`.
    pub(super) fn disk(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Disk(Trouble::new(operation, path, source))
    }

    /// `path` is not what its take says.
    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }

    /// What to do now, one sentence.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Disk(trouble) => trouble.remedy(),
            Self::Broken { path, .. } => format!(
                "Mend that line of {} in an editor, or put your copy of it back; its sound files are untouched.",
                path.display()
            ),
            Self::Newer { .. } => "Open it with the jamtty that made it, or update this one.".to_owned(),
            Self::Damaged { path, .. } => {
                format!(
                    "Put your copy of {} back, or ask another player of the take for theirs.",
                    path.display()
                )
            }
            Self::NotFound(_) => "List the takes to see their names and ids.".to_owned(),
            Self::Ambiguous { .. } => "Give more digits of its id.".to_owned(),
            Self::BeingRecorded(_) => "Stop the recording first.".to_owned(),
            Self::Exists(path) => {
                format!("Choose another name than {}, or say that it may be replaced.", path.display())
            }
            Self::TooLarge { .. } => "Split it in an audio program, or leave it where it is.".to_owned(),
            Self::Stopped => "Start it again; nothing was left half done.".to_owned(),
        }
    }
}

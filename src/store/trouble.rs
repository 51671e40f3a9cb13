//! What a disk may refuse, sorted by what a person can do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// Why the disk refused, by remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// No space, or the quota is used up.
    Full,
    /// The file system is mounted read-only.
    ReadOnly,
    /// The file or its folder belongs to another user.
    Denied,
    /// Anything else: a failing disk, a missing mount.
    Failed,
}

/// A refused operation of the disk, with the file it was about.
#[derive(Debug)]
pub struct Trouble {
    /// By remedy.
    pub kind: TroubleKind,
    /// What was tried, as in "write the index".
    pub operation: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl Trouble {
    /// Sorts `source`.
    #[must_use]
    pub fn new(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self { kind: TroubleKind::of(&source), operation, path: path.to_owned(), source }
    }

    /// What to do now, one sentence.
    #[must_use]
    pub fn remedy(&self) -> String {
        let path = self.path.display();
        match self.kind {
            TroubleKind::Full => format!("Free some space on the disk that holds {path}."),
            TroubleKind::ReadOnly => {
                format!("Make the disk that holds {path} writable, or set XDG_DATA_HOME to another one.")
            }
            TroubleKind::Denied => {
                format!("Make {path} yours (ls -l {path}), or use --profile with another name.")
            }
            TroubleKind::Failed => format!("Look at {path} and at the system's log (dmesg)."),
        }
    }
}

impl TroubleKind {
    fn of(error: &io::Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => Self::Full,
            Some(Errno::ROFS) => Self::ReadOnly,
            Some(Errno::ACCESS | Errno::PERM) => Self::Denied,
            _ => match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::WriteZero => {
                    Self::Full
                }
                io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
                io::ErrorKind::PermissionDenied => Self::Denied,
                _ => Self::Failed,
            },
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}: {}", self.operation, self.path.display(), self.source)
    }
}

impl std::error::Error for Trouble {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_sorted_by_what_helps() {
        for (errno, kind) in [
            (Errno::NOSPC, TroubleKind::Full),
            (Errno::DQUOT, TroubleKind::Full),
            (Errno::ROFS, TroubleKind::ReadOnly),
            (Errno::ACCESS, TroubleKind::Denied),
            (Errno::IO, TroubleKind::Failed),
        ] {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(Trouble::new("write", Path::new("/x"), error).kind, kind, "{errno:?}");
        }
    }
}

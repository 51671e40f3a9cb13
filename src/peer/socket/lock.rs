//! One process per profile: a file lock beside the socket, held while the peer runs.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::paths::Paths;
use crate::peer::api::{ErrorCode, ErrorReply};

/// Proof that this process is the only peer of its profile. Ends with the process at the latest.
#[derive(Debug)]
pub struct ProfileLock {
    // Closed on drop, which gives the lock back. The file stays: removing it would race with the
    // next process that opens it.
    _file: File,
}

impl ProfileLock {
    /// Takes the lock, or says who has it.
    ///
    /// Makes the runtime folder (0700) if there is none.
    ///
    /// # Errors
    /// [`ErrorCode::TryAgain`] if a peer of this profile runs already; [`ErrorCode::CannotWrite`] if the
    /// folder or the file cannot be made, or belongs to someone else.
    pub fn acquire(paths: &Paths) -> Result<Self, ErrorReply> {
        private_folder(&paths.runtime).map_err(|error| cannot_write(&paths.runtime, &error))?;
        let path = paths.runtime.join(format!("{}.lock", paths.profile));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .map_err(|error| cannot_write(&path, &error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(runs_already(&mut file, &paths.profile)),
            Err(errno) => return Err(cannot_write(&path, &errno.into())),
        }
        let write_pid = |file: &mut File| -> io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write_pid(&mut file).map_err(|error| cannot_write(&path, &error))?;
        Ok(Self { _file: file })
    }
}

/// Makes sure that `folder` exists, is ours alone and not a link to elsewhere.
fn private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let found = std::fs::symlink_metadata(folder)?;
    let ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
    if !ours {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to someone else"));
    }
    if found.mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn runs_already(file: &mut File, profile: &str) -> ErrorReply {
    let mut pid = String::new();
    // Only for the message: a file we cannot read leaves the number out.
    let _ = file.take(16).read_to_string(&mut pid);
    let number = pid.trim().parse::<u32>().map_or(String::new(), |pid| format!(" (pid {pid})"));
    ErrorReply::new(
        ErrorCode::TryAgain,
        format!("a peer of profile {profile} runs already{number}"),
        "one profile is one person, and one process",
        "Drive it from here with `jamtty status` and `jamtty do`, end it with `jamtty quit`, or start another person with --profile NAME",
    )
}

fn cannot_write(path: &Path, error: &io::Error) -> ErrorReply {
    ErrorReply::new(
        ErrorCode::CannotWrite,
        format!("cannot use {}", path.display()),
        error.to_string(),
        "Check who owns it and whether the disk is full, or set XDG_RUNTIME_DIR",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(folder: &tempfile::TempDir) -> Paths {
        let base = folder.path();
        Paths {
            profile: "ana".to_owned(),
            config: base.join("config"),
            data: base.join("data"),
            state: base.join("state"),
            runtime: base.join("run"),
        }
    }

    #[test]
    fn a_second_peer_of_a_profile_is_told_who_runs_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let first = ProfileLock::acquire(&paths(&folder)).unwrap();
        let refusal = ProfileLock::acquire(&paths(&folder)).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::TryAgain);
        assert!(refusal.what.contains(&format!("(pid {})", std::process::id())), "{refusal}");
        assert!(refusal.remedy.contains("jamtty quit") && refusal.remedy.contains("--profile"));
        drop(first);
        ProfileLock::acquire(&paths(&folder)).unwrap();
    }

    #[test]
    fn the_folder_is_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        std::fs::set_permissions(folder.path().join("run"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let _lock = ProfileLock::acquire(&paths(&folder)).unwrap();
        let mode = std::fs::metadata(folder.path().join("run")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_link_to_elsewhere_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), folder.path().join("run")).unwrap();
        let refusal = ProfileLock::acquire(&paths(&folder)).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::CannotWrite);
    }
}

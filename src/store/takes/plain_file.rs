//! Plain files and nothing else: no link is followed, no pipe or device opened, nothing readable by others made.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Bytes that are hashed or copied at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// Opens a file to read it.
///
/// # Errors
/// What the disk said; [`io::ErrorKind::InvalidInput`] if it is a link, folder, pipe or device.
pub(super) fn open(path: &Path) -> io::Result<File> {
    checked(path, OpenOptions::new().read(true))
}

/// Opens a file to mend it.
///
/// # Errors
/// As [`open`].
pub(super) fn open_to_write(path: &Path) -> io::Result<File> {
    checked(path, OpenOptions::new().read(true).write(true))
}

/// Makes a file (0600) that is not there yet.
///
/// # Errors
/// What the disk said; [`io::ErrorKind::AlreadyExists`].
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Removes a file, if it is there.
///
/// # Errors
/// What the disk said.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// BLAKE3 of a whole file, 64 hex digits.
///
/// `go_on` is asked after each piece with its bytes; `None` if it said no.
///
/// # Errors
/// As [`open`].
pub(super) fn hash(path: &Path, go_on: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<String>> {
    let mut file = open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok(Some(hasher.finalize().to_hex().to_string()));
        }
        hasher.update(&chunk[..count]);
        if !go_on(count as u64) {
            return Ok(None);
        }
    }
}

fn checked(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let not_plain =
        || io::Error::new(io::ErrorKind::InvalidInput, "a link, folder or device and no plain file");
    // Opening a pipe could wait for ever, so it is asked before and after.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(not_plain());
    }
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = options.custom_flags(i32::try_from(flags.bits()).unwrap_or(0)).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_plain()) }
}

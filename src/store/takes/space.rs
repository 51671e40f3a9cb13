//! How much room takes have, and how long it lasts.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::error::TakeError;

/// Folders inside one another that are counted: takes, the bin, a take.
const DEPTH_MAX: u32 = 4;

/// Bytes that the disk has to keep free for what is not sound: the last `take.json`s of a take that fills it.
const HELD_BACK_BYTES: u64 = 64 << 20;

/// Bytes on the disk of everything in this folder: of all takes with the bin, or of one take. Holes count nothing;
/// links are not followed. A folder that is not there has none.
///
/// # Errors
/// [`TakeError::Disk`].
pub fn used(folder: &Path) -> Result<u64, TakeError> {
    used_below(folder, DEPTH_MAX).map_err(TakeError::disk("count the bytes of takes", folder))
}

/// Bytes that this user may still write to the disk of `folder`, or of the first folder above it that is there.
///
/// # Errors
/// [`TakeError::Disk`].
pub fn free(folder: &Path) -> Result<u64, TakeError> {
    let there = folder.ancestors().find(|one| one.exists()).unwrap_or(folder);
    let found = rustix::fs::statvfs(there)
        .map_err(|error| TakeError::disk("ask for free space", there)(error.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Bytes a second that a take of these tracks takes: their channels in all, 24 bits each.
#[must_use]
pub const fn bytes_per_s(channels: u64, rate_hz: u32) -> u64 {
    channels * 3 * rate_hz as u64
}

/// Whole minutes that can be recorded into so many free bytes at this rate; `None` at a rate of 0.
#[must_use]
pub fn minutes_left(free_bytes: u64, bytes_per_s: u64) -> Option<u64> {
    free_bytes.saturating_sub(HELD_BACK_BYTES).checked_div(bytes_per_s.saturating_mul(60))
}

fn used_below(folder: &Path, depth: u32) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry?;
        // It may be gone by now: a conversion runs, or a purge.
        let Ok(data) = entry.metadata() else { continue };
        if data.is_dir() && depth > 0 {
            bytes += used_below(&entry.path(), depth - 1)?;
        } else if data.is_file() {
            bytes += data.blocks() * 512;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_whole_and_leave_something() {
        let mono = bytes_per_s(1, 48_000);
        assert_eq!(mono, 144_000);
        assert_eq!(minutes_left(HELD_BACK_BYTES + mono * 60 * 10, mono), Some(10));
        assert_eq!(minutes_left(HELD_BACK_BYTES + mono * 60 * 10 - 1, mono), Some(9));
        assert_eq!(minutes_left(5, mono), Some(0));
        assert_eq!(minutes_left(5, 0), None);
    }
}

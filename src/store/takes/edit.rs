//! Small changes of a take: name, tags, note, marks. Each reads, changes and writes `take.json` in one step; the
//! folder keeps its name. Not while the take is recorded.

use std::path::Path;

use super::error::TakeError;
use super::manifest::{self, ENTRIES_MAX, MANIFEST_FILE, same_name};
use crate::domain::name::Name;
use crate::domain::take::{Mark, TAGS_MAX, Take};

/// Calls it something else.
///
/// # Errors
/// [`TakeError`], here and below: then nothing is changed.
pub fn rename(folder: &Path, name: Name) -> Result<Take, TakeError> {
    manifest::change_ended(folder, |take| {
        take.name = name;
        Ok(())
    })
}

/// Puts a tag on it, if it is not there yet in whatever case.
///
/// # Errors
/// [`TakeError::TooLarge`] past [`TAGS_MAX`].
pub fn tag(folder: &Path, tag: Name) -> Result<Take, TakeError> {
    manifest::change_ended(folder, |take| {
        if take.tags.iter().any(|one| same_name(one, &tag)) {
            return Ok(());
        }
        bounded(folder, "tags", take.tags.len(), TAGS_MAX)?;
        take.tags.push(tag);
        Ok(())
    })
}

/// Takes a tag off, in whatever case; one that is not there is no error.
///
/// # Errors
/// [`TakeError`].
pub fn untag(folder: &Path, tag: &Name) -> Result<Take, TakeError> {
    manifest::change_ended(folder, |take| {
        take.tags.retain(|one| !same_name(one, tag));
        Ok(())
    })
}

/// Replaces the note. Control characters go, and what is past `NOTE_CHARS_MAX`.
///
/// # Errors
/// [`TakeError`].
pub fn note(folder: &Path, note: &str) -> Result<Take, TakeError> {
    manifest::change_ended(folder, |take| {
        take.note = manifest::harmless_note(note);
        Ok(())
    })
}

/// Marks a moment; one past the end marks the end. A mark at the same sample gets the new text.
///
/// # Errors
/// [`TakeError::TooLarge`] past [`ENTRIES_MAX`].
pub fn mark(folder: &Path, mark: &Mark) -> Result<Take, TakeError> {
    manifest::change_ended(folder, |take| {
        let at = mark.at.min(take.length_samples);
        let text = manifest::harmless_text(&mark.text);
        if let Some(there) = take.marks.iter_mut().find(|one| one.at == at) {
            there.text = text;
            return Ok(());
        }
        bounded(folder, "marks", take.marks.len(), ENTRIES_MAX)?;
        let place = take.marks.partition_point(|one| one.at < at);
        take.marks.insert(place, Mark { at, text });
        Ok(())
    })
}

/// Takes away the mark at this sample; one that is not there is no error.
///
/// # Errors
/// [`TakeError`].
pub fn unmark(folder: &Path, at: u64) -> Result<Take, TakeError> {
    manifest::change_ended(folder, |take| {
        take.marks.retain(|one| one.at != at);
        Ok(())
    })
}

fn bounded(folder: &Path, what: &str, count: usize, most: usize) -> Result<(), TakeError> {
    if count < most {
        return Ok(());
    }
    Err(TakeError::TooLarge {
        path: folder.join(MANIFEST_FILE),
        what: format!("a take has {most} {what} at most"),
    })
}

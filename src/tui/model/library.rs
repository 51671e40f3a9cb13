//! Takes on the disk, as far as the screen asked for them.

use crate::peer::api::{TakeCard, TakeShown, TakeVerified, Takes};

/// Takes on the disk.
#[derive(Debug, Default)]
pub struct Library {
    /// All, or those that were looked for; `None` before they came.
    pub takes: Option<Takes>,
    /// The words that are looked for.
    pub filter: String,
    /// The chosen one, whole.
    pub shown: Option<TakeShown>,
    /// What the last check found.
    pub verified: Option<TakeVerified>,
    /// A check or an export is under way.
    pub busy: Option<&'static str>,
}

/// What of a take is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeField {
    /// Its name.
    Name,
    /// A word to find it by; one that is there goes.
    Tag,
    /// Something said about it.
    Note,
    /// The folder it is exported to.
    Export,
}

impl Library {
    /// The takes of the list.
    #[must_use]
    pub fn cards(&self) -> &[TakeCard] {
        self.takes.as_ref().map_or(&[], |takes| &takes.takes)
    }
}

//! Whether threads that must not be late may be raised above other programs: the user's word, for the whole process.
//!
//! It stands here because sound and network both raise threads of their own, and neither knows the other.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// One for the process: two peers in one process are a test, or a check before the first jam.
static WANTED: AtomicBool = AtomicBool::new(true);

/// What is said of a thread that is left alone because of it.
pub const NOT_WANTED: &str = "not raised: audio.priority is false";

/// Sets it; threads that run already stay as they are.
///
/// World: worker, before the threads are made.
pub fn set_wanted(wanted: bool) {
    WANTED.store(wanted, Relaxed);
}

/// Whether it is wanted, as it is unless somebody says otherwise.
///
/// # Real-time
/// One atomic read: a callback asks on its first call.
#[must_use]
pub fn is_wanted() -> bool {
    WANTED.load(Relaxed)
}

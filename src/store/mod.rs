//! Disk: what a profile keeps. Knows nothing of `audio` or `net`.

pub mod identity;
pub mod index;

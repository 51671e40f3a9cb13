//! Disk: what a profile keeps. Knows nothing of `audio` or `net`.
//!
//! World: worker. Everything here may wait for the disk, so nothing here is called from a device
//! callback or straight from an async task.
//!
//! [`identity`] is the key that makes a person that person; [`index`] is what they set: profile,
//! strips, delays, recent jams, block list. [`takes`] is what was recorded. [`trouble`] is what a disk may refuse,
//! by remedy.

pub mod atomic_file;
pub mod identity;
pub mod index;
pub mod takes;
pub mod trouble;

pub use identity::{Identity, IdentityError};
pub use index::{Blocked, Index, IndexError, IndexNotice, Profile, RecentJam};
pub use trouble::{Trouble, TroubleKind};

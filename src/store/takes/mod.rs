//! Takes on the disk: a folder each, understood by its `take.json` alone (docs/adr/0006-takes.md).
//!
//! World: worker. Everything here may wait for the disk; what takes long (FLAC, hashes, copies) asks between
//! blocks whether it should go on. Files are 0600, folders 0700. Whatever is read may have been edited by hand or
//! made by a stranger: sizes, names and numbers are checked before they are used, links are never followed.
//!
//! [`TakeWriter`] records. [`recover`] mends what was interrupted, [`convert`] makes FLAC of it, [`TrackReader`]
//! plays it, [`verify`] checks it. [`folder`] finds takes, [`manifest`] is `take.json`, [`edit`] changes it,
//! [`bin`] deletes, [`export`] and [`import`] carry takes out and in, [`space`] says how much room there is,
//! [`peaks`] how a track looks from afar.
//!
//! A kill at any moment leaves every take readable; [`recover`] and the next run of a job clean up after it.

pub mod bin;
pub mod convert;
pub mod edit;
mod error;
pub mod export;
mod flac;
pub mod folder;
mod gaps;
pub mod import;
pub mod manifest;
pub mod peaks;
mod plain_file;
mod project;
mod reader;
pub mod recover;
pub mod space;
mod track_writer;
pub mod verify;
mod wav;
mod wav_read;
pub mod withdraw;
mod writer;

pub use error::TakeError;
pub use folder::{Listed, Listing};
pub use peaks::Peaks;
pub use reader::TrackReader;
pub use wav_read::WavReader;
pub use writer::TakeWriter;

/// How far a long job is, in samples per channel of all tracks or in bytes, as the job says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Done.
    pub done: u64,
    /// Of so many.
    pub of: u64,
}

/// Asked between blocks; `false` ends the job with [`TakeError::Stopped`] and nothing half done.
pub type GoOn<'a> = &'a mut dyn FnMut(Progress) -> bool;

/// Samples per channel of one block of a long job: 85 ms of sound, 32 kB of memory for two ears.
pub(crate) const BLOCK: usize = 4096;

#[cfg(test)]
mod tests;

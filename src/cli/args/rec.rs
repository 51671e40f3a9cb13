//! What can be typed after `jamtty rec`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

/// `jamtty rec`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct RecArgs {
    /// What about recordings.
    #[command(subcommand)]
    pub command: RecCommand,
}

/// `jamtty rec ...`. A TAKE is its name, or the first few digits of its id.
#[derive(Debug, Subcommand)]
pub enum RecCommand {
    /// Record the jam; everyone in it is asked
    Start {
        /// What the take is called
        name: Option<String>,
    },
    /// End the recording; of someone else's: be on it no more
    Stop,
    /// Keep what was played last, of everyone who agrees
    Grab {
        /// How many seconds; without it, all that is in memory
        seconds: Option<u16>,
    },
    /// Let yourself be recorded
    Agree,
    /// Do not let yourself be recorded
    Refuse,
    /// Mark this moment of the recording
    Mark {
        /// What the mark is called
        text: Vec<String>,
    },
    /// List the takes on this disk
    Ls {
        /// Only those in which all of these words are: name, player, instrument, tag, note, date
        words: Vec<String>,
    },
    /// Show what is in a take
    Show(TakeArg),
    /// Call a take something else
    Rename {
        /// Which
        take: String,
        /// Its new name
        name: String,
    },
    /// Add words to find a take by
    Tag {
        /// Which
        take: String,
        /// The words
        #[arg(required = true)]
        tags: Vec<String>,
        /// Take them away instead
        #[arg(long)]
        remove: bool,
    },
    /// Say something about a take
    Note {
        /// Which
        take: String,
        /// What, in place of what was said before
        text: String,
    },
    /// Check a take against what was written
    Verify(TakeArg),
    /// Write a take's tracks, and projects for Reaper and Audacity, into a folder
    Export {
        /// Which
        take: String,
        /// Where: a folder that is not there yet
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
        /// How the tracks are written
        #[arg(long, value_enum, default_value_t)]
        format: ExportAs,
        /// Replace the folder if it is there
        #[arg(long)]
        overwrite: bool,
    },
    /// Copy a take's folder from elsewhere into the library
    Import {
        /// The folder that take.json is in
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Ask everyone who holds a take to take you out of it
    Withdraw(TakeArg),
    /// Put a take into the bin, where it stays for 30 days
    Rm {
        /// Which
        take: String,
        /// Delete it at once and for good; also from the bin
        #[arg(long)]
        forever: bool,
    },
    /// Take a take out of the bin
    Undo(TakeArg),
}

/// A take.
#[derive(Debug, Args)]
pub struct TakeArg {
    /// Its name, or the first few digits of its id
    pub take: String,
}

/// How exported tracks are written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportAs {
    /// 24-bit WAV: as recorded
    #[default]
    Wav24,
    /// 16-bit WAV, dithered
    Wav16,
    /// FLAC: as recorded, smaller
    Flac,
}

impl ExportAs {
    /// As the socket calls it.
    pub(in crate::cli) const fn as_str(self) -> &'static str {
        match self {
            Self::Wav24 => "wav24",
            Self::Wav16 => "wav16",
            Self::Flac => "flac",
        }
    }
}

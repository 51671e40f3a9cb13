//! A headless peer in the foreground, from start to end.

use std::path::PathBuf;

use crate::domain::strip::DelayMode;
use crate::paths::Paths;
use crate::protocol::recording::Policy;

use super::api::ErrorReply;

/// Everything a peer is started with: flags, environment, file and defaults, already merged.
#[derive(Debug, Clone)]
pub struct PeerOptions {
    /// Folders of its profile.
    pub paths: Paths,
    /// Your name, if it was given; else the stored one, else the login name.
    pub name: Option<String>,
    /// Your instruments, if they were given; else the stored ones.
    pub plays: Option<Vec<String>>,
    /// What to do once it runs.
    pub begin: Begin,
    /// Code word of the jam to open or join; never logged.
    pub code: Option<String>,
    /// Take a listen-only seat.
    pub listen: bool,
    /// People a jam opened by this peer holds, 2 to 16.
    pub max_people: u8,
    /// Begin with the microphone off.
    pub muted: bool,
    /// The sound card.
    pub card: CardOptions,
    /// Raise the threads that must not be late above other programs, where the system allows it.
    pub priority: bool,
    /// The form of the stream it sends.
    pub stream: StreamOptions,
    /// Playout delay of people without a remembered one.
    pub delay: DelayMode,
    /// How loud you hear yourself, dry, in dB; `None`: not at all.
    pub monitor_db: Option<f32>,
    /// Names of the network interfaces used; empty: all.
    pub ifaces: Vec<String>,
    /// Port of the control path (QUIC and TCP); `None`: any free one.
    pub control_port: Option<u16>,
    /// UDP port of the sound; `None`: any free one.
    pub media_port: Option<u16>,
    /// Whether others find this peer by itself (mDNS, and on this machine its directory); else by
    /// address and ticket only.
    pub discovery: bool,
    /// What this peer says to being recorded, unless its person says it.
    pub record_me: Policy,
    /// How recordings are made.
    pub recording: RecordingOptions,
    /// How events are printed.
    pub print: Print,
    /// Where to keep what is sent and what is heard of each peer, for the house band; see
    /// `docs/latency.md`.
    pub tap: Option<PathBuf>,
}

/// What a peer does once it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Begin {
    /// Waits in the lobby.
    #[default]
    Lobby,
    /// Opens a jam; without a name it is called after its owner.
    New {
        /// The jam's name.
        name: Option<String>,
    },
    /// Joins: jam name, person, ticket, address, `last` or `first`; waits until it is seen.
    Join {
        /// Which.
        target: String,
    },
}

/// The sound card to use. `in` and `out` may be told apart: a file in, a card out is not possible,
/// so a file, a tone or `null` on either side makes the whole card virtual.
#[derive(Debug, Clone, PartialEq)]
pub enum CardOptions {
    /// A card of this machine.
    Real {
        /// `alsa`, `jack`, `pipewire`, `pulseaudio`; `None`: the first that works.
        host: Option<String>,
        /// Stable name of the input; `None`: the host's default.
        input: Option<String>,
        /// Stable name of the output; `None`: the host's default.
        output: Option<String>,
        /// `1`, `2`, `left`, `right`; `None`: mono from the first channel of a mono card, else stereo.
        channels: Option<String>,
        /// Samples per channel a callback; `None`: 128, or the nearest the card does; JACK's server decides its own.
        period: Option<u32>,
        /// The names are kept in the settings: a card that has none of them now is waited for.
        remembered: bool,
    },
    /// A card made of a clock.
    Virtual {
        /// What is heard from it.
        input: VirtualIn,
        /// Where what is played to it goes.
        output: VirtualOut,
        /// Channels sent, 1 or 2.
        channels: u8,
        /// Samples per channel a callback.
        period: u32,
        /// How much faster than true its clock runs.
        error_ppm: f64,
    },
}

/// Input of a virtual card.
#[derive(Debug, Clone, PartialEq)]
pub enum VirtualIn {
    /// Silence.
    Silence,
    /// A sine at -12 dBFS.
    Tone {
        /// Its pitch.
        hz: f32,
    },
    /// A WAV file.
    File {
        /// Which.
        path: PathBuf,
        /// Begins again at its end; else silence follows.
        looped: bool,
    },
    /// Raw samples from standard input, interleaved.
    Stdin {
        /// `f32le`, `s16le`, `s24le`.
        sample: String,
        /// Samples per channel a second.
        rate_hz: u32,
        /// Channels in it.
        channels: u16,
    },
}

/// Output of a virtual card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VirtualOut {
    /// Nobody listens.
    Nothing,
    /// A WAV file, 48 kHz stereo float.
    File(PathBuf),
    /// The same on standard output; events then go to standard error.
    Stdout,
}

/// The form of a stream, as people choose it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamOptions {
    /// How samples are written.
    pub codec: crate::domain::stream::Codec,
    /// Length of an Opus frame in ms: 2.5, 5 or 10. PCM sends one period of the card.
    pub frame_ms: f32,
    /// Opus bit rate in kbit/s.
    pub bitrate_kbps: u16,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { codec: crate::domain::stream::Codec::Opus, frame_ms: 2.5, bitrate_kbps: 128 }
    }
}

/// How recordings are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingOptions {
    /// Where takes lie; `None`: in the profile's own folder.
    pub folder: Option<PathBuf>,
    /// Minutes of every line that are kept in memory, so that they can be kept afterwards; 0: none.
    pub grab_minutes: u8,
    /// Begin to record whenever somebody else is in the jam and nothing is recorded.
    pub auto: bool,
    /// Keep a mix without the own line, too.
    pub mix_without_me: bool,
}

impl Default for RecordingOptions {
    fn default() -> Self {
        Self { folder: None, grab_minutes: 3, auto: false, mix_without_me: false }
    }
}

/// How a headless peer prints its events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Print {
    /// Not at all.
    Nothing,
    /// Lines for people, on standard error.
    #[default]
    Lines,
    /// JSON Lines, on standard output (standard error if the sound goes there).
    Json,
}

/// Why a peer ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// It was asked to.
    Quit,
    /// By this signal: 2 or 15.
    Signal(i32),
}

impl ExitReason {
    /// 0, 130 or 143.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Quit => 0,
            Self::Signal(number) => u8::try_from(128 + number).unwrap_or(1),
        }
    }
}

/// Why a peer did not start, or could not go on: the three parts, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PeerError(pub ErrorReply);

/// Runs one peer until it is told to quit, by its socket or a signal.
///
/// World: blocks the calling thread; makes its own async runtime and workers.
///
/// # Errors
/// [`PeerError`] with the exit code: 75 if a peer of this profile runs already, 73 or 78 for folders
/// and identity, 65 and 66 for files named in `options`.
pub fn run(options: PeerOptions) -> Result<ExitReason, PeerError> {
    super::effects::run(options)
}

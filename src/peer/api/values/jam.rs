//! The jam: who is in it, and how you hear them.

use serde::{Deserialize, Serialize};

use super::super::rounded::{hundredths, tenths, thousandths};
use super::{MicState, Person};

/// The jam this peer is in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Jam {
    /// Its id, hex.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether a code word is needed.
    pub closed: bool,
    /// People it holds.
    pub max: u32,
    /// Who orders its changes.
    pub steward: Person,
    /// Everyone in it, you first.
    pub people: Vec<Participant>,
}

/// One person in the jam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Participant {
    /// 64 hex digits.
    pub key: String,
    /// Safe to print.
    pub name: String,
    /// Instruments.
    pub plays: Vec<String>,
    /// What they like.
    #[serde(default)]
    pub interests: Vec<String>,
    /// The colour of their name, one of `red`, `gold`, `green`, `teal`, `sky`, `violet`; `null` without one.
    #[serde(default)]
    pub colour: Option<String>,
    /// At most four columns to stand beside their name, safe to print; `null` without any.
    #[serde(default)]
    pub avatar: Option<String>,
    /// Whether it is you.
    pub you: bool,
    /// Whether they order the jam's changes.
    pub steward: bool,
    /// What others hear of them.
    pub mic: MicState,
    /// Connection lost, seat kept.
    pub away: bool,
    /// Your settings for them; `null` for yourself.
    pub strip: Option<Strip>,
    /// Peak of what came from them, in dBFS; `null` without sound.
    #[serde(serialize_with = "tenths")]
    pub peak_db: Option<f32>,
    /// RMS of what came from them, in dBFS.
    #[serde(serialize_with = "tenths")]
    pub rms_db: Option<f32>,
    /// How their sound comes; `null` while it does not.
    pub path: Option<Path>,
}

/// How sound travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Path {
    /// UDP, as it should.
    Udp,
    /// A libp2p stream, because UDP does not get through: a lost packet stalls what is behind it.
    Stream,
}

/// Your settings for one person. Reply to `fader`, `pan`, `mute`, `solo` and their kin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Strip {
    /// Who.
    pub who: Person,
    /// Gain in dB.
    #[serde(serialize_with = "hundredths")]
    pub gain_db: f32,
    /// -1 left to 1 right.
    #[serde(serialize_with = "hundredths")]
    pub pan: f32,
    /// Not heard.
    pub muted: bool,
    /// While anyone is solo, only they are heard.
    pub solo: bool,
    /// `auto`, `quick`, `safe` or ms.
    pub delay: String,
    /// Cut by the feedback guard until `howl.release`.
    pub howl_cut: bool,
}

/// Reply to `delay`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delay {
    /// Who.
    pub who: Person,
    /// `auto`, `quick`, `safe` or ms.
    pub delay: String,
}

/// Reply to `codec`, `frame`, `bitrate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Format {
    /// `opus`, `pcm16`, `pcm24`.
    pub codec: String,
    /// 1 or 2.
    pub channels: u32,
    /// Length of one frame.
    #[serde(serialize_with = "thousandths")]
    pub frame_ms: f64,
    /// Payload of Opus, or what PCM amounts to.
    #[serde(serialize_with = "tenths")]
    pub kbit_s: f64,
}

/// Reply to `mic.*` and `panic*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mic {
    /// As it is now.
    pub mic: MicState,
}

/// Reply to `new` and `join`, once you are in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Joined {
    /// The jam.
    pub jam: Jam,
}

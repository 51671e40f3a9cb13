//! What stands in replies and events: people, cards, levels, links.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::rounded::{hundredths, tenths, thousandths};

/// A person on the wire: the key is who they are, the name is what they call themselves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Person {
    /// 64 hex digits.
    pub key: String,
    /// Safe to print.
    pub name: String,
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What others hear of someone.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MicState {
    /// Heard.
    Live,
    /// Muted themselves.
    #[default]
    Muted,
    /// Sits in a listen-only seat: sends nothing.
    Listen,
    /// Silent both ways until `panic.off`.
    Panic,
}

impl fmt::Display for MicState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "LIVE",
            Self::Muted => "MUTED",
            Self::Listen => "LISTEN",
            Self::Panic => "PANIC",
        })
    }
}

/// Where a peer is between start and jam.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In no jam.
    #[default]
    Lobby,
    /// On the way into one.
    Joining,
    /// In a jam.
    Jam,
}

/// Reply to `status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Profile of this peer.
    pub profile: String,
    /// Its process.
    pub pid: u32,
    /// Version of the program.
    pub version: String,
    /// Seconds since it began.
    pub uptime_s: u64,
    /// Where it is.
    pub place: Place,
    /// What others see of you.
    pub me: Me,
    /// What others hear of you.
    pub mic: MicState,
    /// How loud you hear yourself, dry; `null` if not at all.
    #[serde(serialize_with = "hundredths")]
    pub monitor_db: Option<f32>,
    /// How loud you hear everything.
    #[serde(serialize_with = "hundredths")]
    pub master_db: f32,
    /// The form of your stream, for people.
    pub format: String,
    /// The sound card; `null` before it is open or while it is gone.
    pub card: Option<Card>,
    /// Why there is no card; empty if there is one.
    pub card_trouble: String,
    /// Threads that must not be late.
    #[serde(default)]
    pub threads: Vec<ThreadPriority>,
    /// How loud it is.
    pub levels: Levels,
    /// The jam; `null` in the lobby.
    pub jam: Option<Jam>,
    /// Addresses at which this peer listens, as others may type them.
    pub addresses: Vec<String>,
}

/// Reply to `me.show` and `me.set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// 64 hex digits.
    pub key: String,
    /// Eight hex digits people can compare aloud.
    pub fingerprint: String,
    /// Your name.
    pub name: String,
    /// Your instruments.
    pub plays: Vec<String>,
}

/// The sound card in use.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// For people: its name, rate, period and channels.
    pub description: String,
    /// Its ports or channels, by name.
    pub ports: Vec<String>,
    /// Samples a second.
    pub rate_hz: u32,
    /// Samples per channel a callback; 0 if it varies.
    pub period: u32,
    /// Channels taken from it.
    pub input_channels: u32,
    /// Channels given to it.
    pub output_channels: u32,
    /// Whether the callback's priority is raised, and if not why, in words.
    pub priority: String,
    /// Times it asked for samples we did not have, or gave more than we took.
    pub xruns: u64,
    /// Of a virtual card: where its samples lie in time; `null` of a real one.
    #[serde(default)]
    pub clock: Option<CardClock>,
}

impl Card {
    /// The period in samples of 48 kHz; 0 if it varies.
    #[must_use]
    pub const fn period_at_48k(&self) -> u32 {
        if self.rate_hz == 0 {
            return self.period;
        }
        (self.period as u64 * crate::domain::time::RATE_HZ as u64 / self.rate_hz as u64) as u32
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)?;
        if !self.ports.is_empty() {
            write!(f, "; ports {}", self.ports.join(", "))?;
        }
        if !self.priority.is_empty() {
            write!(f, "; priority: {}", self.priority)?;
        }
        if self.xruns > 0 {
            write!(f, ", {} xruns", self.xruns)?;
        }
        Ok(())
    }
}

/// A thread that must not be late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadPriority {
    /// `card`, `encoder`, `receive`.
    pub thread: String,
    /// Whether its priority is raised, and if not why, in words.
    pub priority: String,
}

/// Where a virtual card's samples lie in time, so that files of several can be laid side by side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CardClock {
    /// Sample 0 of the output file, in ns of this machine's monotonic clock.
    pub began_ns: u64,
    /// Samples per channel a second, as it really runs.
    pub rate_hz: f64,
    /// Sample at which the first sample of the input was played.
    pub input_began: u64,
}

/// Reply to `audio.level`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Levels {
    /// Peak of your input, in dBFS.
    #[serde(serialize_with = "tenths")]
    pub input_peak_db: f32,
    /// RMS of your input, in dBFS.
    #[serde(serialize_with = "tenths")]
    pub input_rms_db: f32,
    /// Samples of your input beyond full scale.
    pub input_clips: u64,
    /// Peak of what you hear, in dBFS.
    #[serde(serialize_with = "tenths")]
    pub output_peak_db: f32,
    /// RMS of what you hear, in dBFS.
    #[serde(serialize_with = "tenths")]
    pub output_rms_db: f32,
    /// Samples the limiter had to hold down.
    pub output_clips: u64,
}

impl Default for Levels {
    fn default() -> Self {
        use crate::domain::level::SILENCE_DB;
        Self {
            input_peak_db: SILENCE_DB,
            input_rms_db: SILENCE_DB,
            input_clips: 0,
            output_peak_db: SILENCE_DB,
            output_rms_db: SILENCE_DB,
            output_clips: 0,
        }
    }
}

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

/// Reply to `ls`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Open and closed jams.
    pub jams: Vec<ListedJam>,
    /// People, you not among them.
    pub people: Vec<ListedPerson>,
}

/// One jam on the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedJam {
    /// Its id, hex.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who is in it, as far as we see them.
    pub people: Vec<Person>,
    /// People in it.
    pub count: u32,
    /// People it holds.
    pub max: u32,
    /// Whether a code word is needed.
    pub closed: bool,
    /// Whether you are in it.
    pub here: bool,
}

/// One person on the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedPerson {
    /// 64 hex digits.
    pub key: String,
    /// Eight hex digits people can compare aloud.
    pub fingerprint: String,
    /// Safe to print.
    pub name: String,
    /// Instruments.
    pub plays: Vec<String>,
    /// Name of the jam they are in; `null` in the lobby.
    pub jam: Option<String>,
    /// Addresses we saw them at.
    pub addresses: Vec<String>,
    /// Whether you blocked them.
    pub blocked: bool,
}

/// Reply to `ticket`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// To be pasted after `jamtty join`.
    pub ticket: String,
    /// The same as a QR code: rows of text drawn with half blocks.
    pub qr: Vec<String>,
}

/// Reply to `link`.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Links {
    /// One for each person asked for who is in the jam.
    pub links: Vec<Link>,
}

/// The path from one person's string to your ear, and back where it says so. `null`: not known yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Who is at the other end.
    pub who: Person,
    /// How sound comes; `null` while it does not.
    pub path: Option<Path>,
    /// Address the sound comes from; empty on a stream.
    pub address: String,
    /// The sum of the next four: an estimate of their string to your ear.
    #[serde(serialize_with = "thousandths")]
    pub one_way_ms: Option<f64>,
    /// Their card's period and their codec.
    #[serde(serialize_with = "thousandths")]
    pub capture_ms: Option<f64>,
    /// Half the round trip.
    #[serde(serialize_with = "thousandths")]
    pub net_ms: Option<f64>,
    /// What we hold back on purpose.
    #[serde(serialize_with = "thousandths")]
    pub buffer_ms: Option<f64>,
    /// Your card's period.
    #[serde(serialize_with = "thousandths")]
    pub play_ms: Option<f64>,
    /// There and back.
    #[serde(serialize_with = "thousandths")]
    pub rtt_ms: Option<f64>,
    /// Variation of arrival (RFC 3550).
    #[serde(serialize_with = "thousandths")]
    pub jitter_ms: Option<f64>,
    /// Lost of what they sent, in per cent, last seconds.
    #[serde(serialize_with = "hundredths")]
    pub lost_pct: Option<f64>,
    /// Frames lost since the link came up.
    pub lost: u64,
    /// Frames that came after their moment.
    pub late: u64,
    /// Frames we had to invent.
    pub concealed: u64,
    /// Frames played.
    pub played: u64,
    /// What arrives, all copies counted.
    #[serde(serialize_with = "tenths")]
    pub kbit_s: Option<f64>,
    /// Playout delay now.
    #[serde(serialize_with = "thousandths")]
    pub playout_delay_ms: Option<f64>,
    /// Playout delay it is moving to.
    #[serde(serialize_with = "thousandths")]
    pub target_delay_ms: Option<f64>,
    /// Playout delay of your sound at the other end.
    #[serde(serialize_with = "thousandths")]
    pub their_playout_delay_ms: Option<f64>,
    /// Lost of what you sent, in per cent, as the other end says.
    #[serde(serialize_with = "hundredths")]
    pub their_lost_pct: Option<f64>,
    /// How much faster their card runs than yours.
    #[serde(serialize_with = "tenths")]
    pub drift_ppm: Option<f64>,
    /// Their clock minus yours.
    #[serde(serialize_with = "thousandths")]
    pub clock_offset_ms: Option<f64>,
    /// How your sound is protected on the way to them, for people: `1 copy`, `2 copies 1.2 ms apart`.
    pub redundancy: String,
    /// Form of their stream, for people.
    pub format: String,
}

/// Reply to `audio.ls`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cards {
    /// What can be named after `--in` and `--out`.
    pub cards: Vec<ListedCard>,
}

/// One sound card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedCard {
    /// ALSA, JACK, ...
    pub host: String,
    /// Stable name, for `--in` and `--out`.
    pub name: String,
    /// For people.
    pub description: String,
    /// Channels it gives; 0 if it cannot be heard from.
    pub input_channels: u32,
    /// Channels it takes; 0 if it cannot be played to.
    pub output_channels: u32,
    /// Rates it runs at.
    pub rates_hz: Vec<u32>,
    /// The host's own choice for input.
    pub default_input: bool,
    /// The host's own choice for output.
    pub default_output: bool,
}

/// Reply to `doctor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Doctor {
    /// As `status`.
    pub status: Status,
    /// As `link`, of everyone.
    pub links: Vec<Link>,
    /// Interfaces used.
    pub interfaces: Vec<Interface>,
    /// UDP port of the sound; 0 if there is none.
    pub media_port: u16,
    /// Things counted since the start, by name: `capture_overruns`, `packets_forged`, ...
    pub counters: std::collections::BTreeMap<String, u64>,
    /// What is wrong and what to do, worst first; empty if nothing is.
    pub findings: Vec<Finding>,
}

/// One network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// `eth0`.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<String>,
}

/// Something `doctor` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

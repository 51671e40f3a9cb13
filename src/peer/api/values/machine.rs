//! This machine: its cards and interfaces, and what is wrong with it.

use serde::{Deserialize, Serialize};

use super::super::rounded::{tenths, tenths_each};
use super::{Link, Status};

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

/// Reply to `audio.inputs`.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// They are still being opened: ask again.
    pub looking: bool,
    /// Every input there is; empty while they are looked for, and after `off`.
    pub inputs: Vec<InputLevel>,
}

/// One input, as loud as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputLevel {
    /// ALSA, JACK, ...
    pub host: String,
    /// Stable name, as in `audio.ls`.
    pub name: String,
    /// For people.
    pub description: String,
    /// You are heard by it: its level is your own input's.
    pub in_use: bool,
    /// Peak of all its channels since the reading before, in dBFS; `null` while nothing came.
    #[serde(serialize_with = "tenths")]
    pub peak_db: Option<f32>,
    /// Peak of each channel, the first eight; empty while nothing came.
    #[serde(serialize_with = "tenths_each")]
    pub channels_db: Vec<f32>,
    /// Why it cannot be heard; empty if it can.
    pub why: String,
    /// What to do; empty if it can be heard.
    pub remedy: String,
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

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The sound card.
    Card,
    /// Threads that are not raised.
    Priority,
    /// Interfaces and addresses.
    Network,
    /// The link to someone.
    Link,
    /// This machine besides: its settings, its folders, its processor.
    Machine,
}

/// Something `doctor` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub about: Topic,
    /// What is wrong.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

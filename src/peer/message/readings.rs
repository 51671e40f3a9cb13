//! Figures of one moment, as engine and media path measure them.

use std::collections::BTreeMap;

use crate::domain::peer_id::PeerId;
use crate::peer::api::Levels;

/// Figures of one moment.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Readings {
    /// How loud it is here.
    pub levels: Levels,
    /// Links by peer.
    pub links: BTreeMap<PeerId, LinkReading>,
    /// Times the card and we missed each other.
    pub xruns: u64,
    /// Things counted since the start, by name.
    pub counters: BTreeMap<String, u64>,
}

/// What engine and media path measure of one link; `None`: not known yet.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct LinkReading {
    /// There and back.
    pub rtt_ms: Option<f64>,
    /// Variation of arrival.
    pub jitter_ms: Option<f64>,
    /// Lost of what they sent, in per cent, last seconds.
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
    pub kbit_s: Option<f64>,
    /// Playout delay now.
    pub playout_delay_ms: Option<f64>,
    /// Playout delay it is moving to.
    pub target_delay_ms: Option<f64>,
    /// Playout delay of our sound at the other end.
    pub their_playout_delay_ms: Option<f64>,
    /// Lost of what we sent, in per cent.
    pub their_lost_pct: Option<f64>,
    /// How much faster their card runs than ours.
    pub drift_ppm: Option<f64>,
    /// Their clock minus ours.
    pub clock_offset_ms: Option<f64>,
    /// How our sound is protected on the way, for people.
    pub redundancy: String,
    /// Peak of what came, in dBFS.
    pub peak_db: Option<f32>,
    /// RMS of what came, in dBFS.
    pub rms_db: Option<f32>,
}

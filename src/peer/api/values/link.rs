//! The path of sound between you and someone else.

use serde::{Deserialize, Serialize};

use super::super::rounded::{hundredths, tenths, thousandths};
use super::{Path, Person};

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
    /// What is measured of it.
    #[serde(flatten)]
    pub figures: LinkFigures,
    /// Form of their stream, for people.
    pub format: String,
}

/// What engine and media path measure of one link. `null`: not known yet.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkFigures {
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
}

//! Figures of one moment, as engine and media path measure them.

use std::collections::BTreeMap;

use crate::domain::peer_id::PeerId;
use crate::peer::api::{Levels, LinkFigures};

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

/// One link: what is shown of it, and how loud it is.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct LinkReading {
    /// As clients are told.
    pub figures: LinkFigures,
    /// Peak of what came, in dBFS; `None` without sound.
    pub peak_db: Option<f32>,
    /// RMS of what came, in dBFS.
    pub rms_db: Option<f32>,
}

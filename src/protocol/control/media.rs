//! What two peers agree on before sound goes between them.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::domain::stream::StreamFormat;

/// The keys one side sends its sound with, and where it takes the other's. See [`ControlMessage::MediaOffer`](super::ControlMessage::MediaOffer).
///
/// A link is my offer and theirs. `Debug` shows no key; keys leave memory when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaOffer {
    /// Grows with every offer to the same peer, so that both ends can name one.
    pub generation: u32,
    /// SSRC of my packets.
    pub ssrc: u32,
    /// AES-128 key of my packets.
    pub key: [u8; 16],
    /// SRTP salt of my packets.
    pub salt: [u8; 12],
    /// Where I receive; at most [`MEDIA_ADDRS_MAX`](super::MEDIA_ADDRS_MAX).
    pub addrs: Vec<SocketAddr>,
    /// The form of my stream.
    pub format: StreamFormat,
}

impl fmt::Debug for MediaOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaOffer")
            .field("generation", &self.generation)
            .field("ssrc", &self.ssrc)
            .field("addrs", &self.addrs)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Drop for MediaOffer {
    fn drop(&mut self) {
        self.key.zeroize();
        self.salt.zeroize();
    }
}

/// Which way sound takes. See [`ControlMessage::MediaPath`](super::ControlMessage::MediaPath).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaPath {
    /// UDP packets: the usual way.
    Udp,
    /// A stream of the control path, because UDP does not get through: later, but heard.
    Stream,
}

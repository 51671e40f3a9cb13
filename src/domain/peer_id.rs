//! Who: a person is their key.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A peer: the Ed25519 public key of its profile, 32 bytes. The person, whatever name they show.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerId([u8; 32]);

/// Why a text is not a [`PeerId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerIdError {
    /// A peer id is 64 hex digits.
    NotHex64,
}

impl fmt::Display for PeerIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a peer's key is 64 hex digits")
    }
}

impl std::error::Error for PeerIdError {}

impl PeerId {
    /// The peer with this Ed25519 public key.
    #[must_use]
    pub const fn from_bytes(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The Ed25519 public key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Eight hex digits people can compare aloud, as in `7F3A-91CC`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let [a, b, c, d, ..] = self.0;
        format!("{a:02X}{b:02X}-{c:02X}{d:02X}")
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({})", self.fingerprint())
    }
}

impl FromStr for PeerId {
    type Err = PeerIdError;

    fn from_str(text: &str) -> Result<Self, PeerIdError> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(PeerIdError::NotHex64);
        }
        let mut key = [0; 32];
        for (index, byte) in key.iter_mut().enumerate() {
            *byte =
                u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(|_| PeerIdError::NotHex64)?;
        }
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_it_was_written() {
        let peer = PeerId::from_bytes(std::array::from_fn(|i| i as u8 * 7));
        assert_eq!(peer.to_string().parse(), Ok(peer));
        assert_eq!(peer.fingerprint(), "0007-0E15");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "12", &"g".repeat(64), &"é".repeat(32), &"+1".repeat(32)] {
            assert_eq!(text.parse::<PeerId>(), Err(PeerIdError::NotHex64), "{text:?}");
        }
    }
}

//! What someone said to being recorded, in a form that they sign and that everyone can check for ever.

use serde::{Deserialize, Serialize};

use super::{Answer, TakeId, hex_key};
use crate::domain::peer_id::PeerId;

/// Bytes of an Ed25519 signature (RFC 8032 §5.1.6).
pub const SIGNATURE_BYTES: usize = 64;

/// What is signed begins with this, so that no signature made for anything else can pass for a consent.
const PURPOSE: &[u8; 16] = b"jamtty consent 1";

/// One answer, signed with the key of whoever gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// To which take.
    pub take: TakeId,
    /// Whose.
    #[serde(with = "hex_key")]
    pub who: PeerId,
    /// What they said.
    pub answer: Answer,
    /// When, in ms of Unix time, by their own clock.
    pub at_unix_ms: u64,
    /// Ed25519 over [`Consent::signed_bytes`].
    #[serde(with = "hex_signature")]
    pub signature: [u8; SIGNATURE_BYTES],
}

impl Consent {
    /// The bytes that are signed: purpose, take, key, answer, time; each of a fixed length.
    #[must_use]
    pub fn signed_bytes(take: TakeId, who: PeerId, answer: Answer, at_unix_ms: u64) -> Vec<u8> {
        let answer = match answer {
            Answer::Yes => 1,
            Answer::No => 2,
            Answer::Withdrawn => 3,
        };
        let mut bytes = Vec::with_capacity(73);
        bytes.extend_from_slice(PURPOSE);
        bytes.extend_from_slice(take.as_bytes());
        bytes.extend_from_slice(who.as_bytes());
        bytes.push(answer);
        bytes.extend_from_slice(&at_unix_ms.to_be_bytes());
        bytes
    }
}

/// A signature as 128 hex digits in `take.json`, and so on the network, where a consent is rare.
pub(super) mod hex_signature {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::SIGNATURE_BYTES;

    pub(crate) fn serialize<S: Serializer>(
        bytes: &[u8; SIGNATURE_BYTES],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&hex)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; SIGNATURE_BYTES], D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_hex = text.len() == 2 * SIGNATURE_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex {
            return Err(D::Error::custom("a signature is 128 hex digits"));
        }
        let mut bytes = [0; SIGNATURE_BYTES];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(D::Error::custom)?;
        }
        Ok(bytes)
    }
}

//! What a holder of a take says when someone asked to be taken out of it, signed by the holder.

use serde::{Deserialize, Serialize};

use super::consent::{SIGNATURE_BYTES, hex_signature};
use super::{TakeId, WithdrawOutcome, hex_key};
use crate::domain::peer_id::PeerId;

/// What is signed begins with this, so that no signature made for anything else can pass for a receipt.
const PURPOSE: &[u8; 16] = b"jamtty receipt 1";

/// One holder's word on one withdrawal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// From which take.
    pub take: TakeId,
    /// Who wanted to be taken out.
    #[serde(with = "hex_key")]
    pub whose: PeerId,
    /// Who did it, or did not.
    #[serde(with = "hex_key")]
    pub holder: PeerId,
    /// What became of it.
    pub outcome: WithdrawOutcome,
    /// When, in ms of Unix time, by the holder's clock.
    pub at_unix_ms: u64,
    /// Ed25519 over [`Receipt::signed_bytes`], by the holder.
    #[serde(with = "hex_signature")]
    pub signature: [u8; SIGNATURE_BYTES],
}

impl Receipt {
    /// The bytes that are signed: purpose, take, both keys, outcome, time; each of a fixed length.
    #[must_use]
    pub fn signed_bytes(
        take: TakeId,
        whose: PeerId,
        holder: PeerId,
        outcome: WithdrawOutcome,
        at_unix_ms: u64,
    ) -> Vec<u8> {
        let outcome = match outcome {
            WithdrawOutcome::Removed => 1,
            WithdrawOutcome::NothingHere => 2,
            WithdrawOutcome::Failed => 3,
        };
        let mut bytes = Vec::with_capacity(105);
        bytes.extend_from_slice(PURPOSE);
        bytes.extend_from_slice(take.as_bytes());
        bytes.extend_from_slice(whose.as_bytes());
        bytes.extend_from_slice(holder.as_bytes());
        bytes.push(outcome);
        bytes.extend_from_slice(&at_unix_ms.to_be_bytes());
        bytes
    }
}

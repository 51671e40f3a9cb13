//! CBOR with bounds: whatever the bytes say, reading them takes little memory and little stack.
//!
//! ciborium reads strings in pieces and never reserves what a header merely claims; serde reserves
//! at most 1 MiB for a claimed list. So the length of the input bounds the cost, and callers check it.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Nesting of maps and lists we read; our deepest message has 8. Deeper ones are refused, because
/// each level takes stack.
const DEPTH_MAX: usize = 24;

/// What a message with keys takes at most: written without growing, it leaves no copy of them in
/// memory that was given back.
const BYTES_USUAL: usize = 2_048;

/// Bytes that are no CBOR of what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotCbor;

/// The value as CBOR; fields are map keys, so that a reader can skip those it does not know.
pub(super) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BYTES_USUAL);
    // Writing into a Vec does not fail, and our types have no map keys or values that CBOR lacks.
    let written = ciborium::into_writer(value, &mut bytes);
    debug_assert!(written.is_ok(), "our own types are always CBOR");
    bytes
}

/// Reads exactly one value that fills the bytes.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NotCbor> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX).map_err(|_| NotCbor)?;
    if rest.is_empty() { Ok(value) } else { Err(NotCbor) }
}

#[cfg(test)]
mod tests {
    use ciborium::Value;

    use super::*;

    #[test]
    fn a_claimed_length_reserves_nothing() {
        // lists, maps, texts and byte strings that claim 2^62 entries
        for head in [0x9b_u8, 0xbb, 0x7b, 0x5b] {
            let bytes = [vec![head, 0x40], vec![0; 7], vec![1; 100]].concat();
            assert!(decode::<Vec<u64>>(&bytes).is_err());
            assert!(decode::<Vec<[u8; 32]>>(&bytes).is_err());
            assert!(decode::<String>(&bytes).is_err());
            assert!(decode::<Value>(&bytes).is_err());
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_the_stack_ends() {
        for (open, close) in [(0x81_u8, Some(1_u8)), (0x9f, None), (0xc1, Some(1))] {
            let mut bytes = vec![open; 60_000];
            bytes.extend(close);
            assert!(decode::<Value>(&bytes).is_err());
            assert!(decode::<serde::de::IgnoredAny>(&bytes).is_err());
            assert!(decode::<Vec<Vec<u8>>>(&bytes).is_err());
        }
    }

    #[test]
    fn one_value_fills_the_bytes() {
        let mut bytes = encode(&7_u8);
        assert_eq!(decode::<u8>(&bytes), Ok(7));
        bytes.push(0);
        assert_eq!(decode::<u8>(&bytes), Err(NotCbor));
        assert_eq!(decode::<u8>(&[]), Err(NotCbor));
    }
}

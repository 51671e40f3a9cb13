//! The keys of one stream in one direction, and the contexts that seal and open with them.
//!
//! World: any; made by the control side, spent by the encoder and receive threads.

use std::fmt;

use rand::TryRngCore;
use rtc_crypto::RTCCryptoProvider;
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::MediaError;
use crate::protocol::packet::RtpHeader;

/// What one end seals its stream to one peer with: one pair, one direction, one connection.
///
/// Never stored and never logged; overwritten when dropped. Whoever restarts a stream makes new
/// ones: a packet number is used once with a key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StreamKeys {
    /// Names the stream in its packets.
    pub ssrc: u32,
    /// AES-128 master key (RFC 7714).
    pub key: [u8; 16],
    /// Master salt.
    pub salt: [u8; 12],
}

impl StreamKeys {
    /// New ones, from the operating system's randomness.
    ///
    /// # Errors
    /// [`MediaError::Randomness`] if the system gives none.
    pub fn generate() -> Result<Self, MediaError> {
        let mut keys = Self { ssrc: 0, key: [0; 16], salt: [0; 12] };
        let mut ssrc = [0; 4];
        let fill = |bytes: &mut [u8]| rand::rngs::OsRng.try_fill_bytes(bytes);
        fill(&mut ssrc)
            .and_then(|()| fill(&mut keys.key))
            .and_then(|()| fill(&mut keys.salt))
            .map_err(|error| MediaError::Randomness(error.to_string()))?;
        keys.ssrc = u32::from_be_bytes(ssrc);
        Ok(keys)
    }

    /// Seals packets of this stream, numbered from 1. The first report number is left out, see
    /// [`Self::opener`]. One for each set of keys: a second would repeat the numbers.
    ///
    /// # Errors
    /// [`MediaError::Keys`] if the cipher refuses them.
    pub fn sealer(&self) -> Result<Context, MediaError> {
        let mut context = self.context()?;
        context.encrypt_rtcp(&self.empty_report()).map_err(|_| MediaError::Keys)?;
        Ok(context)
    }

    /// Opens packets of this stream, with the replay window on.
    ///
    /// rtc-srtp lets the first packet it is *shown* place the window, before authenticating it: a
    /// forged one would lock the stream out. So the window is placed here, with packet 0 and report
    /// 1, which no sealer ever sends.
    ///
    /// # Errors
    /// [`MediaError::Keys`] if the cipher refuses them.
    pub fn opener(&self) -> Result<Context, MediaError> {
        let mut context = self.context()?;
        let mut first = self.context()?;
        let header = RtpHeader { marker: false, payload_type: 0, sequence: 0, timestamp: 0, ssrc: self.ssrc };
        let packet = first.encrypt_rtp(&header.to_bytes()).map_err(|_| MediaError::Keys)?;
        context.decrypt_rtp(&packet).map_err(|_| MediaError::Keys)?;
        let report = first.encrypt_rtcp(&self.empty_report()).map_err(|_| MediaError::Keys)?;
        context.decrypt_rtcp(&report).map_err(|_| MediaError::Keys)?;
        Ok(context)
    }

    /// Tells these keys from others without being them.
    pub(super) fn mark(&self) -> KeyMark {
        let mut hasher = blake3::Hasher::new_derive_key("jamtty 2026 media keys in use");
        hasher.update(&self.ssrc.to_be_bytes()).update(&self.key).update(&self.salt);
        KeyMark(*hasher.finalize().as_bytes())
    }

    fn context(&self) -> Result<Context, MediaError> {
        let provider = rtc_crypto::providers::RingProvider::new();
        Context::new(
            &self.key,
            &self.salt,
            ProtectionProfile::AeadAes128Gcm,
            Some(srtp_replay_protection(REPLAY_PACKETS)),
            Some(srtcp_replay_protection(REPLAY_REPORTS)),
            provider.crypto(),
        )
        .map_err(|_| MediaError::Keys)
    }

    /// A receiver report without blocks.
    fn empty_report(&self) -> [u8; 8] {
        let [a, b, c, d] = self.ssrc.to_be_bytes();
        [0x80, 201, 0, 1, a, b, c, d]
    }
}

/// Which keys were used, to never use them twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyMark([u8; 32]);

impl fmt::Debug for StreamKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKeys(hidden)")
    }
}

/// Packets older than this behind the newest are refused: 1.3 s of the shortest usual frames.
/// Smaller would refuse what a slow copy brings, larger costs memory per link.
const REPLAY_PACKETS: usize = 1024;
/// The same for reports.
const REPLAY_REPORTS: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(keys: &StreamKeys, sequence: u16) -> Vec<u8> {
        let header = RtpHeader { marker: false, payload_type: 96, sequence, timestamp: 9, ssrc: keys.ssrc };
        [&header.to_bytes()[..], b"sound"].concat()
    }

    #[test]
    fn a_packet_opens_once_and_only_with_its_key() {
        let keys = StreamKeys::generate().unwrap();
        let other = StreamKeys { ssrc: keys.ssrc, ..StreamKeys::generate().unwrap() };
        let sealed = keys.sealer().unwrap().encrypt_rtp(&packet(&keys, 1)).unwrap();
        assert!(other.opener().unwrap().decrypt_rtp(&sealed).is_err());
        let mut opener = keys.opener().unwrap();
        assert_eq!(&opener.decrypt_rtp(&sealed).unwrap()[..], packet(&keys, 1));
        assert!(opener.decrypt_rtp(&sealed).is_err());
    }

    #[test]
    fn a_forged_first_packet_does_not_place_the_window() {
        let keys = StreamKeys::generate().unwrap();
        let mut opener = keys.opener().unwrap();
        let mut forged = packet(&keys, 20_000);
        forged.extend_from_slice(&[0; 16]);
        assert!(opener.decrypt_rtp(&forged).is_err());
        let sealed = keys.sealer().unwrap().encrypt_rtp(&packet(&keys, 1)).unwrap();
        assert!(opener.decrypt_rtp(&sealed).is_ok());
    }

    #[test]
    fn the_first_report_of_a_sealer_opens() {
        let keys = StreamKeys::generate().unwrap();
        let sealed = keys.sealer().unwrap().encrypt_rtcp(&keys.empty_report()).unwrap();
        assert!(keys.opener().unwrap().decrypt_rtcp(&sealed).is_ok());
    }

    #[test]
    fn keys_are_hidden_from_debug() {
        let text = format!("{:?}", StreamKeys { ssrc: 17, key: [77; 16], salt: [99; 12] });
        assert!(!text.contains("77") && !text.contains("99"));
    }
}

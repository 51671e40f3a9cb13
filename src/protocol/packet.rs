//! What is inside one media datagram: an RTP header, and one frame with the ones before it.
//!
//! World: worker (encoder thread, receive threads). Total: no bytes from outside make it panic,
//! allocate or loop. Encryption is not in here; `net::media` seals and opens.
//!
//! Source: RFC 3550 §5.1 (RTP), RFC 2198 (redundant blocks), RFC 7587 (Opus: the clock is 48 kHz
//! whatever the codec does), RFC 3551 and RFC 3190 (L16, L24), RFC 5761 (RTCP on the same port).

use std::fmt;

use super::frame::EncodedFrame;
use crate::domain::stream::{Codec, StreamFormat};

/// Bytes of the RTP header we send: no contributing sources, no extension.
pub const RTP_HEADER_BYTES: usize = 12;

/// What sealing adds to a packet (AEAD_AES_128_GCM, RFC 7714 §12).
pub const TAG_BYTES: usize = 16;

/// The largest datagram we send. Fits the smallest IPv6 link (1280) with its headers; larger ones
/// would be cut in two on some tunnels, and half a packet is no packet.
pub const DATAGRAM_BYTES_MAX: usize = 1200;

/// Earlier frames that may ride along in one packet. A 14-bit offset (RFC 2198) would hold more;
/// a loss burst longer than this is cheaper to conceal than to insure against.
pub const EARLIER_MAX: usize = 3;

/// What a packet carries, as numbered by us (RFC 3551 leaves 96 to 127 to the two ends).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PayloadType {
    /// One Opus frame.
    Opus = 96,
    /// 16-bit PCM.
    Pcm16 = 97,
    /// 24-bit PCM.
    Pcm24 = 98,
    /// A frame and earlier ones, each with its own type inside.
    Redundant = 99,
}

impl PayloadType {
    /// The type of a frame of this codec by itself.
    #[must_use]
    pub const fn of(codec: Codec) -> Self {
        match codec {
            Codec::Opus => Self::Opus,
            Codec::Pcm16 => Self::Pcm16,
            Codec::Pcm24 => Self::Pcm24,
        }
    }
}

/// Why bytes are not a packet of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketError {
    /// Shorter than its header says.
    Truncated,
    /// Not RTP version 2 without padding, extension and contributing sources.
    Header,
    /// Another codec than the stream's.
    PayloadType(u8),
    /// A frame of another length than every frame of the stream has.
    FrameLength,
    /// An earlier frame that is not one to three frames earlier.
    Earlier,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("packet is cut short"),
            Self::Header => f.write_str("not an RTP header of ours"),
            Self::PayloadType(n) => write!(f, "payload type {n} is not the stream's"),
            Self::FrameLength => f.write_str("frame is not of the stream's length"),
            Self::Earlier => f.write_str("redundant frame is not one of the three before"),
        }
    }
}

impl std::error::Error for PacketError {}

/// The RTP header, as far as we use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// First packet after a break in the stream.
    pub marker: bool,
    /// 7 bits.
    pub payload_type: u8,
    /// Low 16 bits of the link's packet number.
    pub sequence: u16,
    /// Low 32 bits of the media time of the newest frame.
    pub timestamp: u32,
    /// Whose stream.
    pub ssrc: u32,
}

impl RtpHeader {
    /// The header as it is sent.
    #[must_use]
    pub fn to_bytes(self) -> [u8; RTP_HEADER_BYTES] {
        let mut bytes = [0; RTP_HEADER_BYTES];
        bytes[0] = 0x80;
        bytes[1] = u8::from(self.marker) << 7 | (self.payload_type & 0x7F);
        bytes[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        bytes
    }

    /// Reads the header of a packet; its payload begins at [`RTP_HEADER_BYTES`].
    ///
    /// # Errors
    /// [`PacketError::Truncated`], [`PacketError::Header`].
    pub fn parse(packet: &[u8]) -> Result<Self, PacketError> {
        let header: &[u8; RTP_HEADER_BYTES] = packet.first_chunk().ok_or(PacketError::Truncated)?;
        let [first, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = *header;
        if first != 0x80 {
            return Err(PacketError::Header);
        }
        Ok(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
        })
    }
}

/// Whether a datagram is RTCP and not RTP (RFC 5761 §4: packet types 192 to 223).
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 192..=223, ..] if first >> 6 == 2)
}

/// Whom a datagram claims to come from, RTP or RTCP; `None` if it is neither.
#[must_use]
pub fn claimed_ssrc(datagram: &[u8]) -> Option<u32> {
    let at = if is_rtcp(datagram) { 4 } else { 8 };
    if datagram.first()? >> 6 != 2 {
        return None;
    }
    datagram.get(at..at + 4)?.first_chunk().copied().map(u32::from_be_bytes)
}

/// How many earlier frames of `frame_bytes` fit beside the newest one, at most `wanted`.
#[must_use]
pub fn depth_that_fits(frame_bytes: usize, wanted: u8) -> u8 {
    let room = DATAGRAM_BYTES_MAX - RTP_HEADER_BYTES - TAG_BYTES;
    let beside = room.saturating_sub(frame_bytes + 1) / (frame_bytes + BLOCK_HEADER_BYTES);
    let wanted = usize::from(wanted).min(EARLIER_MAX);
    if frame_bytes > BLOCK_BYTES_MAX { 0 } else { beside.min(wanted) as u8 }
}

/// Appends the payload of one packet to `out`: `newest`, and `earlier` frames, latest first.
///
/// Every one of `earlier` is of the same stream as `newest` and at most [`EARLIER_MAX`] before it;
/// the caller gives no more than [`depth_that_fits`]. Returns the payload type for the header.
pub fn write_payload(
    out: &mut Vec<u8>,
    codec: Codec,
    newest: &EncodedFrame,
    earlier: &[EncodedFrame],
) -> PayloadType {
    let plain = PayloadType::of(codec);
    if earlier.is_empty() {
        out.extend_from_slice(newest.payload());
        return plain;
    }
    for frame in earlier.iter().rev() {
        let back = newest.media_time.wrapping_sub(frame.media_time) as u32 & OFFSET_MAX;
        let length = frame.payload().len() as u32;
        let word = 1 << 31 | (plain as u32) << 24 | back << 10 | length;
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.push(plain as u8);
    for frame in earlier.iter().rev() {
        out.extend_from_slice(frame.payload());
    }
    out.extend_from_slice(newest.payload());
    PayloadType::Redundant
}

/// The frames of one packet.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// The frame the header's number and timestamp belong to.
    pub newest: &'a [u8],
    /// `earlier[k]` is the frame `k + 1` before it.
    pub earlier: [Option<&'a [u8]>; EARLIER_MAX],
}

/// Takes apart what [`write_payload`] wrote, for a stream of this form.
///
/// # Errors
/// [`PacketError`] if anything in it is not of that stream.
pub fn read_payload(
    format: StreamFormat,
    payload_type: u8,
    payload: &[u8],
) -> Result<Payload<'_>, PacketError> {
    let plain = PayloadType::of(format.codec()) as u8;
    if payload_type == plain {
        return Ok(Payload { newest: whole_frame(format, payload)?, earlier: [None; EARLIER_MAX] });
    }
    if payload_type != PayloadType::Redundant as u8 {
        return Err(PacketError::PayloadType(payload_type));
    }
    let mut backs = [0_usize; EARLIER_MAX];
    let mut count = 0;
    let mut rest = payload;
    while let Some((word, after)) = rest.split_first_chunk::<BLOCK_HEADER_BYTES>() {
        let word = u32::from_be_bytes(*word);
        if word >> 31 == 0 {
            break;
        }
        let slot = backs.get_mut(count).ok_or(PacketError::Earlier)?;
        *slot = frames_back(format, plain, word)?;
        count += 1;
        rest = after;
    }
    let (&inner, mut rest) = rest.split_first().ok_or(PacketError::Truncated)?;
    if inner != plain {
        return Err(PacketError::PayloadType(inner));
    }
    let mut earlier = [None; EARLIER_MAX];
    for back in &backs[..count] {
        let (block, after) = rest.split_at_checked(format.frame_bytes()).ok_or(PacketError::Truncated)?;
        earlier[back - 1] = Some(block);
        rest = after;
    }
    Ok(Payload { newest: whole_frame(format, rest)?, earlier })
}

/// Which of the frames before this block header describes: 1 to [`EARLIER_MAX`].
fn frames_back(format: StreamFormat, plain: u8, word: u32) -> Result<usize, PacketError> {
    let inner = (word >> 24) as u8 & 0x7F;
    let offset = (word >> 10 & OFFSET_MAX) as usize;
    let length = word as usize & BLOCK_BYTES_MAX;
    if inner != plain {
        return Err(PacketError::PayloadType(inner));
    }
    if length != format.frame_bytes() {
        return Err(PacketError::FrameLength);
    }
    let back = offset / format.frame_samples();
    let exact = back * format.frame_samples() == offset;
    if exact && (1..=EARLIER_MAX).contains(&back) { Ok(back) } else { Err(PacketError::Earlier) }
}

fn whole_frame(format: StreamFormat, bytes: &[u8]) -> Result<&[u8], PacketError> {
    if bytes.len() == format.frame_bytes() { Ok(bytes) } else { Err(PacketError::FrameLength) }
}

/// One flag, 7 bits of type, 14 of offset, 10 of length (RFC 2198 §3).
const BLOCK_HEADER_BYTES: usize = 4;
const OFFSET_MAX: u32 = (1 << 14) - 1;
const BLOCK_BYTES_MAX: usize = (1 << 10) - 1;

/// Makes 64-bit numbers of the low 16 or 32 bits that cross the wire.
///
/// Invariant: what it returns is the value nearest to the highest one so far. Feed it
/// authenticated packets only, or a forger chooses where it stands.
#[derive(Debug, Default, Clone, Copy)]
pub struct Extender {
    highest: Option<u64>,
}

impl Extender {
    /// Nothing seen: the first value stands for itself.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A packet number; `None` if it would lie before number 0.
    pub fn sequence(&mut self, low: u16) -> Option<u64> {
        self.extend(u64::from(low), 16)
    }

    /// A media time; `None` if it would lie before time 0.
    pub fn timestamp(&mut self, low: u32) -> Option<u64> {
        self.extend(u64::from(low), 32)
    }

    /// The highest value so far.
    #[must_use]
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }

    fn extend(&mut self, low: u64, bits: u32) -> Option<u64> {
        let span = 1_u64 << bits;
        let Some(highest) = self.highest else {
            self.highest = Some(low);
            return Some(low);
        };
        let ahead = low.wrapping_sub(highest) & (span - 1);
        let value =
            if ahead < span / 2 { highest.checked_add(ahead)? } else { highest.checked_sub(span - ahead)? };
        self.highest = Some(highest.max(value));
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn format() -> StreamFormat {
        StreamFormat::opus(1, 120, 128).unwrap()
    }

    fn frame(seq: u64) -> EncodedFrame {
        EncodedFrame::new(seq, seq * 120, &[seq as u8; 40]).unwrap()
    }

    #[test]
    fn a_packet_holds_the_frame_and_the_ones_before_it() {
        for depth in 0..=EARLIER_MAX {
            let earlier: Vec<_> = (1..=depth as u64).map(|back| frame(9 - back)).collect();
            let mut bytes = Vec::new();
            let kind = write_payload(&mut bytes, Codec::Opus, &frame(9), &earlier);
            let payload = read_payload(format(), kind as u8, &bytes).unwrap();
            assert_eq!(payload.newest, [9; 40]);
            for back in 1..=EARLIER_MAX {
                let expected = (back <= depth).then_some([9 - back as u8; 40]);
                assert_eq!(payload.earlier[back - 1], expected.as_ref().map(|bytes| &bytes[..]));
            }
        }
    }

    #[test]
    fn what_does_not_fit_a_datagram_does_not_ride_along() {
        assert_eq!(depth_that_fits(40, 3), 3);
        assert_eq!(depth_that_fits(40, 200), 3);
        assert_eq!(depth_that_fits(512, 3), 1);
        assert_eq!(depth_that_fits(768, 3), 0);
        for bytes in 1..=768 {
            let depth = usize::from(depth_that_fits(bytes, 3));
            assert!(RTP_HEADER_BYTES + TAG_BYTES + 1 + bytes + depth * (bytes + 4) <= DATAGRAM_BYTES_MAX);
        }
    }

    #[test]
    fn a_number_is_the_nearest_to_the_highest() {
        let mut sequence = Extender::new();
        assert_eq!(sequence.sequence(65_534), Some(65_534));
        assert_eq!(sequence.sequence(1), Some(65_537));
        assert_eq!(sequence.sequence(65_535), Some(65_535));
        assert_eq!(sequence.sequence(2), Some(65_538));
        let mut early = Extender::new();
        assert_eq!(early.sequence(1), Some(1));
        assert_eq!(early.sequence(65_535), None);
    }

    #[test]
    fn rtcp_is_told_from_rtp_by_its_type() {
        let header =
            RtpHeader { marker: true, payload_type: 99, sequence: 1, timestamp: 2, ssrc: 3 }.to_bytes();
        assert!(!is_rtcp(&header));
        assert!(is_rtcp(&[0x81, 200, 0, 6, 0, 0, 0, 3]));
        assert_eq!(claimed_ssrc(&header), Some(3));
        assert_eq!(claimed_ssrc(&[0x81, 200, 0, 6, 0, 0, 0, 4]), Some(4));
        assert_eq!(claimed_ssrc(&[0x81, 200, 0, 6]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn no_bytes_make_the_parsers_fail_otherwise_than_in_words(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            kind in 90_u8..110,
        ) {
            let _ = RtpHeader::parse(&bytes);
            let _ = claimed_ssrc(&bytes);
            let _ = is_rtcp(&bytes);
            if let Ok(payload) = read_payload(format(), kind, &bytes) {
                prop_assert_eq!(payload.newest.len(), 40);
            }
        }

        #[test]
        fn a_damaged_payload_is_refused_or_has_whole_frames(
            at in 0_usize..132, flip in 1_u8..=255, cut in 0_usize..132,
        ) {
            let mut bytes = Vec::new();
            let kind = write_payload(&mut bytes, Codec::Opus, &frame(9), &[frame(8), frame(7)]);
            let at = at % bytes.len();
            bytes[at] ^= flip;
            bytes.truncate(bytes.len() - cut % bytes.len());
            if let Ok(payload) = read_payload(format(), kind as u8, &bytes) {
                prop_assert_eq!(payload.newest.len(), 40);
                prop_assert!(payload.earlier.iter().flatten().all(|block| block.len() == 40));
            }
        }

        #[test]
        fn a_header_reads_back(marker: bool, payload_type in 0_u8..128, sequence: u16, timestamp: u32, ssrc: u32) {
            let header = RtpHeader { marker, payload_type, sequence, timestamp, ssrc };
            prop_assert_eq!(RtpHeader::parse(&header.to_bytes()), Ok(header));
        }

        #[test]
        fn steps_below_half_the_span_are_followed(steps in proptest::collection::vec(-20_000_i64..20_000, 1..200)) {
            let mut extender = Extender::new();
            let mut value = 1_000_000_i64;
            let mut highest = value;
            prop_assert_eq!(extender.sequence(value as u16), Some(value as u64 & 0xFFFF));
            let lost = value - (value & 0xFFFF);
            for step in steps {
                value = (highest + step).max(lost);
                prop_assert_eq!(extender.sequence(value as u16), Some((value - lost) as u64));
                highest = highest.max(value);
            }
        }
    }
}

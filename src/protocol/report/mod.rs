//! What the two ends of a link tell each other about it, and what one end measures of it.
//!
//! World: worker. [`Report`] is one RTCP compound packet (RFC 3550 §6): a sender report with one
//! report block, and an APP packet `JMTY` with what RTCP has no field for. No SDES: who speaks is
//! known from the keys. [`LinkMonitor`] is the receiving end's measurement of one link.

mod monitor;

use std::fmt;

pub use monitor::{Acknowledged, LinkMonitor};

use crate::domain::time::Timestamp;

/// What one end says about a link, ten times a second.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Report {
    /// Whose report.
    pub ssrc: u32,
    /// When it was sent, on the clock of its sender.
    pub sent: Timestamp,
    /// Media time of the newest frame sent, low 32 bits.
    pub media_time: u32,
    /// Datagrams with sound sent so far, every copy counted.
    pub packets: u32,
    /// Bytes of them.
    pub bytes: u32,
    /// What it hears of the other end.
    pub heard: Heard,
    /// What RTCP has no field for.
    pub notes: Notes,
}

/// The report block: how the stream of the other end arrives (RFC 3550 §6.4.1).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Whose stream.
    pub ssrc: u32,
    /// Share of datagrams lost lately, in 1/256.
    pub fraction_lost: u8,
    /// Frames of which no copy came, at most 2^24 - 1.
    pub frames_lost: u32,
    /// Highest packet number received, low 32 bits; 0 is none.
    pub highest: u32,
    /// Interarrival jitter in samples.
    pub jitter: u32,
    /// Middle 32 bits of the last report's NTP time; 0 is none.
    pub last_report: u32,
    /// Since that report came, in 1/65536 s.
    pub since_last_report: u32,
}

/// The APP packet: what the receiving engine says of the stream, for the sender's policy and eyes.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Notes {
    /// Share of the other end's datagrams that did not come, copies counted: 0.0 to 1.0.
    pub loss: f32,
    /// Mean length of a run of packets of which no copy came, in packets; 1.0 is single losses.
    pub mean_burst: f32,
    /// Whether the other end's UDP packets arrive; false while only the detour works.
    pub udp_heard: bool,
    /// What the far engine does with our stream.
    pub playout: PlayoutReport,
    /// The other end's clock minus the reporter's, µs.
    pub clock_offset_us: i64,
}

/// What an engine says of one remote stream.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct PlayoutReport {
    /// Held for so long now, µs.
    pub playout_delay_us: u32,
    /// Wanted, µs.
    pub target_delay_us: u32,
    /// Frames that came after their moment.
    pub late_frames: u32,
    /// Frames that were invented.
    pub concealed_frames: u32,
    /// Rate of the sender's card over ours, ppm.
    pub drift_ppm: f32,
}

/// Why bytes are not a report of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportError {
    /// Shorter than its lengths say.
    Truncated,
    /// A part that is not RTCP version 2.
    Header,
    /// No sender report with one block, or no `JMTY` part, or one of another version.
    Incomplete,
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "report is cut short",
            Self::Header => "not RTCP",
            Self::Incomplete => "report lacks a part",
        })
    }
}

impl std::error::Error for ReportError {}

const SENDER_REPORT: u8 = 200;
const APP: u8 = 204;
const APP_NAME: &[u8; 4] = b"JMTY";
/// In the APP packet's subtype. Later versions only add at the end; older ends skip what they do not know.
const NOTES_VERSION: u8 = 1;
const SENDER_REPORT_BYTES: usize = 52;
const NOTES_BYTES: usize = 12 + 36;
/// Bytes of a whole [`Report`] before it is sealed.
pub const REPORT_BYTES: usize = SENDER_REPORT_BYTES + NOTES_BYTES;

impl Report {
    /// The compound packet.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; REPORT_BYTES] {
        let mut out = Writer { bytes: [0; REPORT_BYTES], at: 0 };
        out.put(&[0x81, SENDER_REPORT]);
        out.put(&(SENDER_REPORT_BYTES as u16 / 4 - 1).to_be_bytes());
        out.put(&self.ssrc.to_be_bytes());
        out.put(&ntp(self.sent).to_be_bytes());
        for word in [self.media_time, self.packets, self.bytes, self.heard.ssrc] {
            out.put(&word.to_be_bytes());
        }
        let lost = u32::from(self.heard.fraction_lost) << 24 | self.heard.frames_lost.min(0xFF_FFFF);
        let heard = &self.heard;
        for word in [lost, heard.highest, heard.jitter, heard.last_report, heard.since_last_report] {
            out.put(&word.to_be_bytes());
        }
        out.put(&[0x80 | NOTES_VERSION, APP]);
        out.put(&(NOTES_BYTES as u16 / 4 - 1).to_be_bytes());
        out.put(&self.ssrc.to_be_bytes());
        out.put(APP_NAME);
        let notes = &self.notes;
        out.put(&((notes.loss.clamp(0.0, 1.0) * 65_535.0) as u16).to_be_bytes());
        out.put(&((notes.mean_burst.clamp(0.0, 255.0) * 256.0) as u16).to_be_bytes());
        out.put(&u32::from(notes.udp_heard).to_be_bytes());
        let playout = &notes.playout;
        for word in [
            playout.playout_delay_us,
            playout.target_delay_us,
            playout.late_frames,
            playout.concealed_frames,
            (playout.drift_ppm.clamp(-1e6, 1e6) * 1_000.0) as i32 as u32,
        ] {
            out.put(&word.to_be_bytes());
        }
        out.put(&notes.clock_offset_us.to_be_bytes());
        debug_assert_eq!(out.at, REPORT_BYTES, "a report has one length");
        out.bytes
    }

    /// Reads a compound packet; parts it does not know are skipped.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ReportError> {
        let mut report = Self::default();
        let (mut has_sender, mut has_notes) = (false, false);
        let mut rest = bytes;
        while !rest.is_empty() {
            let [first, kind, l0, l1, ..] = *rest else { return Err(ReportError::Truncated) };
            if first >> 6 != 2 {
                return Err(ReportError::Header);
            }
            let len_bytes = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
            let (part, after) = rest.split_at_checked(len_bytes).ok_or(ReportError::Truncated)?;
            let mut fields = Reader(&part[4..]);
            if kind == SENDER_REPORT && first & 0x1F == 1 {
                report.read_sender(&mut fields)?;
                has_sender = true;
            } else if kind == APP && first & 0x1F == NOTES_VERSION && part.get(8..12) == Some(APP_NAME) {
                fields = Reader(&part[12..]);
                report.notes = Notes::read(&mut fields)?;
                has_notes = true;
            }
            rest = after;
        }
        if has_sender && has_notes { Ok(report) } else { Err(ReportError::Incomplete) }
    }

    fn read_sender(&mut self, fields: &mut Reader<'_>) -> Result<(), ReportError> {
        self.ssrc = fields.u32()?;
        self.sent = from_ntp(u64::from(fields.u32()?) << 32 | u64::from(fields.u32()?));
        self.media_time = fields.u32()?;
        self.packets = fields.u32()?;
        self.bytes = fields.u32()?;
        self.heard.ssrc = fields.u32()?;
        let lost = fields.u32()?;
        self.heard.fraction_lost = (lost >> 24) as u8;
        self.heard.frames_lost = lost & 0xFF_FFFF;
        self.heard.highest = fields.u32()?;
        self.heard.jitter = fields.u32()?;
        self.heard.last_report = fields.u32()?;
        self.heard.since_last_report = fields.u32()?;
        Ok(())
    }
}

impl Notes {
    fn read(fields: &mut Reader<'_>) -> Result<Self, ReportError> {
        let shares = fields.u32()?;
        Ok(Self {
            loss: (shares >> 16) as f32 / 65_535.0,
            mean_burst: (shares & 0xFFFF) as f32 / 256.0,
            udp_heard: fields.u32()? & 1 == 1,
            playout: PlayoutReport {
                playout_delay_us: fields.u32()?,
                target_delay_us: fields.u32()?,
                late_frames: fields.u32()?,
                concealed_frames: fields.u32()?,
                drift_ppm: fields.u32()? as i32 as f32 / 1_000.0,
            },
            clock_offset_us: (u64::from(fields.u32()?) << 32 | u64::from(fields.u32()?)) as i64,
        })
    }
}

struct Writer {
    bytes: [u8; REPORT_BYTES],
    at: usize,
}

impl Writer {
    fn put(&mut self, field: &[u8]) {
        self.bytes[self.at..self.at + field.len()].copy_from_slice(field);
        self.at += field.len();
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn u32(&mut self) -> Result<u32, ReportError> {
        let (word, rest) = self.0.split_first_chunk().ok_or(ReportError::Truncated)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*word))
    }
}

/// A moment as an NTP time: 32.32 fixed-point seconds, here since the process began.
fn ntp(at: Timestamp) -> u64 {
    ((u128::from(at.micros()) << 32) / 1_000_000) as u64
}

fn from_ntp(ntp: u64) -> Timestamp {
    Timestamp::from_micros(((u128::from(ntp) * 1_000_000 + (1 << 31)) >> 32) as u64)
}

/// The middle 32 bits of an NTP time: 1/65536 s, for report blocks. Never 0, which means none.
#[must_use]
pub fn ntp_middle(at: Timestamp) -> u32 {
    ((ntp(at) >> 16) as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn report() -> Report {
        Report {
            ssrc: 7,
            sent: Timestamp::from_micros(123_456_789),
            media_time: 5,
            packets: 1_000,
            bytes: 99,
            heard: Heard {
                ssrc: 8,
                fraction_lost: 12,
                frames_lost: 34,
                highest: 56,
                jitter: 78,
                last_report: 90,
                since_last_report: 12,
            },
            notes: Notes {
                loss: 1.0,
                mean_burst: 1.5,
                udp_heard: true,
                playout: PlayoutReport {
                    playout_delay_us: 1,
                    target_delay_us: 2,
                    late_frames: 3,
                    concealed_frames: 4,
                    drift_ppm: -50.5,
                },
                clock_offset_us: -5,
            },
        }
    }

    #[test]
    fn a_report_reads_back() {
        assert_eq!(Report::parse(&report().to_bytes()), Ok(report()));
    }

    #[test]
    fn parts_of_others_are_skipped_and_missing_ones_are_missed() {
        let mut bytes = vec![0x80, 202, 0, 1, 1, 2, 3, 4];
        bytes.extend_from_slice(&report().to_bytes());
        assert_eq!(Report::parse(&bytes), Ok(report()));
        assert_eq!(Report::parse(&bytes[..8]), Err(ReportError::Incomplete));
        assert_eq!(Report::parse(&bytes[..70]), Err(ReportError::Truncated));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn no_bytes_make_the_parser_fail_otherwise_than_in_words(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = Report::parse(&bytes);
        }

        #[test]
        fn a_damaged_report_is_refused_or_read(at in 0..REPORT_BYTES, flip in 1_u8..=255, cut in 0..REPORT_BYTES) {
            let mut bytes = report().to_bytes();
            bytes[at] ^= flip;
            let _ = Report::parse(&bytes[..REPORT_BYTES - cut]);
        }
    }
}

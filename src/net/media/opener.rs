//! The receiving half of one link: authenticate, count, unpack, hand over.
//!
//! World: worker (receive threads; the control side for packets of the detour).

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use rtc_rtp::Header;
use rtc_shared::error::Error;
use rtc_srtp::context::Context;

use super::link::{LinkShared, ReceiveNumbers};
use super::socket::{PATHS_MAX, Path};
use crate::domain::stream::StreamFormat;
use crate::domain::time::Timestamp;
use crate::protocol::frame::{EncodedFrame, ReceivedFrame};
use crate::protocol::packet::{self, Extender, RTP_HEADER_BYTES, RtpHeader, TAG_BYTES};
use crate::protocol::report::{LinkMonitor, Report, ntp_middle};

/// What became of one datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// Theirs, and not seen before.
    Sound,
    /// Theirs: a report.
    Report,
    /// Another copy of a packet that came, or an old one sent again.
    Again,
    /// Not theirs.
    Forged,
}

/// What one link needs to open packets. The ring's other end is in the output callback.
pub(super) struct LinkOpener {
    context: Context,
    format: StreamFormat,
    frames: rtrb::Producer<ReceivedFrame>,
    sequence: Extender,
    timestamp: Extender,
    handed_over: HandedOver,
    recent: Box<[Recent; RECENT]>,
    monitor: LinkMonitor,
    /// Ways this peer may come without being asked twice.
    known: Vec<Path>,
    confirmed: Option<(Path, Timestamp)>,
}

impl fmt::Debug for LinkOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkOpener {{ {}, confirmed: {:?} }}", self.format, self.confirmed)
    }
}

/// The last packets, to tell a copy from a forgery or a replay without opening it.
#[derive(Debug, Default, Clone, Copy)]
struct Recent {
    sequence: u16,
    copies: u8,
    tag: [u8; 8],
}

/// Copies of a packet come within a few of these; more memory would be of no use.
const RECENT: usize = 256;
/// `Redundancy::sends` goes to four; more copies of one packet are somebody's replay.
const COPIES_MAX: u8 = 4;
/// A confirmed way must be silent for so long before another takes its place: less would make two
/// equally good ones alternate, more would be heard when a cable comes back elsewhere.
const SILENT_BEFORE_MOVE_US: u128 = 300_000;

impl LinkOpener {
    pub(super) fn new(
        context: Context,
        format: StreamFormat,
        frames: rtrb::Producer<ReceivedFrame>,
        known: Vec<Path>,
    ) -> Self {
        Self {
            context,
            format,
            frames,
            sequence: Extender::new(),
            timestamp: Extender::new(),
            handed_over: HandedOver::default(),
            recent: Box::new([Recent::default(); RECENT]),
            monitor: LinkMonitor::new(),
            known,
            confirmed: None,
        }
    }

    /// The same stream for a link that began again: another ring, perhaps other addresses. The
    /// window and the numbers go on, or old packets could be played again.
    pub(super) fn renewed(
        self,
        format: StreamFormat,
        frames: rtrb::Producer<ReceivedFrame>,
        known: Vec<Path>,
    ) -> Self {
        Self { format, frames, known, confirmed: None, ..self }
    }

    /// Whether this peer was offered or seen to come from there.
    pub(super) fn knows(&self, path: Path) -> bool {
        self.known.contains(&path)
    }

    /// Takes one datagram that claims to be of this link; `stranger` if it comes from an address
    /// that is not known to be the peer's.
    pub(super) fn handle(
        &mut self,
        now: Timestamp,
        datagram: &[u8],
        stranger: bool,
        shared: &LinkShared,
    ) -> Opened {
        let opened = if packet::is_rtcp(datagram) {
            self.handle_report(now, datagram, shared)
        } else {
            self.handle_sound(now, datagram, stranger, &shared.receive)
        };
        if opened == Opened::Forged {
            shared.receive.forged.fetch_add(1, Relaxed);
        }
        opened
    }

    /// Whether this way, by which an authentic and new packet came, is to be used from now on.
    pub(super) fn should_move(&mut self, now: Timestamp, path: Path) -> bool {
        match &mut self.confirmed {
            Some((confirmed, last)) if *confirmed == path => {
                *last = now;
                false
            }
            Some((_, last)) => now.since(*last).as_micros() > SILENT_BEFORE_MOVE_US,
            None => true,
        }
    }

    /// The way to use from now on.
    pub(super) fn confirm(&mut self, now: Timestamp, path: Path) {
        self.confirmed = Some((path, now));
        if !self.known.contains(&path) {
            if self.known.len() >= PATHS_MAX {
                self.known.pop();
            }
            self.known.insert(0, path);
        }
    }

    fn handle_sound(
        &mut self,
        now: Timestamp,
        datagram: &[u8],
        stranger: bool,
        numbers: &ReceiveNumbers,
    ) -> Opened {
        let (Ok(header), Some(tag)) = (RtpHeader::parse(datagram), tag_of(datagram)) else {
            return Opened::Forged;
        };
        let recent = &mut self.recent[usize::from(header.sequence) % RECENT];
        if recent.copies > 0 && recent.sequence == header.sequence && recent.tag == tag {
            if recent.copies < COPIES_MAX && !stranger {
                recent.copies += 1;
                self.monitor.handle_copy();
                numbers.copies.fetch_add(1, Relaxed);
            } else {
                numbers.replayed.fetch_add(1, Relaxed);
            }
            return Opened::Again;
        }
        let plain = match self.context.decrypt_rtp_with_header(datagram, &crate_header(&header)) {
            Ok(plain) => plain,
            Err(Error::SrtpSsrcDuplicated(..)) => {
                numbers.replayed.fetch_add(1, Relaxed);
                return Opened::Again;
            }
            Err(_) => return Opened::Forged,
        };
        *recent = Recent { sequence: header.sequence, copies: 1, tag };
        numbers.datagrams.fetch_add(1, Relaxed);
        numbers.bytes.fetch_add(datagram.len() as u64, Relaxed);
        if self.unpack(now, &header, &plain[RTP_HEADER_BYTES..], numbers).is_none() {
            numbers.malformed.fetch_add(1, Relaxed);
        }
        numbers.highest.store(self.monitor.highest(), Relaxed);
        Opened::Sound
    }

    /// Hands over the frames of an authentic packet; `None` if they are not of this stream.
    fn unpack(
        &mut self,
        now: Timestamp,
        header: &RtpHeader,
        payload: &[u8],
        numbers: &ReceiveNumbers,
    ) -> Option<()> {
        let seq = self.sequence.sequence(header.sequence)?;
        let media_time = self.timestamp.timestamp(header.timestamp)?;
        self.monitor.handle_packet(now, seq, media_time);
        let payload = packet::read_payload(self.format, header.payload_type, payload).ok()?;
        let frame_samples = self.format.frame_samples() as u64;
        let earlier = payload.earlier.iter().enumerate().rev();
        let earlier = earlier.filter_map(|(index, bytes)| Some((index as u64 + 1, (*bytes)?)));
        for (back, bytes) in earlier.chain([(0, payload.newest)]) {
            let (Some(seq), Some(media_time)) =
                (seq.checked_sub(back), media_time.checked_sub(back * frame_samples))
            else {
                continue;
            };
            if !self.handed_over.first_time(seq) {
                continue;
            }
            let frame = EncodedFrame::new(seq, media_time, bytes)?;
            if self.frames.push(ReceivedFrame { frame, arrived: now }).is_err() {
                numbers.ring_full.fetch_add(1, Relaxed);
            }
        }
        Some(())
    }

    fn handle_report(&mut self, now: Timestamp, datagram: &[u8], shared: &LinkShared) -> Opened {
        let plain = match self.context.decrypt_rtcp(datagram) {
            Ok(plain) => plain,
            Err(Error::SrtcpSsrcDuplicated(..)) => return Opened::Again,
            Err(_) => return Opened::Forged,
        };
        let Ok(report) = Report::parse(&plain) else {
            shared.receive.malformed.fetch_add(1, Relaxed);
            return Opened::Report;
        };
        self.monitor.handle_report(now, &report);
        shared.far.set(now, &report);
        if report.notes.udp_heard {
            shared.answered_us.store(now.micros().max(1), Relaxed);
        }
        self.publish(&shared.receive);
        Opened::Report
    }

    /// What changes slowly, ten times a second.
    fn publish(&self, numbers: &ReceiveNumbers) {
        let monitor = &self.monitor;
        numbers.loss.set(monitor.loss());
        numbers.mean_burst.set(monitor.mean_burst());
        numbers.jitter_us.set(monitor.jitter_us());
        numbers.packets_lost.store(monitor.packets_lost(), Relaxed);
        numbers.delay_p99_us.store(monitor.delay_quantile_us(0.99), Relaxed);
        numbers.rtt_us.store(monitor.rtt_us().map_or(0, |rtt_us| rtt_us.saturating_add(1)), Relaxed);
        numbers.clock_offset_us.store(monitor.clock_offset_us().unwrap_or(0), Relaxed);
        if let Some((report, came)) = monitor.last_report() {
            numbers.last_report.store(u64::from(report) << 32 | u64::from(ntp_middle(came)), Relaxed);
        }
    }
}

/// The first half of the authentication tag: what a forger cannot guess, and enough to tell copies.
fn tag_of(datagram: &[u8]) -> Option<[u8; 8]> {
    datagram.get(datagram.len().checked_sub(TAG_BYTES)?..)?.first_chunk().copied()
}

/// The header as rtc-srtp wants it; it has no heap without contributing sources.
pub(super) fn crate_header(header: &RtpHeader) -> Header {
    Header {
        version: 2,
        marker: header.marker,
        payload_type: header.payload_type,
        sequence_number: header.sequence,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
        ..Header::default()
    }
}

/// Which of the last 64 frames went to the ring: a frame that came alone and rides along again in
/// the next packet takes one slot, not two.
#[derive(Debug, Default)]
struct HandedOver {
    highest: u64,
    /// Bit k: frame `highest - k`. Frame 0 is never sent.
    frames: u64,
}

impl HandedOver {
    fn first_time(&mut self, seq: u64) -> bool {
        if seq > self.highest {
            let step = seq - self.highest;
            self.frames = if step < 64 { self.frames << step | 1 } else { 1 };
            self.highest = seq;
            return true;
        }
        let bit = 1_u64.checked_shl(u32::try_from(self.highest - seq).unwrap_or(u32::MAX)).unwrap_or(0);
        let first = seq != 0 && bit != 0 && self.frames & bit == 0;
        self.frames |= bit;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_handed_over_once() {
        let mut frames = HandedOver::default();
        assert!(frames.first_time(1) && frames.first_time(3) && frames.first_time(2));
        assert!(!frames.first_time(2) && !frames.first_time(0));
        assert!(frames.first_time(200));
        assert!(!frames.first_time(100), "too old to tell");
        assert!(frames.first_time(150) && !frames.first_time(150));
    }
}

//! The sending half of one link: numbers, redundancy, sealing, copies, reports.
//!
//! World: worker (encoder thread).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::BytesMut;
use rtc_srtp::context::Context;

use super::FallbackOut;
use super::link::{Link, LinkShared, UdpState};
use super::opener::crate_header;
use super::socket::{MediaSocket, Path, Sent};
use crate::domain::peer_id::PeerId;
use crate::domain::stream::StreamFormat;
use crate::domain::time::{RATE_HZ, Timestamp};
use crate::protocol::frame::{EncodedFrame, FrameSeq, Redundancy};
use crate::protocol::packet::{self, DATAGRAM_BYTES_MAX, RtpHeader};
use crate::protocol::redundancy::RedundancyPolicy;
use crate::protocol::report::{Acknowledged, Heard, Notes, Report, ntp_middle};

/// The ways out of this machine.
pub(super) struct Carrier {
    pub(super) sockets: Arc<[MediaSocket]>,
    pub(super) fallback: Option<FallbackOut>,
}

/// One link as the encoder thread has it.
pub(super) struct LinkSender {
    link: Arc<Link>,
    sealer: Context,
    numbering: Numbering,
    acknowledged: Acknowledged,
    policy: RedundancyPolicy,
    redundancy: Redundancy,
    path: Option<Path>,
    copies: VecDeque<PlannedCopies>,
    plain: Vec<u8>,
    next_report: Timestamp,
    next_test_packet: Timestamp,
    began: Timestamp,
    /// Sends of sound so far, for the far end's loss: 32 bits that wrap.
    packets: u32,
    bytes: u32,
}

/// A sealed packet that is to be sent again.
struct PlannedCopies {
    sealed: BytesMut,
    left: u8,
    due: Timestamp,
}

/// Packets waiting for their copies: four sends of packets 1.3 ms apart, half a frame between,
/// take three. When it is full the oldest copy is not sent.
const COPIES_PLANNED_MAX: usize = 32;
/// Reports of a link that works.
const REPORT_EVERY: Duration = Duration::from_millis(100);
/// Reports of a new link until both ends know a way, so that they know within a few of these.
const REPORT_EVERY_AT_FIRST: Duration = Duration::from_millis(20);
const AT_FIRST: Duration = Duration::from_secs(1);
/// A confirmed way that was silent for so long is not the only one tried.
const TRY_OTHERS_AFTER_US: u64 = 500_000;
/// We say that we hear the other end's UDP if it came within this.
const UDP_HEARD_US: u64 = 1_000_000;

impl LinkSender {
    pub(super) fn new(now: Timestamp, link: Arc<Link>, sealer: Context) -> Self {
        Self {
            link,
            sealer,
            numbering: Numbering::default(),
            acknowledged: Acknowledged::default(),
            policy: RedundancyPolicy::new(),
            redundancy: Redundancy::NONE,
            path: None,
            copies: VecDeque::with_capacity(COPIES_PLANNED_MAX),
            plain: Vec::with_capacity(DATAGRAM_BYTES_MAX),
            next_report: now,
            next_test_packet: now,
            began: now,
            packets: 0,
            bytes: 0,
        }
    }

    pub(super) fn peer(&self) -> PeerId {
        self.link.peer
    }

    pub(super) fn is(&self, peer: PeerId, generation: u64) -> bool {
        self.link.peer == peer && self.link.generation == generation
    }

    pub(super) fn is_removed(&self) -> bool {
        self.link.shared.removed.load(Relaxed)
    }

    pub(super) fn set_path(&mut self, path: Path) {
        self.path = Some(path);
    }

    /// The link began again at its other end; our stream goes on.
    pub(super) fn go_on_with(&mut self, now: Timestamp, link: Arc<Link>) {
        self.link = link;
        self.began = now;
        self.next_report = now;
    }

    pub(super) fn start_again(&mut self) {
        self.numbering.break_off();
        self.copies.clear();
    }

    /// Sends one frame, with as many of the `earlier` ones (latest first) as the link needs.
    pub(super) fn send_frame(
        &mut self,
        now: Timestamp,
        format: StreamFormat,
        frame: &EncodedFrame,
        earlier: &[EncodedFrame],
        carrier: &mut Carrier,
    ) {
        let number = self.numbering.place(now, format, frame);
        if !self.may_send(now, number.sequence) {
            self.link.shared.send.held_back.fetch_add(1, Relaxed);
            return;
        }
        self.numbering.commit(now, frame, number);
        let fallback = self.link.shared.fallback.load(Relaxed);
        let redundancy = if fallback { Redundancy::NONE } else { self.redundancy };
        let depth = packet::depth_that_fits(frame.payload().len(), redundancy.depth);
        // After a jump in the numbers the frames before are not the numbers before.
        let depth = if number.follows { usize::from(depth).min(earlier.len()) } else { 0 };
        let mut header = RtpHeader {
            marker: !number.follows,
            payload_type: 0,
            sequence: number.sequence as u16,
            timestamp: number.media_time as u32,
            ssrc: self.link.send_ssrc,
        };
        self.plain.clear();
        self.plain.extend_from_slice(&header.to_bytes());
        let kind = packet::write_payload(&mut self.plain, format.codec(), frame, &earlier[..depth]);
        header.payload_type = kind as u8;
        self.plain[..packet::RTP_HEADER_BYTES].copy_from_slice(&header.to_bytes());
        let Ok(sealed) = self.sealer.encrypt_rtp_with_header(&self.plain, &crate_header(&header)) else {
            self.link.shared.send.refused.fetch_add(1, Relaxed);
            return;
        };
        self.link.shared.send.frames.fetch_add(1, Relaxed);
        self.send_sound(&sealed, carrier);
        if !fallback && redundancy.sends > 1 {
            if self.copies.len() >= COPIES_PLANNED_MAX {
                self.copies.pop_front();
            }
            let due = now + Duration::from_micros(u64::from(redundancy.spacing_us));
            self.copies.push_back(PlannedCopies { sealed, left: redundancy.sends - 1, due });
        }
    }

    /// Sends what is due; says when the next is.
    pub(super) fn poll(
        &mut self,
        now: Timestamp,
        format: Option<StreamFormat>,
        carrier: &mut Carrier,
    ) -> Timestamp {
        for _ in 0..self.copies.len() {
            let Some(mut copy) = self.copies.pop_front() else { break };
            if copy.due <= now {
                self.send_sound(&copy.sealed, carrier);
                copy.left -= 1;
                copy.due = copy.due + Duration::from_micros(u64::from(self.redundancy.spacing_us));
            }
            if copy.left > 0 {
                self.copies.push_back(copy);
            }
        }
        if self.next_report <= now {
            self.choose_redundancy(now, format);
            self.send_reports(now, carrier);
            let young = now.since(self.began) < AT_FIRST && self.link.shared.udp_state() != UdpState::Up;
            self.next_report = now + if young { REPORT_EVERY_AT_FIRST } else { REPORT_EVERY };
        }
        self.copies.iter().map(|copy| copy.due).fold(self.next_report, Timestamp::min)
    }

    /// Never leaves the other end so far behind that it could not follow, see [`Acknowledged`].
    fn may_send(&mut self, now: Timestamp, sequence: u64) -> bool {
        self.acknowledged.handle_highest(self.link.shared.far.highest.load(Relaxed));
        if self.acknowledged.allows(sequence) {
            return true;
        }
        // Its reports come again: one packet now and then, to be acknowledged.
        let answers = LinkShared::lately(&self.link.shared.answered_us, now, UDP_HEARD_US);
        let test = answers && self.next_test_packet <= now && self.acknowledged.allows_test(sequence);
        if test {
            self.next_test_packet = now + REPORT_EVERY;
        }
        test
    }

    fn send_sound(&mut self, sealed: &[u8], carrier: &mut Carrier) {
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(sealed.len() as u32);
        let numbers = &self.link.shared.send;
        numbers.datagrams.fetch_add(1, Relaxed);
        numbers.bytes.fetch_add(sealed.len() as u64, Relaxed);
        if self.link.shared.fallback.load(Relaxed) {
            self.send_fallback(sealed, carrier);
        } else if let Some(path) = self.path {
            self.send_udp(sealed, path, carrier);
        } else {
            self.link.candidates.iter().for_each(|path| self.send_udp(sealed, *path, carrier));
        }
    }

    fn send_udp(&self, sealed: &[u8], path: Path, carrier: &Carrier) {
        let Some(socket) = carrier.sockets.get(usize::from(path.socket)) else { return };
        let counter = match socket.send(sealed, path.addr) {
            Sent::Taken => return,
            Sent::Full => &self.link.shared.send.queue_full,
            Sent::Refused => &self.link.shared.send.refused,
        };
        counter.fetch_add(1, Relaxed);
    }

    fn send_fallback(&self, sealed: &[u8], carrier: &Carrier) {
        let taken = carrier
            .fallback
            .as_ref()
            .is_some_and(|fallback| fallback.try_send((self.link.peer, sealed.to_vec())).is_ok());
        let numbers = &self.link.shared.send;
        if taken { &numbers.fallback } else { &numbers.fallback_dropped }.fetch_add(1, Relaxed);
    }

    fn choose_redundancy(&mut self, now: Timestamp, format: Option<StreamFormat>) {
        let Some(format) = format else { return };
        let far = &self.link.shared.far;
        if far.reported_us.load(Relaxed) == 0 {
            return;
        }
        let frame_us = format.frame_samples() as u64 * 1_000_000 / u64::from(RATE_HZ);
        let wanted = self.policy.update(now, far.loss.get(), far.mean_burst.get(), frame_us as u32);
        self.redundancy = Redundancy { sends: wanted.sends.clamp(1, 4), ..wanted };
        self.link.shared.send.set_redundancy(self.redundancy);
    }

    /// One report; while no way is sure, one along every way, which also tries them.
    fn send_reports(&mut self, now: Timestamp, carrier: &mut Carrier) {
        let report = self.report(now).to_bytes();
        let sure = LinkShared::lately(&self.link.shared.heard_us, now, TRY_OTHERS_AFTER_US);
        if let Ok(sealed) = self.sealer.encrypt_rtcp(&report) {
            if let Some(path) = self.path {
                self.send_udp(&sealed, path, carrier);
            }
            if self.path.is_none() || !sure {
                let others = self.link.candidates.iter().filter(|path| Some(**path) != self.path);
                others.for_each(|path| self.send_udp(&sealed, *path, carrier));
            }
        }
        // Sealed again for the detour: whichever came second would be a replay of the first.
        if self.link.shared.fallback.load(Relaxed)
            && let Ok(sealed) = self.sealer.encrypt_rtcp(&report)
        {
            self.send_fallback(&sealed, carrier);
        }
    }

    fn report(&self, now: Timestamp) -> Report {
        let shared = &self.link.shared;
        let receive = &shared.receive;
        let last_report = receive.last_report.load(Relaxed);
        let (report, came) = ((last_report >> 32) as u32, last_report as u32);
        Report {
            ssrc: self.link.send_ssrc,
            sent: now,
            media_time: self.numbering.last_media_time() as u32,
            packets: self.packets,
            bytes: self.bytes,
            heard: Heard {
                ssrc: self.link.receive_ssrc,
                fraction_lost: (receive.loss.get() * 255.0) as u8,
                frames_lost: u32::try_from(receive.packets_lost.load(Relaxed)).unwrap_or(u32::MAX),
                highest: receive.highest.load(Relaxed) as u32,
                jitter: (receive.jitter_us.get() * 48.0 / 1_000.0) as u32,
                last_report: report,
                since_last_report: if report == 0 { 0 } else { ntp_middle(now).wrapping_sub(came) },
            },
            notes: Notes {
                loss: receive.loss.get(),
                mean_burst: receive.mean_burst.get(),
                udp_heard: LinkShared::lately(&shared.heard_us, now, UDP_HEARD_US),
                playout: shared.playout.report(),
                clock_offset_us: receive.clock_offset_us.load(Relaxed),
            },
        }
    }
}

/// Packet numbers of one link: they begin at 1 with its keys, never repeat and follow the frames'.
///
/// Where the engine's numbers break (a capture that began again), ours go on by as many frames as
/// the break lasted, and so do the media times.
#[derive(Debug, Default)]
struct Numbering {
    last: Option<Last>,
    broken: bool,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    frame: FrameSeq,
    frame_time: u64,
    number: Number,
    at: Timestamp,
}

/// The place of a frame on one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number {
    sequence: u64,
    media_time: u64,
    /// Whether the frame before it has the number before it.
    follows: bool,
}

/// Frames the engine may leave out and the numbers with it; a larger hole is a break. Less than the
/// other end's replay window of 1024.
const HOLE_MAX: u64 = 500;

impl Numbering {
    fn break_off(&mut self) {
        self.broken = true;
    }

    fn place(&self, now: Timestamp, format: StreamFormat, frame: &EncodedFrame) -> Number {
        let Some(last) = self.last else {
            return Number { sequence: 1, media_time: frame.media_time, follows: false };
        };
        let step = frame.seq.wrapping_sub(last.frame);
        let samples = frame.media_time.wrapping_sub(last.frame_time);
        let frame_samples = format.frame_samples() as u64;
        if !self.broken && (1..HOLE_MAX).contains(&step) && samples == step * frame_samples {
            return Number {
                sequence: last.number.sequence + step,
                media_time: last.number.media_time + samples,
                follows: step == 1,
            };
        }
        let silent_us = now.since(last.at).as_micros() as u64;
        let frames = (silent_us * u64::from(RATE_HZ) / 1_000_000 / frame_samples).max(1);
        Number {
            sequence: last.number.sequence + frames.min(HOLE_MAX),
            media_time: last.number.media_time + frames * frame_samples,
            follows: false,
        }
    }

    fn commit(&mut self, now: Timestamp, frame: &EncodedFrame, number: Number) {
        self.broken = false;
        self.last = Some(Last { frame: frame.seq, frame_time: frame.media_time, number, at: now });
    }

    fn last_media_time(&self) -> u64 {
        self.last.map_or(0, |last| last.number.media_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_frames_and_never_repeat() {
        let format = StreamFormat::opus(1, 120, 128).unwrap();
        let mut numbering = Numbering::default();
        let mut send = |at_ms: u64, seq: u64, media_time: u64| {
            let frame = EncodedFrame::new(seq, media_time, &[0; 40]).unwrap();
            let now = Timestamp::from_millis(at_ms);
            let number = numbering.place(now, format, &frame);
            numbering.commit(now, &frame, number);
            (number.sequence, number.media_time, number.follows)
        };
        assert_eq!(send(0, 70_000, 9_000), (1, 9_000, false));
        assert_eq!(send(2, 70_001, 9_120), (2, 9_120, true));
        assert_eq!(send(7, 70_003, 9_360), (4, 9_360, false));
        // The capture begins again, 100 ms later, with number 0 and time 0.
        assert_eq!(send(107, 0, 0), (44, 9_360 + 4_800, false));
        assert_eq!(send(110, 1, 120), (45, 9_360 + 4_920, true));
    }
}

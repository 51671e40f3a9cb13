//! One link: what the encoder thread, the receive threads and the control side share of it.
//!
//! Only counters and flags are shared, all relaxed atomics: nobody reads one to find another. The
//! receiving half is behind a mutex that only receive threads take, and [`super::MediaPlane::fallback_in`]
//! while the detour is in use.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use super::opener::LinkOpener;
use super::socket::Path;
use crate::domain::peer_id::PeerId;
use crate::domain::time::Timestamp;
use crate::protocol::frame::Redundancy;
use crate::protocol::report::{Notes, PlayoutReport};

/// One link, from `add_link` until it is replaced or removed.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) peer: PeerId,
    /// Names this link among the ones to the same peer.
    pub(super) generation: u64,
    pub(super) send_ssrc: u32,
    pub(super) receive_ssrc: u32,
    /// What the other end offered.
    pub(super) candidates: Vec<Path>,
    /// `None` once a renewed link took it over.
    pub(super) opener: Mutex<Option<LinkOpener>>,
    pub(super) shared: LinkShared,
}

/// Whether UDP works on a link, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum UdpState {
    /// Not known yet.
    Searching = 0,
    /// Packets come, and the other end says that ours do.
    Up = 1,
    /// Nothing for two seconds, in one direction or both.
    Silent = 2,
}

impl UdpState {
    pub(super) const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Up,
            2 => Self::Silent,
            _ => Self::Searching,
        }
    }
}

/// The shared numbers of a link. Times are µs of [`Timestamp`], 0 for never.
#[derive(Debug, Default)]
pub(super) struct LinkShared {
    /// Set once by the control side; the threads drop the link when they see it.
    pub(super) removed: AtomicBool,
    /// Set by the control side: frames go by the detour.
    pub(super) fallback: AtomicBool,
    /// A [`UdpState`].
    pub(super) udp: AtomicU8,
    pub(super) added_us: AtomicU64,
    pub(super) heard_us: AtomicU64,
    /// When the other end last said that it hears our UDP.
    pub(super) answered_us: AtomicU64,
    pub(super) receive: ReceiveNumbers,
    pub(super) send: SendNumbers,
    /// What our engine says, set by the control side.
    pub(super) playout: PlayoutNumbers,
    pub(super) far: FarNumbers,
}

/// Written by the receive threads.
#[derive(Debug, Default)]
pub(super) struct ReceiveNumbers {
    pub(super) datagrams: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) copies: AtomicU64,
    pub(super) replayed: AtomicU64,
    pub(super) forged: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) ring_full: AtomicU64,
    pub(super) packets_lost: AtomicU64,
    pub(super) highest: AtomicU64,
    pub(super) loss: F32,
    pub(super) mean_burst: F32,
    pub(super) jitter_us: F32,
    pub(super) delay_p99_us: AtomicU32,
    /// Plus one; 0 is unknown.
    pub(super) rtt_us: AtomicU32,
    pub(super) clock_offset_us: AtomicI64,
    /// The other end's last report (upper half) and when it came (lower half), in 1/65536 s.
    pub(super) last_report: AtomicU64,
}

/// Written by the encoder thread.
#[derive(Debug, Default)]
pub(super) struct SendNumbers {
    pub(super) frames: AtomicU64,
    pub(super) datagrams: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) queue_full: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) held_back: AtomicU64,
    pub(super) fallback: AtomicU64,
    pub(super) fallback_dropped: AtomicU64,
    pub(super) redundancy: AtomicU64,
}

/// What an engine says of a stream.
#[derive(Debug, Default)]
pub(super) struct PlayoutNumbers {
    playout_delay_us: AtomicU32,
    target_delay_us: AtomicU32,
    late_frames: AtomicU32,
    concealed_frames: AtomicU32,
    drift_ppm: F32,
}

/// What the other end says of our stream; written by the receive threads.
#[derive(Debug, Default)]
pub(super) struct FarNumbers {
    pub(super) reported_us: AtomicU64,
    pub(super) loss: F32,
    pub(super) mean_burst: F32,
    pub(super) highest: AtomicU32,
    pub(super) frames_lost: AtomicU32,
    pub(super) jitter_us: F32,
    pub(super) playout: PlayoutNumbers,
}

impl LinkShared {
    pub(super) fn udp_state(&self) -> UdpState {
        UdpState::from_number(self.udp.load(Relaxed))
    }

    /// Whether `at` (one of the times above) is not longer ago than `within_us`.
    pub(super) fn lately(at: &AtomicU64, now: Timestamp, within_us: u64) -> bool {
        let at = at.load(Relaxed);
        at != 0 && now.micros().saturating_sub(at) <= within_us
    }
}

impl SendNumbers {
    pub(super) fn set_redundancy(&self, redundancy: Redundancy) {
        let packed = u64::from(redundancy.sends) << 40
            | u64::from(redundancy.depth) << 32
            | u64::from(redundancy.spacing_us);
        self.redundancy.store(packed, Relaxed);
    }

    pub(super) fn redundancy(&self) -> Redundancy {
        let packed = self.redundancy.load(Relaxed);
        let sends = ((packed >> 40) as u8).max(1);
        Redundancy { sends, depth: (packed >> 32) as u8, spacing_us: packed as u32 }
    }
}

impl PlayoutNumbers {
    pub(super) fn set(&self, report: &PlayoutReport) {
        self.playout_delay_us.store(report.playout_delay_us, Relaxed);
        self.target_delay_us.store(report.target_delay_us, Relaxed);
        self.late_frames.store(report.late_frames, Relaxed);
        self.concealed_frames.store(report.concealed_frames, Relaxed);
        self.drift_ppm.set(report.drift_ppm);
    }

    pub(super) fn report(&self) -> PlayoutReport {
        PlayoutReport {
            playout_delay_us: self.playout_delay_us.load(Relaxed),
            target_delay_us: self.target_delay_us.load(Relaxed),
            late_frames: self.late_frames.load(Relaxed),
            concealed_frames: self.concealed_frames.load(Relaxed),
            drift_ppm: self.drift_ppm.get(),
        }
    }
}

/// An `f32` in an atomic.
#[derive(Debug, Default)]
pub(super) struct F32(AtomicU32);

impl F32 {
    pub(super) fn set(&self, value: f32) {
        self.0.store(value.to_bits(), Relaxed);
    }

    pub(super) fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Relaxed))
    }
}

/// One link, in numbers for people and for the peer's decisions.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkReport {
    /// Whether UDP works.
    pub udp: UdpState,
    /// Where packets go, once an address answered.
    pub addr: Option<std::net::SocketAddr>,
    /// Whether frames go by the detour.
    pub fallback: bool,
    /// Round trip, µs.
    pub rtt_us: Option<u32>,
    /// The other end's clock minus ours, µs.
    pub clock_offset_us: Option<i64>,
    /// Their stream, as it comes here.
    pub receive: ReceiveReport,
    /// Our stream, as we send it.
    pub send: SendReport,
    /// Our stream, as they say it arrives; `None` before their first report.
    pub far: Option<FarReport>,
}

/// How their stream comes here.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct ReceiveReport {
    /// Datagrams with sound that were theirs, copies not counted.
    pub datagrams: u64,
    /// Bytes of them on the wire (UDP payload).
    pub bytes: u64,
    /// Copies of what had come already.
    pub copies: u64,
    /// Share of datagrams lost lately, copies counted: 0.0 to 1.0.
    pub loss: f32,
    /// Mean length of a run of packets of which no copy came.
    pub mean_burst: f32,
    /// Packets of which no copy came.
    pub packets_lost: u64,
    /// RFC 3550 interarrival jitter, µs.
    pub jitter_us: f32,
    /// 99 of 100 packets are not later than this after the fastest, µs.
    pub delay_p99_us: u32,
    /// Old packets sent again by somebody.
    pub replayed: u64,
    /// Packets that claimed to be theirs and were not.
    pub forged: u64,
    /// Authentic packets that make no sense: another format or version.
    pub malformed: u64,
    /// Frames dropped because the engine did not take them.
    pub ring_full: u64,
}

/// How our stream is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendReport {
    /// Frames.
    pub frames: u64,
    /// Datagrams, copies counted.
    pub datagrams: u64,
    /// Bytes of them (UDP payload).
    pub bytes: u64,
    /// What is done against loss now.
    pub redundancy: Redundancy,
    /// Datagrams the system had no room for.
    pub queue_full: u64,
    /// Datagrams the system would not send: no route, no interface.
    pub refused: u64,
    /// Frames not sent because the other end has answered nothing for too long.
    pub held_back: u64,
    /// Packets that took the detour.
    pub fallback: u64,
    /// Packets the detour had no room for.
    pub fallback_dropped: u64,
}

/// How our stream arrives, as the other end says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FarReport {
    /// When they said so.
    pub at: Timestamp,
    /// Share of our datagrams lost lately.
    pub loss: f32,
    /// Mean length of a run of lost packets.
    pub mean_burst: f32,
    /// Frames of which no copy came.
    pub frames_lost: u32,
    /// Jitter, µs.
    pub jitter_us: f32,
    /// What their engine does with our stream.
    pub playout: PlayoutReport,
}

impl LinkShared {
    pub(super) fn report(&self, addr: Option<std::net::SocketAddr>) -> LinkReport {
        let (receive, send, far) = (&self.receive, &self.send, &self.far);
        let rtt_us = receive.rtt_us.load(Relaxed).checked_sub(1);
        LinkReport {
            udp: self.udp_state(),
            addr,
            fallback: self.fallback.load(Relaxed),
            rtt_us,
            clock_offset_us: rtt_us.map(|_| receive.clock_offset_us.load(Relaxed)),
            receive: ReceiveReport {
                datagrams: receive.datagrams.load(Relaxed),
                bytes: receive.bytes.load(Relaxed),
                copies: receive.copies.load(Relaxed),
                loss: receive.loss.get(),
                mean_burst: receive.mean_burst.get(),
                packets_lost: receive.packets_lost.load(Relaxed),
                jitter_us: receive.jitter_us.get(),
                delay_p99_us: receive.delay_p99_us.load(Relaxed),
                replayed: receive.replayed.load(Relaxed),
                forged: receive.forged.load(Relaxed),
                malformed: receive.malformed.load(Relaxed),
                ring_full: receive.ring_full.load(Relaxed),
            },
            send: SendReport {
                frames: send.frames.load(Relaxed),
                datagrams: send.datagrams.load(Relaxed),
                bytes: send.bytes.load(Relaxed),
                redundancy: send.redundancy(),
                queue_full: send.queue_full.load(Relaxed),
                refused: send.refused.load(Relaxed),
                held_back: send.held_back.load(Relaxed),
                fallback: send.fallback.load(Relaxed),
                fallback_dropped: send.fallback_dropped.load(Relaxed),
            },
            far: (far.reported_us.load(Relaxed) != 0).then(|| FarReport {
                at: Timestamp::from_micros(far.reported_us.load(Relaxed)),
                loss: far.loss.get(),
                mean_burst: far.mean_burst.get(),
                frames_lost: far.frames_lost.load(Relaxed),
                jitter_us: far.jitter_us.get(),
                playout: far.playout.report(),
            }),
        }
    }
}

impl FarNumbers {
    pub(super) fn set(&self, now: Timestamp, report: &crate::protocol::report::Report) {
        let Notes { loss, mean_burst, playout, .. } = report.notes;
        self.loss.set(loss);
        self.mean_burst.set(mean_burst);
        self.frames_lost.store(report.heard.frames_lost, Relaxed);
        self.jitter_us.set(report.heard.jitter as f32 * 1_000.0 / 48.0);
        self.highest.store(report.heard.highest, Relaxed);
        self.playout.set(&playout);
        self.reported_us.store(now.micros().max(1), Relaxed);
    }
}

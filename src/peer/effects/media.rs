//! The media path: keys, links, and what they measure.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::sound::SoundPart;
use crate::domain::peer_id::PeerId;
use crate::net::media::{LinkReport, LinkSpec, MediaBind, MediaError, MediaEvent, MediaPlane, StreamKeys};
use crate::peer::api::{ErrorCode, ErrorReply};
use crate::peer::message::{LinkReading, MediaEffect, MediaMessage, Message};
use crate::priority::Raised;
use crate::protocol::control::{MEDIA_ADDRS_MAX, MediaOffer};
use crate::protocol::frame::{Redundancy, frame_ring};
use crate::protocol::report::PlayoutReport;

/// Sealed packets that may wait for the control path to take them. When it is full a packet is
/// dropped and counted by the link (`fallback_dropped`): later it would be of no use.
pub(super) const FALLBACK_MAX: usize = 256;

/// Sealed packets on their way to the control path.
pub(super) type Packets = mpsc::Receiver<(PeerId, Vec<u8>)>;

/// Keys of ours that are told but not in use; the link they were for replaces or drops them.
type Offers = BTreeMap<PeerId, (u32, StreamKeys)>;

/// The running media path.
#[derive(Debug)]
pub(super) struct MediaPart {
    plane: MediaPlane,
    offers: Offers,
    links: BTreeMap<PeerId, Rate>,
}

/// Bytes received at the last reading, to tell a rate.
#[derive(Debug, Default, Clone, Copy)]
struct Rate {
    bytes: u64,
    at_us: u64,
    kbit_s: Option<f64>,
}

impl MediaPart {
    pub(super) fn start(ifaces: &[String], port: Option<u16>) -> Result<(Self, Packets), ErrorReply> {
        let (fallback, packets) = mpsc::channel(FALLBACK_MAX);
        let bind = MediaBind { ifaces: ifaces.to_vec(), port, fallback: Some(fallback) };
        let plane = MediaPlane::bind(&bind).map_err(|error| {
            let (code, remedy) = match &error {
                MediaError::NoInterface(_) => (ErrorCode::Usage, "`jamtty doctor` lists the interfaces"),
                MediaError::PortTaken(_) => (ErrorCode::TryAgain, "Choose another port, or none"),
                MediaError::Bind(_)
                | MediaError::Thread(_)
                | MediaError::Randomness(_)
                | MediaError::Keys
                | MediaError::KeysUsed
                | MediaError::Stalled => (ErrorCode::Failed, "Try again; `jamtty doctor` says more"),
            };
            ErrorReply::new(code, "sound cannot use the network", error.to_string(), remedy)
        })?;
        Ok((Self { plane, offers: BTreeMap::new(), links: BTreeMap::new() }, packets))
    }

    /// The sending side, once, for the engine.
    pub(super) fn sink(&mut self) -> Option<crate::net::media::MediaSink> {
        self.plane.sink()
    }

    /// Does it; what follows at once comes back.
    pub(super) fn apply(&mut self, effect: MediaEffect, sound: &mut SoundPart) -> Option<MediaMessage> {
        match effect {
            MediaEffect::MakeOffer { peer, generation, format } => {
                let keys = match StreamKeys::generate() {
                    Ok(keys) => keys,
                    Err(error) => return Some(MediaMessage::Failed { peer, why: error.to_string() }),
                };
                let mut addrs = self.plane.candidates();
                addrs.truncate(MEDIA_ADDRS_MAX);
                let offer =
                    MediaOffer { generation, ssrc: keys.ssrc, key: keys.key, salt: keys.salt, addrs, format };
                self.offers.insert(peer, (generation, keys));
                Some(MediaMessage::OfferReady { peer, offer })
            }
            MediaEffect::Link { peer, generation, theirs, strip, delay } => {
                let (_, send) = self.offers.remove(&peer).filter(|(number, _)| *number == generation)?;
                let receive = StreamKeys { ssrc: theirs.ssrc, key: theirs.key, salt: theirs.salt };
                let (frames, played) = frame_ring();
                let format = theirs.format;
                let spec = LinkSpec { peer, send, receive, remote: theirs.addrs.clone(), frames, format };
                self.links.insert(peer, Rate::default());
                let made = sound
                    .add_remote(peer, format, played, strip, delay)
                    .and_then(|()| self.plane.add_link(spec).map_err(|error| error.to_string()));
                made.err().map(|why| {
                    self.drop_link(peer, sound);
                    MediaMessage::Failed { peer, why }
                })
            }
            MediaEffect::Unlink(peer) => {
                self.offers.remove(&peer);
                self.drop_link(peer, sound);
                None
            }
        }
    }

    fn drop_link(&mut self, peer: PeerId, sound: &mut SoundPart) {
        self.links.remove(&peer);
        self.plane.remove_link(peer);
        sound.remove_remote(peer);
    }

    /// Frames go by a stream, or by UDP again.
    pub(super) fn use_fallback(&self, peer: PeerId, on: bool) {
        self.plane.use_fallback(peer, on);
    }

    /// A sealed packet came by a stream.
    pub(super) fn packet_in(&self, peer: PeerId, packet: &[u8]) {
        self.plane.fallback_in(peer, packet);
    }

    /// The next thing that happened.
    pub(super) fn poll(&mut self) -> Option<Message> {
        let message = match self.plane.poll_event()? {
            MediaEvent::UdpUp { peer, addr } => MediaMessage::Up { peer, addr },
            MediaEvent::Moved { peer, addr } => MediaMessage::Moved { peer, addr },
            MediaEvent::UdpSilent { peer } => MediaMessage::Silent { peer },
            MediaEvent::ReceivePriority(outcome) => return Some(raised("receive", outcome)),
        };
        Some(Message::Media(message))
    }

    /// Figures of all links; tells the other ends what our engine does with their streams.
    pub(super) fn read(&mut self, now_us: u64, sound: &SoundPart) -> BTreeMap<PeerId, LinkReading> {
        let mut readings = BTreeMap::new();
        for (peer, rate) in &mut self.links {
            let mut reading = LinkReading::default();
            if let Some(report) = self.plane.link_report(*peer) {
                rate.update(report.receive.bytes, now_us);
                take_report(&mut reading, &report);
                reading.figures.kbit_s = rate.kbit_s;
            }
            if let Some(playout) = sound.read_remote(*peer, &mut reading) {
                self.plane.set_playout(*peer, playout);
            }
            readings.insert(*peer, reading);
        }
        readings
    }

    /// The port of the first address.
    pub(super) fn port(&self) -> u16 {
        self.plane.candidates().first().map_or(0, std::net::SocketAddr::port)
    }

    pub(super) fn counters(&self) -> Vec<(&'static str, u64)> {
        let plane = self.plane.counters();
        let mut counters = vec![
            ("media_packets_unknown", plane.unknown),
            ("media_packets_throttled", plane.throttled),
            ("media_receive_errors", plane.receive_errors),
            ("media_events_dropped", plane.events_dropped),
        ];
        let mut sums = [
            ("media_forged", 0),
            ("media_replayed", 0),
            ("media_malformed", 0),
            ("media_ring_full", 0),
            ("media_send_queue_full", 0),
            ("media_send_refused", 0),
            ("media_fallback_dropped", 0),
        ];
        for report in self.links.keys().filter_map(|peer| self.plane.link_report(*peer)) {
            let receive = report.receive;
            let send = report.send;
            let numbers = [
                receive.forged,
                receive.replayed,
                receive.malformed,
                receive.ring_full,
                send.queue_full,
                send.refused,
                send.fallback_dropped,
            ];
            for (sum, number) in sums.iter_mut().zip(numbers) {
                sum.1 += number;
            }
        }
        counters.extend(sums);
        counters
    }
}

impl Rate {
    /// A rate over at least half a second, so that it does not dance.
    fn update(&mut self, bytes: u64, now_us: u64) {
        let passed_us = now_us.saturating_sub(self.at_us);
        if self.at_us == 0 || bytes < self.bytes {
            *self = Self { bytes, at_us: now_us, kbit_s: None };
        } else if passed_us >= 500_000 {
            let kbit_s = (bytes - self.bytes) as f64 * 8_000.0 / passed_us as f64;
            *self = Self { bytes, at_us: now_us, kbit_s: Some(kbit_s) };
        }
    }
}

fn take_report(reading: &mut LinkReading, report: &LinkReport) {
    let ms = |us: f64| us / 1_000.0;
    let heard = report.receive.datagrams > 0;
    reading.figures.rtt_ms = report.rtt_us.map(|us| ms(f64::from(us)));
    reading.figures.clock_offset_ms = report.clock_offset_us.map(|us| ms(us as f64));
    reading.figures.jitter_ms = heard.then(|| ms(f64::from(report.receive.jitter_us)));
    reading.figures.lost_pct = heard.then(|| f64::from(report.receive.loss) * 100.0);
    reading.figures.lost = report.receive.packets_lost;
    reading.figures.redundancy = redundancy_words(report.send.redundancy);
    if let Some(far) = &report.far {
        reading.figures.their_lost_pct = Some(f64::from(far.loss) * 100.0);
        reading.figures.their_playout_delay_ms = Some(ms(f64::from(far.playout.playout_delay_us)));
    }
}

/// What became of raising a thread, as a message.
pub(super) fn raised(thread: &'static str, raised: Raised) -> Message {
    Message::Raised { thread, words: raised.words(), remedy: raised.remedy().map(str::to_owned) }
}

/// What our engine says of a stream, for the other end.
pub(super) fn playout_report(
    playout_delay_ms: f64,
    target_delay_ms: f64,
    late: u64,
    concealed: u64,
    drift_ppm: f64,
) -> PlayoutReport {
    let us = |ms: f64| (ms.clamp(0.0, 1e6) * 1_000.0) as u32;
    let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    PlayoutReport {
        playout_delay_us: us(playout_delay_ms),
        target_delay_us: us(target_delay_ms),
        late_frames: count(late),
        concealed_frames: count(concealed),
        drift_ppm: drift_ppm as f32,
    }
}

fn redundancy_words(redundancy: Redundancy) -> String {
    let Redundancy { sends, spacing_us, depth } = redundancy;
    let mut words = if sends <= 1 {
        "1 copy".to_owned()
    } else {
        format!("{sends} copies {:.1} ms apart", f64::from(spacing_us) / 1_000.0)
    };
    match depth {
        0 => {}
        1 => words.push_str(", with the frame before"),
        more => words.push_str(&format!(", with {more} frames before")),
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redundancy_is_said_in_words() {
        assert_eq!(redundancy_words(Redundancy::NONE), "1 copy");
        let strong = Redundancy { sends: 2, spacing_us: 1_250, depth: 1 };
        assert_eq!(redundancy_words(strong), "2 copies 1.2 ms apart, with the frame before");
    }

    #[test]
    fn a_rate_is_told_once_half_a_second_passed() {
        let mut rate = Rate::default();
        rate.update(0, 1);
        rate.update(10_000, 100_000);
        assert_eq!(rate.kbit_s, None);
        rate.update(62_500, 1_000_001);
        assert!(rate.kbit_s.is_some_and(|kbit_s| (kbit_s - 500.0).abs() < 1.0));
    }
}

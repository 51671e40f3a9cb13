//! Two ends of a link on the loopback interface, driven by one test thread.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jamtty::clock;
use jamtty::domain::peer_id::PeerId;
use jamtty::domain::stream::StreamFormat;
use jamtty::domain::time::Timestamp;
use jamtty::net::media::{
    LinkReport, LinkSpec, MediaBind, MediaEvent, MediaPlane, MediaSink, StreamKeys, UdpState,
};
use jamtty::protocol::frame::{EncodedFrame, FrameSink, ReceivedFrame, frame_ring};

pub(crate) const FRAME_US: u64 = 2_500;

pub(crate) fn format() -> StreamFormat {
    StreamFormat::opus(1, 120, 128).unwrap()
}

/// A frame that has its number in its payload.
pub(crate) fn frame(seq: u64) -> EncodedFrame {
    let mut payload = [seq as u8; 40];
    payload[..8].copy_from_slice(&seq.to_be_bytes());
    EncodedFrame::new(seq, seq * 120, &payload).unwrap()
}

/// A link of these keys, without an address, and where its frames come out.
pub(crate) fn spec(
    peer: PeerId,
    send: &StreamKeys,
    receive: &StreamKeys,
) -> (LinkSpec, rtrb::Consumer<ReceivedFrame>) {
    let (frames, consumer) = frame_ring();
    let (send, receive) = (send.clone(), receive.clone());
    (LinkSpec { peer, send, receive, remote: Vec::new(), frames, format: format() }, consumer)
}

/// One end of one link.
pub(crate) struct End {
    pub(crate) peer: PeerId,
    pub(crate) plane: MediaPlane,
    pub(crate) sink: MediaSink,
    pub(crate) frames: rtrb::Consumer<ReceivedFrame>,
    pub(crate) events: Vec<MediaEvent>,
    pub(crate) heard: Vec<ReceivedFrame>,
    pub(crate) sent: u64,
    pub(crate) fallback: tokio::sync::mpsc::Receiver<(PeerId, Vec<u8>)>,
}

impl End {
    pub(crate) fn new(number: u8) -> Self {
        let (to_fallback, fallback) = tokio::sync::mpsc::channel(64);
        let bind = MediaBind { ifaces: vec!["lo".to_owned()], port: None, fallback: Some(to_fallback) };
        let mut plane = MediaPlane::bind(&bind).unwrap();
        let mut sink = plane.sink().unwrap();
        sink.start(format());
        let peer = PeerId::from_bytes([number; 32]);
        let frames = frame_ring().1;
        Self { peer, plane, sink, frames, events: Vec::new(), heard: Vec::new(), sent: 0, fallback }
    }

    pub(crate) fn addr(&self, v6: bool) -> SocketAddr {
        self.plane.candidates().into_iter().find(|addr| addr.is_ipv6() == v6).unwrap()
    }

    pub(crate) fn connect(
        &mut self,
        to: PeerId,
        send: &StreamKeys,
        receive: &StreamKeys,
        remote: Vec<SocketAddr>,
    ) {
        let (spec, consumer) = spec(to, send, receive);
        self.plane.add_link(LinkSpec { remote, ..spec }).unwrap();
        self.frames = consumer;
    }

    pub(crate) fn send_one(&mut self) {
        self.sent += 1;
        self.sink.send(clock::now(), &frame(self.sent));
    }

    pub(crate) fn fetch(&mut self) {
        while let Ok(frame) = self.frames.pop() {
            self.heard.push(frame);
        }
        while let Some(event) = self.plane.poll_event() {
            self.events.push(event);
        }
    }

    /// The numbers in the payloads that came, in order.
    pub(crate) fn heard_numbers(&self) -> Vec<u64> {
        let number = |heard: &ReceivedFrame| *heard.frame.payload().first_chunk().unwrap();
        let mut numbers: Vec<u64> =
            self.heard.iter().map(|heard| u64::from_be_bytes(number(heard))).collect();
        numbers.sort_unstable();
        numbers
    }

    pub(crate) fn udp(&self, of: PeerId) -> UdpState {
        self.plane.link_report(of).unwrap().udp
    }
}

/// Both ends.
pub(crate) struct Pair {
    pub(crate) a: End,
    pub(crate) b: End,
    pub(crate) a_keys: StreamKeys,
    pub(crate) b_keys: StreamKeys,
}

impl Pair {
    pub(crate) fn new(v6: bool) -> Self {
        let (a, b) = (End::new(1), End::new(2));
        let (to_a, to_b) = (vec![a.addr(v6)], vec![b.addr(v6)]);
        Self::between(a, b, to_a, to_b)
    }

    /// `to_a`: where `b` believes `a` to be.
    pub(crate) fn between(mut a: End, mut b: End, to_a: Vec<SocketAddr>, to_b: Vec<SocketAddr>) -> Self {
        let (a_keys, b_keys) = (StreamKeys::generate().unwrap(), StreamKeys::generate().unwrap());
        a.connect(b.peer, &a_keys, &b_keys, to_b);
        b.connect(a.peer, &b_keys, &a_keys, to_a);
        Self { a, b, a_keys, b_keys }
    }

    /// Both send a frame every 2.5 ms until `done`, for at most twenty seconds.
    pub(crate) fn play_until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut next = clock::now();
        while !done(self) {
            assert!(Instant::now() < deadline, "{what}: {:?} {:?}", self.a_report(), self.b_report());
            self.a.send_one();
            self.b.send_one();
            next = next + Duration::from_micros(FRAME_US);
            self.poll_until(next);
        }
    }

    /// Nobody sends a frame until `done`.
    pub(crate) fn listen_until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !done(self) {
            assert!(Instant::now() < deadline, "{what}: {:?} {:?}", self.a_report(), self.b_report());
            self.poll_until(clock::now() + Duration::from_millis(5));
        }
    }

    /// Copies and reports go on until then.
    pub(crate) fn poll_until(&mut self, moment: Timestamp) {
        loop {
            let now = clock::now();
            self.a.fetch();
            self.b.fetch();
            let due = self.a.sink.poll(now).min(self.b.sink.poll(now)).min(moment);
            if now >= moment {
                return;
            }
            std::thread::park_timeout(due.since(now).min(Duration::from_millis(1)));
        }
    }

    pub(crate) fn play(&mut self, frames: u64) {
        let until = self.a.sent + frames;
        self.play_until("play", |pair| pair.a.sent >= until);
    }

    pub(crate) fn play_until_up(&mut self) {
        self.play_until("up", |pair| {
            pair.a.udp(pair.b.peer) == UdpState::Up && pair.b.udp(pair.a.peer) == UdpState::Up
        });
    }

    pub(crate) fn a_report(&self) -> LinkReport {
        self.a.plane.link_report(self.b.peer).unwrap()
    }

    pub(crate) fn b_report(&self) -> LinkReport {
        self.b.plane.link_report(self.a.peer).unwrap()
    }

    /// The next frames of both.
    pub(crate) fn marks(&self) -> (u64, u64) {
        (self.a.sent + 1, self.b.sent + 1)
    }

    /// Every frame since the marks arrives, exactly once.
    pub(crate) fn assert_undamaged_since(&mut self, (from_a, from_b): (u64, u64)) {
        let (a_sent, b_sent) = (self.a.sent, self.b.sent);
        self.play_until("the last frames", |pair| {
            pair.b.heard_numbers().last() >= Some(&a_sent) && pair.a.heard_numbers().last() >= Some(&b_sent)
        });
        let between = |numbers: Vec<u64>, from: u64, to: u64| -> Vec<u64> {
            numbers.into_iter().filter(|number| (from..=to).contains(number)).collect()
        };
        assert_eq!(between(self.b.heard_numbers(), from_a, a_sent), (from_a..=a_sent).collect::<Vec<_>>());
        assert_eq!(between(self.a.heard_numbers(), from_b, b_sent), (from_b..=b_sent).collect::<Vec<_>>());
    }
}

//! What a packet costs: the base of DESIGN's "no queue between encoder and socket", and of one
//! receive thread per socket.
//!
//! `seal` and `open` are the cryptography with our header and payload; `send` is all the encoder
//! thread does for one frame and one peer, with the system call. After them: how long a frame takes
//! from `send` to the ring, and what a two-way link of 750 packets a second costs this process.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin fails loudly")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use jamtty::clock;
use jamtty::domain::peer_id::PeerId;
use jamtty::domain::stream::{Codec, StreamFormat};
use jamtty::net::media::{LinkSpec, MediaBind, MediaPlane, MediaSink, StreamKeys};
use jamtty::protocol::frame::{EncodedFrame, FrameSink, ReceivedFrame, frame_ring};
use jamtty::protocol::packet::{RtpHeader, read_payload, write_payload};

fn format() -> StreamFormat {
    StreamFormat::pcm(Codec::Pcm16, 1, 64).unwrap()
}

fn frame(seq: u64) -> EncodedFrame {
    EncodedFrame::new(seq, seq * 64, &[7; 128]).unwrap()
}

fn plain_packet(seq: u64, ssrc: u32) -> Vec<u8> {
    let header =
        RtpHeader { marker: false, payload_type: 97, sequence: seq as u16, timestamp: seq as u32 * 64, ssrc };
    let mut packet = header.to_bytes().to_vec();
    write_payload(&mut packet, Codec::Pcm16, &frame(seq), &[]);
    packet
}

fn seal_and_open(criterion: &mut Criterion) {
    let keys = StreamKeys::generate().unwrap();
    let mut sealer = keys.sealer().unwrap();
    let mut opener = keys.opener().unwrap();
    let mut seq = 0;
    criterion.bench_function("seal", |bench| {
        bench.iter(|| {
            seq += 1;
            black_box(sealer.encrypt_rtp(&plain_packet(seq, keys.ssrc)).unwrap())
        });
    });
    let mut again = keys.sealer().unwrap();
    let mut seq = 0;
    criterion.bench_function("open", |bench| {
        bench.iter_batched(
            || {
                seq += 1;
                again.encrypt_rtp(&plain_packet(seq, keys.ssrc)).unwrap()
            },
            |sealed| {
                let plain = opener.decrypt_rtp(&sealed).unwrap();
                black_box(read_payload(format(), 97, &plain[12..]).unwrap().newest.len())
            },
            BatchSize::NumIterations(64),
        );
    });
}

/// Two ends of a link over 127.0.0.1.
struct Jam {
    planes: [MediaPlane; 2],
    sinks: [MediaSink; 2],
    rings: [rtrb::Consumer<ReceivedFrame>; 2],
    seq: u64,
}

impl Jam {
    fn new() -> Self {
        let bind = MediaBind { ifaces: vec!["lo".to_owned()], ..MediaBind::default() };
        let mut planes = [MediaPlane::bind(&bind).unwrap(), MediaPlane::bind(&bind).unwrap()];
        let keys = [StreamKeys::generate().unwrap(), StreamKeys::generate().unwrap()];
        let mut sinks = planes.each_mut().map(|plane| plane.sink().unwrap());
        sinks.iter_mut().for_each(|sink| sink.start(format()));
        let addrs = planes.each_ref().map(MediaPlane::candidates);
        let rings = [0, 1].map(|own: usize| {
            let (frames, ring) = frame_ring();
            let spec = LinkSpec {
                peer: PeerId::from_bytes([own as u8; 32]),
                send: keys[own].clone(),
                receive: keys[1 - own].clone(),
                remote: addrs[1 - own].clone(),
                frames,
                format: format(),
            };
            planes[own].add_link(spec).unwrap();
            ring
        });
        let mut jam = Self { planes, sinks, rings, seq: 0 };
        let deadline = Instant::now() + Duration::from_secs(5);
        while jam.rings.iter().any(rtrb::Consumer::is_empty) {
            assert!(Instant::now() < deadline, "no sound after 5 s: {:?}", jam.planes);
            jam.send();
            std::thread::park_timeout(Duration::from_millis(1));
        }
        jam
    }

    fn send(&mut self) {
        self.seq += 1;
        let frame = frame(self.seq);
        self.sinks.iter_mut().for_each(|sink| sink.send(clock::now(), &frame));
    }

    fn wait_for_reports(&mut self) {
        let until = Instant::now() + Duration::from_millis(120);
        while Instant::now() < until {
            self.sinks.iter_mut().for_each(|sink| {
                sink.poll(clock::now());
            });
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    fn empty(&mut self) {
        self.rings.iter_mut().for_each(|ring| while ring.pop().is_ok() {});
    }
}

/// Sends in a row: a link does not send much further than the other end has acknowledged.
const BATCH: usize = 5_000;

fn send(criterion: &mut Criterion) {
    let mut jam = Jam::new();
    let mut group = criterion.benchmark_group("encoder");
    group.sample_size(10);
    group.bench_function("send", |bench| {
        bench.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            for batch in (0..iterations).step_by(BATCH) {
                let began = Instant::now();
                for _ in 0..(iterations - batch).min(BATCH as u64) {
                    jam.seq += 1;
                    jam.sinks[0].send(clock::now(), &frame(jam.seq));
                }
                spent += began.elapsed();
                jam.wait_for_reports();
            }
            spent
        });
    });
}

fn one_way(_: &mut Criterion) {
    let mut jam = Jam::new();
    let mut micros = Vec::new();
    for _ in 0..3_000 {
        std::thread::park_timeout(Duration::from_micros(1_333));
        jam.empty();
        jam.seq += 1;
        let began = Instant::now();
        jam.sinks[0].send(clock::now(), &frame(jam.seq));
        let deadline = began + Duration::from_millis(50);
        while jam.rings[1].is_empty() && Instant::now() < deadline {
            std::hint::spin_loop();
        }
        micros.push(began.elapsed().as_micros());
    }
    micros.sort_unstable();
    let at = |permille: usize| micros[micros.len() * permille / 1_000];
    eprintln!("one way, send to ring: p50 {} µs, p99 {} µs, p99.9 {} µs", at(500), at(990), at(999));
}

fn processor(_: &mut Criterion) {
    let mut jam = Jam::new();
    let (began, before) = (Instant::now(), cpu_ticks());
    let mut packets = 0;
    while began.elapsed() < Duration::from_secs(5) {
        jam.send();
        jam.empty();
        packets += 1;
        let due = Duration::from_nanos(1_333_333) * packets;
        std::thread::park_timeout(due.saturating_sub(began.elapsed()));
    }
    let percent = (cpu_ticks() - before) as f64 / began.elapsed().as_secs_f64();
    eprintln!("both ends of a link, {packets} packets each way in 5 s: {percent:.2} % of a core for the two");
}

/// User and system time of this process, in 1/100 s.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

criterion_group!(benches, seal_and_open, send, one_way, processor);
criterion_main!(benches);

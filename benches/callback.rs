//! What the output callback costs: decides how many peers one period carries.
//!
//! Guarded numbers: eight peers, blocks of 64 samples, at most half of their 1.333 ms at p99.9; the
//! cost per peer flat from 2 to 16. Every peer decodes, loses a frame in fifty, is metered, watched
//! for howl and mixed by the same code as in a jam.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group};
use jamtty::audio::encoder::Framer;
use jamtty::audio::engine::Engine;
use jamtty::audio::render::RenderSide;
use jamtty::audio::rt::{CardTime, RtContext, section};
use jamtty::domain::peer_id::PeerId;
use jamtty::domain::stream::{Codec, StreamFormat};
use jamtty::domain::strip::{DelayMode, StripSettings};
use jamtty::domain::time::Timestamp;
use jamtty::protocol::frame::{EncodedFrame, ReceivedFrame, frame_ring};

const BLOCK: usize = 64;
const PERIOD: Duration = Duration::from_nanos(1_333_333);

/// A listener with `peers` others, fed in step with its blocks.
struct Listener {
    /// Holds the orders' other ends: a peer is only heard while its engine lives.
    _engine: Engine,
    render: RenderSide,
    context: RtContext,
    rings: Vec<rtrb::Producer<ReceivedFrame>>,
    framer: Framer,
    blocks: u64,
    output: [f32; BLOCK * 2],
}

impl Listener {
    fn new(peers: usize, format: StreamFormat) -> Self {
        let (mut engine, _capture, render) = Engine::new(|_| {}).expect("a thread");
        let rings = (0..peers)
            .map(|number| {
                let (tx, rx) = frame_ring();
                let peer = PeerId::from_bytes([number as u8; 32]);
                engine
                    .add_remote(peer, format, rx, StripSettings::default(), DelayMode::default())
                    .expect("sixteen places");
                tx
            })
            .collect();
        let framer = Framer::new(format).expect("a legal form");
        let mut listener = Self {
            _engine: engine,
            render,
            context: RtContext::new(),
            rings,
            framer,
            blocks: 0,
            output: [0.0; BLOCK * 2],
        };
        // Past the start, where peers are listened to and not yet heard.
        for _ in 0..750 {
            listener.block();
        }
        listener
    }

    /// Feeds one block's worth of frames, then renders; returns what rendering took.
    fn block(&mut self) -> Duration {
        let at_us = self.blocks * 4_000_000 / 3 / 1_000;
        let note: [[f32; 2]; BLOCK] = std::array::from_fn(|n| {
            let at = (self.blocks * BLOCK as u64 + n as u64) as f32 / 48_000.0;
            // Too quiet to be taken for a howl, which would end the guards' work.
            let value = 0.2 * (at * 220.0 * std::f32::consts::TAU).sin();
            [value, -value]
        });
        let rings = &mut self.rings;
        self.framer.push(&note, |frame: &EncodedFrame| {
            for (number, ring) in rings.iter_mut().enumerate() {
                if !(frame.seq + number as u64 * 7).is_multiple_of(50) {
                    let arrived = Timestamp::from_micros(at_us);
                    let _ = ring.push(ReceivedFrame { frame: *frame, arrived });
                }
            }
        });
        self.blocks += 1;
        let at = CardTime(Duration::from_micros(at_us));
        let begun = Instant::now();
        section(&mut self.context, |rt| self.render.process(rt, &mut self.output, 2, at));
        black_box(&self.output);
        begun.elapsed()
    }
}

fn forms() -> [(&'static str, StreamFormat); 2] {
    [
        ("opus 2.5 ms stereo", StreamFormat::opus(2, 120, 128).expect("legal")),
        ("pcm16 64 mono", StreamFormat::pcm(Codec::Pcm16, 1, 64).expect("legal")),
    ]
}

/// Single blocks, because a mean hides the one that comes too late.
#[expect(clippy::print_stdout, reason = "the figures are what this is run for")]
fn spread(peers: usize, name: &str, format: StreamFormat) {
    let mut listener = Listener::new(peers, format);
    let mut spent: Vec<Duration> = (0..20_000).map(|_| listener.block()).collect();
    let mean = spent.iter().sum::<Duration>() / spent.len() as u32;
    spent.sort_unstable();
    let at = |share: f64| spent[((spent.len() - 1) as f64 * share) as usize];
    let of_period = |time: Duration| 100.0 * time.as_secs_f64() / PERIOD.as_secs_f64();
    println!(
        "{name}, {peers:2} peers: mean {:5.1} us a block, {:4.1} % of a core, {:5.2} us a peer; of the period p50 {:4.1} % p99 {:4.1} % p99.9 {:4.1} %",
        mean.as_secs_f64() * 1e6,
        of_period(mean),
        mean.as_secs_f64() * 1e6 / peers as f64,
        of_period(at(0.5)),
        of_period(at(0.99)),
        of_period(at(0.999)),
    );
}

fn callback(criterion: &mut Criterion) {
    for (name, format) in forms() {
        let mut listener = Listener::new(8, format);
        criterion.bench_function(&format!("render a block, 8 peers, {name}"), |bencher| {
            bencher.iter_custom(|count| (0..count).map(|_| listener.block()).sum());
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = callback
}

fn main() {
    for (name, format) in forms() {
        for peers in [2, 4, 8, 16] {
            spread(peers, name, format);
        }
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}

//! What the output callback costs: decides how many peers one period carries.
//!
//! Guarded number: eight peers, a block of 64 samples, at most half of its 1.333 ms at p99.9.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group};
use jamtty::audio::howl::HowlGuard;
use jamtty::audio::limiter::Limiter;
use jamtty::audio::meter::Meter;
use jamtty::audio::mixer::{Fader, Strip};
use jamtty::audio::rt::{RtContext, section};
use jamtty::domain::level::{Gain, Pan};
use jamtty::domain::strip::StripSettings;

const BLOCK: usize = 64;
const PERIOD: Duration = Duration::from_nanos(1_333_333);

/// The mixing half of a callback: strips, howl guards and meters of every peer, then the master.
struct Desk {
    context: RtContext,
    peers: Vec<(Strip, HowlGuard, Meter, Vec<[f32; 2]>)>,
    master: Fader,
    limiter: Limiter,
    meter: Meter,
    sum: Vec<[f32; 2]>,
    blocks: usize,
}

impl Desk {
    fn new(peers: usize) -> Self {
        let played = |peer: usize| {
            let hz = 110.0 * (peer + 1) as f32;
            // Too quiet to be taken for a howl, which would end the guards' work. Half a second, so that the guards see a note and not the same 64 samples again.
            let note = |n: usize| 0.3 * (n as f32 / 48_000.0 * hz * std::f32::consts::TAU).sin();
            (0..375 * BLOCK).map(|n| [note(n), -note(n)]).collect()
        };
        Self {
            context: RtContext::new(),
            peers: (0..peers)
                .map(|peer| {
                    let strip =
                        StripSettings { pan: Pan::new(peer as f32 / 8.0 - 0.5), ..StripSettings::default() };
                    (Strip::new(strip), HowlGuard::new(), Meter::new(), played(peer))
                })
                .collect(),
            master: Fader::new(Gain::from_db(-3.0)),
            limiter: Limiter::new(),
            meter: Meter::new(),
            sum: vec![[0.0; 2]; BLOCK],
            blocks: 0,
        }
    }

    /// One block; every 50th moves all strips, so that ramps are part of the cost.
    fn render(&mut self) {
        self.blocks += 1;
        let moved = self.blocks.is_multiple_of(50);
        let from = self.blocks % 375 * BLOCK;
        section(&mut self.context, |rt| {
            self.sum.fill([0.0; 2]);
            for (strip, guard, meter, played) in &mut self.peers {
                let block = &played[from..from + BLOCK];
                if moved {
                    let settings = strip.settings();
                    strip.set(StripSettings { muted: !settings.muted, ..settings });
                }
                guard.watch(rt, block);
                meter.measure(rt, block);
                strip.mix_into(rt, block, &mut self.sum, false);
            }
            self.master.apply(rt, &mut self.sum);
            self.limiter.apply(rt, &mut self.sum);
            self.meter.measure(rt, &self.sum);
        });
        black_box(&self.sum);
    }
}

fn mixing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mix a block of 64");
    for peers in [1, 8, 16] {
        let mut desk = Desk::new(peers);
        group.bench_function(format!("{peers} peers"), |bencher| bencher.iter(|| desk.render()));
    }
    group.finish();
}

/// Times single blocks, which an average hides: the guards work in one of fifteen.
#[expect(clippy::print_stdout, reason = "a bench has no other face")]
fn print_share_of_period() {
    let mut desk = Desk::new(8);
    let mut took: Vec<Duration> = (0..50_000)
        .map(|_| {
            let start = Instant::now();
            desk.render();
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    for (name, per_mille) in [("median", 500), ("p99", 990), ("p99.9", 999)] {
        let time = took[(took.len() - 1) * per_mille / 1_000];
        let share = 100.0 * time.as_secs_f64() / PERIOD.as_secs_f64();
        println!(
            "8 peers, mixing alone, {name}: {:.1} us = {share:.2} % of 1.333 ms",
            time.as_secs_f64() * 1e6
        );
    }
}

criterion_group!(benches, mixing);

fn main() {
    benches();
    print_share_of_period();
    Criterion::default().configure_from_args().final_summary();
}

//! What ordering one frame costs: decides that it may run in the output callback, per frame and peer.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use jamtty::domain::strip::DelayMode;
use jamtty::protocol::frame::EncodedFrame;
use jamtty::protocol::jitter_buffer::JitterBuffer;
use jamtty::protocol::playout_delay::PlayoutDelay;

fn jitter_buffer(criterion: &mut Criterion) {
    let mut buffer = JitterBuffer::new(0);
    let mut seq = 0_u64;
    criterion.bench_function("insert and take one frame, in pairs out of order", |b| {
        b.iter(|| {
            for late in [seq + 1, seq] {
                if let Some(frame) = EncodedFrame::new(late, late * 120, &[7; 40]) {
                    black_box(buffer.insert(&frame));
                }
            }
            seq += 2;
            black_box((buffer.take(), buffer.take()));
        });
    });
    let mut delay = PlayoutDelay::new(DelayMode::default());
    let mut at = 0_u64;
    criterion.bench_function("follow one frame's requirement", |b| {
        b.iter(|| {
            at += 64;
            delay.observe(at, black_box(64.0 + (at % 128) as f32));
            black_box(delay.bend(70.0, 0.0, false));
        });
    });
}

criterion_group!(benches, jitter_buffer);
criterion_main!(benches);

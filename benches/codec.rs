//! What encoding, decoding and concealing one frame cost: decides whether decoding may stay in the
//! output callback.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use jamtty::audio::codec::{Decoder, Encoder, Stereo};
use jamtty::audio::conceal::{Concealer, HISTORY};
use jamtty::domain::stream::{Codec, FRAME_BYTES_MAX, StreamFormat};

fn note(samples: usize) -> Vec<Stereo> {
    (0..samples)
        .map(|n| {
            let turn = n as f32 * std::f32::consts::TAU / 48_000.0;
            let value = 0.3 * (turn * 220.0).sin() + 0.1 * (turn * 1_760.0).sin();
            [value, value * 0.5]
        })
        .collect()
}

fn codec(criterion: &mut Criterion) {
    let forms = [
        ("opus mono 96k 2.5 ms", StreamFormat::opus(1, 120, 96)),
        ("opus stereo 128k 2.5 ms", StreamFormat::opus(2, 120, 128)),
        ("opus stereo 128k 5 ms", StreamFormat::opus(2, 240, 128)),
        ("pcm16 mono 64", StreamFormat::pcm(Codec::Pcm16, 1, 64)),
    ];
    for (name, form) in forms {
        let format = form.expect("a legal form");
        let mut encoder = Encoder::new(format).expect("a legal form");
        let mut decoder = Decoder::new(format).expect("a legal form");
        let samples = note(format.frame_samples());
        let mut bytes = [0; FRAME_BYTES_MAX];
        let len = encoder.encode(&samples, &mut bytes);
        let mut out = samples.clone();
        criterion.bench_function(&format!("encode {name}"), |b| {
            b.iter(|| black_box(encoder.encode(black_box(&samples), &mut bytes)));
        });
        criterion.bench_function(&format!("decode {name}"), |b| {
            b.iter(|| black_box(decoder.decode(black_box(&bytes[..len]), &mut out)));
        });
        if format.codec() == Codec::Opus {
            criterion.bench_function(&format!("conceal {name}"), |b| b.iter(|| decoder.conceal(&mut out)));
        }
    }
    let heard: [Stereo; HISTORY] = std::array::from_fn(|n| note(HISTORY)[n]);
    let mut concealer = Concealer::new();
    criterion.bench_function("conceal pcm, 64 samples of one ear", |b| {
        b.iter(|| {
            concealer.begin(black_box(&heard), true);
            for _ in 0..64 {
                black_box(concealer.next_sample());
            }
        });
    });
}

criterion_group!(benches, codec);
criterion_main!(benches);

//! The demo's verdict on the house band's own loops: through PCM, through Opus, with known delays
//! and known damage. What it says must be what was done to the sound.

use jamtty::audio::codec::{Decoder, Encoder};
use jamtty::audio::drift::Line;
use jamtty::cli::demo_analysis::{Coding, Comparison, NotHeard, Recording, Span, compare};
use jamtty::domain::stream::StreamFormat;
use jamtty::domain::time::ms_to_samples;

type Tested = Result<(), Box<dyn std::error::Error>>;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 77 * SECOND;

type Loops = Vec<(&'static str, Vec<f32>)>;

fn loops() -> Result<Loops, Box<dyn std::error::Error>> {
    ["drums", "bass", "keys"]
        .into_iter()
        .map(|name| {
            let path = format!("{}/assets/loops/{name}.wav", env!("CARGO_MANIFEST_DIR"));
            let reader = hound::WavReader::open(path)?;
            let once: Result<Vec<f32>, _> = reader
                .into_samples::<i16>()
                .map(|sample| Ok::<_, hound::Error>(f32::from(sample?) / 32_768.0))
                .collect();
            let once = once?;
            // 8 s from somewhere in the loop.
            let played = once.iter().cycle().skip(70_000).take(8 * 48_000).copied().collect();
            Ok((name, played))
        })
        .collect()
}

/// `samples` through Opus in 2.5 ms frames; the listed frames are lost and concealed.
fn through_opus(
    samples: &[f32],
    kbit_s: u16,
    lost: impl Fn(usize) -> bool,
) -> Result<Vec<f32>, Box<dyn std::error::Error>> {
    let format = StreamFormat::opus(1, 120, kbit_s)?;
    let (mut encoder, mut decoder) = (Encoder::new(format)?, Decoder::new(format)?);
    let mut heard = Vec::with_capacity(samples.len());
    let mut packet = [0; 2_000];
    for (index, frame) in samples.chunks_exact(120).enumerate() {
        let pcm: Vec<[f32; 2]> = frame.iter().map(|sample| [*sample; 2]).collect();
        let length = encoder.encode(&pcm, &mut packet);
        let mut out = vec![[0.0; 2]; 120];
        if lost(index) {
            decoder.conceal(&mut out);
        } else {
            assert!(decoder.decode(&packet[..length], &mut out));
        }
        heard.extend(out.iter().map(|[left, _]| *left));
    }
    Ok(heard)
}

fn delayed(samples: &[f32], by: usize) -> Vec<f32> {
    [vec![0.0; by], samples[..samples.len() - by].to_vec()].concat()
}

/// Compares seconds 1 to 7; the far card began `later_ns` after the near one.
fn judged(sent: &[f32], heard: Vec<f32>, later_ns: u64, coding: Coding) -> Result<Comparison, NotHeard> {
    let sent = Recording { samples: sent.to_vec(), start_ns: START };
    let skipped = (later_ns as f64 * 48e-6).round() as usize;
    let heard = Recording { samples: heard[skipped..].to_vec(), start_ns: START + later_ns };
    compare(&sent, &heard, Span { from_ns: START + SECOND, to_ns: START + 7 * SECOND }, coding)
}

#[test]
fn a_plain_delay_is_found_and_nothing_is_damaged() -> Tested {
    for (name, sent) in loops()? {
        for delay in [0, 64, 137, 400, 2_400, 20_000] {
            let found = judged(&sent, delayed(&sent, delay), 0, Coding::Pcm)
                .map_err(|why| format!("{name}: {why}"))?;
            assert!(
                (ms_to_samples(found.added_delay_ms) - delay as f64).abs() < 1.0,
                "{name} {delay}: {found:?}"
            );
            assert_eq!(found.damaged, 0, "{name} {delay}: {found:?}");
            assert!(found.windows > 300, "{name}: {found:?}");
        }
    }
    Ok(())
}

#[test]
fn cards_that_began_at_other_moments_do_not_change_the_delay() -> Tested {
    for (name, sent) in loops()? {
        let found = judged(&sent, delayed(&sent, 128), 500_000_000, Coding::Pcm)
            .map_err(|why| format!("{name}: {why}"))?;
        assert!((ms_to_samples(found.added_delay_ms) - 128.0).abs() < 1.0, "{name}: {found:?}");
        assert_eq!(found.damaged, 0, "{name}: {found:?}");
    }
    Ok(())
}

#[test]
fn opus_is_not_called_damage_and_its_look_ahead_is_in_the_delay() -> Tested {
    for (name, sent) in loops()? {
        // What the config has, and less.
        for kbit_s in [128, 96] {
            let heard = delayed(&through_opus(&sent, kbit_s, |_| false)?, 176);
            let found = judged(&sent, heard, 0, Coding::Opus).map_err(|why| format!("{name}: {why}"))?;
            assert!((ms_to_samples(found.added_delay_ms) - 296.0).abs() < 3.0, "{name}: {found:?}");
            // Opus spends few bits on a soft note right after a hammer: one window in three hundred.
            assert!(found.damaged_pct() < 0.5, "{name} {kbit_s}: {found:?}");
            assert!(found.gain_db.abs() < 1.0, "{name}: {found:?}");
        }
    }
    Ok(())
}

#[test]
fn a_lost_opus_frame_costs_no_more_than_a_window() -> Tested {
    for (name, sent) in loops()? {
        // Every half second: eleven or twelve within what is judged.
        let heard = through_opus(&sent, 128, |frame| frame % 200 == 50)?;
        let found = judged(&sent, heard, 0, Coding::Opus).map_err(|why| format!("{name}: {why}"))?;
        assert!(found.damaged <= 12, "{name}: {found:?}");
    }
    Ok(())
}

#[test]
fn a_hole_of_one_frame_is_one_or_two_damaged_windows() -> Tested {
    for (name, sent) in loops()? {
        for coding in [Coding::Pcm, Coding::Opus] {
            let clean = match coding {
                Coding::Pcm => sent.clone(),
                Coding::Opus => through_opus(&sent, 128, |_| false)?,
            };
            let mut holes = 0;
            let mut heard = clean.clone();
            // A hole every half second, where there is sound to lose.
            for start in (60_000..320_000).step_by(24_000) {
                // Below 3 kHz: what Opus is compared by. A hat alone is silence there.
                let power = |at: usize| {
                    let sums = clean[at..at + 120].chunks_exact(8).map(|few| few.iter().sum::<f32>());
                    sums.map(|sum| sum * sum).sum::<f32>()
                };
                let parts = (start..start + 12_000).step_by(120);
                let loudest = parts.max_by(|a, b| power(*a).total_cmp(&power(*b)));
                let at = loudest.ok_or("no sound")?;
                // The end of a tail, hidden by what was before it: -35 dB.
                if power(at) < 0.3 {
                    continue;
                }
                heard[at..at + 120].fill(0.0);
                holes += 1;
            }
            let found = judged(&sent, heard, 0, coding).map_err(|why| format!("{name}: {why}"))?;
            assert!((holes..=2 * holes).contains(&found.damaged), "{name} {coding:?} {holes}: {found:?}");
        }
    }
    Ok(())
}

#[test]
fn heavy_loss_is_damage_even_when_it_is_concealed() -> Tested {
    for (name, sent) in loops()? {
        let heard = through_opus(&sent, 128, |frame| frame % 40 < 8)?;
        let found = judged(&sent, heard, 0, Coding::Opus).map_err(|why| format!("{name}: {why}"))?;
        assert!(found.damaged_pct() > 5.0, "{name}: {found:?}");
    }
    Ok(())
}

#[test]
fn a_slowly_bent_delay_is_followed() -> Tested {
    for (name, sent) in loops()? {
        // 100 ppm faster for 8 s, as playout bends it: 38 samples in all.
        let mut line = Line::new();
        let mut heard = Vec::new();
        for (index, sample) in sent.iter().enumerate() {
            line.write(index as u64, [*sample; 2]);
            let at = (index as f64 - 100.0) * 1.000_1 - 40.0;
            if at < 0.0 {
                heard.push(0.0);
            } else {
                heard.push(line.between(at as u64, at.fract() as f32)[0]);
            }
        }
        let found = judged(&sent, heard, 0, Coding::Pcm).map_err(|why| format!("{name}: {why}"))?;
        assert!(found.damaged_pct() < 1.0, "{name}: {found:?}");
    }
    Ok(())
}

#[test]
fn somebody_else_and_silence_are_told_from_damage() -> Tested {
    let loops = loops()?;
    for (name, sent) in &loops {
        for (other, heard) in &loops {
            if name != other {
                let found = judged(sent, heard.clone(), 0, Coding::Opus);
                assert_eq!(found, Err(NotHeard::SomethingElse), "{name} heard as {other}");
            }
        }
        assert_eq!(judged(sent, vec![0.0; sent.len()], 0, Coding::Pcm), Err(NotHeard::Silent), "{name}");
        assert_eq!(judged(sent, sent[..48_000].to_vec(), 0, Coding::Pcm), Err(NotHeard::TooShort), "{name}");
    }
    Ok(())
}

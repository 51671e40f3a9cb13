//! What the far end heard, against what the near end sent: delay and damage, found in the sound itself.
//!
//! Two recordings on one clock go in, numbers come out; nothing here asks the program what it believes.
//! The delay is where the two fit best. Then every 10 ms window is predicted from what was sent,
//! moved by that delay (followed from window to window, as a playout delay may bend), and what the
//! prediction leaves over is damage if it is loud.

use crate::domain::time::{RATE_HZ, samples_to_ms};
use crate::domain::wave::{fit, power};

/// Samples of a window: 10 ms, as in the lab.
pub const WINDOW: usize = 480;
/// What is left over is looked at in parts of a window, so that one lost frame of 2.5 ms counts.
const PART: usize = 120;
/// The longest delay looked for. A loop of 5 s fits itself again only after that.
const DELAY_MAX: usize = 24_000;
/// Windows of the sent sound below this are silence: nothing to damage, in dBFS RMS.
const SILENT_BELOW_DB: f64 = -50.0;
/// A window louder or softer than the rest of the recording by more than this is damaged.
const LEVEL_OFF_DB: f64 = 3.0;
/// A window with less than this share of the power before it is hidden by it: 10 dB.
const HIDDEN_BELOW: f64 = 0.1;
/// How far, in samples, the delay may wander from one window to the next: 0.52 %. Playout bends its rate by
/// up to 0.5 % while it plays.
const WANDER: f64 = 2.5;
/// How well the edges of a window must fit for it to say what the delay is.
const FOLLOWED_FROM: f64 = 0.8;
/// Windows in a row without a fit after which the delay is looked for 2 ms around.
const ASTRAY_AFTER: u32 = 2;
/// Steps in which the delay is followed, in samples.
const STEP: f64 = 0.125;
/// Steps in which it is looked for first.
const WIDE_STEP: f64 = 0.5;
/// Taps on each side of a sample when sound is moved by a part of one.
const TAPS: i64 = 12;
/// The fit below which the two recordings are not of the same sound: 1.0 is the same sound.
const FIT_MIN: f64 = 0.4;

/// Sound of one channel with the moment of its first sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// 48 kHz; 0 dBFS is 1.0.
    pub samples: Vec<f32>,
    /// When the card took or played the first one, in ns of a clock that both recordings share.
    pub start_ns: u64,
}

/// The part of the time that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First moment, in ns of the recordings' clock.
    pub from_ns: u64,
    /// First moment that does not count any more.
    pub to_ns: u64,
}

/// How close to what was sent it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Samples as they were, or moved by a part of one: compared below 8 kHz, what is left over is
    /// 20 dB below.
    Pcm,
    /// A codec that keeps the shape but not the samples: compared below 2.5 kHz, where Opus keeps the
    /// wave. Of the band's loops at 96 kbit/s it leaves over at most -2.0 dB of a part, but for one window
    /// in five hundred; a frame that is gone leaves all of it, 0 dB (tests/demo_analysis.rs).
    Opus,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Added to a direct wire, median over the windows.
    pub added_delay_ms: f64,
    /// Windows that could be compared: there was sound in them.
    pub windows: usize,
    /// Of these, damaged.
    pub damaged: usize,
    /// Heard to sent.
    pub gain_db: f64,
}

/// Why there is nothing to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHeard {
    /// One of the recordings does not cover enough of the time.
    TooShort,
    /// Nothing was played, or nothing came.
    Silent,
    /// What was heard is not what was sent.
    SomethingElse,
}

impl std::fmt::Display for NotHeard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooShort => "the recording is too short",
            Self::Silent => "silence",
            Self::SomethingElse => "something else was heard than was sent",
        })
    }
}

impl Comparison {
    /// Damaged windows in per cent.
    #[must_use]
    pub fn damaged_pct(&self) -> f64 {
        100.0 * self.damaged as f64 / self.windows.max(1) as f64
    }
}

impl Coding {
    /// What is compared: below it a bent rate, or the codec, keeps the wave.
    const fn below_hz(self) -> f64 {
        match self {
            Self::Pcm => 8_000.0,
            Self::Opus => 2_500.0,
        }
    }

    /// How loud the left-over of a part may be, relative to the part or its window, the louder of both.
    const fn left_over_max_db(self) -> f64 {
        match self {
            Self::Pcm => -20.0,
            Self::Opus => -1.5,
        }
    }
}

/// Compares what was heard within `span` with what was sent.
///
/// # Errors
/// [`NotHeard`] if there is nothing to compare.
pub fn compare(
    sent: &Recording,
    heard: &Recording,
    span: Span,
    coding: Coding,
) -> Result<Comparison, NotHeard> {
    let (from, to) = (heard.position(span.from_ns), heard.position(span.to_ns));
    let from = usize::try_from(from.ceil() as i64).unwrap_or(0);
    let to = usize::try_from(to.floor() as i64).unwrap_or(0).min(heard.samples.len());
    if to < from + RATE_HZ as usize {
        return Err(NotHeard::TooShort);
    }
    // `heard[i]` was played when `sent[i + ahead]` was taken.
    let ahead = sent.position(heard.start_ns);
    let (sent, heard) = (lows(&sent.samples, coding.below_hz()), lows(&heard.samples, coding.below_hz()));
    let heard = Cut { samples: &heard[from..to], ahead: ahead + from as f64 };
    let delay = delay_of(&sent, heard)?;
    Ok(judge(&sent, heard, delay, coding))
}

/// What was heard in the time that counts.
#[derive(Clone, Copy)]
struct Cut<'a> {
    samples: &'a [f32],
    ahead: f64,
}

impl Recording {
    /// Where in the recording this moment is, in samples.
    fn position(&self, at_ns: u64) -> f64 {
        let ns = at_ns as f64 - self.start_ns as f64;
        ns * f64::from(RATE_HZ) / 1e9
    }
}

/// The delay at which the two fit best, in samples: roughly by their envelopes, then by their waves.
fn delay_of(sent: &[f32], heard: Cut<'_>) -> Result<f64, NotHeard> {
    const COARSE: usize = 48;
    let envelope = |samples: &[f32]| -> Vec<f64> {
        let edges = edges(samples);
        let sum = |chunk: &[f32]| chunk.iter().map(|edge| f64::from(edge.abs())).sum::<f64>();
        let means = edges.chunks_exact(COARSE).map(|chunk| sum(chunk) / COARSE as f64);
        let means: Vec<f64> = means.collect();
        let mean = means.iter().sum::<f64>() / means.len().max(1) as f64;
        means.into_iter().map(|value| value - mean).collect()
    };
    let base = heard.ahead.round() as i64;
    let sent_part = |lag: i64, length: usize| -> Option<&[f32]> {
        let start = usize::try_from(base - lag).ok()?;
        sent.get(start..start + length)
    };
    // What is heard first may have been sent before the recording began: begin where all delays fit.
    let skip = usize::try_from(DELAY_MAX as i64 - base).unwrap_or(0);
    let heard_samples = heard.samples.get(skip..).ok_or(NotHeard::TooShort)?;
    let length = heard_samples.len().min(sent.len().saturating_sub(skip + base.max(0) as usize));
    if length < RATE_HZ as usize / 2 {
        return Err(NotHeard::TooShort);
    }
    let heard_samples = &heard_samples[..length];
    if level_db(heard_samples) < SILENT_BELOW_DB - 20.0 {
        return Err(NotHeard::Silent);
    }
    let shift = |lag: i64| lag - skip as i64;
    let from = sent_part(shift(DELAY_MAX as i64), length + DELAY_MAX).ok_or(NotHeard::TooShort)?;
    if level_db(from) < SILENT_BELOW_DB - 20.0 {
        return Err(NotHeard::Silent);
    }
    let (slow_sent, slow_heard) = (envelope(from), envelope(heard_samples));
    let coarse_lags = DELAY_MAX / COARSE;
    let mut fits: Vec<(f64, usize)> = (0..=coarse_lags)
        .filter_map(|lag| {
            let part = slow_sent.get(coarse_lags - lag..)?;
            let dot: f64 = part.iter().zip(&slow_heard).map(|(a, b)| a * b).sum();
            Some((dot, lag * COARSE))
        })
        .collect();
    fits.sort_by(|a, b| b.0.total_cmp(&a.0));
    // The envelope may be fooled by a millisecond, or by a rhythm: the wave is asked around the best few.
    let fine = length.min(RATE_HZ as usize);
    let best = fits
        .iter()
        .take(3)
        .flat_map(|(_, lag)| *lag as i64 - 96..=*lag as i64 + 96)
        .filter_map(|lag| Some((fit(sent_part(shift(lag), fine)?, &heard_samples[..fine]), lag)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((fit, lag)) if fit >= FIT_MIN => Ok(lag as f64 + heard.ahead - base as f64),
        _ => Err(NotHeard::SomethingElse),
    }
}

/// Every window against the sent sound at its delay.
fn judge(sent: &[f32], heard: Cut<'_>, delay: f64, coding: Coding) -> Comparison {
    let mut delays = Vec::new();
    let mut gains = Vec::new();
    let mut windows = Vec::new();
    let mut delay = delay;
    let mut before = 0.0;
    let mut astray = ASTRAY_AFTER;
    for (index, window) in heard.samples.chunks_exact(WINDOW).enumerate() {
        let at = heard.ahead + (index * WINDOW) as f64;
        let Some(mut expected) = moved(sent, at - delay) else { continue };
        if level_db(&expected) < SILENT_BELOW_DB {
            continue;
        }
        let start = if astray < ASTRAY_AFTER { delay } else { roughly_near(sent, at, delay, window) };
        // By the edges: a bass drum fits itself at any delay.
        let edges_heard = edges(window);
        let best_of = |delays: Steps| {
            let near = delays.filter_map(|delay| Some((delay, moved(sent, at - delay)?)));
            let fits = near.map(|(delay, expected)| (fit(&edges(&expected), &edges_heard), delay, expected));
            fits.max_by(|a, b| a.0.total_cmp(&b.0))
        };
        let wide = best_of(Steps::around(start, WANDER, WIDE_STEP));
        let best = wide.and_then(|(_, found, _)| best_of(Steps::around(found, WIDE_STEP, STEP)));
        match best {
            Some((fitted, found, there)) if fitted > FOLLOWED_FROM => {
                delay = found;
                delays.push(delay);
                gains.push(level_db(window) - level_db(&there));
                expected = there;
                astray = 0;
            }
            // A damaged window says nothing about the delay.
            _ => astray += 1,
        }
        let before = std::mem::replace(&mut before, power(&expected));
        windows.push((window, expected, before));
    }
    let gain_db = median(&mut gains).unwrap_or(0.0);
    let damaged = windows
        .iter()
        .filter(|(window, expected, before)| is_damaged(window, expected, *before, gain_db, coding))
        .count();
    let delay = median(&mut delays).unwrap_or(delay);
    Comparison { added_delay_ms: samples_to_ms(delay), windows: windows.len(), damaged, gain_db }
}

/// Delays to try in the next window.
struct Steps {
    next: f64,
    last: f64,
    step: f64,
}

impl Steps {
    /// From `width` below `middle` to `width` above it.
    const fn around(middle: f64, width: f64, step: f64) -> Self {
        Self { next: middle - width, last: middle + width, step }
    }
}

impl Iterator for Steps {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        let now = self.next;
        self.next += self.step;
        (now <= self.last).then_some(now)
    }
}

/// The whole-sample delay, within 2 ms of `delay`, at which this window fits best.
fn roughly_near(sent: &[f32], at: f64, delay: f64, window: &[f32]) -> f64 {
    let whole = at - (at - delay).round();
    let heard = edges(window);
    let fits = (-96..=96).filter_map(|step| {
        let delay = whole + f64::from(step);
        Some((fit(&edges(&moved(sent, at - delay)?), &heard), delay))
    });
    let best = fits.max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or(delay, |(fitted, found)| if fitted > FOLLOWED_FROM { found } else { delay })
}

/// `before`: power of the window before, which hides what comes within 10 ms of it.
fn is_damaged(window: &[f32], expected: &[f32], before: f64, gain_db: f64, coding: Coding) -> bool {
    let hidden = power(window).max(power(expected)) < before * HIDDEN_BELOW;
    if !hidden && (level_db(window) - level_db(expected) - gain_db).abs() > LEVEL_OFF_DB {
        return true;
    }
    let gain = 10_f64.powf(gain_db / 20.0);
    let loudness = power(expected).max(before);
    let part_is_off = |(window, expected): (&[f32], &[f32])| {
        let left: f64 =
            window.iter().zip(expected).map(|(w, e)| (f64::from(*w) - gain * f64::from(*e)).powi(2)).sum();
        let loud = gain * gain * loudness.max(power(expected));
        10.0 * (left / PART as f64 / loud).log10() > coding.left_over_max_db()
    };
    // Overlapping: frames of the sender do not begin where windows do.
    let parts = window.windows(PART).step_by(PART / 4);
    parts.zip(expected.windows(PART).step_by(PART / 4)).any(part_is_off)
}

/// A window of `samples` that begins at a position between two of them.
fn moved(samples: &[f32], at: f64) -> Option<Vec<f32>> {
    let whole = at.floor();
    let part = at - whole;
    let first = usize::try_from(whole as i64 - TAPS + 1).ok()?;
    let source = samples.get(first..first + WINDOW + 2 * TAPS as usize)?;
    if part < 1e-6 {
        return source.get(TAPS as usize - 1..TAPS as usize - 1 + WINDOW).map(<[f32]>::to_vec);
    }
    // A windowed sinc: right to -60 dB up to 18 kHz.
    let taps: Vec<f32> = (0..2 * TAPS)
        .map(|tap| {
            let x = part + (TAPS - 1 - tap) as f64;
            let wide = std::f64::consts::PI * x;
            let hann = (wide / (2 * TAPS) as f64).cos().powi(2);
            ((wide.sin() / wide) * hann) as f32
        })
        .collect();
    Some(
        source
            .windows(taps.len())
            .take(WINDOW)
            .map(|near| near.iter().zip(&taps).map(|(a, b)| a * b).sum())
            .collect(),
    )
}

/// From each sample to the next: where a sound begins, whatever its bass does.
fn edges(samples: &[f32]) -> Vec<f32> {
    samples.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn level_db(samples: &[f32]) -> f64 {
    10.0 * power(samples).max(1e-15).log10()
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The sound below `below_hz`: a windowed sinc whose own delay is taken out again.
fn lows(samples: &[f32], below_hz: f64) -> Vec<f32> {
    const HALF: i64 = 32;
    let cut = below_hz / f64::from(RATE_HZ);
    let taps: Vec<f32> = (-HALF..=HALF)
        .map(|n| {
            let x = 2.0 * std::f64::consts::PI * cut * n as f64;
            let sinc = if n == 0 { 1.0 } else { x.sin() / x };
            let hann = (std::f64::consts::PI * n as f64 / (2 * HALF + 2) as f64).cos().powi(2);
            (2.0 * cut * sinc * hann) as f32
        })
        .collect();
    let half = HALF as usize;
    let padded = [vec![0.0; half], samples.to_vec(), vec![0.0; half]].concat();
    padded.windows(taps.len()).map(|near| near.iter().zip(&taps).map(|(a, b)| a * b).sum()).collect()
}

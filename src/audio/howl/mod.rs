//! The loud-feedback guard: notices that a stream has become a howl, before the neighbours do.
//!
//! World: real-time (both callbacks). Plain values, made by a worker.
//! Never: allocates, changes samples, cuts because something is merely loud.
//!
//! A microphone that hears its own loudspeaker grows, at the one frequency where the loop gains
//! most, by the same dB every time round, until something clips; there it stays. So a howl is one
//! pure tone of nearly one pitch that does not fade, **and** it has one of three marks:
//!
//! | mark | why music does not have it |
//! |---|---|
//! | pinned: clipping for 0.6 s | notes that clip are rich (chords, fuzz) or fade (strings, drums) |
//! | grown: 18 dB on a straight line in dB, then loud for 0.5 s | attacks are bent: fast, then slow |
//! | held: within 0.3 dB and 0.2 % for 4 s, above -12 dBFS RMS | fingers, breath and bellows move |
//!
//! Purity, pitch and slope are the PAPR/PNPR and IMSD features of van Waterschoot and Moon,
//! "Comparative evaluation of howling detection criteria" (AES 126, 2009), here in the time domain
//! because only the strongest tone matters. Jamulus and jammr ask only whether the level is high
//! (3 s after connecting; more than ten peaks above 0.8): that cuts loud players, and misses howls
//! that come later (jamulus#1821).
//!
//! A loop of 10 dB too much rings at many pitches at first and may take 3 s; usual ones take 1 s
//! from being loud. What it does not catch: a boom below [`LOWEST_HZ`] (bass guitars live there), a howl that stays
//! below -12 dBFS RMS, and for its first 4 s one that neither clips nor was seen growing. What it
//! cuts though it is no howl: a bare sine (test tone, synthesiser, whistle) at full scale for 0.6 s,
//! and one note of fuzz at full scale that has lost its harmonics for 3 s.

use crate::audio::rt::Rt;
use crate::domain::level::{Gain, level_db};
use crate::domain::time::RATE_HZ;

/// Watches one stream: the own capture, or one remote peer.
///
/// It only says what it heard. The caller keeps a `Fader` beside it, sets it to
/// [`HowlGuard::gain`] every block, and tells people.
///
/// # Real-time
/// About 8 KiB, no heap: made, moved and dropped anywhere. Looks at a window every 20 ms.
#[derive(Debug, Clone)]
pub struct HowlGuard {
    state: State,
    window: [[f32; 2]; WINDOW],
    filled: usize,
    run: Option<Run>,
    /// Windows in a row, up to now, that were loud and no pure tone.
    rich: usize,
}

/// What the guard does with what it hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Armed,
    Cut,
    /// Released a moment ago: lets people turn something down first.
    Grace {
        left_samples: usize,
    },
}

/// A howl was heard; from here on the guard asks for silence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HowlEvent {
    /// Pitch of the howl in Hz.
    pub frequency_hz: f32,
    /// How loud it was, in dBFS RMS.
    pub rms_db: f32,
    /// By which mark it was told from music.
    pub mark: HowlMark,
}

/// What tells a howl from a held note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HowlMark {
    /// It stayed at full scale.
    Pinned,
    /// It grew like a loop, then stayed loud.
    Grown,
    /// It did not move at all for longer than a player can hold it.
    Held,
}

impl HowlGuard {
    /// Armed.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::Armed, window: [[0.0; 2]; WINDOW], filled: 0, run: None, rich: 0 }
    }

    /// Armed, as one of several in a callback: each looks at its windows in another block than its
    /// neighbours, so that no block pays for all of them.
    #[must_use]
    pub const fn staggered(place: usize) -> Self {
        let mut guard = Self::new();
        // What the window lacks is taken as silence, which is no tone.
        guard.filled = place * STAGGER % WINDOW;
        guard
    }

    /// Listens to a block; says once when it becomes a howl, then nothing until it is released.
    pub fn watch(&mut self, _rt: &mut Rt<'_>, block: &[[f32; 2]]) -> Option<HowlEvent> {
        let mut rest = match self.state {
            State::Cut => return None,
            State::Armed => block,
            State::Grace { left_samples } => {
                let (_, after) = block.split_at(block.len().min(left_samples));
                let left_samples = left_samples - (block.len() - after.len());
                self.state = if left_samples > 0 { State::Grace { left_samples } } else { State::Armed };
                after
            }
        };
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(WINDOW - self.filled));
            for (kept, frame) in self.window[self.filled..].iter_mut().zip(now) {
                *kept = frame.map(|sample| if sample.is_finite() { sample } else { 0.0 });
            }
            self.filled += now.len();
            rest = later;
            if self.filled < WINDOW {
                break;
            }
            self.filled = 0;
            if let Some(event) = self.hear(hear_window(&self.window)) {
                self.state = State::Cut;
                self.run = None;
                return Some(event);
            }
        }
        None
    }

    /// Undoes the cut, and listens again after a grace of 2 s. Nothing if nothing is cut.
    ///
    /// World: any.
    pub fn release(&mut self) {
        if self.state == State::Cut {
            self.state = State::Grace { left_samples: GRACE_SAMPLES };
            self.filled = 0;
            self.run = None;
        }
    }

    /// Whether the stream is to be silent.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.state == State::Cut
    }

    /// What the stream's fader is to be set to: silence while cut, else unity.
    #[must_use]
    pub fn gain(&self) -> Gain {
        if self.is_cut() { Gain::ZERO } else { Gain::UNITY }
    }

    fn hear(&mut self, heard: Heard) -> Option<HowlEvent> {
        let goes_on = self.run.as_mut().is_some_and(|run| run.goes_on(heard));
        if !goes_on {
            let from_rich = self.run.as_ref().map_or(self.rich >= RICH_WINDOWS, |run| run.from_rich);
            self.run = heard.tone_hz.map(|hz| Run::begin(heard, hz, from_rich));
        }
        self.rich = if self.run.is_none() && heard.rms_db > LOUD_DB { self.rich + 1 } else { 0 };
        let run = self.run.as_ref()?;
        let mark = run.mark()?;
        Some(HowlEvent { frequency_hz: run.hz, rms_db: heard.rms_db, mark })
    }
}

impl Default for HowlGuard {
    fn default() -> Self {
        Self::new()
    }
}

/// Windows in a row with one pure tone that does not fade.
#[derive(Debug, Clone)]
struct Run {
    hz: f32,
    /// RMS in dBFS of the latest windows, newest at `windows - 1` modulo the length.
    levels_db: [f32; HISTORY],
    windows: usize,
    loudest_db: f32,
    /// Windows in a row in which something else covered the tone.
    covered: usize,
    /// It was loud before it was pure: a distorted note thins out like that, a howl does not.
    from_rich: bool,
    grown: bool,
    loud: usize,
    pinned: usize,
    held: usize,
    held_at: (f32, f32),
}

impl Run {
    fn begin(heard: Heard, hz: f32, from_rich: bool) -> Self {
        let mut run = Self {
            hz,
            levels_db: [heard.rms_db; HISTORY],
            windows: 0,
            loudest_db: heard.rms_db,
            covered: 0,
            from_rich,
            grown: false,
            loud: 0,
            pinned: 0,
            held: 0,
            held_at: (heard.rms_db, hz),
        };
        run.count(heard);
        run
    }

    /// Takes the next window if the tone goes on in it.
    fn goes_on(&mut self, heard: Heard) -> bool {
        if heard.rms_db < self.loudest_db - FADE_DB {
            return false;
        }
        match heard.tone_hz {
            Some(hz) if (hz / self.hz - 1.0).abs() <= PITCH_TOLERANCE => {
                self.hz += (hz - self.hz) * 0.25;
                self.covered = 0;
                self.loudest_db = self.loudest_db.max(heard.rms_db);
            }
            // A drum over a howl: as loud, but not pure. It must not start the wait again.
            _ if self.loud > 0 && self.covered < COVERED_MAX => self.covered += 1,
            _ => return false,
        }
        self.count(heard);
        true
    }

    fn count(&mut self, heard: Heard) {
        self.levels_db[self.windows % HISTORY] = heard.rms_db;
        self.windows += 1;
        self.grown |= GROWTH_SPANS.iter().any(|span| self.grew_straight(*span));
        let is_loud = heard.rms_db > LOUD_DB;
        self.loud = if is_loud { self.loud + 1 } else { 0 };
        self.pinned = if heard.peak >= PINNED_PEAK { self.pinned + 1 } else { 0 };
        let (level_db, hz) = self.held_at;
        if is_loud && (heard.rms_db - level_db).abs() <= HELD_DB && (self.hz / hz - 1.0).abs() <= HELD_PITCH {
            self.held += 1;
        } else {
            self.held = 0;
            self.held_at = (heard.rms_db, self.hz);
        }
    }

    /// Whether the last `span` steps are a loop's: far up, and as much in both halves.
    fn grew_straight(&self, span: usize) -> bool {
        if self.windows <= span {
            return false;
        }
        let back = |windows: usize| self.levels_db[(self.windows - 1 - windows) % HISTORY];
        let (first_half, second_half) = (back(span / 2) - back(span), back(0) - back(span / 2));
        let straight = first_half.min(second_half) >= STRAIGHT * first_half.max(second_half);
        straight && first_half + second_half >= GROWTH_DB
    }

    fn mark(&self) -> Option<HowlMark> {
        let pinned_windows = if self.from_rich { PINNED_WINDOWS_FROM_RICH } else { PINNED_WINDOWS };
        if self.pinned >= pinned_windows {
            Some(HowlMark::Pinned)
        } else if self.grown && self.loud >= GROWN_WINDOWS {
            Some(HowlMark::Grown)
        } else if self.held >= HELD_WINDOWS {
            Some(HowlMark::Held)
        } else {
            None
        }
    }
}

/// What one window sounds like.
#[derive(Debug, Clone, Copy)]
struct Heard {
    rms_db: f32,
    peak: f32,
    /// Pitch in Hz, if it is one pure tone.
    tone_hz: Option<f32>,
}

/// Level and purity of the louder channel.
fn hear_window(window: &[[f32; 2]; WINDOW]) -> Heard {
    let energy = |channel: usize| window.iter().map(|frame| frame[channel] * frame[channel]).sum::<f32>();
    let energies = [energy(0), energy(1)];
    let channel = usize::from(energies[1] > energies[0]);
    let rms_db = level_db((energies[channel] / WINDOW as f32).sqrt());
    let peak = window.iter().fold(0.0_f32, |peak, frame| peak.max(frame[channel].abs()));
    let tone_hz = if rms_db > QUIET_DB { pure_tone(window, channel, peak) } else { None };
    Heard { rms_db, peak, tone_hz }
}

/// The pitch, if nearly all energy is at it.
///
/// Counts the periods by upward passages through a level well above the noise, then projects what
/// lies between the first and the last, a whole number of periods, on a sine of that pitch.
fn pure_tone(window: &[[f32; 2]; WINDOW], channel: usize, peak: f32) -> Option<f32> {
    let threshold = 0.3 * peak;
    let (mut first, mut last, mut periods) = (0.0_f32, 0.0_f32, 0_usize);
    let (mut seen, mut was_low, mut before) = (false, false, 0.0_f32);
    for (index, frame) in window.iter().enumerate() {
        let sample = frame[channel];
        if sample <= -threshold {
            was_low = true;
        } else if was_low && sample >= threshold {
            was_low = false;
            last = index as f32 - (sample - threshold) / (sample - before).max(f32::MIN_POSITIVE);
            if seen {
                periods += 1;
            } else {
                first = last;
                seen = true;
            }
        }
        before = sample;
    }
    if periods < 2 {
        return None;
    }
    let hz = RATE_HZ as f32 * periods as f32 / (last - first);
    if !(LOWEST_HZ..=HIGHEST_HZ).contains(&hz) {
        return None;
    }
    let whole = &window[first.max(0.0) as usize..(last as usize).min(WINDOW)];
    (share_at(whole, channel, hz) >= PURE_SHARE).then_some(hz)
}

/// How much of the energy is at `hz`: 0.0 to 1.0.
fn share_at(samples: &[[f32; 2]], channel: usize, hz: f32) -> f32 {
    let (turn_sin, turn_cos) = (std::f32::consts::TAU * hz / RATE_HZ as f32).sin_cos();
    let (mut sin, mut cos) = (0.0_f32, 1.0_f32);
    let (mut along_sin, mut along_cos, mut energy) = (0.0_f32, 0.0_f32, 0.0_f32);
    for frame in samples {
        let sample = frame[channel];
        along_sin += sample * sin;
        along_cos += sample * cos;
        energy += sample * sample;
        (sin, cos) = (sin * turn_cos + cos * turn_sin, cos * turn_cos - sin * turn_sin);
    }
    2.0 * (along_sin * along_sin + along_cos * along_cos)
        / (energy * samples.len() as f32).max(f32::MIN_POSITIVE)
}

/// 20 ms: three periods at [`LOWEST_HZ`]. Shorter and low tones have no pitch, longer and growth
/// is seen in too few steps.
const WINDOW: usize = 960;

/// Samples between the windows of neighbours: more than a usual card period (64), and of 16 peers
/// no more than two share a place.
const STAGGER: usize = 120;

/// Below this, howls are booms and music is bass: held, pure and loud as well.
pub const LOWEST_HZ: f32 = 160.0;

/// Loudspeakers and microphones in one room rarely ring above 5 kHz (Braun, "Feedback Detection",
/// Graz 2012); this leaves an octave.
const HIGHEST_HZ: f32 = 10_000.0;

/// A tone this far above its noise counts. A square has 0.81 and a sawtooth 0.61 of its energy in
/// the first partial, so fuzz stays below; a sine clipped by 12 dB has 0.89, so howls stay above.
const PURE_SHARE: f32 = 0.87;

/// Quieter than this a window has no pitch: saves the work, and the growth that matters is above.
const QUIET_DB: f32 = -60.0;

/// A run ends when the level is this far below its loudest: every plucked or struck note is after
/// half a second, and so is a tremolo.
const FADE_DB: f32 = 1.0;

/// 34 cents. Neighbouring modes of a long loop beat for its first second, which bends its pitch by
/// about 20; a scale or a chirp leaves within two windows. The mark `held` asks for far less.
const PITCH_TOLERANCE: f32 = 0.02;

/// Windows of drums or chords that a loud run survives: 120 ms.
const COVERED_MAX: usize = 6;

/// Above this a howl hurts: a sine of amplitude 0.36. The bench's tone (0.25) is 3 dB below.
const LOUD_DB: f32 = -12.0;

/// -1 dBFS, where our own limiter begins.
const PINNED_PEAK: f32 = 0.89;

/// 0.6 s at full scale. Shorter cuts a trumpet's fortissimo, longer hurts.
const PINNED_WINDOWS: usize = 30;

/// 1 s loud and rich is a note; a loop's modes have fought it out by then.
const RICH_WINDOWS: usize = 50;

/// 3 s for what was loud and rich first: a fuzz note that its harmonics have left.
const PINNED_WINDOWS_FROM_RICH: usize = 150;

/// 0.5 s of being loud after having grown.
const GROWN_WINDOWS: usize = 25;

/// An attack that is linear or quadratic in amplitude rises less than this while it is as straight
/// as [`STRAIGHT`] asks: 8.5 dB and 17 dB.
const GROWTH_DB: f32 = 18.0;

/// How alike both halves of the growth must be, in dB.
const STRAIGHT: f32 = 0.65;

/// Steps of 20 ms over which growth is looked for: 37 to 150 dB a second and, in the shortest, up
/// to what a window can hold. Slower is a crescendo, and its player can still turn it down.
const GROWTH_SPANS: [usize; 4] = [6, 8, 16, 24];

/// Levels kept: one more than the longest span, rounded up.
const HISTORY: usize = 32;

/// 4 s: longer than a held note stays within [`HELD_DB`] and [`HELD_PITCH`].
const HELD_WINDOWS: usize = 200;

/// See [`HELD_WINDOWS`].
const HELD_DB: f32 = 0.3;

/// See [`HELD_WINDOWS`]: 3.5 cents.
const HELD_PITCH: f32 = 0.002;

/// 2 s after a release. Shorter and the hand is not yet at the knob; longer and a howl hurts.
const GRACE_SAMPLES: usize = 96_000;

#[cfg(test)]
mod tests;

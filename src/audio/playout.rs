//! One remote peer on the playback side: reorder, decode, conceal, follow its clock.
//!
//! World: real-time (output callback). Constructed and dropped by the worker side.
//! Never: allocates after `new`, reads a clock, knows what a socket is.

use std::sync::Arc;

use rtrb::Consumer;

use super::codec::{CodecError, Decoder, Stereo};
use super::conceal::{Concealer, HISTORY};
use super::drift::{LINE, LOOKAHEAD, Line};
use super::playout_stats::{PlayoutCounters, PlayoutStats};
use super::rt::{CardTime, Rt};
use crate::domain::stream::{Codec, FRAME_SAMPLES_MAX, StreamFormat};
use crate::domain::strip::DelayMode;
use crate::protocol::clock_drift::{ClockRate, drift_ppm};
use crate::protocol::frame::ReceivedFrame;
use crate::protocol::jitter_buffer::{Inserted, JitterBuffer};
use crate::protocol::playout_delay::PlayoutDelay;

/// Samples over which an invented piece gives way to the real one. Shorter clicks when the guess was
/// wrong, longer keeps the guess where the truth is known.
const CROSSFADE: u32 = 32;

/// First arrivals in a row that must all be late before reading goes back to meet them: a card that
/// skipped a block, or a path that became longer. A frame held up alone, or a burst after a freeze,
/// ends with one in time.
const LATE_RUN: u32 = 3;

/// Samples before the position that the sinc still reads.
const BEHIND: u64 = 16;

/// Bins of 20 ms listened to before the first sound: long enough to see the spread of a link, short
/// enough for "join to sound" (DESIGN: 500 ms in all).
const LISTEN_BINS: usize = 4;

/// Without a frame for this many samples (0.15 s) the stream has stopped: it starts anew when it
/// comes back, instead of chasing a delay of the past.
const OUTAGE: u64 = 7_200;

/// Opus concealment is left alone for this long, then fades over three times that: 10 ms, 30 ms.
const OPUS_HOLD: u32 = 480;

/// Samples of the first fade-in, and of the way back from a faded Opus gap: 2.5 ms.
const FADE_IN: u32 = 120;

/// Added to every sequence number, so that a place before the first frame is still a number.
const SEQ_BASE: u64 = 1 << 20;

/// The most one block may ask for beyond what is written; more is a bug or a jump, and starts anew.
const FILL_MAX: u64 = 8_192;

/// The most that is left behind in one block: the line holds the old place, the new one and a block.
const LEAP_MAX: u64 = 4_096;

/// Output samples between two looks at the clocks' drift: half a second.
const DRIFT_EVERY: u64 = 24_000;

/// A level under which nobody hears the rate bend: -50 dBFS.
const QUIET: f32 = 0.003;

/// One remote stream, from its ring to samples on our clock.
#[derive(Debug)]
pub struct Playout {
    format: StreamFormat,
    frames: Consumer<ReceivedFrame>,
    buffer: JitterBuffer,
    decoder: Decoder,
    concealer: Concealer,
    line: Line,
    delay: PlayoutDelay,
    capture_clock: ClockRate,
    output_clock: ClockRate,
    state: State,
    position: Position,
    /// Delay imposed now, in the coordinate of what frames require.
    held: f64,
    drift_ppm: f64,
    /// Media time up to which the line is written, with heard or invented samples.
    written: u64,
    gap: Option<Gap>,
    fade_in: u32,
    output_time: u64,
    last_arrival: u64,
    drift_at: u64,
    late_run: u32,
    required_last: f32,
    peak: f32,
    counters: Arc<PlayoutCounters>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No frame yet.
    Waiting,
    /// Frames come; how spread they are is being learnt.
    Listening,
    /// Heard.
    Playing,
}

/// A place in the stream: media time and the part of a sample after it.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    at: u64,
    fraction: f64,
}

impl Position {
    fn advance(&mut self, by: f64) {
        let next = self.fraction + by;
        let whole = next.floor();
        self.at = self.at.wrapping_add_signed(whole as i64);
        self.fraction = next - whole;
    }

    /// How far this is after `media_time`, in samples.
    fn after(self, media_time: u64) -> f64 {
        self.at.wrapping_sub(media_time) as i64 as f64 + self.fraction
    }
}

/// A gap that is being bridged, or that is giving way to real samples again.
#[derive(Debug, Clone, Copy)]
struct Gap {
    /// Samples invented so far.
    invented: u32,
    /// Samples of the way back done so far.
    faded: u32,
}

impl Playout {
    /// Silent until frames come.
    ///
    /// # Errors
    /// [`CodecError`] if the codec refuses the form.
    pub fn new(
        format: StreamFormat,
        frames: Consumer<ReceivedFrame>,
        mode: DelayMode,
    ) -> Result<(Self, PlayoutStats), CodecError> {
        let counters = Arc::new(PlayoutCounters::default());
        let playout = Self {
            format,
            frames,
            buffer: JitterBuffer::new(0),
            decoder: Decoder::new(format)?,
            concealer: Concealer::new(),
            line: Line::new(),
            delay: PlayoutDelay::new(mode),
            capture_clock: ClockRate::new(),
            output_clock: ClockRate::new(),
            state: State::Waiting,
            position: Position::default(),
            held: 0.0,
            drift_ppm: 0.0,
            written: 0,
            gap: None,
            fade_in: 0,
            output_time: 0,
            last_arrival: 0,
            drift_at: 0,
            late_run: 0,
            required_last: 0.0,
            peak: 0.0,
            counters: Arc::clone(&counters),
        };
        Ok((playout, PlayoutStats::new(counters)))
    }

    /// Changes how the delay is chosen.
    pub const fn set_mode(&mut self, _rt: &mut Rt<'_>, mode: DelayMode) {
        self.delay.set_mode(mode);
    }

    /// The next `out.len()` samples of this peer on our clock; the block begins at `at`.
    pub fn render(&mut self, _rt: &mut Rt<'_>, out: &mut [Stereo], at: CardTime) {
        self.output_clock.observe(self.output_time, u64::try_from(at.0.as_micros()).unwrap_or(u64::MAX));
        if self.state == State::Waiting {
            // What piled up before anybody listened is past: taken for the spread of the link it
            // would be held as delay.
            while self.frames.slots() > 1 && self.frames.pop().is_ok() {}
        }
        while let Ok(mut received) = self.frames.pop() {
            received.frame.seq += SEQ_BASE;
            self.take_in(&received);
        }
        self.start_or_stop();
        match self.state {
            State::Playing => self.play(out),
            State::Waiting => out.fill([0.0; 2]),
            State::Listening => {
                self.position.advance(out.len() as f64);
                out.fill([0.0; 2]);
            }
        }
        self.output_time += out.len() as u64;
        self.publish();
    }

    fn frame_samples(&self) -> u64 {
        self.format.frame_samples() as u64
    }

    fn take_in(&mut self, received: &ReceivedFrame) {
        let start = received.frame.seq * self.frame_samples();
        if self.state == State::Waiting {
            self.listen_from(received.frame.seq, start);
        }
        if self.buffer.is_new_but_late(received.frame.seq) && self.state == State::Playing {
            self.late_run += 1;
            if self.late_run >= LATE_RUN {
                self.meet_late(received.frame.seq, start);
            }
        }
        let inserted = match self.buffer.insert(&received.frame) {
            Inserted::Overflow => {
                self.listen_from(received.frame.seq, start);
                self.buffer.insert(&received.frame)
            }
            inserted => inserted,
        };
        match inserted {
            Inserted::Duplicate | Inserted::Overflow => return,
            Inserted::Late => self.counters.late.add(1),
            Inserted::Queued => self.late_run = 0,
        }
        self.last_arrival = self.output_time;
        self.capture_clock.observe(start + self.frame_samples(), received.arrived.micros());
        let required = self.required(start);
        self.delay.observe(self.output_time, required);
        self.counters.note_jitter((required - self.required_last).abs());
        self.required_last = required;
    }

    /// The delay that would have had the frame that starts at media time `start` here in time.
    fn required(&self, start: u64) -> f32 {
        (self.held + LOOKAHEAD as f64 + self.position.after(start)) as f32
    }

    /// Frames keep coming late: reading goes back to the one that comes now. Nothing real is heard
    /// twice, since all that was read from there on was invented.
    fn meet_late(&mut self, seq: u64, start: u64) {
        let shift = (self.buffer.next() - seq) * self.frame_samples();
        if shift > FILL_MAX {
            return;
        }
        // What was invented last goes on from where reading goes on.
        for at in self.position.at.saturating_sub(BEHIND)..self.written {
            self.line.write(at - shift, self.line.sample(at));
        }
        let required = self.required(start);
        self.position.at -= shift;
        self.written -= shift;
        self.held += shift as f64;
        self.buffer.rewind(seq);
        self.delay.moved_back(shift as f32, required);
        self.late_run = 0;
        self.counters.moved_back.add(1);
    }

    /// Begins to learn the link from the frame `seq` that starts at media time `start`.
    fn listen_from(&mut self, seq: u64, start: u64) {
        if self.state == State::Playing {
            self.counters.restarts.add(1);
        }
        self.state = State::Listening;
        self.buffer.restart(seq);
        self.delay.restart();
        self.capture_clock = ClockRate::new();
        self.decoder.reset();
        self.line.clear();
        self.gap = None;
        self.held = 0.0;
        self.position = Position { at: start, fraction: 0.0 };
        self.written = start;
        self.late_run = 0;
    }

    fn start_or_stop(&mut self) {
        let silent_for = self.output_time - self.last_arrival;
        if self.state != State::Waiting && silent_for > OUTAGE {
            self.state = State::Waiting;
            self.counters.restarts.add(1);
        }
        if self.state == State::Listening && self.delay.has_bins(LISTEN_BINS) {
            self.held = f64::from(self.delay.target(self.unavoidable())).round();
            self.position.advance(-self.held);
            self.fade_in = FADE_IN;
            self.state = State::Playing;
            // Frames whose time has gone while we listened.
            while (self.buffer.next() + 1) * self.frame_samples() + 16 < self.position.at {
                self.buffer.skip();
            }
            self.written = self.buffer.next() * self.frame_samples();
        }
    }

    /// What the delay is on this link when nothing is held back: a frame and the look-ahead, less the
    /// requirement that our counting gives it.
    fn unavoidable(&self) -> f32 {
        (self.frame_samples() as usize + LOOKAHEAD) as f32 - self.delay.floor()
    }

    fn play(&mut self, out: &mut [Stereo]) {
        if self.output_time >= self.drift_at {
            self.drift_ppm = drift_ppm(&self.capture_clock, &self.output_clock);
            self.drift_at = self.output_time + DRIFT_EVERY;
            self.delay.set_slide(self.drift_ppm != 0.0, out.len());
        }
        let unavoidable = self.unavoidable();
        if let Some(excess) = self.delay.leap(self.held as f32, unavoidable) {
            self.leap(out, excess.min(LEAP_MAX));
            return;
        }
        let bend = self.delay.bend(self.held as f32, unavoidable, self.peak < QUIET);
        let step = 1.0 + self.drift_ppm * 1e-6 - bend;
        self.held += bend * out.len() as f64;
        let mut end = self.position;
        end.advance(step * out.len() as f64);
        self.fill(end.at + 1 + LOOKAHEAD as u64);
        let mut peak = 0.0_f32;
        for sample in &mut *out {
            *sample = self.line.between(self.position.at, self.position.fraction as f32);
            peak = peak.max(sample[0].abs()).max(sample[1].abs());
            self.position.advance(step);
        }
        // Falls by half in 0.2 s of 64-sample blocks, rises at once.
        self.peak = peak.max(self.peak * 0.995);
        self.ramp_in(out);
    }

    /// Goes on `ahead` samples later, from one block to the next: the old place fades into the new one.
    fn leap(&mut self, out: &mut [Stereo], ahead: u64) {
        let step = self.drift_ppm.mul_add(1e-6, 1.0);
        let mut end = self.position;
        end.advance(step * out.len() as f64);
        self.fill(end.at + ahead + 1 + LOOKAHEAD as u64);
        let (count, mut peak) = (out.len() as f32, 0.0_f32);
        for (n, sample) in out.iter_mut().enumerate() {
            let share = (n + 1) as f32 / count;
            let Position { at, fraction } = self.position;
            let old = self.line.between(at, fraction as f32);
            let new = self.line.between(at + ahead, fraction as f32);
            *sample = [0, 1].map(|ear| old[ear] + (new[ear] - old[ear]) * share);
            peak = peak.max(sample[0].abs()).max(sample[1].abs());
            self.position.advance(step);
        }
        self.position.at += ahead;
        self.held -= ahead as f64;
        self.peak = peak.max(self.peak * 0.995);
        self.counters.leapt.add(1);
        self.ramp_in(out);
    }

    fn ramp_in(&mut self, out: &mut [Stereo]) {
        for sample in out {
            if self.fade_in == 0 {
                return;
            }
            self.fade_in -= 1;
            let gain = 1.0 - self.fade_in as f32 / FADE_IN as f32;
            *sample = sample.map(|value| value * gain);
        }
    }

    /// Writes the line up to media time `until`, with what came and with what had to be invented.
    fn fill(&mut self, until: u64) {
        if until > self.written + FILL_MAX {
            self.state = State::Waiting;
            return;
        }
        if self.gap.is_some() && self.buffer.is_ready() {
            self.write_frame();
        }
        while self.written < until {
            if self.buffer.is_ready() {
                self.write_frame();
            } else if self.format.codec() == Codec::Opus {
                self.conceal_opus();
            } else {
                self.conceal_pcm(until);
            }
        }
    }

    fn write_frame(&mut self) {
        let Some(frame) = self.buffer.take() else { return };
        let start = frame.seq * self.frame_samples();
        let mut samples = [[0.0; 2]; FRAME_SAMPLES_MAX];
        let samples = &mut samples[..self.format.frame_samples()];
        if !self.decoder.decode(frame.payload(), samples) {
            self.counters.undecodable.add(1);
        }
        self.counters.played.add(1);
        // What has been read already stays as it was heard.
        let from = start.max(self.position.at.min(self.written));
        for (at, sample) in (start..).zip(samples.iter()) {
            if at < from {
                continue;
            }
            let sample = self.blend(at, *sample);
            self.line.write(at, sample);
        }
        self.written = self.written.max(start + self.frame_samples());
    }

    /// The real sample of media time `at`, or its share of the way back from a gap.
    fn blend(&mut self, at: u64, real: Stereo) -> Stereo {
        let Some(gap) = &mut self.gap else { return real };
        if gap.faded >= CROSSFADE {
            self.gap = None;
            return real;
        }
        gap.faded += 1;
        let share = gap.faded as f32 / CROSSFADE as f32;
        let invented = if self.format.codec() == Codec::Opus {
            [0.0; 2]
        } else if at < self.written {
            self.line.sample(at)
        } else {
            self.concealer.next_sample()
        };
        [0, 1].map(|ear| invented[ear] + (real[ear] - invented[ear]) * share)
    }

    fn conceal_pcm(&mut self, until: u64) {
        let frame_end = (self.buffer.next() + 1) * self.frame_samples();
        if self.gap.is_none_or(|gap| gap.faded > 0) {
            let mut heard = [[0.0; 2]; HISTORY];
            for (n, sample) in heard.iter_mut().enumerate() {
                *sample = self.line.sample(self.written.wrapping_sub((HISTORY - n) as u64));
            }
            self.concealer.begin(&heard, self.format.channels() == 1);
            self.gap = Some(Gap { invented: 0, faded: 0 });
        }
        while self.written < until.min(frame_end) {
            self.line.write(self.written, self.concealer.next_sample());
            self.written += 1;
            self.counters.concealed_samples.add(1);
        }
        if self.written >= frame_end {
            self.buffer.skip();
            self.counters.concealed.add(1);
        }
    }

    fn conceal_opus(&mut self) {
        let mut samples = [[0.0; 2]; FRAME_SAMPLES_MAX];
        let samples = &mut samples[..self.format.frame_samples()];
        self.decoder.conceal(samples);
        let mut invented = self.gap.map_or(0, |gap| gap.invented);
        for sample in samples.iter() {
            let fade = invented.saturating_sub(OPUS_HOLD) as f32 / (3 * OPUS_HOLD) as f32;
            let gain = (1.0 - fade).max(0.0);
            self.line.write(self.written, sample.map(|value| value * gain));
            self.written += 1;
            invented = invented.saturating_add(1);
        }
        // Opus overlaps its own way back; only a gap that had faded needs ours.
        let faded = if invented > OPUS_HOLD { 0 } else { CROSSFADE };
        self.gap = Some(Gap { invented, faded });
        self.buffer.skip();
        self.counters.concealed.add(1);
        self.counters.concealed_samples.add(self.frame_samples());
    }

    fn publish(&self) {
        let held = self.held as f32;
        let unavoidable = self.unavoidable();
        let playing = self.state == State::Playing;
        let now = if playing { held + unavoidable } else { 0.0 };
        self.counters.playout_delay.set(now);
        self.counters.target_delay.set(if playing {
            self.delay.target(unavoidable) + unavoidable
        } else {
            0.0
        });
        self.counters.drift_ppm.set(self.drift_ppm as f32);
    }
}

// The line must hold the longest delay, a block and the sinc.
const _: () = assert!(LINE > 8_192 + 2_048 + LEAP_MAX as usize);

//! How long a participant's sound is held before it is heard: as short as the link allows.
//!
//! World: real-time (the output callback owns it). No heap after construction, no clock.
//!
//! Each frame says how much delay it *required* to be there in time, in samples. The largest
//! requirement of each 20 ms, above the link's floor, goes into a histogram of the last
//! 30 s; the target is the floor and the least above it that leaves no more than a small share of the
//! time to be invented. So one late packet in a freeze of the machine costs one hidden gap and no lasting delay, while
//! jitter, a lost packet that comes by its copy, or a phase that creeps between two clocks raise the
//! target by just what they need. The floor is what a frame that nothing held up requires: the median, over a
//! second, of the least of each 20 ms. It follows what a card that skipped a block leaves behind, and one
//! frame that came early moves it not at all.
//! The delay follows the target by bending the rate of reading. What is more than 20 ms too long, as a sender that
//! stood still for a moment leaves it behind, goes at once, by a cross-fade.

use crate::domain::strip::DelayMode;
use crate::domain::time::{RATE_HZ, ms_to_samples};

/// Samples whose worst requirement counts once: 20 ms. Shorter would let one freeze of the machine
/// count several times, longer would hide how often a link is late.
const BIN: u64 = RATE_HZ as u64 / 50;

/// Bins remembered: 30 s. Shorter forgets a link's bad moments between them, longer falls too slowly.
const BINS: usize = 1_500;

/// Histogram cells of [`CELL`] samples each: 0.51 s of delay in all.
const CELLS: usize = 6_144;
const CELL: f32 = 4.0;

/// Bins whose median is the floor: one second, so that a skipped block is believed after half of one.
/// Shorter takes jitter for the floor, longer keeps a delay that a skipped block left behind.
const FLOOR_BINS: usize = 50;

/// Samples that may have to be invented in each bin, on average, at the bias in the middle: 0.3 % of
/// the time. A gap of one period in thirty bins is not heard (audio::conceal), and to wait a period
/// longer for all of it is. A machine that freezes for 4 ms a dozen times a minute makes 0.8 by itself
/// (measured); jitter makes far more.
const INVENTED: f32 = 3.0;

/// The share of bins that may be late at all, at the bias in the middle: 1 in 25. Runs of loss make
/// more, and what comes by their copies is waited for.
const LATE_SHARE: f32 = 0.04;

/// Bins in a row that must all have been late for it to be the link and not a freeze: 60 ms. The
/// delay then rises at once, whatever may be invented.
const STREAK: usize = 3;

/// Samples by which the least of the worst requirements creeps up each bin, so that a link that became
/// longer is believed: 0.1 sample a second, slower than two clocks slide past each other.
const CREEP: f32 = 0.002;

/// Samples added to what was required: what two clocks creep before the next decision.
const MARGIN: f32 = 6.0;

/// The target must be this far below the delay before it falls, in samples.
const HYSTERESIS: f32 = 12.0;

/// A delay this far above its target, in samples, is not bent away but left at once: 20 ms, which bending at
/// [`FALL`] would keep for ten seconds. A sender that stood still for a moment leaves it behind.
const LEAP: f32 = 960.0;

/// The most the rate of reading is bent, as a share: upwards in delay (a late link must be helped at
/// once; 5 ms take 1 s, 9 cents), downwards (1 ms takes half a second, 3 cents: a machine that freezes
/// a dozen times a minute is near its target most of the time), and either way while nobody plays.
const RISE: f64 = 0.005;
const FALL: f64 = 0.002;
const QUIET: f64 = 0.02;

/// Playout delay of one participant. All values in samples per channel, relative to the first frame.
pub struct PlayoutDelay {
    mode: DelayMode,
    histogram: Box<[u16; CELLS]>,
    bins: Box<[u16; BINS]>,
    count: usize,
    next: usize,
    bin: u64,
    /// The least and the largest requirement of this bin.
    now: Option<[f32; 2]>,
    /// The least requirements of the last bins, how many there were, and the median.
    leasts: [f32; FLOOR_BINS],
    floor_count: usize,
    floor: f32,
    /// What to hold above the floor.
    above: f32,
    /// The smallest requirement of a run of late bins, and how long the run is.
    late_run: (f32, usize),
    /// The smallest of the bins' requirements, creeping up by [`CREEP`].
    least: f32,
    /// Samples of a callback's block if the two clocks drift, else 0.
    slide: f32,
    falling: bool,
}

impl std::fmt::Debug for PlayoutDelay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "PlayoutDelay {{ {} above {}, {} bins, {:?} }}",
            self.above, self.floor, self.count, self.mode
        )
    }
}

impl PlayoutDelay {
    /// Before the first frame.
    #[must_use]
    pub fn new(mode: DelayMode) -> Self {
        Self {
            mode,
            histogram: Box::new([0; CELLS]),
            bins: Box::new([0; BINS]),
            count: 0,
            next: 0,
            bin: 0,
            now: None,
            leasts: [0.0; FLOOR_BINS],
            floor_count: 0,
            floor: 0.0,
            above: 0.0,
            late_run: (0.0, 0),
            least: f32::MAX,
            slide: 0.0,
            falling: false,
        }
    }

    /// Forgets the link, keeps the mode: the stream starts again.
    pub fn restart(&mut self) {
        self.histogram.fill(0);
        self.count = 0;
        self.next = 0;
        self.now = None;
        self.floor_count = 0;
        self.above = 0.0;
        self.late_run = (0.0, 0);
        self.least = f32::MAX;
        self.slide = 0.0;
        self.falling = false;
    }

    /// Whether the sender's clock and ours drift, and the `block` our callback plays at a time.
    ///
    /// Two clocks that drift slide past each other: what a frame requires creeps down by a block and
    /// then jumps up by one, or the other way round. The jump is covered before it comes.
    pub const fn set_slide(&mut self, drifting: bool, block: usize) {
        self.slide = if drifting { block as f32 } else { 0.0 };
    }

    /// Changes how the delay is chosen; heard within a second.
    pub const fn set_mode(&mut self, mode: DelayMode) {
        self.mode = mode;
    }

    /// A frame came for the first time at output sample `at`, and `required` samples of delay would
    /// have had it there in time.
    pub fn observe(&mut self, at: u64, required: f32) {
        let bin = at / BIN;
        if bin != self.bin {
            self.close_bin();
            self.bin = bin;
        }
        let [least, worst] = self.now.unwrap_or([required; 2]);
        self.now = Some([least.min(required), worst.max(required)]);
    }

    /// Reading was moved back by `shift` samples because frames kept coming late: what this one
    /// `required` is the floor from now on.
    pub const fn moved_back(&mut self, shift: f32, required: f32) {
        self.leasts = [required; FLOOR_BINS];
        self.floor = required;
        self.least += shift;
        self.late_run = (0.0, 0);
    }

    /// What a frame that nothing held up requires, as the last second has it; 0 before the first bin.
    #[must_use]
    pub const fn floor(&self) -> f32 {
        self.floor
    }

    fn follow_floor(&mut self, least: f32) {
        self.leasts[self.floor_count % FLOOR_BINS] = least;
        self.floor_count += 1;
        let mut sorted = self.leasts;
        let known = &mut sorted[..self.floor_count.min(FLOOR_BINS)];
        let middle = (known.len() - 1) / 2;
        self.floor = *known.select_nth_unstable_by(middle, f32::total_cmp).1;
    }

    fn close_bin(&mut self) {
        let Some([least, worst]) = self.now.take() else { return };
        self.follow_floor(least);
        let above = worst - self.floor;
        let cell = ((above / CELL).ceil() as i32).clamp(0, CELLS as i32 - 1) as u16;
        if self.count == BINS {
            self.histogram[usize::from(self.bins[self.next])] -= 1;
        } else {
            self.count += 1;
        }
        self.bins[self.next] = cell;
        self.histogram[usize::from(cell)] += 1;
        self.next = (self.next + 1) % BINS;
        let needed = self.needed();
        self.late_run = match self.late_run {
            _ if above <= needed => (0.0, 0),
            (_, 0) => (above, 1),
            (least, count) => (least.min(above), count + 1),
        };
        self.least = worst.min(self.least + CREEP);
        let (least, count) = self.late_run;
        self.above = if count >= STREAK { needed.max(least) } else { needed };
    }

    /// The least to hold above the floor so that no more is invented than may be.
    fn needed(&self) -> f32 {
        let scale = match self.mode {
            DelayMode::Auto { bias } => 6_f32.powf(-bias.clamp(-1.0, 1.0)),
            DelayMode::Fixed { .. } => 1.0,
        };
        let allowed = INVENTED * scale * self.count as f32;
        let late_allowed = LATE_SHARE * scale * self.count as f32;
        let (mut late, mut invented) = (0_u32, 0.0);
        for cell in (0..CELLS).rev() {
            // One cell less held: everything late so far is late by a cell more.
            invented += late as f32 * CELL;
            if invented > allowed || late as f32 > late_allowed {
                return (cell + 1) as f32 * CELL;
            }
            late += u32::from(self.histogram[cell]);
        }
        0.0
    }

    /// The delay to aim for. `held`: how many samples of delay the shortest requirement of this link
    /// stands for, so that a fixed delay in ms is one of sound and not of our counting.
    #[must_use]
    pub fn target(&self, held: f32) -> f32 {
        match self.mode {
            DelayMode::Auto { bias } => {
                let needed = self.floor + self.above;
                let slid = if self.slide > 0.0 { self.least + self.slide } else { needed };
                needed.max(slid) + MARGIN * (1.0 + bias.clamp(-1.0, 1.0).max(0.0) * 16.0)
            }
            DelayMode::Fixed { ms } => ms_to_samples(f64::from(ms.clamp(0.0, 500.0))) as f32 - held,
        }
    }

    /// How many samples of `delay` are to be left at once, if bending them away would take too long.
    #[must_use]
    pub fn leap(&self, delay: f32, held: f32) -> Option<u64> {
        let excess = delay - self.target(held);
        (excess > LEAP).then_some(excess as u64)
    }

    /// The share by which reading is slowed (positive: the delay grows) to go from `delay` to the target.
    pub fn bend(&mut self, delay: f32, held: f32, quiet: bool) -> f64 {
        let missing = f64::from(self.target(held) - delay);
        let most = if quiet { QUIET } else { RISE };
        if missing > 0.5 {
            self.falling = false;
            // Nine tenths of the way within a quarter of a second, or as fast as may be.
            return (missing / 6_000.0).clamp(0.000_02, most);
        }
        if missing < -f64::from(HYSTERESIS) {
            self.falling = true;
        }
        if !self.falling || missing > -0.5 {
            self.falling = false;
            return 0.0;
        }
        (missing / 12_000.0).clamp(if quiet { -QUIET } else { -FALL }, -0.000_02)
    }

    /// Whether enough came to choose the first delay: `bins` bins of 20 ms.
    #[must_use]
    pub const fn has_bins(&self, bins: usize) -> bool {
        self.count >= bins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: &mut u64) -> f32 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 40) as f32 / (1 << 24) as f32
    }

    /// Feeds `seconds` of 64-sample frames whose requirement `required(n)` gives.
    fn feed(delay: &mut PlayoutDelay, from_s: u64, seconds: u64, mut required: impl FnMut(u64) -> f32) {
        for n in from_s * 750..(from_s + seconds) * 750 {
            delay.observe(n * 64, required(n));
        }
    }

    #[test]
    fn a_steady_link_is_held_for_its_margin_only() {
        let mut delay = PlayoutDelay::new(DelayMode::default());
        feed(&mut delay, 0, 10, |_| 64.0);
        assert!((delay.target(0.0) - 64.0 - MARGIN).abs() <= CELL);
    }

    #[test]
    fn a_freeze_now_and_then_costs_no_lasting_delay() {
        let mut delay = PlayoutDelay::new(DelayMode::default());
        // Every five seconds three frames come 4 ms late, as on the bench this was measured on.
        feed(&mut delay, 0, 60, |n| if n % 3_750 > 3_740 { 64.0 + 192.0 } else { 64.0 });
        assert!(delay.target(0.0) < 80.0, "{delay:?}");
    }

    #[test]
    fn a_link_that_became_longer_is_followed_within_a_tenth_of_a_second() {
        let mut delay = PlayoutDelay::new(DelayMode::default());
        feed(&mut delay, 0, 30, |_| 64.0);
        for n in 30 * 750..30 * 750 + 75 {
            delay.observe(n * 64, 128.0);
        }
        assert!(delay.target(0.0) >= 128.0, "{delay:?}");
    }

    #[test]
    fn a_block_that_a_card_skipped_is_believed_within_seconds() {
        for step in [-64.0, 64.0] {
            let mut delay = PlayoutDelay::new(DelayMode::default());
            feed(&mut delay, 0, 30, |_| 128.0);
            if step > 0.0 {
                delay.moved_back(step, 128.0 + step);
            }
            feed(&mut delay, 30, 3, |_| 128.0 + step);
            let expected = 128.0 + step + MARGIN;
            assert!((delay.target(0.0) - expected).abs() <= CELL, "{delay:?}");
        }
    }

    #[test]
    fn jitter_is_covered_to_its_edge_and_forgotten_afterwards() {
        let mut delay = PlayoutDelay::new(DelayMode::default());
        let mut seed = 5;
        feed(&mut delay, 0, 20, |_| 64.0 + 240.0 * random(&mut seed).powf(0.2));
        // The floor of jitter is itself uncertain by some samples.
        assert!((290.0..340.0).contains(&delay.target(0.0)), "{delay:?}");
        feed(&mut delay, 20, 31, |_| 64.0);
        assert!(delay.target(0.0) < 80.0, "{delay:?}");
    }

    #[test]
    fn a_frame_that_came_early_raises_no_delay() {
        let mut delay = PlayoutDelay::new(DelayMode::default());
        // Once in two seconds for a while, after a cycle that a sound server left out.
        feed(&mut delay, 0, 20, |n| if n % 1_500 == 0 { 64.0 } else { 128.0 });
        feed(&mut delay, 20, 5, |_| 128.0);
        assert!((delay.target(0.0) - 128.0 - MARGIN).abs() <= CELL, "{delay:?}");
    }

    #[test]
    fn a_copy_that_comes_later_raises_the_delay_by_what_it_needs() {
        let mut delay = PlayoutDelay::new(DelayMode::default());
        let mut seed = 9;
        feed(&mut delay, 0, 20, |_| if random(&mut seed) < 0.05 { 128.0 } else { 64.0 });
        assert!((128.0..142.0).contains(&delay.target(0.0)), "{delay:?}");
    }

    #[test]
    fn safe_waits_longer_than_quick() {
        let mut targets = [-1.0, 0.0, 1.0].map(|bias| {
            let mut delay = PlayoutDelay::new(DelayMode::Auto { bias });
            let mut seed = 3;
            feed(&mut delay, 0, 30, |_| 64.0 - 60.0 * random(&mut seed).ln());
            delay.target(0.0)
        });
        assert!(targets[0] < targets[1] && targets[1] < targets[2], "{targets:?}");
        targets.sort_by(f32::total_cmp);
    }

    #[test]
    fn bending_reaches_the_target_rises_fast_and_falls_slowly() {
        let mut delay = PlayoutDelay::new(DelayMode::default());
        feed(&mut delay, 0, 10, |_| 300.0);
        let (mut now, mut blocks) = (60.0_f32, 0);
        while now < delay.target(0.0) - 1.0 && blocks < 7_500 {
            let bend = delay.bend(now, 0.0, false);
            assert!((0.0..=RISE).contains(&bend));
            now += (bend * 64.0) as f32;
            blocks += 1;
        }
        assert!(blocks < 1_500, "5 ms took {blocks} blocks");
        feed(&mut delay, 10, 40, |_| 64.0);
        let mut down = 0;
        while delay.bend(now, 0.0, false) < 0.0 && down < 75_000 {
            now += (delay.bend(now, 0.0, false) * 64.0) as f32;
            down += 1;
        }
        assert!(down > blocks && (now - delay.target(0.0)).abs() < HYSTERESIS);
    }

    #[test]
    fn a_fixed_delay_is_what_was_asked_for() {
        let delay = PlayoutDelay::new(DelayMode::Fixed { ms: 10.0 });
        assert!((delay.target(64.0) - 416.0).abs() < 0.1);
    }
}

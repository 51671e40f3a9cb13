//! What a callback counts while it runs, and what is read from it elsewhere.
//!
//! World: real-time writes, workers read; all relaxed, nothing is decided by their order.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::priority::Raised;

/// Counters of one end of the card, kept from card to card.
#[derive(Debug)]
pub struct EndCounters {
    callbacks: AtomicU64,
    xruns: AtomicU64,
    late: AtomicU64,
    block: AtomicU32,
    raised: AtomicU16,
    measure: AtomicBool,
    cost: [AtomicU32; COST_STEPS],
    cost_max_ns: AtomicU64,
}

/// A callback's own time against the time it has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CallbackCost {
    /// The share of the period that 99.9 % of callbacks stayed below; in steps of 1/32.
    pub p999_share: f64,
    /// The longest, in µs.
    pub max_us: f64,
    /// Callbacks measured.
    pub measured: u64,
}

/// The card in numbers, since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct CardStats {
    /// Blocks of input taken from the card (not from a stand-in).
    pub input_callbacks: u64,
    /// Blocks of output given to the card.
    pub output_callbacks: u64,
    /// Over- and underruns the card reported; of the virtual card, blocks more than a period late.
    pub xruns: u64,
    /// Callbacks that came more than half a block late by the card's own time stamps.
    pub late_callbacks: u64,
    /// Times a card was lost.
    pub losses: u64,
    /// Times it came back.
    pub returns: u64,
    /// Samples (per channel) that a raw input had not delivered in time: silence was played.
    pub input_underruns: u64,
    /// Samples (per channel) the output's writer was too slow for: silence is in the file.
    pub output_dropped: u64,
    /// The input callback's cost; only while it is measured.
    pub input_cost: Option<CallbackCost>,
    /// The output callback's cost; only while it is measured.
    pub output_cost: Option<CallbackCost>,
}

impl Default for EndCounters {
    fn default() -> Self {
        Self {
            callbacks: AtomicU64::new(0),
            xruns: AtomicU64::new(0),
            late: AtomicU64::new(0),
            block: AtomicU32::new(0),
            raised: AtomicU16::new(0),
            measure: AtomicBool::new(false),
            cost: [const { AtomicU32::new(0) }; COST_STEPS],
            cost_max_ns: AtomicU64::new(0),
        }
    }
}

impl EndCounters {
    /// Counts one block of `samples` per channel; `late` if it came late by the card's stamps.
    pub fn count(&self, samples: usize, late: bool) {
        self.callbacks.fetch_add(1, Relaxed);
        self.block.store(u32::try_from(samples).unwrap_or(u32::MAX), Relaxed);
        if late {
            self.late.fetch_add(1, Relaxed);
        }
    }

    /// Counts an over- or underrun.
    pub fn count_xrun(&self) {
        self.xruns.fetch_add(1, Relaxed);
    }

    /// Blocks so far.
    #[must_use]
    pub fn callbacks(&self) -> u64 {
        self.callbacks.load(Relaxed)
    }

    /// Over- and underruns so far.
    #[must_use]
    pub fn xruns(&self) -> u64 {
        self.xruns.load(Relaxed)
    }

    /// Blocks that came late so far.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late.load(Relaxed)
    }

    /// Samples per channel in the last block.
    #[must_use]
    pub fn block(&self) -> u32 {
        self.block.load(Relaxed)
    }

    /// Forgets the last block: another card begins.
    pub fn forget_block(&self) {
        self.block.store(0, Relaxed);
    }

    /// Leaves what became of the callback thread's priority.
    pub fn set_raised(&self, raised: Raised) {
        self.raised.store(raised.to_bits(), Relaxed);
    }

    /// What became of the callback thread's priority.
    #[must_use]
    pub fn raised(&self) -> Raised {
        Raised::from_bits(self.raised.load(Relaxed))
    }

    /// Whether the callback reads a clock around its work; off unless asked for.
    #[must_use]
    pub fn measures(&self) -> bool {
        self.measure.load(Relaxed)
    }

    /// Turns measuring on or off, and forgets what was measured.
    pub fn set_measure(&self, measure: bool) {
        self.measure.store(false, Relaxed);
        for step in &self.cost {
            step.store(0, Relaxed);
        }
        self.cost_max_ns.store(0, Relaxed);
        self.measure.store(measure, Relaxed);
    }

    /// Notes that a block that lasts `budget` cost `spent`.
    pub fn note_cost(&self, spent: Duration, budget: Duration) {
        let spent = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX);
        let budget = u64::try_from(budget.as_nanos()).unwrap_or(u64::MAX).max(1);
        let step = spent.saturating_mul(COST_STEPS_PER_BUDGET) / budget;
        let step = usize::try_from(step).unwrap_or(usize::MAX).min(COST_STEPS - 1);
        self.cost[step].fetch_add(1, Relaxed);
        self.cost_max_ns.fetch_max(spent, Relaxed);
    }

    /// The cost so far; `None` if nothing was measured.
    #[must_use]
    pub fn cost(&self) -> Option<CallbackCost> {
        let steps: Vec<u64> = self.cost.iter().map(|step| u64::from(step.load(Relaxed))).collect();
        let measured: u64 = steps.iter().sum();
        if measured == 0 {
            return None;
        }
        let mut above = measured / 1_000;
        let mut p999_step = 0;
        for (step, count) in steps.iter().enumerate().rev() {
            if *count > above {
                p999_step = step;
                break;
            }
            above -= count;
        }
        Some(CallbackCost {
            p999_share: (p999_step + 1) as f64 / COST_STEPS_PER_BUDGET as f64,
            max_us: self.cost_max_ns.load(Relaxed) as f64 / 1_000.0,
            measured,
        })
    }
}

/// Steps of the histogram in one period.
const COST_STEPS_PER_BUDGET: u64 = 32;

/// Steps of the histogram: up to two periods; the last holds everything longer.
const COST_STEPS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_nearly_all_callbacks_is_told_beside_the_worst() {
        let counters = EndCounters::default();
        assert_eq!(counters.cost(), None);
        let budget = Duration::from_micros(3_200);
        for _ in 0..9_995 {
            counters.note_cost(Duration::from_micros(150), budget);
        }
        for _ in 0..5 {
            counters.note_cost(Duration::from_millis(10), budget);
        }
        let cost = counters.cost().unwrap();
        assert!((cost.p999_share - 2.0 / 32.0).abs() < 1e-9, "{cost:?}");
        assert!((cost.max_us - 10_000.0).abs() < 1e-9);
        assert_eq!(cost.measured, 10_000);
    }
}

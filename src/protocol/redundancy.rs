//! How much a sender repeats itself, from what the receiver says it lost.
//!
//! World: worker (the encoder thread asks). No clock of its own.
//!
//! Single losses are best met by sending the same packet again within the time of one frame: two
//! sends at 1 % loss leave 0.01 % of frames missing, three at 5 % leave 0.0125 %, and neither costs
//! the listener a frame of delay. Losses in runs take every copy within the run with them: there the
//! earlier frames ride along in later packets (RFC 2198), as deep as the runs are long, and the
//! copies are spread. The listener's playout delay follows by itself what then comes in time.

use std::time::Duration;

use super::frame::Redundancy;
use crate::domain::time::Timestamp;

/// Loss above which each packet is sent twice: one frame in a thousand, a click every second or two.
const TWICE_ABOVE: f32 = 0.001;

/// Loss above which each packet is sent three times.
const THRICE_ABOVE: f32 = 0.02;

/// Mean length of a run of lost packets above which losses count as bursts.
const BURST_ABOVE: f32 = 1.5;

/// A link must stay better for this long before it is trusted with less.
const HOLD: Duration = Duration::from_secs(30);

/// The choice for one direction of a link: up at once, down after half a minute.
#[derive(Debug, Clone)]
pub struct RedundancyPolicy {
    need: Need,
    since: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Need {
    sends: u8,
    depth: u8,
}

impl Default for RedundancyPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl RedundancyPolicy {
    /// A clean link.
    #[must_use]
    pub const fn new() -> Self {
        Self { need: Need { sends: 1, depth: 0 }, since: Timestamp::from_micros(0) }
    }

    /// What to do from now on. `loss`: share of packets sent that did not arrive, of the last
    /// seconds; `mean_burst`: mean length of a run of lost packets; `frame_us`: a frame's time in µs.
    pub fn update(&mut self, now: Timestamp, loss: f32, mean_burst: f32, frame_us: u32) -> Redundancy {
        let wanted = need(loss, mean_burst);
        if wanted >= self.need || now.since(self.since) >= HOLD {
            self.need = wanted;
            self.since = now;
        }
        let Need { sends, depth } = self.need;
        let spacing_us = match (sends, depth) {
            (1, _) => 0,
            (sends, 0) => frame_us / u32::from(sends),
            (_, depth) => frame_us * u32::from(depth),
        };
        Redundancy { sends, spacing_us, depth }
    }
}

fn need(loss: f32, mean_burst: f32) -> Need {
    if loss.is_nan() || loss < TWICE_ABOVE {
        return Need { sends: 1, depth: 0 };
    }
    if mean_burst > BURST_ABOVE {
        return Need { sends: 2, depth: (mean_burst.ceil() as u8).clamp(1, 3) };
    }
    Need { sends: if loss < THRICE_ABOVE { 2 } else { 3 }, depth: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_clean_link_carries_one_copy_and_waits_for_none() {
        assert_eq!(RedundancyPolicy::new().update(at(0), 0.0, 0.0, 1_333), Redundancy::NONE);
        assert_eq!(RedundancyPolicy::new().update(at(0), f32::NAN, f32::NAN, 1_333), Redundancy::NONE);
    }

    #[test]
    fn copies_stay_within_the_time_of_a_frame() {
        for loss in [0.01, 0.05, 0.3] {
            let r = RedundancyPolicy::new().update(at(0), loss, 1.0, 2_500);
            assert!(r.depth == 0 && r.spacing_us * u32::from(r.sends - 1) < 2_500, "{r:?}");
        }
    }

    #[test]
    fn runs_of_loss_are_met_by_depth() {
        let r = RedundancyPolicy::new().update(at(0), 0.05, 2.4, 2_500);
        assert_eq!(r, Redundancy { sends: 2, spacing_us: 7_500, depth: 3 });
    }

    #[test]
    fn it_rises_at_once_and_falls_after_half_a_minute() {
        let mut policy = RedundancyPolicy::new();
        assert_eq!(policy.update(at(0), 0.05, 1.0, 2_500).sends, 3);
        assert_eq!(policy.update(at(29), 0.0, 0.0, 2_500).sends, 3);
        assert_eq!(policy.update(at(30), 0.0, 0.0, 2_500).sends, 1);
    }
}

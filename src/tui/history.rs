//! What the links did in the last minutes, so that "why does it crackle?" is answered at once.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::time::Timestamp;
use crate::peer::api::{Link, Status};

/// One reading a second for five minutes: what somebody who asks "just now?" means.
pub const SECONDS_KEPT: usize = 300;

/// A link in one second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Second {
    /// String to ear.
    pub one_way_ms: Option<f64>,
    /// Variation of arrival.
    pub jitter_ms: Option<f64>,
    /// Frames that came after their moment, in this second.
    pub late: u64,
    /// Frames lost, in this second.
    pub lost: u64,
    /// Frames invented, in this second.
    pub concealed: u64,
    /// Frames played, in this second.
    pub played: u64,
}

/// Counters as they stood.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counted {
    late: u64,
    lost: u64,
    concealed: u64,
    played: u64,
}

/// One link's last minutes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LinkHistory {
    seconds: VecDeque<Second>,
    counted: Option<Counted>,
}

impl LinkHistory {
    fn take(&mut self, link: &Link) {
        let now = Counted {
            late: link.figures.late,
            lost: link.figures.lost,
            concealed: link.figures.concealed,
            played: link.figures.played,
        };
        // The first reading says what was before we looked; a counter that falls began anew.
        let before = self.counted.filter(|before| before.played <= now.played).unwrap_or(now);
        self.counted = Some(now);
        if self.seconds.len() == SECONDS_KEPT {
            self.seconds.pop_front();
        }
        self.seconds.push_back(Second {
            one_way_ms: link.one_way_ms,
            jitter_ms: link.figures.jitter_ms,
            late: now.late.saturating_sub(before.late),
            lost: now.lost.saturating_sub(before.lost),
            concealed: now.concealed.saturating_sub(before.concealed),
            played: now.played.saturating_sub(before.played),
        });
    }

    /// Oldest first.
    pub fn seconds(&self) -> impl DoubleEndedIterator<Item = &Second> + ExactSizeIterator {
        self.seconds.iter()
    }

    /// The sum of a counter over all that is kept.
    #[must_use]
    pub fn sum(&self, of: impl Fn(&Second) -> u64) -> u64 {
        self.seconds.iter().map(of).sum()
    }

    /// How many gaps were hidden a minute, over the last minute.
    #[must_use]
    pub fn hidden_a_minute(&self) -> u64 {
        // Seconds with invented sound, not frames: a burst is one gap to an ear.
        self.seconds.iter().rev().take(60).filter(|second| second.concealed > 0).count() as u64
    }

    /// The `share` quantile of the delay, in ms.
    #[must_use]
    pub fn one_way_quantile(&self, share: f64) -> Option<f64> {
        let mut all: Vec<f64> = self.seconds.iter().filter_map(|second| second.one_way_ms).collect();
        all.sort_by(f64::total_cmp);
        let last = all.len().checked_sub(1)?;
        all.get(((last as f64) * share).round() as usize).copied()
    }

    /// Delays of the last minute, oldest first.
    #[must_use]
    pub fn last_minute(&self) -> Vec<f64> {
        let from = self.seconds.len().saturating_sub(60);
        self.seconds.iter().skip(from).filter_map(|second| second.one_way_ms).collect()
    }
}

/// All links, and this machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    links: BTreeMap<String, LinkHistory>,
    read_at: Option<Timestamp>,
    xruns: VecDeque<u64>,
    xruns_counted: Option<u64>,
}

impl History {
    /// Takes a reading, once a second at most.
    pub fn read(&mut self, now: Timestamp, links: &[Link], status: Option<&Status>) {
        if self.read_at.is_some_and(|at| now.since(at).as_micros() < 900_000) {
            return;
        }
        self.read_at = Some(now);
        self.links.retain(|key, _| links.iter().any(|link| link.who.key == *key));
        for link in links {
            self.links.entry(link.who.key.clone()).or_default().take(link);
        }
        if let Some(xruns) = status.and_then(|status| status.card.as_ref()).map(|card| card.xruns) {
            let before = self.xruns_counted.filter(|before| *before <= xruns).unwrap_or(xruns);
            self.xruns_counted = Some(xruns);
            if self.xruns.len() == SECONDS_KEPT {
                self.xruns.pop_front();
            }
            self.xruns.push_back(xruns - before);
        }
    }

    /// One link's.
    #[must_use]
    pub fn link(&self, key: &str) -> Option<&LinkHistory> {
        self.links.get(key)
    }

    /// How long it is, for people: a screen that was just opened knows of no five minutes.
    #[must_use]
    pub fn span(&self) -> String {
        match self.xruns.len() {
            seconds @ 0..60 => format!("{seconds} s"),
            seconds => format!("{} min", seconds / 60),
        }
    }

    /// Times the card was not served in time, in the last minutes.
    #[must_use]
    pub fn xruns(&self) -> u64 {
        self.xruns.iter().sum()
    }
}

//! How often somebody may say something that makes others work.

use std::time::Duration;

use crate::domain::time::Timestamp;

/// So many at once, and one more each interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    left: u8,
    most: u8,
    every: Duration,
    filled: Timestamp,
}

impl Bucket {
    /// What others may make us do: more than honest machines ever do, even after a stall of seconds.
    pub(super) const fn of_others(now: Timestamp) -> Self {
        Self { left: 32, most: 32, every: Duration::from_millis(250), filled: now }
    }

    /// How often our own person may change their mind; far below what others take from us.
    pub(super) const fn of_our_own(now: Timestamp) -> Self {
        Self { left: 4, most: 4, every: Duration::from_secs(2), filled: now }
    }

    /// Whether there is none left to take.
    pub(super) fn is_empty(mut self, now: Timestamp) -> bool {
        !self.take(now)
    }

    /// Takes one; false if there is none left.
    pub(super) fn take(&mut self, now: Timestamp) -> bool {
        while self.left < self.most && now.since(self.filled) >= self.every {
            self.left += 1;
            self.filled = self.filled + self.every;
        }
        if self.left == self.most {
            self.filled = now;
        }
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        true
    }
}

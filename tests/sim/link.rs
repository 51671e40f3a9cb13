//! A seeded network: delay, jitter, loss single and in runs, duplicates.

/// A repeatable source of chance (Knuth's MMIX generator).
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// 0.0 up to 1.0.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// One direction of a link. Times in µs.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) delay_us: f64,
    /// Uniform extra delay; order is kept, as on a wire.
    pub(crate) jitter_us: f64,
    pub(crate) loss: f64,
    /// Mean length of a run of losses; 1 is independent.
    pub(crate) burst: f64,
    chance: Chance,
    last_us: f64,
    losing: bool,
}

impl Link {
    pub(crate) fn clean(seed: u64) -> Self {
        Self {
            delay_us: 150.0,
            jitter_us: 0.0,
            loss: 0.0,
            burst: 1.0,
            chance: Chance::seeded(seed),
            last_us: 0.0,
            losing: false,
        }
    }

    pub(crate) fn loss(mut self, share: f64) -> Self {
        self.loss = share;
        self
    }

    pub(crate) fn burst(mut self, length: f64) -> Self {
        self.burst = length;
        self
    }

    pub(crate) fn jitter_ms(mut self, ms: f64) -> Self {
        self.jitter_us = ms * 1_000.0;
        self
    }

    /// When a packet sent at `at_us` arrives, if it does.
    pub(crate) fn carry(&mut self, at_us: f64) -> Option<f64> {
        if self.burst > 1.0 {
            // Gilbert's model: the chance to leave and to enter a run of losses.
            let leave = 1.0 / self.burst;
            let enter = self.loss * leave / (1.0 - self.loss);
            let roll = self.chance.next();
            self.losing = if self.losing { roll >= leave } else { roll < enter };
        } else {
            self.losing = self.chance.next() < self.loss;
        }
        if self.losing {
            return None;
        }
        let arrives = at_us + self.delay_us + self.jitter_us * self.chance.next();
        self.last_us = self.last_us.max(arrives);
        Some(self.last_us)
    }
}

//! The one monotonic clock of workers and async tasks. Callbacks get their time from the card.

use std::sync::OnceLock;
use std::time::Instant;

use crate::domain::time::Timestamp;

/// Time since this process first asked.
///
/// World: worker and async. Never called in a device callback, nor in `domain` or `protocol`,
/// which take `now` as an argument.
#[must_use]
pub fn now() -> Timestamp {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    Timestamp::from_micros(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
}

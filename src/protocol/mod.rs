//! What peers agree on, as machines without I/O: `now` and every random seed is an argument.
//!
//! World: all of them. No thread, no clock, no randomness, no socket, no sound card in here.

mod cbor;
pub mod clock_drift;
pub mod code_word;
pub mod control;
pub mod frame;
pub mod jitter_buffer;
pub mod lobby;
pub mod packet;
pub mod playout_delay;
pub mod recording;
pub mod redundancy;
pub mod report;
pub mod session;
pub mod take_sink;
pub mod ticket;

/// How many cases a property of a parser runs: `JAMTTY_CASES` (CI: 10,000), or 1,000.
#[cfg(test)]
pub(crate) fn cases() -> proptest::test_runner::Config {
    let cases = std::env::var("JAMTTY_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    proptest::test_runner::Config { cases, failure_persistence: None, ..Default::default() }
}

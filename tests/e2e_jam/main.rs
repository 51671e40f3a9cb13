//! Whole peers, each a process of its own, judged by what they sent and heard.
//!
//! Everything is driven as people drive it: the command line and the local socket. Whoever "hears
//! undamaged" does so by comparing recordings, not by what a peer believes. Times are printed as
//! `FIGURE` lines and not asserted, since a busy machine has no share in what is right.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failing test panics, its figures are printed"
)]

mod away;
mod bad_input;
mod blocked;
mod cable;
mod closed;
mod ether;
mod full_disk;
mod hostile;
mod loopback;
mod priority;
mod recording;
mod support;
mod version;

#[cfg(feature = "jack")]
mod jack;

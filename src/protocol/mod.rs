//! What peers agree on, as machines without I/O: `now` and every random seed is an argument.
//!
//! World: all of them. No thread, no clock, no randomness, no socket, no sound card in here.

pub mod clock_drift;
pub mod code_word;
pub mod control;
pub mod frame;
pub mod jitter_buffer;
pub mod lobby;
pub mod packet;
pub mod playout_delay;
pub mod redundancy;
pub mod report;
pub mod session;
pub mod ticket;

//! The words: plain values without I/O, without a clock, without any other module.
//!
//! World: all of them.

pub mod badge;
pub mod level;
pub mod mic;
pub mod name;
pub mod peer_id;
pub mod profile;
pub mod roster;
pub mod session;
pub mod sharing;
pub mod stream;
pub mod strip;
pub mod take;
pub mod time;
pub mod wave;

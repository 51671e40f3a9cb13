//! Jams in virtual time: sender, network and listener without a thread, a socket or a clock.
//! Every scenario is seeded; ten minutes of jam take about a second.

mod drift;
mod link;
mod playout;
mod world;

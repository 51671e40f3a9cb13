//! How long sound takes from our output back into our input: a known signal is played, and found in what is heard.
//!
//! `probe` is what sits in the two callbacks; `signal` is what is played; `find` looks for it. The engine puts the
//! probes in ([`Engine::measure`](super::engine::Engine::measure)); they end by themselves.

mod find;
mod probe;
mod signal;

pub use find::{NotHeard, RoundTrip};
pub(super) use probe::{CaptureProbe, RenderProbe, probes};
pub use probe::{Listening, Measure};

/// The longest round trip looked for, in samples: half a second. A card that takes longer is no card to play with.
pub(super) const DELAY_MAX: usize = 24_000;

/// Samples per channel that are heard: the signal, the longest round trip after it, and a little for two callbacks
/// that begin at different moments.
pub(super) const HEARD: usize = signal::LENGTH + DELAY_MAX + 4_800;

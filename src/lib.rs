//! jamtty: a jam room in a terminal.
//!
//! Three worlds, three rules. *Real-time* (device callbacks): never allocate, lock, log, wait or
//! fail; such a function takes `&mut audio::rt::Rt`. *Worker* (plain named threads): may block,
//! with a bound. *Async* (tokio): may await, never touches samples.
//!
//! Reading order: [`domain`] (the words), [`protocol`] (what peers agree on, as pure machines),
//! [`audio`] (sound), [`net`] (peers), [`store`] (disk), [`peer`] (the running whole and its
//! local socket), [`cli`] and [`tui`] (thin clients of that socket). `ARCHITECTURE.md` has the map.

pub mod audio;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod net;
pub mod paths;
pub mod peer;
pub mod priority;
pub mod protocol;
pub mod store;
pub mod tui;

/// In builds with debug assertions an allocation inside a device callback aborts (`audio::rt`).
#[cfg(debug_assertions)]
#[global_allocator]
static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;

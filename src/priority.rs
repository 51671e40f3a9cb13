//! Raising the threads that must not be late, and saying so in words where it is refused.
//!
//! It stands here because sound and network both have such threads, and neither knows the other.
//!
//! World: worker; [`Raised::try_now`] also from a callback's first call, before `rt::section`: it
//! is two system calls, neither waits nor allocates.
//!
//! Memory is not locked: `mlockall` with the usual limit of 8 MiB makes later allocations fail,
//! and what a callback touches is touched 400 times a second, so it is never swapped first.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use thread_priority::unix::{set_thread_priority_and_policy, thread_native_id, thread_schedule_policy_param};
use thread_priority::{
    Error, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
};

/// Whether it is wanted (`audio.priority`). One for the process: two peers in one process are a test, or a
/// check before the first jam.
static WANTED: AtomicBool = AtomicBool::new(true);

/// Sets whether threads are raised; those that run already stay as they are.
///
/// World: worker, before the threads are made.
pub fn set_wanted(wanted: bool) {
    WANTED.store(wanted, Relaxed);
}

/// Puts the calling thread behind every other: for work that has all the time there is. A system that refuses leaves it
/// where it was.
///
/// World: worker.
pub fn step_back() {
    let _ = rustix::process::nice(19);
}

/// Whose thread it is: the level follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A sound card's callback, or the virtual card's clock: before all others of ours.
    Card,
    /// Packets of others: with the card, for a packet that is late is as bad.
    Receive,
    /// Encoder, decoder: behind the card, before everything without a deadline.
    Codec,
}

/// What became of raising one thread. Small and `Copy`: a callback can leave it in an atomic.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    /// Not tried yet.
    #[default]
    NotTried,
    /// Left alone on purpose: behind this card is a sound server that could make it spin.
    LeftAlone,
    /// It was already real-time, at this level: whoever made the thread saw to it.
    Already(u8),
    /// Now real-time (`SCHED_FIFO`), at this level.
    Now(u8),
    /// The user wants it left alone (`audio.priority = false`).
    NotWanted,
    /// The system refused; the code it gave (errno).
    Refused(u8),
}

impl Raised {
    /// Raises the calling thread if it is not real-time yet. Never fails the program.
    #[must_use]
    pub fn try_now(role: Role) -> Self {
        let thread = thread_native_id();
        let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
        let round = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
        if let Ok((policy, parameters)) = thread_schedule_policy_param(thread)
            && (policy == fifo || policy == round)
        {
            return Self::Already(u8::try_from(parameters.sched_priority).unwrap_or(0));
        }
        if !WANTED.load(Relaxed) {
            return Self::NotWanted;
        }
        let level = role.level();
        let Ok(value) = ThreadPriorityValue::try_from(level) else {
            return Self::Refused(0);
        };
        match set_thread_priority_and_policy(thread, ThreadPriority::Crossplatform(value), fifo) {
            Ok(()) => Self::Now(level),
            Err(Error::OS(code)) => Self::Refused(u8::try_from(code).unwrap_or(0)),
            Err(_) => Self::Refused(0),
        }
    }

    /// In words, for the line that says the card is open.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::NotTried => "not known yet".to_owned(),
            Self::LeftAlone => "left as it is: this card is reached through a sound server".to_owned(),
            Self::Already(level) => format!("real-time ({level}), by the sound server"),
            Self::Now(level) => format!("real-time ({level})"),
            Self::NotWanted => "not raised: audio.priority is false".to_owned(),
            Self::Refused(1) => "not raised: the system does not allow it".to_owned(),
            Self::Refused(code) => format!("not raised: the system answers with error {code}"),
        }
    }

    /// What to do so that it is raised; `None` where nothing is amiss.
    #[must_use]
    pub const fn remedy(self) -> Option<&'static str> {
        match self {
            Self::NotTried | Self::LeftAlone | Self::Already(_) | Self::Now(_) | Self::NotWanted => None,
            Self::Refused(_) => Some(REMEDY),
        }
    }

    /// As one number, for an atomic.
    #[must_use]
    pub const fn to_bits(self) -> u16 {
        match self {
            Self::NotTried => 0,
            Self::LeftAlone => 1 << 8,
            Self::Already(level) => 2 << 8 | level as u16,
            Self::Now(level) => 3 << 8 | level as u16,
            Self::Refused(code) => 4 << 8 | code as u16,
            Self::NotWanted => 5 << 8,
        }
    }

    /// Back from [`Self::to_bits`]; what it did not write is "not tried".
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        let low = (bits & 0xff) as u8;
        match bits >> 8 {
            1 => Self::LeftAlone,
            2 => Self::Already(low),
            3 => Self::Now(low),
            4 => Self::Refused(low),
            5 => Self::NotWanted,
            _ => Self::NotTried,
        }
    }
}

impl Role {
    /// `SCHED_FIFO` level. Below 80, where drivers' interrupt threads may be set, and the card above
    /// the codec, because it has the nearer deadline. JACK's clients run at 5 to 20, its server at
    /// 10 to 89 by default: a level between keeps us from starving neither.
    const fn level(self) -> u8 {
        match self {
            Self::Card | Self::Receive => 70,
            Self::Codec => 65,
        }
    }
}

const REMEDY: &str = "allow it for your user: add the lines `@audio - rtprio 95` and `@audio - memlock \
    unlimited` to /etc/security/limits.d/audio.conf, join the group with `sudo usermod -aG audio $USER`, \
    then log in again";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_never_fails_and_says_what_happened() {
        let raised = std::thread::spawn(|| Raised::try_now(Role::Card)).join().unwrap();
        match raised {
            Raised::Now(level) => assert_eq!(level, 70),
            Raised::Already(_) => {}
            Raised::Refused(_) => assert!(raised.remedy().is_some_and(|words| words.contains("rtprio"))),
            Raised::NotTried | Raised::LeftAlone | Raised::NotWanted => panic!("it was tried: {raised:?}"),
        }
        assert!(!raised.words().is_empty());
    }

    #[test]
    fn a_thread_raised_once_is_left_alone_afterwards() {
        let twice = std::thread::spawn(|| (Raised::try_now(Role::Codec), Raised::try_now(Role::Card)));
        if let (Raised::Now(first), second) = twice.join().unwrap() {
            assert_eq!(second, Raised::Already(first));
        }
    }

    #[test]
    fn it_survives_an_atomic() {
        for raised in
            [Raised::NotTried, Raised::LeftAlone, Raised::Already(10), Raised::Now(70), Raised::Refused(1)]
        {
            assert_eq!(Raised::from_bits(raised.to_bits()), raised);
        }
        assert_eq!(Raised::from_bits(Raised::NotWanted.to_bits()), Raised::NotWanted);
    }
}

//! Raises a receive thread above everything that is not sound.

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

/// What became of the wish for real-time scheduling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriorityOutcome {
    /// `SCHED_FIFO` at this priority.
    Raised(u8),
    /// The user wants it left alone (`audio.priority = false`).
    NotWanted,
    /// The system refuses, in its words; packets wait behind other programs when the machine is busy.
    Refused(String),
}

/// Just below what a JACK client runs at: packets must not keep a callback waiting, and nothing but
/// sound may keep a packet waiting.
const PRIORITY: u8 = 70;

/// Raises the calling thread.
pub(super) fn raise() -> PriorityOutcome {
    if !crate::priority::is_wanted() {
        return PriorityOutcome::NotWanted;
    }
    let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let outcome = PRIORITY
        .try_into()
        .map(ThreadPriority::Crossplatform)
        .map_err(|error| format!("{error:?}"))
        .and_then(|priority| {
            set_thread_priority_and_policy(thread_native_id(), priority, fifo)
                .map_err(|error| error.to_string())
        });
    match outcome {
        Ok(()) => PriorityOutcome::Raised(PRIORITY),
        Err(why) => PriorityOutcome::Refused(why),
    }
}

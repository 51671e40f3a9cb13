//! Who is recorded: the asking, the signed answers, the end, and being taken out again.
//!
//! World: all of them. Never sends, never sleeps, never signs: `peer` does. Driven beside the session
//! machine, which says who the members are.
//!
//! # The rules
//!
//! *Asking.* Whoever starts a recording sends an `Ask` to every member, and to each who comes later or
//! comes back. One runs at a time; of two started at the same moment the earlier one (then the lower key)
//! stays, at everyone: the other's starter ends it. That one is known again should the first end unheard.
//!
//! *Words.* An answer is signed for one take with the key of who gave it, so it is as good when passed on
//! by anybody. Of two words of a person the later counts; a withdrawal is final. Nobody is on a track
//! without a valid Yes as their last word. A listener is not asked, and sees all the same.
//!
//! *Passing on.* Each word goes from its speaker to everyone. Who started the recording passes a new word
//! on to everyone, others pass it on to them; a word that is known goes no further. At both ends of a new
//! link stands a `Hello`, answered with the `Ask` and all words: whichever end knows the other first,
//! nothing is missed.
//!
//! *The end.* Whoever started it ends it for everyone; anyone else can only take themselves off, which is
//! a No. When the starter leaves, or cannot be reached for [`STARTER_AWAY_MAX`], it ends at each of the
//! others; should they be back with it still running, it goes on there, and the words still hold.
//!
//! *Withdrawing.* A signed request to every holder, kept until each has sent a signed receipt.

mod bucket;
mod consent;
mod face;
mod listening;
mod machine;
mod members;
mod running;
mod withdrawing;

#[cfg(test)]
mod tests;

pub use consent::{Finding, Signed, ToSign, verify, verify_all, verify_receipt};
pub use face::{
    EndWhy, Person, Policy, RecordingCommand, RecordingCounters, RecordingEvent, RecordingOutput,
    RecordingRefused, RecordingState,
};
pub use machine::{GRAB_ANSWERS_WITHIN, Moment, OUTPUTS_MAX, RecordingMachine, STARTER_AWAY_MAX};
pub use members::{Member, Members};
pub use running::WORDS_MAX;
pub use withdrawing::WITHDRAWALS_MAX;

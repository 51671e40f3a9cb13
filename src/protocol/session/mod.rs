//! One peer's session, as messages and deadlines: who is in the jam, who orders its changes.
//!
//! World: all of them. Never sends, never sleeps, never draws a random number: `net` and `peer` do.
//!
//! # The rules
//!
//! *State.* A session is a small [`SessionState`](crate::domain::session::SessionState). One member, the **steward**, changes it, counts its
//! `version` up and sends it whole to everyone. Members form a full mesh of control streams.
//!
//! *Seniority.* Everybody has a `standing`, given when they are admitted; lower came earlier, the key
//! decides between equals. The seniority of a state's steward is its **lead**. Who is handed the
//! stewardship gets a standing before everyone's, so that the steward is always the most senior present.
//!
//! *Pulses.* Twice a second each member tells the others which lead and version it follows, the
//! steward's newest heartbeat it knows of, first hand or not, and whom it hears. Who is behind is sent
//! the newer state. So a member that lost only its own stream to the steward still follows it.
//!
//! *Succession.* When the heartbeat stands still for [`STEWARD_SILENT`], the most senior member that is
//! heard takes over at once, the next a second later, and so on. The old lead is *buried* at its last
//! heartbeat: only a later one revives it. Each admission has a random `incarnation`, part of the lead, so
//! that who comes back is not taken for who was buried.
//!
//! *Merging.* A state of another lead is taken if that lead is lower and not buried: the older half
//! stays. The steward of the younger half yields and says whom it had; members the older state forgot
//! ask for their seat with their old line. Leads are totally ordered, so all who reach each other end
//! up under one steward; nobody who lives stays out, because everyone asks until they are seated.
//!
//! *Seats.* A silent member is `Away` for [`SEAT_KEPT`], then taken out; others go on trying to reach them.
//!
//! *Proof.* Messages between members carry a keyed hash over sender and receiver, with a secret that
//! only admitted members got. So nobody walks through a closed door by posing as the other half.

mod admitting;
mod commanding;
mod face;
mod following;
mod inside;
mod joining;
mod links;
mod machine;
mod shown;
mod stewarding;

pub use admitting::ADMISSIONS_MAX;
pub use face::{
    CommandRefused, DisconnectWhy, JoinFailure, LeftWhy, SessionCommand, SessionCounters, SessionEvent,
    SessionOutput,
};
pub use following::{PULSE_EVERY, STEWARD_SILENT};
pub use joining::JOIN_TIMEOUT;
pub use links::LINK_SILENT;
pub use machine::{BLOCKED_MAX, OUTPUTS_MAX, SessionMachine};
pub use stewarding::{MEMBER_SILENT, SEAT_KEPT};

//! Who is in the jam, as far as a recording cares.

use std::collections::BTreeMap;

use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::roster::{Presence, Seat};
use crate::domain::session::SessionId;
use crate::protocol::session::SessionMachine;

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What they are called.
    pub name: Name,
    /// Player or listener.
    pub seat: Seat,
    /// Not away.
    pub is_here: bool,
    /// Our control stream to them is up. Of no meaning for ourselves.
    pub is_linked: bool,
}

/// All members of a session, ourselves among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    /// Which session.
    pub session: SessionId,
    /// Who.
    pub people: BTreeMap<PeerId, Member>,
}

impl Members {
    /// As the session machine has them; `None` outside a session.
    ///
    /// Takes whom the person sees, not the bare roster: in a merge some are seated anew, and nobody's
    /// recording may end by that.
    #[must_use]
    pub fn of(machine: &SessionMachine) -> Option<Self> {
        let session = machine.state()?.id;
        let people = machine.shown().map(|one| {
            let member = Member {
                name: one.profile.name().clone(),
                seat: one.seat,
                is_here: one.presence == Presence::Here,
                is_linked: machine.is_linked(one.peer),
            };
            (one.peer, member)
        });
        Some(Self { session, people: people.collect() })
    }
}

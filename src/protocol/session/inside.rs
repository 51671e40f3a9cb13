//! What the machine holds: in no session, on the way into one, inside one.

use std::collections::BTreeMap;

use zeroize::Zeroize;

use super::admitting::Admission;
use super::following::Following;
use super::joining::Joining;
use super::links::{Bucket, Former};
use super::shown::Ghost;
use crate::domain::mic::MicState;
use crate::domain::peer_id::PeerId;
use crate::domain::profile::Profile;
use crate::domain::roster::{Addrs, Participant, Seat};
use crate::domain::session::{SessionId, SessionState};
use crate::domain::time::Timestamp;
use crate::protocol::code_word::CodeWord;
use crate::protocol::control::MediaOffer;

/// What we say of ourselves, in a session or not.
#[derive(Debug, Clone)]
pub(super) struct OwnLine {
    pub(super) profile: Profile,
    pub(super) seat: Seat,
    pub(super) mic: MicState,
    pub(super) addrs: Addrs,
    pub(super) revision: u64,
    /// Given with our last admission.
    pub(super) incarnation: u64,
}

#[derive(Debug)]
pub(super) enum Phase {
    Outside,
    Joining(Box<Joining>),
    Inside(Box<Inside>),
}

/// What a member keeps.
#[derive(Debug)]
pub(super) struct Inside {
    pub(super) state: SessionState,
    pub(super) secret: Secret,
    pub(super) code: Option<CodeWord>,
    pub(super) following: Following,
    /// When each member was last heard on its own stream.
    pub(super) heard: BTreeMap<PeerId, Timestamp>,
    /// Whom each member said it hears.
    pub(super) hears: BTreeMap<PeerId, Vec<PeerId>>,
    /// Since when the steward, if it is us, sees someone away.
    pub(super) away_since: BTreeMap<PeerId, Timestamp>,
    /// The roster as the person was told it.
    pub(super) shown: BTreeMap<PeerId, Participant>,
    pub(super) shown_steward: PeerId,
    /// Members the older half has not seated yet.
    pub(super) ghosts: BTreeMap<PeerId, Ghost>,
    /// Members with a stream, and since when.
    pub(super) links: BTreeMap<PeerId, Timestamp>,
    pub(super) next_dial: BTreeMap<PeerId, Timestamp>,
    pub(super) former: BTreeMap<PeerId, Former>,
    /// Offers of peers whose admission we have not heard of yet.
    pub(super) early_offers: BTreeMap<PeerId, (Timestamp, MediaOffer)>,
    pub(super) chat: BTreeMap<PeerId, Bucket>,
    pub(super) admissions: BTreeMap<PeerId, Admission>,
}

/// What members prove their membership with. Gone from memory when dropped, not shown.
#[derive(Clone)]
pub(super) struct Secret(pub(super) [u8; 32]);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// What `from` shows `to`.
    pub(super) fn proof(&self, session: SessionId, from: PeerId, to: PeerId) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(b"jamtty 1 membership");
        hasher.update(session.as_bytes());
        hasher.update(from.as_bytes());
        hasher.update(to.as_bytes());
        *hasher.finalize().as_bytes()
    }
}

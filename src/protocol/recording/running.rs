//! A take while it runs: who started it, and everyone's last word.

use std::collections::BTreeMap;

use super::consent::weight;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::take::{Answer, Consent, TakeId};
use crate::domain::time::Timestamp;
use crate::protocol::control::{RecordingAsk, RecordingKind};

/// People whose words on one take are kept: two full rosters. A word past it is dropped, so that its
/// speaker is on no track.
pub const WORDS_MAX: usize = 64;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) take: TakeId,
    pub(super) starter: PeerId,
    pub(super) kind: RecordingKind,
    pub(super) name: Name,
    pub(super) started_unix_ms: u64,
    pub(super) since: Timestamp,
    /// The last word of each, every one of them verified.
    pub(super) words: BTreeMap<PeerId, Consent>,
    /// What our person wants; in force once it is among the words.
    pub(super) wish: Option<Answer>,
    /// The time of our last word, signed or about to be.
    pub(super) spoken_unix_ms: u64,
    /// Our person was asked.
    pub(super) asked: bool,
    /// Since when the starter cannot be reached.
    pub(super) starter_missing: Option<Timestamp>,
}

/// What a word is, held against those of before.
pub(super) enum Weighed {
    /// Later than any.
    News,
    /// This one is known.
    Known,
    /// A later one is known.
    Stale,
    /// There are too many people.
    Full,
}

impl Running {
    pub(super) fn new(starter: PeerId, ask: &RecordingAsk, now: Timestamp) -> Self {
        Self {
            take: ask.take,
            starter,
            kind: ask.kind,
            name: ask.name.clone(),
            started_unix_ms: ask.at_unix_ms,
            since: now,
            words: BTreeMap::new(),
            wish: None,
            spoken_unix_ms: 0,
            asked: false,
            starter_missing: None,
        }
    }

    /// Of two takes the lower stays.
    pub(super) fn order(&self) -> (u64, PeerId, TakeId) {
        order(self.starter, self.started_unix_ms, self.take)
    }

    pub(super) fn answer_of(&self, who: PeerId) -> Option<Answer> {
        self.words.get(&who).map(|word| word.answer)
    }

    pub(super) fn weigh(&self, consent: &Consent) -> Weighed {
        match self.words.get(&consent.who) {
            None if self.words.len() >= WORDS_MAX => Weighed::Full,
            None => Weighed::News,
            Some(known) if weight(known) < weight(consent) => Weighed::News,
            Some(known) if weight(known) == weight(consent) => Weighed::Known,
            Some(_) => Weighed::Stale,
        }
    }
}

/// See [`Running::order`].
pub(super) const fn order(starter: PeerId, at_unix_ms: u64, take: TakeId) -> (u64, PeerId, TakeId) {
    (at_unix_ms, starter, take)
}

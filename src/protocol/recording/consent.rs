//! What is signed and how it is checked. Keys are not in here: the signing is asked for.

use std::fmt;

use ed25519_dalek::{Signature, VerifyingKey};

use crate::domain::peer_id::PeerId;
use crate::domain::take::{Answer, Consent, Receipt, SIGNATURE_BYTES, Take, TakeId, WithdrawOutcome};

/// Whether its owner signed it, for this take, with this answer and time.
///
/// Strict (RFC 8032 with cofactorless check, no weak keys): every machine comes to the same result.
#[must_use]
pub fn verify(consent: &Consent) -> bool {
    let bytes = Consent::signed_bytes(consent.take, consent.who, consent.answer, consent.at_unix_ms);
    is_signed(consent.who, &bytes, &consent.signature)
}

/// Whether its holder signed it.
#[must_use]
pub fn verify_receipt(receipt: &Receipt) -> bool {
    let Receipt { take, whose, holder, outcome, at_unix_ms, signature } = receipt;
    let bytes = Receipt::signed_bytes(*take, *whose, *holder, *outcome, *at_unix_ms);
    is_signed(*holder, &bytes, signature)
}

fn is_signed(by: PeerId, bytes: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(by.as_bytes()) else { return false };
    key.verify_strict(bytes, &Signature::from_bytes(signature)).is_ok()
}

/// What we want signed with our own key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToSign {
    /// Our answer.
    Consent {
        /// To which take.
        take: TakeId,
        /// What we say.
        answer: Answer,
        /// When.
        at_unix_ms: u64,
    },
    /// What became of someone's withdrawal here.
    Receipt {
        /// From which take.
        take: TakeId,
        /// Who wanted to be taken out.
        whose: PeerId,
        /// What became of it.
        outcome: WithdrawOutcome,
        /// When.
        at_unix_ms: u64,
    },
}

impl ToSign {
    /// The bytes to sign.
    #[must_use]
    pub fn bytes(&self, me: PeerId) -> Vec<u8> {
        match *self {
            Self::Consent { take, answer, at_unix_ms } => Consent::signed_bytes(take, me, answer, at_unix_ms),
            Self::Receipt { take, whose, outcome, at_unix_ms } => {
                Receipt::signed_bytes(take, whose, me, outcome, at_unix_ms)
            }
        }
    }

    /// The whole, with the signature over [`ToSign::bytes`].
    #[must_use]
    pub fn signed(self, me: PeerId, signature: [u8; SIGNATURE_BYTES]) -> Signed {
        match self {
            Self::Consent { take, answer, at_unix_ms } => {
                Signed::Consent(Consent { take, who: me, answer, at_unix_ms, signature })
            }
            Self::Receipt { take, whose, outcome, at_unix_ms } => {
                Signed::Receipt(Receipt { take, whose, holder: me, outcome, at_unix_ms, signature })
            }
        }
    }
}

/// What we wanted signed, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// Our answer.
    Consent(Consent),
    /// What became of someone's withdrawal here.
    Receipt(Receipt),
}

/// Which of two words of one person on one take counts: the greater. A withdrawal is final, then the later
/// one counts, and of two at one moment the more careful.
pub(super) const fn weight(consent: &Consent) -> (bool, u64, u8) {
    match consent.answer {
        Answer::Withdrawn => (true, consent.at_unix_ms, 2),
        Answer::No => (false, consent.at_unix_ms, 1),
        Answer::Yes => (false, consent.at_unix_ms, 0),
    }
}

/// What is wrong with the consents of a take, as its file has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The signature is not theirs, or what it stands under was changed.
    Forged {
        /// Whose word it should be.
        who: PeerId,
    },
    /// It was given to another take.
    OtherTake {
        /// Who gave it.
        who: PeerId,
    },
    /// The last word of this person in the file is not the one that counts.
    OutOfOrder {
        /// Whose.
        who: PeerId,
    },
    /// A line of somebody who never said yes.
    NoYes {
        /// Its number.
        track: u16,
        /// Whose.
        who: PeerId,
    },
    /// A line of somebody who was to be taken out.
    StillThere {
        /// Its number.
        track: u16,
        /// Whose.
        who: PeerId,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forged { who } => write!(f, "an answer of {} is not signed by them", who.fingerprint()),
            Self::OtherTake { who } => {
                write!(f, "an answer of {} was given to another take", who.fingerprint())
            }
            Self::OutOfOrder { who } => {
                write!(f, "the answers of {} are not in the order they were given in", who.fingerprint())
            }
            Self::NoYes { track, who } => {
                write!(f, "track {track} is of {}, who never agreed to it", who.fingerprint())
            }
            Self::StillThere { track, who } => {
                write!(f, "track {track} is of {}, who withdrew from the take", who.fingerprint())
            }
        }
    }
}

/// Checks each consent of a take, and that each line is of somebody who agreed: with a Yes, and no
/// withdrawal. A No after the Yes is well: the line stops there.
#[must_use]
pub fn verify_all(take: &Take) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut valid: Vec<&Consent> = Vec::new();
    for consent in &take.consents {
        let who = consent.who;
        if consent.take != take.id {
            findings.push(Finding::OtherTake { who });
        } else if !verify(consent) {
            findings.push(Finding::Forged { who });
        } else {
            if valid.iter().any(|before| before.who == who && weight(before) > weight(consent)) {
                findings.push(Finding::OutOfOrder { who });
            }
            valid.push(consent);
        }
    }
    let said = |who, answer| valid.iter().any(|one| one.who == who && one.answer == answer);
    for track in &take.tracks {
        let Some(player) = &track.player else { continue };
        let (track, who) = (track.number, player.key);
        if said(who, Answer::Withdrawn) {
            findings.push(Finding::StillThere { track, who });
        } else if !said(who, Answer::Yes) {
            findings.push(Finding::NoYes { track, who });
        }
    }
    findings
}

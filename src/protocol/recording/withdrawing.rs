//! Being taken out of a take, however long ago it was: a request to each holder, a receipt from each.

use std::collections::{BTreeMap, BTreeSet};

use super::consent::ToSign;
use super::face::{RecordingEvent, RecordingRefused};
use super::machine::{Moment, RecordingMachine};
use super::{RecordingOutput, WORDS_MAX};
use crate::domain::peer_id::PeerId;
use crate::domain::take::{Answer, Consent, Receipt, TakeId, WithdrawOutcome};
use crate::protocol::control::RecordingMessage;

/// Withdrawals of ours that wait for their holders, receipts of ours that wait for who withdrew, and
/// withdrawals of others that are carried out: so many of each. Past it ours are refused with words, and
/// those of others are dropped and counted; they are sent again on the next link.
pub const WITHDRAWALS_MAX: usize = 64;

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Withdrawing {
    /// Ours: who has not sent a receipt yet; signed or not yet.
    ours: BTreeMap<TakeId, Ours>,
    /// Those of others that our program carries out.
    carried_out: BTreeSet<(TakeId, PeerId)>,
    /// Receipts of ours for who is not linked.
    receipts: BTreeMap<(TakeId, PeerId), Receipt>,
}

#[derive(Debug, Default)]
struct Ours {
    consent: Option<Consent>,
    holders: BTreeSet<PeerId>,
}

impl RecordingMachine {
    /// Our program carried a withdrawal out, or could not.
    pub fn handle_withdrawn(&mut self, at: Moment, take: TakeId, who: PeerId, outcome: WithdrawOutcome) {
        self.advance(at);
        if self.withdrawing.carried_out.remove(&(take, who)) {
            let at_unix_ms = at.unix_ms;
            self.push(RecordingOutput::Sign(ToSign::Receipt { take, whose: who, outcome, at_unix_ms }));
        }
        self.settle();
    }

    /// Holders of this take that have not sent a receipt for our withdrawal.
    pub fn withdrawal_waits_for(&self, take: TakeId) -> impl Iterator<Item = PeerId> + '_ {
        self.withdrawing.ours.get(&take).into_iter().flat_map(|ours| ours.holders.iter().copied())
    }

    pub(super) fn withdraw(&mut self, take: TakeId, holders: Vec<PeerId>) -> Result<(), RecordingRefused> {
        let is_known = self.withdrawing.ours.contains_key(&take);
        if !is_known && self.withdrawing.ours.len() >= WITHDRAWALS_MAX {
            return Err(RecordingRefused::TooManyWithdrawals);
        }
        let me = self.me;
        let runs = self.running.as_ref().is_some_and(|running| running.take == take);
        let present: Vec<PeerId> = if runs { self.people.keys().copied().collect() } else { Vec::new() };
        let ours = self.withdrawing.ours.entry(take).or_default();
        for holder in holders.into_iter().chain(present).filter(|holder| *holder != me) {
            if ours.holders.len() < WORDS_MAX {
                ours.holders.insert(holder);
            }
        }
        match (ours.consent.clone(), runs) {
            (Some(consent), _) => self.send_withdrawal(&consent),
            (None, true) => self.wish(Answer::Withdrawn),
            (None, false) => {
                let at_unix_ms = self.at.unix_ms;
                let answer = Answer::Withdrawn;
                self.push(RecordingOutput::Sign(ToSign::Consent { take, answer, at_unix_ms }));
            }
        }
        Ok(())
    }

    /// Our withdrawal is signed: to every holder that is there. Those of a take that runs hear it as its
    /// members.
    pub(super) fn send_withdrawal(&mut self, consent: &Consent) {
        let Some(ours) = self.withdrawing.ours.get_mut(&consent.take) else { return };
        let is_new = ours.consent.is_none();
        let consent = ours.consent.get_or_insert_with(|| consent.clone()).clone();
        let holders: Vec<PeerId> = ours.holders.iter().copied().collect();
        if is_new {
            self.event(RecordingEvent::WithdrawalSent { consent: consent.clone() });
        }
        if holders.is_empty() {
            self.withdrawing.ours.remove(&consent.take);
        }
        let runs = self.running.as_ref().is_some_and(|running| running.take == consent.take);
        for holder in holders.into_iter().filter(|_| !(runs && is_new)) {
            self.send(holder, RecordingMessage::Withdraw(consent.clone()));
        }
    }

    /// Someone is there again: what waited for them.
    pub(super) fn go_on_withdrawing(&mut self, with: PeerId) {
        let ours = self.withdrawing.ours.values().filter(|ours| ours.holders.contains(&with));
        let withdrawals = ours.filter_map(|ours| ours.consent.clone()).map(RecordingMessage::Withdraw);
        let receipts = self.withdrawing.receipts.iter().filter(|((_, whose), _)| *whose == with);
        let receipts = receipts.map(|(_, receipt)| RecordingMessage::WithdrawReceipt(receipt.clone()));
        for message in withdrawals.chain(receipts).collect::<Vec<_>>() {
            self.send(with, message);
        }
        self.withdrawing.receipts.retain(|(_, whose), _| *whose != with);
    }

    /// Someone wants out, and signed it.
    pub(super) fn on_withdraw(&mut self, consent: Consent) {
        let key = (consent.take, consent.who);
        if self.withdrawing.carried_out.contains(&key) {
            return;
        }
        if self.withdrawing.carried_out.len() >= WITHDRAWALS_MAX {
            self.counters.too_often += 1;
            return;
        }
        self.withdrawing.carried_out.insert(key);
        self.event(RecordingEvent::WithdrawalArrived { consent });
    }

    /// Our receipt is signed: to who withdrew, now or when they are there again.
    pub(super) fn send_receipt(&mut self, receipt: Receipt) {
        let whose = receipt.whose;
        if self.is_linked(whose) {
            self.send(whose, RecordingMessage::WithdrawReceipt(receipt));
        } else if self.withdrawing.receipts.len() < WITHDRAWALS_MAX {
            self.withdrawing.receipts.insert((receipt.take, whose), receipt);
        }
    }

    /// A holder said what became of ours.
    pub(super) fn on_receipt(&mut self, receipt: Receipt) {
        let ours = self.withdrawing.ours.get_mut(&receipt.take).filter(|_| receipt.whose == self.me);
        let Some(ours) = ours.filter(|ours| ours.holders.contains(&receipt.holder)) else {
            self.counters.misplaced += 1;
            return;
        };
        ours.holders.remove(&receipt.holder);
        if ours.holders.is_empty() {
            self.withdrawing.ours.remove(&receipt.take);
        }
        self.event(RecordingEvent::WithdrawalAnswered { receipt });
    }
}

//! What members say, and what becomes of it.

use super::bucket::Bucket;
use super::consent::{verify, verify_receipt};
use super::face::{EndWhy, RecordingEvent};
use super::machine::{RecordingMachine, end_why};
use super::running::{Running, Weighed, order};
use crate::domain::peer_id::PeerId;
use crate::domain::take::{Answer, Consent};
use crate::protocol::control::{RecordingAsk, RecordingHello, RecordingMessage, RecordingStopped, StopWhy};

impl RecordingMachine {
    pub(super) fn listen(&mut self, from: PeerId, message: RecordingMessage) {
        let named = match &message {
            RecordingMessage::Hello(hello) => Some(hello.session),
            RecordingMessage::Ask(ask) => Some(ask.session),
            RecordingMessage::Stopped(stopped) => Some(stopped.session),
            RecordingMessage::Answer(_)
            | RecordingMessage::Withdraw(_)
            | RecordingMessage::WithdrawReceipt(_) => None,
        };
        if !self.is_linked(from) || named.is_some_and(|named| self.session != Some(named)) {
            self.counters.strangers += 1;
            return;
        }
        match message {
            RecordingMessage::Hello(hello) => self.on_hello(from, hello),
            RecordingMessage::Ask(ask) => self.on_ask(from, &ask),
            RecordingMessage::Answer(consent) => self.on_answer(from, consent),
            RecordingMessage::Stopped(stopped) => self.on_stopped(from, stopped),
            RecordingMessage::Withdraw(consent) => {
                if !self.may(from) {
                    return;
                }
                if consent.answer != Answer::Withdrawn {
                    self.counters.misplaced += 1;
                } else if verify(&consent) {
                    self.on_withdraw(consent.clone());
                    if self.runs(&consent) {
                        self.hear(from, consent);
                    }
                } else {
                    self.counters.forged += 1;
                }
            }
            RecordingMessage::WithdrawReceipt(receipt) => {
                if verify_receipt(&receipt) {
                    self.on_receipt(receipt);
                } else {
                    self.counters.forged += 1;
                }
            }
        }
    }

    /// Whether this member may make us work once more.
    fn may(&mut self, from: PeerId) -> bool {
        let now = self.at.now;
        let may = self.buckets.entry(from).or_insert_with(|| Bucket::of_others(now)).take(now);
        if !may {
            self.counters.too_often += 1;
        }
        may
    }

    fn knows(&self, who: PeerId) -> bool {
        let spoke = |running: &Running| running.words.contains_key(&who);
        self.people.contains_key(&who) || self.running.as_ref().is_some_and(spoke)
    }

    fn runs(&self, consent: &Consent) -> bool {
        self.running.as_ref().is_some_and(|running| running.take == consent.take)
    }

    fn on_hello(&mut self, from: PeerId, hello: RecordingHello) {
        if !self.may(from) {
            return;
        }
        // who started it and does not run it any more, came back without it, or its end was lost
        if self.waiting.get(&from).is_some_and(|ask| hello.running != Some(ask.take)) {
            self.waiting.remove(&from);
        }
        let theirs = self.running.as_ref().filter(|running| running.starter == from);
        if theirs.is_some_and(|running| hello.running != Some(running.take)) {
            self.end(EndWhy::Stopped);
        }
        self.tell_all(from);
        // Our own Hello may have come before they knew us: if it was ours, it is over. Of anyone else's they ignore it.
        let runs = |take| self.running.as_ref().is_some_and(|running| running.take == take);
        if let (Some(take), Some(session)) = (hello.running, self.session)
            && !runs(take)
        {
            let why = StopWhy::Wanted;
            self.send(from, RecordingMessage::Stopped(RecordingStopped { session, take, why }));
        }
    }

    fn on_ask(&mut self, from: PeerId, ask: &RecordingAsk) {
        if self.is_over(ask.take) {
            self.counters.misplaced += 1;
            return;
        }
        if let Some(running) = self.running.as_ref().filter(|running| running.take == ask.take) {
            // again after a new link; of another starter it is a copied id
            if running.starter != from {
                self.counters.misplaced += 1;
            }
            return;
        }
        if !self.may(from) {
            return;
        }
        let Some(running) = &self.running else { return self.begin(from, ask) };
        if running.starter == from {
            // nobody starts a second one before the first has ended
            self.end(EndWhy::Stopped);
            self.begin(from, ask);
        } else if order(from, ask.at_unix_ms, ask.take) < running.order() {
            if running.starter == self.me {
                self.end_ours(StopWhy::Superseded);
            } else if let Some(session) = self.session {
                let given_way = RecordingAsk {
                    session,
                    take: running.take,
                    kind: running.kind,
                    name: running.name.clone(),
                    at_unix_ms: running.started_unix_ms,
                };
                let starter = running.starter;
                self.end(EndWhy::Superseded);
                if self.is_linked(starter) {
                    self.waiting.insert(starter, given_way);
                }
            }
            self.begin(from, ask);
        } else {
            self.waiting.insert(from, ask.clone());
        }
    }

    fn on_stopped(&mut self, from: PeerId, stopped: RecordingStopped) {
        if self.waiting.get(&from).is_some_and(|ask| ask.take == stopped.take) {
            self.waiting.remove(&from);
            self.is_over_for_good(stopped.take);
            return;
        }
        let running = self.running.as_ref().filter(|running| running.take == stopped.take);
        if running.is_some_and(|running| running.starter == from) {
            self.end(end_why(stopped.why));
            self.is_over_for_good(stopped.take);
        } else {
            self.counters.misplaced += 1;
        }
    }

    fn on_answer(&mut self, from: PeerId, consent: Consent) {
        let running = self.running.as_ref().filter(|running| running.take == consent.take);
        let Some(running) = running else {
            self.counters.other_take += 1;
            return;
        };
        // the cheap questions first: a signature takes a tenth of a millisecond
        match running.weigh(&consent) {
            Weighed::Known => return,
            Weighed::Stale => {
                self.counters.stale += 1;
                return;
            }
            // keys are made for nothing: only of people who were seen
            Weighed::Full => {
                self.counters.strangers += 1;
                return;
            }
            Weighed::News if !self.knows(consent.who) => {
                self.counters.strangers += 1;
                return;
            }
            Weighed::News => {}
        }
        // who passes forgeries on pays for them, and is not listened to when nothing is left; a true word is
        // paid for by whoever signed it
        let now = self.at.now;
        if self.buckets.get(&from).is_some_and(|bucket| bucket.is_empty(now)) {
            self.counters.too_often += 1;
        } else if !verify(&consent) {
            self.counters.forged += 1;
            self.may(from);
        } else if self.may(consent.who) {
            self.hear(from, consent);
        }
    }

    /// Takes a verified word on the take that runs: who is on it, who else must know.
    pub(super) fn hear(&mut self, from: PeerId, consent: Consent) {
        let me = self.me;
        let Some(running) = self.running.as_mut() else { return };
        match running.weigh(&consent) {
            Weighed::News => {}
            Weighed::Known => return,
            Weighed::Stale | Weighed::Full => {
                self.counters.stale += 1;
                return;
            }
        }
        let starter = running.starter;
        let before = running.words.insert(consent.who, consent.clone()).map(|word| word.answer);
        let mut correct = None;
        if consent.who == me {
            running.spoken_unix_ms = running.spoken_unix_ms.max(consent.at_unix_ms);
            match running.wish {
                // said before this program was started again: it is in force, and so it is ours
                None => running.wish = Some(consent.answer),
                Some(wish) if wish != consent.answer && from != me => correct = Some(wish),
                Some(_) => {}
            }
            if consent.answer == Answer::Withdrawn {
                running.wish = Some(Answer::Withdrawn);
                correct = None;
            }
        }
        let who = consent.who;
        let message = match consent.answer {
            Answer::Withdrawn if from == me => RecordingMessage::Withdraw(consent.clone()),
            Answer::Yes | Answer::No | Answer::Withdrawn => RecordingMessage::Answer(consent.clone()),
        };
        self.event(match consent.answer {
            Answer::Withdrawn => RecordingEvent::Withdrew { consent, before },
            Answer::Yes | Answer::No if who == me => RecordingEvent::OwnAnswer { consent, before },
            Answer::Yes | Answer::No => RecordingEvent::Answered { consent, before },
        });
        // A word of our own that came back to us is said to everyone, too: it is new to whoever missed it.
        if me == from || me == starter || who == me {
            for to in self.linked().into_iter().filter(|to| *to != from && *to != who) {
                self.send(to, message.clone());
            }
        } else if from != starter && who != starter {
            self.send(starter, message);
        }
        // an old word of ours came back: what our person wants now is said again, later than that
        if let Some(wish) = correct {
            self.wish(wish);
        }
    }
}

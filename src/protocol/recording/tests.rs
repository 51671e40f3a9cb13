//! Every rule, one at a time, in a room where each message arrives at once.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};

use super::*;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::roster::Seat;
use crate::domain::session::SessionId;
use crate::domain::take::{Answer, Consent, TakeId, WithdrawOutcome};
use crate::domain::time::Timestamp;
use crate::protocol::control::{RecordingHello, RecordingKind, RecordingMessage};

const SESSION: SessionId = SessionId::from_bytes([8; 16]);

fn signing(index: usize) -> SigningKey {
    SigningKey::from_bytes(&[index as u8 + 1; 32])
}

fn key(index: usize) -> PeerId {
    PeerId::from_bytes(signing(index).verifying_key().to_bytes())
}

fn take(n: u8) -> TakeId {
    TakeId::from_bytes([n; 16])
}

fn consent(who: usize, take: TakeId, answer: Answer, at_unix_ms: u64) -> Consent {
    let word = ToSign::Consent { take, answer, at_unix_ms };
    let signature = signing(who).sign(&word.bytes(key(who))).to_bytes();
    let Signed::Consent(consent) = word.signed(key(who), signature) else { panic!("a consent") };
    consent
}

struct Room {
    machines: Vec<RecordingMachine>,
    at: Moment,
    inside: BTreeSet<usize>,
    listeners: BTreeSet<usize>,
    away: BTreeSet<usize>,
    cut: BTreeSet<(usize, usize)>,
    queue: VecDeque<(usize, usize, RecordingMessage)>,
    events: Vec<Vec<RecordingEvent>>,
    sent: usize,
}

impl Room {
    fn of(policies: &[Policy]) -> Self {
        let machine = |(index, policy): (usize, &Policy)| RecordingMachine::new(key(index), *policy);
        let mut room = Self {
            machines: policies.iter().enumerate().map(machine).collect(),
            at: Moment { now: Timestamp::from_millis(1_000), unix_ms: 1_000_000 },
            inside: (0..policies.len()).collect(),
            listeners: BTreeSet::new(),
            away: BTreeSet::new(),
            cut: BTreeSet::new(),
            queue: VecDeque::new(),
            events: vec![Vec::new(); policies.len()],
            sent: 0,
        };
        room.seat();
        room
    }

    /// Tells each who the members are now, and carries all that follows.
    fn seat(&mut self) {
        self.seat_without_carrying();
        self.carry();
    }

    fn seat_without_carrying(&mut self) {
        for index in 0..self.machines.len() {
            if !self.inside.contains(&index) {
                self.with(index, |machine, at| machine.handle_left(at));
                continue;
            }
            let member = |other: &usize| {
                let member = Member {
                    name: Name::new("Ana"),
                    seat: if self.listeners.contains(other) { Seat::Listener } else { Seat::Player },
                    is_here: !self.away.contains(other),
                    is_linked: *other != index && self.is_linked(index, *other),
                };
                (key(*other), member)
            };
            let members = Members { session: SESSION, people: self.inside.iter().map(member).collect() };
            self.with(index, |machine, at| machine.handle_members(at, members));
        }
    }

    fn is_linked(&self, a: usize, b: usize) -> bool {
        !self.cut.contains(&(a.min(b), a.max(b))) && self.inside.contains(&a) && self.inside.contains(&b)
    }

    /// One input, and what the machine makes of it; what it wants signed is signed.
    fn with(&mut self, index: usize, input: impl FnOnce(&mut RecordingMachine, Moment)) {
        input(&mut self.machines[index], self.at);
        loop {
            match self.machines[index].poll_output() {
                RecordingOutput::Send { to, message } => {
                    let to = (0..self.machines.len()).find(|other| key(*other) == to).unwrap();
                    self.sent += 1;
                    self.queue.push_back((index, to, message));
                }
                RecordingOutput::Sign(word) => {
                    let signature = signing(index).sign(&word.bytes(key(index))).to_bytes();
                    let signed = word.signed(key(index), signature);
                    // the machine takes the next input once it is empty; here the order does not matter
                    let at = self.at;
                    self.machines[index].handle_signed(at, signed);
                }
                RecordingOutput::Event(event) => self.events[index].push(event),
                RecordingOutput::WakeAt(_) | RecordingOutput::Idle => return,
            }
        }
    }

    fn carry(&mut self) {
        while let Some((from, to, message)) = self.queue.pop_front() {
            if self.is_linked(from, to) {
                self.say(from, to, message);
            }
            assert!(self.sent < 10_000, "they never stop");
        }
    }

    fn say(&mut self, from: usize, to: usize, message: RecordingMessage) {
        self.with(to, |machine, at| machine.handle_message(at, key(from), message));
    }

    fn wait(&mut self, ms: u64) {
        self.at.now = self.at.now + Duration::from_millis(ms);
        self.at.unix_ms += ms;
        for index in 0..self.machines.len() {
            self.with(index, |machine, at| machine.handle_deadline(at));
        }
        self.carry();
    }

    fn command(&mut self, index: usize, command: RecordingCommand) {
        self.with(index, |machine, at| machine.handle_command(at, command));
    }

    fn start(&mut self, index: usize, n: u8) {
        let (kind, name) = (RecordingKind::Recorded, Name::new("Kitchen blues"));
        self.command(index, RecordingCommand::Start { take: take(n), kind, name });
    }

    fn grab(&mut self, index: usize, n: u8) {
        let kind = RecordingKind::Grabbed { seconds_back: 180 };
        self.command(index, RecordingCommand::Start { take: take(n), kind, name: Name::new("that") });
        self.carry();
    }

    fn answer(&mut self, index: usize, agreed: bool) {
        self.command(index, RecordingCommand::Answer { agreed });
        self.carry();
    }

    /// Who is on the take, as this one sees it; `None`: nothing runs.
    fn on(&self, index: usize) -> Option<Vec<usize>> {
        let state = self.machines[index].state()?;
        Some((0..self.machines.len()).filter(|other| state.is_on(key(*other))).collect())
    }

    fn assert_on(&self, expected: &[usize]) {
        for index in &self.inside {
            assert_eq!(self.on(*index).as_deref(), Some(expected), "at {index}");
        }
    }

    fn ends(&self, index: usize) -> Vec<EndWhy> {
        let why = |event: &RecordingEvent| match event {
            RecordingEvent::Ended { why, .. } => Some(*why),
            _ => None,
        };
        self.events[index].iter().filter_map(why).collect()
    }

    fn refusals(&self, index: usize) -> Vec<RecordingRefused> {
        let why = |event: &RecordingEvent| match event {
            RecordingEvent::Refused(why) => Some(*why),
            _ => None,
        };
        self.events[index].iter().filter_map(why).collect()
    }

    fn asked(&self, index: usize) -> usize {
        self.events[index].iter().filter(|event| matches!(event, RecordingEvent::Asked { .. })).count()
    }
}

use Policy::{Ask, No, Yes};

#[test]
fn everyone_knows_within_one_message_and_only_who_agrees_is_on_it() {
    let mut room = Room::of(&[Ask, Yes, No, Ask]);
    room.start(0, 1);
    let first: Vec<_> = room.queue.drain(..3).collect();
    for (from, to, message) in first {
        room.say(from, to, message);
        assert!(room.machines[to].state().is_some_and(|state| state.starter == key(0)));
    }
    room.carry();
    room.assert_on(&[0, 1]);
    assert_eq!([0, 1, 2, 3].map(|index| room.asked(index)), [0, 0, 0, 1]);
    let state = room.machines[3].state().unwrap();
    assert!(state.is_asking && !state.is_ours);
    assert_eq!(state.people.iter().find(|one| one.peer == key(3)).unwrap().answer, None);
    assert_eq!(state.people.iter().find(|one| one.peer == key(2)).unwrap().answer, Some(Answer::No));
    room.answer(3, true);
    room.assert_on(&[0, 1, 3]);
    assert!(room.machines[3].state().unwrap().is_ours && !room.machines[2].state().unwrap().is_ours);
    assert!(room.machines[0].consents().all(verify));
}

#[test]
fn the_last_word_counts_even_with_a_clock_set_back() {
    let mut room = Room::of(&[Ask, Ask, Ask]);
    room.start(0, 1);
    room.carry();
    room.answer(1, true);
    room.assert_on(&[0, 1]);
    room.at.unix_ms = 5;
    room.answer(1, false);
    room.assert_on(&[0]);
    room.answer(1, true);
    room.assert_on(&[0, 1]);
    for _ in 0..5 {
        room.answer(1, false);
        room.answer(1, true);
    }
    assert!(room.refusals(1).contains(&RecordingRefused::TooOften));
    room.answer(1, false);
    room.assert_on(&[0]);
}

#[test]
fn a_policy_that_changes_answers_the_open_question() {
    let mut room = Room::of(&[Ask, Ask]);
    room.start(0, 1);
    room.carry();
    room.command(1, RecordingCommand::SetPolicy(Yes));
    room.carry();
    room.assert_on(&[0, 1]);
    room.command(1, RecordingCommand::SetPolicy(No));
    room.carry();
    room.assert_on(&[0, 1]);
}

#[test]
fn a_second_start_is_refused_with_words() {
    let mut room = Room::of(&[Ask, Ask]);
    room.start(0, 1);
    room.carry();
    for index in [0, 1] {
        room.start(index, 2);
        assert_eq!(room.refusals(index), [RecordingRefused::AnotherRuns { take: take(1), starter: key(0) }]);
    }
    room.answer(0, false);
    room.assert_on(&[]);
    assert!(room.refusals(0)[0].to_string().contains("already"));
}

#[test]
fn two_started_at_once_are_settled_the_same_way_by_all() {
    let mut room = Room::of(&[Yes, Yes, Yes, Yes]);
    room.at.unix_ms += 1;
    room.start(2, 2);
    room.at.unix_ms -= 1;
    room.start(1, 1);
    room.carry();
    room.assert_on(&[0, 1, 2, 3]);
    for index in 0..4 {
        assert_eq!(room.machines[index].state().unwrap().take, take(1));
    }
    assert_eq!(room.ends(2), [EndWhy::Superseded]);
    assert_eq!(room.ends(1), []);
    room.command(1, RecordingCommand::Stop);
    room.carry();
    assert!((0..4).all(|index| room.machines[index].state().is_none()), "and the other does not come back");
}

#[test]
fn of_two_at_the_same_moment_the_lower_key_stays() {
    let mut room = Room::of(&[Yes, Yes, Yes]);
    room.start(0, 1);
    room.start(1, 2);
    room.carry();
    let stays = if key(0) < key(1) { 1 } else { 2 };
    for index in 0..3 {
        assert_eq!(room.machines[index].state().unwrap().take, take(stays));
    }
}

#[test]
fn what_is_forged_or_of_another_take_or_stale_is_dropped_and_counted() {
    let mut room = Room::of(&[Ask, Ask, Ask]);
    room.start(0, 1);
    room.carry();
    let mut forged = consent(2, take(1), Answer::Yes, 5);
    forged.who = key(1);
    room.say(2, 0, RecordingMessage::Answer(forged));
    let mut turned = consent(1, take(1), Answer::No, 5);
    turned.answer = Answer::Yes;
    room.say(2, 0, RecordingMessage::Answer(turned));
    let mut replayed = consent(1, take(2), Answer::Yes, 5);
    room.say(2, 0, RecordingMessage::Answer(replayed.clone()));
    replayed.take = take(1);
    room.say(2, 0, RecordingMessage::Answer(replayed));
    room.assert_on(&[0]);
    room.say(2, 0, RecordingMessage::Answer(consent(1, take(1), Answer::No, 9)));
    room.say(2, 0, RecordingMessage::Answer(consent(1, take(1), Answer::Yes, 8)));
    room.say(2, 0, RecordingMessage::Answer(consent(1, take(1), Answer::Yes, 9)));
    let counted = room.machines[0].counters();
    assert_eq!((counted.forged, counted.other_take, counted.stale), (3, 1, 2));
    assert_eq!(room.on(0), Some(vec![0]));
}

#[test]
fn a_member_that_says_the_same_for_ever_is_not_listened_to_for_ever() {
    let mut room = Room::of(&[Ask, Ask, Ask]);
    room.start(0, 1);
    room.carry();
    room.sent = 0;
    for n in 0..1_000_u64 {
        let hello = RecordingHello { session: SESSION, running: None };
        room.say(2, 0, RecordingMessage::Hello(hello));
        let answer = if n % 2 == 0 { Answer::Yes } else { Answer::No };
        room.say(2, 0, RecordingMessage::Answer(consent(2, take(1), answer, n + 1)));
    }
    assert!(room.sent < 200, "{} messages", room.sent);
    assert!(room.machines[0].counters().too_often > 1_000);
}

#[test]
fn only_members_of_the_same_session_are_listened_to() {
    let mut room = Room::of(&[Ask, Ask, Yes]);
    room.inside.remove(&2);
    room.seat();
    room.start(0, 1);
    room.carry();
    room.say(2, 1, RecordingMessage::Answer(consent(2, take(1), Answer::Yes, 5)));
    let other = RecordingHello { session: SessionId::from_bytes([9; 16]), running: None };
    room.say(0, 1, RecordingMessage::Hello(other));
    assert_eq!(room.machines[1].counters().strangers, 2);
    assert_eq!(room.on(1), Some(vec![0]));
    assert_eq!(room.on(2), None);
}

#[test]
fn an_answer_passed_on_is_as_good_as_first_hand() {
    let mut room = Room::of(&[Ask, Ask, Ask]);
    room.cut.insert((1, 2));
    room.seat();
    room.start(0, 1);
    room.carry();
    room.answer(1, true);
    room.assert_on(&[0, 1]);
    // and to the starter, from who lost only the stream to them
    room.cut = BTreeSet::from([(0, 1)]);
    room.seat();
    room.answer(1, false);
    room.assert_on(&[0]);
}

#[test]
fn who_comes_later_or_comes_back_is_asked_and_knows_all_words() {
    let mut room = Room::of(&[Ask, Yes, Yes]);
    room.inside.remove(&2);
    room.seat();
    room.start(0, 1);
    room.carry();
    room.inside.insert(2);
    room.seat();
    room.assert_on(&[0, 1, 2]);
    room.cut = BTreeSet::from([(0, 1), (1, 2)]);
    room.seat();
    room.wait(3_000);
    room.answer(1, false);
    assert_eq!((room.on(0), room.on(1)), (Some(vec![0, 1, 2]), Some(vec![0, 2])));
    room.cut.clear();
    room.seat();
    room.assert_on(&[0, 2]);
    assert_eq!(room.ends(1), []);
}

#[test]
fn who_is_known_later_than_they_know_is_told_by_their_hello() {
    let mut room = Room::of(&[Ask, Yes]);
    room.inside.remove(&1);
    room.seat();
    room.start(0, 1);
    room.inside.insert(1);
    // 0 sees them first; what it says is lost on who is not in the session yet
    room.with(0, |machine, at| {
        let people = [0, 1].map(|index| {
            let (name, seat) = (Name::new("Ana"), Seat::Player);
            (key(index), Member { name, seat, is_here: true, is_linked: index == 1 })
        });
        machine.handle_members(at, Members { session: SESSION, people: people.into() });
    });
    room.carry();
    assert!(room.on(1).is_none() && room.machines[1].counters().strangers > 0);
    room.seat();
    room.assert_on(&[0, 1]);
}

#[test]
fn the_starter_stops_for_all_and_another_only_for_themselves() {
    let mut room = Room::of(&[Yes, Yes, Yes]);
    room.start(0, 1);
    room.carry();
    room.command(1, RecordingCommand::Stop);
    room.carry();
    room.assert_on(&[0, 2]);
    assert!(!room.machines[1].state().unwrap().is_ours);
    room.command(0, RecordingCommand::Stop);
    room.carry();
    for index in 0..3 {
        assert_eq!(room.ends(index), [EndWhy::Stopped]);
    }
    room.command(1, RecordingCommand::Stop);
    assert_eq!(room.refusals(1), [RecordingRefused::NothingRuns]);
    // a stop that is not theirs to say
    room.start(0, 2);
    room.carry();
    let stopped = crate::protocol::control::RecordingStopped {
        session: SESSION,
        take: take(2),
        why: crate::protocol::control::StopWhy::Wanted,
    };
    room.say(1, 2, RecordingMessage::Stopped(stopped));
    assert!(room.on(2).is_some());
    room.start(0, 1);
    assert!(matches!(room.refusals(0)[..], [RecordingRefused::AnotherRuns { .. }]));
}

#[test]
fn a_starter_that_leaves_ends_it_for_everyone() {
    let mut room = Room::of(&[Yes, Yes, Yes]);
    room.start(0, 1);
    room.carry();
    room.inside.remove(&0);
    room.seat();
    assert_eq!(
        [0, 1, 2].map(|index| room.ends(index)),
        [vec![EndWhy::WeLeft], vec![EndWhy::StarterLeft], vec![EndWhy::StarterLeft]]
    );
    room.inside.insert(0);
    room.seat();
    assert!((0..3).all(|index| room.on(index).is_none()));
}

#[test]
fn a_starter_out_of_reach_ends_it_after_a_while_and_goes_on_when_they_are_back() {
    let mut room = Room::of(&[Yes, Yes, Ask]);
    room.start(0, 1);
    room.carry();
    room.cut = BTreeSet::from([(0, 1), (0, 2)]);
    room.seat();
    room.wait(9_999);
    assert!(room.on(1).is_some());
    room.cut.clear();
    room.seat();
    room.assert_on(&[0, 1]);
    room.away.insert(0);
    room.cut = BTreeSet::from([(0, 1), (0, 2)]);
    room.seat();
    room.wait(9_999);
    assert!(room.on(1).is_some());
    room.wait(1);
    assert_eq!((room.ends(1), room.ends(2)), (vec![EndWhy::StarterAway], vec![EndWhy::StarterAway]));
    assert_eq!(room.ends(0), [], "whoever is cut off alone records on");
    room.away.clear();
    room.cut.clear();
    room.seat();
    room.assert_on(&[0, 1]);
    let began = |event: &&RecordingEvent| matches!(event, RecordingEvent::Began { resumed: true, .. });
    assert_eq!(room.events[1].iter().filter(began).count(), 1);
    assert_eq!(room.asked(2), 2, "who had not answered is asked again");
}

#[test]
fn an_end_that_was_lost_is_known_from_the_hello() {
    let mut room = Room::of(&[Yes, Yes]);
    room.start(0, 1);
    room.carry();
    room.cut.insert((0, 1));
    room.seat();
    room.command(0, RecordingCommand::Stop);
    room.carry();
    assert!(room.on(1).is_some());
    room.cut.clear();
    room.seat();
    assert_eq!(room.ends(1), [EndWhy::Stopped]);
}

#[test]
fn a_take_that_is_over_is_not_asked_for_again() {
    let mut room = Room::of(&[Yes, Yes]);
    room.start(0, 1);
    room.carry();
    room.command(0, RecordingCommand::Stop);
    room.carry();
    room.start(0, 1);
    assert_eq!(room.refusals(0), [RecordingRefused::TakeEnded]);
    let ask = crate::protocol::control::RecordingAsk {
        session: SESSION,
        take: take(1),
        kind: RecordingKind::Recorded,
        name: Name::new("again"),
        at_unix_ms: 1,
    };
    room.say(0, 1, RecordingMessage::Ask(ask));
    assert!(room.on(1).is_none());
}

#[test]
fn a_listener_is_not_asked_and_sees_all_the_same() {
    let mut room = Room::of(&[Yes, Yes, Yes]);
    room.listeners.insert(2);
    room.seat();
    room.start(2, 1);
    assert_eq!(room.refusals(2), [RecordingRefused::Listener]);
    room.start(0, 1);
    room.carry();
    room.assert_on(&[0, 1]);
    room.answer(2, true);
    assert_eq!(room.refusals(2).len(), 2);
    // who takes an instrument up is asked then
    room.listeners.clear();
    room.seat();
    room.assert_on(&[0, 1, 2]);
}

#[test]
fn who_is_alone_records_alone_until_they_enter_a_jam() {
    let mut machine = RecordingMachine::new(key(0), Ask);
    let at = Moment { now: Timestamp::from_millis(1), unix_ms: 1 };
    let (kind, name) = (RecordingKind::Recorded, Name::new("alone"));
    machine.handle_command(at, RecordingCommand::Start { take: take(1), kind, name });
    machine.handle_signed(at, Signed::Consent(consent(0, take(1), Answer::Yes, 1)));
    assert!(machine.state().unwrap().is_ours);
    machine.handle_left(at);
    assert!(machine.state().is_some());
    machine.handle_members(at, Members { session: SESSION, people: [].into() });
    assert!(machine.state().is_none());
}

#[test]
fn nobody_is_on_it_by_a_signature_that_is_not_ours() {
    let mut machine = RecordingMachine::new(key(0), Ask);
    let at = Moment { now: Timestamp::from_millis(1), unix_ms: 1 };
    let (kind, name) = (RecordingKind::Recorded, Name::new("alone"));
    machine.handle_command(at, RecordingCommand::Start { take: take(1), kind, name });
    let mut wrong = consent(0, take(1), Answer::Yes, 1);
    wrong.signature[0] ^= 1;
    machine.handle_signed(at, Signed::Consent(wrong));
    machine.handle_signed(at, Signed::Consent(consent(1, take(1), Answer::Yes, 1)));
    assert!(!machine.state().unwrap().is_ours);
    assert_eq!(machine.counters().forged, 2);
}

#[test]
fn what_is_kept_from_memory_ends_when_all_have_answered_or_had_the_time_to() {
    let mut room = Room::of(&[Yes, Ask, Ask]);
    room.grab(0, 1);
    room.answer(1, true);
    room.assert_on(&[0, 1]);
    room.answer(2, false);
    for index in 0..3 {
        assert_eq!(room.ends(index), [EndWhy::Complete]);
    }
    room.grab(1, 2);
    assert_eq!(room.asked(2), 2);
    room.wait(59_999);
    room.assert_on(&[0, 1]);
    room.wait(1);
    assert_eq!(room.ends(2), [EndWhy::Complete; 2]);
    let kind = RecordingKind::Grabbed { seconds_back: 601 };
    room.command(0, RecordingCommand::Start { take: take(3), kind, name: Name::new("all") });
    assert_eq!(room.refusals(0), [RecordingRefused::TooLong]);
}

#[test]
fn who_withdraws_while_it_runs_is_off_for_good_and_gets_receipts() {
    let mut room = Room::of(&[Yes, Yes, Yes]);
    room.start(0, 1);
    room.carry();
    room.command(1, RecordingCommand::Withdraw { take: take(1), holders: Vec::new() });
    room.carry();
    room.assert_on(&[0, 2]);
    room.answer(1, true);
    assert_eq!(room.refusals(1), [RecordingRefused::Withdrew]);
    room.say(1, 0, RecordingMessage::Answer(consent(1, take(1), Answer::Yes, u64::MAX)));
    room.assert_on(&[0, 2]);
    for holder in [0, 2] {
        let arrived = |event: &&RecordingEvent| matches!(event, RecordingEvent::WithdrawalArrived { .. });
        assert_eq!(room.events[holder].iter().filter(arrived).count(), 1);
        room.with(holder, |machine, at| {
            machine.handle_withdrawn(at, take(1), key(1), WithdrawOutcome::Removed);
        });
    }
    room.carry();
    let answered = |event: &RecordingEvent| match event {
        RecordingEvent::WithdrawalAnswered { receipt } if verify_receipt(receipt) => Some(receipt.holder),
        _ => None,
    };
    let answered: Vec<PeerId> = room.events[1].iter().filter_map(answered).collect();
    assert_eq!(answered, [key(0), key(2)]);
    assert_eq!(room.machines[1].withdrawal_waits_for(take(1)).count(), 0);
}

#[test]
fn a_withdrawal_long_after_reaches_a_holder_when_they_are_there_again() {
    let mut room = Room::of(&[Ask, Ask, Ask]);
    room.inside.remove(&2);
    room.seat();
    room.command(1, RecordingCommand::Withdraw { take: take(7), holders: vec![key(0), key(1), key(2)] });
    room.carry();
    room.with(0, |machine, at| {
        machine.handle_withdrawn(at, take(7), key(1), WithdrawOutcome::NothingHere);
        // nobody asked for this one
        machine.handle_withdrawn(at, take(6), key(1), WithdrawOutcome::NothingHere);
    });
    room.carry();
    assert_eq!(room.machines[1].withdrawal_waits_for(take(7)).collect::<Vec<_>>(), [key(2)]);
    room.inside.insert(2);
    room.seat();
    // who withdrew is gone when it is done, and hears of it when back
    room.inside.remove(&1);
    room.seat();
    room.with(2, |machine, at| {
        machine.handle_withdrawn(at, take(7), key(1), WithdrawOutcome::Failed);
    });
    room.inside.insert(1);
    room.seat();
    assert_eq!(room.machines[1].withdrawal_waits_for(take(7)).count(), 0);
    let ours = |event: &&RecordingEvent| matches!(event, RecordingEvent::WithdrawalAnswered { .. });
    assert_eq!(room.events[1].iter().filter(ours).count(), 2);
    // a receipt that nothing waits for, and one of somebody else's making
    let word =
        ToSign::Receipt { take: take(7), whose: key(1), outcome: WithdrawOutcome::Removed, at_unix_ms: 1 };
    let signature = signing(0).sign(&word.bytes(key(0))).to_bytes();
    let Signed::Receipt(mut receipt) = word.signed(key(0), signature) else { panic!("a receipt") };
    room.say(0, 1, RecordingMessage::WithdrawReceipt(receipt.clone()));
    receipt.holder = key(2);
    room.say(0, 1, RecordingMessage::WithdrawReceipt(receipt));
    let counted = room.machines[1].counters();
    assert_eq!((counted.misplaced, counted.forged), (1, 1));
}

#[test]
fn nobody_is_withdrawn_by_another() {
    let mut room = Room::of(&[Yes, Yes, Yes]);
    room.start(0, 1);
    room.carry();
    let mut forged = consent(2, take(1), Answer::Withdrawn, 5);
    forged.who = key(1);
    room.say(2, 0, RecordingMessage::Withdraw(forged));
    room.carry();
    room.assert_on(&[0, 1, 2]);
    assert_eq!(room.machines[0].counters().forged, 1);
}

#[test]
fn who_comes_back_after_a_restart_finds_their_word_unless_they_say_another() {
    for (policy, on) in [(Ask, vec![0, 1, 2]), (Yes, vec![0, 1, 2]), (No, vec![0, 2])] {
        let mut room = Room::of(&[Yes, Yes, Yes]);
        room.start(0, 1);
        room.carry();
        room.inside.remove(&1);
        room.seat();
        // the clock of the new run is behind
        room.at.unix_ms = 7;
        room.machines[1] = RecordingMachine::new(key(1), policy);
        room.inside.insert(1);
        room.seat();
        room.assert_on(&on);
        assert!(!room.machines[1].state().unwrap().is_asking);
    }
}

mod of_a_file {
    use super::*;
    use crate::domain::take::{Player, TAKE_VERSION, Take, TakeKind, TakeState, Track, TrackKind};

    fn file(consents: Vec<Consent>) -> Take {
        let player = |n| Player { key: key(n), name: Name::new("Ana"), instruments: Vec::new() };
        let track = |number: u16, kind, whose: Option<usize>| Track {
            number,
            kind,
            player: whose.map(player),
            channels: 1,
            files: Vec::new(),
            gaps: Vec::new(),
        };
        Take {
            v: TAKE_VERSION,
            id: take(1),
            name: Name::new("Kitchen blues"),
            jam: Name::new("kitchen"),
            session: String::new(),
            started: String::new(),
            started_by: player(0),
            kept_by: player(0),
            kind: TakeKind::Recorded,
            state: TakeState::Ended,
            rate_hz: 48_000,
            length_samples: 0,
            round_trip_samples: 0,
            tracks: vec![
                track(1, TrackKind::Own, Some(0)),
                track(2, TrackKind::Heard, Some(1)),
                track(3, TrackKind::Mix, None),
            ],
            consents,
            tempo: Vec::new(),
            marks: Vec::new(),
            log: Vec::new(),
            tags: Vec::new(),
            note: String::new(),
        }
    }

    #[test]
    fn a_file_is_well_when_each_on_it_agreed() {
        let yes = |who| consent(who, take(1), Answer::Yes, 5);
        assert_eq!(verify_all(&file(vec![yes(0), yes(1)])), []);
        let later = consent(1, take(1), Answer::No, 6);
        assert_eq!(verify_all(&file(vec![yes(0), yes(1), later.clone()])), []);
        let who = key(1);
        let none = Finding::NoYes { track: 2, who };
        assert_eq!(verify_all(&file(vec![yes(0)])), [none]);
        assert_eq!(verify_all(&file(vec![yes(0), later.clone()])), [none]);
        let swapped = file(vec![yes(0), later, yes(1)]);
        assert_eq!(verify_all(&swapped), [Finding::OutOfOrder { who }]);
        let other = consent(1, take(2), Answer::Yes, 5);
        assert_eq!(verify_all(&file(vec![yes(0), other])), [Finding::OtherTake { who }, none]);
        let mut forged = yes(1);
        forged.at_unix_ms += 1;
        assert_eq!(verify_all(&file(vec![yes(0), forged])), [Finding::Forged { who }, none]);
        let withdrawn = consent(1, take(1), Answer::Withdrawn, 7);
        let still = file(vec![yes(0), yes(1), withdrawn]);
        assert_eq!(verify_all(&still), [Finding::StillThere { track: 2, who }]);
        assert!(verify_all(&still)[0].to_string().contains("track 2"));
    }
}

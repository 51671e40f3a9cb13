//! Recording machines, a virtual clock, streams that drop with what is on them, and a member that lies.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use jamtty::domain::name::Name;
use jamtty::domain::peer_id::PeerId;
use jamtty::domain::roster::Seat;
use jamtty::domain::session::SessionId;
use jamtty::domain::take::{Answer, Consent, TakeId};
use jamtty::domain::time::Timestamp;
use jamtty::protocol::control::{ControlMessage, RecordingKind, RecordingMessage};
use jamtty::protocol::recording::{
    Member, Members, Moment, Policy, RecordingCommand, RecordingMachine, RecordingOutput, Signed, ToSign,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

pub(crate) const SESSION: SessionId = SessionId::from_bytes([8; 16]);

/// Outputs one input may cause: to each of the others a `Hello`, an `Ask` and everyone's word, and little more.
const OUTPUTS_BOUND: usize = 60;

pub(crate) enum Happening {
    Arrive {
        from: usize,
        to: usize,
        connection: u64,
        bytes: Vec<u8>,
    },
    Signed {
        by: usize,
        run: u64,
        signed: Signed,
    },
    /// One of them is told who is in the jam and who is linked, as it is then.
    Seat(usize),
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) now: Timestamp,
    /// By how much each one's clock is off, in ms.
    clocks: Vec<u64>,
    keys: Vec<SigningKey>,
    pub(crate) machines: Vec<RecordingMachine>,
    /// Counts restarts: what an earlier run wanted signed is not given to a later one.
    runs: Vec<u64>,
    wake: Vec<Option<Timestamp>>,
    queue: BinaryHeap<Reverse<(Timestamp, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    next: u64,
    pub(crate) inside: BTreeSet<usize>,
    /// Who has a stream to whom, and which.
    links: BTreeMap<(usize, usize), u64>,
    last_arrival: BTreeMap<(usize, usize), Timestamp>,
    /// Every consent that was really signed by who it is of.
    ledger: Vec<Consent>,
    /// Everything that was ever said in it, for a liar to say again.
    heard: Vec<RecordingMessage>,
    pub(crate) liar: Option<usize>,
    pub(crate) sent: u64,
    pub(crate) inputs: u64,
    log: VecDeque<String>,
}

impl World {
    pub(crate) fn seeded(seed: u64, policies: &[Policy]) -> Self {
        let count = policies.len();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let keys: Vec<SigningKey> =
            (0..count).map(|index| SigningKey::from_bytes(&[index as u8 + 1; 32])).collect();
        let machine =
            |(index, policy): (usize, &Policy)| RecordingMachine::new(peer_of(&keys[index]), *policy);
        Self {
            seed,
            now: Timestamp::from_millis(1_000),
            clocks: (0..count).map(|_| 1_000_000 + rng.next_u64() % 100_000).collect(),
            machines: policies.iter().enumerate().map(machine).collect(),
            keys,
            rng,
            runs: vec![0; count],
            wake: vec![None; count],
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            next: 0,
            inside: BTreeSet::new(),
            links: BTreeMap::new(),
            last_arrival: BTreeMap::new(),
            ledger: Vec::new(),
            heard: Vec::new(),
            liar: None,
            sent: 0,
            inputs: 0,
            log: VecDeque::new(),
        }
    }

    pub(crate) fn key(&self, index: usize) -> PeerId {
        peer_of(&self.keys[index])
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.rng.next_u64() % bound as u64) as usize
    }

    fn schedule(&mut self, after: Duration, happening: Happening) -> Timestamp {
        let at = self.now + after;
        self.schedule_at(at, happening);
        at
    }

    fn schedule_at(&mut self, at: Timestamp, happening: Happening) {
        self.next += 1;
        self.happenings.insert(self.next, happening);
        self.queue.push(Reverse((at, self.next)));
    }

    fn soon(&mut self, up_to_ms: u64) -> Duration {
        Duration::from_micros(100 + self.rng.next_u64() % (up_to_ms * 1_000))
    }

    fn moment(&self, index: usize) -> Moment {
        Moment { now: self.now, unix_ms: self.clocks[index] + self.now.micros() / 1_000 }
    }

    // --- who is in, and who has a stream -----------------------------------------------------

    pub(crate) fn enter(&mut self, index: usize) {
        if self.inside.insert(index) {
            self.say(&format!("{index} enters"));
            for other in self.inside.clone() {
                self.link(index, other);
            }
            self.seat_all();
        }
    }

    pub(crate) fn leave(&mut self, index: usize) {
        if self.inside.remove(&index) {
            self.say(&format!("{index} leaves"));
            self.links.retain(|(a, b), _| *a != index && *b != index);
            self.seat_all();
            self.with(index, |machine, at| machine.handle_left(at));
        }
    }

    /// The program ends and is started again, in no jam and knowing nothing.
    pub(crate) fn restart(&mut self, index: usize, policy: Policy) {
        self.leave(index);
        self.say(&format!("{index} is started again"));
        self.runs[index] += 1;
        self.machines[index] = RecordingMachine::new(self.key(index), policy);
        self.wake[index] = None;
    }

    pub(crate) fn link(&mut self, a: usize, b: usize) {
        let pair = (a.min(b), a.max(b));
        if a != b && self.inside.contains(&a) && self.inside.contains(&b) && !self.links.contains_key(&pair) {
            self.next += 1;
            self.links.insert(pair, self.next);
            self.seat_all();
        }
    }

    /// The stream drops, and what is on it is lost.
    pub(crate) fn cut(&mut self, a: usize, b: usize) {
        if self.links.remove(&(a.min(b), a.max(b))).is_some() {
            self.say(&format!("{a}-{b} drops"));
            self.seat_all();
        }
    }

    pub(crate) fn heal_all(&mut self) {
        for a in self.inside.clone() {
            for b in self.inside.clone() {
                self.link(a, b);
            }
        }
    }

    /// Each is told in its own time.
    fn seat_all(&mut self) {
        for index in self.inside.clone() {
            let wait = self.soon(60);
            self.schedule(wait, Happening::Seat(index));
        }
    }

    fn members(&self, index: usize) -> Members {
        let member = |other: &usize| {
            let pair = (index.min(*other), index.max(*other));
            let is_linked = self.links.contains_key(&pair);
            let member = Member { name: Name::new("Ana"), seat: Seat::Player, is_here: true, is_linked };
            (self.key(*other), member)
        };
        Members { session: SESSION, people: self.inside.iter().map(member).collect() }
    }

    // --- inputs and outputs ------------------------------------------------------------------

    pub(crate) fn start(&mut self, index: usize) {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        let kind = RecordingKind::Recorded;
        let take = TakeId::from_bytes(bytes);
        self.command(index, RecordingCommand::Start { take, kind, name: Name::new("blues") });
    }

    pub(crate) fn command(&mut self, index: usize, command: RecordingCommand) {
        self.say(&format!("{index} {command:?}"));
        self.with(index, |machine, at| machine.handle_command(at, command));
    }

    fn with(&mut self, index: usize, input: impl FnOnce(&mut RecordingMachine, Moment)) {
        if self.liar == Some(index) {
            return;
        }
        self.inputs += 1;
        let at = self.moment(index);
        input(&mut self.machines[index], at);
        for _ in 0..OUTPUTS_BOUND {
            match self.machines[index].poll_output() {
                RecordingOutput::Send { to, message } => self.send(index, to, message),
                RecordingOutput::Sign(word) => self.sign(index, word),
                RecordingOutput::Event(event) => self.say(&format!("{index} is told {event:?}")),
                RecordingOutput::WakeAt(at) => {
                    self.wake[index] = Some(at.max(self.now));
                    return self.check_words(index);
                }
                RecordingOutput::Idle => {
                    self.wake[index] = None;
                    return self.check_words(index);
                }
            }
        }
        self.fail(&format!("{index} never stops"));
    }

    fn sign(&mut self, index: usize, word: ToSign) {
        let me = self.key(index);
        let signed = word.signed(me, self.keys[index].sign(&word.bytes(me)).to_bytes());
        if let Signed::Consent(consent) = &signed {
            self.ledger.push(consent.clone());
        }
        let (wait, run) = (self.soon(5), self.runs[index]);
        self.schedule(wait, Happening::Signed { by: index, run, signed });
    }

    pub(crate) fn send(&mut self, from: usize, to: PeerId, message: RecordingMessage) {
        self.sent += 1;
        let Some(to) = (0..self.keys.len()).find(|index| self.key(*index) == to) else {
            return self.fail("sent to nobody");
        };
        let Some(connection) = self.links.get(&(from.min(to), from.max(to))).copied() else { return };
        if self.liar != Some(from) {
            self.heard.push(message.clone());
        }
        let bytes = ControlMessage::Recording(message).encode();
        let earliest = self.last_arrival.get(&(from, to)).copied().unwrap_or(self.now);
        let at = earliest.max(self.now + self.soon(20));
        self.last_arrival.insert((from, to), at);
        self.schedule_at(at, Happening::Arrive { from, to, connection, bytes });
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let queued = self.queue.peek().map(|Reverse((at, _))| *at);
            let woken = (0..self.wake.len()).filter_map(|index| self.wake[index].map(|at| (at, index))).min();
            let next = [queued, woken.map(|(at, _)| at)].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = next.max(self.now);
            if queued != Some(next) {
                let Some((_, index)) = woken else { break };
                self.wake[index] = None;
                self.with(index, |machine, at| machine.handle_deadline(at));
                continue;
            }
            let Some(Reverse((_, id))) = self.queue.pop() else { break };
            let Some(happening) = self.happenings.remove(&id) else { continue };
            self.happen(happening);
        }
        self.now = end;
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive { from, to, connection, bytes } => {
                if self.links.get(&(from.min(to), from.max(to))) != Some(&connection) {
                    return;
                }
                let Ok(ControlMessage::Recording(message)) = ControlMessage::decode(&bytes) else {
                    return self.fail("a message that nobody can read");
                };
                let from = self.key(from);
                self.with(to, |machine, at| machine.handle_message(at, from, message));
            }
            Happening::Signed { by, run, signed } => {
                if run == self.runs[by] {
                    self.with(by, |machine, at| machine.handle_signed(at, signed));
                }
            }
            Happening::Seat(index) => {
                if self.inside.contains(&index) {
                    let members = self.members(index);
                    self.with(index, |machine, at| machine.handle_members(at, members));
                }
            }
        }
    }

    // --- the liar ----------------------------------------------------------------------------

    /// Says something untrue, or true at another time, or of another take, to somebody.
    pub(crate) fn lie(&mut self) {
        let Some(liar) = self.liar.filter(|liar| self.inside.contains(liar)) else { return };
        let to = self.below(self.keys.len());
        if to == liar || !self.inside.contains(&to) {
            return;
        }
        let victim = self.below(self.keys.len());
        if victim == liar {
            return; // Its own word, truly signed, is no lie.
        }
        let running: Vec<TakeId> =
            self.machines.iter().filter_map(|machine| machine.state().map(|state| state.take)).collect();
        let Some(take) = running.first().copied() else { return };
        let lie = match self.below(5) {
            // a signature of its own under somebody else's name
            0 => {
                let (answer, at_unix_ms) = (Answer::Yes, u64::MAX - 1);
                let word = ToSign::Consent { take, answer, at_unix_ms };
                let who = self.key(victim);
                let signature = self.keys[liar].sign(&word.bytes(who)).to_bytes();
                RecordingMessage::Answer(Consent { take, who, answer, at_unix_ms, signature })
            }
            // a true word, on another take, or turned round, or made later
            kind @ 1..=3 if !self.ledger.is_empty() => {
                let index = self.below(self.ledger.len());
                let mut word = self.ledger[index].clone();
                match kind {
                    1 => word.take = take,
                    2 => word.answer = Answer::Yes,
                    _ => word.at_unix_ms += 1_000_000,
                }
                RecordingMessage::Answer(word)
            }
            // a true word of its own, which counts; or what somebody said long ago
            _ if self.below(4) == 0 || self.heard.is_empty() => {
                let at_unix_ms = self.moment(liar).unix_ms;
                let answer = if self.below(2) == 0 { Answer::Yes } else { Answer::No };
                let word = ToSign::Consent { take, answer, at_unix_ms };
                let me = self.key(liar);
                let signed = word.signed(me, self.keys[liar].sign(&word.bytes(me)).to_bytes());
                let Signed::Consent(consent) = signed else { return };
                self.ledger.push(consent.clone());
                RecordingMessage::Answer(consent)
            }
            _ => {
                let index = self.below(self.heard.len());
                // the end is the starter's to say, and so is the asking
                match &self.heard[index] {
                    RecordingMessage::Ask(_) => return,
                    said => said.clone(),
                }
            }
        };
        let to = self.key(to);
        self.send(liar, to, lie);
    }

    // --- what must hold ----------------------------------------------------------------------

    /// At every step: whoever is on it here really signed a Yes to this take, and it is their last word here.
    fn check_words(&mut self, index: usize) {
        let Some(state) = self.machines[index].state() else { return };
        for person in state.people.iter().filter(|one| one.answer == Some(Answer::Yes)) {
            let word = self.machines[index].consents().find(|word| word.who == person.peer).cloned();
            let is_true = word.is_some_and(|word| {
                word.answer == Answer::Yes && word.take == state.take && self.ledger.contains(&word)
            });
            if !is_true {
                self.fail(&format!("{index} records {:?}, who did not agree", person.peer));
            }
        }
    }

    /// Once all streams are up and quiet: one recording or none, and everyone's last word, the same at all.
    pub(crate) fn assert_agreed(&mut self) {
        let honest: Vec<usize> =
            self.inside.iter().copied().filter(|index| self.liar != Some(*index)).collect();
        // What a liar says of itself may differ from one to the next: that is its own affair.
        let members: BTreeSet<PeerId> = honest.iter().map(|index| self.key(*index)).collect();
        let view = |index: &usize| {
            self.machines[*index].state().map(|state| {
                let words: Vec<_> = state
                    .people
                    .iter()
                    .filter(|one| members.contains(&one.peer))
                    .map(|one| (one.peer, one.answer))
                    .collect();
                (state.take, state.starter, words)
            })
        };
        let views: Vec<_> = honest.iter().map(view).collect();
        if views.windows(2).any(|pair| pair[0] != pair[1]) {
            self.fail(&format!("{honest:?} see it each in their way: {views:#?}"));
        }
        for (index, view) in honest.iter().zip(&views) {
            let Some((take, _, words)) = view else { continue };
            let last = self.ledger.iter().rfind(|word| word.take == *take && word.who == self.key(*index));
            let seen = words.iter().find(|(who, _)| *who == self.key(*index)).and_then(|(_, answer)| *answer);
            if seen != last.map(|word| word.answer) {
                let text = format!("{index} said {last:?} last, and {seen:?} is in force");
                self.fail(&text);
            }
        }
    }

    fn say(&mut self, text: &str) {
        if self.log.len() >= 60 {
            self.log.pop_front();
        }
        self.log.push_back(format!("{} {text}", self.now));
    }

    pub(crate) fn fail(&self, why: &str) {
        let log = self.log.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        panic!("seed {}, at {}: {why}\n{log}", self.seed, self.now);
    }
}

fn peer_of(key: &SigningKey) -> PeerId {
    PeerId::from_bytes(key.verifying_key().to_bytes())
}

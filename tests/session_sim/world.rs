//! Machines, a virtual clock, and cables that can be cut.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

use jamtty::domain::name::Name;
use jamtty::domain::peer_id::PeerId;
use jamtty::domain::profile::Profile;
use jamtty::domain::roster::{Addrs, Presence, Seat};
use jamtty::domain::session::SessionState;
use jamtty::domain::time::Timestamp;
use jamtty::protocol::code_word::CodeWord;
use jamtty::protocol::control::{ControlMessage, MESSAGE_BYTES_MAX};
use jamtty::protocol::session::{JoinFailure, SessionCommand, SessionEvent, SessionMachine, SessionOutput};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Outputs one input may cause; more is a loop.
const OUTPUTS_BOUND: usize = 2_000;

pub(crate) enum Happening {
    Arrive {
        from: usize,
        to: usize,
        connection: u64,
        bytes: Vec<u8>,
    },
    Connected {
        a: usize,
        b: usize,
        connection: u64,
    },
    /// The network layer notices that a connection no longer carries anything.
    TimedOut {
        a: usize,
        b: usize,
        connection: u64,
    },
}

/// N machines, a virtual clock, and cables between every two of them.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) now: Timestamp,
    pub(crate) machines: Vec<Option<SessionMachine>>,
    pub(crate) wake: Vec<Option<Timestamp>>,
    pub(crate) queue: BinaryHeap<Reverse<(Timestamp, u64)>>,
    pub(crate) happenings: BTreeMap<u64, Happening>,
    pub(crate) next: u64,
    pub(crate) cut: BTreeSet<(usize, usize)>,
    pub(crate) connections: BTreeMap<(usize, usize), u64>,
    /// Streams are ordered: nothing arrives before what was sent before.
    pub(crate) last_arrival: BTreeMap<(usize, usize), Timestamp>,
    pub(crate) events: Vec<Vec<(Timestamp, SessionEvent)>>,
    pub(crate) log: VecDeque<Noted>,
    pub(crate) bytes: u64,
    /// Every byte that crossed, if asked for.
    pub(crate) wiretap: Option<Vec<u8>>,
}

impl World {
    pub(crate) fn seeded(seed: u64, machines: usize) -> Self {
        let mut world = Self {
            seed,
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: Timestamp::from_millis(1_000),
            machines: Vec::new(),
            wake: vec![None; machines],
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            next: 0,
            cut: BTreeSet::new(),
            connections: BTreeMap::new(),
            last_arrival: BTreeMap::new(),
            events: vec![Vec::new(); machines],
            log: VecDeque::new(),
            bytes: 0,
            wiretap: None,
        };
        for index in 0..machines {
            let machine = world.fresh(index);
            world.machines.push(Some(machine));
        }
        world
    }

    pub(crate) fn fresh(&mut self, index: usize) -> SessionMachine {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let profile = Profile::new(&format!("player {index}"), &["bass"]);
        SessionMachine::new(self.now, key(index), profile, seed)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.rng.next_u64() % bound as u64) as usize
    }

    pub(crate) fn schedule(&mut self, after: Duration, happening: Happening) {
        self.schedule_at(self.now + after, happening);
    }

    pub(crate) fn schedule_at(&mut self, at: Timestamp, happening: Happening) {
        self.next += 1;
        self.happenings.insert(self.next, happening);
        self.queue.push(Reverse((at, self.next)));
    }

    pub(crate) fn command(&mut self, index: usize, command: SessionCommand) {
        let now = self.now;
        self.log(Noted::Text(format!("{now} {index} {command:?}").chars().take(200).collect()));
        self.with(index, |machine| machine.handle_command(now, command));
    }

    /// One input, then outputs until the machine wants to sleep: what every driver does.
    pub(crate) fn with(&mut self, index: usize, input: impl FnOnce(&mut SessionMachine)) {
        let Some(machine) = self.machines[index].as_mut() else { return };
        input(machine);
        for _ in 0..OUTPUTS_BOUND {
            let Some(machine) = self.machines[index].as_mut() else { return };
            match machine.poll_output() {
                SessionOutput::WakeAt(at) => {
                    self.wake[index] = Some(at.max(self.now));
                    return;
                }
                SessionOutput::Idle => {
                    self.wake[index] = None;
                    return;
                }
                SessionOutput::Event(event) => {
                    self.log(Noted::Happened(self.now, index, event.clone()));
                    self.events[index].push((self.now, event));
                }
                SessionOutput::Send { to, message } => self.carry(index, place(to), &message),
                SessionOutput::Connect { peer, .. } => self.dial(index, place(peer)),
                SessionOutput::Disconnect { peer, .. } => self.hang_up(index, place(peer)),
            }
        }
        self.fail(&format!("machine {index} never stops"));
    }

    pub(crate) fn carry(&mut self, from: usize, to: usize, message: &ControlMessage) {
        let bytes = message.encode();
        assert!(bytes.len() <= MESSAGE_BYTES_MAX, "{} bytes", bytes.len());
        self.bytes += bytes.len() as u64;
        if let Some(tap) = &mut self.wiretap {
            tap.extend_from_slice(&bytes);
        }
        let Some(&connection) = self.connections.get(&pair(from, to)) else { return };
        if self.cut.contains(&pair(from, to)) {
            return;
        }
        let delay = Duration::from_micros(200 + self.rng.next_u64() % 5_000);
        let earliest = self.last_arrival.get(&(from, to)).copied().unwrap_or(self.now);
        let at = earliest.max(self.now + delay);
        self.last_arrival.insert((from, to), at);
        self.schedule_at(at, Happening::Arrive { from, to, connection, bytes });
    }

    pub(crate) fn dial(&mut self, from: usize, to: usize) {
        if to >= self.machines.len() || self.machines[to].is_none() || self.cut.contains(&pair(from, to)) {
            return;
        }
        if self.connections.contains_key(&pair(from, to)) {
            return;
        }
        let (a, b) = pair(from, to);
        self.next += 1;
        let connection = self.next;
        self.connections.insert((a, b), connection);
        self.schedule(Duration::from_millis(20), Happening::Connected { a, b, connection });
    }

    pub(crate) fn hang_up(&mut self, from: usize, to: usize) {
        let (a, b) = pair(from, to);
        if let Some(connection) = self.connections.get(&(a, b)).copied() {
            // the one who hangs up is told soon; the other end when the news, or its own timer, gets through
            let wait = if self.cut.contains(&(a, b)) { 10_000 } else { 5 };
            self.connections.remove(&(a, b));
            self.schedule(Duration::from_millis(5), Happening::TimedOut { a: from, b: to, connection });
            self.schedule(Duration::from_millis(wait), Happening::TimedOut { a: to, b: from, connection });
        }
    }

    /// A pulled cable: nothing crosses, and nobody is told.
    pub(crate) fn cut(&mut self, a: usize, b: usize) {
        self.cut.insert(pair(a, b));
    }

    pub(crate) fn heal(&mut self, a: usize, b: usize) {
        self.cut.remove(&pair(a, b));
    }

    pub(crate) fn split(&mut self, left: &[usize], right: &[usize]) {
        for &a in left {
            for &b in right {
                self.cut(a, b);
            }
        }
    }

    pub(crate) fn heal_all(&mut self) {
        self.cut.clear();
    }

    /// kill -9: its peers' network layers notice after a while.
    pub(crate) fn kill(&mut self, index: usize) {
        self.machines[index] = None;
        self.wake[index] = None;
        for ((a, b), connection) in self.connections.clone() {
            if a == index || b == index {
                let other = if a == index { b } else { a };
                self.connections.remove(&(a, b));
                let wait = Duration::from_millis(50);
                self.schedule(wait, Happening::TimedOut { a: other, b: index, connection });
            }
        }
    }

    pub(crate) fn restart(&mut self, index: usize) {
        let machine = self.fresh(index);
        self.machines[index] = Some(machine);
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..5_000_000_u64 {
            let wake = self.wake.iter().enumerate().filter_map(|(i, at)| at.map(|at| (at, i))).min();
            let next = self.queue.peek().map(|Reverse((at, id))| (*at, *id));
            match (wake, next) {
                (Some((at, index)), next) if at <= end && next.is_none_or(|(other, _)| at <= other) => {
                    self.now = self.now.max(at);
                    let now = self.now;
                    self.wake[index] = None;
                    self.with(index, |machine| machine.handle_deadline(now));
                }
                (_, Some((at, id))) if at <= end => {
                    self.queue.pop();
                    self.now = self.now.max(at);
                    if let Some(happening) = self.happenings.remove(&id) {
                        self.happen(happening);
                    }
                }
                _ => {
                    self.now = end;
                    return;
                }
            }
        }
        self.fail("the world never sleeps");
    }

    pub(crate) fn happen(&mut self, happening: Happening) {
        let now = self.now;
        match happening {
            Happening::Arrive { from, to, connection, bytes } => {
                let current = self.connections.get(&pair(from, to)) == Some(&connection);
                if !current || self.cut.contains(&pair(from, to)) {
                    return;
                }
                let message = ControlMessage::decode(&bytes).expect("machines write what machines read");
                self.log(Noted::Carried(now, from, to, brief(&message)));
                self.with(to, |machine| machine.handle_message(now, key(from), message));
            }
            Happening::Connected { a, b, connection } => {
                if self.connections.get(&(a, b)) != Some(&connection) {
                    return;
                }
                if self.cut.contains(&(a, b)) {
                    self.connections.remove(&(a, b));
                    return;
                }
                self.with(a, |machine| machine.handle_connected(now, key(b)));
                self.with(b, |machine| machine.handle_connected(now, key(a)));
            }
            Happening::TimedOut { a, b, connection } => {
                // a newer connection is not closed by an old one's end
                if self.connections.get(&pair(a, b)).is_none_or(|current| *current == connection) {
                    self.connections.remove(&pair(a, b));
                    self.with(a, |machine| machine.handle_disconnected(now, key(b)));
                }
            }
        }
    }

    pub(crate) fn log(&mut self, line: Noted) {
        if self.log.len() >= 60 {
            self.log.pop_front();
        }
        self.log.push_back(line);
    }

    pub(crate) fn fail(&self, what: &str) -> ! {
        for line in &self.log {
            eprintln!("{line:?}");
        }
        for (index, machine) in self.machines.iter().enumerate() {
            let state = machine.as_ref().and_then(SessionMachine::state);
            eprintln!(
                "{index} {:?}",
                state.map(|state| (place(state.steward), state.version, &state.roster))
            );
        }
        panic!("{what} (seed {}, at {})", self.seed, self.now);
    }

    pub(crate) fn check(&self, holds: bool, what: &str) {
        if !holds {
            self.fail(what);
        }
    }

    pub(crate) fn state(&self, index: usize) -> &SessionState {
        match self.machines[index].as_ref().and_then(SessionMachine::state) {
            Some(state) => state,
            None => self.fail(&format!("machine {index} sits in no session")),
        }
    }

    /// Founds a session at 0 and lets the others in, one after another.
    pub(crate) fn jam(&mut self, code: Option<&str>) {
        self.create(0, code, 16);
        for index in 1..self.machines.len() {
            self.join(index, 0, code);
            self.run(Duration::from_millis(300));
        }
        self.run(Duration::from_secs(2));
    }

    pub(crate) fn create(&mut self, index: usize, code: Option<&str>, size_limit: u8) {
        let name = Name::new("Kitchen blues");
        let code = code.and_then(|text| CodeWord::parse(text).ok());
        self.command(index, SessionCommand::Create { name, code, size_limit, seat: Seat::Player });
    }

    pub(crate) fn join(&mut self, index: usize, at: usize, code: Option<&str>) {
        let code = code.and_then(|text| CodeWord::parse(text).ok());
        let (peer, addrs) = (key(at), Addrs::default());
        self.command(index, SessionCommand::Join { peer, addrs, session: None, code, seat: Seat::Player });
    }

    /// All of these follow one steward among them, and have the same roster: exactly these, all here.
    pub(crate) fn assert_agreed(&self, members: &[usize]) {
        let first = self.state(members[0]);
        let expected: BTreeSet<PeerId> = members.iter().map(|index| key(*index)).collect();
        let sitting: BTreeSet<PeerId> = first.roster.iter().map(|line| line.peer).collect();
        self.check(sitting == expected, &format!("who sits here: {sitting:?}, expected {expected:?}"));
        self.check(first.roster.iter().all(|line| line.presence == Presence::Here), "somebody is away");
        self.check(expected.contains(&first.steward), "the steward is one of them");
        let senior = first.roster.iter().next().map(|line| line.peer);
        self.check(senior == Some(first.steward), "the steward is the most senior");
        for &index in members {
            self.check(self.state(index) == first, &format!("{index} has another state than {}", members[0]));
            for &other in members {
                let linked =
                    self.machines[index].as_ref().is_some_and(|machine| machine.is_linked(key(other)));
                self.check(index == other || linked, &format!("{index} has no link to {other}"));
            }
        }
    }

    pub(crate) fn count(&self, index: usize, wanted: impl Fn(&SessionEvent) -> bool) -> usize {
        self.events[index].iter().filter(|(_, event)| wanted(event)).count()
    }

    pub(crate) fn refusal(&self, index: usize) -> Option<JoinFailure> {
        self.events[index].iter().rev().find_map(|(_, event)| match event {
            SessionEvent::JoinRefused { reason, .. } => Some(*reason),
            _ => None,
        })
    }
}

pub(crate) fn key(index: usize) -> PeerId {
    // not in the order of joining, so that keys and standings do not agree by accident
    PeerId::from_bytes(std::array::from_fn(
        |i| if i == 0 { (index as u8).wrapping_mul(83) } else { index as u8 },
    ))
}

pub(crate) fn place(peer: PeerId) -> usize {
    usize::from(peer.as_bytes()[1])
}

pub(crate) fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// What a failure prints last.
#[derive(Debug)]
#[expect(dead_code, reason = "printed by Debug alone")]
pub(crate) enum Noted {
    Text(String),
    Happened(Timestamp, usize, SessionEvent),
    Carried(Timestamp, usize, usize, Brief),
}

/// A message in a few numbers: formatting each would take longer than all the rest.
#[derive(Debug)]
#[expect(dead_code, reason = "printed by Debug alone")]
pub(crate) enum Brief {
    Snapshot { steward: usize, version: u64, beat: u64, size: usize },
    Pulse { lead: usize, version: u64, beat: u64, lost: bool },
    Other(std::mem::Discriminant<ControlMessage>),
}

pub(crate) fn brief(message: &ControlMessage) -> Brief {
    match message {
        ControlMessage::Snapshot(snapshot) => Brief::Snapshot {
            steward: place(snapshot.state.steward),
            version: snapshot.state.version,
            beat: snapshot.beat,
            size: snapshot.state.roster.len(),
        },
        ControlMessage::Pulse(pulse) => Brief::Pulse {
            lead: place(pulse.lead.peer),
            version: pulse.version,
            beat: pulse.beat,
            lost: pulse.lost,
        },
        other => Brief::Other(std::mem::discriminant(other)),
    }
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

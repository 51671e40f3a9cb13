//! The machine itself: commands, members and deadlines in, outputs out.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::bucket::Bucket;
use super::consent::{Signed, ToSign, verify, verify_receipt};
use super::face::{
    EndWhy, Person, Policy, RecordingCommand, RecordingCounters, RecordingEvent, RecordingOutput,
    RecordingRefused, RecordingState,
};
use super::members::{Member, Members};
use super::running::Running;
use super::withdrawing::Withdrawing;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::roster::Seat;
use crate::domain::session::SessionId;
use crate::domain::take::{Answer, Consent, TakeId};
use crate::domain::time::Timestamp;
use crate::protocol::control::{
    GRAB_SECONDS_MAX, RecordingAsk, RecordingHello, RecordingKind, RecordingMessage, RecordingStopped,
    StopWhy,
};

/// Outputs that may wait to be polled. One input makes at most a hundred or so for each member that a link
/// came up to; when it is full the newest is dropped and counted, and the next `Hello` makes up for it.
pub const OUTPUTS_MAX: usize = 8_192;

/// Whoever started a recording may be out of reach this long before it ends: a pulled cable put back, and
/// the seconds it takes to be noticed. Longer, and people would play on for a starter that is gone.
pub const STARTER_AWAY_MAX: Duration = Duration::from_secs(10);

/// How long those asked may think about what is kept from memory: everyone holds it so long.
pub const GRAB_ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// Takes that ended here but may go on, because their starter was out of reach.
const PAST_MAX: usize = 4;

/// Takes that are over for good, so that nobody asks for one again and finds the words of before.
const OVER_MAX: usize = 64;

/// A moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// What deadlines are counted in.
    pub now: Timestamp,
    /// What is signed: ms of Unix time. May jump.
    pub unix_ms: u64,
}

/// Who is recorded, as messages and deadlines. Never sends, never sleeps, never signs: `peer` does.
///
/// Drive it: one `handle_*`, then `poll_output` until it returns `WakeAt` or `Idle`; only then the
/// next `handle_*`.
///
/// Invariant: every word it keeps was signed by who it is of, for that take.
#[derive(Debug)]
pub struct RecordingMachine {
    pub(super) me: PeerId,
    policy: Policy,
    pub(super) at: Moment,
    pub(super) session: Option<SessionId>,
    pub(super) people: BTreeMap<PeerId, Member>,
    pub(super) running: Option<Running>,
    /// Recordings of others that gave way to the one that runs; one each, for as long as they are linked.
    pub(super) waiting: BTreeMap<PeerId, RecordingAsk>,
    past: VecDeque<Running>,
    over: VecDeque<TakeId>,
    pub(super) withdrawing: Withdrawing,
    pub(super) buckets: BTreeMap<PeerId, Bucket>,
    own_answers: Bucket,
    outputs: VecDeque<RecordingOutput>,
    pub(super) counters: RecordingCounters,
}

impl RecordingMachine {
    /// A machine in no session.
    #[must_use]
    pub fn new(me: PeerId, policy: Policy) -> Self {
        let at = Moment { now: Timestamp::default(), unix_ms: 0 };
        Self {
            me,
            policy,
            at,
            session: None,
            people: BTreeMap::new(),
            running: None,
            waiting: BTreeMap::new(),
            past: VecDeque::new(),
            over: VecDeque::new(),
            withdrawing: Withdrawing::default(),
            buckets: BTreeMap::new(),
            own_answers: Bucket::of_our_own(at.now),
            outputs: VecDeque::new(),
            counters: RecordingCounters::default(),
        }
    }

    /// Does what the person wants, or says why not.
    pub fn handle_command(&mut self, at: Moment, command: RecordingCommand) {
        self.advance(at);
        let done = match command {
            RecordingCommand::Start { take, kind, name } => self.start(take, kind, name),
            RecordingCommand::Stop => self.stop(),
            RecordingCommand::Answer { agreed } => self.answer(if agreed { Answer::Yes } else { Answer::No }),
            RecordingCommand::Withdraw { take, holders } => self.withdraw(take, holders),
            RecordingCommand::SetPolicy(policy) => {
                self.policy = policy;
                Ok(())
            }
        };
        if let Err(why) = done {
            self.event(RecordingEvent::Refused(why));
        }
        self.settle();
    }

    /// Takes the members as they are now; call it whenever they may have changed. The same again does nothing.
    pub fn handle_members(&mut self, at: Moment, members: Members) {
        self.advance(at);
        let Members { session, people } = members;
        if self.session != Some(session) {
            self.get_up();
            self.session = Some(session);
        }
        let before = std::mem::replace(&mut self.people, people);
        let is_new = |peer: &PeerId| before.get(peer).is_none_or(|one| !one.is_linked);
        let linked = self.linked();
        let new: Vec<PeerId> = linked.iter().filter(|peer| is_new(peer)).copied().collect();
        self.waiting.retain(|starter, _| linked.contains(starter));
        self.buckets.retain(|peer, _| self.people.contains_key(peer));
        for peer in new {
            let running = self.running.as_ref().map(|running| running.take);
            self.send(peer, RecordingMessage::Hello(RecordingHello { session, running }));
            self.tell_all(peer);
            self.go_on_withdrawing(peer);
        }
        self.settle();
    }

    /// We are in no session any more.
    pub fn handle_left(&mut self, at: Moment) {
        self.advance(at);
        if self.session.is_some() {
            self.get_up();
        }
        self.settle();
    }

    /// Takes a message of the session stream; `from` is what its connection proved.
    pub fn handle_message(&mut self, at: Moment, from: PeerId, message: RecordingMessage) {
        self.advance(at);
        self.listen(from, message);
        self.settle();
    }

    /// Takes what we wanted signed. What nothing waits for any more is dropped.
    pub fn handle_signed(&mut self, at: Moment, signed: Signed) {
        self.advance(at);
        match signed {
            Signed::Consent(consent) if consent.who != self.me || !verify(&consent) => {
                self.counters.forged += 1;
            }
            Signed::Consent(consent) => self.speak(consent),
            Signed::Receipt(receipt) if receipt.holder != self.me || !verify_receipt(&receipt) => {
                self.counters.forged += 1;
            }
            Signed::Receipt(receipt) => self.send_receipt(receipt),
        }
        self.settle();
    }

    /// Does what is due; call it at the moment of the last `WakeAt`. Early or late calls do no harm.
    pub fn handle_deadline(&mut self, at: Moment) {
        self.advance(at);
        self.settle();
    }

    /// What to do next. Call it until it returns `WakeAt` or `Idle`.
    pub fn poll_output(&mut self) -> RecordingOutput {
        match self.outputs.pop_front() {
            Some(output) => output,
            None => self.next_deadline().map_or(RecordingOutput::Idle, RecordingOutput::WakeAt),
        }
    }

    /// The recording that runs.
    #[must_use]
    pub fn state(&self) -> Option<RecordingState> {
        let running = self.running.as_ref()?;
        let seats = self.people.iter().map(|(peer, member)| (*peer, Some(member.seat)));
        let mut seats: BTreeMap<PeerId, Option<Seat>> = seats.collect();
        for who in running.words.keys() {
            seats.entry(*who).or_default();
        }
        let person = |(peer, seat)| Person { peer, seat, answer: running.answer_of(peer) };
        Some(RecordingState {
            take: running.take,
            starter: running.starter,
            kind: running.kind,
            name: running.name.clone(),
            since: running.since,
            started_unix_ms: running.started_unix_ms,
            people: seats.into_iter().map(person).collect(),
            is_asking: running.asked && running.wish.is_none(),
            is_ours: running.answer_of(self.me) == Some(Answer::Yes),
        })
    }

    /// The last word of each on the take that runs, all of them verified.
    pub fn consents(&self) -> impl Iterator<Item = &Consent> {
        self.running.iter().flat_map(|running| running.words.values())
    }

    /// What we say if our person does not.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// What was thrown away.
    #[must_use]
    pub const fn counters(&self) -> RecordingCounters {
        self.counters
    }

    // --- what the person wants ---------------------------------------------------------------

    fn start(&mut self, take: TakeId, kind: RecordingKind, name: Name) -> Result<(), RecordingRefused> {
        if let Some(running) = &self.running {
            return Err(RecordingRefused::AnotherRuns { take: running.take, starter: running.starter });
        }
        if !self.am_player() {
            return Err(RecordingRefused::Listener);
        }
        if matches!(kind, RecordingKind::Grabbed { seconds_back } if seconds_back > GRAB_SECONDS_MAX) {
            return Err(RecordingRefused::TooLong);
        }
        if self.is_over(take) || self.past.iter().any(|one| one.take == take) {
            return Err(RecordingRefused::TakeEnded);
        }
        // alone there is nobody to ask, and no session to name
        let session = self.session.unwrap_or(SessionId::from_bytes([0; 16]));
        let ask = RecordingAsk { session, take, kind, name, at_unix_ms: self.at.unix_ms };
        self.begin(self.me, &ask);
        self.send_everyone(&RecordingMessage::Ask(ask));
        self.wish(Answer::Yes);
        Ok(())
    }

    fn stop(&mut self) -> Result<(), RecordingRefused> {
        let running = self.running.as_ref().ok_or(RecordingRefused::NothingRuns)?;
        if running.starter == self.me {
            self.end_ours(StopWhy::Wanted);
            return Ok(());
        }
        if !self.am_player() && running.wish.is_none() {
            return Err(RecordingRefused::Listener);
        }
        if running.wish == Some(Answer::No) {
            return Ok(());
        }
        self.answer(Answer::No)
    }

    fn answer(&mut self, answer: Answer) -> Result<(), RecordingRefused> {
        let running = self.running.as_ref().ok_or(RecordingRefused::NothingRuns)?;
        match running.wish {
            Some(Answer::Withdrawn) => return Err(RecordingRefused::Withdrew),
            Some(before) if before == answer => return Ok(()),
            Some(_) | None => {}
        }
        if !self.am_player() && answer == Answer::Yes {
            return Err(RecordingRefused::Listener);
        }
        // a No is never refused
        if answer == Answer::Yes && !self.own_answers.take(self.at.now) {
            return Err(RecordingRefused::TooOften);
        }
        self.wish(answer);
        Ok(())
    }

    /// Wants this said of us on the take that runs.
    pub(super) fn wish(&mut self, answer: Answer) {
        let unix_ms = self.at.unix_ms;
        let Some(running) = self.running.as_mut() else { return };
        running.wish = Some(answer);
        // later than any word of ours, even if the clock was set back meanwhile
        running.spoken_unix_ms = unix_ms.max(running.spoken_unix_ms.saturating_add(1));
        let (take, at_unix_ms) = (running.take, running.spoken_unix_ms);
        self.push(RecordingOutput::Sign(ToSign::Consent { take, answer, at_unix_ms }));
    }

    /// Our own word is signed: it is in force, and everyone hears of it.
    fn speak(&mut self, consent: Consent) {
        if consent.answer == Answer::Withdrawn {
            self.send_withdrawal(&consent);
        }
        if self.running.as_ref().is_some_and(|running| running.take == consent.take) {
            self.hear(self.me, consent);
        }
    }

    // --- beginning and ending ----------------------------------------------------------------

    /// A recording runs from now on, or goes on.
    pub(super) fn begin(&mut self, starter: PeerId, ask: &RecordingAsk) {
        let now = self.at.now;
        self.waiting.remove(&starter);
        let known = self.past.iter().position(|one| one.take == ask.take && one.starter == starter);
        let mut running = match known.and_then(|index| self.past.remove(index)) {
            Some(past) => past,
            None => Running::new(starter, ask, now),
        };
        running.since = now;
        running.starter_missing = None;
        // the question was taken away when it ended
        running.asked = false;
        // the others may have changed their minds meanwhile: their words follow, ours we know
        running.words.retain(|who, _| *who == self.me);
        let unsigned = running.wish.filter(|wish| running.answer_of(self.me) != Some(*wish));
        self.running = Some(running);
        let (take, kind, name, resumed) = (ask.take, ask.kind, ask.name.clone(), known.is_some());
        self.event(RecordingEvent::Began { take, starter, kind, name, resumed });
        if let Some(wish) = unsigned {
            self.wish(wish);
        } else if let Some(own) =
            self.running.as_ref().and_then(|running| running.words.get(&self.me)).cloned()
        {
            // Those who did not know us while we were away dropped it when it was passed on.
            self.send_everyone(&RecordingMessage::Answer(own));
        }
    }

    /// Ends the recording that runs, here.
    pub(super) fn end(&mut self, why: EndWhy) {
        let Some(running) = self.running.take() else { return };
        let (take, starter) = (running.take, running.starter);
        let for_good = match why {
            EndWhy::Stopped | EndWhy::Complete => true,
            EndWhy::Superseded | EndWhy::StarterLeft | EndWhy::StarterAway | EndWhy::WeLeft => {
                starter == self.me
            }
        };
        if for_good {
            remember(&mut self.over, take, OVER_MAX);
        } else {
            remember(&mut self.past, running, PAST_MAX);
        }
        self.event(RecordingEvent::Ended { take, starter, why });
    }

    /// Ends the recording that we started, for everyone.
    pub(super) fn end_ours(&mut self, why: StopWhy) {
        let Some(take) = self.running.as_ref().map(|running| running.take) else { return };
        if let Some(session) = self.session {
            self.send_everyone(&RecordingMessage::Stopped(RecordingStopped { session, take, why }));
        }
        self.end(end_why(why));
    }

    /// Out of the session, or out of being alone.
    fn get_up(&mut self) {
        self.waiting.clear();
        self.end(EndWhy::WeLeft);
        self.session = None;
        self.people.clear();
        self.buckets.clear();
    }

    pub(super) fn is_over(&self, take: TakeId) -> bool {
        self.over.contains(&take)
    }

    pub(super) fn is_over_for_good(&mut self, take: TakeId) {
        self.past.retain(|one| one.take != take);
        if !self.is_over(take) {
            remember(&mut self.over, take, OVER_MAX);
        }
    }

    // --- after every input -------------------------------------------------------------------

    pub(super) fn settle(&mut self) {
        self.miss_starter();
        self.finish_grab();
        self.take_waiting();
        self.decide();
    }

    fn miss_starter(&mut self) {
        let now = self.at.now;
        let me = self.me;
        let Some(running) = self.running.as_mut().filter(|running| running.starter != me) else { return };
        match self.people.get(&running.starter) {
            None => self.end(EndWhy::StarterLeft),
            Some(starter) if starter.is_here && starter.is_linked => running.starter_missing = None,
            Some(_) => {
                let since = *running.starter_missing.get_or_insert(now);
                if now.since(since) >= STARTER_AWAY_MAX {
                    self.end(EndWhy::StarterAway);
                }
            }
        }
    }

    fn finish_grab(&mut self) {
        let Some(running) = &self.running else { return };
        if running.starter != self.me || running.kind == RecordingKind::Recorded {
            return;
        }
        let is_asked = |peer: &PeerId, one: &Member| {
            one.seat == Seat::Player && (*peer == self.me || (one.is_here && one.is_linked))
        };
        let mut asked = self.people.iter().filter(|(peer, one)| is_asked(peer, one));
        let has_answered = |peer: &PeerId| running.answer_of(*peer).is_some();
        let all = has_answered(&self.me) && asked.all(|(peer, _)| has_answered(peer));
        if all || self.at.now.since(running.since) >= GRAB_ANSWERS_WITHIN {
            self.end_ours(StopWhy::Complete);
        }
    }

    /// When none runs, the one that gave way before may go on.
    fn take_waiting(&mut self) {
        if self.running.is_some() {
            return;
        }
        let order = |starter: &PeerId, ask: &RecordingAsk| (ask.at_unix_ms, *starter, ask.take);
        let next = self.waiting.iter().min_by_key(|(starter, ask)| order(starter, ask));
        let Some(starter) = next.map(|(starter, _)| *starter) else { return };
        if let Some(ask) = self.waiting.remove(&starter) {
            self.begin(starter, &ask);
            // the words to it were not kept while another ran
            let hello = RecordingHello { session: ask.session, running: Some(ask.take) };
            self.send(starter, RecordingMessage::Hello(hello));
        }
    }

    /// Answers a question that is open, or puts it to the person.
    fn decide(&mut self) {
        let am_player = self.am_player();
        let (me, policy) = (self.me, self.policy);
        let Some(running) = self.running.as_mut() else { return };
        if running.wish.is_some() || running.starter == me || !am_player {
            return;
        }
        match policy {
            Policy::Yes => self.wish(Answer::Yes),
            Policy::No => self.wish(Answer::No),
            Policy::Ask if running.asked => {}
            Policy::Ask => {
                running.asked = true;
                let (take, starter, kind) = (running.take, running.starter, running.kind);
                let name = running.name.clone();
                self.event(RecordingEvent::Asked { take, starter, kind, name });
            }
        }
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        let running = self.running.as_ref()?;
        if running.starter == self.me {
            let is_grab = running.kind != RecordingKind::Recorded;
            return is_grab.then(|| running.since + GRAB_ANSWERS_WITHIN);
        }
        running.starter_missing.map(|since| since + STARTER_AWAY_MAX)
    }

    // --- words for outputs -------------------------------------------------------------------

    pub(super) fn advance(&mut self, at: Moment) {
        debug_assert!(at.now >= self.at.now, "time runs forward: {} after {}", at.now, self.at.now);
        self.at = Moment { now: self.at.now.max(at.now), unix_ms: at.unix_ms };
    }

    /// Alone, everyone is a player.
    pub(super) fn am_player(&self) -> bool {
        self.people.get(&self.me).is_none_or(|me| me.seat == Seat::Player)
    }

    pub(super) fn is_linked(&self, peer: PeerId) -> bool {
        peer != self.me && self.people.get(&peer).is_some_and(|one| one.is_linked)
    }

    pub(super) fn linked(&self) -> Vec<PeerId> {
        self.people.keys().filter(|peer| self.is_linked(**peer)).copied().collect()
    }

    pub(super) fn send(&mut self, to: PeerId, message: RecordingMessage) {
        if self.is_linked(to) {
            self.push(RecordingOutput::Send { to, message });
        }
    }

    pub(super) fn send_everyone(&mut self, message: &RecordingMessage) {
        for to in self.linked() {
            self.send(to, message.clone());
        }
    }

    /// All that somebody new must know of the recording that runs.
    pub(super) fn tell_all(&mut self, to: PeerId) {
        let (Some(session), Some(running)) = (self.session, &self.running) else { return };
        let mut messages = Vec::new();
        if running.starter == self.me {
            messages.push(RecordingMessage::Ask(RecordingAsk {
                session,
                take: running.take,
                kind: running.kind,
                name: running.name.clone(),
                at_unix_ms: running.started_unix_ms,
            }));
        }
        messages.extend(running.words.values().cloned().map(RecordingMessage::Answer));
        for message in messages {
            self.send(to, message);
        }
    }

    pub(super) fn event(&mut self, event: RecordingEvent) {
        self.push(RecordingOutput::Event(event));
    }

    pub(super) fn push(&mut self, output: RecordingOutput) {
        if self.outputs.len() >= OUTPUTS_MAX {
            self.counters.outputs_dropped += 1;
        } else {
            self.outputs.push_back(output);
        }
    }
}

/// As everyone but its starter says it.
pub(super) const fn end_why(why: StopWhy) -> EndWhy {
    match why {
        StopWhy::Wanted => EndWhy::Stopped,
        StopWhy::Complete => EndWhy::Complete,
        StopWhy::Superseded => EndWhy::Superseded,
    }
}

/// Keeps the newest so many.
fn remember<T>(kept: &mut VecDeque<T>, one: T, most: usize) {
    if kept.len() >= most {
        kept.pop_front();
    }
    kept.push_back(one);
}

//! The machine itself: what comes in, what goes out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::face::{
    CommandRefused, DisconnectWhy, JoinFailure, SessionCommand, SessionCounters, SessionEvent, SessionOutput,
};
use super::following::Following;
use super::inside::{Inside, OwnLine, Phase, Secret};
use super::links::Bucket;
use crate::domain::mic::MicState;
use crate::domain::name::safe_line;
use crate::domain::peer_id::PeerId;
use crate::domain::profile::Profile;
use crate::domain::roster::{Addrs, Participant, Presence, Seat};
use crate::domain::session::SessionState;
use crate::domain::time::Timestamp;
use crate::protocol::code_word::{CodeWord, GuessLimit};
use crate::protocol::control::{CHAT_CHARS_MAX, Chat, ControlMessage, PROTOCOL_VERSION, VersionRefused};
use crate::protocol::lobby::OpenSession;

/// Outputs that may wait to be polled. One input makes at most a few per member; when it is full the
/// newest is dropped and counted (`outputs_dropped`), and pulses make up for lost messages.
pub const OUTPUTS_MAX: usize = 1_024;

/// Peers one can block; more are refused with words.
pub const BLOCKED_MAX: usize = 1_024;

/// Connections we keep in mind; those past it are ignored until one closes. The network layer's own
/// limit is lower.
const CONNECTED_MAX: usize = 512;

/// One peer's session, as messages and deadlines. Never sends, never sleeps: `net` and `peer` do.
///
/// Drive it: one `handle_*`, then `poll_output` until it returns `WakeAt` or `Idle`; only then the
/// next `handle_*`.
///
/// Invariant: while it is in a session, the steward of its state sits in its roster, and it either
/// sits there too or keeps asking for its seat.
#[derive(Debug)]
pub struct SessionMachine {
    pub(super) me: PeerId,
    pub(super) own: OwnLine,
    pub(super) rng: ChaCha20Rng,
    pub(super) now: Timestamp,
    /// Peers with a control stream, members or not.
    pub(super) connected: BTreeSet<PeerId>,
    pub(super) blocked: BTreeSet<PeerId>,
    pub(super) phase: Phase,
    pub(super) guesses: GuessLimit,
    /// Peers whose version we told them we do not speak, on this connection.
    version_told: BTreeSet<PeerId>,
    outputs: VecDeque<SessionOutput>,
    pub(super) counters: SessionCounters,
}

impl SessionMachine {
    /// A machine in no session. `seed`: 32 random bytes of the system, used for nothing else.
    #[must_use]
    pub fn new(now: Timestamp, me: PeerId, profile: Profile, seed: [u8; 32]) -> Self {
        Self {
            me,
            own: OwnLine {
                profile,
                seat: Seat::Player,
                mic: MicState::Muted,
                addrs: Addrs::default(),
                revision: 0,
                incarnation: 0,
            },
            rng: ChaCha20Rng::from_seed(seed),
            now,
            connected: BTreeSet::new(),
            blocked: BTreeSet::new(),
            phase: Phase::Outside,
            guesses: GuessLimit::default(),
            version_told: BTreeSet::new(),
            outputs: VecDeque::new(),
            counters: SessionCounters::default(),
        }
    }

    /// Does what the person wants, or says why not.
    pub fn handle_command(&mut self, now: Timestamp, command: SessionCommand) {
        self.advance(now);
        match command {
            SessionCommand::Create { name, code, size_limit, seat } => {
                self.create(name, code, size_limit, seat);
            }
            SessionCommand::Join { peer, addrs, session, code, seat } => {
                self.join(peer, addrs, session, code, seat);
            }
            SessionCommand::Leave => self.leave(),
            SessionCommand::Remove(peer) => self.remove_member(peer),
            SessionCommand::Block(peer) => self.block(peer),
            SessionCommand::Unblock(peer) => {
                self.blocked.remove(&peer);
            }
            SessionCommand::GiveStewardship(peer) => self.give_stewardship(peer),
            SessionCommand::Chat(text) => self.say(&text),
            SessionCommand::SetProfile(profile) => self.change_own(|own| own.profile = profile),
            SessionCommand::SetMic(mic) => self.change_own(|own| own.mic = mic),
            SessionCommand::SetSeat(seat) => self.change_own(|own| own.seat = seat),
            SessionCommand::SetAddrs(addrs) => self.change_own(|own| own.addrs = addrs),
            SessionCommand::OfferMedia { peer, offer } => {
                self.send_to_member(peer, ControlMessage::MediaOffer(offer));
            }
            SessionCommand::SetMediaPath { peer, path } => {
                self.send_to_member(peer, ControlMessage::MediaPath(path));
            }
            SessionCommand::Meet { peer, addrs } => self.meet(peer, addrs),
        }
        self.settle();
    }

    /// Takes a message; `from` is what its connection proved.
    pub fn handle_message(&mut self, now: Timestamp, from: PeerId, message: ControlMessage) {
        self.advance(now);
        if from == self.me {
            return;
        }
        if self.blocked.contains(&from) {
            self.counters.messages_blocked += 1;
            return;
        }
        self.note_connected(from);
        self.dispatch(from, message);
        self.settle();
    }

    /// A control connection to this peer is up.
    pub fn handle_connected(&mut self, now: Timestamp, peer: PeerId) {
        self.advance(now);
        if peer == self.me {
            return;
        }
        if self.blocked.contains(&peer) {
            self.push(SessionOutput::Disconnect { peer, why: DisconnectWhy::Blocked });
            return;
        }
        self.note_connected(peer);
        self.ask_after_connecting(peer);
        self.greet(peer);
        self.settle();
    }

    /// The last control connection to this peer is down.
    pub fn handle_disconnected(&mut self, now: Timestamp, peer: PeerId) {
        self.advance(now);
        self.note_disconnected(peer);
        self.settle();
    }

    /// Does what is due; call it at the moment of the last `WakeAt`. Early or late calls do no harm.
    pub fn handle_deadline(&mut self, now: Timestamp) {
        self.advance(now);
        self.tick_joining();
        self.tick_following();
        self.tick_stewarding();
        self.tick_admissions();
        self.tick_links();
        self.settle();
    }

    /// What to do next. Call it until it returns `WakeAt` or `Idle`.
    pub fn poll_output(&mut self) -> SessionOutput {
        match self.outputs.pop_front() {
            Some(output) => output,
            None => self.next_deadline().map_or(SessionOutput::Idle, SessionOutput::WakeAt),
        }
    }

    /// The session we sit in.
    #[must_use]
    pub fn state(&self) -> Option<&SessionState> {
        match &self.phase {
            Phase::Inside(inside) => Some(&inside.state),
            Phase::Outside | Phase::Joining(_) => None,
        }
    }

    /// The session as the lobby card shows it; `None` outside.
    #[must_use]
    pub fn open_session(&self) -> Option<OpenSession> {
        let state = self.state()?;
        let present = || state.roster.iter().filter(|one| one.presence == Presence::Here);
        let players = present().filter(|one| one.seat == Seat::Player).count();
        Some(OpenSession {
            id: state.id,
            name: state.name.clone(),
            door: state.door,
            size_limit: state.size_limit,
            names: present().map(|one| one.profile.name().clone()).collect(),
            players: u8::try_from(players).unwrap_or(u8::MAX),
            steward: state.steward,
        })
    }

    /// Who we are.
    #[must_use]
    pub const fn me(&self) -> PeerId {
        self.me
    }

    /// Whether we order the changes of the session we sit in.
    #[must_use]
    pub fn is_steward(&self) -> bool {
        self.state().is_some_and(|state| state.steward == self.me)
    }

    /// Whether a join is under way.
    #[must_use]
    pub const fn is_joining(&self) -> bool {
        matches!(self.phase, Phase::Joining(_))
    }

    /// Everyone as the person was told of them: the roster, and members of a yielding half that the older
    /// half has not seated yet. Nobody outside a session.
    pub fn shown(&self) -> impl Iterator<Item = &Participant> {
        self.inside().into_iter().flat_map(|inside| inside.shown.values())
    }

    /// Whether the control stream to this member is up.
    #[must_use]
    pub fn is_linked(&self, peer: PeerId) -> bool {
        self.inside().is_some_and(|inside| inside.links.contains_key(&peer))
    }

    /// Whom we hear nothing of.
    pub fn blocked(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.blocked.iter().copied()
    }

    /// What was thrown away.
    #[must_use]
    pub const fn counters(&self) -> SessionCounters {
        self.counters
    }

    pub(super) fn inside(&self) -> Option<&Inside> {
        match &self.phase {
            Phase::Inside(inside) => Some(inside),
            Phase::Outside | Phase::Joining(_) => None,
        }
    }

    pub(super) fn inside_mut(&mut self) -> Option<&mut Inside> {
        match &mut self.phase {
            Phase::Inside(inside) => Some(inside),
            Phase::Outside | Phase::Joining(_) => None,
        }
    }

    pub(super) fn push(&mut self, output: SessionOutput) {
        if self.outputs.len() >= OUTPUTS_MAX {
            self.counters.outputs_dropped += 1;
        } else {
            self.outputs.push_back(output);
        }
    }

    pub(super) fn send(&mut self, to: PeerId, message: ControlMessage) {
        if self.connected.contains(&to) {
            self.push(SessionOutput::Send { to, message });
        }
    }

    pub(super) fn event(&mut self, event: SessionEvent) {
        self.push(SessionOutput::Event(event));
    }

    pub(super) fn refuse(&mut self, why: CommandRefused) {
        self.event(SessionEvent::CommandRefused(why));
    }

    /// Our line as a participant with this standing.
    pub(super) fn own_participant(&self, standing: i64) -> Participant {
        Participant {
            peer: self.me,
            profile: self.own.profile.clone(),
            seat: self.own.seat,
            mic: self.own.mic,
            presence: Presence::Here,
            standing,
            revision: self.own.revision,
            incarnation: self.own.incarnation,
            addrs: self.own.addrs.clone(),
        }
    }

    /// Sits down in a session.
    pub(super) fn enter(&mut self, state: SessionState, secret: [u8; 32], code: Option<CodeWord>) {
        if let Some(line) = state.roster.find(self.me) {
            self.own.incarnation = line.incarnation;
        }
        let shown = state.roster.iter().map(|one| (one.peer, one.clone())).collect();
        let now = self.now;
        self.phase = Phase::Inside(Box::new(Inside {
            following: Following::new(now),
            // everyone gets the benefit of the doubt once
            heard: state.roster.iter().map(|one| (one.peer, now)).collect(),
            hears: BTreeMap::new(),
            away_since: BTreeMap::new(),
            shown,
            shown_steward: state.steward,
            ghosts: BTreeMap::new(),
            links: BTreeMap::new(),
            next_dial: BTreeMap::new(),
            former: BTreeMap::new(),
            early_offers: BTreeMap::new(),
            chat: BTreeMap::new(),
            admissions: BTreeMap::new(),
            secret: Secret(secret),
            code,
            state,
        }));
    }

    /// Gets up, whatever the reason.
    pub(super) fn end_session(&mut self) {
        if let Phase::Inside(inside) = std::mem::replace(&mut self.phase, Phase::Outside) {
            self.event(SessionEvent::SessionEnded { session: inside.state.id });
        }
    }

    fn dispatch(&mut self, from: PeerId, message: ControlMessage) {
        match message {
            ControlMessage::Join(request) => self.on_join(from, request),
            ControlMessage::Redirect(redirect) => self.on_redirect(from, redirect),
            ControlMessage::CodeChallenge(challenge) => self.on_challenge(from, &challenge),
            ControlMessage::CodeProof(proof) => self.on_code_proof(from, proof),
            ControlMessage::Admitted(admitted) => self.on_admitted(from, admitted),
            ControlMessage::Refused(refused) => self.on_refused(from, refused),
            ControlMessage::Snapshot(snapshot) => self.on_snapshot(from, snapshot),
            ControlMessage::Pulse(pulse) => self.on_pulse(from, pulse),
            ControlMessage::Line(line) => self.on_line(from, line),
            ControlMessage::Merge(snapshot) => self.on_merge(from, snapshot),
            ControlMessage::Removed(removed) => self.on_removed(from, removed),
            ControlMessage::Goodbye(goodbye) => self.on_goodbye(from, goodbye),
            ControlMessage::Chat(chat) => self.on_chat(from, &chat),
            ControlMessage::MediaOffer(offer) => self.on_offer(from, offer),
            ControlMessage::MediaPath(path) => self.on_media_path(from, path),
            // the recording machine's, which is driven beside this one and was given it
            ControlMessage::Recording(_) => {}
            ControlMessage::VersionRefused(refusal) => self.on_other_version(from, refusal.speaks),
            ControlMessage::OtherVersion { theirs } => {
                // told once per connection, and a refusal is never answered: two versions cannot chase each other
                if self.version_told.insert(from) {
                    let refusal = VersionRefused { speaks: PROTOCOL_VERSION, heard: theirs };
                    self.send(from, ControlMessage::VersionRefused(refusal));
                    self.on_other_version(from, theirs);
                }
            }
        }
    }

    fn on_other_version(&mut self, peer: PeerId, theirs: u16) {
        let ours = PROTOCOL_VERSION;
        match &self.phase {
            Phase::Joining(joining) if joining.target == peer => {
                self.fail_joining(JoinFailure::Version { theirs, ours });
            }
            Phase::Joining(_) | Phase::Outside | Phase::Inside(_) => {
                self.event(SessionEvent::VersionMismatch { peer, theirs, ours });
            }
        }
    }

    fn on_chat(&mut self, from: PeerId, chat: &Chat) {
        let now = self.now;
        let Some(inside) = self.inside_mut() else { return self.ignore() };
        if chat.session != inside.state.id || !inside.shown.contains_key(&from) {
            return self.ignore();
        }
        if !Bucket::take(&mut inside.chat, from, now) {
            self.counters.chat_dropped += 1;
            return;
        }
        let text = safe_line(&chat.text, CHAT_CHARS_MAX * 2);
        if !text.is_empty() && chat.text.chars().count() <= CHAT_CHARS_MAX {
            self.event(SessionEvent::Chat { from, text });
        }
    }

    pub(super) fn ignore(&mut self) {
        self.counters.messages_ignored += 1;
    }

    pub(super) fn forget_version_told(&mut self, peer: PeerId) {
        self.version_told.remove(&peer);
    }

    fn note_connected(&mut self, peer: PeerId) {
        if self.connected.len() < CONNECTED_MAX {
            self.connected.insert(peer);
        }
    }

    fn advance(&mut self, now: Timestamp) {
        debug_assert!(now >= self.now, "time runs forward: {} after {}", now, self.now);
        self.now = self.now.max(now);
    }

    /// After every input: the person is told what changed, links follow the roster.
    fn settle(&mut self) {
        self.show();
        self.update_links();
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Outside => None,
            Phase::Joining(joining) => Some(joining.next_deadline()),
            Phase::Inside(inside) => Some(inside.following.next_pulse()),
        }
    }
}

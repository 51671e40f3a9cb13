//! The way into a jam: what a target means, whom to ask, and what to say if it fails.

use std::time::Duration;

use super::args::{Close, find_in, nearest};
use super::{Step, view};
use crate::domain::name::{Name, safe_line};
use crate::domain::peer_id::PeerId;
use crate::domain::roster::Seat;
use crate::domain::session::SessionState;
use crate::peer::api::{ErrorCode, ErrorReply, Event, Joined};
use crate::peer::message::{Ask, DiskEffect, Effect, NetEffect, Unreached};
use crate::peer::model::{Aim, JoinStep, Joining, Model, Recent};
use crate::peer::run::Begin;
use crate::protocol::code_word::CodeWord;
use crate::protocol::session::{JoinFailure, SessionCommand};
use crate::protocol::ticket::{PeerAddr, TICKET_PREFIX, Ticket, TicketError};

/// How long a name is looked for before we say that it is not there. Shorter and a jam that was just
/// opened is missed (a peer is seen within 2 s), longer and a typing error takes long to be told.
const LOOK_FOR: Duration = Duration::from_secs(4);

/// How long an address may take to answer: a dial of QUIC and TCP, one after the other.
const DIAL_FOR: Duration = Duration::from_secs(12);

/// How long a join may take in all once someone is asked. The session gives up earlier by itself.
const ASK_FOR: Duration = Duration::from_secs(20);

impl Step<'_> {
    pub(super) fn begin(&mut self, begin: Begin, code: Option<String>, listen: bool) {
        let result = match begin {
            Begin::Lobby => Ok(()),
            Begin::New { name } => self.open_jam(name.as_deref(), code.as_deref(), None, seat(listen)),
            Begin::Join { target } => self.start_join(None, &target, code.as_deref(), seat(listen)),
        };
        if let Err(error) = result {
            let why = error.to_string();
            self.end(Err(error), &why);
        }
    }

    /// Opens a jam; `Created` answers whoever asked.
    pub(super) fn open_jam(
        &mut self,
        name: Option<&str>,
        code: Option<&str>,
        max: Option<u8>,
        seat: Seat,
    ) -> Result<(), ErrorReply> {
        self.not_in_a_jam()?;
        let name = match name {
            Some(name) => Name::new(name),
            // As others know you: a name that is kept to oneself does not go out as a jam's either.
            None => Name::new(&format!("{}'s jam", self.model.setup.card().name())),
        };
        let code = code_word(code)?;
        let size_limit = max.unwrap_or(self.model.setup.max_people);
        self.model.mic.seat = seat;
        self.command(SessionCommand::Create { name, code, size_limit, seat }).map_err(view::refused)
    }

    /// Sets out for a jam. The answer comes when we are in, or not.
    pub(super) fn start_join(
        &mut self,
        ask: Option<Ask>,
        target: &str,
        code: Option<&str>,
        seat: Seat,
    ) -> Result<(), ErrorReply> {
        self.not_in_a_jam()?;
        let code = code_word(code)?;
        let aim = self.aim(target)?;
        let step = match &aim {
            Aim::Address(addr) => {
                let addrs = vec![addr.clone()];
                self.net_effect(NetEffect::Dial { peer: None, addrs });
                JoinStep::Dialling
            }
            Aim::Recent(recent) => {
                // They may be out of reach of discovery: try where they were.
                if let (Some(peer), false) = (recent.peers.first().copied(), recent.addrs.is_empty()) {
                    let addrs = recent.addrs.clone();
                    self.net_effect(NetEffect::Dial { peer: Some(peer), addrs });
                }
                JoinStep::Looking
            }
            Aim::First | Aim::Named(_) | Aim::Peer { .. } => JoinStep::Looking,
        };
        // Whoever started the peer to join something not there yet wants it to wait.
        let patience = if step == JoinStep::Dialling { DIAL_FOR } else { LOOK_FOR };
        let until = ask.map(|_| self.now + patience);
        let target = safe_line(target, 60);
        self.model.joining = Some(Joining { ask, target, aim, code, seat, step, until, trouble: None });
        Ok(())
    }

    fn not_in_a_jam(&self) -> Result<(), ErrorReply> {
        if let Some(jam) = &self.model.jam {
            let why = format!("you are in {}", jam.name);
            return Err(ErrorReply::new(
                ErrorCode::TryAgain,
                "one jam at a time",
                why,
                "Leave it first: `jamtty leave`",
            ));
        }
        if let Some(joining) = &self.model.joining {
            let why = format!("you are on the way into {}", joining.target);
            return Err(ErrorReply::new(
                ErrorCode::TryAgain,
                "one jam at a time",
                why,
                "Wait for it, or give up: `jamtty leave`",
            ));
        }
        Ok(())
    }

    fn aim(&self, target: &str) -> Result<Aim, ErrorReply> {
        match target {
            "first" => return Ok(Aim::First),
            "last" => {
                let last = self.model.setup.recent.first().cloned();
                return last.map(Aim::Recent).ok_or_else(|| {
                    ErrorReply::new(
                        ErrorCode::NotFound,
                        "there is no last jam",
                        "this profile was in none yet",
                        "`jamtty ls` shows the jams of this network",
                    )
                });
            }
            _ => {}
        }
        if target.to_lowercase().starts_with(TICKET_PREFIX) {
            let ticket: Ticket = target.parse().map_err(|error: TicketError| {
                ErrorReply::new(
                    ErrorCode::BadInput,
                    "this ticket cannot be read",
                    error.to_string(),
                    "On their side `jamtty ticket` prints it again",
                )
            })?;
            if ticket.peer == self.model.setup.me {
                return Err(ErrorReply::new(
                    ErrorCode::Usage,
                    "this ticket is your own",
                    "it leads to this peer",
                    "Give it to someone else, or join theirs",
                ));
            }
            let addrs = ticket.addrs.into_iter().map(PeerAddr::to_multiaddr).collect();
            return Ok(Aim::Peer { peer: ticket.peer, addrs, session: ticket.session });
        }
        if is_address(target) {
            return Ok(Aim::Address(target.to_owned()));
        }
        Ok(Aim::Named(target.to_owned()))
    }

    /// Asks as soon as someone who may be meant is seen.
    pub(super) fn go_on_joining(&mut self) {
        let Some(joining) = self.model.joining.as_ref().filter(|joining| joining.step == JoinStep::Looking)
        else {
            return;
        };
        match whom_to_ask(self.model, &joining.aim) {
            Ok(Some(door)) => self.ask_in(door),
            Ok(None) => {}
            Err(error) => self.join_failed(error),
        }
    }

    /// A dial reached someone. On the way into a jam nothing else is dialled than its address.
    pub(super) fn reached(&mut self, peer: PeerId) {
        let joining = self.model.joining.as_ref().filter(|joining| joining.step == JoinStep::Dialling);
        if joining.is_some() {
            self.ask_in(Door { peer, addrs: Vec::new(), session: None });
        }
    }

    fn ask_in(&mut self, door: Door) {
        let now = self.now;
        let Some(joining) = self.model.joining.as_mut() else { return };
        joining.step = JoinStep::Asking;
        joining.until = Some(now + ASK_FOR);
        let (code, seat) = (joining.code.clone(), joining.seat);
        self.model.mic.seat = seat;
        let Door { peer, addrs, session } = door;
        let command = SessionCommand::Join { peer, addrs: addrs.into(), session, code, seat };
        if let Err(why) = self.command(command) {
            self.join_failed(view::refused(why));
        }
    }

    pub(super) fn dial_failed(&mut self, peer: Option<PeerId>, asked: bool, unreached: Unreached) {
        let Some(joining) = self.model.joining.as_mut() else { return };
        let is_final = match &joining.aim {
            Aim::Address(_) => asked && joining.step == JoinStep::Dialling,
            // They may yet be reached otherwise, but not in another version.
            Aim::Peer { peer: wanted, .. } => peer == Some(*wanted) && unreached.code == ErrorCode::Version,
            Aim::First | Aim::Named(_) | Aim::Recent(_) => false,
        };
        if is_final {
            let Unreached { code, why, remedy } = unreached;
            let what = format!("cannot reach {}", joining.target);
            self.join_failed(ErrorReply::new(code, what, why, remedy));
        } else {
            // Whoever gives up gives this as the reason.
            joining.trouble = Some(unreached);
        }
    }

    pub(super) fn give_up_joining_in_time(&mut self) {
        let now = self.now;
        let Some(joining) = self.model.joining.as_ref() else { return };
        if joining.until.is_none_or(|until| until > now) {
            return;
        }
        let target = joining.target.clone();
        let error = match joining.step {
            JoinStep::Looking => self.not_there(&target),
            JoinStep::Dialling => {
                let silence = || Unreached {
                    code: ErrorCode::NotFound,
                    why: "nobody answered".to_owned(),
                    remedy: "Check the address, and that jamtty runs there; a firewall may drop its port"
                        .to_owned(),
                };
                let Unreached { code, why, remedy } = joining.trouble.clone().unwrap_or_else(silence);
                ErrorReply::new(code, format!("cannot reach {target}"), why, remedy)
            }
            JoinStep::Asking => ErrorReply::new(
                ErrorCode::TimedOut,
                format!("could not join {target}"),
                "it took too long",
                "Try again; `jamtty doctor` says more about the network",
            ),
        };
        self.join_failed(error);
    }

    fn not_there(&self, target: &str) -> ErrorReply {
        let jams = self.model.people.values().filter_map(|seen| seen.card.session.as_ref());
        let names = jams
            .map(|jam| jam.name.as_str())
            .chain(self.model.people.values().map(|seen| seen.card.profile.name().as_str()));
        let remedy = nearest(target, names).map_or_else(
            || "`jamtty ls` shows who is here; a ticket or an address reaches further".to_owned(),
            |near| format!("Did you mean {near}?"),
        );
        let what = match target {
            "first" | "last" => format!("the {target} jam is not on this network"),
            _ => format!("no jam and nobody in one is called {target} on this network"),
        };
        ErrorReply::new(ErrorCode::NotFound, what, "", remedy)
    }

    /// The session refused.
    pub(super) fn join_refused(&mut self, peer: PeerId, reason: JoinFailure) {
        let trouble = self.model.joining.as_ref().and_then(|joining| joining.trouble.clone());
        let who = self.model.name_of(peer);
        let target =
            self.model.joining.as_ref().map_or_else(|| who.to_string(), |joining| joining.target.clone());
        let (code, remedy) = match reason {
            JoinFailure::Full { .. } => {
                (ErrorCode::TryAgain, "Wait until someone leaves, or open another: `jamtty new`")
            }
            JoinFailure::Busy => (ErrorCode::TryAgain, "Try again in a few seconds"),
            JoinFailure::TooManyTries { .. } => (ErrorCode::Refused, "Ask them for the word, then try again"),
            JoinFailure::CodeNeeded => {
                (ErrorCode::Refused, "Ask them for the word, and join with --code-file FILE")
            }
            JoinFailure::CodeWrong => {
                (ErrorCode::Refused, "Ask them for the word; upper and lower case do not count")
            }
            JoinFailure::Removed => (ErrorCode::Refused, "Join or open another jam"),
            JoinFailure::Blocked => {
                (ErrorCode::Refused, "Take them off your block list first: `jamtty do unblock NAME`")
            }
            JoinFailure::NotProven => (ErrorCode::Refused, "Ask them which jam the word is for"),
            JoinFailure::NoSuchSession => (ErrorCode::NotFound, "`jamtty ls` shows the jams of this network"),
            JoinFailure::NoAnswer => {
                (ErrorCode::NotFound, "See whether they still run; `jamtty doctor` checks this side")
            }
            JoinFailure::Version { .. } => {
                (ErrorCode::Version, "Use the same release of jamtty on both sides")
            }
            JoinFailure::Cancelled => (ErrorCode::Failed, "Join again when you like"),
        };
        let Unreached { code, why, remedy } = match (reason, trouble) {
            (JoinFailure::NoAnswer, Some(unreached)) => unreached,
            _ => Unreached { code, why: reason.to_string(), remedy: remedy.to_owned() },
        };
        self.join_failed(ErrorReply::new(code, format!("could not join {target}"), why, remedy));
    }

    /// Ends a join that did not succeed, whoever asked for it.
    pub(super) fn join_failed(&mut self, error: ErrorReply) {
        let Some(joining) = self.model.joining.take() else { return };
        if joining.step == JoinStep::Asking {
            // Nothing comes of it any more, whatever they answer.
            let _ = self.command(SessionCommand::Leave);
        }
        self.model.mic.seat = Seat::Player;
        self.tell(Event::JoinRefused { jam: joining.target, error: error.clone() });
        match joining.ask {
            Some(ask) => self.refuse(ask, error),
            None => {
                let why = error.to_string();
                self.end(Err(error), &why);
            }
        }
    }

    /// We are in: by `Created` or `Joined`.
    pub(super) fn entered(&mut self, state: SessionState) {
        let others: Vec<PeerId> =
            state.roster.iter().map(|one| one.peer).filter(|peer| *peer != self.model.setup.me).collect();
        let (name, session) = (state.name.clone(), state.id);
        let addrs: Vec<String> = state
            .roster
            .iter()
            .filter(|one| one.peer != self.model.setup.me)
            .flat_map(|one| one.addrs.as_slice().iter().cloned())
            .take(crate::peer::model::ADDRS_KEPT)
            .collect();
        self.model.jam = Some(state);
        let recent = Recent {
            name: name.clone(),
            session: Some(session),
            peers: others.clone(),
            addrs: addrs.clone(),
        };
        self.model.setup.recent.retain(|old| old.session != Some(session));
        self.model.setup.recent.insert(0, recent);
        self.model.setup.recent.truncate(50);
        self.effects.push(Effect::Disk(DiskEffect::Jam {
            name: name.clone(),
            session: session.to_string(),
            peers: others.clone(),
            addrs,
        }));
        self.start_stream();
        self.show_mic();
        for peer in &others {
            self.meet(*peer);
        }
        let people = others.into_iter().map(|peer| self.person(peer)).collect();
        self.tell(Event::Joined { jam: name.to_string(), people });
        let ask = self.model.joining.take().and_then(|joining| joining.ask);
        if let (Some(ask), Some(jam)) = (ask, view::jam(self.model)) {
            self.reply(ask, &Joined { jam });
        }
    }
}

/// Whom to ask, for which jam.
struct Door {
    peer: PeerId,
    addrs: Vec<String>,
    session: Option<crate::domain::session::SessionId>,
}

fn whom_to_ask(model: &Model, aim: &Aim) -> Result<Option<Door>, ErrorReply> {
    let of_jam = |wanted: &dyn Fn(&crate::protocol::lobby::OpenSession) -> bool| {
        // The steward lets people in; a member passes us on.
        let seen =
            model.people.iter().filter_map(|(peer, seen)| Some((peer, seen, seen.card.session.as_ref()?)));
        let mut members: Vec<_> = seen.filter(|(_, _, session)| wanted(session)).collect();
        members.sort_by_key(|(peer, _, session)| (session.id, **peer != session.steward));
        members.first().map(|(peer, seen, session)| Door {
            peer: **peer,
            addrs: seen.addrs.clone(),
            session: Some(session.id),
        })
    };
    match aim {
        Aim::First => Ok(of_jam(&|session| usize::from(session.size_limit) > session.names.len())),
        Aim::Recent(recent) => Ok(of_jam(&|session| Some(session.id) == recent.session)
            .or_else(|| of_jam(&|session| session.name == recent.name))),
        Aim::Named(name) => {
            let folded = name.to_lowercase();
            let exact = of_jam(&|session| session.name.as_str().to_lowercase() == folded);
            if exact.is_some() {
                return Ok(exact);
            }
            let in_jams: Vec<PeerId> = model
                .people
                .iter()
                .filter(|(_, seen)| seen.card.session.is_some())
                .map(|(peer, _)| *peer)
                .collect();
            match find_in(model, name, &in_jams) {
                Ok(peer) => {
                    let seen = &model.people[&peer];
                    let session = seen.card.session.as_ref().map(|session| session.id);
                    Ok(Some(Door { peer, addrs: seen.addrs.clone(), session }))
                }
                Err(Close::Many(names)) => Err(ErrorReply::new(
                    ErrorCode::Usage,
                    format!("more than one person is called {}", safe_line(name, 40)),
                    names.join(", "),
                    "Name the jam, or one of them by key or fingerprint",
                )),
                Err(Close::None(_)) => {
                    Ok(of_jam(&|session| session.name.as_str().to_lowercase().starts_with(&folded)))
                }
            }
        }
        Aim::Peer { peer, addrs, session } => {
            Ok(Some(Door { peer: *peer, addrs: addrs.clone(), session: *session }))
        }
        Aim::Address(_) => Ok(None),
    }
}

pub(super) const fn seat(listen: bool) -> Seat {
    if listen { Seat::Listener } else { Seat::Player }
}

fn code_word(code: Option<&str>) -> Result<Option<CodeWord>, ErrorReply> {
    code.map(CodeWord::parse).transpose().map_err(|error| {
        ErrorReply::new(ErrorCode::Usage, "this is no code word", error.to_string(), "Use a word or two")
    })
}

/// A multiaddress, `host:port`, or an IP address with a port.
fn is_address(target: &str) -> bool {
    let port = |text: &str| {
        text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    target.starts_with('/') || (!target.contains(char::is_whitespace) && port(target))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn an_address_is_told_from_a_name() {
        for address in ["/ip4/10.0.0.1/tcp/4000", "10.0.0.1:4000", "[fe80::1]:4000", "bo.local:4000"] {
            assert!(is_address(address), "{address}");
        }
        for name in ["Bo", "Kitchen: late", "a:b", ":80", "12"] {
            assert!(!is_address(name), "{name}");
        }
    }
}

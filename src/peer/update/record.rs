//! Recording: the person's words to the machine, the machine's to the recorder.

use super::args::{Args, usage};
use super::{Step, view};
use crate::domain::name::{Name, safe_line};
use crate::domain::peer_id::PeerId;
use crate::domain::roster::Presence;
use crate::domain::take::{
    Answer, Consent, LogWhat, Player, TAKE_VERSION, Take, TakeId, TakeKind, TakeState,
};
use crate::domain::time::RATE_HZ;
use crate::peer::api::{ErrorCode, ErrorReply, Event, RecordingNow};
use crate::peer::message::{Ask, Effect, NetEffect, RecordEffect};
use crate::peer::model::Writing;
use crate::protocol::control::{ControlMessage, RecordingKind};
use crate::protocol::recording::{
    EndWhy, Members, Moment, RecordingCommand, RecordingEvent, RecordingOutput, RecordingRefused,
};

/// The longest text of a mark, in columns.
const MARK_COLUMNS_MAX: usize = 80;

impl Step<'_> {
    // --- what a person asks for ------------------------------------------------------------

    /// Actions about the recording that runs. Answered at once.
    pub(super) fn record(&mut self, ask: Ask, action: &str, mut args: Args<'_>) -> Result<(), ErrorReply> {
        let runs = self.model.recording.state().is_some();
        match action {
            "rec.start" => self.start_recording(RecordingKind::Recorded, &args.rest())?,
            "rec.toggle" if !runs => self.start_recording(RecordingKind::Recorded, "")?,
            "rec.grab" => {
                let seconds = self.grab_seconds(&mut args)?;
                self.start_recording(RecordingKind::Grabbed { seconds_back: seconds }, "")?;
            }
            "rec.stop" | "rec.toggle" => self.record_command(RecordingCommand::Stop)?,
            "rec.agree" => self.record_command(RecordingCommand::Answer { agreed: true })?,
            "rec.refuse" => self.record_command(RecordingCommand::Answer { agreed: false })?,
            _ => {
                let text = safe_line(&args.rest(), MARK_COLUMNS_MAX);
                self.mark(text)?;
                self.done(ask);
                return Ok(());
            }
        }
        args.end()?;
        let mut now = RecordingNow { recording: view::recording(self.model, self.now) };
        // Our own word is being signed: it is given all the same.
        let said = match action {
            "rec.start" | "rec.toggle" | "rec.grab" | "rec.agree" => Answer::Yes,
            _ => Answer::No,
        };
        let me = self.model.setup.me.to_string();
        let people = now.recording.iter_mut().flat_map(|recording| &mut recording.people);
        people.filter(|one| one.who.key == me).for_each(|one| one.answer = Some(said));
        if let Some(recording) = &mut now.recording {
            recording.yours = said == Answer::Yes;
            recording.asks_you = false;
        }
        self.reply(ask, &now);
        Ok(())
    }

    fn grab_seconds(&self, args: &mut Args<'_>) -> Result<u16, ErrorReply> {
        let most = u16::from(self.model.setup.recording.grab_minutes) * 60;
        if most == 0 {
            return Err(ErrorReply::new(
                ErrorCode::Refused,
                "nothing can be kept afterwards",
                "rec.grab_minutes is 0: nothing is kept in memory",
                "Set it with `jamtty config set rec.grab_minutes 3`, and start jamtty again",
            ));
        }
        match args.word().map(str::parse::<u16>) {
            None => Ok(most),
            Some(Ok(seconds)) if (1..=most).contains(&seconds) => Ok(seconds),
            Some(_) => Err(usage("rec.grab", &format!("SECONDS is a whole number from 1 to {most}"))),
        }
    }

    fn start_recording(&mut self, kind: RecordingKind, name: &str) -> Result<(), ErrorReply> {
        let Some(jam) = &self.model.jam else {
            return Err(ErrorReply::new(
                ErrorCode::Refused,
                "nothing is recorded",
                "you are in no jam",
                "Open one with `jamtty new`, or join one",
            ));
        };
        let name = match name {
            "" => Name::new(&format!("{} {}", jam.name, self.model.takes_begun + 1)),
            name => Name::new(name),
        };
        let take = self.take_id();
        self.record_command(RecordingCommand::Start { take, kind, name })?;
        self.model.takes_begun += 1;
        Ok(())
    }

    /// An id that nobody else makes, and that says nothing about us.
    fn take_id(&self) -> TakeId {
        let mut hasher = blake3::Hasher::new_keyed(&self.model.take_seed);
        hasher.update(&self.model.takes_begun.to_be_bytes());
        hasher.update(&self.moment().unix_ms.to_be_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        TakeId::from_bytes(id)
    }

    fn mark(&mut self, text: String) -> Result<(), ErrorReply> {
        if self.model.writing.is_empty() {
            return Err(ErrorReply::new(
                ErrorCode::Refused,
                "there is nothing to mark",
                "you are on no recording",
                "Start one with `rec.start`",
            ));
        }
        for take in self.model.writing.keys().copied().collect::<Vec<_>>() {
            self.record_effect(RecordEffect::Mark { take, text: text.clone() });
        }
        Ok(())
    }

    // --- the machine -----------------------------------------------------------------------

    pub(super) fn moment(&self) -> Moment {
        let since = self.now.since(self.model.started).as_millis() as u64;
        Moment { now: self.now, unix_ms: self.model.setup.started_unix_s * 1_000 + since }
    }

    pub(super) fn record_command(&mut self, command: RecordingCommand) -> Result<(), ErrorReply> {
        let at = self.moment();
        self.model.recording.handle_command(at, command);
        self.drain_recording().map_or(Ok(()), |why| Err(self.refused_recording(why)))
    }

    /// A message of someone in the jam.
    pub(super) fn heard_about_recording(
        &mut self,
        from: PeerId,
        message: crate::protocol::control::RecordingMessage,
    ) {
        if self.model.setup.blocked.contains_key(&from) {
            return;
        }
        // The machine must know who is a member before it listens to them.
        self.follow_members();
        let at = self.moment();
        self.model.recording.handle_message(at, from, message);
        self.drain_recording();
    }

    /// Tells the machine who is in the jam, if that changed.
    pub(super) fn follow_members(&mut self) {
        let members = Members::of(&self.model.session);
        if members == self.model.members {
            return;
        }
        let at = self.moment();
        match &members {
            Some(members) => self.model.recording.handle_members(at, members.clone()),
            None => self.model.recording.handle_left(at),
        }
        self.model.members = members;
        self.drain_recording();
        self.record_by_itself();
    }

    /// Automatic recording: as soon as somebody else plays, and the steward begins, so that it is not begun twice.
    fn record_by_itself(&mut self) {
        let others_play =
            self.model.jam.as_ref().is_some_and(|jam| {
                jam.roster.iter().filter(|one| one.presence == Presence::Here).count() > 1
            });
        let wanted = self.model.setup.recording.auto && others_play && self.model.session.is_steward();
        if wanted && self.model.recording.state().is_none() && !self.model.ending {
            let _ = self.start_recording(RecordingKind::Recorded, "");
        }
    }

    pub(super) fn recording_in_time(&mut self) {
        if self.model.recording_wakes.is_some_and(|wake| wake <= self.now) {
            let at = self.moment();
            self.model.recording.handle_deadline(at);
            self.drain_recording();
        }
    }

    /// Takes everything out of the machine; a refused command is handed back.
    pub(super) fn drain_recording(&mut self) -> Option<RecordingRefused> {
        let mut refused = None;
        loop {
            match self.model.recording.poll_output() {
                RecordingOutput::Send { to, message } => {
                    let message = Box::new(ControlMessage::Recording(message));
                    self.net_effect(NetEffect::Send { peer: to, message });
                }
                RecordingOutput::Sign(what) => self.record_effect(RecordEffect::Sign(what)),
                RecordingOutput::Event(RecordingEvent::Refused(why)) => refused = Some(why),
                RecordingOutput::Event(event) => self.recording_event(event),
                RecordingOutput::WakeAt(wake) => {
                    self.model.recording_wakes = Some(wake);
                    return refused;
                }
                RecordingOutput::Idle => {
                    self.model.recording_wakes = None;
                    return refused;
                }
            }
        }
    }

    fn recording_event(&mut self, event: RecordingEvent) {
        match event {
            RecordingEvent::Began { take, starter, kind, name, resumed: _ } => {
                self.model.recording_name = name.clone();
                let by = self.person(starter);
                let (name, take, kind) = (name.to_string(), take.to_string(), take_kind(kind));
                self.tell(Event::RecordingBegan { by, name, take, kind });
            }
            RecordingEvent::Asked { take, starter, kind, name } => {
                let by = self.person(starter);
                let (name, take, kind) = (name.to_string(), take.to_string(), take_kind(kind));
                self.tell(Event::RecordingAsked { by, name, take, kind });
            }
            RecordingEvent::OwnAnswer { consent, .. } => self.own_answer(consent),
            RecordingEvent::Answered { consent, before } => self.answered(consent, before),
            RecordingEvent::Withdrew { consent, .. } => self.answered(consent, None),
            RecordingEvent::Ended { take, why, .. } => self.recording_ended(take, why),
            RecordingEvent::WithdrawalArrived { consent } => {
                self.record_effect(RecordEffect::Withdraw(consent));
            }
            RecordingEvent::WithdrawalSent { .. } => {}
            RecordingEvent::WithdrawalAnswered { receipt } => {
                let who = self.person(receipt.holder);
                let (take, outcome) = (receipt.take.to_string(), receipt.outcome);
                self.tell(Event::WithdrawalAnswered { who, take, outcome });
            }
            RecordingEvent::Refused(_) => {}
        }
    }

    /// With our own Yes our copy begins; with a No it ends.
    fn own_answer(&mut self, consent: Consent) {
        let take = consent.take;
        let who = self.person(consent.who);
        self.tell(Event::RecordingAnswer { who, answer: consent.answer });
        match consent.answer {
            Answer::Yes if !self.model.writing.contains_key(&take) => self.begin_copy(take),
            Answer::Yes => {}
            Answer::No | Answer::Withdrawn => {
                if self.model.writing.contains_key(&take) {
                    self.note_answer(&consent);
                    self.record_effect(RecordEffect::End(take));
                }
            }
        }
    }

    /// Begins our copy of the take that runs, with everyone on it who agreed so far.
    fn begin_copy(&mut self, take: TakeId) {
        let Some(state) = self.model.recording.state().filter(|state| state.take == take) else { return };
        let Some(jam) = &self.model.jam else { return };
        let (back_s, kind) = match state.kind {
            RecordingKind::Recorded => (0, TakeKind::Recorded),
            RecordingKind::Grabbed { seconds_back } => (u32::from(seconds_back), TakeKind::Grabbed),
        };
        // Every copy begins when the recording did, whenever its keeper said yes.
        let ago = self.now.since(state.since);
        let began_ms =
            self.moment().unix_ms.saturating_sub(ago.as_millis() as u64 + u64::from(back_s) * 1_000);
        let described = Take {
            v: TAKE_VERSION,
            id: take,
            name: state.name.clone(),
            jam: jam.name.clone(),
            session: jam.id.to_string(),
            started: rfc3339(began_ms),
            started_by: self.player(state.starter),
            kept_by: self.player(self.model.setup.me),
            kind,
            state: TakeState::Recording,
            rate_hz: RATE_HZ,
            length_samples: 0,
            round_trip_samples: self.model.round_trip(),
            tracks: Vec::new(),
            consents: Vec::new(),
            tempo: Vec::new(),
            marks: Vec::new(),
            log: Vec::new(),
            tags: Vec::new(),
            note: String::new(),
        };
        self.model.writing.insert(take, Writing { name: state.name.clone(), trouble: String::new() });
        self.record_effect(RecordEffect::RoundTrip(self.model.round_trip()));
        self.record_effect(RecordEffect::Begin { take: Box::new(described), back_s, ago });
        let who = Some(self.model.name_of(state.starter));
        self.log(take, LogWhat::Began, who, "");
        for consent in self.model.recording.consents().cloned().collect::<Vec<_>>() {
            self.note_answer(&consent);
        }
        if back_s > 0 && self.model.recording.state().is_none() {
            self.record_effect(RecordEffect::Release(take));
        }
    }

    fn answered(&mut self, consent: Consent, before: Option<Answer>) {
        if before != Some(consent.answer) {
            let who = self.person(consent.who);
            self.tell(Event::RecordingAnswer { who, answer: consent.answer });
        }
        if self.model.writing.contains_key(&consent.take) {
            self.note_answer(&consent);
        }
    }

    /// Someone's word goes into our copy, and so does their line, or not any more.
    fn note_answer(&mut self, consent: &Consent) {
        let (take, on) = (consent.take, consent.answer == Answer::Yes);
        let player = self.player(consent.who);
        let what = match consent.answer {
            Answer::Yes => LogWhat::Agreed,
            Answer::No => LogWhat::Refused,
            Answer::Withdrawn => LogWhat::Withdrew,
        };
        self.record_effect(RecordEffect::Consent(consent.clone()));
        self.log(take, what, Some(player.name.clone()), "");
        let state = self.model.recording.state().filter(|state| state.take == take);
        let from_start = on && state.is_some_and(|state| state.starter == consent.who);
        self.record_effect(RecordEffect::Allow { take, player, on, from_start });
    }

    fn recording_ended(&mut self, take: TakeId, why: EndWhy) {
        let name = self.model.recording_name.to_string();
        self.tell(Event::RecordingEnded { name, take: take.to_string(), why: why.to_string() });
        if self.model.writing.contains_key(&take) {
            self.log(take, LogWhat::Ended, None, &why.to_string());
            self.record_effect(RecordEffect::Release(take));
            self.record_effect(RecordEffect::End(take));
            // Nothing more comes of a copy that failed.
            self.model.writing.retain(|id, writing| *id != take || writing.trouble.is_empty());
        }
    }

    fn refused_recording(&self, why: RecordingRefused) -> ErrorReply {
        let starter = match why {
            RecordingRefused::AnotherRuns { starter, .. } => Some(self.model.name_of(starter)),
            _ => None,
        };
        let why_words = match starter {
            Some(name) => format!("it is being recorded already, started by {name}"),
            None => why.to_string(),
        };
        let remedy = match why {
            RecordingRefused::AnotherRuns { .. } => {
                "Be on that one (`rec.agree`), or end it first (`rec.stop`)"
            }
            RecordingRefused::NothingRuns => "Start one with `rec.start`",
            RecordingRefused::Listener => "Leave, and join again without --listen",
            RecordingRefused::TooLong => "Keep fewer seconds",
            RecordingRefused::TooOften => "Try again in a few seconds",
            RecordingRefused::Withdrew
            | RecordingRefused::TakeEnded
            | RecordingRefused::TooManyWithdrawals => "Start another recording",
        };
        ErrorReply::new(ErrorCode::Refused, "nothing is recorded by that", why_words, remedy)
    }

    // --- words for effects -----------------------------------------------------------------

    pub(super) fn log(&mut self, take: TakeId, what: LogWhat, who: Option<Name>, words: &str) {
        self.record_effect(RecordEffect::Log { take, what, who, words: words.to_owned() });
    }

    pub(super) fn record_effect(&mut self, effect: RecordEffect) {
        self.effects.push(Effect::Record(effect));
    }

    fn player(&self, peer: PeerId) -> Player {
        let profile = if peer == self.model.setup.me {
            Some(self.model.setup.card())
        } else {
            let jam = self.model.jam.as_ref();
            jam.and_then(|jam| jam.roster.find(peer)).map(|one| one.profile.clone())
        };
        Player {
            key: peer,
            name: profile.as_ref().map_or_else(|| self.model.name_of(peer), |profile| profile.name().clone()),
            instruments: profile.map(|profile| profile.instruments().to_vec()).unwrap_or_default(),
        }
    }
}

pub(super) const fn take_kind(kind: RecordingKind) -> TakeKind {
    match kind {
        RecordingKind::Recorded => TakeKind::Recorded,
        RecordingKind::Grabbed { .. } => TakeKind::Grabbed,
    }
}

/// RFC 3339, UTC, with milliseconds.
fn rfc3339(unix_ms: u64) -> String {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(unix_ms).unwrap_or(0)).unwrap_or_default();
    format!("{at:.3}")
}

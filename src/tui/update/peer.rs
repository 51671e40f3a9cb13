//! What comes from the peer: answers, events, and when to ask again.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Step;
use crate::domain::name::safe_line;
use crate::domain::time::Timestamp;
use crate::peer::api::{ErrorCode, ErrorReply, Event, EventLine, Inputs, Status, Ticket};
use crate::tui::action::Tab;
use crate::tui::message::Effect;
use crate::tui::meters::Source;
use crate::tui::model::{
    Asked, Band, CHAT_MAX, ChatLine, Due, LOG_MAX, LogLine, Measured, Overlay, PeerLink, Purpose, Toast,
};

/// 20 a second: more is not seen, fewer jumps.
const METERS_US: u64 = 50_000;
/// Where meters stand still, a change of state is soon enough after this.
const CALM_US: u64 = 500_000;
/// The test tone of the set-up: long enough to find the right headphone, too short to forget.
const TONE_US: u64 = 2_000_000;
/// In a lobby without sound.
const IDLE_US: u64 = 1_000_000;
/// Events say when the list changes; this is for what they do not say.
const LISTING_US: u64 = 5_000_000;
const LINKS_US: u64 = 500_000;
const DOCTOR_US: u64 = 2_000_000;
/// Often enough to see a note; each is a row only.
const INPUTS_US: u64 = 100_000;

impl Step<'_> {
    pub(super) fn peer_up(&mut self) {
        if matches!(self.model.peer, PeerLink::Lost(_)) {
            self.model.toast = None;
            self.say("connected again");
        }
        self.model.peer = PeerLink::Up;
        self.model.asked.clear();
        self.ask(Asked::Change, &["watch"]);
        if self.model.setup.is_some() {
            self.ask(Asked::Cards, &["audio.ls"]);
        }
        let now = Some(self.now);
        self.model.due = Due { status: now, listing: now, links: now, doctor: now, inputs: None };
        if let Some(first) = self.model.complaints.first().cloned() {
            let more = self.model.complaints.len() - 1;
            let more =
                if more > 0 { format!(" (and {more} more: `jamtty config check`)") } else { String::new() };
            self.model.complaints.clear();
            self.complain(&format!("{first}{more}"));
        }
    }

    pub(super) fn peer_lost(&mut self, error: Box<ErrorReply>) {
        if matches!(self.model.peer, PeerLink::Up) {
            self.log(&error.to_string());
        }
        self.model.peer = PeerLink::Lost(error);
        self.model.asked.clear();
        self.model.status = None;
        self.model.links.clear();
        self.model.doctor = None;
        self.model.due = Due { status: None, listing: None, links: None, doctor: None, inputs: None };
        self.model.inputs = None;
        self.model.round_trip = None;
        (self.model.tone, self.model.tone_until) = (false, None);
    }

    pub(super) fn log(&mut self, text: &str) {
        // Time of day comes with events only: the screen itself has no clock that people read.
        let at = self.model.log.back().map_or_else(String::new, |line| line.at.clone());
        self.log_at(at, text);
    }

    /// `18:31:02` where this machine is, of a time as the socket has it; nothing of one that is none.
    fn time_of_day(&self, at: &str) -> String {
        let at = at.parse::<jiff::Timestamp>();
        at.map_or_else(
            |_| String::new(),
            |at| at.to_zoned(self.model.zone.clone()).strftime("%T").to_string(),
        )
    }

    fn log_at(&mut self, at: String, text: &str) {
        if self.model.log.len() == LOG_MAX {
            self.model.log.pop_front();
        }
        self.model.log.push_back(LogLine { at, text: safe_line(text, 300) });
    }

    pub(super) fn reply(&mut self, id: u64, result: Result<Value, ErrorReply>) {
        let Some(asked) = self.model.asked.remove(&id) else { return };
        match asked {
            Asked::Status => {
                if let Some(status) = self.read(result) {
                    self.status(status);
                }
                self.model.due.status = Some(self.later(self.status_pace()));
            }
            Asked::Listing => {
                if let Some(listing) = self.read(result) {
                    let chosen = self.model.chosen_line().map(|line| line.id().to_owned());
                    self.model.listing = listing;
                    self.choose_line(chosen);
                }
                self.model.due.listing = Some(self.later(LISTING_US));
                self.meet_band();
            }
            Asked::Links => {
                if let Some(links) = self.read::<crate::peer::api::Links>(result) {
                    self.model.links = links.links;
                    self.model.history.read(self.now, &self.model.links, self.model.status.as_ref());
                }
                self.model.due.links = Some(self.later(LINKS_US));
            }
            Asked::Doctor => {
                self.model.doctor = self.read(result);
                self.model.due.doctor = Some(self.later(DOCTOR_US));
            }
            Asked::Cards => {
                self.model.cards = self.read(result);
                // Not before: a card that is open to be seen may be missing in the list.
                self.look_at_inputs();
            }
            Asked::Inputs => {
                let inputs: Option<Inputs> = self.read(result);
                for input in inputs.iter().flat_map(|inputs| &inputs.inputs) {
                    if let Some(peak) = input.peak_db {
                        self.model.meters.read(self.now, Source::Card(input.name.clone()), peak);
                    }
                }
                // One that cannot say it is not asked again.
                self.model.due.inputs = inputs.is_some().then(|| self.later(INPUTS_US));
                self.model.inputs = inputs;
            }
            Asked::Measure => {
                let found = result.map(serde_json::from_value);
                self.model.round_trip = Some(match found {
                    Ok(Ok(found)) => Measured::Found(found),
                    Ok(Err(error)) => Measured::Failed(error.to_string()),
                    Err(error) => Measured::Failed(safe_line(&error.to_string(), 300)),
                });
            }
            Asked::Ticket => {
                let came: Option<Ticket> = self.read(result);
                if let Some(Overlay::Invite { ticket, qr }) = &mut self.model.overlay {
                    match came {
                        Some(came) => (*ticket, *qr) = (came.ticket, came.qr),
                        None => self.model.overlay = None,
                    }
                }
            }
            Asked::Takes => {
                if let Some(takes) = self.read(result) {
                    self.takes_came(takes);
                }
            }
            Asked::Take(id) => {
                // Gone meanwhile: the list says so, too.
                if let Ok(Ok(shown)) = result.map(serde_json::from_value) {
                    self.take_came(&id, shown);
                }
            }
            Asked::Verified => {
                let verified = self.read(result);
                self.verified(verified);
            }
            Asked::Exported => {
                let moved = self.read(result);
                self.exported(moved);
            }
            Asked::Tone(on) => match result {
                Ok(_) => {
                    self.model.tone = on;
                    let ends = on && self.model.setup.is_some();
                    self.model.tone_until = ends.then(|| self.later(TONE_US));
                }
                Err(error) => self.complain(&error.to_string()),
            },
            Asked::Join { jam } => match result {
                Ok(_) => self.model.due.status = Some(self.now),
                Err(error) if error.code == ErrorCode::Refused && !self.is_open(&jam) => {
                    self.model.overlay =
                        Some(Overlay::Prompt { purpose: Purpose::Code { jam }, text: String::new() });
                    self.complain(&error.to_string());
                }
                Err(error) => self.complain(&error.to_string()),
            },
            Asked::Change => match result {
                // What it looks like now is worth asking at once.
                Ok(_) => self.hurry(),
                Err(error) => self.complain(&error.to_string()),
            },
        }
    }

    /// Whether a jam that was asked for is known to want no code word.
    fn is_open(&self, jam: &str) -> bool {
        self.model.listing.jams.iter().any(|one| one.name == jam && !one.closed)
    }

    /// What was asked, as its type; says it if it failed.
    fn read<T: DeserializeOwned>(&mut self, result: Result<Value, ErrorReply>) -> Option<T> {
        match result.map(serde_json::from_value) {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                self.complain(&format!(
                    "the peer speaks another language: {error}. End it and start it anew"
                ));
                None
            }
            Err(error) => {
                self.complain(&error.to_string());
                None
            }
        }
    }

    fn hurry(&mut self) {
        if self.model.due.status.is_some() {
            self.model.due.status = Some(self.now);
        }
    }

    fn status(&mut self, status: Status) {
        let was_in = self.model.in_jam();
        let levels = &status.levels;
        let now = self.now;
        self.model.meters.read(now, Source::Input, levels.input_peak_db);
        self.model.meters.read(now, Source::Output, levels.output_peak_db);
        self.model.meters.read_clips(now, levels.input_clips);
        let people = status.jam.as_ref().map_or(&[][..], |jam| &jam.people);
        for one in people.iter().filter(|one| !one.you) {
            let db = one.peak_db.unwrap_or(crate::domain::level::SILENCE_DB);
            self.model.meters.read(now, Source::Person(one.key.clone()), db);
        }
        self.model.meters.keep(|key| people.iter().any(|one| one.key == key));
        if let Some(setup) = &mut self.model.setup {
            setup.loudest = setup.loudest.max((levels.input_peak_db * 10.0) as i32);
        }
        let chosen = self.model.chosen_player().map(|one| one.key.clone());
        self.model.status = Some(status);
        self.choose_player(chosen);
        match (was_in, self.model.in_jam()) {
            (false, true) => {
                if self.model.setup.is_none() {
                    self.model.tab = Tab::Jam;
                }
                self.model.chosen.insert(Tab::Jam, 1);
                self.model.due.links = Some(self.now);
            }
            (true, false) => {
                self.model.links.clear();
                self.model.stage = false;
                self.model.writing = None;
                if self.model.band == Band::Here {
                    // It came for us alone.
                    self.model.band = Band::Away;
                    self.effects.push(Effect::StopBand);
                }
                if self.model.tab == Tab::Jam {
                    self.model.tab = Tab::Lobby;
                }
            }
            (true, true) | (false, false) => {}
        }
    }

    /// What was chosen stays chosen when others come and go: Enter must not mean somebody else.
    fn choose_line(&mut self, chosen: Option<String>) {
        let Some(chosen) = chosen else { return };
        if let Some(index) = self.model.lobby().iter().position(|line| line.id() == chosen) {
            self.model.chosen.insert(Tab::Lobby, index);
        }
    }

    fn choose_player(&mut self, chosen: Option<String>) {
        let Some(chosen) = chosen else { return };
        if let Some(index) = self.model.people().iter().position(|one| one.key == chosen) {
            self.model.chosen.insert(Tab::Jam, index);
        }
    }

    fn later(&self, us: u64) -> Timestamp {
        Timestamp::from_micros(self.now.micros() + us)
    }

    /// How soon the state is asked for again: only what is seen to move is asked for often.
    fn status_pace(&self) -> u64 {
        let meters_shown = self.model.setup.is_some() || matches!(self.model.tab, Tab::Lobby | Tab::Jam);
        match (meters_shown || self.model.stage, self.model.meters.move_at_all()) {
            (true, true) => METERS_US,
            _ if self.model.in_jam() || self.model.setup.is_some() => CALM_US / 2,
            _ => IDLE_US,
        }
    }

    /// The inputs are seen from now on, if one is to be chosen.
    pub(super) fn look_at_inputs(&mut self) {
        if self.model.is_choosing() && self.model.cards.is_some() {
            self.model.due.inputs = Some(self.now);
        }
    }

    fn poll_inputs(&mut self) {
        self.model.due.inputs = None;
        if self.model.is_choosing() {
            self.ask(Asked::Inputs, &["audio.inputs", "on"]);
        } else {
            self.model.inputs = None;
            self.model.meters.forget_cards();
            self.change(&["audio.inputs", "off"]);
        }
    }

    /// Asks for what is due.
    pub(super) fn poll(&mut self) {
        if self.model.peer != PeerLink::Up {
            return;
        }
        let now = self.now;
        let is_due = |due: Option<Timestamp>| due.is_some_and(|at| at <= now);
        if is_due(self.model.due.status) {
            self.model.due.status = None;
            self.ask(Asked::Status, &["status"]);
        }
        if is_due(self.model.due.listing) {
            self.model.due.listing = None;
            self.ask(Asked::Listing, &["ls"]);
        }
        if is_due(self.model.due.inputs) {
            self.poll_inputs();
        }
        if is_due(self.model.tone_until) {
            self.model.tone_until = None;
            self.ask(Asked::Tone(false), &["audio.test", "off"]);
        }
        if is_due(self.model.due.links) {
            if self.model.in_jam() {
                self.model.due.links = None;
                self.ask(Asked::Links, &["link"]);
            } else {
                self.model.due.links = Some(self.later(IDLE_US));
            }
        }
        if is_due(self.model.due.doctor) {
            let looked_at = self.model.tab == Tab::Doctor
                || matches!(self.model.overlay, Some(Overlay::Why | Overlay::Missing));
            if looked_at {
                self.model.due.doctor = None;
                self.ask(Asked::Doctor, &["doctor"]);
            } else {
                self.model.due.doctor = Some(self.later(IDLE_US));
            }
        }
    }

    pub(super) fn event(&mut self, line: &EventLine) {
        let time = self.time_of_day(&line.at);
        // Chat has a place of its own, and is kept nowhere else.
        if !matches!(line.event, Event::Chat { .. }) {
            self.log_at(time.clone(), &line.event.to_string());
        }
        self.hurry();
        if self.model.due.listing.is_some() {
            self.model.due.listing = Some(self.now);
        }
        let minute = time.get(..5).unwrap_or_default().to_owned();
        match &line.event {
            Event::Chat { who, text } => {
                let line = ChatLine { at: minute, who: safe_line(&who.name, 32), text: safe_line(text, 400) };
                self.chat(line);
            }
            Event::ParticipantJoined { .. }
            | Event::ParticipantAway { .. }
            | Event::ParticipantBack { .. }
            | Event::ParticipantLeft { .. }
            | Event::StewardChanged { .. }
            | Event::LinkFallback { .. }
            | Event::LinkBack { .. } => {
                let text = safe_line(&line.event.to_string(), 200);
                self.chat(ChatLine { at: minute, who: String::new(), text: text.clone() });
                self.show_word(&text);
            }
            Event::TakesChanged => self.takes_changed(),
            Event::RecordingAsked { by, kind, .. } => {
                // What is being typed or read is not taken away: the lamp asks on.
                if self.model.overlay.is_none() && self.model.writing.is_none() && self.model.setup.is_none()
                {
                    let question = super::act::question(&by.name, *kind);
                    self.model.overlay = Some(Overlay::Recording { question });
                }
            }
            Event::RecordingBegan { .. } | Event::RecordingAnswer { .. } | Event::RecordingEnded { .. } => {
                if matches!(line.event, Event::RecordingEnded { .. })
                    && matches!(self.model.overlay, Some(Overlay::Recording { .. }))
                {
                    self.model.overlay = None;
                }
                let text = safe_line(&line.event.to_string(), 200);
                self.chat(ChatLine { at: minute, who: String::new(), text: text.clone() });
                self.show_word(&text);
            }
            Event::TakeKept { trouble, .. } if !trouble.is_empty() => {
                self.show_complaint(&line.event.to_string())
            }
            Event::TakeKept { .. } | Event::WithdrawalAnswered { .. } => {
                self.show_word(&line.event.to_string())
            }
            Event::Joined { .. } => {
                self.model.chat.clear();
                self.model.overlay = None;
                if self.model.toast.as_ref().is_some_and(|toast| toast.error) {
                    self.model.toast = None;
                }
                self.show_word(&line.event.to_string());
            }
            Event::Left { .. } => self.show_word(&line.event.to_string()),
            Event::HowlCut { .. } => {
                let key = self
                    .model
                    .keymap
                    .shown(crate::tui::keymap::Context::Tab(Tab::Jam), crate::tui::action::Action::Release);
                let key = key.unwrap_or_default();
                let Event::HowlCut { who, hz } = &line.event else { return };
                let whose = who.as_ref().map_or("your input", |who| &who.name);
                self.complain(&format!(
                    "feedback at {hz:.0} Hz: {whose} was cut. {key} in the jam hears it again"
                ));
            }
            Event::Removed { .. }
            | Event::CardLost { .. }
            | Event::Warning { .. }
            | Event::JoinRefused { .. }
            | Event::Ended { .. } => self.show_complaint(&line.event.to_string()),
            Event::CardRestored { .. } => {
                self.model.toast = None;
                self.show_word(&line.event.to_string());
            }
            Event::Panic { on: true } => {
                let text = "PANIC: silent both ways; the same key undoes it".to_owned();
                self.model.toast = Some(Toast { text, until: None, error: false });
            }
            Event::Panic { on: false } => {
                self.model.toast = None;
                self.say("panic is over: as it was before");
            }
            Event::PeerSeen { .. }
            | Event::PeerGone { .. }
            | Event::Ready { .. }
            | Event::Listening { .. }
            | Event::ParticipantUpdated { .. }
            | Event::Mic { .. }
            | Event::CardOpened { .. }
            | Event::LinkUp { .. }
            | Event::HowlReleased { .. } => {}
        }
    }

    fn chat(&mut self, line: ChatLine) {
        if self.model.chat.len() == CHAT_MAX {
            self.model.chat.pop_front();
        }
        self.model.chat.push_back(line);
    }

    /// Joins the house band as soon as its jam is seen.
    fn meet_band(&mut self) {
        if self.model.band != Band::Coming || self.model.in_jam() {
            return;
        }
        let (name, players) = self.model.band_jam;
        if self.model.listing.jams.iter().any(|jam| jam.name == name && jam.count >= players) {
            self.model.band = Band::Here;
            self.ask_to_join(name, &["join", &format!("name={name}")]);
        } else {
            self.model.due.listing = Some(self.later(CALM_US));
        }
    }
}

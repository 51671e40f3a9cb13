//! What each action does.

use super::Step;
use crate::domain::sharing::Field;
use crate::peer::api::{MicState, TakeKind};
use crate::tui::action::{Action, Tab};
use crate::tui::message::{Effect, How};
use crate::tui::model::{Asked, Band, LobbyLine, Measured, Overlay, PeerLink, Purpose, TakeField};

/// One press of an arrow.
const FADER_DB: f32 = 1.0;
/// One press with Shift.
const FADER_FAR_DB: f32 = 6.0;
/// One press of `,` or `.`: six places on each side, as the row shows.
const PAN_STEP: f32 = 1.0 / 6.0;

/// What someone is asked who is to be recorded.
pub(super) fn question(by: &str, kind: TakeKind) -> String {
    let by = crate::domain::name::safe_line(by, 32);
    match kind {
        TakeKind::Grabbed => format!("{by} wants to keep what was played last. Are you on it?"),
        TakeKind::Recorded | TakeKind::Imported => format!("{by} wants to record. Are you on it?"),
    }
}

impl Step<'_> {
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Panic => self.change(&["panic.toggle"]),
            Action::Mic => self.mic(),
            Action::Show(tab) => self.show(tab),
            Action::NextTab => self.neighbour(1),
            Action::PreviousTab => self.neighbour(Tab::ALL.len() - 1),
            Action::Go => self.model.going = true,
            Action::Palette => {
                self.model.overlay = Some(Overlay::Palette { filter: String::new(), chosen: 0 });
            }
            Action::Help => self.model.overlay = Some(Overlay::Help { filter: String::new(), chosen: 0 }),
            Action::Find => self.find(),
            Action::Record => self.record(),
            Action::Grab => self.change(&["rec.grab"]),
            Action::MarkMoment => {
                self.change(&["rec.mark"]);
                self.say("this moment is marked");
            }
            Action::RenameTake => self.type_of_take(TakeField::Name),
            Action::TagTake => self.type_of_take(TakeField::Tag),
            Action::NoteTake => self.type_of_take(TakeField::Note),
            Action::ExportTake => self.type_of_take(TakeField::Export),
            Action::VerifyTake => self.verify_take(),
            Action::DeleteTake => self.delete_take(),
            Action::EraseTake => self.erase_take(),
            Action::WithdrawTake => self.withdraw_from_take(),
            Action::RefuseRecording => self.change(&["rec.refuse"]),
            Action::Undo => self.undo(),
            Action::Redo => self.redo(),
            Action::Stage => self.model.stage = !self.model.stage,
            Action::Why => {
                self.model.stage = false;
                self.model.overlay = Some(Overlay::Why);
                self.look_again();
            }
            Action::Leave => self.leave(),
            Action::Detach => {
                self.effects.push(Effect::Quit(How::Detach));
            }
            Action::QuitNow => self.quit(),
            Action::Suspend => self.effects.push(Effect::Suspend),
            Action::Redraw => self.effects.push(Effect::Redraw),
            Action::Mouse => self.mouse_toggle(),
            Action::Close => self.close(),
            Action::Up => self.move_by(-1),
            Action::Down => self.move_by(1),
            Action::Left => self.fader(-FADER_DB),
            Action::Right => self.fader(FADER_DB),
            Action::FarLeft => self.fader(-FADER_FAR_DB),
            Action::FarRight => self.fader(FADER_FAR_DB),
            Action::Open => self.open(),
            Action::New => self.prompt(Purpose::NewJam, ""),
            Action::Invite => {
                self.model.overlay = Some(Overlay::Invite { ticket: String::new(), qr: Vec::new() });
                self.ask(Asked::Ticket, &["ticket"]);
            }
            Action::Address => self.prompt(Purpose::Address, ""),
            Action::Missing => {
                self.model.overlay = Some(Overlay::Missing);
                self.look_again();
            }
            Action::Band => self.band(),
            Action::AudioSetup => self.audio_setup(),
            Action::FirstSteps => self.first_steps(),
            Action::TestTone => {
                let on = !self.model.tone;
                self.ask(Asked::Tone(on), &["audio.test", if on { "on" } else { "off" }]);
            }
            Action::Measure => {
                if self.model.peer == PeerLink::Up && self.model.round_trip != Some(Measured::Running) {
                    self.model.round_trip = Some(Measured::Running);
                }
                self.ask(Asked::Measure, &["audio.measure"]);
            }
            Action::ListenOnly => self.listen_only(),
            Action::Block => self.block(),
            Action::Unblock => self.about_chosen("unblock"),
            Action::Chat => {
                if self.model.in_jam() {
                    self.show(Tab::Jam);
                    self.model.stage = false;
                    self.model.writing = Some(String::new());
                } else {
                    self.say("there is nobody to write to: you are in no jam");
                }
            }
            Action::Mute => self.strip("mute"),
            Action::Solo => self.strip("solo"),
            Action::PanLeft => self.pan(-PAN_STEP),
            Action::PanRight => self.pan(PAN_STEP),
            Action::FaderZero => self.fader_to_zero(),
            Action::ClearClip => {
                if self.model.meters.clear_clips() {
                    self.say("CLIP cleared");
                }
            }
            Action::Delay => self.delay(),
            Action::Release => self.change(&["howl.release"]),
            Action::Kick => self.confirm_about("kick", "Remove", "from the jam"),
            Action::Steward => {
                self.confirm_about("steward", "Hand the jam to", "? They order its changes then")
            }
            Action::Fix => self.fix(),
            Action::Log => {
                self.model.overlay = Some(Overlay::Log { filter: String::new(), up: 0 });
            }
            Action::Share => self.share(),
            Action::EditName => self.edit(Field::Name),
            Action::EditPlays => self.edit(Field::Plays),
            Action::EditInterests => self.edit(Field::Interests),
            Action::NextColour => self.edit(Field::Colour),
            Action::EditAvatar => self.edit(Field::Avatar),
            Action::EndPeer => {
                let question = "End this peer? The sound stops, the jam goes on without you".to_owned();
                let doing = vec![vec!["quit".to_owned()]];
                self.model.overlay = Some(Overlay::Confirm { question, doing, quit: true });
            }
            Action::Ask(["join", rest @ ..]) if self.model.listen_only => {
                let words: Vec<&str> = ["join"].iter().chain(rest).chain(&["listen"]).copied().collect();
                self.change(&words);
            }
            Action::Ask(words) => self.change(words),
        }
    }

    /// Whoever is asked answers first.
    fn record(&mut self) {
        match self.model.recording() {
            Some(recording) if recording.asks_you => {
                let question = question(&recording.by.name, recording.kind);
                self.model.overlay = Some(Overlay::Recording { question });
            }
            Some(recording) if !recording.yours => self.change(&["rec.agree"]),
            _ => self.change(&["rec.toggle"]),
        }
    }

    fn mic(&mut self) {
        match self.model.mic() {
            MicState::Listen => {
                self.say("you sit in a listen-only seat: leave, and join without it to be heard")
            }
            MicState::Panic => self.say("PANIC is on: nothing is sent before it is over (x)"),
            MicState::Live | MicState::Muted => self.change(&["mic.toggle"]),
        }
    }

    pub(super) fn show(&mut self, tab: Tab) {
        self.model.setup = None;
        self.model.stage = false;
        self.model.tab = tab;
        self.look_again();
        if tab == Tab::Library {
            self.look_at_takes();
        }
    }

    fn neighbour(&mut self, by: usize) {
        let index = Tab::ALL.iter().position(|tab| *tab == self.model.tab).unwrap_or(0);
        self.show(Tab::ALL[(index + by) % Tab::ALL.len()]);
    }

    /// What is looked at now is asked for now.
    fn look_again(&mut self) {
        let now = Some(self.now);
        let due = &mut self.model.due;
        for due in [&mut due.status, &mut due.doctor, &mut due.listing] {
            if due.is_some() {
                *due = now;
            }
        }
    }

    fn find(&mut self) {
        match self.model.tab {
            Tab::Lobby => self.prompt(Purpose::Filter, ""),
            Tab::Library => {
                let filter = self.model.library.filter.clone();
                self.prompt(Purpose::FindTakes, &filter);
            }
            _ => self.act(Action::Palette),
        }
    }

    pub(super) fn prompt(&mut self, purpose: Purpose, text: &str) {
        self.model.overlay = Some(Overlay::Prompt { purpose, text: text.to_owned() });
    }

    fn undo(&mut self) {
        let Some(change) = self.model.undo.pop() else { return self.say("nothing to undo") };
        for words in &change.undoing {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            self.change(&words);
        }
        self.say(&format!("undone: {}", change.what));
        self.model.redo.push(change);
    }

    fn redo(&mut self) {
        let Some(change) = self.model.redo.pop() else { return self.say("nothing to redo") };
        for words in &change.doing {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            self.change(&words);
        }
        self.say(&format!("done again: {}", change.what));
        self.model.undo.push(change);
    }

    fn leave(&mut self) {
        if self.model.stage {
            self.model.stage = false;
        } else if self.model.in_jam() {
            let doing = vec![vec!["leave".to_owned()]];
            if self.model.mic() == MicState::Live && self.model.people().len() > 1 {
                let question = "Others still hear you. Leave the jam?".to_owned();
                self.model.overlay = Some(Overlay::Confirm { question, doing, quit: false });
            } else {
                self.change(&["leave"]);
            }
        } else {
            self.quit();
        }
    }

    fn close(&mut self) {
        self.model.stage = false;
        self.model.details = false;
        self.model.filter.clear();
        self.model.toast = None;
    }

    fn move_by(&mut self, by: isize) {
        let count = match self.model.tab {
            Tab::Lobby => self.model.lobby().len(),
            Tab::Jam => self.model.people().len() + 1,
            Tab::Doctor => self.model.links.len(),
            Tab::Me => Field::ALL.len(),
            Tab::Library => self.model.library.cards().len(),
            Tab::Tinies | Tab::Board => 0,
        };
        let chosen = self.model.chosen(self.model.tab, count);
        let moved = chosen.saturating_add_signed(by).min(count.saturating_sub(1));
        self.model.chosen.insert(self.model.tab, moved);
        if self.model.tab == Tab::Library {
            self.look_at_take();
        }
    }

    fn open(&mut self) {
        match self.model.tab {
            Tab::Lobby => match self.model.chosen_line() {
                Some(LobbyLine::Jam(jam)) if jam.here => self.show(Tab::Jam),
                Some(LobbyLine::Jam(jam)) => {
                    let (name, closed) = (jam.name.clone(), jam.closed);
                    if closed {
                        self.prompt(Purpose::Code { jam: name }, "");
                    } else {
                        self.join(&name);
                    }
                }
                Some(LobbyLine::Person(person)) => match (&person.jam, person.blocked) {
                    (_, true) => self.say("you blocked them: `:` unblock takes that back"),
                    (Some(_), false) => {
                        let key = person.key.clone();
                        self.join(&key);
                    }
                    (None, false) => self.say("they are in no jam yet: n opens one, they see it at once"),
                },
                None => self.prompt(Purpose::NewJam, ""),
            },
            Tab::Jam => self.model.details = !self.model.details,
            Tab::Me => self.edit(self.model.chosen_field()),
            Tab::Library | Tab::Tinies | Tab::Board | Tab::Doctor => {}
        }
    }

    fn join(&mut self, target: &str) {
        if self.model.in_jam() {
            return self.say("you are in a jam: leave it first (q)");
        }
        self.ask_to_join(target, &["join", &format!("name={target}")]);
    }

    fn band(&mut self) {
        match self.model.band {
            Band::Away if self.model.in_jam() => self.say("you are in a jam: leave it first (q)"),
            Band::Away => {
                self.model.band = Band::Coming;
                self.effects.push(Effect::StartBand);
                self.say("the house band is coming: drums, bass, keys; you join by yourself");
            }
            Band::Coming | Band::Here => {
                self.model.band = Band::Away;
                self.effects.push(Effect::StopBand);
                let there = self.model.status.as_ref().and_then(|status| status.jam.as_ref());
                if there.is_some_and(|jam| jam.name == self.model.band_jam.0) {
                    self.change(&["leave"]);
                }
                self.say("the house band went home");
            }
        }
    }

    fn block(&mut self) {
        let Some(LobbyLine::Person(person)) = self.model.chosen_line() else {
            return self.say("choose a person first");
        };
        let question = format!("Block {} ({})? You never meet again", person.name, person.fingerprint);
        let doing = vec![vec!["block".to_owned(), person.key.clone()]];
        self.model.overlay = Some(Overlay::Confirm { question, doing, quit: false });
    }

    fn about_chosen(&mut self, what: &str) {
        let key = match self.model.chosen_line() {
            Some(LobbyLine::Person(person)) if self.model.tab == Tab::Lobby => Some(person.key.clone()),
            _ => self.model.chosen_player().map(|one| one.key.clone()),
        };
        match key {
            Some(key) => self.change(&[what, &key]),
            None => self.say("choose a person first"),
        }
    }

    fn confirm_about(&mut self, action: &str, verb: &str, rest: &str) {
        let Some(one) = self.model.chosen_player() else { return self.say("choose a player first") };
        let question = if rest.starts_with('?') {
            format!("{verb} {}{rest}", one.name)
        } else {
            format!("{verb} {} {rest}?", one.name)
        };
        let doing = vec![vec![action.to_owned(), one.key.clone()]];
        self.model.overlay = Some(Overlay::Confirm { question, doing, quit: false });
    }

    /// `mute` or `solo` of the chosen player, the other way round.
    fn strip(&mut self, what: &str) {
        let Some(one) = self.model.chosen_player() else {
            return self.say("choose a player first: up and down; Space is your own microphone");
        };
        let Some(strip) = &one.strip else { return };
        let on = if what == "mute" { strip.muted } else { strip.solo };
        let order = |name: String| vec![vec![name, one.key.clone()]];
        let (doing, undoing) = (order(format!("{what}.toggle")), order(format!("{what}.toggle")));
        let words = format!("{what} of {} {}", one.name, if on { "off" } else { "on" });
        self.change_with_undo(words, doing, undoing);
    }

    fn fader(&mut self, by_db: f32) {
        if self.model.tab != Tab::Jam {
            return;
        }
        if self.model.master_chosen() {
            let Some(status) = &self.model.status else { return };
            let undoing = vec![vec!["master".to_owned(), status.master_db.to_string()]];
            let doing = vec![vec!["master.by".to_owned(), by_db.to_string()]];
            return self.change_with_undo("OUT fader".to_owned(), doing, undoing);
        }
        let Some(one) = self.model.chosen_player() else { return };
        let Some(strip) = &one.strip else { return };
        let undoing = vec![vec!["fader".to_owned(), one.key.clone(), strip.gain_db.to_string()]];
        let doing = vec![vec!["fader.by".to_owned(), one.key.clone(), by_db.to_string()]];
        let what = format!("fader of {}", one.name);
        self.change_with_undo(what, doing, undoing);
    }

    fn fader_to_zero(&mut self) {
        if self.model.master_chosen() {
            let Some(status) = &self.model.status else { return };
            let order = |db: f32| vec![vec!["master".to_owned(), db.to_string()]];
            let undoing = order(status.master_db);
            return self.change_with_undo("OUT fader".to_owned(), order(0.0), undoing);
        }
        let Some(one) = self.model.chosen_player() else { return };
        let Some(strip) = &one.strip else { return };
        let order = |db: f32| vec![vec!["fader".to_owned(), one.key.clone(), db.to_string()]];
        let (what, doing, undoing) = (format!("fader of {}", one.name), order(0.0), order(strip.gain_db));
        self.change_with_undo(what, doing, undoing);
    }

    fn pan(&mut self, by: f32) {
        let Some(one) = self.model.chosen_player() else { return };
        let Some(strip) = &one.strip else { return };
        let doing = vec![vec!["pan.by".to_owned(), one.key.clone(), by.to_string()]];
        let undoing = vec![vec!["pan".to_owned(), one.key.clone(), format!("{:.3}", strip.pan)]];
        let what = format!("pan of {}", one.name);
        self.change_with_undo(what, doing, undoing);
    }

    /// auto, quick, safe, and round again.
    fn delay(&mut self) {
        let Some(one) = self.model.chosen_player() else { return self.say("choose a player first") };
        let Some(strip) = &one.strip else { return };
        let next = match strip.delay.as_str() {
            "auto" => "quick",
            "quick" => "safe",
            _ => "auto",
        };
        let order = |delay: &str| vec![vec!["delay".to_owned(), one.key.clone(), delay.to_owned()]];
        let (what, doing, undoing) = (format!("delay of {}", one.name), order(next), order(&strip.delay));
        let name = one.name.clone();
        self.change_with_undo(what, doing, undoing);
        self.say(&format!("the sound of {name} is held: {next}"));
    }

    fn fix(&mut self) {
        let Some(fix) = self.model.fix() else {
            return self.say("there is nothing here that this program could fix by itself");
        };
        self.say(&format!("done: {}; u undoes it", fix.what));
        self.change_with_undo(fix.what, fix.doing, fix.undoing);
    }
}

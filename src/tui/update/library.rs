//! The Library: which takes there are, what is in the chosen one, and what is done to it.

use super::Step;
use crate::peer::api::{TakeMoved, TakeShown, TakeVerified, Takes};
use crate::tui::action::Tab;
use crate::tui::model::{Asked, Overlay, Purpose, TakeField};

impl Step<'_> {
    /// Asks for the list; the chosen one follows.
    pub(super) fn look_at_takes(&mut self) {
        let filter = self.model.library.filter.clone();
        if filter.is_empty() {
            self.ask(Asked::Takes, &["rec.ls"]);
        } else {
            self.ask(Asked::Takes, &["rec.ls", &filter]);
        }
    }

    /// The disk says something else now.
    pub(super) fn takes_changed(&mut self) {
        if self.model.tab == Tab::Library {
            self.look_at_takes();
        }
    }

    /// Asks for all of the chosen take.
    pub(super) fn look_at_take(&mut self) {
        match self.chosen_take() {
            Some((id, _)) => self.ask(Asked::Take(id.clone()), &["rec.show", &id]),
            None => self.model.library.shown = None,
        }
    }

    pub(super) fn takes_came(&mut self, takes: Takes) {
        let chosen = self.chosen_take().map(|(id, _)| id);
        self.model.library.takes = Some(takes);
        // What was chosen stays chosen: d must not mean another.
        let place = self.model.library.cards().iter().position(|card| Some(&card.id) == chosen.as_ref());
        if let Some(place) = place {
            self.model.chosen.insert(Tab::Library, place);
        }
        self.look_at_take();
    }

    pub(super) fn take_came(&mut self, id: &str, shown: TakeShown) {
        if self.chosen_take().is_some_and(|(chosen, _)| chosen == id) {
            if self.model.library.verified.as_ref().is_some_and(|verified| verified.id != id) {
                self.model.library.verified = None;
            }
            self.model.library.shown = Some(shown);
        }
    }

    pub(super) fn verified(&mut self, verified: Option<TakeVerified>) {
        self.model.library.busy = None;
        self.model.library.verified = verified;
    }

    pub(super) fn exported(&mut self, moved: Option<TakeMoved>) {
        self.model.library.busy = None;
        if let Some(moved) = moved {
            self.say(&format!("{}: {} files in {}", moved.name, moved.files, moved.folder));
        }
    }

    /// Id and name of the chosen take.
    fn chosen_take(&self) -> Option<(String, String)> {
        let cards = self.model.library.cards();
        let card = cards.get(self.model.chosen(Tab::Library, cards.len()))?;
        Some((card.id.clone(), card.name.clone()))
    }

    fn need_take(&mut self) -> Option<(String, String)> {
        let chosen = self.chosen_take();
        if chosen.is_none() {
            self.say("there is no take here");
        }
        chosen
    }

    pub(super) fn type_of_take(&mut self, field: TakeField) {
        let Some((id, name)) = self.need_take() else { return };
        let shown = self.model.library.shown.as_ref().filter(|shown| shown.take.id == id);
        let text = match field {
            TakeField::Name => name,
            TakeField::Tag => String::new(),
            TakeField::Note => shown.map(|shown| shown.take.note.clone()).unwrap_or_default(),
            TakeField::Export => format!("~/{}", name.replace(['/', ' '], "-")),
        };
        self.prompt(Purpose::Take { field, id }, &text);
    }

    /// A line about a take was typed.
    pub(super) fn typed_of_take(&mut self, field: TakeField, id: &str, text: &str) {
        match field {
            // A note may be taken away again.
            TakeField::Note => self.change(&["rec.note", id, text]),
            _ if text.is_empty() => {}
            TakeField::Name => self.change(&["rec.rename", id, text]),
            TakeField::Tag => {
                let shown = self.model.library.shown.as_ref().filter(|shown| shown.take.id == id);
                let is_there = shown.is_some_and(|shown| shown.take.tags.iter().any(|tag| tag == text));
                self.change(&[if is_there { "rec.untag" } else { "rec.tag" }, id, text]);
            }
            TakeField::Export => {
                let folder = match text.strip_prefix("~/") {
                    Some(rest) if !self.model.home.is_empty() => format!("{}/{rest}", self.model.home),
                    _ => text.to_owned(),
                };
                self.model.library.busy = Some("exporting");
                self.ask(Asked::Exported, &["rec.export", id, &folder]);
            }
        }
    }

    pub(super) fn verify_take(&mut self) {
        if let Some((id, _)) = self.need_take() {
            self.model.library.verified = None;
            self.model.library.busy = Some("checking");
            self.ask(Asked::Verified, &["rec.verify", &id]);
        }
    }

    pub(super) fn delete_take(&mut self) {
        let Some((id, name)) = self.need_take() else { return };
        let question = format!("Put {name} into the bin? It stays there for 30 days, u takes it out again");
        self.confirm_take(question, &["rec.rm", &id]);
    }

    pub(super) fn erase_take(&mut self) {
        let Some((id, name)) = self.need_take() else { return };
        let question =
            format!("Delete {name} for good? Its sound is gone from this disk, nothing brings it back");
        self.confirm_take(question, &["rec.rm", &id, "forever"]);
    }

    pub(super) fn withdraw_from_take(&mut self) {
        let Some((id, name)) = self.need_take() else { return };
        let question =
            format!("Ask everyone who holds {name} to take you out? jamtty does, other software may not");
        self.confirm_take(question, &["rec.withdraw", &id]);
    }

    fn confirm_take(&mut self, question: String, words: &[&str]) {
        let doing = vec![words.iter().map(|word| (*word).to_owned()).collect()];
        self.model.overlay = Some(Overlay::Confirm { question, doing, quit: false });
    }

    /// Does what was confirmed; what can be taken back can be undone.
    pub(super) fn confirmed(&mut self, words: &[String]) {
        if let [action, id] = words
            && action == "rec.rm"
        {
            let undoing = vec![vec!["rec.undo".to_owned(), id.clone()]];
            return self.change_with_undo("take into the bin".to_owned(), vec![words.to_vec()], undoing);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.change(&words);
    }
}

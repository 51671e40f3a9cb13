//! What the screen does about what happens: a function of the model, the time and a message.

mod act;
mod keys;
mod library;
mod me;
mod mouse;
pub(in crate::tui) mod peer;
pub(in crate::tui) mod setup;

#[cfg(test)]
mod tests;

use super::message::{Effect, Message, PeerNews};
use super::model::{Asked, Band, Model, PeerLink, Toast, UNDO_MAX, Undo};
use crate::domain::name::safe_line;
use crate::domain::time::Timestamp;

/// How long a word stands above the hints.
const TOAST_US: u64 = 4_000_000;

/// Takes one message.
pub fn update(model: &mut Model, now: Timestamp, message: Message) -> Vec<Effect> {
    let mut step = Step { model, now, effects: Vec::new() };
    step.message(message);
    step.poll();
    step.effects
}

/// One step: the model, the time, and what is to be done.
struct Step<'a> {
    model: &'a mut Model,
    now: Timestamp,
    effects: Vec<Effect>,
}

/// What does all that was done: steps of the same fader add up, anything else is as it was set last.
fn after(before: &[Vec<String>], doing: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let by = |orders: &[Vec<String>]| match orders {
        [order] if order[0].ends_with(".by") => order.last()?.parse::<f32>().ok(),
        _ => None,
    };
    match (by(before), by(&doing)) {
        (Some(so_far), Some(more)) => {
            let mut order = doing;
            if let Some(last) = order[0].last_mut() {
                *last = (so_far + more).to_string();
            }
            order
        }
        _ => doing,
    }
}

impl Step<'_> {
    fn message(&mut self, message: Message) {
        if self.model.toast.as_ref().and_then(|toast| toast.until).is_some_and(|until| until <= self.now) {
            self.model.toast = None;
        }
        match message {
            Message::Key(key) => self.key(key),
            Message::Paste(text) => self.paste(&text),
            Message::Mouse(gesture, column, row) => self.mouse(gesture, column, row),
            Message::Resized(columns, rows) => {
                self.model.size = (columns, rows);
                self.effects.push(Effect::Redraw);
            }
            Message::Peer(PeerNews::Up) => self.peer_up(),
            Message::Peer(PeerNews::Lost(error)) => self.peer_lost(error),
            Message::Peer(PeerNews::Reply { id, result }) => self.reply(id, result.map_err(|error| *error)),
            Message::Peer(PeerNews::Event(line)) => self.event(&line),
            Message::BandEnded(why) => {
                self.model.band = Band::Away;
                if !why.is_empty() {
                    self.complain(&format!("the house band ended: {why}"));
                }
            }
            Message::Resumed => {
                self.effects.push(Effect::Redraw);
                self.say("the jam went on while the screen was away");
            }
            Message::Wake => {}
        }
    }

    /// Asks the peer; its answer comes to `asked`.
    fn ask(&mut self, asked: Asked, words: &[&str]) {
        let Some((action, args)) = words.split_first() else { return };
        match &self.model.peer {
            PeerLink::Up => {}
            PeerLink::Connecting => return self.say("one moment: the peer is starting"),
            PeerLink::Lost(_) => return self.say("nothing was done: no peer answers"),
        }
        self.model.last_id += 1;
        let id = self.model.last_id;
        self.model.asked.insert(id, asked);
        let args = args.iter().map(|word| (*word).to_owned()).collect();
        self.effects.push(Effect::Ask { id, action: (*action).to_owned(), args });
    }

    /// Asks to get into a jam, with the seat that was chosen.
    fn ask_to_join(&mut self, jam: &str, words: &[&str]) {
        let mut words = words.to_vec();
        words.extend(self.model.listen_only.then_some("listen"));
        self.ask(Asked::Join { jam: jam.to_owned() }, &words);
    }

    /// Asks for a change, and for the state after it.
    fn change(&mut self, words: &[&str]) {
        self.ask(Asked::Change, words);
    }

    /// A change that can be taken back.
    fn change_with_undo(&mut self, what: String, doing: Vec<Vec<String>>, undoing: Vec<Vec<String>>) {
        for words in &doing {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            self.change(&words);
        }
        self.model.redo.clear();
        // Holding a key is one change: the first state before it counts.
        let same = |last: &Undo| last.what == what && last.undoing.len() == undoing.len();
        match self.model.undo.last_mut() {
            Some(last) if same(last) => last.doing = after(&last.doing, doing),
            _ => {
                if self.model.undo.len() == UNDO_MAX {
                    self.model.undo.remove(0);
                }
                self.model.undo.push(Undo { what, doing, undoing });
            }
        }
    }

    fn say(&mut self, text: &str) {
        self.log(&safe_line(text, 200));
        self.show_word(text);
    }

    /// As [`Self::say`], of what stands in the log already.
    fn show_word(&mut self, text: &str) {
        let until = Timestamp::from_micros(self.now.micros() + TOAST_US);
        let text = safe_line(text, 200);
        // What went wrong stays until it was seen.
        if !self.model.toast.as_ref().is_some_and(|toast| toast.error) {
            self.model.toast = Some(Toast { text, until: Some(until), error: false });
        }
    }

    fn complain(&mut self, text: &str) {
        self.log(&safe_line(text, 300));
        self.show_complaint(text);
    }

    /// As [`Self::complain`], of what stands in the log already.
    fn show_complaint(&mut self, text: &str) {
        let text = safe_line(text, 300);
        self.model.toast = Some(Toast { text, until: None, error: true });
    }
}

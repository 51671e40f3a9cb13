//! The own card: its fields one by one, each shared or kept.

use super::Step;
use crate::domain::badge::{Avatar, NameColour};
use crate::domain::sharing::{Field, Shared};
use crate::peer::api::Me;
use crate::tui::action::Tab;
use crate::tui::model::Purpose;

impl Step<'_> {
    /// Asks for a field, or takes the next value where there are few.
    pub(super) fn edit(&mut self, field: Field) {
        let Some(me) = self.me() else { return };
        let text = text_of(me, field);
        self.choose_field(field);
        if field == Field::Colour {
            let colour = next_colour(&text).map_or("none", NameColour::as_str);
            self.set_field(field, colour);
            self.say(&format!("the colour of your name: {colour}"));
        } else {
            self.prompt(Purpose::Own(field), &text);
        }
    }

    /// What was typed for a field.
    pub(super) fn said_of_me(&mut self, field: Field, text: &str) {
        match field {
            // A name is never empty: nothing typed is no change.
            Field::Name if text.is_empty() => {}
            Field::Avatar if !text.is_empty() => match Avatar::parse(text) {
                Ok(_) => self.set_field(field, text),
                Err(error) => {
                    self.prompt(Purpose::Own(field), text);
                    self.complain(&format!("{error}: make it shorter, or Esc leaves it as it was"));
                }
            },
            Field::Name | Field::Plays | Field::Interests | Field::Colour | Field::Avatar => {
                self.set_field(field, text);
            }
        }
    }

    /// Shares the chosen line, or keeps it.
    pub(super) fn share(&mut self) {
        if self.model.tab != Tab::Me {
            self.show(Tab::Me);
            return self.say("choose a line: up and down");
        }
        let field = self.model.chosen_field();
        let Some(me) = self.me() else { return };
        let before = shared_by(me);
        let after = before.with(field, !before.has(field));
        let words = match (after.has(field), field) {
            (true, _) => format!("others see your {}", called(field)),
            (false, Field::Name) => format!("others see {} instead of your name", me.fingerprint),
            (false, _) => format!("others no longer see your {}", called(field)),
        };
        let order = |shared: Shared| vec![vec!["me.set".to_owned(), format!("share={shared}")]];
        self.change_with_undo(format!("who sees my {}", called(field)), order(after), order(before));
        self.say(&words);
    }

    fn set_field(&mut self, field: Field, text: &str) {
        let Some(me) = self.me() else { return };
        let old = text_of(me, field);
        let order = |text: &str| vec![vec!["me.set".to_owned(), format!("{}={text}", field.as_str())]];
        self.change_with_undo(format!("my {}", called(field)), order(text), order(&old));
    }

    /// The line of a field that was changed by its key is the chosen one.
    fn choose_field(&mut self, field: Field) {
        if self.model.tab == Tab::Me {
            let index = Field::ALL.iter().position(|one| *one == field).unwrap_or(0);
            self.model.chosen.insert(Tab::Me, index);
        }
    }

    fn me(&self) -> Option<&Me> {
        self.model.status.as_ref().map(|status| &status.me)
    }
}

/// A field as `me.set` takes it.
fn text_of(me: &Me, field: Field) -> String {
    match field {
        Field::Name => me.name.clone(),
        Field::Plays => me.plays.join(","),
        Field::Interests => me.interests.join(","),
        Field::Colour => me.colour.clone().unwrap_or_default(),
        Field::Avatar => me.avatar.clone().unwrap_or_default(),
    }
}

fn shared_by(me: &Me) -> Shared {
    let shared = Field::ALL.into_iter().filter(|field| me.shares(field.as_str()));
    shared.fold(Shared::NONE, |all, field| all.with(field, true))
}

/// None, then each colour, then none again.
fn next_colour(word: &str) -> Option<NameColour> {
    let after = NameColour::parse(word)
        .and_then(|colour| NameColour::ALL.iter().position(|one| *one == colour))
        .map_or(0, |index| index + 1);
    NameColour::ALL.get(after).copied()
}

const fn called(field: Field) -> &'static str {
    match field {
        Field::Plays => "instruments",
        Field::Name | Field::Interests | Field::Colour | Field::Avatar => field.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colours_go_round() {
        let mut word = String::new();
        let mut seen = Vec::new();
        for _ in 0..=NameColour::ALL.len() {
            let next = next_colour(&word);
            word = next.map_or("", NameColour::as_str).to_owned();
            seen.push(next);
        }
        assert_eq!(seen.pop(), Some(None));
        assert_eq!(seen, NameColour::ALL.map(Some));
    }
}

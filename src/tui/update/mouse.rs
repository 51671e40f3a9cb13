//! The mouse: every gesture is something that a key does as well.

use super::Step;
use crate::tui::action::Action;
use crate::tui::key::{Code, Key};
use crate::tui::message::Effect;
use crate::tui::model::Overlay;
use crate::tui::mouse::{Gesture, Target};
use crate::tui::screens;

impl Step<'_> {
    pub(super) fn mouse(&mut self, gesture: Gesture, column: u16, row: u16) {
        let target = screens::target(self.model, column, row);
        match (gesture, target) {
            (Gesture::Click, Some(Target::Do(action))) => self.act(action),
            (Gesture::Click, Some(Target::Press(key))) => self.key(key),
            (Gesture::Click, Some(Target::Line(line) | Target::Strip(line))) => self.click(line),
            (Gesture::Click, None) => {}
            (_, Some(Target::Strip(line))) => {
                self.choose(line);
                let louder = gesture == Gesture::WheelUp;
                self.act(if louder { Action::Right } else { Action::Left });
            }
            (_, Some(Target::Line(_)) | None) if !self.is_asked() => {
                let up = gesture == Gesture::WheelUp;
                self.key(Key::plain(if up { Code::Up } else { Code::Down }));
            }
            (_, Some(_) | None) => {}
        }
    }

    /// A line is chosen; one that was chosen already is opened.
    fn click(&mut self, line: usize) {
        if self.choose(line) {
            self.key(Key::plain(Code::Enter));
        }
    }

    /// True if it was chosen before.
    fn choose(&mut self, line: usize) -> bool {
        let tab = self.model.tab;
        let chosen = match (&mut self.model.overlay, &mut self.model.setup) {
            (Some(Overlay::Help { chosen, .. } | Overlay::Palette { chosen, .. }), _) => chosen,
            (Some(_), _) => return false,
            (None, Some(setup)) => &mut setup.chosen,
            (None, None) => self.model.chosen.entry(tab).or_insert(0),
        };
        std::mem::replace(chosen, line) == line
    }

    /// A question or a line of text is open, which the wheel has nothing to do with.
    const fn is_asked(&self) -> bool {
        matches!(self.model.overlay, Some(Overlay::Confirm { .. } | Overlay::Prompt { .. }))
    }

    /// Gives the mouse back to the terminal, so that text can be marked, or takes it again.
    pub(super) fn mouse_toggle(&mut self) {
        self.model.mouse = !self.model.mouse;
        self.effects.push(Effect::Mouse(self.model.mouse));
        let key = self.model.keymap.shown(self.model.context(), Action::Mouse).unwrap_or_default();
        let does = if self.model.mouse { "clicks and turns faders" } else { "marks text again" };
        self.say(&format!("the mouse {does}; {key} changes that"));
    }
}

//! Keys: into an open field, an open overlay, or the table of actions.

use super::Step;
use crate::tui::action::{Action, Entry, Tab};
use crate::tui::key::{Code, Key};
use crate::tui::message::{Effect, How};
use crate::tui::model::{INPUT_MAX, Overlay, Purpose};
use crate::tui::overlays::{help, palette};

/// What a key did to a line of text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// It changed.
    On,
    /// The key does nothing there.
    Not,
    /// Enter.
    Done,
    /// Esc.
    Dropped,
}

/// Types into one line.
pub(super) fn type_into(text: &mut String, key: Key) -> Typed {
    match key.code {
        Code::Enter => return Typed::Done,
        Code::Esc => return Typed::Dropped,
        Code::Backspace => {
            // A whole character as it is seen, not a code point of it.
            let end = unicode_segmentation::UnicodeSegmentation::grapheme_indices(text.as_str(), true)
                .next_back()
                .map_or(0, |(at, _)| at);
            text.truncate(end);
        }
        Code::Char('u') if key.ctrl => text.clear(),
        Code::Char(c) if !key.ctrl && !c.is_control() && text.len() + c.len_utf8() <= INPUT_MAX => {
            text.push(c)
        }
        _ => return Typed::Not,
    }
    Typed::On
}

impl Step<'_> {
    pub(super) fn key(&mut self, key: Key) {
        // Seen: an error goes with the next key.
        if self.model.toast.as_ref().is_some_and(|toast| toast.error) {
            self.model.toast = None;
        }
        // These three work in text, too: nothing typed by accident is one of them.
        match key {
            Key { code: Code::Char('x'), ctrl: true } => return self.act(Action::Panic),
            Key { code: Code::Char('c'), ctrl: true } => return self.act(Action::QuitNow),
            Key { code: Code::Char('z'), ctrl: true } => return self.act(Action::Suspend),
            _ => {}
        }
        if self.model.writing.is_some() {
            return self.chat_key(key);
        }
        if self.model.overlay.is_some() {
            return self.overlay_key(key);
        }
        if self.model.setup.is_some() && self.setup_key(key) {
            return;
        }
        if std::mem::take(&mut self.model.going) {
            if let Code::Char(c) = key.code
                && let Some(tab) = Tab::ALL.into_iter().find(|tab| tab.letter() == c.to_ascii_lowercase())
            {
                self.act(tab.action());
            }
            return;
        }
        if let Some(action) = self.model.keymap.action(self.model.context(), key) {
            self.act(action);
        }
    }

    /// Pasted text goes where text is typed, as one line; elsewhere it does nothing.
    pub(super) fn paste(&mut self, text: &str) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let field = match (&mut self.model.writing, &mut self.model.overlay, &mut self.model.setup) {
            (Some(field), _, _) => field,
            (None, Some(Overlay::Prompt { text: field, .. }), _) => field,
            (None, None, Some(setup)) if setup.step == crate::tui::model::Step::Name => &mut setup.name,
            _ => return self.say("pasted text was ignored: nothing is being written here"),
        };
        for c in text.chars().filter(|c| !c.is_control()) {
            if field.len() + c.len_utf8() <= INPUT_MAX {
                field.push(c);
            }
        }
    }

    fn chat_key(&mut self, key: Key) {
        let Some(text) = &mut self.model.writing else { return };
        match type_into(text, key) {
            Typed::On | Typed::Not => {}
            Typed::Dropped => self.model.writing = None,
            Typed::Done => {
                let text = self.model.writing.take().unwrap_or_default();
                if !text.trim().is_empty() {
                    self.change(&["chat", text.trim()]);
                }
            }
        }
    }

    fn overlay_key(&mut self, key: Key) {
        let Some(mut overlay) = self.model.overlay.take() else { return };
        match &mut overlay {
            Overlay::Help { filter, chosen } => {
                let lines = help::matches(self.model, filter);
                let (next, run) = list_key(filter, chosen, lines.len(), key);
                let run = run.then(|| lines.get(*chosen).copied()).flatten();
                self.after_list(overlay, next, run);
            }
            Overlay::Palette { filter, chosen } => {
                let lines = palette::matches(self.model, filter);
                let (next, run) = list_key(filter, chosen, lines.len(), key);
                let run = run.then(|| lines.get(*chosen).copied()).flatten();
                self.after_list(overlay, next, run);
            }
            Overlay::Confirm { doing, quit, .. } => match key.code {
                Code::Char('y') => {
                    for words in doing.iter() {
                        self.confirmed(words);
                    }
                    if *quit {
                        self.quit();
                    }
                }
                Code::Char('n') | Code::Esc => {}
                // Anything else is no answer, Enter least of all.
                _ => self.model.overlay = Some(overlay),
            },
            Overlay::Prompt { purpose, text } => match type_into(text, key) {
                Typed::On | Typed::Not => {
                    if *purpose == Purpose::Filter {
                        self.model.filter.clone_from(text);
                    }
                    self.model.overlay = Some(overlay);
                }
                Typed::Dropped => {
                    if *purpose == Purpose::Filter {
                        self.model.filter.clear();
                    }
                }
                Typed::Done => {
                    let (purpose, text) = (purpose.clone(), text.trim().to_owned());
                    self.prompted(purpose, &text);
                }
            },
            Overlay::Log { filter, up } => match key.code {
                Code::Up => {
                    *up = up.saturating_add(1).min(crate::tui::model::LOG_MAX);
                    self.model.overlay = Some(overlay);
                }
                Code::PageUp => {
                    *up = up.saturating_add(10).min(crate::tui::model::LOG_MAX);
                    self.model.overlay = Some(overlay);
                }
                Code::Down | Code::PageDown => {
                    *up = up.saturating_sub(if key.code == Code::Down { 1 } else { 10 });
                    self.model.overlay = Some(overlay);
                }
                _ => {
                    if let Typed::On | Typed::Not = type_into(filter, key) {
                        self.model.overlay = Some(overlay);
                    }
                }
            },
            Overlay::Why => match key.code {
                Code::Char('f') => {
                    self.model.overlay = Some(overlay);
                    self.act(Action::Fix);
                }
                Code::Char('u') => {
                    self.model.overlay = Some(overlay);
                    self.act(Action::Undo);
                }
                Code::Esc | Code::Enter | Code::Char('w' | 'q') => {}
                _ => self.over_overlay(overlay, key),
            },
            Overlay::Recording { .. } => match key.code {
                Code::Char('y') => self.change(&["rec.agree"]),
                Code::Char('n' | 'N') => self.change(&["rec.refuse"]),
                Code::Esc => self.say("you are on no track until you say yes: r asks again"),
                // Enter is no answer.
                _ => self.over_overlay(overlay, key),
            },
            Overlay::Invite { .. } | Overlay::Missing => match key.code {
                Code::Esc | Code::Enter | Code::Char('q' | 'i') => {}
                _ => self.over_overlay(overlay, key),
            },
        }
    }

    /// Keys that mean the same over an overlay that takes no text: panic, mic, and the way elsewhere.
    fn over_overlay(&mut self, overlay: Overlay, key: Key) {
        match self.model.keymap.action(self.model.context(), key) {
            Some(action @ (Action::Panic | Action::Mic)) => {
                self.model.overlay = Some(overlay);
                self.act(action);
            }
            Some(
                action
                @ (Action::Show(_) | Action::Palette | Action::Help | Action::Address | Action::Detach),
            ) => {
                self.act(action);
            }
            _ => self.model.overlay = Some(overlay),
        }
    }

    fn after_list(&mut self, overlay: Overlay, stays: bool, run: Option<&'static Entry>) {
        match run {
            Some(entry) => self.act(entry.action),
            None if stays => self.model.overlay = Some(overlay),
            None => {}
        }
    }

    fn prompted(&mut self, purpose: Purpose, text: &str) {
        match purpose {
            Purpose::Filter => self.model.filter = text.to_owned(),
            Purpose::NewJam if text.is_empty() => self.ask_to_join("", &["new"]),
            Purpose::NewJam => self.ask_to_join(text, &["new", &format!("name={text}")]),
            Purpose::Own(field) => self.said_of_me(field, text),
            Purpose::FindTakes => {
                self.model.library.filter = text.to_owned();
                self.look_at_takes();
            }
            Purpose::Take { field, id } => self.typed_of_take(field, &id, text),
            _ if text.is_empty() => {}
            Purpose::Address => {
                self.say("looking for it; others see you come");
                self.ask_to_join(text, &["join", &format!("name={text}")]);
            }
            Purpose::Code { jam } => {
                let words = [format!("name={jam}"), format!("code={text}")];
                self.ask_to_join(&jam, &["join", &words[0], &words[1]]);
            }
        }
    }

    /// Closes the screen; a peer of its own that sits in no jam has nothing left to do.
    pub(super) fn quit(&mut self) {
        self.effects.push(Effect::StopBand);
        let how = if self.model.own_peer { How::EndPeer } else { How::Detach };
        self.effects.push(Effect::Quit(how));
    }
}

/// A key in a filtered list: whether the list stays, and whether its chosen line is done.
fn list_key(filter: &mut String, chosen: &mut usize, count: usize, key: Key) -> (bool, bool) {
    let last = count.saturating_sub(1);
    match key.code {
        Code::Up => *chosen = chosen.saturating_sub(1),
        Code::Down | Code::Tab => *chosen = (*chosen + 1).min(last),
        Code::PageUp => *chosen = chosen.saturating_sub(10),
        Code::PageDown => *chosen = (*chosen + 10).min(last),
        _ => match type_into(filter, key) {
            Typed::On => *chosen = 0,
            Typed::Not => {}
            Typed::Done => return (false, true),
            Typed::Dropped => return (false, false),
        },
    }
    (true, false)
}

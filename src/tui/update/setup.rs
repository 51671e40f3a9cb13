//! The first steps and the audio set-up: every step is right with Enter.

use super::Step;
use super::keys::{Typed, type_into};
use crate::peer::api::Status;
use crate::tui::key::{Code, Key};
use crate::tui::message::Effect;
use crate::tui::model::{Asked, Model, Setup, Step as SetupStep};

/// Blocks that are offered.
pub(in crate::tui) const PERIODS: [u32; 5] = [32, 64, 128, 256, 512];

impl Step<'_> {
    pub(super) fn audio_setup(&mut self) {
        let name = self.model.status.as_ref().map(|status| status.me.name.clone()).unwrap_or_default();
        self.model.setup =
            Some(Setup { step: SetupStep::Device, first: false, chosen: 0, name, loudest: -1_000 });
        self.model.stage = false;
        self.model.round_trip = None;
        self.model.listen_only = false;
        self.ask(Asked::Cards, &["audio.ls"]);
    }

    pub(super) fn first_steps(&mut self) {
        self.audio_setup();
        if let Some(setup) = &mut self.model.setup {
            setup.first = true;
        }
    }

    /// Nothing of one's own is sent from here on, until the set-up is opened again.
    pub(super) fn listen_only(&mut self) {
        self.model.listen_only = true;
        self.end_setup(
            "you only listen: Enter joins a jam, and nobody hears you. The audio set-up changes that",
        );
    }

    /// True if the key was the set-up's.
    pub(super) fn setup_key(&mut self, key: Key) -> bool {
        let count = choices(self.model).len();
        let Some(setup) = &mut self.model.setup else { return false };
        if setup.step == SetupStep::Name {
            return self.name_key(key);
        }
        match key.code {
            Code::Enter => self.next(),
            Code::Backspace => self.back(),
            Code::Esc => {
                self.end_setup("set-up left: nothing was changed by that. A in the lobby brings it back")
            }
            Code::Up => setup.chosen = setup.chosen.saturating_sub(1),
            Code::Down => {
                let count = match setup.step {
                    SetupStep::Device => count,
                    SetupStep::Sound => 1,
                    SetupStep::Level | SetupStep::Name => 0,
                };
                setup.chosen = (setup.chosen + 1).min(count.saturating_sub(1));
            }
            Code::Left if setup.step == SetupStep::Sound => self.period(false),
            Code::Right if setup.step == SetupStep::Sound => self.period(true),
            _ => return false,
        }
        true
    }

    fn name_key(&mut self, key: Key) -> bool {
        let Some(setup) = &mut self.model.setup else { return false };
        match key.code {
            Code::Enter => self.finish(),
            Code::Esc => self.end_setup("set-up left. A in the lobby brings it back"),
            Code::Backspace if setup.name.is_empty() => self.back(),
            _ => return type_into(&mut setup.name, key) == Typed::On,
        }
        true
    }

    fn next(&mut self) {
        if self.model.status.is_none() {
            return self.say("one moment: the peer is starting");
        }
        let choices = choices(self.model);
        let Some(setup) = &mut self.model.setup else { return };
        let chosen = setup.chosen;
        setup.chosen = 0;
        match setup.step {
            SetupStep::Device => {
                setup.step = SetupStep::Level;
                setup.loudest = -1_000;
                let words = choices.into_iter().nth(chosen).map(|choice| choice.words).unwrap_or_default();
                if !words.is_empty() {
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    self.change(&words);
                }
            }
            SetupStep::Level => setup.step = SetupStep::Sound,
            SetupStep::Sound if setup.first => {
                setup.step = SetupStep::Name;
                self.tone_off();
            }
            SetupStep::Sound => {
                self.end_setup("audio set-up done; `jamtty config set` keeps it for the next start")
            }
            SetupStep::Name => self.finish(),
        }
    }

    fn back(&mut self) {
        let Some(setup) = &mut self.model.setup else { return };
        let index = SetupStep::ALL.iter().position(|(step, _)| *step == setup.step).unwrap_or(0);
        setup.step = SetupStep::ALL[index.saturating_sub(1)].0;
        setup.chosen = 0;
        self.look_at_inputs();
    }

    fn finish(&mut self) {
        let Some(setup) = &self.model.setup else { return };
        let name = setup.name.trim().to_owned();
        if !name.is_empty() {
            self.change(&["me.set", &format!("name={name}")]);
        }
        self.end_setup("welcome: Enter joins a jam, n opens one, B plays with the house band");
    }

    fn end_setup(&mut self, words: &str) {
        self.tone_off();
        if self.model.setup.take().is_some_and(|setup| setup.first) {
            self.effects.push(Effect::Welcomed);
        }
        self.say(words);
    }

    fn tone_off(&mut self) {
        if self.model.tone {
            self.ask(Asked::Tone(false), &["audio.test", "off"]);
        }
    }

    fn period(&mut self, longer: bool) {
        let Some(card) = self.model.status.as_ref().and_then(|status| status.card.as_ref()) else { return };
        let now = card.period;
        let next = if longer {
            PERIODS.into_iter().find(|period| *period > now)
        } else {
            PERIODS.into_iter().rev().find(|period| *period < now)
        };
        if let Some(next) = next {
            let order = |samples: u32| vec![vec!["audio.period".to_owned(), samples.to_string()]];
            self.change_with_undo("length of a block".to_owned(), order(next), order(now));
        }
    }
}

/// A card that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) struct Choice {
    /// For people.
    pub(in crate::tui) label: String,
    /// What is good or bad about it.
    pub(in crate::tui) note: &'static str,
    /// The name of its input, if it has one of its own.
    pub(in crate::tui) input: Option<String>,
    /// The request that takes it; empty: nothing is changed.
    pub(in crate::tui) words: Vec<String>,
}

/// The cards worth choosing, the one in use first, and none at all last.
pub(in crate::tui) fn choices(model: &Model) -> Vec<Choice> {
    let mut choices = Vec::new();
    // One that is still being opened is as good as open: Enter must not put another in its place.
    let is_there = |status: &Status| status.card.is_some() || status.card_trouble.is_empty();
    if model.status.as_ref().is_none_or(is_there) {
        choices.push(Choice {
            label: "as it is now".to_owned(),
            note: "found by itself",
            input: None,
            words: Vec::new(),
        });
    }
    for card in model.cards.iter().flat_map(|cards| &cards.cards) {
        let note = match (card.input_channels, card.output_channels) {
            (0, _) => "no input: nobody hears you",
            (_, 0) => "no output",
            _ => "",
        };
        let mut words = vec!["audio.set".to_owned(), format!("host={}", card.host)];
        if card.input_channels > 0 {
            words.push(format!("in={}", card.name));
        }
        if card.output_channels > 0 {
            words.push(format!("out={}", card.name));
        }
        let input = (card.input_channels > 0).then(|| card.name.clone());
        choices.push(Choice { label: format!("{} ({})", card.description, card.host), note, input, words });
    }
    choices.push(Choice {
        label: "no sound card".to_owned(),
        note: "silence in, nothing out",
        input: None,
        words: vec!["audio.set".to_owned(), "null".to_owned()],
    });
    choices
}

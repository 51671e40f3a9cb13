//! Which key does what: the table of actions with the config's changes laid over it.

use std::collections::BTreeMap;

use super::action::{Action, ENTRIES, Entry, Place, Tab};
use super::key::{Code, Key, NONE};

/// Keys as they count in this run.
#[derive(Debug, Clone)]
pub struct Keymap {
    /// Keys of each line of [`ENTRIES`].
    keys: Vec<Vec<Key>>,
    /// Keys of another layout, and the key they stand for.
    translated: BTreeMap<char, char>,
}

/// A change the config asks for: the name of an action, its keys, and where that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Name of the action.
    pub name: String,
    /// Keys as they are written.
    pub keys: Vec<String>,
    /// File and line.
    pub place: String,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = ENTRIES.iter().map(|entry| entry.keys.to_vec()).collect();
        Self { keys, translated: BTreeMap::new() }
    }
}

/// Which screen keys are looked up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// A screen.
    Tab(Tab),
    /// The steps of the set-up.
    Setup,
}

impl Context {
    fn has(self, place: Place) -> bool {
        match (self, place) {
            (_, Place::Everywhere) => true,
            (Self::Tab(tab), Place::On(on)) => tab == on,
            (Self::Setup, Place::Setup) => true,
            (Self::Tab(_) | Self::Setup, Place::On(_) | Place::Setup | Place::Palette) => false,
        }
    }
}

impl Keymap {
    /// The table with the config's changes; each complaint is a line for people.
    #[must_use]
    pub fn with(overrides: &[Override], translate: &BTreeMap<String, String>) -> (Self, Vec<String>) {
        let mut map = Self::default();
        let mut complaints = Vec::new();
        let mut said: BTreeMap<usize, &Override> = BTreeMap::new();
        for change in overrides {
            let Some(index) = ENTRIES.iter().position(|entry| entry.name == change.name) else {
                let near =
                    nearest(&change.name).map_or(String::new(), |near| format!(", did you mean {near}?"));
                complaints.push(format!("{}: no action is called {}{near}", change.place, change.name));
                continue;
            };
            let read: Vec<Option<Key>> = change.keys.iter().map(|text| Key::parse(text)).collect();
            if let Some(bad) = read.iter().position(Option::is_none) {
                complaints.push(format!(
                    "{}: {:?} is no key; keys are written x, Space, PageDown, F5, ctrl-x, or none",
                    change.place, change.keys[bad]
                ));
                continue;
            }
            map.keys[index] = read.into_iter().flatten().filter(|key| *key != NONE).collect();
            said.insert(index, change);
        }
        for (one, other, key) in map.conflicts() {
            let place = |index: usize| {
                let name = ENTRIES[index].name;
                said.get(&index).map_or_else(
                    || format!("{name} (built in)"),
                    |change| format!("{name} ({})", change.place),
                )
            };
            complaints.push(format!(
                "the key {key} is taken twice: by {} and by {}",
                place(one),
                place(other)
            ));
            // The one that was there keeps it: what hands have learned goes on working.
            let loser = if said.contains_key(&other) { other } else { one };
            map.keys[loser].retain(|taken| *taken != key);
        }
        for (from, to) in translate {
            if let (Some(from), Some(to)) = (single(from), single(to)) {
                map.translated.insert(from, to);
            }
        }
        (map, complaints)
    }

    /// Lines of the table that have the same key where both count.
    #[must_use]
    pub fn conflicts(&self) -> Vec<(usize, usize, Key)> {
        let mut found = Vec::new();
        for (one, (entry, keys)) in ENTRIES.iter().zip(&self.keys).enumerate() {
            let others = ENTRIES.iter().zip(&self.keys).enumerate().skip(one + 1);
            for (other, (_, taken)) in others.filter(|(_, (other, _))| overlap(entry.place, other.place)) {
                found.extend(keys.iter().filter(|key| taken.contains(key)).map(|key| (one, other, *key)));
            }
        }
        found
    }

    /// What a key does on this screen.
    #[must_use]
    pub fn action(&self, context: Context, key: Key) -> Option<Action> {
        let key = self.latin(key);
        let mut bound = ENTRIES.iter().zip(&self.keys);
        bound
            .find(|(entry, keys)| context.has(entry.place) && keys.contains(&key))
            .map(|(entry, _)| entry.action)
    }

    /// The key of the user's layout as the table knows it.
    fn latin(&self, key: Key) -> Key {
        match key.code {
            Code::Char(c) => Key { code: Code::Char(*self.translated.get(&c).unwrap_or(&c)), ..key },
            _ => key,
        }
    }

    /// Keys of a line of the table.
    #[must_use]
    pub fn keys_of(&self, entry: &Entry) -> &[Key] {
        let index = ENTRIES.iter().position(|one| one.name == entry.name);
        index.map_or(&[], |index| &self.keys[index])
    }

    /// The first key that does `action` on this screen, as it is shown.
    #[must_use]
    pub fn shown(&self, context: Context, action: Action) -> Option<String> {
        let mut bound = ENTRIES.iter().zip(&self.keys);
        bound
            .find(|(entry, keys)| entry.action == action && context.has(entry.place) && !keys.is_empty())
            .and_then(|(_, keys)| keys.first())
            .map(ToString::to_string)
    }

    /// Lines of the table that count on this screen: its own first, then those that count everywhere.
    pub fn lines(&self, context: Context) -> impl Iterator<Item = &'static Entry> {
        let own =
            ENTRIES.iter().filter(move |entry| entry.place != Place::Everywhere && context.has(entry.place));
        own.chain(ENTRIES.iter().filter(|entry| entry.place == Place::Everywhere))
    }
}

fn single(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// Whether there is a screen where both count.
fn overlap(one: Place, other: Place) -> bool {
    match (one, other) {
        (Place::Palette, _) | (_, Place::Palette) => false,
        (Place::Everywhere, _) | (_, Place::Everywhere) => true,
        (one, other) => one == other,
    }
}

/// The action whose name is most like `name`.
fn nearest(name: &str) -> Option<&'static str> {
    let likeness = |entry: &&Entry| strsim::jaro_winkler(entry.name, name);
    let best = ENTRIES.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) >= 0.8).then_some(best.name)
}

/// Keys that multiplexers and terminals take for themselves, or that are the same bytes as others.
pub const CTRL_CLASHES: &str = "abgptnohsqjmi[";

/// Keys that no action may have by default.
#[must_use]
pub fn is_risky(key: Key) -> bool {
    match key.code {
        Code::Char(c) if key.ctrl => CTRL_CLASHES.contains(c),
        // Need AltGr on many layouts.
        Code::Char(c) => "[]{}\\|@~".contains(c),
        Code::F(number) => number >= 10,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_taken_twice_and_no_screen_takes_one_of_all_screens() {
        assert_eq!(Keymap::default().conflicts(), []);
    }

    #[test]
    fn default_keys_work_on_every_layout_and_in_every_multiplexer() {
        for entry in ENTRIES {
            for key in entry.keys {
                assert!(!is_risky(*key), "{}: {key}", entry.name);
            }
        }
    }

    #[test]
    fn every_action_has_a_name_of_its_own_and_words() {
        for (index, entry) in ENTRIES.iter().enumerate() {
            assert!(ENTRIES[..index].iter().all(|other| other.name != entry.name), "{}", entry.name);
            assert!(!entry.what.is_empty() && !entry.what.ends_with('.'), "{}", entry.name);
            let room = if entry.keys.is_empty() { 46 } else { 26 };
            assert!(entry.what.len() <= room, "{}: too long for the help", entry.name);
            assert!(entry.hint.is_empty() || !entry.keys.is_empty(), "{}: a hint without a key", entry.name);
        }
    }

    #[test]
    fn panic_is_one_key_and_never_esc() {
        let map = Keymap::default();
        for tab in Tab::ALL {
            assert_eq!(map.action(Context::Tab(tab), Key::char('x')), Some(Action::Panic));
            assert_eq!(map.action(Context::Tab(tab), Key::char(' ')), Some(Action::Mic));
            assert_eq!(map.action(Context::Tab(tab), Key::plain(Code::Esc)), Some(Action::Close));
        }
    }

    fn change(name: &str, keys: &[&str], line: usize) -> Override {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        Override { name: name.to_owned(), keys, place: format!("config.toml:{line}") }
    }

    #[test]
    fn a_pedal_is_a_key_like_any() {
        let (map, complaints) = Keymap::with(&[change("mic", &["Space", "PageDown"], 3)], &BTreeMap::new());
        assert_eq!(complaints, Vec::<String>::new());
        assert_eq!(map.action(Context::Tab(Tab::Jam), Key::plain(Code::PageDown)), Some(Action::Mic));
    }

    #[test]
    fn a_conflict_names_both_places_and_the_old_key_goes_on() {
        let changes = [change("chat", &["x"], 3), change("mute", &["y"], 4), change("solo", &["y"], 5)];
        let (map, complaints) = Keymap::with(&changes, &BTreeMap::new());
        let text = complaints.join("\n");
        assert!(text.contains("panic (built in)") && text.contains("chat (config.toml:3)"), "{text}");
        assert!(text.contains("config.toml:4") && text.contains("config.toml:5"), "{text}");
        assert_eq!(map.action(Context::Tab(Tab::Jam), Key::char('x')), Some(Action::Panic));
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_place() {
        let changes =
            [change("chatt", &["y"], 1), change("mic", &["Spaace"], 2), change("mute", &["none"], 3)];
        let (map, complaints) = Keymap::with(&changes, &BTreeMap::new());
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(
            complaints[0].contains("did you mean chat?") && complaints[1].contains("Spaace"),
            "{complaints:?}"
        );
        assert_eq!(map.action(Context::Tab(Tab::Jam), Key::char('m')), None);
    }

    #[test]
    fn another_layout_reaches_the_same_actions() {
        let translate = BTreeMap::from([("ч".to_owned(), "x".to_owned())]);
        let (map, _) = Keymap::with(&[], &translate);
        assert_eq!(map.action(Context::Tab(Tab::Me), Key::char('ч')), Some(Action::Panic));
    }
}

//! Arguments of a request, and the people they name.

use crate::domain::peer_id::PeerId;
use crate::peer::api::{ACTIONS, ErrorCode, ErrorReply};
use crate::peer::model::Model;

/// Arguments in order, options by name.
pub(super) struct Args<'a> {
    action: &'a str,
    words: std::collections::VecDeque<&'a str>,
    options: Vec<(&'a str, &'a str)>,
}

impl<'a> Args<'a> {
    /// Tells `key=value` of the action's `keys` from words.
    pub(super) fn new(action: &'a str, args: &'a [String], keys: &[&str]) -> Self {
        let mut words = std::collections::VecDeque::new();
        let mut options = Vec::new();
        for arg in args {
            match arg.split_once('=') {
                Some((key, value)) if keys.contains(&key) => options.push((key, value)),
                _ => words.push_back(arg.as_str()),
            }
        }
        Self { action, words, options }
    }

    /// The next word, if there is one.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        self.words.pop_front()
    }

    /// The next word.
    pub(super) fn need(&mut self, what: &str) -> Result<&'a str, ErrorReply> {
        self.word().ok_or_else(|| usage(self.action, &format!("{what} is missing")))
    }

    /// The next word as a number.
    pub(super) fn number(&mut self, what: &str) -> Result<f32, ErrorReply> {
        let text = self.need(what)?;
        text.parse::<f32>()
            .ok()
            .filter(|number| number.is_finite())
            .ok_or_else(|| usage(self.action, &format!("{what} is a number, not {text:?}")))
    }

    /// Takes this word out, wherever it stands.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        let found = self.words.iter().position(|word| *word == name);
        found.is_some_and(|index| self.words.remove(index).is_some())
    }

    /// All words that are left, with spaces between.
    pub(super) fn rest(&mut self) -> String {
        std::mem::take(&mut self.words).into_iter().collect::<Vec<_>>().join(" ")
    }

    /// The value of an option; the last one counts.
    pub(super) fn option(&self, key: &str) -> Option<&'a str> {
        self.options.iter().rev().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    /// Nothing is left over.
    pub(super) fn end(&mut self) -> Result<(), ErrorReply> {
        match self.word() {
            None => Ok(()),
            Some(word) => Err(usage(self.action, &format!("{word:?} is one word too many"))),
        }
    }
}

/// The action is asked for in a way it is not made for.
pub(super) fn usage(action: &str, why: &str) -> ErrorReply {
    let args = ACTIONS.iter().find(|spec| spec.name == action).map_or("", |spec| spec.args);
    let remedy = if args.is_empty() {
        format!("It takes none: {action}")
    } else {
        format!("Use it as: {action} {args}")
    };
    ErrorReply::new(ErrorCode::Usage, format!("`{action}` is not understood"), why, remedy)
}

/// No action has this name.
pub(super) fn no_such_action(name: &str) -> ErrorReply {
    let name = crate::domain::name::safe_line(name, 40);
    let remedy = nearest(&name, ACTIONS.iter().map(|spec| spec.name))
        .map_or_else(|| "`jamtty do --help` lists them".to_owned(), |near| format!("Did you mean `{near}`?"));
    ErrorReply::new(ErrorCode::Usage, format!("there is no action `{name}`"), "", remedy)
}

/// The candidate that is most like `text`, if one is.
pub(super) fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(&text.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Where a person is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    /// Others in the jam.
    Jam,
    /// Anyone we have heard of.
    Everyone,
}

/// The person meant by a name, the beginning of a name, a key or a fingerprint.
pub(super) fn find_peer(model: &Model, text: &str, among: Among) -> Result<PeerId, ErrorReply> {
    let mut pool: Vec<PeerId> = model
        .jam
        .iter()
        .flat_map(|jam| jam.roster.iter().map(|one| one.peer))
        .filter(|peer| *peer != model.setup.me)
        .collect();
    if among == Among::Everyone {
        pool.extend(model.people.keys().chain(model.setup.blocked.keys()));
        pool.sort_unstable();
        pool.dedup();
        if let Ok(peer) = text.parse() {
            return Ok(peer);
        }
    }
    find_in(model, text, &pool).map_err(|close| {
        let text = crate::domain::name::safe_line(text, 40);
        match close {
            Close::Many(names) => ErrorReply::new(
                ErrorCode::Usage,
                format!("more than one person is called {text}"),
                names.join(", "),
                "Name one by key or fingerprint, or with more letters",
            ),
            Close::None(near) => {
                let place = if among == Among::Jam { "in this jam" } else { "known here" };
                let remedy = near.map_or("`jamtty status` lists who is here".to_owned(), |near| {
                    format!("Did you mean {near}?")
                });
                ErrorReply::new(ErrorCode::NotFound, format!("nobody {place} is called {text}"), "", remedy)
            }
        }
    })
}

/// Why nobody was found.
pub(super) enum Close {
    /// These are all called so.
    Many(Vec<String>),
    /// Nobody is; this one comes near.
    None(Option<String>),
}

/// As [`find_peer`], among these.
pub(super) fn find_in(model: &Model, text: &str, pool: &[PeerId]) -> Result<PeerId, Close> {
    let wanted = text.to_lowercase();
    let named: Vec<(PeerId, String)> =
        pool.iter().map(|peer| (*peer, model.name_of(*peer).to_string())).collect();
    let by = |test: &dyn Fn(&PeerId, &str) -> bool| -> Vec<PeerId> {
        named.iter().filter(|(peer, name)| test(peer, name)).map(|(peer, _)| *peer).collect()
    };
    let exact = by(&|peer, name| {
        name == text || peer.to_string() == wanted || peer.fingerprint().to_lowercase() == wanted
    });
    let same = || by(&|_, name| name.to_lowercase() == wanted);
    let begins = || by(&|_, name| !wanted.is_empty() && name.to_lowercase().starts_with(&wanted));
    let found = [exact, same(), begins()].into_iter().find(|found| !found.is_empty()).unwrap_or_default();
    match found[..] {
        [peer] => Ok(peer),
        [] => Err(Close::None(nearest(text, named.iter().map(|(_, name)| name.as_str())).map(str::to_owned))),
        _ => Err(Close::Many(
            found.iter().map(|peer| format!("{} {}", model.name_of(*peer), peer.fingerprint())).collect(),
        )),
    }
}

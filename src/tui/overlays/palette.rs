//! Every action by its words, with its key beside it so that hands learn it.

use super::middle;
use crate::tui::action::{ENTRIES, Entry};
use crate::tui::canvas::{Canvas, fit, tail};
use crate::tui::look::Role;
use crate::tui::model::Model;
use crate::tui::mouse::Target;

/// How well `text` fits what was typed: the letters in order, better at the beginnings of words and in a row.
#[must_use]
pub(super) fn score(text: &str, typed: &str) -> Option<i32> {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let mut total = 0;
    let mut at = 0;
    let mut last: Option<usize> = None;
    for wanted in typed.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let found = at + text[at..].iter().position(|c| *c == wanted)?;
        // A word's beginning further on is meant rather than a letter in the middle of this one.
        let begins = |index: usize| index == 0 || !text[index - 1].is_alphanumeric();
        let better = (found..text.len()).find(|index| text[*index] == wanted && begins(*index));
        let place = match (last, better) {
            (Some(last), _) if found == last + 1 => found,
            (_, Some(better)) => better,
            _ => found,
        };
        total += match last {
            Some(last) if place == last + 1 => 8,
            _ if begins(place) => 6,
            _ => 1,
        };
        total -= i32::try_from(place - at).unwrap_or(0).min(3);
        last = Some(place);
        at = place + 1;
    }
    Some(total)
}

/// Lines that fit, best first.
#[must_use]
pub(in crate::tui) fn matches(_model: &Model, filter: &str) -> Vec<&'static Entry> {
    let mut found: Vec<(i32, &'static Entry)> = ENTRIES
        .iter()
        .filter_map(|entry| Some((score(entry.what, filter).max(score(entry.name, filter))?, entry)))
        .collect();
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.into_iter().map(|(_, entry)| entry).collect()
}

/// Draws it.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, filter: &str, chosen: usize) {
    let lines = matches(model, filter);
    let mut part = middle(canvas, 66, 18);
    let mut inside = part.boxed("Do", &format!("{} of {}", lines.len(), ENTRIES.len()));
    let (width, height) = (inside.width(), inside.height());
    inside.text(1, 0, width, &format!(": {}_", tail(filter, 40)), Role::Key);
    inside.rule(0, 1, width, Role::Frame);
    let rows = usize::from(height.saturating_sub(3));
    let first = chosen.saturating_sub(rows.saturating_sub(1));
    for (y, (index, entry)) in (2_u16..).zip(lines.iter().enumerate().skip(first).take(rows)) {
        let mark = if index == chosen { "> " } else { "  " };
        let key = model.keymap.keys_of(entry).first().map_or_else(String::new, ToString::to_string);
        let room = usize::from(width).saturating_sub(14);
        let line = format!(" {mark}{} {key:>9} ", fit(entry.what, room));
        inside.target(0, y, width, 1, Target::Line(index));
        inside.text(0, y, width, &line, if index == chosen { Role::Chosen } else { Role::Text });
    }
    if lines.is_empty() {
        inside.text(3, 2, width, "no action by that name; Ctrl-U clears", Role::Dim);
    }
    inside.text(
        1,
        height.saturating_sub(1),
        width,
        "Enter run   up/down pick   Ctrl-U clear   Esc close",
        Role::Dim,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_finds_what_is_meant() {
        let best = |typed: &str| {
            let mut all: Vec<_> =
                ENTRIES.iter().filter_map(|entry| Some((score(entry.what, typed)?, entry.name))).collect();
            all.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
            all.first().map(|(_, name)| *name)
        };
        assert_eq!(best("solo"), Some("solo"));
        assert_eq!(best("pcm24"), Some("codec_pcm24"));
        assert_eq!(best("invite"), Some("invite"));
        assert_eq!(best("stage"), Some("stage"));
        assert_eq!(score("my mic", "xyz"), None);
        assert_eq!(score("漢字", "字"), Some(0));
    }
}

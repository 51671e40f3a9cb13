//! Keys of this screen first, then those of every screen; typing filters, Enter does the line.

use super::middle;
use super::palette::score;
use crate::tui::action::{Action, Entry, Place};
use crate::tui::canvas::{Canvas, fit};
use crate::tui::look::Role;
use crate::tui::model::Model;
use crate::tui::mouse::Target;

/// Signs, for the foot of the help.
const SIGNS: [&str; 2] = [
    "A to 10 ms, tight   B to 25, same stage   C to 45, slow tunes   D take turns",
    "shaded over -12 dB, | peak, CLIP until cleared   LIVE heard  MUTED not heard",
];

/// What is seen on every screen anyway; typing finds it all the same.
const fn is_plain(action: Action) -> bool {
    matches!(action, Action::Show(_) | Action::PreviousTab | Action::Redraw | Action::Close)
}

/// Lines that pass the filter; those without a key are the palette's.
#[must_use]
pub(in crate::tui) fn matches(model: &Model, filter: &str) -> Vec<&'static Entry> {
    let lines = model.keymap.lines(model.context()).filter(|entry| !model.keymap.keys_of(entry).is_empty());
    lines
        .filter(|entry| {
            if filter.is_empty() {
                !is_plain(entry.action)
            } else {
                score(entry.what, filter).is_some() || keys(model, entry) == filter
            }
        })
        .collect()
}

fn keys(model: &Model, entry: &Entry) -> String {
    // A screen's second key is for another layout: who has that finds it under the digit.
    let most = if matches!(entry.action, Action::Show(_)) { 1 } else { 2 };
    let keys = model.keymap.keys_of(entry).iter().filter(|key| key.to_string().is_ascii());
    keys.take(most).map(ToString::to_string).collect::<Vec<_>>().join("  ")
}

/// Draws it.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, filter: &str, chosen: usize) {
    let where_ = if model.setup.is_some() { "set-up" } else { model.tab.name() };
    let mut part = middle(canvas, 80, 26);
    let mut inside =
        part.boxed(&format!("Help: {where_}"), "type to filter   Enter does the line   Esc closes");
    let (width, height) = (inside.width(), inside.height());
    let lines = matches(model, filter);
    let signs =
        if filter.is_empty() && height >= 16 { u16::try_from(SIGNS.len()).unwrap_or(0) + 1 } else { 0 };
    let rows = height.saturating_sub(signs + 1);
    // Two columns where there is room: all of it is seen at once.
    let across: u16 = if width >= 70 { 2 } else { 1 };
    let shown = usize::from(rows * across);
    let first = chosen.saturating_sub(shown.saturating_sub(1));
    let column = width / across;
    if filter.is_empty() {
        inside.text(1, 0, width, "this screen first, then every screen", Role::Dim);
    } else {
        inside.text(1, 0, width, &format!("/ {filter}_   {} found", lines.len()), Role::Key);
    }
    for (place, (index, entry)) in lines.iter().enumerate().skip(first).take(shown).enumerate() {
        let place = u16::try_from(place).unwrap_or(u16::MAX);
        let (x, y) = (place / rows.max(1) * column, 1 + place % rows.max(1));
        let mark = if index == chosen { ">" } else { " " };
        let own = if entry.place == Place::Everywhere { Role::Text } else { Role::Fine };
        let role = if index == chosen { Role::Chosen } else { own };
        let key_columns = if across == 2 { 9 } else { 14 };
        let line = format!("{mark}{} {}", fit(&keys(model, entry), key_columns), entry.what);
        inside.target(x, y, column.saturating_sub(1), 1, Target::Line(index));
        inside.text(x, y, column.saturating_sub(1), &fit(&line, usize::from(column.saturating_sub(1))), role);
    }
    if signs > 0 {
        for (y, text) in (height - signs + 1..).zip(SIGNS) {
            inside.text(1, y, width.saturating_sub(1), text, Role::Dim);
        }
    }
}

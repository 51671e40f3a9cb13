//! Who you are and what of it others see, and what is kept where.

use super::lobby::first_row;
use super::words::tint;
use crate::domain::sharing::Field;
use crate::peer::api::Me;
use crate::tui::action::{Action, Tab};
use crate::tui::canvas::{Canvas, fit, wrapped};
use crate::tui::keymap::Context;
use crate::tui::look::Role;
use crate::tui::model::Model;
use crate::tui::mouse::Target;

/// Columns of what a line is called.
const LABEL: u16 = 11;
/// Columns of `only here`.
const MARK: u16 = 9;
/// Below this there is room for the own card only.
const BOTH: u16 = 60;

/// Draws it.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let left = if width < BOTH { width } else { (width / 2).max((width * 3 / 5).min(46)) };
    let top = if height < 14 { height } else { 10 };
    let mut part = canvas.part(0, 0, left, top);
    let share = key(model, Action::Share);
    let mut inside = part.boxed("Who you are", &format!("{share} shared or only here"));
    card(model, &mut inside);
    rights(&mut canvas.part(0, top, left, height - top));
    kept(model, &mut canvas.part(left, 0, width - left, height));
}

/// The fields of the card, each with its key and whether others see it.
fn card(model: &Model, canvas: &mut Canvas<'_>) {
    let Some(status) = &model.status else { return };
    let me = &status.me;
    let (width, rows) = (canvas.width(), usize::from(canvas.height()));
    let value_room = width.saturating_sub(1 + LABEL + 3 + MARK + 1);
    let chosen = model.chosen(Tab::Me, Field::ALL.len());
    let first = first_row(chosen, rows, Field::ALL.len());
    let mut y = 0;
    for (index, field) in Field::ALL.into_iter().enumerate().skip(first).take(rows) {
        let is_chosen = index == chosen;
        let role = if is_chosen { Role::Key } else { Role::Text };
        canvas.target(0, y, width, 1, Target::Line(index));
        canvas.text(0, y, 1, if is_chosen { ">" } else { " " }, Role::Key);
        canvas.text(1, y, LABEL, field.as_str(), if is_chosen { Role::Key } else { Role::Dim });
        let value = value(me, field);
        canvas.text(1 + LABEL, y, value_room, &fit(&value, usize::from(value_room)), role);
        if matches!(field, Field::Name | Field::Colour) {
            tint(canvas, (1 + LABEL, y), usize::from(value_room), &value, me.colour.as_deref());
        }
        let x = 1 + LABEL + value_room + 1;
        canvas.text(x, y, 1, &key(model, action(field)), Role::Key);
        let (mark, role) =
            if me.shares(field.as_str()) { ("shared", Role::Dim) } else { ("only here", Role::Key) };
        canvas.text(x + 2, y, MARK, mark, role);
        y += 1;
    }
    let jam = status.jam.as_ref().map_or("in no jam", |jam| jam.name.as_str());
    let name = if me.shares(Field::Name.as_str()) { "" } else { "as name" };
    for (label, value, mark) in
        [("key", me.fingerprint.as_str(), name), ("where", jam, ""), ("visible", "on this network only", "")]
    {
        canvas.text(1, y, LABEL, label, Role::Dim);
        // Without a mark there is all of the line.
        let room = if mark.is_empty() { width.saturating_sub(1 + LABEL) } else { value_room };
        canvas.text(1 + LABEL, y, room, value, Role::Text);
        canvas.text(1 + LABEL + value_room + 3, y, MARK, mark, Role::Dim);
        y += 1;
    }
}

fn value(me: &Me, field: Field) -> String {
    let or = |text: &str, nothing: &str| if text.is_empty() { nothing.to_owned() } else { text.to_owned() };
    match field {
        Field::Name => me.name.clone(),
        Field::Plays => or(&me.plays.join(", "), "(nothing said)"),
        Field::Interests => or(&me.interests.join(", "), "(nothing said)"),
        Field::Colour => or(me.colour.as_deref().unwrap_or_default(), "(none)"),
        Field::Avatar => or(me.avatar.as_deref().unwrap_or_default(), "(none)"),
    }
}

/// What changes a field.
const fn action(field: Field) -> Action {
    match field {
        Field::Name => Action::EditName,
        Field::Plays => Action::EditPlays,
        Field::Interests => Action::EditInterests,
        Field::Colour => Action::NextColour,
        Field::Avatar => Action::EditAvatar,
    }
}

fn key(model: &Model, action: Action) -> String {
    model.keymap.shown(Context::Tab(Tab::Me), action).unwrap_or_default()
}

/// What we promise, and what we cannot.
const RIGHTS: [&str; 4] = [
    "No account, no server, no telemetry. Your key never leaves this device, nor does what is only here.",
    "Sound goes only to people in your jam, encrypted for each.",
    "b in the lobby blocks a person: you never meet again.",
    "What we cannot do: take back what others have already heard.",
];

fn rights(canvas: &mut Canvas<'_>) {
    let mut inside = canvas.boxed("Your rights", "");
    let room = inside.width().saturating_sub(2);
    let blocks = RIGHTS.map(|words| wrapped(words, usize::from(room)));
    let lines: usize = blocks.iter().map(Vec::len).sum();
    // Without the gaps before without the last words.
    let gap = u16::from(lines + blocks.len() <= usize::from(inside.height()));
    let mut y = gap;
    for block in &blocks {
        for line in block {
            inside.text(1, y, room, line, Role::Text);
            y += 1;
        }
        y += gap;
    }
}

fn kept(model: &Model, canvas: &mut Canvas<'_>) {
    let title = if canvas.width() < 27 { "What is kept" } else { "What is kept, and where" };
    let mut inside = canvas.boxed(title, "");
    let room = inside.width().saturating_sub(2);
    let mut y = 0;
    for (what, path) in &model.kept {
        inside.text(1, y, room, what, Role::Dim);
        y += 1;
        // Whole, to be found by hand.
        for line in wrapped(path, usize::from(room.saturating_sub(2))) {
            inside.text(3, y, room.saturating_sub(2), &line, Role::Text);
            y += 1;
        }
    }
    y += 1;
    for line in wrapped(
        "The log holds no sound and no chat. Chat is kept nowhere: it goes with this screen.",
        usize::from(room),
    ) {
        inside.text(1, y, room, &line, Role::Dim);
        y += 1;
    }
    let names: Vec<&str> =
        model.people().iter().filter(|one| !one.you).map(|one| one.name.as_str()).collect();
    let sent = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
    // All of them: who hears you is not cut short.
    for line in wrapped(&format!("Your sound goes to: {sent}"), usize::from(room)) {
        y += 1;
        inside.text(1, y, room, &line, Role::Text);
    }
}

//! What others see of you, and what is kept where.

use crate::tui::canvas::{Canvas, wrapped};
use crate::tui::look::Role;
use crate::tui::model::Model;

/// Draws it.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let left = width / 2;
    let top = 9.min(height);
    let mut part = canvas.part(0, 0, left, top);
    let mut inside = part.boxed("What others see", "");
    let room = inside.width().saturating_sub(2);
    if let Some(status) = &model.status {
        let me = &status.me;
        let plays = if me.plays.is_empty() { "(nothing said)".to_owned() } else { me.plays.join(", ") };
        let jam = status.jam.as_ref().map_or("in no jam", |jam| jam.name.as_str());
        let rows = [
            ("name", me.name.as_str(), "e"),
            ("plays", &plays, "i"),
            ("key", &me.fingerprint, ""),
            ("where", jam, ""),
            ("visible", "on this network only", ""),
        ];
        for (y, (label, value, key)) in (1..).zip(rows) {
            inside.text(1, y, 11, label, Role::Dim);
            inside.text(12, y, room.saturating_sub(14), value, Role::Text);
            inside.text(room, y, 2, key, Role::Key);
        }
    }
    let mut part = canvas.part(0, top, left, height - top);
    let mut inside = part.boxed("Your rights", "");
    let room = inside.width().saturating_sub(2);
    let mut y = 1;
    for words in [
        "No account, no server, no telemetry. Your key never leaves this device.",
        "Sound goes only to people in your jam, encrypted for each.",
        "b in the lobby blocks a person: you never meet again.",
        "What we cannot do: take back what others have already heard.",
    ] {
        for line in wrapped(words, usize::from(room)) {
            inside.text(1, y, room, &line, Role::Text);
            y += 1;
        }
        y += 1;
    }
    let mut part = canvas.part(left, 0, width - left, height);
    let mut inside = part.boxed("What is kept, and where", "");
    let room = inside.width().saturating_sub(2);
    let mut y = 1;
    for (what, path) in &model.kept {
        inside.text(1, y, room, what, Role::Dim);
        inside.text(3, y + 1, room.saturating_sub(2), path, Role::Text);
        y += 2;
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
    inside.text(1, y + 1, room, &format!("your sound goes to   {sent}"), Role::Text);
}

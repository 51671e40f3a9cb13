//! Small terminals: the jam in rows without details down to 40 columns, one line below that.

use super::frame::{lamp, rec_lamp, vitals};
use super::jam::state;
use super::words::{grade_of, grade_text, tint};
use crate::tui::action::Tab;
use crate::tui::canvas::{Canvas, fit};
use crate::tui::look::Role;
use crate::tui::meters::Source;
use crate::tui::model::Model;
use crate::tui::mouse::Target;
use crate::tui::widgets::meter;

/// One line with what must be known.
pub(super) fn one_line(model: &Model, canvas: &mut Canvas<'_>) {
    let (word, role) = lamp(model);
    let width = canvas.width();
    let mut used = canvas.text(0, 0, width, word, role);
    if let Some((rec, role)) = rec_lamp(model) {
        used += 1 + canvas.text(used + 1, 0, width.saturating_sub(used + 1), &rec, role);
    }
    let rest = match &model.toast {
        Some(toast) => format!(" {}", toast.text),
        None => format!(
            " {} | Space mic x PANIC",
            vitals(model)
                .replace("   ", " ")
                .replace(" dB", "")
                .replace(" ms", "")
                .replace("xruns ", "xr")
                .replace("hid ", "hid")
        ),
    };
    canvas.text(used, 0, width.saturating_sub(used), &rest, Role::Text);
}

/// The jam in one row a player.
pub(super) fn jam(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let name = model.status.as_ref().and_then(|status| status.jam.as_ref()).map_or("", |jam| &jam.name);
    let title = canvas.text(1, 0, width, "[2 Jam]", Role::Key) + 1;
    canvas.text(title + 2, 0, width.saturating_sub(title + 16), name, Role::Text);
    let people = model.people();
    let chosen = model.chosen(Tab::Jam, people.len() + 1);
    // Head, output, a line of chat, two feet; what is left is for people.
    let rows = usize::from(height.saturating_sub(5));
    let first = super::lobby::first_row(chosen.min(people.len().saturating_sub(1)), rows, people.len());
    let link_at = width.saturating_sub(9);
    let wide = width >= 56;
    let state_at = link_at.saturating_sub(7);
    let fader_at = if wide { state_at.saturating_sub(8) } else { state_at };
    let cells = fader_at.saturating_sub(9);
    let mut y = 1;
    for (index, one) in people.iter().enumerate().skip(first).take(rows) {
        canvas.target(0, y, width, 1, Target::Strip(index));
        let mark = if index == chosen { ">" } else { " " };
        let who = if one.you { "You" } else { &one.name };
        let role = if index == chosen { Role::Key } else { Role::Text };
        canvas.text(0, y, 8, &format!(" {mark}{}", fit(who, 5)), role);
        tint(canvas, (2, y), 5, who, one.colour.as_deref());
        let reading = if one.you {
            model.meters.get(&Source::Input)
        } else {
            one.path.and(model.meters.get(&Source::Person(one.key.clone())))
        };
        meter::draw(canvas, 8, y, cells, reading);
        if let Some(strip) = one.strip.as_ref().filter(|_| wide) {
            canvas.text(fader_at, y, 7, meter::gain_text(strip.gain_db).trim_end_matches("dB"), Role::Text);
        }
        let (text, role) = state(model, one);
        canvas.text(state_at, y, 6, &text, role);
        if let Some(link) = model.link(&one.key) {
            let grade = grade_of(model, link);
            canvas.text(link_at, y, 8, &grade_text(&grade), grade.role);
        }
        y += 1;
    }
    canvas.target(0, y, width, 1, Target::Strip(people.len()));
    let output = model.meters.get(&Source::Output);
    let mark = if model.master_chosen() { ">" } else { " " };
    canvas.text(0, y, 8, &format!("{mark}OUT"), Role::Text);
    meter::draw(canvas, 8, y, cells, output);
    if let Some(status) = model.status.as_ref().filter(|_| wide) {
        canvas.text(fader_at, y, 7, meter::gain_text(status.master_db).trim_end_matches("dB"), Role::Text);
    }
    let left = height.saturating_sub(y + 3);
    super::jam::chat(model, &mut canvas.part(0, y + 1, width, left), false);
}

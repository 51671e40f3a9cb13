//! What lies over a screen: help, palette, questions, one line to be typed.

mod boxes;
pub(in crate::tui) mod help;
pub(in crate::tui) mod palette;

use super::canvas::Canvas;
use super::model::{Model, Overlay};

/// Draws what is open, if anything is.
pub(in crate::tui) fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let Some(overlay) = &model.overlay else { return };
    match overlay {
        Overlay::Help { filter, chosen } => help::draw(model, canvas, filter, *chosen),
        Overlay::Palette { filter, chosen } => palette::draw(model, canvas, filter, *chosen),
        Overlay::Confirm { question, .. } => boxes::confirm(canvas, question),
        Overlay::Recording { question } => boxes::recording(canvas, question),
        Overlay::Prompt { purpose, text } => boxes::prompt(canvas, purpose, text),
        Overlay::Invite { ticket, qr } => boxes::invite(canvas, ticket, qr),
        Overlay::Missing => boxes::missing(model, canvas),
        Overlay::Why => boxes::why(model, canvas),
        Overlay::Log { filter, up } => boxes::log(model, canvas, filter, *up),
    }
}

/// A blank box in the middle, inside the head and the feet, at most this large.
fn middle<'a>(canvas: &'a mut Canvas<'_>, width: u16, height: u16) -> Canvas<'a> {
    let room = canvas.height().saturating_sub(3);
    let (width, height) = (width.min(canvas.width()), height.min(room));
    let (x, y) = ((canvas.width() - width) / 2, 1 + (room - height) / 2);
    let mut part = canvas.part(x, y, width, height);
    part.clear();
    part
}

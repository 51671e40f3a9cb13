//! One file a screen: each draws the model into a canvas, and changes nothing.

mod doctor;
mod frame;
mod jam;
mod jam_side;
pub(in crate::tui) mod later;
mod library;
mod lobby;
mod me;
mod setup;
mod small;
mod stage;
pub(in crate::tui) mod words;

#[cfg(test)]
mod tests;

pub(in crate::tui) use doctor::why;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::action::Tab;
use super::canvas::Canvas;
use super::model::Model;
use super::mouse::{Target, Targets};
use super::overlays;

/// Fewer columns or rows than these get the small layout.
pub const FULL: (u16, u16) = (80, 20);
/// Fewer than these get one line.
pub const SMALL: (u16, u16) = (40, 8);
/// From here on there is room for details beside.
pub const WIDE: (u16, u16) = (110, 30);

/// Draws everything. The buffer is blank before.
pub fn draw(model: &Model, buffer: &mut Buffer) {
    draw_on(model, &mut Canvas::new(buffer, model.look));
}

/// What a click there would be about. Drawn once more to find out: clicks are rare, and what is looked for is what is
/// seen.
#[must_use]
pub(in crate::tui) fn target(model: &Model, column: u16, row: u16) -> Option<Target> {
    let mut buffer = Buffer::empty(Rect::new(0, 0, model.size.0, model.size.1));
    let targets = Targets::default();
    draw_on(model, &mut Canvas::with_targets(&mut buffer, model.look, &targets));
    targets.at(column, row)
}

fn draw_on(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    if width < SMALL.0 || height < SMALL.1 {
        small::one_line(model, canvas);
        return;
    }
    let full = width >= FULL.0 && height >= FULL.1;
    if model.stage {
        stage::draw(model, canvas);
    } else if !full && model.setup.is_none() && model.tab == Tab::Jam && model.in_jam() {
        small::jam(model, canvas);
    } else {
        frame::draw(model, canvas);
        let mut inside = canvas.part(0, 1, width, height - 3);
        if model.setup.is_some() {
            setup::draw(model, &mut inside);
        } else {
            match model.tab {
                Tab::Lobby => lobby::draw(model, &mut inside),
                Tab::Jam if model.in_jam() => jam::draw(model, &mut inside),
                Tab::Jam => jam::nowhere(model, &mut inside),
                Tab::Library => library::draw(model, &mut inside),
                Tab::Tinies | Tab::Board => later::draw(model.tab, &mut inside),
                Tab::Me => me::draw(model, &mut inside),
                Tab::Doctor => doctor::draw(model, &mut inside),
            }
        }
    }
    if model.overlay.is_some() {
        canvas.forget_targets();
    }
    frame::feet(model, canvas);
    overlays::draw(model, canvas);
    // Over everything: what people must always be able to read.
    frame::lamps(model, canvas);
}

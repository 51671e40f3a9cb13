//! One file a screen: each draws the model into a canvas, and changes nothing.

mod doctor;
mod frame;
mod jam;
mod jam_side;
pub(in crate::tui) mod later;
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

use super::action::Tab;
use super::canvas::Canvas;
use super::model::Model;
use super::overlays;

/// Fewer columns or rows than these get the small layout.
pub const FULL: (u16, u16) = (80, 20);
/// Fewer than these get one line.
pub const SMALL: (u16, u16) = (40, 8);
/// From here on there is room for details beside.
pub const WIDE: (u16, u16) = (110, 30);

/// Draws everything. The buffer is blank before.
pub fn draw(model: &Model, buffer: &mut Buffer) {
    let mut canvas = Canvas::new(buffer, model.look);
    let (width, height) = (canvas.width(), canvas.height());
    if width < SMALL.0 || height < SMALL.1 {
        small::one_line(model, &mut canvas);
        return;
    }
    let full = width >= FULL.0 && height >= FULL.1;
    if model.stage {
        stage::draw(model, &mut canvas);
    } else if !full && model.setup.is_none() && model.tab == Tab::Jam && model.in_jam() {
        small::jam(model, &mut canvas);
    } else {
        frame::draw(model, &mut canvas);
        let mut inside = canvas.part(0, 1, width, height - 3);
        if model.setup.is_some() {
            setup::draw(model, &mut inside);
        } else {
            match model.tab {
                Tab::Lobby => lobby::draw(model, &mut inside),
                Tab::Jam if model.in_jam() => jam::draw(model, &mut inside),
                Tab::Jam => jam::nowhere(model, &mut inside),
                Tab::Library | Tab::Tinies | Tab::Board => later::draw(model.tab, &mut inside),
                Tab::Me => me::draw(model, &mut inside),
                Tab::Doctor => doctor::draw(model, &mut inside),
            }
        }
    }
    frame::feet(model, &mut canvas);
    overlays::draw(model, &mut canvas);
    // Over everything: what people must always be able to read.
    frame::lamps(model, &mut canvas);
}

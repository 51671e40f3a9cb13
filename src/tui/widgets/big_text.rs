//! Letters five cells high, to be read from two metres.

use ratatui::style::Modifier;

use crate::tui::canvas::Canvas;
use crate::tui::look::{Charset, Role};

/// Rows of a letter: five bits each, highest bit left.
const LETTERS: [(char, [u8; 5]); 38] = [
    ('A', [14, 17, 31, 17, 17]),
    ('B', [30, 17, 30, 17, 30]),
    ('C', [15, 16, 16, 16, 15]),
    ('D', [30, 17, 17, 17, 30]),
    ('E', [31, 16, 30, 16, 31]),
    ('F', [31, 16, 30, 16, 16]),
    ('G', [15, 16, 19, 17, 15]),
    ('H', [17, 17, 31, 17, 17]),
    ('I', [31, 4, 4, 4, 31]),
    ('J', [1, 1, 1, 17, 14]),
    ('K', [17, 18, 28, 18, 17]),
    ('L', [16, 16, 16, 16, 31]),
    ('M', [17, 27, 21, 17, 17]),
    ('N', [17, 25, 21, 19, 17]),
    ('O', [14, 17, 17, 17, 14]),
    ('P', [30, 17, 30, 16, 16]),
    ('Q', [14, 17, 21, 18, 13]),
    ('R', [30, 17, 30, 18, 17]),
    ('S', [15, 16, 14, 1, 30]),
    ('T', [31, 4, 4, 4, 4]),
    ('U', [17, 17, 17, 17, 14]),
    ('V', [17, 17, 10, 10, 4]),
    ('W', [17, 17, 21, 27, 17]),
    ('X', [17, 10, 4, 10, 17]),
    ('Y', [17, 10, 4, 4, 4]),
    ('Z', [31, 2, 4, 8, 31]),
    ('0', [14, 19, 21, 25, 14]),
    ('1', [4, 12, 4, 4, 14]),
    ('2', [30, 1, 14, 16, 31]),
    ('3', [30, 1, 14, 1, 30]),
    ('4', [18, 18, 31, 2, 2]),
    ('5', [31, 16, 30, 1, 30]),
    ('6', [14, 16, 30, 17, 14]),
    ('7', [31, 1, 2, 4, 4]),
    ('8', [14, 17, 14, 17, 14]),
    ('9', [14, 17, 15, 1, 14]),
    ('-', [0, 0, 31, 0, 0]),
    (' ', [0; 5]),
];

/// Rows of one line.
pub const HEIGHT: u16 = 5;
/// Columns of one letter with the gap after it, when a dot is two columns.
const LETTER_COLUMNS: u16 = 12;

/// Columns that `text` takes, and of each dot: one column where two do not fit.
#[must_use]
pub fn columns(text: &str, room: u16) -> (u16, u16) {
    let letters = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
    let wide = letters.saturating_mul(LETTER_COLUMNS).saturating_sub(2);
    if wide <= room { (wide, 2) } else { (letters.saturating_mul(LETTER_COLUMNS / 2).saturating_sub(1), 1) }
}

/// Draws letters; others than ours are left out.
pub fn draw(canvas: &mut Canvas<'_>, x: u16, y: u16, text: &str, role: Role) {
    let (_, dot) = columns(text, canvas.width().saturating_sub(x));
    let reversed = canvas.look.style(role).add_modifier.contains(Modifier::REVERSED);
    let glyph = match canvas.look.charset {
        // Ground and letter change places: a full block would be all ground.
        _ if reversed => ' ',
        Charset::Ascii => '#',
        Charset::Unicode | Charset::Compat => '█',
    };
    let mut left = x;
    for c in text.to_uppercase().chars() {
        let Some((_, rows)) = LETTERS.iter().find(|(letter, _)| *letter == c) else { continue };
        for (row, bits) in (0_u16..).zip(rows) {
            for column in (0..5_u16).filter(|column| bits & (16 >> column) != 0) {
                for part in 0..dot {
                    canvas.glyph(left.saturating_add(column * dot + part), y + row, glyph, role);
                }
            }
        }
        left = left.saturating_add(6 * dot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::look::{Look, Theme};
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    /// What tells a cell from the ground: ink that is not reversed, or blank that is.
    fn is_seen(cell: &ratatui::buffer::Cell) -> bool {
        (cell.symbol() == " ") == cell.modifier.contains(Modifier::REVERSED)
    }

    #[test]
    fn every_state_is_seen_in_every_theme() {
        for theme in [Theme::Auto, Theme::Dark, Theme::Light, Theme::Mono, Theme::Plain] {
            for charset in [Charset::Unicode, Charset::Ascii] {
                for role in [Role::Live, Role::Stopped, Role::Bad, Role::Watch, Role::Fine] {
                    let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 5));
                    draw(&mut Canvas::new(&mut buffer, Look { theme, charset }), 0, 0, "I", role);
                    let seen = buffer.content().iter().filter(|cell| is_seen(cell)).count();
                    assert_eq!(seen, 2 * (5 + 3 + 5), "{theme:?} {charset:?} {role:?}");
                }
            }
        }
    }
}

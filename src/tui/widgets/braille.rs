//! Values as dots: two a cell across, four down; blocks or stars where the terminal has no braille.

use crate::domain::level::SILENCE_DB;
use crate::tui::canvas::Canvas;
use crate::tui::look::{Charset, Role};

/// Dots left blank before the oldest.
const GAP: usize = 4;

/// Dots of a cell by column and row, as Unicode counts them.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// Draws loudness over time as a band around the middle. It sweeps: the newest stands before a gap that moves to the
/// right, so that a frame changes two columns and not all of them. `count` is how many values there were in all.
pub fn envelope(canvas: &mut Canvas<'_>, trail: impl DoubleEndedIterator<Item = f32>, count: u64) {
    let (width, height) = (canvas.width(), canvas.height());
    let braille = canvas.look.charset == Charset::Unicode;
    let (across, down) = if braille { (2, 4) } else { (1, 1) };
    let dots_high = height * down;
    let columns = usize::from(width * across);
    if columns <= GAP {
        return;
    }
    let mut peaks = vec![SILENCE_DB; columns];
    let places = (0..count).rev().map(|index| (index % columns as u64) as usize);
    for (place, db) in places.zip(trail.rev()).take(columns - GAP) {
        peaks[place] = db;
    }
    for x in 0..width {
        for y in 0..height {
            let mut bits = 0;
            for (dx, column) in DOTS.iter().enumerate().take(usize::from(across)) {
                let db = peaks[usize::from(x * across) + dx];
                let half = half_height(db, dots_high);
                for (dy, bit) in column.iter().enumerate().take(usize::from(down)) {
                    let row = y * down + u16::try_from(dy).unwrap_or(0);
                    // From the middle to both sides, so that it looks like the sound it is.
                    let distance = (2 * row + 1).abs_diff(dots_high);
                    if half > 0 && distance < 2 * half {
                        bits |= bit;
                    }
                }
            }
            if bits != 0 {
                let glyph = match canvas.look.charset {
                    Charset::Unicode => char::from_u32(0x2800 + bits).unwrap_or(' '),
                    Charset::Compat => '█',
                    Charset::Ascii => '*',
                };
                canvas.glyph(x, y, glyph, Role::Fine);
            }
        }
    }
}

/// Dots above the middle: loudness from -50 dBFS in equal steps.
fn half_height(db: f32, dots_high: u16) -> u16 {
    let share = ((db + 50.0) / 50.0).clamp(0.0, 1.0);
    (share * f32::from(dots_high) / 2.0).ceil() as u16
}

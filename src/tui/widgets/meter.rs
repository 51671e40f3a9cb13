//! A level from -60 to 0 dBFS: eighths of a cell, another shade above -12, `|` for the held peak.

use crate::tui::canvas::Canvas;
use crate::tui::look::{Charset, Role};
use crate::tui::meters::Meter;

/// Lowest level that shows.
const FLOOR_DB: f32 = -60.0;
/// From here on the shade is another one: what a mixer's yellow begins at.
const WATCH_DB: f32 = -12.0;

/// Left eighths of a cell, one to seven.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// Where a level stands on `cells` cells, in eighths of a cell.
fn eighths(db: f32, cells: u16) -> u32 {
    let share = ((db - FLOOR_DB) / -FLOOR_DB).clamp(0.0, 1.0);
    (share * f32::from(cells) * 8.0).round() as u32
}

/// Where the shade changes, in cells.
#[must_use]
pub fn watch_cell(cells: u16) -> u16 {
    (eighths(WATCH_DB, cells) / 8) as u16
}

/// Draws a meter in one row; `None`: no signal at all.
pub fn draw(canvas: &mut Canvas<'_>, x: u16, y: u16, cells: u16, meter: Option<&Meter>) {
    let Some(meter) = meter else {
        for column in 0..cells {
            canvas.glyph(x + column, y, '-', Role::Dim);
        }
        return;
    };
    let ascii = canvas.look.charset == Charset::Ascii;
    let (full, shaded, empty) = if ascii { ('=', '#', '.') } else { ('█', '▓', '░') };
    let filled = eighths(meter.level_db, cells);
    let watch = watch_cell(cells);
    let peak = (meter.peak_db > FLOOR_DB).then(|| ((eighths(meter.peak_db, cells).max(1) - 1) / 8) as u16);
    for column in 0..cells {
        let whole = u32::from(column) * 8;
        let over = column >= watch;
        let role = if over { Role::Watch } else { Role::Fine };
        let (glyph, role) = if filled >= whole + 8 {
            (if over { shaded } else { full }, role)
        } else if filled > whole && !ascii {
            (EIGHTHS[(filled - whole - 1) as usize], role)
        } else if peak == Some(column) {
            ('|', role)
        } else {
            (empty, Role::Dim)
        };
        canvas.glyph(x + column, y, glyph, role);
    }
}

/// A peak as it is written beside the meter, four columns.
#[must_use]
pub fn peak_text(meter: Option<&Meter>) -> (String, Role) {
    match meter {
        Some(meter) if meter.clipped => ("CLIP".to_owned(), Role::Bad),
        Some(meter) if meter.peak_db > FLOOR_DB => {
            let role = if meter.peak_db > WATCH_DB { Role::Watch } else { Role::Text };
            (format!("{:>4.0}", meter.peak_db), role)
        }
        Some(_) | None => ("  --".to_owned(), Role::Dim),
    }
}

/// A place between the ears on nine columns: `L.|.....R`.
#[must_use]
pub fn pan_text(position: f32) -> String {
    let at = ((position.clamp(-1.0, 1.0) + 1.0) * 3.0).round() as usize;
    let dots: String = (0..7).map(|column| if column == at { '|' } else { '.' }).collect();
    format!("L{dots}R")
}

/// A gain on seven columns: `+0.0dB`.
#[must_use]
pub fn gain_text(db: f32) -> String {
    if db <= crate::domain::level::SILENCE_DB {
        return "   off ".to_owned();
    }
    // -0.04 is written -0.0 otherwise.
    let db = if db.abs() < 0.05 { 0.0 } else { db };
    format!("{db:>+5.1}dB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_stand_where_the_scale_says() {
        assert_eq!(eighths(-60.0, 26), 0);
        assert_eq!(eighths(0.0, 26), 208);
        assert_eq!(eighths(f32::NEG_INFINITY, 26), 0);
        assert_eq!(eighths(12.0, 26), 208);
        assert_eq!(watch_cell(25), 20);
    }

    #[test]
    fn faders_and_pans_are_as_wide_as_their_columns() {
        for db in [0.0, -0.01, -60.0, 12.0, -100.0, 3.25] {
            assert_eq!(gain_text(db).len(), 7, "{db}");
        }
        assert_eq!(gain_text(-2.5), " -2.5dB");
        assert_eq!(pan_text(0.0), "L...|...R");
        assert_eq!(pan_text(-1.0), "L|......R");
        assert_eq!(pan_text(1.0), "L......|R");
    }
}

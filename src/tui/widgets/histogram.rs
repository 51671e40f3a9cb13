//! How often which delay: one bar a bin, with the buffer's line.

use crate::tui::canvas::Canvas;
use crate::tui::look::{Charset, Role};

/// Lower eighths of a cell, one to eight.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws bars of two columns a bin of `bin` units, from 0 on; the last row is the scale.
pub fn draw(canvas: &mut Canvas<'_>, values: &[f64], bin: f64) {
    let (width, height) = (canvas.width(), canvas.height());
    if height < 2 || width < 4 || bin <= 0.0 {
        return;
    }
    let bins = usize::from(width / 2);
    let mut counts = vec![0_u32; bins];
    for value in values {
        let index = ((value.max(0.0) / bin) as usize).min(bins - 1);
        counts[index] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let rows = height - 1;
    let ascii = canvas.look.charset == Charset::Ascii;
    for (index, count) in counts.iter().enumerate() {
        let eighths = (u64::from(*count) * u64::from(rows) * 8).div_ceil(u64::from(most)) as u16;
        let x = u16::try_from(index * 2).unwrap_or(u16::MAX);
        for row in 0..rows {
            let here = eighths.saturating_sub(row * 8).min(8);
            if here == 0 {
                break;
            }
            let glyph = if ascii { '#' } else { BARS[usize::from(here) - 1] };
            canvas.glyph(x, rows - 1 - row, glyph, Role::Fine);
        }
    }
    for mark in (0..bins).step_by(5) {
        let x = u16::try_from(mark * 2).unwrap_or(u16::MAX);
        let text = mark_text(mark as f64 * bin);
        // A figure that is cut is another figure.
        if usize::from(x) + text.len() <= usize::from(width) {
            canvas.text(x, rows, width, &text, Role::Dim);
        }
    }
}

/// `5`, or `2.5` where a mark falls between.
fn mark_text(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// A bin that shows all of `values` on `bins` bars: 1, 2, 5, 10, ...
#[must_use]
pub fn bin_for(values: &[f64], bins: usize) -> f64 {
    let most = values.iter().copied().fold(0.0, f64::max);
    let steps = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
    steps.into_iter().find(|step| most < step * bins.max(1) as f64).unwrap_or(500.0)
}

//! What a terminal shows as an SVG: grounds, then shapes, then words.

use std::collections::BTreeMap;

use crate::palette::{Palette, Rgb, blend};
use crate::shapes::{self, CELL_HEIGHT, CELL_WIDTH, LINE, Rect, Shape};

/// The one font; whoever looks at the SVG without it gets another one, squeezed into the same columns.
pub(crate) const FONT: &str = "DejaVu Sans Mono";
/// A letter of it is 1233 of 2048 units wide: at this size that is one cell.
const FONT_SIZE: f32 = CELL_WIDTH * 2048.0 / 1233.0;
/// From the top of a cell to the line that letters stand on.
const BASELINE: f32 = 15.0;
/// Ground around the cells: whole pixels, as they are.
const PADDING: f32 = 12.5;
/// How much of their colour faint words keep: what xterm takes, too.
const DIM: f32 = 0.62;
/// How wide a dot of braille is.
const DOT: f32 = 3.4;

/// How a cell looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    ink: Rgb,
    ground: Rgb,
    bold: bool,
    underline: bool,
}

impl Look {
    fn of(cell: &vt100::Cell, palette: &Palette) -> Self {
        let mut ink = palette.rgb(cell.fgcolor(), palette.words);
        let mut ground = palette.rgb(cell.bgcolor(), palette.ground);
        if cell.inverse() {
            std::mem::swap(&mut ink, &mut ground);
        }
        if cell.dim() {
            ink = blend(ink, ground, DIM);
        }
        Self { ink, ground, bold: cell.bold(), underline: cell.underline() }
    }
}

/// Letters of one look beside each other.
struct Run {
    row: u16,
    column: u16,
    look: Look,
    text: String,
    columns: u16,
}

/// What is to be drawn, by layer and by colour.
#[derive(Default)]
struct Layers {
    grounds: BTreeMap<Rgb, Vec<Rect>>,
    shapes: BTreeMap<Rgb, Vec<Rect>>,
    dots: BTreeMap<Rgb, Vec<(f32, f32)>>,
    runs: Vec<Run>,
}

/// Draws a screen.
pub(crate) fn svg(screen: &vt100::Screen, palette: &Palette) -> String {
    let (rows, columns) = screen.size();
    let mut layers = Layers::default();
    for row in 0..rows.get() {
        for column in 0..columns.get() {
            if let Some(cell) = screen.cell(row, column) {
                layers.take(row, column, cell, palette);
            }
        }
    }
    layers.write(columns.get(), rows.get(), palette)
}

impl Layers {
    fn take(&mut self, row: u16, column: u16, cell: &vt100::Cell, palette: &Palette) {
        let look = Look::of(cell, palette);
        let (x, y) = (f32::from(column) * CELL_WIDTH, f32::from(row) * CELL_HEIGHT);
        let whole = Rect { x, y, width: CELL_WIDTH, height: CELL_HEIGHT };
        if look.ground != palette.ground {
            add(self.grounds.entry(look.ground).or_default(), whole);
        }
        if look.underline {
            let line = Rect { y: y + BASELINE + 2.5, height: LINE, ..whole };
            add(self.shapes.entry(look.ink).or_default(), line);
        }
        let text = cell.contents();
        match text.chars().next().map(|c| (c, shapes::of(c))) {
            None | Some((' ', _)) => {}
            Some((_, Some(Shape::Rects(parts)))) => {
                for part in parts {
                    let part = Rect { x: x + part.x, y: y + part.y, ..part };
                    add(self.shapes.entry(look.ink).or_default(), part);
                }
            }
            Some((_, Some(Shape::Shade(share)))) => {
                let colour = blend(look.ink, look.ground, share);
                add(self.shapes.entry(colour).or_default(), whole);
            }
            Some((_, Some(Shape::Dots(dots)))) => {
                let dots = dots.into_iter().map(|(dx, dy)| (x + dx, y + dy));
                self.dots.entry(look.ink).or_default().extend(dots);
            }
            Some((_, None)) => self.letter(row, column, look, text, 1 + u16::from(cell.is_wide())),
        }
    }

    /// Words of one look are one piece of text, with single blanks in it.
    fn letter(&mut self, row: u16, column: u16, look: Look, text: &str, columns: u16) {
        if let Some(run) = self.runs.last_mut() {
            let end = run.column + run.columns;
            if run.row == row && run.look == look && (end..=end + 1).contains(&column) {
                if column > end {
                    run.text.push(' ');
                }
                run.text.push_str(text);
                run.columns = column + columns - run.column;
                return;
            }
        }
        self.runs.push(Run { row, column, look, text: text.to_owned(), columns });
    }

    fn write(&self, columns: u16, rows: u16, palette: &Palette) -> String {
        let (width, height) = (f32::from(columns) * CELL_WIDTH, f32::from(rows) * CELL_HEIGHT);
        let (outer_width, outer_height) = (width + 2.0 * PADDING, height + 2.0 * PADDING);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{outer_width}\" height=\"{outer_height}\" \
             viewBox=\"-{PADDING} -{PADDING} {outer_width} {outer_height}\" \
             font-family=\"'{FONT}', monospace\" font-size=\"{FONT_SIZE:.3}\">\n\
             <rect x=\"-{PADDING}\" y=\"-{PADDING}\" width=\"100%\" height=\"100%\" fill=\"{}\"/>\n",
            hex(palette.ground)
        );
        for (colour, rects) in self.grounds.iter().chain(&self.shapes) {
            let mut path = String::new();
            for rect in rects {
                let Rect { x, y, width, height } = rect;
                path += &format!("M{x} {y}h{width}v{height}h-{width}z");
            }
            out += &format!("<path fill=\"{}\" d=\"{path}\"/>\n", hex(*colour));
        }
        for (colour, dots) in &self.dots {
            // A line of no length with round ends is a dot, in a third of a circle's bytes.
            let path: String = dots.iter().fold(String::new(), |path, (x, y)| path + &format!("M{x} {y}h0"));
            let colour = hex(*colour);
            out += &format!(
                "<path stroke=\"{colour}\" stroke-width=\"{DOT}\" stroke-linecap=\"round\" d=\"{path}\"/>\n"
            );
        }
        // Most words have the colour of words: it is said once.
        out += &format!("<g fill=\"{}\">\n", hex(palette.words));
        for run in &self.runs {
            out += &run.element(palette.words);
        }
        out + "</g>\n</svg>\n"
    }
}

impl Run {
    fn element(&self, words: Rgb) -> String {
        let (x, y) = (f32::from(self.column) * CELL_WIDTH, f32::from(self.row) * CELL_HEIGHT + BASELINE);
        let colour =
            if self.look.ink == words { String::new() } else { format!(" fill=\"{}\"", hex(self.look.ink)) };
        let bold = if self.look.bold { " font-weight=\"bold\"" } else { "" };
        let length = match self.columns {
            0 | 1 => String::new(),
            more => format!(" textLength=\"{}\"", f32::from(more) * CELL_WIDTH),
        };
        format!("<text x=\"{x}\" y=\"{y}\"{colour}{bold}{length}>{}</text>\n", escaped(&self.text))
    }
}

/// Adds a rectangle, to the one before it where both are one.
fn add(rects: &mut Vec<Rect>, rect: Rect) {
    if let Some(last) = rects.last_mut()
        && last.y == rect.y
        && last.height == rect.height
        && last.x + last.width == rect.x
    {
        last.width += rect.width;
        return;
    }
    rects.push(rect);
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;
    use crate::palette::DARK;

    /// An SVG of what a terminal of one row shows after these bytes.
    fn drawn(bytes: &str) -> String {
        let cells = |count| NonZeroU16::new(count).expect("not 0");
        let mut parser = vt100::Parser::new(cells(1), cells(20), 0);
        parser.process(bytes.as_bytes());
        svg(parser.screen(), &DARK)
    }

    #[test]
    fn words_stand_in_their_columns_and_mean_nothing_to_xml() {
        let svg = drawn("  a <b> & c  d");
        let first = r#"<text x="20" y="15" textLength="90">a &lt;b&gt; &amp; c</text>"#;
        assert!(svg.contains(first) && svg.contains(r#"<text x="130" y="15">d</text>"#), "{svg}");
    }

    #[test]
    fn neighbours_of_one_colour_are_one_shape() {
        assert!(drawn("────").contains("\"M0 10h40v1.25h-40z\""));
        assert!(drawn("█▌").contains("\"M0 0h15v20h-15z\""));
    }

    #[test]
    fn attributes_are_seen() {
        let reversed = drawn("\x1b[31;7mX");
        assert!(reversed.contains("fill=\"#eb6a62\" d=\"M0 0h10v20h-10z\""), "{reversed}");
        assert!(reversed.contains("fill=\"#101418\">X"), "{reversed}");
        assert!(drawn("\x1b[1mX").contains("font-weight=\"bold\""));
        assert!(drawn("\x1b[4mX").contains("M0 17.5h10v1.25h-10z"));
        assert!(drawn("\x1b[2mX").contains("y=\"15\" fill=\"#8c9196\">X"));
    }

    #[test]
    fn braille_is_dots_and_no_letter() {
        let svg = drawn("⠉");
        assert!(svg.contains("M2.5 2.5h0M7.5 2.5h0") && !svg.contains("<text"), "{svg}");
    }
}

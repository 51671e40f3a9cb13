//! Characters that are drawn and not written: blocks, lines and braille. As letters of a font they have seams, and
//! the font of the pictures has no braille at all.

/// Columns of a picture that one cell of the terminal takes.
pub(crate) const CELL_WIDTH: f32 = 10.0;
/// Rows of it.
pub(crate) const CELL_HEIGHT: f32 = 20.0;
/// How thick a line is.
pub(crate) const LINE: f32 = 1.25;

/// Part of a cell, from its left upper corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

/// What a character looks like.
#[derive(Debug, PartialEq)]
pub(crate) enum Shape {
    /// Filled parts of the cell.
    Rects(Vec<Rect>),
    /// The whole cell, with this share of the colour.
    Shade(f32),
    /// Middles of round dots.
    Dots(Vec<(f32, f32)>),
}

/// How a character is drawn; `None`: it is a letter of the font.
pub(crate) fn of(c: char) -> Option<Shape> {
    let code = u32::from(c);
    match c {
        '░' => Some(Shape::Shade(0.25)),
        '▒' => Some(Shape::Shade(0.5)),
        '▓' => Some(Shape::Shade(0.75)),
        '▀' => Some(part(0.0, 0.0, 1.0, 0.5)),
        '▁'..='█' => {
            let height = (code - 0x2580) as f32 / 8.0;
            Some(part(0.0, 1.0 - height, 1.0, height))
        }
        '▉'..='▏' => Some(part(0.0, 0.0, (0x2590 - code) as f32 / 8.0, 1.0)),
        '▐' => Some(part(0.5, 0.0, 0.5, 1.0)),
        '\u{2800}'..='\u{28FF}' => Some(Shape::Dots(dots(code - 0x2800))),
        _ => arms(c).map(lines),
    }
}

/// A part of a cell in shares of it.
fn part(x: f32, y: f32, width: f32, height: f32) -> Shape {
    Shape::Rects(vec![Rect {
        x: x * CELL_WIDTH,
        y: y * CELL_HEIGHT,
        width: width * CELL_WIDTH,
        height: height * CELL_HEIGHT,
    }])
}

/// Bits of a braille pattern by column and row, as Unicode counts them.
const BITS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

fn dots(bits: u32) -> Vec<(f32, f32)> {
    let places = (0..2_u8).flat_map(|x| (0..4_u8).map(move |y| (x, y)));
    places
        .filter(|(x, y)| bits & BITS[usize::from(*x)][usize::from(*y)] != 0)
        .map(|(x, y)| ((f32::from(x) + 0.5) * CELL_WIDTH / 2.0, (f32::from(y) + 0.5) * CELL_HEIGHT / 4.0))
        .collect()
}

/// Where a thin line goes from the middle of its cell.
struct Arms {
    left: bool,
    right: bool,
    up: bool,
    down: bool,
}

fn arms(c: char) -> Option<Arms> {
    let ways = match c {
        '─' => "lr",
        '│' => "ud",
        '┌' => "rd",
        '┐' => "ld",
        '└' => "ru",
        '┘' => "lu",
        '├' => "rud",
        '┤' => "lud",
        '┬' => "lrd",
        '┴' => "lru",
        '┼' => "lrud",
        _ => return None,
    };
    let goes = |way| ways.contains(way);
    Some(Arms { left: goes('l'), right: goes('r'), up: goes('u'), down: goes('d') })
}

/// Each arm goes to the edge of its cell, where the next one's begins, and through the middle, so that corners are
/// filled.
fn lines(arms: Arms) -> Shape {
    let (x, y) = (CELL_WIDTH / 2.0, CELL_HEIGHT / 2.0);
    let mut rects = Vec::new();
    if arms.left || arms.right {
        let from = if arms.left { 0.0 } else { x };
        let to = if arms.right { CELL_WIDTH } else { x + LINE };
        rects.push(Rect { x: from, y, width: to - from, height: LINE });
    }
    if arms.up || arms.down {
        let from = if arms.up { 0.0 } else { y };
        let to = if arms.down { CELL_HEIGHT } else { y + LINE };
        rects.push(Rect { x, y: from, width: LINE, height: to - from });
    }
    Shape::Rects(rects)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(c: char) -> Rect {
        match of(c) {
            Some(Shape::Rects(rects)) if rects.len() == 1 => rects[0],
            other => panic!("{c}: {other:?}"),
        }
    }

    #[test]
    fn eighths_grow_from_the_left_and_from_below() {
        assert_eq!(only('▏'), Rect { x: 0.0, y: 0.0, width: 1.25, height: 20.0 });
        assert_eq!(only('▌').width, 5.0);
        assert_eq!(only('▁'), Rect { x: 0.0, y: 17.5, width: 10.0, height: 2.5 });
        assert_eq!(only('▄').y, 10.0);
        assert_eq!(only('█'), Rect { x: 0.0, y: 0.0, width: 10.0, height: 20.0 });
    }

    #[test]
    fn lines_of_neighbours_touch_and_corners_are_filled() {
        assert_eq!(only('─'), Rect { x: 0.0, y: 10.0, width: 10.0, height: 1.25 });
        assert_eq!(only('│'), Rect { x: 5.0, y: 0.0, width: 1.25, height: 20.0 });
        let Some(Shape::Rects(corner)) = of('┘') else { panic!("no corner") };
        assert_eq!(corner[0], Rect { x: 0.0, y: 10.0, width: 6.25, height: 1.25 });
        assert_eq!(corner[1], Rect { x: 5.0, y: 0.0, width: 1.25, height: 11.25 });
    }

    #[test]
    fn a_braille_pattern_is_its_dots() {
        assert_eq!(of('⠁'), Some(Shape::Dots(vec![(2.5, 2.5)])));
        assert_eq!(of('⢀'), Some(Shape::Dots(vec![(7.5, 17.5)])));
        let Some(Shape::Dots(all)) = of('⣿') else { panic!("no dots") };
        assert_eq!(all.len(), 8);
    }

    #[test]
    fn letters_are_left_to_the_font() {
        assert!("Aé|=#.漢".chars().all(|c| of(c).is_none()));
    }
}

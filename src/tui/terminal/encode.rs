//! The difference of two frames as few bytes for the terminal.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use crate::tui::look::ColorDepth;

/// Frames longer than this are marked as one, for terminals that then draw them at once.
const LONG_BYTES: usize = 2_048;

/// How the terminal would draw the next character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

const RESET: Pen = Pen { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

/// Encodes frames; remembers the pen between them.
#[derive(Debug)]
pub(super) struct Encoder {
    depth: ColorDepth,
    pen: Pen,
}

impl Encoder {
    pub(super) const fn new(depth: ColorDepth) -> Self {
        Self { depth, pen: RESET }
    }

    /// The terminal's pen was reset.
    pub(super) fn forget(&mut self) {
        self.pen = RESET;
    }

    /// Appends what turns `shown` into `next`; nothing if they are the same.
    pub(super) fn frame(&mut self, shown: &Buffer, next: &Buffer, out: &mut Vec<u8>) {
        let began = out.len();
        let mut at: Option<(u16, u16)> = None;
        for (x, y, cell) in shown.diff(next) {
            match at {
                Some(place) if place == (x, y) => {}
                Some((column, row)) if row == y && x > column => {
                    let by = x - column;
                    if by == 1 {
                        out.extend_from_slice(b"\x1b[C");
                    } else {
                        out.extend_from_slice(format!("\x1b[{by}C").as_bytes());
                    }
                }
                _ => out.extend_from_slice(format!("\x1b[{};{}H", y + 1, x + 1).as_bytes()),
            }
            self.pen(Pen { fg: cell.fg, bg: cell.bg, modifier: cell.modifier }, out);
            out.extend_from_slice(cell.symbol().as_bytes());
            let wide = unicode_width::UnicodeWidthStr::width(cell.symbol()).max(1);
            let column = x.saturating_add(u16::try_from(wide).unwrap_or(1));
            // At the right edge terminals differ in where the cursor is.
            at = (column < next.area.width).then_some((column, y));
        }
        if out.len() - began > LONG_BYTES {
            out.splice(began..began, *b"\x1b[?2026h");
            out.extend_from_slice(b"\x1b[?2026l");
        }
    }

    fn pen(&mut self, wanted: Pen, out: &mut Vec<u8>) {
        if self.pen == wanted {
            return;
        }
        let mut codes: Vec<String> = Vec::new();
        if !wanted.modifier.contains(self.pen.modifier) {
            codes.push("0".to_owned());
            self.pen = RESET;
        }
        for (modifier, code) in [
            (Modifier::BOLD, "1"),
            (Modifier::DIM, "2"),
            (Modifier::UNDERLINED, "4"),
            (Modifier::REVERSED, "7"),
        ] {
            if (wanted.modifier - self.pen.modifier).contains(modifier) {
                codes.push(code.to_owned());
            }
        }
        if wanted.fg != self.pen.fg {
            codes.extend(color(self.depth, wanted.fg, 30));
        }
        if wanted.bg != self.pen.bg {
            codes.extend(color(self.depth, wanted.bg, 40));
        }
        self.pen = wanted;
        if !codes.is_empty() {
            out.extend_from_slice(format!("\x1b[{}m", codes.join(";")).as_bytes());
        }
    }
}

/// The code of a colour; `base` is 30 for the foreground, 40 for the background.
fn color(depth: ColorDepth, color: Color, base: u8) -> Option<String> {
    if depth == ColorDepth::None {
        return None;
    }
    let ansi = |index: u8| {
        if index < 8 { format!("{}", base + index) } else { format!("{}", base + 60 + index - 8) }
    };
    Some(match color {
        Color::Reset => format!("{}", base + 9),
        Color::Red => ansi(1),
        Color::Yellow => ansi(3),
        Color::Green => ansi(2),
        Color::Magenta => ansi(5),
        Color::Cyan => ansi(6),
        Color::LightRed => ansi(9),
        Color::LightBlue => ansi(12),
        Color::Rgb(r, g, b) => match depth {
            ColorDepth::True => format!("{};2;{r};{g};{b}", base + 8),
            ColorDepth::Indexed => format!("{};5;{}", base + 8, cube(r, g, b)),
            ColorDepth::Ansi | ColorDepth::None => ansi(sixteen(r, g, b)),
        },
        Color::Indexed(index) => format!("{};5;{index}", base + 8),
        // Themes use none of the others.
        _ => return None,
    })
}

/// The nearest of the 216 colours of 256.
fn cube(r: u8, g: u8, b: u8) -> u8 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let near = |value: u8| {
        let distance = |index: &u8| STEPS[usize::from(*index)].abs_diff(value);
        (0..6_u8).min_by_key(distance).unwrap_or(0)
    };
    16 + 36 * near(r) + 6 * near(g) + near(b)
}

/// The nearest of the 16: by which of its parts are strong.
fn sixteen(r: u8, g: u8, b: u8) -> u8 {
    let most = r.max(g).max(b);
    let strong = |value: u8| u8::from(u16::from(value) * 3 > u16::from(most) * 2);
    strong(r) | strong(g) << 1 | strong(b) << 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    fn size(cells: u16) -> std::num::NonZero<u16> {
        std::num::NonZero::new(cells).expect("a screen")
    }

    #[test]
    fn nothing_new_is_no_byte() {
        let buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
        let mut out = Vec::new();
        Encoder::new(ColorDepth::Ansi).frame(&buffer, &buffer, &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn what_is_written_is_what_a_terminal_shows() {
        let area = Rect::new(0, 0, 30, 3);
        let shown = Buffer::empty(area);
        let mut next = Buffer::empty(area);
        next.set_string(2, 1, "漢字 LIVE", Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD));
        next.set_string(25, 2, "abcde", Style::new().add_modifier(Modifier::REVERSED));
        let mut out = Vec::new();
        let mut encoder = Encoder::new(ColorDepth::Ansi);
        encoder.frame(&shown, &next, &mut out);
        let mut parser = vt100::Parser::new(size(3), size(30), 0);
        parser.process(&out);
        let mut out = Vec::new();
        let mut third = next.clone();
        third.set_string(7, 1, "MUTED", Style::reset());
        encoder.frame(&next, &third, &mut out);
        parser.process(&out);
        let screen = parser.screen();
        assert_eq!(screen.contents(), "\n  漢字 MUTED\n                         abcde");
        assert!(screen.cell(2, 25).is_some_and(vt100::Cell::inverse));
        assert!(screen.cell(1, 2).is_some_and(vt100::Cell::bold));
        assert!(
            screen.cell(1, 7).is_some_and(|cell| !cell.bold() && cell.fgcolor() == vt100::Color::Default)
        );
    }

    #[test]
    fn without_colours_none_is_sent() {
        let area = Rect::new(0, 0, 5, 1);
        let mut next = Buffer::empty(area);
        next.set_string(0, 0, "x", Style::new().fg(Color::Rgb(1, 2, 3)).add_modifier(Modifier::BOLD));
        let mut out = Vec::new();
        Encoder::new(ColorDepth::None).frame(&Buffer::empty(area), &next, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), "\u{1b}[1;1H\u{1b}[1mx");
    }

    /// Prints what a jam of nine costs: bytes a second are held to their figure, times are only told.
    #[test]
    #[expect(clippy::print_stdout, reason = "figures are printed")]
    fn eight_moving_meters_at_20_frames_a_second_fit_a_slow_line() {
        use crate::tui::fixture::{self, at};
        use crate::tui::meters::Source;

        const FRAMES: u64 = 400;
        for (width, height) in [(80, 24), (120, 40)] {
            let mut model = fixture::in_jam();
            if let Some(jam) = model.status.as_mut().and_then(|status| status.jam.as_mut()) {
                let other = jam.people[1].clone();
                jam.people.extend((4..9).map(|number| crate::peer::api::Participant {
                    key: fixture::key(number),
                    name: format!("P{number}"),
                    ..other.clone()
                }));
            }
            let area = Rect::new(0, 0, width, height);
            let (mut shown, mut out, mut times) = (Buffer::empty(area), Vec::new(), Vec::new());
            let mut encoder = Encoder::new(ColorDepth::Indexed);
            let mut first = 0;
            for frame in 0..FRAMES {
                for number in 0..9_u64 {
                    // Something that plays: hits of different tempo and loudness.
                    let phase = (frame * (3 + number)) % 17;
                    let db = -8.0 - number as f32 - 2.0 * phase as f32;
                    let source =
                        if number == 0 { Source::Input } else { Source::Person(fixture::key(number as u8)) };
                    model.meters.read(at(20_000 + frame * 50), source, db);
                    model.meters.read(at(20_000 + frame * 50), Source::Output, db + 4.0);
                }
                let began = std::time::Instant::now();
                let mut next = Buffer::empty(area);
                crate::tui::screens::draw(&model, &mut next);
                encoder.frame(&shown, &next, &mut out);
                times.push(began.elapsed());
                shown = next;
                if frame == 0 {
                    first = out.len();
                }
            }
            times.sort();
            let per_second = (out.len() - first) as u64 * 20 / FRAMES;
            let p95 = times[times.len() * 95 / 100];
            println!(
                "{width}x{height}: first frame {first} bytes, then {per_second} bytes/s; drawn p95 {p95:?}"
            );
            assert!(per_second <= 8_000, "{per_second} bytes/s at {width}x{height}");
        }
    }
}

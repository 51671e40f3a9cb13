//! Where screens draw: text cut by character and width, boxes, never outside.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::look::{Charset, Look, Role};
use super::mouse::{Target, Targets};

/// A rectangle of the screen that is drawn on.
#[derive(Debug)]
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    /// Where is said what can be clicked; `None`: nobody asks.
    targets: Option<&'a Targets>,
    /// How it is drawn.
    pub look: Look,
}

/// Words in one role.
pub type Span = (String, Role);

/// Short for a piece of text in a role.
pub fn span(text: impl Into<String>, role: Role) -> Span {
    (text.into(), role)
}

impl<'a> Canvas<'a> {
    /// All of `buffer`.
    pub fn new(buffer: &'a mut Buffer, look: Look) -> Self {
        let area = buffer.area;
        Self { buffer, area, targets: None, look }
    }

    /// The same, and what can be clicked is told to `targets`.
    pub fn with_targets(buffer: &'a mut Buffer, look: Look, targets: &'a Targets) -> Self {
        Self { targets: Some(targets), ..Self::new(buffer, look) }
    }

    /// What is drawn there can be clicked.
    pub fn target(&self, x: u16, y: u16, width: u16, height: u16, target: Target) {
        if let Some(targets) = self.targets {
            targets.add(self.rect(x, y, width, height), target);
        }
    }

    /// Nothing of what was drawn so far can be clicked any more.
    pub fn forget_targets(&self) {
        if let Some(targets) = self.targets {
            targets.forget();
        }
    }

    /// Columns.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.area.width
    }

    /// Rows.
    #[must_use]
    pub const fn height(&self) -> u16 {
        self.area.height
    }

    /// A part, by its own coordinates; what is outside is cut off.
    pub fn part(&mut self, x: u16, y: u16, width: u16, height: u16) -> Canvas<'_> {
        let area = self.rect(x, y, width, height);
        Canvas { buffer: self.buffer, area, targets: self.targets, look: self.look }
    }

    /// The part of the whole screen that lies there.
    fn rect(&self, x: u16, y: u16, width: u16, height: u16) -> Rect {
        let left = self.area.x.saturating_add(x.min(self.area.width));
        let top = self.area.y.saturating_add(y.min(self.area.height));
        let width = width.min(self.area.right() - left);
        let height = height.min(self.area.bottom() - top);
        Rect { x: left, y: top, width, height }
    }

    /// Draws text at most `width` columns wide; gives the columns it took.
    pub fn text(&mut self, x: u16, y: u16, width: u16, text: &str, role: Role) -> u16 {
        if x >= self.area.width || y >= self.area.height {
            return 0;
        }
        let width = width.min(self.area.width - x);
        let style = self.look.style(role);
        let mut used = 0;
        for grapheme in text.graphemes(true) {
            if grapheme.chars().any(char::is_control) {
                continue;
            }
            let wide = u16::try_from(grapheme.width()).unwrap_or(u16::MAX);
            if wide == 0 {
                continue;
            }
            if used + wide > width {
                break;
            }
            let ascii = self.look.charset == Charset::Ascii && !grapheme.is_ascii();
            for column in 0..wide {
                let at = (self.area.x + x + used + column, self.area.y + y);
                let Some(cell) = self.buffer.cell_mut(at) else { continue };
                cell.reset();
                cell.set_style(style);
                match (column, ascii) {
                    (_, true) => {
                        cell.set_char('?');
                    }
                    (0, false) => {
                        cell.set_symbol(grapheme);
                    }
                    // The second half of a wide character.
                    _ => {}
                }
            }
            used += wide;
        }
        used
    }

    /// Draws pieces one after another; gives the columns they took.
    pub fn line(&mut self, x: u16, y: u16, width: u16, spans: &[Span]) -> u16 {
        let mut used = 0;
        for (text, role) in spans {
            used += self.text(x.saturating_add(used), y, width.saturating_sub(used), text, *role);
        }
        used
    }

    /// Draws text that ends at column `right` (not drawn on); gives where it began.
    pub fn text_right(&mut self, right: u16, y: u16, text: &str, role: Role) -> u16 {
        let wide = u16::try_from(text.width()).unwrap_or(u16::MAX);
        let x = right.min(self.area.width).saturating_sub(wide);
        self.text(x, y, right.min(self.area.width) - x, text, role);
        x
    }

    /// One character, if it is inside.
    pub fn glyph(&mut self, x: u16, y: u16, glyph: char, role: Role) {
        let style = self.look.style(role);
        if x < self.area.width
            && y < self.area.height
            && let Some(cell) = self.buffer.cell_mut((self.area.x + x, self.area.y + y))
        {
            cell.reset();
            cell.set_char(glyph);
            cell.set_style(style);
        }
    }

    /// The same character in a row.
    pub fn rule(&mut self, x: u16, y: u16, width: u16, role: Role) {
        let line = self.look.charset.frame()[4];
        for x in x..x.saturating_add(width).min(self.area.width) {
            self.glyph(x, y, line, role);
        }
    }

    /// Blanks all of it.
    pub fn clear(&mut self) {
        for y in 0..self.area.height {
            for x in 0..self.area.width {
                self.glyph(x, y, ' ', Role::Text);
            }
        }
    }

    /// Puts a role on what stands in a row already.
    pub fn paint(&mut self, x: u16, y: u16, width: u16, role: Role) {
        let style = self.look.style(role);
        for x in x..x.saturating_add(width).min(self.area.width) {
            if y < self.area.height
                && let Some(cell) = self.buffer.cell_mut((self.area.x + x, self.area.y + y))
            {
                cell.set_style(style);
            }
        }
    }

    /// A frame around all of it with a title left and one right; gives the inside.
    pub fn boxed(&mut self, title: &str, right: &str) -> Canvas<'_> {
        let (width, height) = (self.area.width, self.area.height);
        if width < 2 || height < 2 {
            return self.part(0, 0, 0, 0);
        }
        let [tl, tr, bl, br, horizontal, vertical] = self.look.charset.frame();
        for x in 1..width - 1 {
            self.glyph(x, 0, horizontal, Role::Frame);
            self.glyph(x, height - 1, horizontal, Role::Frame);
        }
        for y in 1..height - 1 {
            self.glyph(0, y, vertical, Role::Frame);
            self.glyph(width - 1, y, vertical, Role::Frame);
        }
        for (x, y, corner) in
            [(0, 0, tl), (width - 1, 0, tr), (0, height - 1, bl), (width - 1, height - 1, br)]
        {
            self.glyph(x, y, corner, Role::Frame);
        }
        let mut left = 1;
        if !title.is_empty() && width > 4 {
            left += self.text(1, 0, width - 2, &format!(" {title} "), Role::Key);
        }
        let right = format!(" {right} ");
        // A right title that would be cut says less than none.
        if right.len() > 2 && u16::try_from(right.width()).is_ok_and(|wide| left + wide + 2 <= width) {
            self.text_right(width - 1, 0, &right, Role::Dim);
        }
        self.part(1, 1, width - 2, height - 2)
    }
}

/// Text cut or filled to exactly this many columns.
#[must_use]
pub fn fit(text: &str, columns: usize) -> String {
    let mut line = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let wide = grapheme.width();
        if grapheme.chars().any(char::is_control) || wide == 0 {
            continue;
        }
        if used + wide > columns {
            break;
        }
        line.push_str(grapheme);
        used += wide;
    }
    line.extend(std::iter::repeat_n(' ', columns - used));
    line
}

/// Columns that a text takes as it is drawn here: character by character.
#[must_use]
pub fn columns(text: &str) -> usize {
    drawn(text).map(UnicodeWidthStr::width).sum()
}

/// The characters of a text that are drawn at all.
fn drawn(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.graphemes(true).filter(|one| !one.chars().any(char::is_control) && one.width() > 0)
}

/// The end of a text that is longer than its field.
#[must_use]
pub fn tail(text: &str, columns: usize) -> String {
    let mut used = 0;
    let kept = drawn(text).rev().take_while(|grapheme| {
        used += grapheme.width();
        used <= columns
    });
    let mut kept: Vec<&str> = kept.collect();
    kept.reverse();
    kept.concat()
}

/// Text cut between words into lines of at most this many columns; a word that is longer is cut.
#[must_use]
pub fn wrapped(text: &str, columns_max: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let wide = columns(word);
        if used > 0 && used + 1 + wide > columns_max {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 && wide > 0 {
            line.push(' ');
            used += 1;
        }
        for grapheme in drawn(word) {
            let wide = grapheme.width();
            if used + wide > columns_max {
                // Wider than the column itself: nothing can be shown of it.
                if used == 0 {
                    continue;
                }
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            if wide <= columns_max {
                line.push_str(grapheme);
                used += wide;
            }
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::look::Theme;
    use proptest::prelude::*;

    #[test]
    fn a_long_line_breaks_between_words() {
        assert_eq!(wrapped("again from the bridge?", 10), ["again from", "the", "bridge?"]);
        assert_eq!(wrapped("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert!(wrapped("漢字", 1).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_is_drawn_outside(text in ".{0,40}", x in 0_u16..30, y in 0_u16..6, width in 0_u16..40) {
            let look = Look { theme: Theme::Auto, charset: Charset::Unicode };
            let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 4));
            let mut whole = Canvas::new(&mut buffer, look);
            let mut part = whole.part(5, 1, 10, 2);
            let used = part.text(x, y, width, &text, Role::Text);
            prop_assert!(used <= width);
            part.boxed(&text, &text);
            for (index, cell) in buffer.content().iter().enumerate() {
                let (x, y) = (index % 20, index / 20);
                if !(5..15).contains(&x) || !(1..3).contains(&y) {
                    prop_assert_eq!(cell.symbol(), " ");
                }
            }
            prop_assert_eq!(columns(&fit(&text, 7)), 7);
            prop_assert!(columns(&tail(&text, 7)) <= 7);
            prop_assert!(wrapped(&text, 7).iter().all(|line| columns(line) <= 7));
        }
    }
}

//! Names people chose, made harmless: a peer's name is hostile input.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns a name may take on a screen; longer ones are cut at a whole character.
pub const NAME_COLUMNS_MAX: usize = 32;

/// A person's or a jam's name: safe to print, at most [`NAME_COLUMNS_MAX`] columns, never empty.
///
/// Control characters, bidirectional overrides, zero-width and private-use characters are gone,
/// runs of white space are one space. Two names that look alike may still differ: people are
/// told apart by their key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Makes any text a name; `"?"` when nothing printable is left.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let cut = safe_line(text, NAME_COLUMNS_MAX);
        Self(if cut.is_empty() { "?".to_owned() } else { cut })
    }

    /// The text, as it may be printed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Any text as one line that is safe on a terminal, cut at `columns_max` columns.
///
/// For names, chat lines, reasons and every other text that came from outside.
#[must_use]
pub fn safe_line(text: &str, columns_max: usize) -> String {
    let mut line = String::new();
    let mut columns = 0;
    let mut space_owed = false;
    // First, for what clings to a space and is not printed would hide that it is one.
    let text: String = text.chars().filter(|c| c.is_whitespace() || !is_harmful(*c)).collect();
    for grapheme in text.graphemes(true) {
        if grapheme.chars().all(char::is_whitespace) {
            space_owed = !line.is_empty();
            continue;
        }
        let width = grapheme.width();
        if width == 0 {
            continue;
        }
        if columns + width + usize::from(space_owed) > columns_max {
            break;
        }
        if space_owed {
            line.push(' ');
            columns += 1;
            space_owed = false;
        }
        line.push_str(grapheme);
        columns += width;
    }
    line
}

/// Characters that move, hide or reorder what stands around them, or that no font agrees on.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{E000}'..='\u{F8FF}' | '\u{E0000}'..='\u{E0FFF}'
            | '\u{F0000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_and_direction_tricks_are_gone() {
        assert_eq!(Name::new("\u{1b}[2JAna\u{202e}!").as_str(), "[2JAna!");
        assert_eq!(Name::new("a\u{200b}\u{feff}b").as_str(), "ab");
        assert_eq!(Name::new("  two \n\t words ").as_str(), "two words");
        assert_eq!(Name::new("\u{7}\u{200d}").as_str(), "?");
        assert_eq!(Name::new("\u{2000}\u{fe00} ").as_str(), "?", "a blank that hides is a blank");
    }

    #[test]
    fn a_wide_name_is_cut_at_a_whole_character() {
        let name = Name::new(&"漢".repeat(40));
        assert_eq!(name.as_str().width(), NAME_COLUMNS_MAX);
        assert_eq!(Name::new(&"e\u{301}".repeat(40)).as_str().graphemes(true).count(), NAME_COLUMNS_MAX);
    }

    proptest! {
        #[test]
        fn any_text_becomes_one_harmless_short_line(text in "\\PC{0,80}|.{0,80}|[\\x00-\\x1f\u{202a}-\u{202e}]{0,20}", columns in 0_usize..50) {
            let line = safe_line(&text, columns);
            prop_assert!(line.width() <= columns);
            prop_assert!(!line.chars().any(is_harmful));
            prop_assert_eq!(safe_line(&line, columns), line);
        }
    }
}

//! Figures in words that musicians use.

use crate::domain::badge::NameColour;
use crate::peer::api::{Link, Status};
use crate::tui::canvas::{Canvas, columns};
use crate::tui::look::Role;
use crate::tui::model::Model;

/// Why there is no card.
#[must_use]
pub(in crate::tui) fn card_missing(status: &Status) -> String {
    if status.card_trouble.is_empty() {
        "the sound card is being opened".to_owned()
    } else {
        // "input X: why"; what is lost when all is lost needs no saying twice.
        let why = status.card_trouble.strip_prefix("the sound card: ").unwrap_or(&status.card_trouble);
        if why.starts_with("no sound card") { why.to_owned() } else { format!("no sound card: {why}") }
    }
}

/// A name with the avatar beside it, where both fit into `width` columns.
#[must_use]
pub(in crate::tui) fn called(name: &str, avatar: Option<&str>, width: usize) -> String {
    match avatar {
        Some(avatar) if columns(name) + 1 + columns(avatar) <= width => format!("{name} {avatar}"),
        _ => name.to_owned(),
    }
}

/// Puts the colour a person chose on their name, which stands at `x` in at most `width` columns.
pub(in crate::tui) fn tint(
    canvas: &mut Canvas<'_>,
    (x, y): (u16, u16),
    width: usize,
    name: &str,
    colour: Option<&str>,
) {
    if let Some(colour) = colour.and_then(NameColour::parse) {
        let wide = u16::try_from(columns(name).min(width)).unwrap_or(0);
        canvas.paint(x, y, wide, Role::Person(colour));
    }
}

/// A link's grade: letter, words, how near it feels.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tui) struct Grade {
    /// A to D, `-` while it is not known.
    pub letter: char,
    /// In a word or two.
    pub word: &'static str,
    /// How it looks.
    pub role: Role,
    /// One way, in ms.
    pub ms: Option<f64>,
}

/// Gaps hidden a minute above which a link is one grade worse: heard as restlessness, whatever its delay.
const HIDDEN_MAX: u64 = 6;

/// The grade of a delay from string to ear, and of gaps hidden a minute.
#[must_use]
pub(in crate::tui) fn grade(ms: Option<f64>, hidden_a_minute: u64) -> Grade {
    let Some(value) = ms else {
        return Grade { letter: '-', word: "not known yet", role: Role::Dim, ms };
    };
    let by_delay = [10.0, 25.0, 45.0].iter().filter(|most| value > **most).count();
    let index = (by_delay + usize::from(hidden_a_minute > HIDDEN_MAX)).min(3);
    let (letter, word, role) = [
        ('A', "tight", Role::Fine),
        ('B', "same stage", Role::Fine),
        ('C', "slow tunes", Role::Watch),
        ('D', "take turns", Role::Bad),
    ][index];
    // Near enough, and not whole: the word says which.
    let word = if index > by_delay { "gaps" } else { word };
    Grade { letter, word, role, ms }
}

/// The grade of someone's link.
#[must_use]
pub(in crate::tui) fn grade_of(model: &Model, link: &Link) -> Grade {
    let hidden = model.history.link(&link.who.key).map_or(0, |past| past.hidden_a_minute());
    grade(link.one_way_ms, hidden)
}

/// How far apart it feels: sound takes 3 ms a metre.
#[must_use]
pub(in crate::tui) fn distance(ms: Option<f64>) -> String {
    ms.map_or_else(String::new, |ms| format!("~{:.0} m", (ms / 2.94).max(1.0)))
}

/// `A  3 ms`, eight columns.
#[must_use]
pub(in crate::tui) fn grade_text(grade: &Grade) -> String {
    match grade.ms {
        Some(ms) => format!("{} {:>3.0} ms", grade.letter, ms),
        None => "-   -- ".to_owned(),
    }
}

/// A figure, or dashes.
#[must_use]
pub(in crate::tui) fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "--".to_owned(), |value| format!("{value:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_graded_by_what_can_be_played_on_it() {
        let letter = |ms, hidden| grade(Some(ms), hidden).letter;
        assert_eq!(
            [letter(10.0, 0), letter(10.1, 0), letter(25.1, 0), letter(45.1, 0)],
            ['A', 'B', 'C', 'D']
        );
        assert_eq!([letter(3.0, 7), letter(60.0, 7)], ['B', 'D']);
        assert_eq!(grade(None, 0).letter, '-');
    }
}

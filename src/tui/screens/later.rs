//! Screens whose features are not there yet: what they will hold, and what can be had today.

use crate::tui::action::Tab;
use crate::tui::canvas::{Canvas, wrapped};
use crate::tui::look::Role;

/// Draws one of the two.
pub(super) fn draw(tab: Tab, canvas: &mut Canvas<'_>) {
    let mut inside = canvas.boxed(tab.name(), "not there yet");
    let width = inside.width().saturating_sub(4);
    let mut y = 1;
    for (text, role) in words(tab) {
        for line in wrapped(text, usize::from(width)) {
            inside.text(2, y, width, &line, role);
            y += 1;
        }
        y += 1;
    }
}

/// What is said there.
pub(in crate::tui) fn words(tab: Tab) -> [(&'static str, Role); 3] {
    match tab {
        Tab::Tinies => [
            (
                "Here will be tiny performances: five seconds of a drawn or played sound, and answers to them.",
                Role::Text,
            ),
            ("The peer makes none yet, so there is nothing to show and nothing is pretended.", Role::Dim),
            (
                "Today: `jamtty demo` lets the house band play; B in the lobby lets you play with it.",
                Role::Text,
            ),
        ],
        _ => [
            (
                "Here will be messages that stay: topics, signed by each writer, kept on the devices that met.",
                Role::Text,
            ),
            (
                "The peer keeps none yet. What is said in a jam is in the jam's chat, and goes with it.",
                Role::Dim,
            ),
            (
                "Today: c in a jam, or `jamtty do chat \"from the top?\"`; `jamtty watch chat` follows it.",
                Role::Text,
            ),
        ],
    }
}

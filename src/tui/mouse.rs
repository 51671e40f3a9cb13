//! The mouse: what a click or the wheel does to what lies under it.
//!
//! Whoever draws something that can be clicked says so to its canvas; nothing here knows where things stand.

use std::cell::RefCell;

use ratatui::layout::Rect;

use super::action::Action;
use super::key::Key;

/// What the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gesture {
    /// The left button was pressed.
    Click,
    /// The wheel was turned away from the hand.
    WheelUp,
    /// The wheel was turned towards the hand.
    WheelDown,
}

/// What lies under the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Something that does this.
    Do(Action),
    /// The hint of a key.
    Press(Key),
    /// A line of what can be chosen here. A click chooses it, another on the same opens it.
    Line(usize),
    /// The row of a player or of the output, which is a line and has a fader for the wheel.
    Strip(usize),
}

/// Where targets were drawn, in the order of drawing.
#[derive(Debug, Default)]
pub struct Targets(RefCell<Vec<(Rect, Target)>>);

impl Targets {
    /// Something was drawn there.
    pub fn add(&self, area: Rect, target: Target) {
        self.0.borrow_mut().push((area, target));
    }

    /// Something lies over all that was drawn so far.
    pub fn forget(&self) {
        self.0.borrow_mut().clear();
    }

    /// What lies there: what was drawn last.
    #[must_use]
    pub fn at(&self, column: u16, row: u16) -> Option<Target> {
        let targets = self.0.borrow();
        targets.iter().rev().find(|(area, _)| area.contains((column, row).into())).map(|(_, target)| *target)
    }
}

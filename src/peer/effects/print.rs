//! Events as they are printed by a headless peer: lines for people, or JSON Lines.

use std::io::{self, Write};

use crate::peer::api::{Event, EventLine};
use crate::peer::run::Print;

/// Where events are printed. Ends quietly when nobody reads any more.
#[derive(Debug)]
pub(super) struct Printer {
    how: Print,
    /// Standard output carries the sound.
    to_stderr: bool,
    /// Whoever started us says why it fails: not said twice.
    is_failing: bool,
}

impl Printer {
    pub(super) const fn new(how: Print, sound_on_stdout: bool) -> Self {
        Self { how, to_stderr: sound_on_stdout, is_failing: false }
    }

    /// The next events end this peer with an error, which the command line tells.
    pub(super) const fn failing(&mut self) {
        self.is_failing = true;
    }

    pub(super) fn print(&mut self, line: &EventLine) {
        let written = match self.how {
            Print::Nothing => return,
            Print::Lines if self.is_left_out(&line.event) => return,
            Print::Lines => writeln!(io::stderr().lock(), "{}", line.event),
            Print::Json => serde_json::to_string(line).map_err(io::Error::other).and_then(|json| {
                if self.to_stderr {
                    writeln!(io::stderr().lock(), "{json}")
                } else {
                    let mut out = io::stdout().lock();
                    writeln!(out, "{json}").and_then(|()| out.flush())
                }
            }),
        };
        if written.is_err() {
            // Whoever read us is gone; the jam is not theirs to end.
            self.how = Print::Nothing;
        }
    }
    /// What a person need not read: `jamtty status` and `jamtty ticket` have the addresses, `jamtty rec ls` the takes.
    const fn is_left_out(&self, event: &Event) -> bool {
        match event {
            Event::Listening { .. } | Event::TakesChanged => true,
            Event::JoinRefused { .. } | Event::Left { .. } | Event::Ended { .. } => self.is_failing,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_failure_is_left_to_the_command_line() {
        let ended = Event::Ended { why: "no card".to_owned() };
        let mut printer = Printer::new(Print::Lines, false);
        assert!(!printer.is_left_out(&ended));
        printer.failing();
        assert!(printer.is_left_out(&ended));
    }
}

//! Events as they are printed by a headless peer: lines for people, or JSON Lines.

use std::io::{self, Write};

use crate::peer::api::EventLine;
use crate::peer::run::Print;

/// Where events are printed. Ends quietly when nobody reads any more.
#[derive(Debug)]
pub(super) struct Printer {
    how: Print,
    /// Standard output carries the sound.
    to_stderr: bool,
}

impl Printer {
    pub(super) const fn new(how: Print, sound_on_stdout: bool) -> Self {
        Self { how, to_stderr: sound_on_stdout }
    }

    pub(super) fn print(&mut self, line: &EventLine) {
        let written = match self.how {
            Print::Nothing => return,
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
}

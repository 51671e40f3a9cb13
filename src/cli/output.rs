//! stdout and stderr: data on the one, messages on the other, and neither ever panics.

use std::io::{ErrorKind, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::args::Common;
use super::exit::{Outcome, Stop};
use crate::peer::api::{API_VERSION, ErrorCode};

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Human,
    /// Tabs between the fields.
    Plain,
    /// JSON Lines.
    Json,
}

/// Where a command puts its data and its messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    /// How data is printed.
    pub(super) form: Form,
    quiet: bool,
    verbose: bool,
}

impl Output {
    /// As the common flags say.
    #[must_use]
    pub(super) const fn new(common: &Common) -> Self {
        let form = match (common.json, common.plain) {
            (true, _) => Form::Json,
            (false, true) => Form::Plain,
            (false, false) => Form::Human,
        };
        Self { form, quiet: common.quiet, verbose: common.verbose > 0 }
    }

    /// One line of data, or several, on stdout, at once.
    ///
    /// # Errors
    /// [`Stop::PipeClosed`] when nobody reads any more; 73 when it cannot be written (`> /dev/full`).
    pub(super) fn line(&self, text: &str) -> Outcome {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Bytes as they are on stdout, at once.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(super) fn bytes(&self, bytes: &[u8]) -> Outcome {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Stop::PipeClosed,
            _ => Stop::failed(
                ErrorCode::CannotWrite,
                "cannot write to stdout",
                error.to_string(),
                "Free space, or write somewhere else.",
            ),
        })
    }

    /// Fields of one row, with tabs; what would break the row is a space in it.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(super) fn row(&self, fields: &[&str]) -> Outcome {
        let clean = |field: &&str| field.replace(['\t', '\n', '\r'], " ");
        self.line(&fields.iter().map(clean).collect::<Vec<_>>().join("\t"))
    }

    /// One JSON object on one line, with `"v":1` first to be looked for.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(super) fn json(&self, data: &impl Serialize) -> Outcome {
        let value = serde_json::to_value(data).map_err(|error| bug("write JSON", &error.to_string()))?;
        self.line(&versioned(value).to_string())
    }

    /// A message for people on stderr, unless they asked for quiet.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            complain(text);
        }
    }

    /// A message for people who asked for more.
    pub(super) fn detail(&self, text: &str) {
        if self.verbose {
            complain(text);
        }
    }
}

/// An object with `"v":1`; anything else goes under `"data"`.
fn versioned(value: Value) -> Value {
    match value {
        Value::Object(mut fields) => {
            fields.insert("v".to_owned(), json!(API_VERSION));
            Value::Object(fields)
        }
        other => json!({ "v": API_VERSION, "data": other }),
    }
}

/// One line on stderr; if nobody reads that either, there is nobody left to tell.
pub(super) fn complain(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// What cannot happen, said so that it can be reported.
pub(super) fn bug(what: &str, why: &str) -> Stop {
    Stop::failed(ErrorCode::Bug, format!("cannot {what}"), why, "This is a bug of jamtty: please report it.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_json_line_says_its_version() {
        assert_eq!(versioned(json!({"a": 1})), json!({"a": 1, "v": 1}));
        assert_eq!(versioned(json!([1])), json!({"v": 1, "data": [1]}));
    }
}

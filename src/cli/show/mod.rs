//! What the peer answers, for people, for pipes and for programs.
//!
//! Every reply type has one [`Show`]; `jamtty do` and the verbs print the same thing for the same reply.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::exit::Outcome;
use super::output::{Form, Output, bug};
use crate::peer::api::{
    ActionSpec, Cards, Delay, Doctor, Format, Inputs, Joined, Levels, Links, Listing, Me, Mic, Path,
    RecordingNow, RoundTrip, Status, Strip, TakeGone, TakeMoved, TakeShown, TakeVerified, Takes, Ticket,
    Withdrawal,
};

mod people;
mod sound;
mod takes;

pub(super) use sound::finding_lines;
pub(super) use takes::recording_lines;

/// A reply that can be printed.
pub(super) trait Show {
    /// Lines for people.
    fn lines(&self) -> Vec<String>;
    /// Rows for pipes: the first field says what the row is where rows differ.
    fn rows(&self) -> Vec<Vec<String>>;
}

/// Prints the reply to `action` as the common flags say.
pub(super) fn reply(out: Output, action: &ActionSpec, data: Value) -> Outcome {
    if out.form == Form::Json {
        return out.json(&if data.is_null() { json!({}) } else { data });
    }
    match action.reply {
        "Status" => decoded::<Status>(out, data),
        "Listing" => decoded::<Listing>(out, data),
        "Joined" => decoded::<Joined>(out, data),
        "Mic" => decoded::<Mic>(out, data),
        "Strip" => decoded::<Strip>(out, data),
        "Delay" => decoded::<Delay>(out, data),
        "Format" => decoded::<Format>(out, data),
        "Ticket" => decoded::<Ticket>(out, data),
        "Links" => decoded::<Links>(out, data),
        "Cards" => decoded::<Cards>(out, data),
        "Levels" => decoded::<Levels>(out, data),
        "Inputs" => decoded::<Inputs>(out, data),
        "RoundTrip" => decoded::<RoundTrip>(out, data),
        "Me" => decoded::<Me>(out, data),
        "Doctor" => decoded::<Doctor>(out, data),
        "RecordingNow" => decoded::<RecordingNow>(out, data),
        "Takes" => decoded::<Takes>(out, data),
        "TakeShown" => decoded::<TakeShown>(out, data),
        "TakeVerified" => decoded::<TakeVerified>(out, data),
        "TakeMoved" => decoded::<TakeMoved>(out, data),
        "TakeGone" => decoded::<TakeGone>(out, data),
        "Withdrawal" => decoded::<Withdrawal>(out, data),
        _ => Ok(()),
    }
}

/// Reply types that [`reply`] can print; a test holds them against the table of actions.
#[cfg(test)]
const SHOWN: [&str; 22] = [
    "Status",
    "Listing",
    "Joined",
    "Mic",
    "Strip",
    "Delay",
    "Format",
    "Ticket",
    "Links",
    "Cards",
    "Levels",
    "Inputs",
    "RoundTrip",
    "Me",
    "Doctor",
    "RecordingNow",
    "Takes",
    "TakeShown",
    "TakeVerified",
    "TakeMoved",
    "TakeGone",
    "Withdrawal",
];

fn decoded<T: Show + DeserializeOwned>(out: Output, data: Value) -> Outcome {
    let data: T = serde_json::from_value(data).map_err(|error| bug("read the reply", &error.to_string()))?;
    print(out, &data)
}

/// Prints for people or for pipes.
pub(super) fn print(out: Output, data: &impl Show) -> Outcome {
    if out.form == Form::Human {
        data.lines().iter().try_for_each(|line| out.line(line))
    } else {
        data.rows().iter().try_for_each(|row| out.row(&row.iter().map(String::as_str).collect::<Vec<_>>()))
    }
}

/// Columns as wide as their widest field; trailing blanks cut.
pub(super) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    use unicode_width::UnicodeWidthStr;
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|field| field.width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let padded = row.iter().zip(&widths).map(|(field, width)| {
            let blanks = " ".repeat(width.saturating_sub(field.width()));
            format!("{field}{blanks}")
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn row<const N: usize>(fields: [&str; N]) -> Vec<String> {
    fields.into_iter().map(str::to_owned).collect()
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn db(level: Option<f32>) -> String {
    match level {
        Some(level) if level > crate::domain::level::SILENCE_DB => format!("{level:.1} dB"),
        Some(_) => "silent".to_owned(),
        None => "-".to_owned(),
    }
}

/// For pipes: the bare number, or nothing.
fn bare<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

const fn path_name(path: Option<Path>) -> &'static str {
    match path {
        Some(Path::Udp) => "udp",
        Some(Path::Stream) => "stream",
        None => "no sound",
    }
}

impl Show for Ticket {
    fn lines(&self) -> Vec<String> {
        vec![self.ticket.clone()]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec![self.ticket.clone()]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::api::ACTIONS;

    #[test]
    fn every_reply_of_every_action_can_be_shown() {
        for action in ACTIONS.iter().filter(|action| !action.reply.is_empty()) {
            assert!(SHOWN.contains(&action.reply), "{} of {}", action.reply, action.name);
        }
    }

    #[test]
    fn columns_line_up_whatever_the_script() {
        let lines = columns(&[row(["漢字", "x"]), row(["Ana", "y"]), row(["end", ""])]);
        assert_eq!(lines, ["漢字  x", "Ana   y", "end"]);
    }
}

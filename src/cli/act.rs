//! `do` and `watch`: everything the running peer can do, and everything that happens to it.

use std::io::{self, BufRead};
use std::time::Instant;

use serde_json::json;

use super::args::{DoArgs, WatchArgs, action_name};
use super::context::Context;
use super::exit::{Outcome, Stop};
use super::jam::{ask, ask_with};
use super::output::{Form, complain};
use super::show::columns;
use crate::peer::api::{ACTIONS, ErrorCode, EventLine, LINE_BYTES_MAX};
use crate::peer::socket::client::Client;

pub(super) fn run(context: &Context, args: &DoArgs) -> Outcome {
    match args.action.as_deref() {
        None => list(context),
        Some("-") if args.args.is_empty() => from_stdin(context),
        Some("-") => Err(wrong_use("with - the arguments stand on stdin, one action a line")),
        Some("watch") => watch(context, &WatchArgs { events: args.args.clone(), count: None, limit: None }),
        Some(action) => ask(context, action, &args.args),
    }
}

fn wrong_use(why: &str) -> Stop {
    Stop::failed(ErrorCode::Usage, "wrong use of `do`", why, "See `jamtty do --help`")
}

fn list(context: &Context) -> Outcome {
    let out = context.out;
    match out.form {
        Form::Json => {
            let actions = ACTIONS
                .iter()
                .map(|action| json!({"name": action.name, "args": action.args, "help": action.help}));
            out.json(&json!({ "actions": actions.collect::<Vec<_>>() }))
        }
        Form::Plain => {
            ACTIONS.iter().try_for_each(|action| out.row(&[action.name, action.args, action.help]))
        }
        Form::Human => action_lines().iter().try_for_each(|line| out.line(line)),
    }
}

/// All actions, for people: also a topic of the help.
pub(super) fn action_lines() -> Vec<String> {
    let rows: Vec<Vec<String>> = ACTIONS
        .iter()
        .map(|action| vec![format!("{} {}", action.name, action.args), action.help.to_owned()])
        .collect();
    columns(&rows)
}

/// One action a line; `#` begins a comment. A line that fails does not keep the next from being done.
fn from_stdin(context: &Context) -> Outcome {
    let mut client = context.peer()?;
    let mut stdin = std::io::stdin().lock();
    let mut first_failure = None;
    let mut number = 0;
    loop {
        let failed = |error: io::Error| {
            let remedy = "Check where it comes from; the lines before were done";
            Stop::failed(ErrorCode::BadInput, "cannot read stdin", error.to_string(), remedy)
        };
        let line = next_line(&mut stdin).map_err(failed)?;
        number += 1;
        let done = match line {
            Line::End => break,
            Line::TooLong => Err(wrong_use(&format!("the line is longer than {LINE_BYTES_MAX} bytes"))),
            Line::Whole(bytes) => String::from_utf8(bytes)
                .map_err(|_| wrong_use("the line is not UTF-8 text"))
                .and_then(|line| one_line(context, &mut client, &line)),
        };
        match done {
            Ok(()) => {}
            Err(Stop::Failed(error)) => {
                complain(&format!("jamtty: line {number}: {error}"));
                first_failure.get_or_insert(error.code);
                // A peer that has ended answers no other line either.
                if error.code == ErrorCode::NotFound && context.running()?.is_none() {
                    break;
                }
            }
            Err(stop) => return Err(stop),
        }
    }
    first_failure.map_or(Ok(()), |code| Err(Stop::Code(code.exit_code())))
}

/// One line of stdin.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Whole(Vec<u8>),
    /// More than [`LINE_BYTES_MAX`]: read to its end and thrown away, for its rest is no action.
    TooLong,
    End,
}

fn next_line(from: &mut impl BufRead) -> io::Result<Line> {
    let mut bytes = Vec::new();
    let read = io::Read::take(&mut *from, LINE_BYTES_MAX as u64).read_until(b'\n', &mut bytes)?;
    if read == 0 {
        return Ok(Line::End);
    }
    if read < LINE_BYTES_MAX || bytes.ends_with(b"\n") {
        return Ok(Line::Whole(bytes));
    }
    from.skip_until(b'\n')?;
    Ok(Line::TooLong)
}

fn one_line(context: &Context, client: &mut Client, line: &str) -> Outcome {
    let words = words(line).ok_or_else(|| wrong_use("a quote is not closed"))?;
    let Some((action, args)) = words.split_first() else { return Ok(()) };
    match action_name(action) {
        Ok(name) if name != "-" && name != "watch" => ask_with(context, client, &name, args),
        Ok(name) => Err(wrong_use(&format!("{name} cannot stand in a list of actions"))),
        Err(why) => Err(wrong_use(&format!("{action:?}: {why}"))),
    }
}

/// Splits at blanks; `"` and `'` hold words together, `\` takes the next character as it is, except in `'`.
/// `None` if a quote stays open.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.trim_end_matches(['\r', '\n']).chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '#') if word.is_none() => break,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(chars.next()?),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return None;
    }
    words.extend(word);
    Some(words)
}

pub(super) fn watch(context: &Context, args: &WatchArgs) -> Outcome {
    let until = args.limit.map(|limit| Instant::now() + limit);
    let mut client = context.peer()?;
    client.watch(&args.events)?;
    let mut seen = 0;
    while args.count.is_none_or(|count| seen < count) {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        match client.next_event(left)? {
            Some(event) => show_event(context, &event)?,
            None if args.count.is_some() => return Err(Stop::Code(ErrorCode::TimedOut.exit_code())),
            None => return Ok(()),
        }
        seen += 1;
    }
    Ok(())
}

fn show_event(context: &Context, line: &EventLine) -> Outcome {
    match context.out.form {
        Form::Json => context.out.json(line),
        Form::Plain => context.out.row(&[&line.at, line.event.name(), &line.event.to_string()]),
        // 2026-11-22T20:15:00.123Z: the time of day is enough for someone who looks on.
        Form::Human => {
            context.out.line(&format!("{}Z {}", line.at.get(11..19).unwrap_or(&line.at), line.event))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_split_as_in_a_shell() {
        let split = |line| words(line).unwrap();
        assert_eq!(split("fader Bo -3\n"), ["fader", "Bo", "-3"]);
        assert_eq!(split(r#"chat "two  words" 'a"b' c\ d ''"#), ["chat", "two  words", "a\"b", "c d", ""]);
        assert_eq!(split("  # a comment"), Vec::<String>::new());
        assert_eq!(split("mic.off # now"), ["mic.off"]);
        assert_eq!(words("chat \"open"), None);
        assert_eq!(words("chat \\"), None);
    }

    #[test]
    fn the_rest_of_a_line_that_is_too_long_is_no_action() {
        let mut text = vec![b'a'; LINE_BYTES_MAX - 1];
        text.extend_from_slice(b"\n");
        text.extend(b"mic.off ".repeat(LINE_BYTES_MAX / 2));
        text.extend_from_slice(b"\npanic\nleave");
        let mut from = text.as_slice();
        assert!(matches!(next_line(&mut from).unwrap(), Line::Whole(line) if line.len() == LINE_BYTES_MAX));
        assert_eq!(next_line(&mut from).unwrap(), Line::TooLong);
        assert_eq!(next_line(&mut from).unwrap(), Line::Whole(b"panic\n".to_vec()));
        assert_eq!(next_line(&mut from).unwrap(), Line::Whole(b"leave".to_vec()));
        assert_eq!(next_line(&mut from).unwrap(), Line::End);
    }

    proptest! {
        #[test]
        fn any_line_splits_or_is_refused(line in "\\PC{0,60}") {
            drop(words(&line));
        }
    }
}

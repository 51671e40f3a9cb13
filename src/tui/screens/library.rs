//! Takes: the list, and all of the chosen one.

use crate::peer::api::{
    Answer, TakeCard, TakeKind, TakeShown, TakeState, TakeTrack, TakeVerified, TrackKind,
};
use crate::tui::action::{Action, Tab};
use crate::tui::canvas::{Canvas, Span, fit, span, tail, wrapped};
use crate::tui::keymap::Context;
use crate::tui::look::Role;
use crate::tui::model::Model;
use crate::tui::mouse::Target;

/// Columns of the list where both stand side by side.
const LIST: u16 = 34;

/// Narrower, the list stands alone.
const BOTH: u16 = 76;

/// Samples a second of every take.
const RATE: f64 = 48_000.0;

pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    if model.library.cards().is_empty() {
        return empty(model, canvas);
    }
    if width < BOTH {
        return list(model, canvas);
    }
    let left = if width >= 110 { LIST + 10 } else { LIST };
    list(model, &mut canvas.part(0, 0, left, height));
    details(model, &mut canvas.part(left, 0, width - left, height));
}

/// Nothing is there, or nothing was found: what to do.
fn empty(model: &Model, canvas: &mut Canvas<'_>) {
    let key = |action| model.keymap.shown(Context::Tab(Tab::Library), action).unwrap_or_default();
    let mut words: Vec<(String, Role)> = Vec::new();
    match &model.library.takes {
        None => words.push(("looking...".to_owned(), Role::Dim)),
        Some(_) if !model.library.filter.is_empty() => {
            words.push((format!("No take has all of these words: {}", model.library.filter), Role::Text));
            let remedy = format!("{} looks for others; no word at all shows all takes.", key(Action::Find));
            words.push((remedy, Role::Dim));
        }
        Some(takes) => {
            let (record, grab) = (key(Action::Record), key(Action::Grab));
            let how = format!(
                "Nothing is recorded yet. In a jam {record} records, and {grab} keeps what was played last."
            );
            words.push((how, Role::Text));
            let asked = "Everyone is asked. Who does not say yes is on no track, on nobody's disk.";
            words.push((asked.to_owned(), Role::Dim));
            words.push((format!("Takes are folders of plain files, in {}", takes.folder), Role::Dim));
        }
    }
    let broken = model.library.takes.iter().flat_map(|takes| &takes.broken);
    words.extend(broken.map(|one| (format!("cannot be read: {} {}", one.why, one.remedy), Role::Watch)));
    let mut inside = canvas.boxed("Recordings", "");
    let width = inside.width().saturating_sub(4);
    let mut y = 1;
    for (text, role) in words {
        for line in wrapped(&text, usize::from(width)) {
            inside.text(2, y, width, &line, role);
            y += 1;
        }
        y += 1;
    }
}

fn list(model: &Model, canvas: &mut Canvas<'_>) {
    let library = &model.library;
    let cards = library.cards();
    let title = if library.filter.is_empty() {
        format!("Recordings ({})", cards.len())
    } else {
        format!("{} with {}", cards.len(), fit(&library.filter, 14).trim_end())
    };
    let find = model.keymap.shown(Context::Tab(Tab::Library), Action::Find).unwrap_or_default();
    let mut inside = canvas.boxed(&title, &format!("{find} find"));
    let (width, height) = (inside.width(), inside.height());
    let chosen = model.chosen(Tab::Library, cards.len());
    // Two rows each, and one for the disk.
    let rows = usize::from(height.saturating_sub(1) / 2);
    let first = super::lobby::first_row(chosen, rows, cards.len());
    for (y, (index, card)) in (0..).step_by(2).zip(cards.iter().enumerate().skip(first).take(rows)) {
        let is_chosen = index == chosen;
        inside.target(0, y, width, 2, Target::Line(index));
        let time = length(card.length_s);
        let room = width.saturating_sub(4 + time.len() as u16);
        inside.text(0, y, 2, if is_chosen { ">" } else { " " }, Role::Key);
        inside.text(2, y, room, &card.name, if is_chosen { Role::Chosen } else { Role::Text });
        inside.text_right(width.saturating_sub(1), y, &time, Role::Text);
        let about = [day(model, &card.started), state_word(card).to_owned(), card.players.join(", ")];
        let about: Vec<String> = about.into_iter().filter(|word| !word.is_empty()).collect();
        inside.text(2, y + 1, width.saturating_sub(3), &about.join("  "), Role::Dim);
    }
    if let Some(takes) = &library.takes {
        let role = if takes.minutes_left < 10 { Role::Bad } else { Role::Dim };
        let broken = match takes.broken.len() {
            0 => String::new(),
            count => format!("{count} unreadable  "),
        };
        let words = format!("{broken}{} used  {} free", size(takes.used_bytes), size(takes.free_bytes));
        inside.text(1, height.saturating_sub(1), width.saturating_sub(1), &words, role);
    }
}

/// How a take came to be, where that is not the usual way.
const fn state_word(card: &TakeCard) -> &'static str {
    match (card.state, card.kind) {
        (TakeState::Recording, _) => "being recorded",
        (TakeState::Recovered, _) => "mended",
        (TakeState::Ended, TakeKind::Recorded) => "",
        (TakeState::Ended, TakeKind::Grabbed) => "kept afterwards",
        (TakeState::Ended, TakeKind::Imported) => "from elsewhere",
    }
}

fn details(model: &Model, canvas: &mut Canvas<'_>) {
    let cards = model.library.cards();
    let chosen = cards.get(model.chosen(Tab::Library, cards.len())).map(|card| &card.id);
    let shown = model.library.shown.as_ref().filter(|shown| Some(&shown.take.id) == chosen);
    let Some(shown) = shown else {
        canvas.boxed("", "");
        return;
    };
    let busy = model.library.busy.map_or_else(|| "48 kHz, 24 bit".to_owned(), |busy| format!("{busy}..."));
    let mut inside = canvas.boxed(fit(&shown.take.name, 24).trim_end(), &busy);
    let width = inside.width().saturating_sub(2);
    let lines = detail_lines(model, shown, width);
    for (y, line) in (0..inside.height()).zip(&lines) {
        inside.line(1, y, width, line);
    }
}

fn detail_lines(model: &Model, shown: &TakeShown, width: u16) -> Vec<Vec<Span>> {
    let mut lines: Vec<Vec<Span>> = Vec::new();
    let (when, by) = (day(model, &shown.take.started), &shown.started_by.name);
    lines.push(vec![span(format!("{when}, by {by}, in {}", shown.take.jam), Role::Text)]);
    let (long, large) = (length(shown.take.length_s), size(shown.take.bytes));
    lines.push(vec![span(format!("{long}   {large}"), Role::Dim)]);
    lines.push(Vec::new());
    lines.extend(shown.tracks.iter().map(track_line));
    lines.extend(left_out(shown));
    lines.push(Vec::new());
    for mark in shown.marks.iter().take(4) {
        let at = length(mark.at as f64 / RATE);
        lines.push(vec![span(format!("mark  {at}  "), Role::Dim), span(mark.text.clone(), Role::Text)]);
    }
    if !shown.take.tags.is_empty() {
        lines.push(vec![span("tags  ", Role::Dim), span(shown.take.tags.join("  "), Role::Text)]);
    }
    let room = usize::from(width.saturating_sub(6));
    let note = if shown.take.note.is_empty() { Vec::new() } else { wrapped(&shown.take.note, room) };
    for (index, line) in note.into_iter().enumerate().take(3) {
        let label = if index == 0 { "note  " } else { "      " };
        lines.push(vec![span(label, Role::Dim), span(line, Role::Text)]);
    }
    let verified = model.library.verified.as_ref().filter(|verified| verified.id == shown.take.id);
    lines.extend(verified.into_iter().flat_map(|verified| verified_lines(verified, width)));
    lines.push(vec![span("in    ", Role::Dim), span(tail(&shown.folder, room), Role::Text)]);
    lines.push(vec![span("any audio program opens it", Role::Dim)]);
    lines
}

fn track_line(track: &TakeTrack) -> Vec<Span> {
    let who = track.who.as_ref().map_or("", |who| &who.name);
    let kind = match track.kind {
        TrackKind::Own => "own line, lossless",
        TrackKind::Heard => "as heard",
        TrackKind::Stem => "their own line, lossless",
        TrackKind::Mix => "mix of everyone on it",
        TrackKind::MixWithoutMe => "mix without you",
    };
    let mut line = vec![span(fit(who, 9), Role::Key), span(format!(" {kind}"), Role::Text)];
    if track.concealed_s >= 0.005 {
        line.push(span(format!("  {:.2} s invented", track.concealed_s), Role::Watch));
    }
    line
}

/// Who is not on it, and why.
fn left_out(shown: &TakeShown) -> Vec<Vec<Span>> {
    let word = |answer| match answer {
        Some(Answer::No) => Some("said no: on no track"),
        Some(Answer::Withdrawn) => Some("withdrew: taken out"),
        Some(Answer::Yes) | None => None,
    };
    let answers = shown.answers.iter().filter_map(|one| Some((&one.who.name, word(one.answer)?)));
    answers.map(|(name, word)| vec![span(format!("{} {word}", fit(name, 9)), Role::Dim)]).collect()
}

fn verified_lines(verified: &TakeVerified, width: u16) -> Vec<Vec<Span>> {
    let (words, role) = if verified.ok {
        ("everything is as it was written", Role::Fine)
    } else {
        ("not as it was written", Role::Bad)
    };
    let mut lines = vec![vec![span("check ", Role::Dim), span(words, role)]];
    for finding in verified.findings.iter().take(5) {
        let words = format!("{} {}", finding.what, finding.remedy);
        let found = wrapped(&words, usize::from(width)).into_iter();
        lines.extend(found.map(|line| vec![span(line, Role::Watch)]));
    }
    lines
}

fn length(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

/// Day and time of day where this machine is.
fn day(model: &Model, started: &str) -> String {
    started.parse::<jiff::Timestamp>().map_or_else(
        |_| started.to_owned(),
        |at| at.to_zoned(model.zone.clone()).strftime("%-d %b %H:%M").to_string(),
    )
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000_000 => format!("{} kB", bytes / 1_000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

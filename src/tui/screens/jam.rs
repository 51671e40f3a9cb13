//! The jam: one row or two a player, the output, the chat; details beside it where there is room.

use super::jam_side;
use super::words::{called, distance, figure, grade_of, grade_text, tint};
use super::{WIDE, lobby};
use crate::peer::api::{MicState, Participant};
use crate::tui::action::{Action, Tab};
use crate::tui::canvas::{Canvas, fit, span, tail, wrapped};
use crate::tui::look::Role;
use crate::tui::meters::Source;
use crate::tui::model::Model;
use crate::tui::mouse::Target;
use crate::tui::widgets::meter;

/// Players with two lines each; more have one.
const TWO_LINES_MAX: usize = 6;
/// Columns of a name and its avatar.
const NAME_COLUMNS: usize = 7;
/// Columns beside the rows for chat and details.
const SIDE: u16 = 36;

/// Where columns stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    pub(super) meter: u16,
    pub(super) cells: u16,
    pub(super) peak: u16,
    pub(super) fader: u16,
    pub(super) pan: u16,
    pub(super) state: u16,
    pub(super) link: u16,
}

impl Columns {
    /// For rows of `width` columns.
    pub(super) const fn of(width: u16) -> Self {
        let meter = 9;
        // What stands right of the meter: peak 6, fader 9, pan 10, state 7, link 8, and the gaps.
        let cells = width.saturating_sub(meter + 43);
        let peak = meter + cells + 1;
        Self { meter, cells, peak, fader: peak + 6, pan: peak + 15, state: peak + 25, link: peak + 32 }
    }
}

/// Draws the jam.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let wide = width >= WIDE.0 && height + 3 >= WIDE.1;
    let side = if wide { SIDE } else { 0 };
    let jam = model.status.as_ref().and_then(|status| status.jam.as_ref());
    let Some(jam) = jam else { return };
    let title = if jam.closed { format!("{} (code word)", jam.name) } else { jam.name.clone() };
    let count = match jam.people.len() {
        1 => "you alone: i invites".to_owned(),
        more => format!("{more} players, steward {}", jam.steward.name),
    };
    let mut part = canvas.part(0, 0, width - side, height);
    let mut inside = part.boxed(&title, &count);
    let rows = inside.height();
    let columns = Columns::of(inside.width());
    head(&mut inside, columns);
    let two = jam.people.len() <= TWO_LINES_MAX;
    let each: u16 = if two { 2 } else { 1 };
    // The output and a line above it stay; at least two lines of chat, where it has no place beside.
    let chat_min = if wide || rows < 14 { 0 } else { 3 };
    let room = rows.saturating_sub(1 + 2 + chat_min);
    let shown = usize::from(room / each).min(jam.people.len());
    let chosen = model.chosen(Tab::Jam, jam.people.len() + 1);
    let mut y = 1;
    // You are pinned: the row that says whether others hear you never scrolls away.
    let others = shown.saturating_sub(1);
    let first = 1 + lobby::first_row(chosen.saturating_sub(1), others, jam.people.len() - 1);
    let pinned = jam.people.iter().enumerate().take(1.min(shown));
    let scrolled = jam.people.iter().enumerate().skip(first).take(others);
    for (index, one) in pinned.chain(scrolled) {
        inside.target(0, y, inside.width(), each, Target::Strip(index));
        row(model, &mut inside, columns, y, one, index == chosen);
        if two {
            second_line(model, &mut inside, y + 1, one);
        }
        y += each;
    }
    let hidden = jam.people.len() - shown;
    let width = inside.width();
    inside.rule(0, y, width, Role::Frame);
    if hidden > 0 {
        inside.text(2, y, 24, &format!(" {hidden} more: up, down "), Role::Watch);
    }
    inside.target(0, y + 1, width, 1, Target::Strip(jam.people.len()));
    output(model, &mut inside, columns, y + 1, model.master_chosen());
    let below = y + 2;
    let left = rows.saturating_sub(below);
    if wide {
        jam_side::scope(model, &mut inside.part(0, below + 1, width, left.saturating_sub(1)));
        let x = canvas.width() - side;
        jam_side::draw(model, &mut canvas.part(x, 0, side, height));
    } else if model.details {
        jam_side::detail(model, &mut inside.part(0, below, width, left));
    } else {
        chat(model, &mut inside.part(0, below, width, left), true);
    }
}

fn head(canvas: &mut Canvas<'_>, columns: Columns) {
    let role = Role::Dim;
    canvas.text(1, 0, 8, "who", role);
    canvas.text(columns.meter, 0, columns.cells, "level", role);
    let mark = columns.meter + meter::watch_cell(columns.cells);
    if mark > columns.meter + 6 {
        canvas.text(mark.saturating_sub(1), 0, 3, "-12", role);
    }
    canvas.text(columns.peak + 1, 0, 5, "peak", role);
    canvas.text(columns.fader, 0, 8, " fader", role);
    canvas.text(columns.pan, 0, 5, "pan", role);
    canvas.text(columns.state, 0, 6, "state", role);
    canvas.text(columns.link, 0, 8, "link", role);
}

/// The state of a row in a word.
pub(super) fn state(model: &Model, one: &Participant) -> (String, Role) {
    if one.away {
        return ("AWAY".to_owned(), Role::Watch);
    }
    if let Some(strip) = &one.strip {
        if strip.howl_cut {
            return ("HOWL".to_owned(), Role::Bad);
        }
        if strip.muted {
            return ("MUTE".to_owned(), Role::Stopped);
        }
        if strip.solo {
            return ("SOLO".to_owned(), Role::Watch);
        }
        // What is not heard because another is solo says so: nobody is silent without a word.
        if model.people().iter().any(|other| other.strip.as_ref().is_some_and(|strip| strip.solo)) {
            return ("(solo)".to_owned(), Role::Dim);
        }
    }
    match one.mic {
        MicState::Live if one.you => ("LIVE".to_owned(), Role::Live),
        MicState::Live => (String::new(), Role::Text),
        MicState::Panic => ("PANIC".to_owned(), Role::Bad),
        mic => (mic.to_string(), Role::Stopped),
    }
}

fn row(model: &Model, canvas: &mut Canvas<'_>, columns: Columns, y: u16, one: &Participant, chosen: bool) {
    let mark = if chosen { ">" } else { " " };
    let name = if one.you { "You" } else { &one.name };
    let role = if chosen { Role::Key } else { Role::Text };
    let called = called(name, one.avatar.as_deref(), NAME_COLUMNS);
    canvas.text(0, y, columns.meter, &format!("{mark}{}", fit(&called, NAME_COLUMNS)), role);
    tint(canvas, (1, y), NAME_COLUMNS, name, one.colour.as_deref());
    let reading = if one.you {
        model.meters.get(&Source::Input)
    } else {
        one.path.and(model.meters.get(&Source::Person(one.key.clone())))
    };
    let silent = one.strip.as_ref().is_some_and(|strip| strip.muted);
    meter::draw(canvas, columns.meter, y, columns.cells, reading.filter(|_| !silent));
    let (peak, role) = meter::peak_text(reading);
    canvas.text(columns.peak, y, 5, &peak, role);
    if let Some(strip) = &one.strip {
        canvas.text(columns.fader, y, 8, &meter::gain_text(strip.gain_db), Role::Text);
        canvas.text(columns.pan, y, 9, &meter::pan_text(strip.pan), Role::Dim);
    }
    let (text, role) = state(model, one);
    canvas.text(columns.state, y, 6, &text, role);
    if !one.you {
        match model.link(&one.key) {
            Some(link) => {
                let grade = grade_of(model, link);
                canvas.text(columns.link, y, 8, &grade_text(&grade), grade.role);
            }
            None => {
                canvas.text(columns.link, y, 8, "no sound", Role::Dim);
            }
        }
    }
}

fn second_line(model: &Model, canvas: &mut Canvas<'_>, y: u16, one: &Participant) {
    let width = canvas.width();
    let plays = one.plays.first().map_or("", String::as_str);
    canvas.text(1, y, 7, &fit(plays, 7), Role::Dim);
    if one.you {
        let words = own_words(model);
        canvas.text(9, y, width - 9, &words, Role::Dim);
        return;
    }
    let Some(link) = model.link(&one.key) else {
        let words =
            if one.away { "connection lost, seat kept: comes back by itself" } else { "no sound yet" };
        canvas.text(9, y, width - 9, words, Role::Dim);
        return;
    };
    let hidden = model.history.link(&one.key).map_or(0, |past| past.hidden_a_minute());
    let mut spans = vec![span(
        format!(
            "{}  jitter {}  lost {}%",
            distance(link.one_way_ms),
            figure(link.figures.jitter_ms, 1),
            figure(link.figures.lost_pct, 1)
        ),
        Role::Dim,
    )];
    // Where something is wrong the reason takes its place.
    if hidden <= 6 {
        spans.push(span(format!("  buffer {}", figure(link.buffer_ms, 1)), Role::Dim));
    }
    if hidden > 0 {
        spans.push(span(format!("  hid {hidden}/min"), Role::Watch));
    }
    if hidden > 6 {
        spans.push(span("  w why does it crackle", Role::Key));
    } else if one.strip.as_ref().is_some_and(|strip| strip.delay != "auto") {
        let delay = one.strip.as_ref().map_or("", |strip| &strip.delay);
        spans.push(span(format!("  held {delay}"), Role::Dim));
    }
    canvas.line(9, y, width - 9, &spans);
}

/// Who hears you, in words.
fn own_words(model: &Model) -> String {
    let monitor = match model.status.as_ref().and_then(|status| status.monitor_db) {
        Some(db) => format!("you hear yourself at {db:+.0} dB"),
        None => "you do not hear yourself from here".to_owned(),
    };
    let others = match (model.mic(), model.people().len()) {
        (_, 0 | 1) => "nobody else is here yet",
        (MicState::Live, _) => "others hear you",
        (MicState::Muted, _) => "others do NOT hear you: Space",
        (MicState::Listen, _) => "listen-only seat: others do not hear you",
        (MicState::Panic, _) => "silent both ways: x ends it",
    };
    format!("{others}, {monitor}")
}

fn output(model: &Model, canvas: &mut Canvas<'_>, columns: Columns, y: u16, chosen: bool) {
    let mark = if chosen { ">" } else { " " };
    let role = if chosen { Role::Key } else { Role::Text };
    canvas.text(0, y, columns.meter, &format!("{mark}OUT"), role);
    let reading = model.meters.get(&Source::Output);
    meter::draw(canvas, columns.meter, y, columns.cells, reading);
    let (peak, role) = meter::peak_text(reading);
    canvas.text(columns.peak, y, 5, &peak, role);
    let Some(status) = &model.status else { return };
    canvas.text(columns.fader, y, 8, &meter::gain_text(status.master_db), Role::Text);
    if status.levels.output_clips > 0 {
        canvas.text(columns.pan, y, 20, "limiter held", Role::Watch);
    }
}

/// Chat lines, newest at the bottom, and the line that is written.
pub(super) fn chat(model: &Model, canvas: &mut Canvas<'_>, with_rule: bool) {
    let (width, height) = (canvas.width(), canvas.height());
    let top = u16::from(with_rule);
    if height <= top {
        return;
    }
    if with_rule {
        canvas.rule(0, 0, width, Role::Frame);
        canvas.text(2, 0, 6, " chat ", Role::Dim);
    }
    let rows = usize::from(height - top - 1);
    let mut lines: Vec<Vec<(String, Role)>> = Vec::new();
    for said in model.chat.iter().rev() {
        let who = if said.who.is_empty() { "--".to_owned() } else { said.who.clone() };
        let head = format!("{} {} ", said.at, fit(&who, 4.max(who.chars().count().min(10))));
        let room = usize::from(width).saturating_sub(head.chars().count() + 2);
        let mut block: Vec<Vec<(String, Role)>> = Vec::new();
        for (index, text) in wrapped(&said.text, room.max(4)).into_iter().enumerate() {
            let head = if index == 0 { head.clone() } else { " ".repeat(head.chars().count()) };
            let role = if said.who.is_empty() { Role::Dim } else { Role::Text };
            block.push(vec![span(head, Role::Dim), span(text, role)]);
        }
        block.extend(std::mem::take(&mut lines));
        lines = block;
        if lines.len() >= rows {
            break;
        }
    }
    let skip = lines.len().saturating_sub(rows);
    for (y, line) in (top..).zip(lines.iter().skip(skip)) {
        canvas.line(1, y, width - 1, line);
    }
    let y = height - 1;
    match &model.writing {
        Some(text) => {
            let room = usize::from(width.saturating_sub(5));
            canvas.line(
                1,
                y,
                width - 1,
                &[span("> ", Role::Key), span(tail(text, room), Role::Text), span("_", Role::Key)],
            );
        }
        None => {
            let words =
                if width >= 48 { "> c to write, Enter sends, Esc back to playing" } else { "> c writes" };
            canvas.target(1, y, width - 1, 1, Target::Do(Action::Chat));
            canvas.text(1, y, width - 1, words, Role::Dim);
        }
    }
}

/// In no jam.
pub(super) fn nowhere(model: &Model, canvas: &mut Canvas<'_>) {
    let mut inside = canvas.boxed("Jam", "");
    let width = inside.width().saturating_sub(4);
    let words = [
        ("You are in no jam.", Role::Text),
        ("1  the lobby shows jams and people on this network; Enter joins one", Role::Text),
        ("n  in the lobby opens one of your own", Role::Text),
        ("B  in the lobby plays with the house band", Role::Text),
    ];
    for (y, (text, role)) in (1..).step_by(2).zip(words) {
        inside.text(2, y, width, text, role);
    }
    if !model.chat.is_empty() {
        let height = inside.height();
        chat(model, &mut inside.part(0, 9, width, height.saturating_sub(9)), true);
    }
}

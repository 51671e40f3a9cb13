//! Beside the jam's rows: chat, the chosen player in detail, and how loud it was.

use super::jam;
use super::words::{called, figure, grade_of};
use crate::peer::api::{Link, Path};
use crate::tui::canvas::{Canvas, columns as columns_of, wrapped};
use crate::tui::look::Role;
use crate::tui::model::Model;
use crate::tui::widgets::{braille, histogram};

/// Rows of the details.
const DETAIL_ROWS: u16 = 18;

/// Chat above, details below.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let detail_rows = DETAIL_ROWS.min(height / 2);
    let mut part = canvas.part(0, 0, width, height - detail_rows);
    let mut inside = part.boxed("Chat", "c write");
    jam::chat(model, &mut inside, false);
    let mut part = canvas.part(0, height - detail_rows, width, detail_rows);
    let title = match model.chosen_player() {
        Some(one) => {
            let called = called(&one.name, one.avatar.as_deref(), usize::from(width.saturating_sub(4)));
            format!("{called}  {}", one.plays.first().map_or("", String::as_str))
        }
        None => "Details".to_owned(),
    };
    let mut inside = part.boxed(title.trim_end(), "");
    detail(model, &mut inside);
}

/// All about the chosen player's link.
pub(super) fn detail(model: &Model, canvas: &mut Canvas<'_>) {
    let width = canvas.width().saturating_sub(2);
    let Some(one) = model.chosen_player() else {
        canvas.text(1, 0, width, "choose a player: up and down", Role::Dim);
        return;
    };
    let Some(link) = model.link(&one.key) else {
        canvas.text(1, 0, width, "no sound comes from them yet", Role::Dim);
        return;
    };
    let mut lines = lines(model, link);
    if !one.interests.is_empty() {
        lines.push((format!("likes   {}", one.interests.join(", ")), Role::Dim));
    }
    let mut y = 0;
    for (text, role) in &lines {
        // What is too long goes on below, under its own words.
        for (index, line) in wrapped_under(text, usize::from(width)).iter().enumerate() {
            canvas.text(if index == 0 { 1 } else { 9 }, y, width, line, *role);
            y += 1;
        }
    }
    let height = canvas.height();
    let values = model.history.link(&one.key).map(|past| past.last_minute()).unwrap_or_default();
    if height > y + 4 && !values.is_empty() {
        canvas.text(1, y, width, "one way, last minute, ms:", Role::Dim);
        let bin = histogram::bin_for(&values, usize::from(width / 2));
        histogram::draw(&mut canvas.part(1, y + 1, width, height - y - 1), &values, bin);
    }
}

/// Lines of `columns`, those after the first without the label's room.
fn wrapped_under(text: &str, columns: usize) -> Vec<String> {
    if columns_of(text) <= columns {
        return vec![text.to_owned()];
    }
    let mut head = String::new();
    for word in text.split_inclusive(' ') {
        if columns_of(&head) + columns_of(word.trim_end()) > columns {
            break;
        }
        head.push_str(word);
    }
    let rest = text[head.len()..].trim();
    let more = wrapped(rest, columns.saturating_sub(8));
    std::iter::once(head).chain(more).collect()
}

fn lines(model: &Model, link: &Link) -> Vec<(String, Role)> {
    let past = model.history.link(&link.who.key);
    let p99 = past.and_then(|past| past.one_way_quantile(0.99));
    let grade = grade_of(model, link);
    let hidden = past.map_or(0, |past| past.sum(|second| second.concealed));
    let wire = match link.path {
        Some(Path::Udp) => format!("udp {}", link.address),
        Some(Path::Stream) => "a detour: UDP does not get through".to_owned(),
        None => "no sound yet".to_owned(),
    };
    let dim = Role::Text;
    let mut lines = vec![
        (
            format!(
                "{} {} {} ms (p99 {})",
                grade.letter,
                grade.word,
                figure(link.one_way_ms, 1),
                figure(p99, 1)
            ),
            grade.role,
        ),
        (format!("  capture {} + net {}", figure(link.capture_ms, 1), figure(link.net_ms, 1)), dim),
        (format!("  + buffer {} + play {}", figure(link.buffer_ms, 1), figure(link.play_ms, 1)), dim),
        (
            format!(
                "jitter  {} ms   lost {} %",
                figure(link.figures.jitter_ms, 1),
                figure(link.figures.lost_pct, 1)
            ),
            dim,
        ),
        (format!("hidden  {hidden} in the last {}", model.history.span()), dim),
        (
            link.figures.drift_ppm.map_or("drift   not known yet".to_owned(), |ppm| {
                format!("drift   {ppm:+.0} ppm, corrected")
            }),
            dim,
        ),
        (format!("wire    {wire}"), dim),
        (format!("codec   {}", link.format), dim),
    ];
    if !link.figures.redundancy.is_empty() {
        lines.push((format!("to them {}", link.figures.redundancy), dim));
    }
    lines
}

/// How loud the output was.
pub(super) fn scope(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    if height < 4 || width < 10 {
        return;
    }
    canvas.text(1, 0, width - 1, "level of OUT, newest before the gap", Role::Dim);
    // Five rows tell loud from soft; each more costs 0.4 kB/s.
    let rows = (height - 1).min(5);
    braille::envelope(
        &mut canvas.part(1, 1, width - 2, rows),
        model.meters.trail(),
        model.meters.trail_count(),
    );
}

//! Why it crackles, the links in figures, and this computer.

use super::words::{card_missing, figure};
use crate::tui::action::Tab;
use crate::tui::canvas::{Canvas, fit, span, wrapped};
use crate::tui::look::Role;
use crate::tui::model::Model;
use crate::tui::mouse::Target;
use crate::tui::why::{causes, first_fix};
use crate::tui::widgets::histogram;

/// Draws it.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let why_rows = (height / 3).max(6).min(height);
    let mut part = canvas.part(0, 0, width, why_rows);
    let mut inside = part.boxed("Why does it crackle?", &format!("now, last {}", model.history.span()));
    why(model, &mut inside);
    let rest = height - why_rows;
    let links_rows = u16::try_from(model.links.len())
        .unwrap_or(u16::MAX)
        .saturating_add(3)
        .clamp(4, (rest / 2).max(4))
        .min(rest);
    links(model, &mut canvas.part(0, why_rows, width, links_rows));
    let below = rest - links_rows;
    let y = why_rows + links_rows;
    let left = width * 58 / 100;
    histogram_box(model, &mut canvas.part(0, y, left, below));
    computer(model, &mut canvas.part(left, y, width - left, below));
}

/// The causes as lines.
pub(in crate::tui) fn why(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let found = causes(model.status.as_ref(), &model.links, model.doctor.as_ref(), &model.history);
    let fix = first_fix(&found);
    let mut y = 0;
    for (number, cause) in (1..).zip(&found) {
        let role = if cause.weight > 0.0 { Role::Watch } else { Role::Text };
        for (index, line) in
            wrapped(&cause.what, usize::from(width.saturating_sub(5))).into_iter().enumerate()
        {
            if y >= height {
                return;
            }
            let head = if index == 0 { format!("{number}. ") } else { "   ".to_owned() };
            canvas.line(1, y, width - 1, &[span(head, Role::Dim), span(line, role)]);
            y += 1;
        }
        if !cause.advice.is_empty() && y < height {
            let own = cause.fix.is_some() && cause.fix.as_ref() == fix;
            let words =
                cause.fix.as_ref().filter(|_| own).map_or(String::new(), |fix| format!("  f {}", fix.what));
            canvas.line(
                4,
                y,
                width.saturating_sub(5),
                &[span(cause.advice.clone(), Role::Text), span(words, Role::Key)],
            );
            y += 1;
        }
    }
}

fn links(model: &Model, canvas: &mut Canvas<'_>) {
    let mut inside = canvas.boxed("Links", "one way, ms");
    let width = usize::from(inside.width());
    let column = ((width.saturating_sub(14)) / 8).clamp(7, 12);
    let names = ["now", "p50", "p99", "jitter", "lost", "hidden", "buffer", "clock"];
    let head: String = names.iter().map(|name| fit(name, column)).collect();
    inside.text(0, 0, inside.width(), &format!("   {}{head}", fit("from", 11)), Role::Dim);
    if model.links.is_empty() {
        let words = if model.in_jam() {
            "nobody else is here yet"
        } else {
            "you are in no jam: links show here when you are"
        };
        inside.text(3, 1, inside.width(), words, Role::Dim);
        return;
    }
    let rows = usize::from(inside.height().saturating_sub(1));
    let chosen = model.chosen(Tab::Doctor, model.links.len());
    let first = super::lobby::first_row(chosen, rows, model.links.len());
    for (y, (index, link)) in (1_u16..).zip(model.links.iter().enumerate().skip(first).take(rows)) {
        inside.target(0, y, inside.width(), 1, Target::Line(index));
        let past = model.history.link(&link.who.key);
        let quantile = |share| figure(past.and_then(|past| past.one_way_quantile(share)), 1);
        let hidden = past.map_or(0, |past| past.hidden_a_minute());
        let cells = [
            figure(link.one_way_ms, 1),
            quantile(0.5),
            quantile(0.99),
            figure(link.figures.jitter_ms, 1),
            format!("{}%", figure(link.figures.lost_pct, 1)),
            format!("{hidden}/min"),
            figure(link.buffer_ms, 1),
            link.figures.drift_ppm.map_or("--".to_owned(), |ppm| format!("{ppm:+.0} ppm")),
        ];
        let cells: String = cells.iter().map(|cell| fit(cell, column)).collect();
        let mark = if index == chosen { " > " } else { "   " };
        let role = if hidden > 6 { Role::Watch } else { Role::Text };
        inside.text(0, y, inside.width(), &format!("{mark}{} {cells}", fit(&link.who.name, 10)), role);
    }
}

fn histogram_box(model: &Model, canvas: &mut Canvas<'_>) {
    let link = model.links.get(model.chosen(Tab::Doctor, model.links.len()));
    let values = link.and_then(|link| model.history.link(&link.who.key)).map(|past| past.last_minute());
    let values = values.unwrap_or_default();
    let bin = histogram::bin_for(&values, usize::from(canvas.width() / 2));
    let title = link.map_or("Delay, 60 s".to_owned(), |link| format!("{}: delay, 60 s", link.who.name));
    let mut inside = canvas.boxed(&title, &format!("{bin} ms a bar"));
    let (width, height) = (inside.width(), inside.height());
    if values.is_empty() {
        inside.text(1, 0, width, "no figures yet", Role::Dim);
        return;
    }
    histogram::draw(&mut inside.part(1, 0, width.saturating_sub(2), height), &values, bin);
}

fn computer(model: &Model, canvas: &mut Canvas<'_>) {
    let mut inside = canvas.boxed("This computer", "");
    let (width, height) = (inside.width().saturating_sub(2), inside.height());
    let Some(status) = &model.status else { return };
    let mut lines = Vec::new();
    match &status.card {
        Some(card) => {
            lines.push(card.description.clone());
            lines.push(format!(
                "xruns {}   {} in the last {}",
                card.xruns,
                model.history.xruns(),
                model.history.span()
            ));
        }
        None => lines.push(card_missing(status)),
    }
    lines.extend(status.threads.iter().map(|thread| format!("{}: {}", thread.thread, thread.priority)));
    if let Some(doctor) = &model.doctor {
        let interfaces: Vec<&str> = doctor.interfaces.iter().map(|one| one.name.as_str()).collect();
        lines.push(format!("network {}   udp {}", interfaces.join(", "), doctor.media_port));
        let late = doctor.counters.get("card_late_callbacks").copied().unwrap_or(0);
        lines.push(format!("late callbacks {late}"));
    }
    lines.push("log   L".to_owned());
    let room = usize::from(height).saturating_sub(lines.len());
    let from = model.log.len().saturating_sub(room);
    lines.extend(model.log.iter().skip(from).map(|line| format!("{} {}", line.at, line.text)));
    for (y, line) in (0..height).zip(lines) {
        inside.text(1, y, width, &line, Role::Text);
    }
}

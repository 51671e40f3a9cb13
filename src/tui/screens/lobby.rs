//! Who is here: jams and people on this network, your own sound, and what to do when somebody is missing.

use super::words::{called, card_missing, distance, grade_of, grade_text, tint};
use crate::peer::api::{ListedJam, ListedPerson};
use crate::tui::action::{Action, Tab};
use crate::tui::canvas::{Canvas, fit, wrapped};
use crate::tui::look::Role;
use crate::tui::meters::Source;
use crate::tui::model::{Band, LobbyLine, Model};
use crate::tui::mouse::Target;
use crate::tui::widgets::meter;

/// Rows of the two boxes at the foot.
const FOOT_ROWS: u16 = 5;

/// Draws the lobby.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let foot = if height >= 14 { FOOT_ROWS } else { 0 };
    let lines = model.lobby();
    let jams = lines.iter().filter(|line| matches!(line, LobbyLine::Jam(_))).count();
    let people = lines.len() - jams;
    if height < COMPACT_ROWS && !lines.is_empty() {
        return compact(model, canvas);
    }
    if lines.is_empty() && model.filter.is_empty() {
        empty(model, &mut canvas.part(0, 0, width, height - foot));
    } else {
        let body = height - foot;
        // Half each, but no more than the jams need.
        let wanted = u16::try_from(jams).unwrap_or(u16::MAX).saturating_add(4);
        let top = wanted.min(body.saturating_sub(5).max(body / 2)).max(3.min(body));
        draw_jams(model, &mut canvas.part(0, 0, width, top), jams);
        draw_people(model, &mut canvas.part(0, top, width, body - top), jams, people);
    }
    if foot > 0 {
        let left = width / 2;
        your_sound(model, &mut canvas.part(0, height - foot, left, foot));
        missing(model, &mut canvas.part(left, height - foot, width - left, foot));
    }
}

/// Below this two boxes show nothing but their frames.
const COMPACT_ROWS: u16 = 11;

/// Jams and people in one list without frames.
fn compact(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, rows) = (canvas.width(), usize::from(canvas.height()));
    let lines = model.lobby();
    let chosen = model.chosen(Tab::Lobby, lines.len());
    let first = first_row(chosen, rows, lines.len());
    for (y, (index, line)) in (0..).zip(lines.iter().enumerate().skip(first).take(rows)) {
        let (name, rest) = match line {
            LobbyLine::Jam(jam) => {
                (&jam.name, format!("{} of {}{}", jam.count, jam.max, if jam.here { ", you" } else { "" }))
            }
            LobbyLine::Person(one) => {
                (&one.name, one.jam.clone().unwrap_or_else(|| "not in a jam".to_owned()))
            }
        };
        canvas.target(0, y, width, 1, Target::Line(index));
        let mark = if index == chosen { ">" } else { " " };
        let half = usize::from(width) / 2;
        let line = format!("{mark} {} {rest}", fit(name, half.saturating_sub(3)));
        canvas.text(0, y, width, &line, if index == chosen { Role::Key } else { Role::Text });
    }
}

/// `10.0.0.7 udp 41234` of an address as programs write it.
fn spoken(address: &str) -> String {
    let parts: Vec<&str> = address.split('/').collect();
    match parts[..] {
        ["", "ip4" | "ip6", host, transport, port, ..] => format!("{host} {transport} {port}"),
        _ => address.to_owned(),
    }
}

/// Nobody there: say so, say what will appear, give one key.
fn empty(model: &Model, canvas: &mut Canvas<'_>) {
    let mut inside = canvas.boxed("Nobody else here yet", "found by itself, no internet needed");
    let width = inside.width().saturating_sub(4);
    let band = match model.band {
        Band::Away => "B  play with the house band now: drums, bass and keys on this machine",
        Band::Coming => "The house band is coming...",
        Band::Here => "The house band is here.",
    };
    let words: [(&str, Role); 5] = [
        (band, Role::Key),
        (
            "Start `jamtty` on a second machine on the same Wi-Fi or switch: jams and people appear here by themselves.",
            Role::Text,
        ),
        ("n  open a jam of your own; others see it at once", Role::Text),
        ("a  join by a ticket or an address", Role::Text),
        ("M  somebody missing?", Role::Text),
    ];
    let blocks = words.map(|(text, role)| (wrapped(text, usize::from(width)), role));
    let lines: usize = blocks.iter().map(|(lines, _)| lines.len()).sum();
    // On a small screen every line before the gaps between them.
    let gap = u16::from(lines + blocks.len() < usize::from(inside.height()));
    let mut y = gap;
    for (lines, role) in blocks {
        for line in lines {
            inside.text(2, y, width, &line, role);
            y += 1;
        }
        y += gap;
    }
}

/// Columns: name, players, who, join.
fn draw_jams(model: &Model, canvas: &mut Canvas<'_>, count: usize) {
    let title = if model.filter.is_empty() {
        format!("Jams on this network ({count})")
    } else {
        format!("Jams ({count})  find: {}", model.filter)
    };
    let mut inside = canvas.boxed(&title, "found by itself, no internet needed");
    let width = usize::from(inside.width());
    let name = (width / 4).max(12);
    let who = width.saturating_sub(name + 12 + 11 + 4);
    let head = format!("   {}{}{}{}", fit("name", name), fit("players", 12), fit("who", who), "join");
    inside.text(0, 0, inside.width(), &head, Role::Dim);
    let rows = inside.height().saturating_sub(2);
    let chosen = model.chosen(Tab::Lobby, model.lobby().len());
    let first = first_row(chosen.min(count.saturating_sub(1)), usize::from(rows), count);
    let jams = model.lobby();
    let jams = jams.iter().filter_map(|line| match line {
        LobbyLine::Jam(jam) => Some(*jam),
        LobbyLine::Person(_) => None,
    });
    let mut y = 1;
    for (index, jam) in jams.enumerate().skip(first).take(usize::from(rows)) {
        let line = jam_line(jam, name, who);
        let is_chosen = index == chosen;
        let mark = if is_chosen { " > " } else { "   " };
        inside.target(0, y, inside.width(), 1, Target::Line(index));
        inside.text(
            0,
            y,
            inside.width(),
            &format!("{mark}{line}"),
            if is_chosen { Role::Key } else { Role::Text },
        );
        y += 1;
    }
    inside.target(0, y, inside.width(), 1, Target::Do(Action::New));
    inside.text(3, y, inside.width(), &format!("{}n", fit("+ start a new jam here", name + 12)), Role::Dim);
}

fn jam_line(jam: &ListedJam, name: usize, who: usize) -> String {
    let names: Vec<&str> = jam.people.iter().map(|person| person.name.as_str()).collect();
    let unseen = (jam.count as usize).saturating_sub(names.len());
    let mut people = names.join(" ");
    if unseen > 0 {
        people.push_str(&format!(" +{unseen}"));
    }
    let join = match (jam.here, jam.closed) {
        (true, _) => "you are in",
        (false, true) => "code word",
        (false, false) => "Enter",
    };
    let seats = format!("{} of {}", jam.count, jam.max);
    format!(
        "{}{}{}{join}",
        fit(&jam.name, name - 1) + " ",
        fit(&seats, 12),
        fit(&people, who.saturating_sub(1)) + " "
    )
}

fn draw_people(model: &Model, canvas: &mut Canvas<'_>, before: usize, count: usize) {
    let mut inside = canvas.boxed(&format!("People nearby ({count})"), "link = one way, mouth to ear");
    let width = usize::from(inside.width());
    let (name, plays) = ((width / 6).max(8), (width / 6).max(10));
    let place = width.saturating_sub(3 + name + plays + 10 + 10).clamp(8, 26);
    let head = format!(
        "   {}{}{}{}feels",
        fit("name", name),
        fit("plays", plays),
        fit("where", place),
        fit("link", 10)
    );
    inside.text(0, 0, inside.width(), &head, Role::Dim);
    let rows = usize::from(inside.height().saturating_sub(1));
    let lines = model.lobby();
    let chosen = model.chosen(Tab::Lobby, lines.len());
    let first = first_row(chosen.saturating_sub(before), rows, count);
    let people = lines.iter().filter_map(|line| match line {
        LobbyLine::Person(one) => Some(*one),
        LobbyLine::Jam(_) => None,
    });
    for (row, (index, one)) in (1_u16..).zip(people.enumerate().skip(first).take(rows)) {
        let is_chosen = before + index == chosen;
        let mark = if is_chosen { " > " } else { "   " };
        let line = format!("{mark}{}", person_line(one, name, plays, place));
        let role = if is_chosen { Role::Key } else { Role::Text };
        inside.target(0, row, inside.width(), 1, Target::Line(before + index));
        let used = inside.text(0, row, inside.width(), &line, role);
        tint(&mut inside, (3, row), name.saturating_sub(1), &one.name, one.colour.as_deref());
        // Measured only between people who send each other sound.
        let (text, role) = match model.link(&one.key) {
            Some(link) => {
                let grade = grade_of(model, link);
                (format!("{}   {}", grade_text(&grade), distance(grade.ms)), grade.role)
            }
            None if one.blocked => ("blocked".to_owned(), Role::Dim),
            None => ("measured in a jam".to_owned(), Role::Dim),
        };
        inside.text(used, row, inside.width().saturating_sub(used), &text, role);
    }
    if count == 0 {
        inside.text(3, 1, inside.width(), "nobody by that name", Role::Dim);
    }
}

fn person_line(one: &ListedPerson, name: usize, plays: usize, place: usize) -> String {
    let jam = one.jam.as_deref().unwrap_or("not in a jam");
    let called = called(&one.name, one.avatar.as_deref(), name.saturating_sub(1));
    format!(
        "{} {} {} ",
        fit(&called, name.saturating_sub(1)),
        fit(&one.plays.join(" "), plays.saturating_sub(1)),
        fit(jam, place.saturating_sub(1))
    )
}

/// The first of `count` rows shown, so that the chosen one is among `rows`.
pub(super) fn first_row(chosen: usize, rows: usize, count: usize) -> usize {
    if rows == 0 { 0 } else { chosen.saturating_sub(rows - 1).min(count.saturating_sub(rows)) }
}

fn your_sound(model: &Model, canvas: &mut Canvas<'_>) {
    let mut inside = canvas.boxed("Your sound", "");
    let width = inside.width().saturating_sub(2);
    let Some(status) = &model.status else { return };
    match &status.card {
        Some(card) => {
            inside.text(1, 0, width, &card.description, Role::Text);
        }
        None => {
            inside.text(1, 0, width, &card_missing(status), Role::Watch);
        }
    }
    let input = model.meters.get(&Source::Input);
    inside.text(1, 1, 3, "in", Role::Text);
    meter::draw(&mut inside, 4, 1, width.saturating_sub(14).min(40), input);
    let (peak, role) = meter::peak_text(input);
    let x = 5 + width.saturating_sub(14).min(40);
    inside.text(x, 1, 8, &format!("{peak} dB"), role);
    let tone = if model.tone { "t  test tone is ON" } else { "t  test tone" };
    if model.listen_only {
        inside.text(1, 2, width, "you only listen: A changes that", Role::Stopped);
    } else {
        inside.text(1, 2, width, &format!("A  audio set-up    {tone}"), Role::Dim);
    }
}

fn missing(model: &Model, canvas: &mut Canvas<'_>) {
    let mut inside = canvas.boxed("Somebody missing?", "");
    let width = inside.width().saturating_sub(2);
    inside.text(1, 0, width, "same wifi or switch?   firewall?", Role::Text);
    inside.text(1, 1, width, "M what we see  a address  7 Doctor", Role::Dim);
    let addresses = model.status.as_ref().map_or(&[][..], |status| &status.addresses);
    let text = match addresses.first() {
        Some(address) if addresses.len() > 1 => format!("at {} +{}", spoken(address), addresses.len() - 1),
        Some(address) => format!("at {}", spoken(address)),
        None => "nobody can reach this peer: no network".to_owned(),
    };
    inside.text(1, 2, width, &text, Role::Dim);
}

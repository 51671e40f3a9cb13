//! Boxes: a question, a line to type, the ticket, what this machine sees, why it crackles, the log.

use super::middle;
use crate::domain::sharing::Field;
use crate::tui::canvas::{Canvas, fit, span, tail, wrapped};
use crate::tui::look::{Charset, Role};
use crate::tui::model::{Model, Purpose, TakeField};
use crate::tui::screens;

pub(super) fn confirm(canvas: &mut Canvas<'_>, question: &str) {
    let mut part = middle(canvas, 64, 7);
    let mut inside = part.boxed("Sure?", "");
    let width = inside.width().saturating_sub(2);
    for (y, line) in (1..).zip(wrapped(question, usize::from(width)).into_iter().take(2)) {
        inside.text(1, y, width, &line, Role::Text);
    }
    inside.line(
        1,
        4,
        width,
        &[
            span("y", Role::Key),
            span(" yes      ", Role::Text),
            span("n", Role::Key),
            span(" no      (Enter is neither)", Role::Dim),
        ],
    );
}

pub(super) fn recording(canvas: &mut Canvas<'_>, question: &str) {
    let mut part = middle(canvas, 66, 9);
    let mut inside = part.boxed("REC?", "Esc: later");
    let width = inside.width().saturating_sub(2);
    for (y, line) in (0..).zip(wrapped(question, usize::from(width)).into_iter().take(2)) {
        inside.text(1, y, width, &line, Role::Text);
    }
    let words = [
        "Your yes or no is signed with your key and kept with the recording.",
        "Without a yes you are on no track, on nobody's disk.",
    ];
    let lines = words.into_iter().flat_map(|words| wrapped(words, usize::from(width)));
    for (y, line) in (2..5).zip(lines) {
        inside.text(1, y, width, &line, Role::Dim);
    }
    inside.line(
        1,
        6,
        width,
        &[
            span("y", Role::Key),
            span(" record me      ", Role::Text),
            span("n", Role::Key),
            span(" do not      (Enter is neither)", Role::Dim),
        ],
    );
}

pub(super) fn prompt(canvas: &mut Canvas<'_>, purpose: &Purpose, text: &str) {
    let (title, words) = match purpose {
        Purpose::NewJam => {
            ("New jam".to_owned(), "Its name; empty: called after you. Others see it at once.")
        }
        Purpose::Address => (
            "Join by ticket or address".to_owned(),
            "Paste a ticket (`jamtty ticket` prints one), or type an address.",
        ),
        Purpose::Code { jam } => {
            (format!("Code word of {jam}"), "Ask someone in it. It does not cross the network.")
        }
        Purpose::Own(field) => {
            let (title, words) = own_field(*field);
            (title.to_owned(), words)
        }
        Purpose::FindTakes => {
            ("Find takes".to_owned(), "Name, player, instrument, tag, note, 2026-11. Empty: all.")
        }
        Purpose::Take { field, .. } => {
            let (title, words) = take_field(*field);
            (title.to_owned(), words)
        }
        Purpose::Filter => ("Find".to_owned(), "A name, a jam or an instrument."),
    };
    let mut part = middle(canvas, 66, 6);
    let mut inside = part.boxed(&title, "");
    let width = inside.width().saturating_sub(2);
    // A word that is secret is not for those who look over the shoulder.
    let shown = match purpose {
        Purpose::Code { .. } => "*".repeat(text.chars().count()),
        _ => text.to_owned(),
    };
    let shown = tail(&shown, usize::from(width.saturating_sub(3)));
    inside.line(1, 1, width, &[span("> ", Role::Key), span(shown, Role::Text), span("_", Role::Key)]);
    inside.text(1, 3, width, words, Role::Dim);
}

/// What is asked about a take.
const fn take_field(field: TakeField) -> (&'static str, &'static str) {
    match field {
        TakeField::Name => ("Name of the take", "Its folder keeps the name it has."),
        TakeField::Tag => ("Tag", "A word to find it by; one that it has is taken away."),
        TakeField::Note => ("Note", "In your own words; empty: none."),
        TakeField::Export => ("Export to", "A folder that is not there yet: WAV, Reaper, Audacity."),
    }
}

/// What a field of the own card is asked for with.
const fn own_field(field: Field) -> (&'static str, &'static str) {
    match field {
        Field::Name => ("My name", "What you want to be called."),
        Field::Plays => ("What I play", "With commas: guitar,voice. Empty: nothing said."),
        Field::Interests => ("What I like", "With commas: jazz,drone. Empty: nothing said."),
        // Stepped through, never typed.
        Field::Colour => ("The colour of my name", ""),
        Field::Avatar => ("My avatar", "At most 4 columns, as in <3 or ^_^. Empty: none."),
    }
}

pub(super) fn invite(canvas: &mut Canvas<'_>, ticket: &str, qr: &[String]) {
    let room = canvas.height().saturating_sub(3);
    let qr_rows = u16::try_from(qr.len()).unwrap_or(u16::MAX);
    let qr_columns = qr.first().map_or(0, |row| u16::try_from(row.chars().count()).unwrap_or(u16::MAX));
    let text_rows = u16::try_from(wrapped(ticket, 70).len()).unwrap_or(3);
    // Half blocks are needed for the picture, and all of it.
    let fits = canvas.look.charset != Charset::Ascii
        && qr_rows + text_rows + 6 <= room
        && qr_columns + 4 <= canvas.width();
    let mut part =
        middle(canvas, 76.max(qr_columns + 4), if fits { qr_rows + text_rows + 6 } else { text_rows + 8 });
    let mut inside = part.boxed("Invite", "Esc closes");
    let width = inside.width().saturating_sub(2);
    if ticket.is_empty() {
        inside.text(1, 1, width, "asking for the ticket...", Role::Dim);
        return;
    }
    inside.text(1, 0, width, "They type or paste, on any machine that reaches this one:", Role::Text);
    let mut y = 1;
    inside.text(1, y, width, "jamtty join", Role::Key);
    y += 1;
    for line in wrapped(ticket, usize::from(width.min(70))) {
        inside.text(1, y, width, &line, Role::Key);
        y += 1;
    }
    y += 1;
    if fits {
        let x = (width + 2).saturating_sub(qr_columns) / 2;
        for row in qr {
            inside.text(x, y, qr_columns, row, Role::Text);
            y += 1;
        }
    } else {
        inside.text(1, y, width, "As a QR code: a taller window, or `jamtty ticket --qr`", Role::Dim);
    }
}

pub(super) fn missing(model: &Model, canvas: &mut Canvas<'_>) {
    let mut part = middle(canvas, 76, 20);
    let mut inside = part.boxed("Somebody missing?", "Esc closes");
    let width = inside.width().saturating_sub(2);
    let mut lines: Vec<(String, Role)> = Vec::new();
    match &model.doctor {
        None => lines.push(("looking...".to_owned(), Role::Dim)),
        Some(doctor) => {
            lines.push(("What this machine sees:".to_owned(), Role::Key));
            for one in &doctor.interfaces {
                let addresses =
                    if one.addresses.is_empty() { "no address".to_owned() } else { one.addresses.join(" ") };
                lines.push((format!("  {}  {addresses}", one.name), Role::Text));
            }
            if doctor.interfaces.is_empty() {
                lines.push((
                    "  no network interface at all: plug in a cable or join a Wi-Fi".to_owned(),
                    Role::Watch,
                ));
            }
            lines.push((
                format!("  sound on udp {}; found by multicast DNS (udp 5353)", doctor.media_port),
                Role::Text,
            ));
            for address in doctor.status.addresses.iter().take(4) {
                lines.push((format!("  reached at {address}"), Role::Text));
            }
        }
    }
    lines.push((String::new(), Role::Text));
    for words in [
        "1. Same Wi-Fi or switch? Guest networks often keep devices apart: use a cable.",
        "2. A firewall on either machine must let udp and tcp of these ports in.",
        "3. Still nobody: i shows a ticket here, they paste it there with a.",
    ] {
        lines.extend(wrapped(words, usize::from(width)).into_iter().map(|line| (line, Role::Text)));
    }
    for (y, (text, role)) in (0..inside.height()).zip(lines) {
        inside.text(1, y, width, &text, role);
    }
}

pub(super) fn why(model: &Model, canvas: &mut Canvas<'_>) {
    let mut part = middle(canvas, 100, 18);
    let mut inside = part.boxed("Why does it crackle?", &format!("now, last {}", model.history.span()));
    let (width, height) = (inside.width(), inside.height());
    screens::why(model, &mut inside.part(0, 0, width, height.saturating_sub(1)));
    inside.text(
        1,
        height.saturating_sub(1),
        width,
        "f does the marked fix   u undoes it   7 all figures   Esc closes",
        Role::Dim,
    );
}

pub(super) fn log(model: &Model, canvas: &mut Canvas<'_>, filter: &str, up: usize) {
    let (width, height) = (canvas.width(), canvas.height());
    let mut part = middle(canvas, width.saturating_sub(4).max(40), height);
    let title =
        if filter.is_empty() { "What happened".to_owned() } else { format!("What happened  / {filter}") };
    let mut inside = part.boxed(&title, "type to filter   Esc closes");
    let wanted = filter.to_lowercase();
    let lines: Vec<_> = model.log.iter().filter(|line| line.text.to_lowercase().contains(&wanted)).collect();
    let rows = usize::from(inside.height());
    let last = lines.len().saturating_sub(up.min(lines.len().saturating_sub(rows)));
    let first = last.saturating_sub(rows);
    let width = inside.width();
    for (y, line) in (0..).zip(&lines[first..last]) {
        inside.line(0, y, width, &[span(fit(&line.at, 9), Role::Dim), span(line.text.clone(), Role::Text)]);
    }
    if lines.is_empty() {
        inside.text(1, 0, width, "nothing yet", Role::Dim);
    }
}

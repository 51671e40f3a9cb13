//! Read from two metres, with the hands on an instrument: am I heard, with whom, how loud.

use super::frame::lamp;
use super::words::grade_of;
use crate::tui::canvas::{Canvas, fit};
use crate::tui::look::Role;
use crate::tui::meters::Source;
use crate::tui::model::Model;
use crate::tui::widgets::{big_text, meter};

/// Draws the stage view.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let (word, role) = lamp(model);
    let mut y = 1;
    if height >= 12 {
        big_text::draw(canvas, 4, y + 1, word, role);
        y += big_text::HEIGHT + 2;
    }
    let people = model.people();
    let worst = model.links.iter().map(|link| grade_of(model, link)).max_by_key(|grade| grade.letter);
    let links = match &worst {
        None => "nobody else is here".to_owned(),
        Some(grade) if matches!(grade.letter, 'A' | 'B') => "all links ok".to_owned(),
        Some(grade) => format!("worst link {}: {}", grade.letter, grade.word),
    };
    let players = format!("{} players", people.len());
    let measured = worst.filter(|grade| grade.ms.is_some() && height >= 18);
    if let Some(grade) = measured {
        let text = format!("{} {:.0}", grade.letter, grade.ms.unwrap_or(0.0));
        big_text::draw(canvas, 4, y + 1, &text, grade.role);
        let (columns, _) = big_text::columns(&text, width.saturating_sub(4));
        for (row, words) in [(1, "ms, worst link"), (3, players.as_str()), (4, links.as_str())] {
            canvas.text(columns + 8, y + row, width, words, if row == 1 { Role::Dim } else { Role::Text });
        }
        y += big_text::HEIGHT + 2;
    } else {
        let words = if people.len() > 1 { format!("{players}, {links}") } else { links };
        canvas.text(4, y, width, &words, Role::Text);
        y += 2;
    }
    let cells = width.saturating_sub(14);
    let mut rows: Vec<(String, Source)> = people
        .iter()
        .map(|one| {
            let source = if one.you { Source::Input } else { Source::Person(one.key.clone()) };
            (if one.you { "You".to_owned() } else { one.name.clone() }, source)
        })
        .collect();
    let room = usize::from(height.saturating_sub(y + 3));
    rows.truncate(room);
    rows.push(("OUT".to_owned(), Source::Output));
    for (name, source) in rows {
        if y + 2 >= height {
            break;
        }
        canvas.text(4, y, 6, &fit(&name, 5), Role::Key);
        meter::draw(canvas, 10, y, cells, model.meters.get(&source));
        y += 1;
    }
}

//! Holds `docs/socket.md` to the code: its tables are made from the types here, and compared.

use std::fmt::Write as _;
use std::path::Path;

use super::{ACTIONS, ErrorCode, Event};

const SOURCES: [&str; 13] = [
    include_str!("request.rs"),
    include_str!("reply.rs"),
    include_str!("values/status.rs"),
    include_str!("../../domain/mic.rs"),
    include_str!("values/card.rs"),
    include_str!("values/jam.rs"),
    include_str!("values/lobby.rs"),
    include_str!("values/link.rs"),
    include_str!("values/machine.rs"),
    include_str!("values/record.rs"),
    include_str!("../../domain/take/kinds.rs"),
    include_str!("../../domain/take/marking.rs"),
    include_str!("event.rs"),
];

/// One type as its source declares it.
struct Shape {
    name: String,
    doc: String,
    /// Name, JSON type (empty for a variant), meaning; fields of variants come after theirs.
    rows: Vec<(String, String, String)>,
    is_enum: bool,
}

#[test]
fn the_document_and_the_code_say_the_same() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/socket.md");
    let mut found = std::fs::read_to_string(&path).unwrap();
    let (words, _) = found.split_once(MARK).unwrap();
    let wanted = format!("{words}{MARK}{}", tables());
    if std::env::var_os("JAMTTY_WRITE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
        found.clone_from(&wanted);
    }
    for (found, wanted) in found.lines().zip(wanted.lines()) {
        assert_eq!(found, wanted, "docs/socket.md differs; JAMTTY_WRITE_DOCS=1 and this test write it anew");
    }
    assert_eq!(found.len(), wanted.len(), "docs/socket.md has lines too many or too few");
}

#[test]
fn every_reply_an_action_names_is_a_type_of_the_document() {
    let shapes = shapes();
    for action in ACTIONS.iter().filter(|action| !action.reply.is_empty()) {
        assert!(shapes.iter().any(|shape| shape.name == action.reply), "{}", action.name);
    }
}

#[test]
fn every_event_is_named_as_it_is_written() {
    let shapes = shapes();
    let events = shapes.iter().find(|shape| shape.name == "Event").unwrap();
    let variants: Vec<&str> =
        events.rows.iter().filter(|(_, kind, _)| kind.is_empty()).map(|(name, ..)| name.as_str()).collect();
    assert_eq!(variants, Event::NAMES);
}

/// Everything below it is made by this file.
const MARK: &str = "<!-- made from src/peer/api by a test; words go above this line -->\n";

fn tables() -> String {
    let mut text =
        String::from("\n## Actions\n\n| `do` | arguments | what it does | `data` |\n|---|---|---|---|\n");
    for action in ACTIONS {
        let code = |text: &str| {
            if text.is_empty() { String::new() } else { format!("`{}`", text.replace('|', "\\|")) }
        };
        let reply = if action.reply.is_empty() { "`{}`".to_owned() } else { link(action.reply) };
        let _ = writeln!(text, "| `{}` | {} | {} | {reply} |", action.name, code(action.args), action.help);
    }
    let shapes = shapes();
    text.push_str("\n## Errors\n\n| `code` | means |\n|---|---|\n");
    let codes = shapes.iter().find(|shape| shape.name == "ErrorCode").unwrap();
    for (code, (_, _, doc)) in ErrorCode::ALL.iter().zip(&codes.rows) {
        let (number, words) = doc.split_once(": ").unwrap();
        assert_eq!(number, code.exit_code().to_string());
        let _ = writeln!(text, "| {number} | {words} |");
    }
    text.push_str("\n## Events\n\n| `event` | fields | when |\n|---|---|---|\n");
    let events = shapes.iter().find(|shape| shape.name == "Event").unwrap();
    let mut rows = events.rows.iter().peekable();
    while let Some((name, _, when)) = rows.next() {
        let mut fields = Vec::new();
        while let Some((field, kind, _)) = rows.next_if(|(_, kind, _)| !kind.is_empty()) {
            fields.push(format!("`{field}`: {kind}"));
        }
        let _ = writeln!(text, "| `{name}` | {} | {when} |", fields.join(", "));
    }
    text.push_str("\n## Types\n");
    for shape in &shapes {
        if ["ErrorCode", "Event", "ActionSpec"].contains(&shape.name.as_str()) {
            continue;
        }
        let _ = writeln!(text, "\n### {}\n\n{}\n", shape.name, shape.doc);
        text.push_str(if shape.is_enum {
            "| value | means |\n|---|---|\n"
        } else {
            "| field | type | means |\n|---|---|---|\n"
        });
        for (name, kind, doc) in &shape.rows {
            let _ = match shape.is_enum {
                true => writeln!(text, "| `\"{name}\"` | {doc} |"),
                false => writeln!(text, "| `{name}` | {kind} | {doc} |"),
            };
        }
    }
    text
}

fn shapes() -> Vec<Shape> {
    SOURCES.iter().flat_map(|source| shapes_of(source)).collect()
}

fn shapes_of(source: &str) -> Vec<Shape> {
    let mut shapes: Vec<Shape> = Vec::new();
    let (mut doc, mut rename, mut inside) = (String::new(), None::<String>, false);
    for line in source.lines() {
        let trimmed = line.trim();
        if let Some(words) = trimmed.strip_prefix("///") {
            doc = format!("{doc} {}", words.trim()).trim().to_owned();
            continue;
        }
        if let Some(name) =
            trimmed.strip_prefix("#[serde(rename = \"").and_then(|rest| rest.split('"').next())
        {
            rename = Some(name.to_owned());
        }
        if trimmed.starts_with("#[") {
            continue;
        }
        let declared = ["pub struct ", "pub enum "].iter().find_map(|word| line.strip_prefix(word));
        if let Some(rest) = declared {
            let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned();
            let is_enum = line.starts_with("pub enum");
            let words = plain(&std::mem::take(&mut doc));
            shapes.push(Shape { name, doc: words, rows: Vec::new(), is_enum });
            inside = true;
        } else if line == "}" {
            inside = false;
        } else if inside && let Some(shape) = shapes.last_mut() {
            let field = trimmed.strip_prefix("pub ").unwrap_or(trimmed);
            let words = plain(&std::mem::take(&mut doc));
            if let Some((name, kind)) = field.trim_end_matches(',').split_once(": ") {
                let name = rename.take().unwrap_or_else(|| name.to_owned());
                shape.rows.push((name, json_type(kind), words));
            } else if trimmed.starts_with(|c: char| c.is_ascii_uppercase()) {
                let name = snake(trimmed.trim_end_matches([',', '{', ' ']));
                shape.rows.push((name, String::new(), words));
            }
        }
        doc.clear();
    }
    shapes
}

/// A doc comment without rustdoc's links.
fn plain(doc: &str) -> String {
    doc.replace("[`super::API_VERSION`]", "1")
        .replace("[`API_VERSION`]", "1")
        .replace("[`RequestLine`]", "`RequestLine`")
        .replace("[`ACTIONS`]", "the table of actions")
        .replace("[`super::ActionSpec::reply`]", "table of actions")
        .replace('|', "\\|")
}

fn json_type(rust: &str) -> String {
    let inner = |prefix: &str| rust.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('>'));
    if let Some(inner) = inner("Option<") {
        return format!("{} or null", json_type(inner));
    }
    if let Some(inner) = inner("Vec<") {
        return format!("list of {}", json_type(inner));
    }
    match rust {
        "String" | "Name" => "text".to_owned(),
        "bool" => "true or false".to_owned(),
        "Value" => "object".to_owned(),
        "ErrorCode" => "number".to_owned(),
        "Event" => "its fields, beside these".to_owned(),
        "LinkFigures" => format!("its fields, beside these: {}", link(rust)),
        "std::collections::BTreeMap<String, u64>" => "object of numbers".to_owned(),
        number if ["u8", "u16", "u32", "u64", "f32", "f64"].contains(&number) => "number".to_owned(),
        other => link(other),
    }
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", name.to_lowercase())
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

//! What stands around every screen: the screens' names, the lamps, vital signs, the keys that count now.

use crate::peer::api::{MicState, Place, TakeKind};
use crate::tui::action::{Action, ENTRIES, Place as KeyPlace, Tab};
use crate::tui::canvas::{Canvas, span, wrapped};
use crate::tui::key::Key;
use crate::tui::keymap::Context;
use crate::tui::look::Role;
use crate::tui::model::{Model, Overlay, PeerLink, Step};
use crate::tui::mouse::Target;

use super::FULL;
use super::words::grade_of;

/// Names of the screens, the open one in brackets.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let wide = canvas.width() >= 100;
    let gap = if wide { 2 } else { 1 };
    let mut x = 1;
    for (number, tab) in (1..).zip(Tab::ALL) {
        let name = if wide { tab.name() } else { tab.short() };
        let open = tab == model.tab;
        if canvas.width() < FULL.0 && !open {
            continue;
        }
        let label = if open { format!("[{number} {name}]") } else { format!(" {number} {name}") };
        canvas.target(x, 0, label.len() as u16, 1, Target::Do(tab.action()));
        x += gap + canvas.text(x, 0, canvas.width(), &label, if open { Role::Key } else { Role::Dim });
        // The bracket stands in the gap: names do not move when another is opened.
        x -= u16::from(open);
        x += u16::from(open && !wide);
    }
}

/// Whether others hear you, in words, at the right of the first row.
pub(super) fn lamps(model: &Model, canvas: &mut Canvas<'_>) {
    let (text, role) = lamp(model);
    let mut right = canvas.width().saturating_sub(2);
    if let Some((rec, role)) = rec_lamp(model) {
        canvas.text_right(canvas.width(), 0, &format!(" {text}   {rec}  "), Role::Text);
        right = canvas.text_right(right, 0, &rec, role).saturating_sub(3);
    } else {
        canvas.text_right(canvas.width(), 0, &format!(" {text}  "), Role::Text);
    }
    canvas.text_right(right, 0, text, role);
}

/// Whether the jam is recorded, and you with it.
pub(super) fn rec_lamp(model: &Model) -> Option<(String, Role)> {
    let recording = model.recording()?;
    let time = format!("{:02}:{:02}", recording.since_s / 60, recording.since_s % 60);
    Some(match recording {
        one if one.asks_you => ("REC you?".to_owned(), Role::Watch),
        one if !one.trouble.is_empty() => ("REC FAILED".to_owned(), Role::Bad),
        one if !one.yours => ("REC not you".to_owned(), Role::Dim),
        one if one.kind == TakeKind::Grabbed => ("KEEPING".to_owned(), Role::Live),
        _ => (format!("REC {time}"), Role::Bad),
    })
}

/// The state in words, and how it looks.
pub(super) fn lamp(model: &Model) -> (&'static str, Role) {
    match (&model.peer, model.place()) {
        (PeerLink::Connecting, _) => ("STARTING", Role::Dim),
        (PeerLink::Lost(_), _) => ("NO PEER", Role::Bad),
        (PeerLink::Up, place) => match (model.mic(), place) {
            (MicState::Panic, _) => ("PANIC", Role::Bad),
            (_, Place::Lobby) => ("NOT IN A JAM", Role::Dim),
            (_, Place::Joining) => ("JOINING", Role::Watch),
            (MicState::Live, Place::Jam) => ("LIVE", Role::Live),
            (MicState::Muted, Place::Jam) => ("MUTED", Role::Stopped),
            (MicState::Listen, Place::Jam) => ("LISTEN", Role::Stopped),
        },
    }
}

/// Rows that a complaint may take.
const TOAST_ROWS: usize = 3;

/// Vital signs or a word, and the keys that count now.
pub(super) fn feet(model: &Model, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    match &model.toast {
        Some(toast) => {
            let role = if toast.error { Role::Bad } else { Role::Key };
            let lines = wrapped(&toast.text, usize::from(width - 2));
            // The remedy stands last: a long complaint takes rows from the screen above it.
            let rows = lines.len().min(TOAST_ROWS);
            let first = height - 1 - u16::try_from(rows).unwrap_or(1);
            for (y, line) in (first..).zip(&lines[..rows]) {
                canvas.part(0, y, width, 1).clear();
                canvas.text(1, y, width - 2, line, role);
            }
        }
        None => {
            canvas.text(1, height - 2, width - 2, &vitals(model), Role::Dim);
        }
    }
    hints(model, canvas, height - 1);
}

/// What must be seen from every screen.
pub(super) fn vitals(model: &Model) -> String {
    if let PeerLink::Lost(error) = &model.peer {
        return format!("no peer answers ({}); trying again. q closes the screen", error.why);
    }
    let Some(status) = &model.status else { return "starting".to_owned() };
    if model.setup.is_some() && !model.in_jam() {
        return "nothing is sent to anyone during set-up".to_owned();
    }
    let xruns = status.card.as_ref().map_or(0, |card| card.xruns);
    let input = match model.meters.get(&crate::tui::meters::Source::Input) {
        Some(meter) if meter.peak_db > -60.0 => format!("in {:.0} dB", meter.peak_db),
        _ => "in silent".to_owned(),
    };
    if !model.in_jam() {
        // Nothing that counts by itself: a lobby where nothing happens writes nothing.
        let card = if status.card.is_some() { "ready" } else { "no sound card" };
        if model.listen_only {
            let key = model.keymap.shown(Context::Tab(Tab::Lobby), Action::AudioSetup).unwrap_or_default();
            return format!(
                "you only listen: {key} changes that   {card}   this peer: {}   key {}",
                status.me.name, status.me.fingerprint
            );
        }
        return format!("{card}   this peer: {}   key {}   {input}", status.me.name, status.me.fingerprint);
    }
    let worst = model
        .links
        .iter()
        .filter(|link| link.one_way_ms.is_some())
        .max_by(|a, b| a.one_way_ms.unwrap_or(0.0).total_cmp(&b.one_way_ms.unwrap_or(0.0)));
    let net = worst.map_or("net --".to_owned(), |link| {
        let grade = grade_of(model, link);
        format!("net {} {:.0} ms", grade.letter, grade.ms.unwrap_or(0.0))
    });
    let hidden: u64 = model
        .links
        .iter()
        .filter_map(|link| model.history.link(&link.who.key))
        .map(|past| past.sum(|s| s.concealed))
        .sum();
    format!("{input}   {net}   hid {hidden}   xruns {xruns}")
}

/// The last row: keys, whole words only, help always at its end.
fn hints(model: &Model, canvas: &mut Canvas<'_>, y: u16) {
    let width = canvas.width();
    let help = format!("{} help  {} do ", shown(model, Action::Help), shown(model, Action::Palette));
    let over = model.overlay.is_some() || model.writing.is_some();
    let help = if over { String::new() } else { help };
    let end = canvas.text_right(width, y, &help, Role::Dim);
    let mut x = 1;
    for (key, what) in hints_of(model) {
        let wide = u16::try_from(key.len() + what.len() + 3).unwrap_or(u16::MAX);
        // A word that is cut says less than none.
        if x + wide > end {
            break;
        }
        if let Some(key) = Key::parse(&key) {
            canvas.target(x, y, wide - 2, 1, Target::Press(key));
        }
        x += canvas.line(x, y, wide, &[span(key, Role::Key), span(format!(" {what}  "), Role::Dim)]);
    }
}

fn shown(model: &Model, action: Action) -> String {
    model.keymap.shown(model.context(), action).unwrap_or_default()
}

/// Keys that count now, the most wanted first.
pub(super) fn hints_of(model: &Model) -> Vec<(String, String)> {
    let fixed = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, what)| ((*key).to_owned(), (*what).to_owned())).collect::<Vec<_>>()
    };
    if model.writing.is_some() {
        return fixed(&[("Enter", "send"), ("Esc", "back to playing"), ("Ctrl-X", "PANIC")]);
    }
    if let Some(overlay) = &model.overlay {
        return match overlay {
            Overlay::Help { .. } | Overlay::Palette { .. } => {
                fixed(&[("type", "to filter"), ("up/down", "pick"), ("Enter", "run"), ("Esc", "close")])
            }
            Overlay::Recording { .. } => fixed(&[("y", "record me"), ("n", "do not"), ("Esc", "later")]),
            Overlay::Confirm { .. } => fixed(&[("y", "yes"), ("n", "no"), ("Esc", "no")]),
            Overlay::Prompt { .. } => fixed(&[("Enter", "do it"), ("Ctrl-U", "clear"), ("Esc", "close")]),
            Overlay::Why => fixed(&[("f", "fix it"), ("u", "undo"), ("Esc", "close")]),
            Overlay::Log { .. } => fixed(&[("type", "to filter"), ("up/down", "scroll"), ("Esc", "close")]),
            Overlay::Invite { .. } | Overlay::Missing => fixed(&[("Esc", "close")]),
        };
    }
    if model.going {
        return Tab::ALL.iter().map(|tab| (tab.letter().to_string(), tab.name().to_owned())).collect();
    }
    if let Some(setup) = &model.setup {
        let mut hints = match setup.step {
            Step::Device => fixed(&[("up/down", "pick")]),
            Step::Sound => fixed(&[("left/right", "block")]),
            Step::Level | Step::Name => Vec::new(),
        };
        if setup.step != Step::Name {
            hints.push((shown(model, Action::TestTone), "tone".to_owned()));
        }
        if setup.step == Step::Sound {
            hints.push((shown(model, Action::Measure), "measure".to_owned()));
        }
        hints.extend(fixed(&[("Enter", "next")]));
        if setup.step != Step::Name {
            hints.push((shown(model, Action::ListenOnly), "only listen".to_owned()));
        }
        hints.extend(fixed(&[("Backspace", "back"), ("Esc", "later")]));
        return hints;
    }
    if model.stage {
        return [(Action::Mic, "mic"), (Action::Panic, "PANIC"), (Action::Stage, "back")]
            .map(|(action, what)| (shown(model, action), what.to_owned()))
            .to_vec();
    }
    let mut hints = Vec::new();
    let own = ENTRIES.iter().filter(|entry| entry.place == KeyPlace::On(model.tab) && !entry.hint.is_empty());
    match model.tab {
        Tab::Lobby => hints.extend(fixed(&[("Enter", "join")])),
        Tab::Jam => hints.extend(fixed(&[("arrows", "")])),
        Tab::Me => hints.extend(fixed(&[("Enter", "change")])),
        Tab::Library | Tab::Tinies | Tab::Board => {}
        Tab::Doctor => hints.extend(fixed(&[("arrows", "link")])),
    }
    if model.tab == Tab::Jam && !model.in_jam() {
        return vec![(shown(model, Action::Show(Tab::Lobby)), "lobby".to_owned())];
    }
    let mut own: Vec<(String, String)> = own
        .filter_map(|entry| Some((model.keymap.keys_of(entry).first()?.to_string(), entry.hint.to_owned())))
        .collect();
    hints.append(&mut own);
    if model.in_jam() {
        // Where one plays these come before all that is only nice to have.
        let at = hints.len().min(3);
        hints.insert(at, (shown(model, Action::Mic), "mic".to_owned()));
        hints.insert(at + 1, (shown(model, Action::Panic), "PANIC".to_owned()));
    }
    hints.push((shown(model, Action::Why), "why?".to_owned()));
    if model.in_jam() && model.tab == Tab::Jam {
        hints.push((shown(model, Action::Record), "rec".to_owned()));
    }
    hints.push((shown(model, Action::Leave), if model.in_jam() { "leave" } else { "quit" }.to_owned()));
    hints
}

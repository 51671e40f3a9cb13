//! Screens as text and style at the sizes people have, and at all others without a panic.

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use super::draw;
use crate::domain::name::safe_line;
use crate::tui::action::Tab;
use crate::tui::fixture::{self, at};
use crate::tui::key::{Code, Key};
use crate::tui::look::{Charset, Theme};
use crate::tui::message::{Message, PeerNews};
use crate::tui::model::{LogLine, Measured, Model, Overlay, PeerLink, Purpose, Step, Toast};
use crate::tui::update::update;

/// What a terminal of this size shows.
fn shown(model: &Model, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
    terminal.draw(|frame| draw(model, frame.buffer_mut())).expect("a frame");
    terminal.backend().buffer().clone()
}

/// Rows of text, then rows of one letter a cell for how it looks.
fn picture(buffer: &Buffer) -> String {
    let (width, height) = (buffer.area.width, buffer.area.height);
    let mut text = String::new();
    let mut style = String::new();
    for y in 0..height {
        for x in 0..width {
            let Some(cell) = buffer.cell((x, y)) else { continue };
            text.push_str(cell.symbol());
            style.push(letter(cell.fg, cell.modifier));
        }
        text.truncate(text.trim_end_matches(' ').len());
        style.truncate(style.trim_end_matches('.').len());
        text.push('\n');
        style.push('\n');
    }
    format!("{text}\nstyle\n{style}")
}

/// `.` plain, `b` bold, `d` dim, `r` reversed; capitals and digits are those in colour.
fn letter(fg: Color, modifier: Modifier) -> char {
    let index = usize::from(modifier.contains(Modifier::BOLD))
        + 2 * usize::from(modifier.contains(Modifier::DIM))
        + 4 * usize::from(modifier.contains(Modifier::REVERSED));
    let row = match fg {
        Color::Reset => ".bd?r???",
        Color::Cyan => "cC??x???",
        Color::Yellow => "yY??W???",
        Color::Red => "eE??R???",
        Color::Magenta => "mM??N???",
        _ => "123?4???",
    };
    row.as_bytes()[index] as char
}

fn with(mut model: Model, change: impl FnOnce(&mut Model)) -> Model {
    change(&mut model);
    model
}

/// Every state that has a picture, with its name.
fn states() -> Vec<(&'static str, Model)> {
    let overlay = |overlay| with(fixture::in_jam(), |model| model.overlay = Some(overlay));
    let tab = |tab| with(fixture::in_jam(), |model| model.tab = tab);
    let mut lost = fixture::in_jam();
    let error = crate::peer::api::ErrorReply::new(
        crate::peer::api::ErrorCode::NotFound,
        "no answer from the peer",
        "it ended, or it dropped us",
        "",
    );
    update(&mut lost, at(0), Message::Peer(PeerNews::Lost(Box::new(error))));
    vec![
        ("lobby", fixture::lobby()),
        ("lobby_empty", with(fixture::lobby(), |model| model.listing = Default::default())),
        (
            "lobby_no_card",
            with(fixture::lobby(), |model| {
                if let Some(status) = &mut model.status {
                    status.card = None;
                    status.card_trouble = "no card answers".to_owned();
                }
            }),
        ),
        ("starting", fixture::model()),
        ("lost", lost),
        ("jam", fixture::in_jam()),
        (
            "jam_panic",
            with(fixture::in_jam(), |model| {
                if let Some(status) = &mut model.status {
                    status.mic = crate::peer::api::MicState::Panic;
                }
            }),
        ),
        ("jam_writing", with(fixture::in_jam(), |model| model.writing = Some("from the top?".to_owned()))),
        ("jam_detail", with(fixture::in_jam(), |model| model.details = true)),
        ("jam_nowhere", with(fixture::lobby(), |model| model.tab = Tab::Jam)),
        (
            "jam_error",
            with(fixture::in_jam(), |model| {
                let text = "you did not get in: the jam is full. Wait until someone leaves".to_owned();
                model.toast = Some(Toast { text, until: None, error: true });
            }),
        ),
        ("stage", with(fixture::in_jam(), |model| model.stage = true)),
        ("library", fixture::library()),
        ("library_not_known", tab(Tab::Library)),
        (
            "library_empty",
            with(fixture::library(), |model| {
                model.library.shown = None;
                if let Some(takes) = &mut model.library.takes {
                    takes.takes.clear();
                }
            }),
        ),
        ("recorded", fixture::recorded(true, false)),
        ("recorded_without_you", fixture::recorded(false, false)),
        (
            "recording_asked",
            with(fixture::recorded(false, true), |model| {
                let question = "Bo wants to record. Are you on it?".to_owned();
                model.overlay = Some(Overlay::Recording { question });
            }),
        ),
        ("tinies", tab(Tab::Tinies)),
        ("board", tab(Tab::Board)),
        ("me", tab(Tab::Me)),
        (
            "me_only_here",
            with(fixture::lobby(), |model| {
                model.tab = Tab::Me;
                model.chosen.insert(Tab::Me, 3);
                if let Some(status) = &mut model.status {
                    status.me.shared.clear();
                    status.me.plays.clear();
                    status.me.avatar = None;
                }
            }),
        ),
        (
            "doctor",
            with(fixture::in_jam(), |model| {
                model.tab = Tab::Doctor;
                model.doctor = fixture::doctor(model);
            }),
        ),
        ("doctor_empty", with(fixture::lobby(), |model| model.tab = Tab::Doctor)),
        ("first_device", fixture::first_start()),
        ("first_inputs", fixture::choosing()),
        ("first_level", with(fixture::first_start(), |model| set_step(model, Step::Level))),
        ("first_sound", with(fixture::first_start(), |model| set_step(model, Step::Sound))),
        (
            "first_measured",
            with(fixture::first_start(), |model| {
                set_step(model, Step::Sound);
                model.round_trip = Some(Measured::Found(crate::peer::api::RoundTrip {
                    round_trip_ms: 12.3,
                    round_trip_samples: 590,
                    heard_db: -24.0,
                }));
            }),
        ),
        (
            "first_unheard",
            with(fixture::first_start(), |model| {
                set_step(model, Step::Sound);
                let why = "the round trip was not measured: the input was silent. Join output and input with a cable, \
                           or hold a headphone to the microphone, and turn both up";
                model.round_trip = Some(Measured::Failed(why.to_owned()));
            }),
        ),
        ("lobby_listen", with(fixture::lobby(), |model| model.listen_only = true)),
        ("first_name", with(fixture::first_start(), |model| set_step(model, Step::Name))),
        ("help", overlay(Overlay::Help { filter: String::new(), chosen: 0 })),
        ("help_filter", overlay(Overlay::Help { filter: "mute".to_owned(), chosen: 0 })),
        ("palette", overlay(Overlay::Palette { filter: "co".to_owned(), chosen: 1 })),
        ("palette_none", overlay(Overlay::Palette { filter: "zzzz".to_owned(), chosen: 0 })),
        (
            "confirm",
            overlay(Overlay::Confirm {
                question: "Others still hear you. Leave the jam?".to_owned(),
                doing: Vec::new(),
                quit: false,
            }),
        ),
        ("prompt", overlay(Overlay::Prompt { purpose: Purpose::Address, text: "10.0.0.9:4".to_owned() })),
        (
            "prompt_code",
            overlay(Overlay::Prompt {
                purpose: Purpose::Code { jam: "Fiddle circle".to_owned() },
                text: "secret".to_owned(),
            }),
        ),
        (
            "invite",
            overlay(Overlay::Invite {
                ticket: "jamtty1".repeat(12), qr: vec!["█▀▄ █".repeat(6); 12]
            }),
        ),
        (
            "missing",
            with(fixture::lobby(), |model| {
                model.doctor = fixture::doctor(model);
                model.overlay = Some(Overlay::Missing);
            }),
        ),
        ("why", overlay(Overlay::Why)),
        (
            "log",
            with(fixture::in_jam(), |model| {
                let line = |at: &str, text: &str| LogLine { at: at.to_owned(), text: text.to_owned() };
                model.log.extend([
                    line("18:31:02", "Cy is away: connection lost"),
                    line("18:31:40", "Cy is back"),
                ]);
                model.overlay = Some(Overlay::Log { filter: String::new(), up: 0 });
            }),
        ),
    ]
}

fn set_step(model: &mut Model, step: Step) {
    if let Some(setup) = &mut model.setup {
        setup.step = step;
        setup.loudest = -70;
    }
}

#[test]
fn every_screen_looks_as_it_was_looked_at() {
    let states = states();
    for (name, model) in &states {
        for (width, height) in [(80, 24), (120, 40), (60, 15), (40, 8)] {
            insta::assert_snapshot!(
                format!("{name}_{width}x{height}"),
                picture(&shown(model, width, height))
            );
        }
    }
    for (name, mut model) in states {
        if !["jam", "lobby", "doctor", "stage", "help"].contains(&name) {
            continue;
        }
        model.look.charset = Charset::Ascii;
        insta::assert_snapshot!(format!("{name}_ascii"), picture(&shown(&model, 80, 24)));
        model.look.charset = Charset::Unicode;
        model.look.theme = Theme::Mono;
        insta::assert_snapshot!(format!("{name}_no_color"), picture(&shown(&model, 80, 24)));
    }
    insta::assert_snapshot!("jam_one_line", picture(&shown(&fixture::in_jam(), 39, 7)));
}

#[test]
fn ascii_is_ascii_and_plain_has_no_style_at_all() {
    for (name, mut model) in states() {
        model.look.charset = Charset::Ascii;
        model.look.theme = Theme::Plain;
        for cell in shown(&model, 80, 24).content() {
            // The ticket's picture is left out, all else is drawn in what every keyboard has.
            assert!(cell.symbol().is_ascii(), "{name}: {:?}", cell.symbol());
            assert_eq!((cell.fg, cell.modifier), (Color::Reset, Modifier::empty()), "{name}");
        }
    }
}

#[test]
fn others_hear_you_or_not_is_said_on_every_screen_from_width_40() {
    for (name, model) in states() {
        let word = super::frame::lamp(&model).0;
        for (width, height) in [(40, 8), (60, 15), (80, 24), (200, 60)] {
            let buffer = shown(&model, width, height);
            let first: String =
                (0..width).filter_map(|x| buffer.cell((x, 0))).map(|cell| cell.symbol()).collect();
            assert!(first.contains(word), "{name} at {width}x{height}: {first:?} has no {word}");
        }
    }
}

#[test]
fn hints_are_never_cut_and_are_keys_that_do_something() {
    for (name, model) in states() {
        let hints: Vec<String> =
            super::frame::hints_of(&model).into_iter().map(|(key, what)| format!("{key} {what}")).collect();
        for width in 40..130 {
            let buffer = shown(&model, width, 24);
            let last: String =
                (0..width).filter_map(|x| buffer.cell((x, 23))).map(|cell| cell.symbol()).collect();
            let mut rest = last.trim().trim_end_matches(|c: char| c != '?').trim_end_matches('?').trim();
            for hint in &hints {
                rest = rest.strip_prefix(hint.trim()).unwrap_or(rest).trim();
            }
            let end = last.contains("help") || rest.is_empty();
            assert!(
                end && (rest.is_empty() || rest.starts_with('?') || rest.contains("help")),
                "{name} at {width}: {last:?} leaves {rest:?}"
            );
        }
    }
}

/// Keys that reach everything.
fn any_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        proptest::char::range(' ', '~').prop_map(Key::char),
        proptest::char::range('a', 'z').prop_map(Key::ctrl),
        any::<char>().prop_map(Key::char),
        proptest::sample::select(vec![
            Code::Enter,
            Code::Esc,
            Code::Tab,
            Code::BackTab,
            Code::Backspace,
            Code::Up,
            Code::Down,
            Code::Left,
            Code::Right,
            Code::PageUp,
            Code::PageDown,
            Code::Home,
            Code::End,
            Code::F(1),
            Code::Delete,
        ])
        .prop_map(Key::plain),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn no_size_no_state_and_no_name_is_too_much(
        state in 0_usize..1_000,
        width in 0_u16..160,
        height in 0_u16..60,
        name in ".{0,40}",
        charset in 0..3_usize,
        many in 0_usize..12,
    ) {
        let mut states = states_once();
        let index = state % states.len();
        let mut model = states.swap_remove(index);
        model.look.charset = [Charset::Unicode, Charset::Compat, Charset::Ascii][charset];
        // As the peer gives them, and as a hostile program in its place could.
        for name in [safe_line(&name, 32), name] {
            if let Some(jam) = model.status.as_mut().and_then(|status| status.jam.as_mut()) {
                jam.name.clone_from(&name);
                while let Some(last) = jam.people.last().cloned().filter(|_| jam.people.len() < many) {
                    jam.people.push(last);
                }
                for one in &mut jam.people {
                    one.name.clone_from(&name);
                    one.plays = vec![name.clone()];
                    one.avatar = Some(name.clone());
                    one.colour = Some("gold".to_owned());
                }
            }
            if let Some(status) = &mut model.status {
                status.me.avatar = Some(name.clone());
                status.me.interests = vec![name.clone()];
            }
            for one in &mut model.listing.people {
                one.name.clone_from(&name);
                one.avatar = Some(name.clone());
            }
            for line in &mut model.chat {
                line.text = format!("{name} {name}");
                line.who.clone_from(&name);
            }
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
            draw(&model, &mut buffer);
            prop_assert!(buffer.content().iter().all(|cell| !cell.symbol().chars().any(char::is_control)));
        }
    }

    #[test]
    fn no_keys_in_any_order_are_too_much(
        keys in proptest::collection::vec(any_key(), 0..40),
        jam in any::<bool>(),
        size in (0_u16..140, 0_u16..50),
    ) {
        let mut model = if jam { fixture::in_jam() } else { fixture::lobby() };
        for (index, key) in keys.into_iter().enumerate() {
            update(&mut model, at(10_000 + index as u64), Message::Key(key));
        }
        let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
        draw(&model, &mut buffer);
    }
}

/// The states without their names.
fn states_once() -> Vec<Model> {
    states().into_iter().map(|(_, model)| model).collect()
}

#[test]
fn a_lost_peer_is_said_in_words() {
    let lost = states().into_iter().find(|(name, _)| *name == "lost").map(|(_, model)| model).expect("lost");
    assert!(matches!(lost.peer, PeerLink::Lost(_)));
    let text = picture(&shown(&lost, 80, 24));
    assert!(text.contains("NO PEER") && text.contains("trying again"), "{text}");
}

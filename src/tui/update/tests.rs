//! Keys in, requests out: what a press asks of the peer, and what the peer's answers change.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::json;

use crate::tui::action::Tab;
use crate::tui::fixture::{self, at};
use crate::tui::key::{Code, Key};
use crate::tui::message::{Effect, How, Message, PeerNews};
use crate::tui::model::{Measured, Model, Overlay, PeerLink};
use crate::tui::mouse::Gesture;
use crate::tui::screens;
use crate::tui::update::update;

/// The requests that these keys made, as words.
fn typed(model: &mut Model, keys: &[Key]) -> Vec<String> {
    let mut asked = Vec::new();
    for key in keys {
        for effect in update(model, at(10_000), Message::Key(*key)) {
            if let Effect::Ask { action, args, .. } = effect {
                asked.push(std::iter::once(action).chain(args).collect::<Vec<_>>().join(" "));
            }
        }
    }
    asked.retain(|words| !matches!(words.as_str(), "status" | "ls" | "link" | "doctor" | "audio.inputs on"));
    asked
}

fn chars(text: &str) -> Vec<Key> {
    text.chars().map(Key::char).collect()
}

#[test]
fn one_key_each_does_what_happens_while_playing() {
    let mut model = fixture::in_jam();
    assert_eq!(typed(&mut model, &chars("x")), ["panic.toggle"]);
    assert_eq!(typed(&mut model, &chars(" ")), ["mic.toggle"]);
    let ana = fixture::key(1);
    assert_eq!(typed(&mut model, &chars("m")), [format!("mute.toggle {ana}")]);
    assert_eq!(typed(&mut model, &chars("s")), [format!("solo.toggle {ana}")]);
    assert_eq!(typed(&mut model, &[Key::plain(Code::Left)]), [format!("fader.by {ana} -1")]);
    assert_eq!(typed(&mut model, &chars("H")), [format!("fader.by {ana} -6")]);
    assert_eq!(typed(&mut model, &chars(",")), [format!("pan.by {ana} {}", -1.0_f32 / 6.0)]);
}

#[test]
fn panic_works_in_the_middle_of_writing() {
    let mut model = fixture::in_jam();
    assert_eq!(typed(&mut model, &chars("cxm ")), [] as [String; 0]);
    assert_eq!(model.writing.as_deref(), Some("xm "));
    assert_eq!(typed(&mut model, &[Key::ctrl('x')]), ["panic.toggle"]);
    assert_eq!(typed(&mut model, &[Key::plain(Code::Enter)]), ["chat xm"]);
    assert_eq!(model.writing, None);
}

#[test]
fn a_change_of_the_mixer_can_be_taken_back_and_done_again() {
    let mut model = fixture::in_jam();
    let ana = fixture::key(1);
    typed(&mut model, &[Key::plain(Code::Left), Key::plain(Code::Left), Key::plain(Code::Left)]);
    // Three presses are one change: back to the fader before the first.
    assert_eq!(typed(&mut model, &chars("u")), [format!("fader {ana} -2.5")]);
    assert_eq!(typed(&mut model, &chars("u")), [] as [String; 0]);
    assert_eq!(typed(&mut model, &chars("U")).len(), 1);
}

#[test]
fn leaving_while_others_hear_you_is_asked_and_enter_is_not_yes() {
    let mut model = fixture::in_jam();
    assert_eq!(typed(&mut model, &chars("q")), [] as [String; 0]);
    assert!(matches!(model.overlay, Some(Overlay::Confirm { .. })));
    assert_eq!(typed(&mut model, &[Key::plain(Code::Enter)]), [] as [String; 0]);
    assert_eq!(typed(&mut model, &chars("q")), [] as [String; 0]);
    assert!(model.overlay.is_some());
    assert_eq!(typed(&mut model, &chars("y")), ["leave"]);
    assert_eq!(model.overlay, None);
}

#[test]
fn pasted_text_never_acts() {
    let mut model = fixture::in_jam();
    let effects = update(&mut model, at(10_000), Message::Paste("xq:quit\n".to_owned()));
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Ask { action, .. } if action == "status" || action == "link" || action == "ls")));
    typed(&mut model, &chars("c"));
    update(&mut model, at(10_000), Message::Paste("from the\n top\u{1b}[2J".to_owned()));
    assert_eq!(model.writing.as_deref(), Some("from the top[2J"));
}

#[test]
fn the_chosen_jam_is_joined_and_a_closed_one_asks_for_its_word() {
    let mut model = fixture::lobby();
    assert_eq!(typed(&mut model, &[Key::plain(Code::Enter)]), ["join name=Kitchen blues"]);
    typed(&mut model, &[Key::plain(Code::Down)]);
    assert_eq!(typed(&mut model, &[Key::plain(Code::Enter)]), [] as [String; 0]);
    let keys: Vec<Key> = chars("blue").into_iter().chain([Key::plain(Code::Enter)]).collect();
    assert_eq!(typed(&mut model, &keys), ["join name=Fiddle circle code=blue"]);
}

#[test]
fn screens_are_reached_by_digit_by_letter_and_by_tab() {
    let mut model = fixture::lobby();
    typed(&mut model, &chars("7"));
    assert_eq!(model.tab, Tab::Doctor);
    typed(&mut model, &chars("gm"));
    assert_eq!(model.tab, Tab::Me);
    typed(&mut model, &[Key::plain(Code::Tab), Key::plain(Code::Tab)]);
    assert_eq!(model.tab, Tab::Lobby);
    typed(&mut model, &chars("é"));
    assert_eq!(model.tab, Tab::Jam);
}

#[test]
fn help_and_palette_run_the_line_that_is_chosen() {
    let mut model = fixture::in_jam();
    let keys: Vec<Key> = chars(":pcm24").into_iter().chain([Key::plain(Code::Enter)]).collect();
    assert_eq!(typed(&mut model, &keys), ["codec pcm24"]);
    let keys: Vec<Key> = chars("?panic").into_iter().chain([Key::plain(Code::Enter)]).collect();
    assert_eq!(typed(&mut model, &keys), ["panic.toggle"]);
    assert_eq!(model.overlay, None);
}

#[test]
fn a_screen_ends_only_the_peer_that_it_started() {
    let quits = |model: &mut Model, key: Key| {
        let effects = update(model, at(1), Message::Key(key));
        effects.into_iter().find_map(|effect| if let Effect::Quit(how) = effect { Some(how) } else { None })
    };
    let mut model = fixture::lobby();
    assert_eq!(quits(&mut model, Key::char('q')), Some(How::Detach));
    model.own_peer = true;
    assert_eq!(quits(&mut model, Key::char('q')), Some(How::EndPeer));
    assert_eq!(quits(&mut model, Key::char('D')), Some(How::Detach));
    assert_eq!(quits(&mut model, Key::ctrl('c')), Some(How::EndPeer));
}

#[test]
fn an_error_stays_until_a_key_and_says_all_three_parts() {
    let mut model = fixture::lobby();
    typed(&mut model, &[Key::plain(Code::Enter)]);
    let id = model.last_id;
    let error = crate::peer::api::ErrorReply::new(
        crate::peer::api::ErrorCode::TryAgain,
        "you did not get in",
        "the jam is full",
        "Wait until someone leaves",
    );
    let asked =
        model.asked.iter().find(|(_, asked)| matches!(asked, super::Asked::Join { .. })).map(|(id, _)| *id);
    let news = PeerNews::Reply { id: asked.unwrap_or(id), result: Err(Box::new(error)) };
    update(&mut model, at(10_000), Message::Peer(news));
    update(&mut model, at(99_000), Message::Wake);
    let toast = model.toast.as_ref().map(|toast| toast.text.clone()).unwrap_or_default();
    assert_eq!(toast, "you did not get in: the jam is full. Wait until someone leaves");
    typed(&mut model, &[Key::plain(Code::Down)]);
    assert_eq!(model.toast, None);
}

#[test]
fn a_peer_that_goes_is_said_and_one_that_comes_back_is_asked_at_once() {
    let mut model = fixture::in_jam();
    let error =
        crate::peer::api::ErrorReply::new(crate::peer::api::ErrorCode::NotFound, "no answer", "it ended", "");
    update(&mut model, at(0), Message::Peer(PeerNews::Lost(Box::new(error))));
    assert!(matches!(model.peer, PeerLink::Lost(_)) && model.status.is_none());
    assert_eq!(model.wake_at(), None);
    let effects = update(&mut model, at(1), Message::Peer(PeerNews::Up));
    let asked = |name: &str| {
        effects.iter().any(|effect| matches!(effect, Effect::Ask { action, .. } if action == name))
    };
    assert!(asked("watch") && asked("status") && asked("ls"));
}

#[test]
fn an_idle_lobby_asks_seldom_and_moving_meters_often() {
    let mut model = fixture::lobby();
    let status = serde_json::to_value(&model.status).unwrap_or_default();
    let pace = |model: &mut Model, now: u64, status: serde_json::Value| {
        model.due.status = Some(at(now));
        update(model, at(now), Message::Wake);
        let id = model.last_id;
        let id =
            model.asked.iter().find(|(_, asked)| **asked == super::Asked::Status).map_or(id, |(id, _)| *id);
        update(model, at(now), Message::Peer(PeerNews::Reply { id, result: Ok(status) }));
        model.due.status.map(|due| due.since(at(now)).as_millis())
    };
    assert_eq!(pace(&mut model, 60_000, status.clone()), Some(1_000));
    let mut loud = status;
    loud["levels"]["input_peak_db"] = json!(-12.0);
    assert_eq!(pace(&mut model, 61_000, loud), Some(50));
}

#[test]
fn the_first_steps_are_five_presses_of_enter() {
    let mut model = fixture::first_start();
    let enter = Key::plain(Code::Enter);
    assert_eq!(typed(&mut model, &[enter, enter, enter]), [] as [String; 0]);
    let mut effects = update(&mut model, at(1), Message::Key(enter));
    effects.retain(|effect| *effect == Effect::Welcomed);
    assert_eq!(effects, [Effect::Welcomed]);
    assert_eq!(model.setup, None);
    assert_eq!(model.tab, Tab::Lobby);
}

/// Answers the newest request of this kind.
fn answer(model: &mut Model, now: u64, wanted: &super::Asked, data: serde_json::Value) {
    let id = model.asked.iter().rev().find(|(_, asked)| *asked == wanted).map(|(id, _)| *id).unwrap();
    update(model, at(now), Message::Peer(PeerNews::Reply { id, result: Ok(data) }));
}

fn woken(model: &mut Model, now: u64) -> Vec<String> {
    let effects = update(model, at(now), Message::Wake);
    let words = effects.into_iter().filter_map(|effect| match effect {
        Effect::Ask { action, args, .. } => {
            Some(std::iter::once(action).chain(args).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    });
    words.collect()
}

#[test]
fn inputs_are_looked_at_while_one_is_chosen_and_no_longer() {
    let mut model = fixture::lobby();
    assert_eq!(typed(&mut model, &chars("A")), ["audio.ls"]);
    assert_eq!(model.due.inputs, None, "a card that is held may be missing in the list");
    answer(&mut model, 10_000, &super::Asked::Cards, json!({"cards": []}));
    let level = json!({"host": "alsa", "name": "hw", "description": "Barn", "in_use": false, "peak_db": -12.0,
        "channels_db": [-12.0], "why": "", "remedy": ""});
    answer(&mut model, 10_000, &super::Asked::Inputs, json!({"looking": false, "inputs": [level]}));
    assert!(model.input("hw").is_some_and(|input| input.peak_db == Some(-12.0)));
    assert!(woken(&mut model, 10_100).contains(&"audio.inputs on".to_owned()));
    answer(&mut model, 10_100, &super::Asked::Inputs, json!({"looking": false, "inputs": []}));
    typed(&mut model, &[Key::plain(Code::Enter)]);
    assert!(woken(&mut model, 10_300).contains(&"audio.inputs off".to_owned()));
    assert_eq!((model.due.inputs, &model.inputs), (None, &None));
    typed(&mut model, &[Key::plain(Code::Backspace)]);
    assert!(model.asked.values().any(|asked| *asked == super::Asked::Inputs), "and again on the way back");
}

#[test]
fn the_tone_of_the_set_up_ends_by_itself_after_two_seconds() {
    let mut model = fixture::first_start();
    assert_eq!(typed(&mut model, &chars("t")), ["audio.test on"]);
    answer(&mut model, 10_000, &super::Asked::Tone(true), json!({}));
    assert!(model.tone);
    assert!(!woken(&mut model, 11_900).iter().any(|asked| asked.starts_with("audio.test")));
    assert!(woken(&mut model, 12_000).contains(&"audio.test off".to_owned()));
    answer(&mut model, 12_000, &super::Asked::Tone(false), json!({}));
    assert!(!model.tone);
}

#[test]
fn the_round_trip_is_measured_on_one_key() {
    let mut model = fixture::first_start();
    let enter = Key::plain(Code::Enter);
    assert_eq!(typed(&mut model, &[enter, enter, Key::char('m')]), ["audio.measure"]);
    assert_eq!(model.round_trip, Some(Measured::Running));
    let found = json!({"round_trip_ms": 12.3, "round_trip_samples": 590, "heard_db": -20.0});
    answer(&mut model, 11_000, &super::Asked::Measure, found);
    assert!(matches!(model.round_trip, Some(Measured::Found(found)) if found.round_trip_samples == 590));
}

#[test]
fn who_only_listens_joins_to_listen_until_the_set_up_is_opened_again() {
    let mut model = fixture::lobby();
    typed(&mut model, &chars("A"));
    assert_eq!(typed(&mut model, &chars("o")), [] as [String; 0]);
    assert!(model.listen_only && model.setup.is_none());
    let enter = Key::plain(Code::Enter);
    assert_eq!(typed(&mut model, &[enter]), ["join name=Kitchen blues listen"]);
    let keys: Vec<Key> = chars("nOwn").into_iter().chain([enter]).collect();
    assert_eq!(typed(&mut model, &keys), ["new name=Own listen"]);
    typed(&mut model, &[Key::char('A'), Key::plain(Code::Esc)]);
    assert_eq!(typed(&mut model, &[enter]), ["join name=Kitchen blues"]);
}

#[test]
fn any_reply_of_the_wrong_shape_is_said_and_not_fatal() {
    let mut model = fixture::lobby();
    model.due.status = Some(at(0));
    update(&mut model, at(1), Message::Wake);
    let ids: Vec<u64> = model.asked.keys().copied().collect();
    for id in ids {
        update(&mut model, at(2), Message::Peer(PeerNews::Reply { id, result: Ok(json!({"no": 1})) }));
    }
    assert!(model.toast.as_ref().is_some_and(|toast| toast.error));
}

#[test]
fn a_click_chooses_and_another_opens_and_the_wheel_is_a_fader() {
    let mut model = fixture::in_jam();
    let (column, row) = place_of(&model, " Bo   ");
    let click = Message::Mouse(Gesture::Click, column, row);
    update(&mut model, at(1), click.clone());
    assert_eq!(model.chosen_player().map(|one| one.name.as_str()), Some("Bo"));
    assert!(!model.details);
    update(&mut model, at(2), click);
    assert!(model.details);
    let ana = place_of(&model, " Ana <3~");
    let effects = update(&mut model, at(3), Message::Mouse(Gesture::WheelDown, ana.0, ana.1));
    let wanted = [fixture::key(1), "-1".to_owned()];
    assert!(effects.iter().any(|effect| {
        matches!(effect, Effect::Ask { action, args, .. } if action == "fader.by" && *args == wanted)
    }));
    let doctor = place_of(&model, "7 Dr");
    update(&mut model, at(4), Message::Mouse(Gesture::Click, doctor.0 + 2, doctor.1));
    assert_eq!(model.tab, Tab::Doctor);
    // Under something that lies over it nothing is clicked, and the wheel answers no question.
    let question = Overlay::Confirm { question: "Leave?".to_owned(), doing: Vec::new(), quit: true };
    model.overlay = Some(question.clone());
    for gesture in [Gesture::Click, Gesture::WheelUp, Gesture::WheelDown] {
        let effects = update(&mut model, at(5), Message::Mouse(gesture, doctor.0, doctor.1));
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Quit(_))));
        assert_eq!(model.overlay.as_ref(), Some(&question));
    }
}

#[test]
fn the_mouse_is_given_back_and_taken_again() {
    let mut model = fixture::lobby();
    let key = Message::Key(Key::plain(Code::F(6)));
    assert!(update(&mut model, at(1), key.clone()).contains(&Effect::Mouse(false)));
    assert!(update(&mut model, at(2), key).contains(&Effect::Mouse(true)));
    update(&mut model, at(3), Message::Mouse(Gesture::Click, 9_999, 9_999));
}

/// Where a word is drawn.
fn place_of(model: &Model, word: &str) -> (u16, u16) {
    let mut buffer = Buffer::empty(Rect::new(0, 0, model.size.0, model.size.1));
    screens::draw(model, &mut buffer);
    for y in 0..model.size.1 {
        let line: String = (0..model.size.0).map(|x| buffer[(x, y)].symbol()).collect();
        if let Some(x) = line.find(word) {
            return (u16::try_from(line[..x].chars().count()).unwrap(), y);
        }
    }
    panic!("{word} is not drawn")
}

#[test]
fn times_are_those_of_the_clock_on_the_wall() {
    let mut model = fixture::in_jam();
    model.zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
    let line = json!({"v": 1, "at": "2026-11-22T23:31:02.500Z", "event": "chat",
        "who": {"key": fixture::key(1), "name": "Ana"}, "text": "from the top"});
    let line = serde_json::from_value(line).unwrap();
    update(&mut model, at(1), Message::Peer(PeerNews::Event(Box::new(line))));
    assert_eq!(model.chat.back().map(|said| said.at.as_str()), Some("01:31"));
    assert!(model.log.is_empty(), "chat is in no log");
}

#[test]
fn the_own_card_is_changed_line_by_line_and_taken_back() {
    let mut model = fixture::lobby();
    model.tab = Tab::Me;
    assert_eq!(typed(&mut model, &[Key::plain(Code::Down)]), [] as [String; 0]);
    assert_eq!(typed(&mut model, &chars("s")), ["me.set share=name,colour,avatar"]);
    assert_eq!(typed(&mut model, &chars("u")), ["me.set share=name,plays,colour,avatar"]);
    assert_eq!(typed(&mut model, &chars("c")), ["me.set colour=sky"]);
    assert_eq!(typed(&mut model, &[Key::plain(Code::Enter)]), ["me.set colour=sky"], "its line is chosen");
    assert_eq!(typed(&mut model, &chars("u")), ["me.set colour=teal"]);
    let enter = [Key::plain(Code::Enter)];
    let instead = |text: &str| [&[Key::ctrl('u')], chars(text).as_slice(), &enter].concat();
    typed(&mut model, &chars("I"));
    assert_eq!(typed(&mut model, &instead("jazz, drone")), ["me.set interests=jazz, drone"]);
    typed(&mut model, &chars("i"));
    assert_eq!(typed(&mut model, &instead("")), ["me.set plays="]);
    typed(&mut model, &chars("e"));
    assert_eq!(typed(&mut model, &instead("")), [] as [String; 0], "a name is never empty");
    typed(&mut model, &chars("a"));
    assert_eq!(typed(&mut model, &instead("d[-_-]b")), [] as [String; 0]);
    let said = model.toast.as_ref().map_or("", |toast| &toast.text);
    assert!(said.contains("at most 4 columns wide, this one is 7"), "{said}");
    assert_eq!(typed(&mut model, &instead("^_^")), ["me.set avatar=^_^"], "it can be mended");
    assert_eq!(typed(&mut model, &chars("u")), ["me.set avatar=<3"]);
}

#[test]
fn recording_is_one_key_and_whoever_is_asked_is_never_taken_at_enter() {
    let mut model = fixture::in_jam();
    assert_eq!(typed(&mut model, &chars("r")), ["rec.toggle"]);
    assert_eq!(typed(&mut model, &chars("R")), ["rec.grab"]);
    assert_eq!(typed(&mut model, &chars("MN")), ["rec.mark", "rec.refuse"]);
    let mut model = fixture::recorded(false, true);
    // The question opens again with r, and only y and n answer it.
    assert_eq!(typed(&mut model, &chars("r")), [] as [String; 0]);
    assert!(matches!(model.overlay, Some(Overlay::Recording { .. })));
    assert_eq!(typed(&mut model, &[Key::plain(Code::Enter)]), [] as [String; 0]);
    assert!(model.overlay.is_some());
    assert_eq!(typed(&mut model, &[Key::char('x')]), ["panic.toggle"]);
    assert_eq!(typed(&mut model, &chars("y")), ["rec.agree"]);
    assert_eq!(model.overlay, None);
    assert_eq!(typed(&mut model, &chars("rn")), ["rec.refuse"]);
}

#[test]
fn what_is_done_to_a_take_is_done_to_the_chosen_one_by_its_id() {
    let mut model = fixture::library();
    let (first, second) = ("3f2a".repeat(8), "4f2a".repeat(8));
    assert_eq!(typed(&mut model, &[Key::plain(Code::Down)]), [format!("rec.show {second}")]);
    assert_eq!(typed(&mut model, &[Key::plain(Code::Up)]), [format!("rec.show {first}")]);
    assert_eq!(typed(&mut model, &chars("c")), [format!("rec.verify {first}")]);
    // d asks, y does, u takes it back; Enter is neither.
    assert_eq!(typed(&mut model, &chars("d")), [] as [String; 0]);
    assert_eq!(typed(&mut model, &[Key::plain(Code::Enter)]), [] as [String; 0]);
    assert_eq!(typed(&mut model, &chars("y")), [format!("rec.rm {first}")]);
    assert_eq!(typed(&mut model, &chars("u")), [format!("rec.undo {first}")]);
    let enter = [Key::plain(Code::Enter)];
    assert_eq!(typed(&mut model, &[&chars("tslow")[..], &enter].concat()), [format!("rec.tag {first} slow")]);
    assert_eq!(
        typed(&mut model, &[&chars("tblues")[..], &enter].concat()),
        [format!("rec.untag {first} blues")]
    );
    assert_eq!(
        typed(&mut model, &[&chars("E")[..], &enter].concat()),
        [format!("rec.export {first} /home/ana/Kitchen-blues-3")]
    );
    assert_eq!(typed(&mut model, &[&chars("/ana waltz")[..], &enter].concat()), ["rec.ls ana waltz"]);
}

//! What a client asks: understood, or answered with how it is meant.

use super::{World, id};
use crate::domain::level::Gain;
use crate::domain::name::Name;
use crate::domain::strip::{DelayMode, StripSettings};
use crate::peer::api::{ACTIONS, ErrorCode, Mic, MicState, ReplyLine, Status, Strip};
use crate::peer::message::{DiskEffect, DiskMessage, Effect, Message, SoundEffect};

#[test]
fn every_action_of_the_table_is_known_here() {
    for action in ACTIONS {
        let mut world = World::of(1);
        world.request(0, action.name, &[]);
        if let Some(ReplyLine { error: Some(error), .. }) = world.reply(0) {
            assert!(!error.what.contains("there is no action"), "{}: {error}", action.name);
        }
    }
}

#[test]
fn what_is_not_understood_says_how_it_is_meant() {
    let table: [(&str, &[&str], &str); 9] = [
        ("mic.of", &[], "Did you mean `mic.off`?"),
        ("mic.off", &["now"], "one word too many"),
        ("fader", &[], "PEER is missing"),
        ("fader", &["Bo", "loud"], "\"loud\" is no number of dB"),
        ("pan", &["Bo", "2"], "-1 (left) to 1 (right)"),
        ("delay", &["Bo", "soon"], "auto, quick, safe or 0 to 500 ms"),
        ("codec", &["mp3"], "\"mp3\" is no codec"),
        ("frame", &["3"], "Opus takes 120, 240 or 480"),
        ("watch", &["chatt"], "did you mean chat?"),
    ];
    let mut world = World::jam();
    for (action, args, words) in table {
        let error = world.ask(0, action, args).error.unwrap();
        assert_eq!(error.code, ErrorCode::Usage, "{action} {args:?}");
        assert!(error.to_string().contains(words), "{action} {args:?}: {error}");
    }
}

#[test]
fn the_microphone_says_what_others_hear() {
    let table = [
        ("mic.off", MicState::Muted),
        ("mic.toggle", MicState::Live),
        ("panic", MicState::Panic),
        ("mic.off", MicState::Panic),
        ("panic.off", MicState::Muted),
        ("mic.on", MicState::Live),
        ("panic.toggle", MicState::Panic),
        ("panic.toggle", MicState::Live),
    ];
    let mut world = World::jam();
    for (action, wanted) in table {
        world.clear();
        let mic: Mic = world.ask_as(0, action, &[]);
        assert_eq!(mic.mic, wanted, "{action}");
        let status: Status = world.ask_as(1, "status", &[]);
        let ana = status.jam.unwrap().people.into_iter().find(|one| !one.you).unwrap();
        assert_eq!(ana.mic, wanted, "{action}, as Bo sees it");
    }
}

#[test]
fn panic_reaches_the_engine_before_anything_else() {
    let mut world = World::jam();
    world.clear();
    world.request(0, "panic", &[]);
    assert!(matches!(world.done[0][0], Effect::Sound(SoundEffect::Panic(true))));
}

#[test]
fn strips_change_are_kept_and_come_back() {
    /// Action, arguments; gain, pan, muted, solo afterwards.
    type Row = (&'static str, &'static [&'static str], f32, f32, bool, bool);
    let table: [Row; 9] = [
        ("fader", &["bo", "-6"], -6.0, 0.0, false, false),
        ("fader.by", &["Bo", "2"], -4.0, 0.0, false, false),
        ("pan", &["Bo", "-0.5"], -4.0, -0.5, false, false),
        ("pan.by", &["Bo", "-0.25"], -4.0, -0.75, false, false),
        ("pan.by", &["Bo", "0.25"], -4.0, -0.5, false, false),
        ("mute", &["Bo"], -4.0, -0.5, true, false),
        ("mute.toggle", &["Bo"], -4.0, -0.5, false, false),
        ("solo", &["B"], -4.0, -0.5, false, true),
        ("unsolo", &["Bo"], -4.0, -0.5, false, false),
    ];
    let mut world = World::jam();
    for (action, args, gain_db, pan, muted, solo) in table {
        world.clear();
        let strip: Strip = world.ask_as(0, action, args);
        assert!((strip.gain_db - gain_db).abs() < 0.01, "{action}: {}", strip.gain_db);
        assert_eq!((strip.pan, strip.muted, strip.solo), (pan, muted, solo), "{action}");
        assert!(world.did(0, |effect| matches!(effect, Effect::Sound(SoundEffect::Strip(..)))), "{action}");
        assert!(world.did(0, |effect| matches!(effect, Effect::Disk(DiskEffect::Strip(..)))), "{action}");
    }
    // What the disk remembers is older than what was set by hand.
    let old = StripSettings { gain: Gain::from_db(-30.0), ..StripSettings::default() };
    world.tell(0, Message::Disk(DiskMessage::Recalled { peer: id(1), strip: Some(old), delay: None }));
    let strip: Strip = world.ask_as(0, "fader.by", &["Bo", "0"]);
    assert!((strip.gain_db + 4.0).abs() < 0.01);
}

#[test]
fn a_person_is_heard_as_last_time() {
    let mut world = World::jam();
    assert!(
        world.did(0, |effect| matches!(effect, Effect::Disk(DiskEffect::Recall(peer)) if *peer == id(1)))
    );
    let old = StripSettings { gain: Gain::from_db(-30.0), ..StripSettings::default() };
    let delay = Some(DelayMode::Fixed { ms: 4.0 });
    world.tell(0, Message::Disk(DiskMessage::Recalled { peer: id(1), strip: Some(old), delay }));
    let strip: Strip = world.ask_as(0, "pan", &["Bo", "0"]);
    assert!((strip.gain_db + 30.0).abs() < 0.01);
    assert_eq!(strip.delay, "4");
}

#[test]
fn names_that_are_close_are_told_apart() {
    let mut world = World::jam();
    let error = world.ask(0, "mute", &["Cy"]).error.unwrap();
    assert_eq!(error.code, ErrorCode::NotFound);
    let by_key = id(1).fingerprint();
    assert!(world.ask(0, "mute", &[&by_key]).ok);
    assert_eq!(world.models[0].name_of(id(1)), Name::new("Bo"));
}

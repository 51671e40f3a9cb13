//! Into a jam and out of it.

use std::time::Duration;

use super::{World, id};
use crate::peer::api::{ErrorCode, Event, Joined, Status};
use crate::peer::message::{DiskEffect, Effect, Message, NetEffect, SoundEffect};
use crate::peer::run::{Begin, ExitReason};

#[test]
fn a_jam_may_be_called_as_an_option_is() {
    for name in ["listen", "code=x", "max=4"] {
        let mut world = World::of(2);
        let given = format!("name={name}");
        let joined: Joined = world.ask_as(0, "new", &[&given]);
        assert_eq!((joined.jam.name.as_str(), joined.jam.closed), (name, false));
        assert!(world.ask_later(1, "join", &[&given]).ok, "{name}");
    }
}

#[test]
fn a_jam_is_opened_shown_to_others_and_remembered() {
    let mut world = World::of(2);
    let joined: Joined = world.ask_as(0, "new", &["Kitchen", "max=4"]);
    assert_eq!((joined.jam.name.as_str(), joined.jam.max, joined.jam.closed), ("Kitchen", 4, false));
    assert!(world.did(0, |effect| matches!(effect, Effect::Sound(SoundEffect::Stream(_)))));
    assert!(world.did(0, |effect| matches!(effect, Effect::Disk(DiskEffect::Jam { .. }))));
    assert!(world.events(1).contains(&"peer_seen"));
    let again = world.ask(0, "new", &[]).error.unwrap();
    assert_eq!(again.code, ErrorCode::TryAgain);
}

#[test]
fn a_jam_that_is_not_there_is_said_with_what_may_be_meant() {
    let mut world = World::of(2);
    world.ask(0, "new", &["Kitchen"]);
    let error = world.ask_later(1, "join", &["Kitchne"]).error.unwrap();
    assert_eq!(error.code, ErrorCode::NotFound);
    assert!(error.remedy.contains("Did you mean Kitchen?"), "{error}");
}

#[test]
fn a_wrong_code_is_refused_and_a_peer_started_for_it_ends() {
    let mut world = World::of(2);
    world.ask(0, "new", &["Kitchen", "code=quiet brass"]);
    let error = world.ask_later(1, "join", &["Kitchen", "code=loud brass"]).error.unwrap();
    assert_eq!(error.code, ErrorCode::Refused, "{error}");
    let begin = Begin::Join { target: "Kitchen".to_owned() };
    world.tell(1, Message::Begin { begin, code: None, listen: false });
    world.pass(Duration::from_secs(5));
    let ended =
        |effect: &Effect| matches!(effect, Effect::Quit(Err(error)) if error.code == ErrorCode::Refused);
    assert!(world.did(1, ended));
}

#[test]
fn a_listener_sends_nothing_and_is_told_why() {
    let mut world = World::of(2);
    world.ask(0, "new", &["Kitchen"]);
    assert!(world.ask_later(1, "join", &["Kitchen", "listen"]).ok);
    assert!(world.did(1, |effect| matches!(effect, Effect::Sound(SoundEffect::MicMuted(true)))));
    let error = world.ask(1, "mic.on", &[]).error.unwrap();
    assert_eq!(error.code, ErrorCode::Refused);
}

#[test]
fn a_signal_says_goodbye_before_the_end() {
    let mut world = World::jam();
    world.clear();
    world.tell(1, Message::Signal(15));
    let goodbye =
        world.done[1].iter().position(|effect| matches!(effect, Effect::Net(NetEffect::Send { .. })));
    let end =
        world.done[1].iter().position(|effect| matches!(effect, Effect::Quit(Ok(ExitReason::Signal(15)))));
    assert!(goodbye.is_some() && goodbye < end, "{:?}", world.done[1]);
    assert!(world.events(0).contains(&"participant_left"));
}

#[test]
fn a_blocked_person_is_gone_and_stays_away() {
    let mut world = World::jam();
    world.clear();
    assert!(world.ask(0, "block", &["Bo"]).ok);
    assert!(
        world.did(0, |effect| matches!(effect, Effect::Disk(DiskEffect::Block(peer, _)) if *peer == id(1)))
    );
    world.pass(Duration::from_secs(1));
    let status: Status = world.ask_as(0, "status", &[]);
    assert_eq!(status.jam.unwrap().people.len(), 1);
    assert!(matches!(Event::NAMES.first(), Some(&"ready")));
}

//! Links, cards and threads: what becomes of the sound.

use std::time::Duration;

use super::{World, id};
use crate::peer::api::{Card, InputLevel, Inputs, Path, RoundTrip, Status};
use crate::peer::message::{
    CardEffect, CardMessage, Effect, MediaMessage, Message, NetEffect, NetMessage, SoundEffect, SoundMessage,
};
use crate::peer::socket::server::ClientId;

#[test]
fn someone_joins_and_both_make_one_link_of_fresh_keys() {
    let world = World::jam();
    assert!(world.events(0).contains(&"participant_joined"));
    assert!(world.events(1).contains(&"joined"));
    for peer in [0, 1] {
        assert!(!world.links(peer).is_empty(), "peer {peer} made no link");
        let mut used = world.links(peer);
        used.dedup();
        assert_eq!(used, world.links(peer), "an offer was used twice");
    }
}

#[test]
fn after_a_reconnection_no_key_is_used_again() {
    let mut world = World::jam();
    let before = [world.links(0).len(), world.links(1).len()];
    for _ in 0..3 {
        for (one, other) in [(0, 1), (1, 0)] {
            world.tell(one, Message::Net(NetMessage::Disconnected { peer: id(other) }));
        }
        world.pass(Duration::from_millis(500));
        for (one, other) in [(0, 1), (1, 0)] {
            world.tell(one, Message::Net(NetMessage::Connected { peer: id(other) }));
        }
        world.pass(Duration::from_millis(500));
    }
    for peer in [0, 1] {
        let links = world.links(peer);
        assert!(links.len() > before[peer], "peer {peer} made no new link");
        let mut unique = links.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), links.len(), "peer {peer} used an offer twice: {links:?}");
    }
}

#[test]
fn without_udp_sound_takes_a_stream_and_comes_back() {
    let addr = "127.0.0.1:4000".parse().unwrap();
    let mut world = World::jam();
    world.tell(0, Message::Media(MediaMessage::Up { peer: id(1), addr }));
    assert!(world.events(0).contains(&"link_up"));
    world.clear();
    world.tell(0, Message::Media(MediaMessage::Silent { peer: id(1) }));
    for peer in [0, 1] {
        assert_eq!(world.events(peer), ["link_fallback"], "peer {peer}");
        assert!(world.did(peer, |effect| matches!(effect, Effect::Net(NetEffect::OpenFallback(_)))));
    }
    let status: Status = world.ask_as(0, "status", &[]);
    assert_eq!(status.jam.unwrap().people[1].path, Some(Path::Stream));
    world.clear();
    world.tell(0, Message::Media(MediaMessage::Up { peer: id(1), addr }));
    for peer in [0, 1] {
        assert_eq!(world.events(peer), ["link_back"], "peer {peer}");
        assert!(world.did(peer, |effect| matches!(effect, Effect::Net(NetEffect::CloseFallback(_)))));
    }
}

#[test]
fn a_lost_card_is_said_and_the_jam_goes_on() {
    let mut world = World::jam();
    world.clear();
    let words = || "x".to_owned();
    world.tell(0, Message::Card(CardMessage::Lost { what: words(), why: words(), remedy: words() }));
    assert_eq!(world.events(0), ["card_lost"]);
    let status: Status = world.ask_as(0, "status", &[]);
    assert!(status.card.is_none() && status.jam.is_some());
    world.tell(
        0,
        Message::Card(CardMessage::Restored(Card { period: 64, rate_hz: 48_000, ..Card::default() })),
    );
    assert_eq!(world.events(0), ["card_lost", "card_restored"]);
}

#[test]
fn another_codec_means_new_offers_to_everyone() {
    let mut world = World::jam();
    let before = world.links(0).len();
    world.request(0, "codec", &["pcm16"]);
    assert!(world.links(0).len() > before && !world.links(1).is_empty());
    assert!(world.did(
        0,
        |effect| matches!(effect, Effect::Sound(SoundEffect::Stream(format)) if format.frame_samples() == 64)
    ));
}

#[test]
fn another_number_of_channels_means_new_offers_to_everyone() {
    let mut world = World::jam();
    world.clear();
    let ask = crate::peer::message::Ask { client: ClientId(1), id: 7 };
    world.tell(0, Message::Card(CardMessage::Taken { ask, channels: 2 }));
    let stereo = |effect: &Effect| matches!(effect, Effect::Sound(SoundEffect::Stream(format)) if format.channels() == 2);
    assert!(world.did(0, stereo));
    assert_eq!((world.links(0).len(), world.links(1).len()), (1, 1));
    world.clear();
    world.tell(0, Message::Card(CardMessage::Taken { ask, channels: 2 }));
    assert!(world.links(0).is_empty(), "nothing changed");
}

#[test]
fn a_link_that_could_not_be_made_is_said_once_and_tried_again() {
    let mut world = World::jam();
    world.clear();
    let failed = || Message::Media(MediaMessage::Failed { peer: id(1), why: "it stands still".to_owned() });
    world.tell(0, failed());
    assert_eq!(world.events(0), ["warning"]);
    assert!(world.links(0).is_empty());
    world.pass(Duration::from_millis(1_100));
    assert_eq!((world.links(0).len(), world.links(1).len()), (1, 1), "new keys on both sides");
    world.tell(0, failed());
    world.pass(Duration::from_secs(60));
    assert_eq!(world.links(0).len(), 2);
    assert_eq!(world.events(0), ["warning"]);
}

#[test]
fn the_encoder_rests_in_the_lobby() {
    let rests = |effect: &Effect| matches!(effect, Effect::Sound(SoundEffect::Rest));
    let mut world = World::jam();
    world.clear();
    assert!(world.ask(0, "leave", &[]).ok);
    assert!(world.did(0, rests));
    world.clear();
    assert!(world.ask(0, "audio.loopback", &["on"]).ok);
    assert!(world.did(0, |effect| matches!(effect, Effect::Sound(SoundEffect::Stream(_)))));
    assert!(world.ask(0, "audio.loopback", &["off"]).ok);
    assert!(world.did(0, rests));
}

#[test]
fn refused_priority_is_told_once_and_shown_for_every_thread() {
    let mut world = World::of(1);
    world.clear();
    for thread in ["encoder", "receive"] {
        let (words, remedy) = ("not raised".to_owned(), Some("Allow it".to_owned()));
        world.tell(0, Message::Raised { thread, words, remedy });
    }
    assert_eq!(world.events(0), ["warning"]);
    let status: Status = world.ask_as(0, "status", &[]);
    let shown: Vec<_> =
        status.threads.iter().map(|one| (one.thread.as_str(), one.priority.as_str())).collect();
    assert_eq!(shown, [("encoder", "not raised"), ("receive", "not raised")]);
}

#[test]
fn a_howl_is_cut_said_and_undone_by_one_action() {
    let mut world = World::jam();
    world.clear();
    world.tell(0, Message::Sound(SoundMessage::HowlCut { peer: Some(id(1)), hz: 1_200.0 }));
    world.tell(0, Message::Sound(SoundMessage::HowlCut { peer: None, hz: 800.0 }));
    assert!(world.ask(0, "howl.release", &[]).ok);
    assert_eq!(world.events(0), ["howl_cut", "howl_cut", "howl_released", "howl_released"]);
    assert!(world.did(0, |effect| matches!(effect, Effect::Sound(SoundEffect::ReleaseHowl(None)))));
}

#[test]
fn a_measure_is_not_for_others_and_one_at_a_time() {
    let begun = |effect: &Effect| matches!(effect, Effect::Sound(SoundEffect::Measure(_)));
    let mut world = World::jam();
    world.clear();
    let error = world.ask(0, "audio.measure", &[]).error.unwrap();
    assert!(error.to_string().contains("mic.off"), "{error}");
    assert!(!world.did(0, begun));
    assert!(world.ask(0, "mic.off", &[]).ok);
    world.request(0, "audio.measure", &[]);
    assert!(world.did(0, begun));
    assert!(world.ask(0, "audio.measure", &[]).error.is_some(), "one is running");
    let ask = crate::peer::message::Ask { client: ClientId(1), id: 7 };
    let found = RoundTrip { round_trip_ms: 1.333, round_trip_samples: 64, heard_db: -20.0 };
    world.tell(0, Message::Sound(SoundMessage::Measured { ask, found: Ok(found) }));
    assert_eq!(world.reply(0).unwrap().data.unwrap()["round_trip_samples"], 64);
    world.clear();
    world.request(0, "audio.measure", &[]);
    assert!(world.did(0, begun), "and another one");
}

#[test]
fn the_level_of_the_input_in_use_is_the_engines() {
    let mut world = World::of(1);
    world.clear();
    world.request(0, "audio.inputs", &["on"]);
    assert!(world.did(0, |effect| matches!(effect, Effect::Card(CardEffect::Inputs(_, true)))));
    world.models[0].readings.levels.input_peak_db = -9.0;
    let ask = crate::peer::message::Ask { client: ClientId(1), id: 7 };
    let input = InputLevel {
        host: "alsa".to_owned(),
        name: "alsa:hw".to_owned(),
        description: "Barn".to_owned(),
        in_use: true,
        peak_db: None,
        channels_db: Vec::new(),
        why: String::new(),
        remedy: String::new(),
    };
    let other = InputLevel { in_use: false, why: "busy".to_owned(), ..input.clone() };
    let inputs = Inputs { looking: false, inputs: vec![input, other] };
    world.tell(0, Message::Card(CardMessage::Inputs { ask, inputs }));
    let data = world.reply(0).unwrap().data.unwrap();
    assert_eq!(data["inputs"][0]["peak_db"], -9.0);
    assert!(data["inputs"][1]["peak_db"].is_null());
    assert!(world.ask(0, "audio.inputs", &["loud"]).error.is_some());
}

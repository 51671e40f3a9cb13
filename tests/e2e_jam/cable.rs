//! Two machines on a cable with nothing configured, and the cable pulled and put back.

use std::time::{Duration, Instant};

use crate::ether::Cable;
use crate::support::{HELD, Peer, Room, assert_undamaged, ms, play_for};

/// Two people who share nothing but the cable. They find each other by mDNS, and hear each other.
fn two(cable: &Cable, rooms: &[Room; 2]) -> [Peer; 2] {
    let ana = cable.person(0, "Ana", &rooms[0]);
    let mut ana = ana.play("drums", &[&["--new", "Kitchen"][..], &HELD].concat());
    let mut bo = cable.person(1, "Bo", &rooms[1]).play("bass", &[&["--first"][..], &HELD].concat());
    let (seen, _) = bo.wait_of("peer_seen", &ana.key);
    println!("FIGURE seen by mDNS {} ms after the start", ms(bo.started, seen));
    let (joined, _) = bo.wait("joined");
    let (up, _) = bo.wait_of("link_up", &ana.key);
    println!("FIGURE sound {} ms after joining", ms(joined, up));
    ana.wait_of("link_up", &bo.key);
    bo.wait_to_hear(&ana);
    ana.wait_to_hear(&bo);
    [ana, bo]
}

#[test]
fn two_machines_on_a_cable_hear_each_other_with_nothing_configured() {
    let Some(cable) = Cable::new("m") else { return };
    let rooms = [Room::new(), Room::new()];
    let [mut ana, mut bo] = two(&cable, &rooms);
    play_for(Duration::from_secs(2));
    let span = play_for(Duration::from_secs(5));
    assert!(bo.link(&ana.key)["address"].as_str().is_some_and(|address| !address.starts_with("127")));
    ana.end();
    bo.end();
    assert_undamaged(&ana, &bo, span);
    assert_undamaged(&bo, &ana, span);
}

#[test]
fn after_a_cable_is_pulled_and_put_back_the_sound_and_the_strips_are_as_before() {
    let Some(cable) = Cable::new("p") else { return };
    let rooms = [Room::new(), Room::new()];
    let [mut ana, mut bo] = two(&cable, &rooms);
    ana.tell("fader", &["Bo", "-7"]);
    ana.tell("pan", &["Bo", "0.5"]);
    bo.tell("fader", &["Ana", "-4"]);
    cable.plug(false);
    play_for(Duration::from_secs(3));
    assert!(!ana.hears(&bo.key) && !bo.hears(&ana.key), "the cable is out");
    let played = |peer: &Peer, of: &Peer| peer.link(&of.key)["played"].as_u64();
    let before = [played(&ana, &bo), played(&bo, &ana)];
    cable.plug(true);
    let up = Instant::now();
    let back = [ana.wait_to_hear(&bo), bo.wait_to_hear(&ana)].map(|at| ms(up, at));
    println!("FIGURE sound back {back:?} ms after the cable (goal 2000); frames before: {before:?}");
    assert!(back.iter().all(|ms| *ms <= 10_000), "{back:?}");
    ana.until("for Bo to be back", |ana| ana.sees(&bo.key)["away"] == false);
    bo.until("for Ana to be back", |bo| bo.sees(&ana.key)["away"] == false);
    let strip = &ana.sees(&bo.key)["strip"];
    let is = |strip: &serde_json::Value, db: f64| (strip["gain_db"].as_f64().unwrap() - db).abs() < 0.01;
    assert!(is(strip, -7.0) && strip["pan"] == 0.5, "{strip}");
    assert!(is(&bo.sees(&ana.key)["strip"], -4.0));
    let names: Vec<_> = [&ana, &bo].map(|peer| peer.tell("status", &[])["jam"]["id"].clone()).into();
    assert_eq!(names[0], names[1], "one jam");
    ana.end();
    bo.end();
}

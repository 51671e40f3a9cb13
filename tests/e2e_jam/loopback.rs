//! Two people on one machine: find, join, hear, drive, leave, come back.

use std::time::Duration;

use serde_json::json;

use crate::support::{HELD, Room, assert_undamaged, compared, ms, play_for};

#[test]
fn two_peers_on_loopback_find_each_other_and_hear_each_other_undamaged() {
    let room = Room::new();
    let mut ana = room.person("Ana").play("drums", &[&["--new", "Kitchen"][..], &HELD].concat());
    println!("FIGURE ready {} ms after the start", ms(ana.started, ana.saw_at("ready")));
    let mut bo = room.person("Bo").play("bass", &[]);
    let (seen, _) = bo.wait_of("peer_seen", &ana.key);
    println!("FIGURE seen {} ms after the start", ms(bo.started, seen));
    let asked = std::time::Instant::now();
    assert_eq!(bo.tell("join", &["Kitchen"])["jam"]["name"], "Kitchen");
    bo.wait_of("link_up", &ana.key);
    let sound = [bo.wait_to_hear(&ana), ana.wait_to_hear(&bo)].map(|heard| ms(asked, heard));
    println!("FIGURE sound both ways {sound:?} ms after join was asked");
    play_for(Duration::from_secs(2));
    let span = play_for(Duration::from_secs(6));
    bo.end();
    ana.wait_of("participant_left", &bo.key);
    ana.end();
    assert_undamaged(&bo, &ana, span);
    // The delay that follows the link is as short as this machine allows: whole when it does not freeze.
    let quick = compared(&ana, &bo, span);
    assert!(quick.damaged_pct() < 20.0 && quick.added_delay_ms < 100.0, "{quick:?}");
}

#[test]
fn a_jam_is_driven_by_the_socket_and_by_the_command_line() {
    let room = Room::new();
    let mut ana = room.person("Ana").play("drums", &["--new", "Kitchen"]);
    let mut bo = room.person("Bo").play("keys", &["--join", "Kitchen"]);
    bo.wait_to_hear(&ana);
    ana.wait_to_hear(&bo);

    assert_eq!(bo.tell("mic.off", &[]), json!({"mic": "muted"}));
    ana.until("for Bo's mute", |ana| ana.sees(&bo.key)["mic"] == "muted");
    ana.until("for silence", |ana| !ana.hears(&bo.key));
    assert_eq!(bo.person.run(&["do", "mic.on", "--json"]).json()["mic"], "live");
    ana.wait_to_hear(&bo);

    assert_eq!(bo.tell("panic", &[])["mic"], "panic");
    bo.until("for silence", |bo| bo.tell("status", &[])["levels"]["output_peak_db"].as_f64() < Some(-80.0));
    ana.until("for Bo's panic", |ana| !ana.hears(&bo.key));
    bo.tell("panic.off", &[]);
    ana.wait_to_hear(&bo);
    bo.until("to hear again", |bo| bo.tell("status", &[])["levels"]["output_peak_db"].as_f64() > Some(-40.0));

    assert_eq!(ana.person.run(&["do", "chat", "from the top?"]).code, 0);
    assert_eq!(bo.wait("chat").1["text"], "from the top?");
    assert_eq!(ana.tell("fader", &["Bo", "-3"])["gain_db"], -3.0);
    assert_eq!(ana.sees(&bo.key)["strip"]["gain_db"], -3.0);
    ana.person.run(&["do", "fader", "Nobody", "-3"]).failed(69, &["Nobody"]);

    assert_eq!(bo.person.run(&["leave"]).code, 0);
    ana.wait_of("participant_left", &bo.key);
    assert_eq!(bo.tell("status", &[])["place"], "lobby");
    assert_eq!(bo.person.run(&["join", "--last"]).code, 0);
    ana.wait_of("participant_joined", &bo.key);
    ana.wait_to_hear(&bo);
    bo.wait_to_hear(&ana);
    assert_eq!(ana.sees(&bo.key)["strip"]["gain_db"], -3.0, "a person's strip is theirs for good");
    assert_eq!(bo.person.run(&["quit"]).code, 0);
    ana.wait_of("participant_left", &bo.key);
    bo.end();
    ana.end();
}

//! A peer that dies without a word.

use std::time::Duration;

use crate::support::{HELD, Room, assert_undamaged, ms, play_for};

#[test]
fn a_peer_killed_is_away_then_gone_and_may_come_back_while_the_others_play_on() {
    let room = Room::new();
    let held = |begin: [&'static str; 2]| [&begin[..], &HELD].concat();
    let mut ana = room.person("Ana").play("drums", &held(["--new", "Kitchen"]));
    let mut bo = room.person("Bo").play("bass", &held(["--join", "Kitchen"]));
    let cy = room.person("Cy").play("keys", &held(["--join", "Kitchen"]));
    let key = cy.key.clone();
    for (one, other) in [(&ana, &bo), (&bo, &ana), (&ana, &cy), (&bo, &cy)] {
        one.wait_to_hear(other);
    }
    ana.tell("fader", &["Cy", "-9"]);
    play_for(Duration::from_secs(2));

    let died = std::time::Instant::now();
    let from = play_for(Duration::ZERO).from_ns;
    cy.kill();
    for peer in [&mut ana, &mut bo] {
        let (away, _) = peer.wait_of("participant_away", &key);
        println!("FIGURE {} sees Cy away after {} ms", peer.person.name, ms(died, away));
    }
    let again = room.person("Cy").play("keys", &["--last"]);
    assert_eq!(again.key, key, "the same person");
    for peer in [&mut ana, &mut bo] {
        peer.wait_to_hear(&again);
        peer.until("for Cy's seat", |peer| peer.sees(&key)["away"] == false);
        let status = peer.tell("status", &[]);
        assert_eq!(status["jam"]["people"].as_array().map(Vec::len), Some(3), "{status}");
    }
    assert_eq!(ana.sees(&key)["strip"]["gain_db"], -9.0);

    again.kill();
    for peer in [&mut ana, &mut bo] {
        peer.wait_of("participant_away", &key);
        peer.wait_of("participant_left", &key);
    }
    let mut span = play_for(Duration::from_secs(1));
    span.from_ns = from;
    assert_eq!(ana.tell("status", &[])["jam"]["people"].as_array().map(Vec::len), Some(2));
    ana.end();
    bo.end();
    assert_undamaged(&ana, &bo, span);
    assert_undamaged(&bo, &ana, span);
}

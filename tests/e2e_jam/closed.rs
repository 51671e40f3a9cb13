//! Doors: a code word, a full room, a room that is not there.

use std::time::Duration;

use crate::support::{Peer, Room, play_for};

/// The address of a peer, as someone who heard of it would type it.
fn address(peer: &Peer) -> String {
    peer.until("for an address", |peer| !peer.tell("status", &[])["addresses"][0].is_null());
    peer.tell("status", &[])["addresses"][0].as_str().unwrap().to_owned()
}

#[test]
fn whoever_knows_the_address_but_not_the_code_neither_joins_nor_hears() {
    let room = Room::new();
    let right = room.file("right", "correct horse\n");
    let wrong = room.file("wrong", "battery staple\n");
    let mut ana = room.person("Ana").play("drums", &["--new", "Vault", "--code-file", &right]);
    let mut bo = room.person("Bo").play("bass", &["--join", "Vault", "--code-file", &right]);
    bo.wait_to_hear(&ana);
    ana.wait_to_hear(&bo);
    let address = address(&ana);
    let mut mal = room.person("Mal").play("keys", &[]);
    mal.wait_of("peer_seen", &ana.key);

    let said = mal.person.run(&["join", &address]);
    println!("without a code: {said:?}");
    said.failed(77, &["code"]);
    let mut limited = None;
    for attempt in 1..=8 {
        let said = mal.person.run(&["join", &address, "--code-file", &wrong]);
        println!("attempt {attempt}: {said:?}");
        assert_ne!(said.code, 0, "{said:?}");
        if said.err.contains("too many") || said.err.contains("Wait") || said.err.contains("wait") {
            limited = Some((attempt, said));
            break;
        }
        said.failed(77, &["code"]);
    }
    assert!(limited.is_some(), "the rate limit is said");
    for peer in [&ana, &bo] {
        let status = peer.tell("status", &[]);
        assert_eq!(status["jam"]["people"].as_array().map(Vec::len), Some(2), "{status}");
        assert!(peer.sees(&mal.key).is_null());
    }
    let status = mal.tell("status", &[]);
    assert!(status["place"] == "lobby" && status["jam"].is_null(), "{status}");
    assert!(status["levels"]["output_peak_db"].as_f64() < Some(-80.0), "{status}");
    assert!(!mal.saw("joined") && !mal.saw("link_up"));
    // The door is shut for Mal alone: those inside still hear each other.
    assert!(ana.link(&bo.key)["path"] == "udp" && bo.link(&ana.key)["path"] == "udp");
    mal.end();
    let recorded: Vec<_> = std::fs::read_dir(&mal.tap).unwrap().flatten().map(|f| f.file_name()).collect();
    assert!(recorded.iter().all(|name| !name.to_string_lossy().starts_with("heard_")), "{recorded:?}");
    ana.end();
    bo.end();
}

#[test]
fn a_full_jam_and_one_that_is_not_there_are_said() {
    let room = Room::new();
    let mut ana = room.person("Ana").play("drums", &["--new", "Closet", "--max", "2"]);
    let mut bo = room.person("Bo").play("bass", &["--join", "Closet"]);
    bo.wait_to_hear(&ana);
    let mut cy = room.person("Cy").play("keys", &[]);
    cy.wait_of("peer_seen", &ana.key);
    cy.person.run(&["join", "Closet"]).failed(75, &["full"]);
    let said = cy.person.run(&["join", "Attic"]);
    said.failed(69, &["Attic"]);
    // From the start, too: what the process ends with.
    room.person("Di").run(&["peer", "--null", "--join", "Closet"]).failed(75, &["full"]);
    // One that is not there is waited for from the start: it does not end by itself, and is not in.
    let di = room.person("Di").start(&["--null", "--join", "Attic"]);
    play_for(Duration::from_secs(6));
    assert_ne!(di.tell("status", &[])["place"], "jam");
    drop(di);
    assert_eq!(ana.tell("status", &[])["jam"]["people"].as_array().map(Vec::len), Some(2));
    bo.wait_to_hear(&ana);
    for peer in [&mut ana, &mut bo, &mut cy] {
        peer.end();
    }
}

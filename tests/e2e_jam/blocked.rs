//! A network that lets everything through but the sound's UDP.

use std::time::{Duration, Instant};

use crate::ether::{Cable, ip};
use crate::support::{Room, ms, play_for};

/// Drops what comes for this UDP port, unseen by the sender. Rules are asked before the table of
/// local addresses only if that one is moved behind them.
fn block(namespace: &str, port: u64, drop: bool) -> bool {
    ["", "-6 "].iter().all(|family| {
        let verb = if drop { "add" } else { "del" };
        let rule = format!("rule {verb} pref 10 iif jt0 ipproto udp dport {port} blackhole");
        ip(&format!("{family}-n {namespace} {rule}"))
    })
}

fn make_room_for_rules(namespace: &str) -> bool {
    ["", "-6 "].iter().all(|family| {
        ip(&format!("{family}-n {namespace} rule add pref 100 lookup local"))
            && ip(&format!("{family}-n {namespace} rule del pref 0"))
    })
}

#[test]
fn where_udp_is_blocked_sound_takes_the_stream_says_so_and_goes_back() {
    let Some(cable) = Cable::new("u") else { return };
    if !cable.names.iter().all(|name| make_room_for_rules(name)) {
        println!("skipped: this kernel has no rules for routing");
        return;
    }
    let rooms = [Room::new(), Room::new()];
    let mut ana = cable.person(0, "Ana", &rooms[0]).play("drums", &["--new", "Kitchen"]);
    let mut bo = cable.person(1, "Bo", &rooms[1]).play("bass", &["--first"]);
    ana.wait_of("link_up", &bo.key);
    bo.wait_of("link_up", &ana.key);
    bo.wait_to_hear(&ana);
    ana.wait_to_hear(&bo);
    let keys = [&ana, &bo].map(|peer| peer.key.clone());
    let ports = [&ana, &bo].map(|peer| peer.tell("doctor", &[])["media_port"].as_u64().unwrap());

    let all = |drop| cable.names.iter().zip(ports).all(|(name, port)| block(name, port, drop));
    if !all(true) {
        println!("skipped: this kernel's routing rules know no ports");
        return;
    }
    let began = Instant::now();
    for (peer, of) in [(&mut ana, &keys[1]), (&mut bo, &keys[0])] {
        let (said, _) = peer.wait_of("link_fallback", of);
        println!("FIGURE {} says fallback after {} ms", peer.person.name, ms(began, said));
    }
    for (peer, of) in [(&ana, &bo), (&bo, &ana)] {
        peer.until("for sound by the stream", |peer| peer.link(&of.key)["path"] == "stream");
        peer.wait_to_hear(of);
        let played = peer.link(&of.key)["played"].as_u64().unwrap();
        peer.until("for more", |peer| peer.link(&of.key)["played"].as_u64() > Some(played + 400));
    }
    play_for(Duration::from_secs(1));
    assert!(all(false));
    let opened = Instant::now();
    for (peer, of) in [(&mut ana, &keys[1]), (&mut bo, &keys[0])] {
        let (said, _) = peer.wait_of("link_back", of);
        println!("FIGURE {} says back after {} ms", peer.person.name, ms(opened, said));
        peer.until("for UDP", |peer| peer.link(of)["path"] == "udp");
    }
    bo.wait_to_hear(&ana);
    ana.wait_to_hear(&bo);
    ana.end();
    bo.end();
}

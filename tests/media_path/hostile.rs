//! A media link under packets that are not its own: forged, garbled, replayed, of another link.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::{End, FRAME_US, Pair};
use jamtty::net::media::{MediaEvent, StreamKeys};

/// Something in the middle: passes packets on between two ends, unless told otherwise.
struct Relay {
    towards_a: SocketAddr,
    towards_b: SocketAddr,
    captured: Receiver<Vec<u8>>,
    stop: Arc<AtomicBool>,
    blocked: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// `passes` is asked for every packet with sound, by its place in the order.
    fn new(a: SocketAddr, b: SocketAddr, passes: fn(u64) -> bool) -> Self {
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        // a sends to `at_a`, and hears from it; the same for b.
        let (at_a, at_b) = (bind(), bind());
        let (towards_b, towards_a) = (at_a.local_addr().unwrap(), at_b.local_addr().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let blocked = Arc::new(AtomicBool::new(false));
        let (capture, captured) = sync_channel(4_096);
        let mut threads = Vec::new();
        for (from, out, to) in [(&at_a, &at_b, b), (&at_b, &at_a, a)] {
            let (from, out) = (from.try_clone().unwrap(), out.try_clone().unwrap());
            from.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let (stop, blocked) = (Arc::clone(&stop), Arc::clone(&blocked));
            let capture = (to == b).then(|| capture.clone());
            threads.push(std::thread::spawn(move || {
                let mut buffer = [0; 2_048];
                let mut order = 0;
                while !stop.load(Relaxed) {
                    let Ok((len, _)) = from.recv_from(&mut buffer) else { continue };
                    let sound = buffer[1] & 0x7F < 100 && buffer[1] & 0x7F >= 96;
                    order += u64::from(sound);
                    if blocked.load(Relaxed) || (sound && !passes(order)) {
                        continue;
                    }
                    if let Some(capture) = &capture {
                        let _ = capture.try_send(buffer[..len].to_vec());
                    }
                    let _ = out.send_to(&buffer[..len], to);
                }
            }));
        }
        Self { towards_a, towards_b, captured, stop, blocked, threads }
    }

    fn between(a: End, b: End, passes: fn(u64) -> bool) -> (Self, Pair) {
        let relay = Self::new(a.addr(false), b.addr(false), passes);
        let (to_a, to_b) = (vec![relay.towards_a], vec![relay.towards_b]);
        (relay, Pair::between(a, b, to_a, to_b))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A chance in 100 that does not depend on what came before, from the order alone.
fn chance(order: u64) -> u64 {
    let mut x = order.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x ^= x >> 32;
    x = x.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (x ^ x >> 32) % 100
}

#[test]
fn five_percent_of_loss_is_seen_answered_and_gone() {
    let (_relay, mut pair) = Relay::between(End::new(1), End::new(2), |order| chance(order) >= 5);
    pair.play_until("both ends answer the loss", |pair| {
        let sends = |report: jamtty::net::media::LinkReport| report.send.redundancy.sends;
        sends(pair.a_report()) > 1 && sends(pair.b_report()) > 1
    });
    let from = pair.a.sent + 1;
    pair.play(1_200);
    let heard = pair.b.heard_numbers();
    let heard = heard.iter().filter(|number| (from..from + 1_190).contains(number)).count();
    // One copy only would leave 60 of 1190 away; two with a frame riding along 0.15.
    assert!(heard >= 1_180, "{heard} of 1190, {:?}", pair.b_report());
    let seen = pair.a_report().far.unwrap().loss;
    assert!((0.02..0.09).contains(&seen), "{seen}");
    assert!(pair.b_report().receive.copies > 0);
}

#[test]
fn forged_garbled_and_replayed_packets_do_not_harm_the_jam() {
    let (relay, mut pair) = Relay::between(End::new(1), End::new(2), |_| true);
    pair.play_until_up();
    pair.play(40);
    let (target, true_ssrc) = (pair.b.addr(false), pair.a_keys.ssrc);
    let capture: Vec<Vec<u8>> = relay.captured.try_iter().collect();
    assert!(capture.len() > 20);
    let flooding = Arc::new(AtomicBool::new(true));
    let flooded = Arc::new(AtomicU64::new(0));
    let flood = {
        let (flooding, flooded) = (Arc::clone(&flooding), Arc::clone(&flooded));
        std::thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let began = Instant::now();
            while flooding.load(Relaxed) {
                let count = flooded.fetch_add(1, Relaxed);
                let mut packet = capture[count as usize % capture.len()].clone();
                let len = packet.len();
                match count % 4 {
                    0 => {}
                    1 => packet[(count as usize / 4) % len] ^= 0x10,
                    2 => packet[8..12].copy_from_slice(&(count as u32).to_be_bytes()),
                    _ => {
                        packet = vec![count as u8; 80];
                        packet[..2].copy_from_slice(&[0x80, 96]);
                        packet[8..12].copy_from_slice(&true_ssrc.to_be_bytes());
                    }
                }
                let _ = socket.send_to(&packet, target);
                let due = Duration::from_micros(count * 100);
                std::thread::park_timeout(due.saturating_sub(began.elapsed()));
            }
        })
    };
    let from = pair.marks();
    let before = pair.b_report();
    pair.play(2_000_000 / FRAME_US);
    flooding.store(false, Relaxed);
    flood.join().unwrap();
    pair.assert_undamaged_since(from);
    let (after, counters) = (pair.b_report(), pair.b.plane.counters());
    assert!(flooded.load(Relaxed) > 10_000, "{flooded:?}");
    assert!(counters.unknown > 2_000 && counters.throttled > 2_000, "{counters:?}");
    assert!(after.receive.forged + after.receive.replayed > 0 && after.receive.forged < 1_000, "{after:?}");
    assert_eq!(after.addr, before.addr, "nobody moved");
    assert_eq!(after.receive.packets_lost, before.receive.packets_lost);
}

#[test]
fn forgeries_from_the_right_address_are_counted_and_replays_rejected() {
    let (a, b) = (End::new(1), End::new(2));
    let liar = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (to_a, to_b) = (vec![a.addr(false), liar.local_addr().unwrap()], vec![b.addr(false)]);
    let target = b.addr(false);
    let mut pair = Pair::between(a, b, to_a, to_b);
    pair.play_until_up();
    let from = pair.marks();
    let mut packet = vec![7; 80];
    packet[..2].copy_from_slice(&[0x80, 96]);
    packet[8..12].copy_from_slice(&pair.a_keys.ssrc.to_be_bytes());
    for count in 0..5_000_u16 {
        packet[2..4].copy_from_slice(&count.wrapping_mul(13).to_be_bytes());
        liar.send_to(&packet, target).unwrap();
        if count % 25 == 0 {
            pair.play(1);
        }
    }
    pair.play_until("all counted", |pair| {
        let receive = pair.b_report().receive;
        receive.forged + receive.replayed >= 5_000
    });
    pair.assert_undamaged_since(from);
}

#[test]
fn copies_are_told_from_replays_and_neither_is_played() {
    let (relay, mut pair) = Relay::between(End::new(1), End::new(2), |_| true);
    pair.play_until_up();
    let from = pair.marks();
    pair.play(40);
    let packets: Vec<Vec<u8>> = relay.captured.try_iter().collect();
    let sound: Vec<_> = packets.iter().filter(|packet| packet[1] & 0x7F == 96).rev().take(8).collect();
    // From the relay's own address, so that they count as the link's: ten times each.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for packet in sound.iter().cycle().take(80) {
        socket.send_to(packet, pair.b.addr(false)).unwrap();
    }
    pair.play_until("all rejected", |pair| {
        let receive = pair.b_report().receive;
        receive.copies + receive.replayed + pair.b.plane.counters().throttled >= 80
    });
    assert!(pair.b_report().receive.copies <= 24, "three copies of each at most");
    pair.assert_undamaged_since(from);
}

#[test]
fn a_packet_of_another_link_does_not_open() {
    let mut pair = Pair::new(false);
    pair.play_until_up();
    // A third end that knows the addresses and the number of the stream, not the key.
    let mut third = End::new(3);
    let guess = StreamKeys { ssrc: pair.a_keys.ssrc, ..StreamKeys::generate().unwrap() };
    third.connect(pair.b.peer, &guess, &StreamKeys::generate().unwrap(), vec![pair.b.addr(false)]);
    let from = pair.marks();
    let before = pair.b_report();
    pair.play_until("the forgery is seen", |pair| {
        third.send_one();
        let receive = pair.b_report().receive;
        receive.forged + receive.replayed > 20
    });
    pair.assert_undamaged_since(from);
    assert_eq!(pair.b_report().addr, before.addr);
}

#[test]
fn a_peer_that_starts_again_with_new_keys_is_heard_again() {
    let mut pair = Pair::new(false);
    pair.play_until_up();
    let old = pair.a_keys.clone();
    pair.a_keys = StreamKeys::generate().unwrap();
    let (a_peer, b_peer) = (pair.a.peer, pair.b.peer);
    let sent = pair.a.sent;
    pair.a = End::new(1);
    pair.a.sent = sent;
    pair.b_keys = StreamKeys::generate().unwrap();
    pair.b.connect(a_peer, &pair.b_keys, &pair.a_keys, vec![pair.a.addr(false)]);
    pair.a.connect(b_peer, &pair.a_keys, &pair.b_keys, vec![pair.b.addr(false)]);
    pair.play_until_up();
    let from = pair.marks();
    pair.play(200);
    pair.assert_undamaged_since(from);
    // With the old keys nobody is heard.
    let unknown = pair.b.plane.counters().unknown;
    let mut ghost = End::new(1);
    ghost.connect(b_peer, &old, &StreamKeys::generate().unwrap(), vec![pair.b.addr(false)]);
    pair.play_until("the old stream is unknown", |pair| {
        ghost.send_one();
        pair.b.plane.counters().unknown > unknown + 20
    });
}

#[test]
fn a_peer_that_comes_back_at_another_address_is_followed() {
    let (a, b) = (End::new(1), End::new(2));
    let (a_addr, b_addr) = (a.addr(false), b.addr(false));
    let first = Relay::new(a_addr, b_addr, |_| true);
    let second = Relay::new(a_addr, b_addr, |_| true);
    let (to_a, to_b) = (vec![first.towards_a], vec![first.towards_b, second.towards_b]);
    let mut pair = Pair::between(a, b, to_a, to_b);
    second.blocked.store(true, Relaxed);
    pair.play_until_up();
    assert_eq!(pair.b_report().addr, Some(first.towards_a));
    first.blocked.store(true, Relaxed);
    second.blocked.store(false, Relaxed);
    // The second address was never offered to b: it finds out from an authentic packet.
    pair.play_until("both moved", |pair| {
        pair.b_report().addr == Some(second.towards_a) && pair.a_report().addr == Some(second.towards_b)
    });
    let from = pair.marks();
    pair.play(200);
    pair.assert_undamaged_since(from);
}

#[test]
fn without_udp_the_frames_take_the_detour_and_come_back() {
    let (relay, mut pair) = Relay::between(End::new(1), End::new(2), |_| true);
    pair.play_until_up();
    relay.blocked.store(true, Relaxed);
    let silent = |end: &End| end.events.iter().any(|event| matches!(event, MediaEvent::UdpSilent { .. }));
    pair.play_until("silence is told", |pair| silent(&pair.a) && silent(&pair.b));
    let (a_peer, b_peer) = (pair.a.peer, pair.b.peer);
    pair.a.plane.use_fallback(b_peer, true);
    pair.b.plane.use_fallback(a_peer, true);
    let detour = |pair: &mut Pair| {
        while let Ok((_, packet)) = pair.a.fallback.try_recv() {
            pair.b.plane.fallback_in(a_peer, &packet);
        }
        while let Ok((_, packet)) = pair.b.fallback.try_recv() {
            pair.a.plane.fallback_in(b_peer, &packet);
        }
    };
    let from = pair.marks();
    let until = pair.a.sent + 200;
    pair.play_until("the detour", |pair| {
        detour(pair);
        pair.a.sent >= until && pair.b.heard_numbers().last() >= Some(&until)
    });
    let numbers = pair.b.heard_numbers();
    assert!((from.0..=until).all(|number| numbers.binary_search(&number).is_ok()));
    pair.a.events.clear();
    pair.b.events.clear();
    relay.blocked.store(false, Relaxed);
    let up = |end: &End| end.events.iter().any(|event| matches!(event, MediaEvent::UdpUp { .. }));
    pair.play_until("UDP is found to work again", |pair| {
        detour(pair);
        up(&pair.a) && up(&pair.b)
    });
    pair.a.plane.use_fallback(b_peer, false);
    pair.b.plane.use_fallback(a_peer, false);
    detour(&mut pair);
    let from = pair.marks();
    pair.play(200);
    pair.assert_undamaged_since(from);
}

#[test]
fn an_outage_longer_than_the_packet_numbers_reach_does_not_lock_the_link_out() {
    let (relay, mut pair) = Relay::between(End::new(1), End::new(2), |_| true);
    pair.play_until_up();
    relay.blocked.store(true, Relaxed);
    // 100 s of sound without an answer; 2^16 numbers would be enough to be lost for ever.
    for _ in 0..40_000 {
        pair.a.send_one();
    }
    let report = pair.a_report();
    assert!(report.send.held_back > 9_000 && report.send.frames < 31_000, "{report:?}");
    relay.blocked.store(false, Relaxed);
    let began = pair.a.sent;
    pair.play_until("b hears a again", |pair| pair.b.heard_numbers().last() > Some(&began));
    pair.play_until("nothing is held back", |pair| {
        let held_back = pair.a_report().send.held_back;
        pair.play(100);
        pair.a_report().send.held_back == held_back
    });
    let from = pair.marks();
    pair.play(200);
    pair.assert_undamaged_since(from);
}

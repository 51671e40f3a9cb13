//! Ten thousand packets a second at a peer's sound port: recorded ones again, forged ones, rubbish.

use std::io::Read;
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::support::{HELD, Peer, Room, assert_undamaged, play_for};

const PACKETS: u32 = 30_000;
const FOR: Duration = Duration::from_secs(3);
/// Ethernet's header, in front of what was recorded.
const LINK_HEADER: usize = 14;

/// Whole IPv4 packets on their way to `port`, as anyone on the wire sees them; `None` without root.
fn record(port: u16, count: usize) -> Option<Vec<Vec<u8>>> {
    let every_protocol = i32::from(0x0003_u16.to_be());
    let mut wire = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(every_protocol))).ok()?;
    wire.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let (mut found, until) = (Vec::new(), Instant::now() + Duration::from_secs(10));
    let mut packet = [0; 2_048];
    while found.len() < count && Instant::now() < until {
        let Ok(length) = wire.read(&mut packet) else { continue };
        let frame = &packet[..length];
        // IPv4 without options, UDP, to that port.
        let is_wanted = length > LINK_HEADER + 28
            && frame[12..15] == [0x08, 0x00, 0x45]
            && frame[LINK_HEADER + 9] == 17
            && frame[LINK_HEADER + 22..LINK_HEADER + 24] == port.to_be_bytes();
        if is_wanted {
            found.push(frame[LINK_HEADER..].to_vec());
        }
    }
    assert_eq!(found.len(), count, "packets on the wire");
    Some(found)
}

/// What is sent at the port: number `n` of them.
fn attack(n: u32, recorded: &[Vec<u8>]) -> (bool, Vec<u8>) {
    // A seeded xorshift: the same attack every time.
    let mut state = u64::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut packet = recorded[n as usize % recorded.len()].clone();
    match n % 5 {
        // From the true address, or so it says: again, with a wrong seal, or with another number.
        0 => {}
        1 => {
            let last = packet.len() - 1;
            packet[last] ^= 1;
        }
        2 => {
            packet[28 + 2] ^= 0x40;
            packet[28 + 3] = random() as u8;
        }
        // From somewhere else: the same, and rubbish.
        3 => return (false, packet[28..].to_vec()),
        _ => return (false, (0..random() % 1_400).map(|_| random() as u8).collect()),
    }
    // UDP without a checksum: nothing below the seal finds it out.
    packet[26..28].fill(0);
    (true, packet)
}

fn flood(port: u16, recorded: &[Vec<u8>]) -> u32 {
    let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))).unwrap();
    let plain = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target: SocketAddrV4 = format!("127.0.0.1:{port}").parse().unwrap();
    let (began, mut sent) = (Instant::now(), 0);
    while sent < PACKETS && began.elapsed() < FOR * 4 {
        let due = (began.elapsed().as_secs_f64() / FOR.as_secs_f64() * f64::from(PACKETS)) as u32;
        while sent < due.min(PACKETS) {
            let (spoofed, packet) = attack(sent, recorded);
            let _ = if spoofed {
                raw.send_to(&packet, &SockAddr::from(SocketAddr::V4(target)))
            } else {
                plain.send_to(&packet, target)
            };
            sent += 1;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    sent
}

fn media_port(peer: &Peer) -> u16 {
    u16::try_from(peer.tell("doctor", &[])["media_port"].as_u64().unwrap()).unwrap()
}

#[test]
fn replayed_forged_and_garbled_packets_do_not_touch_the_music() {
    let room = Room::new();
    let mut ana = room.person("Ana").play("drums", &[&["--new", "Kitchen"][..], &HELD].concat());
    let mut bo = room.person("Bo").play("bass", &[&["--join", "Kitchen"][..], &HELD].concat());
    bo.wait_to_hear(&ana);
    ana.wait_to_hear(&bo);
    play_for(Duration::from_secs(2));
    let port = media_port(&bo);
    let Some(recorded) = record(port, 400) else {
        println!("skipped: recording packets from the wire needs root");
        return;
    };
    let counters = ["media_forged", "media_replayed", "media_malformed", "media_packets_unknown"];
    let counted = |peer: &Peer| counters.map(|name| peer.counted(name));
    let before = counted(&bo);
    let mut span = play_for(Duration::ZERO);
    let began = Instant::now();
    let sent = flood(port, &recorded);
    println!("FIGURE {sent} hostile packets in {} ms", began.elapsed().as_millis());
    span.to_ns = play_for(Duration::from_millis(500)).to_ns;
    let more: Vec<u64> = counted(&bo).iter().zip(before).map(|(now, before)| now - before).collect();
    println!("FIGURE counted {counters:?} {more:?}");
    assert!(more.iter().sum::<u64>() > u64::from(sent) / 2, "{more:?}");
    assert!(more[0] > 0 && more[1] > 0, "some were forged, some were replayed: {more:?}");
    assert!(!bo.saw("link_fallback") && !ana.saw("link_fallback"));
    assert!(!bo.saw("participant_away") && !ana.saw("participant_away"));
    ana.end();
    bo.end();
    assert_undamaged(&ana, &bo, span);
    assert_undamaged(&bo, &ana, span);
}

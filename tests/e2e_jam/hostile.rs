//! Ten thousand packets a second at a peer's sound port: recorded ones again, forged ones, rubbish.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::support::{HELD, Peer, Room, assert_undamaged, play_for};

const PACKETS: u32 = 30_000;
const FOR: Duration = Duration::from_secs(3);
/// Ethernet's header, in front of what was recorded.
const LINK_HEADER: usize = 14;
const UDP_HEADER: usize = 8;
const UDP: u8 = 17;

/// What differs between the two families, for whoever makes packets by hand.
#[derive(Clone, Copy)]
struct Family {
    ether_type: [u8; 2],
    /// IPv4 without options, IPv6 without extensions.
    header: usize,
    protocol_at: usize,
    /// Both addresses, one after the other.
    addrs_at: usize,
    domain: Domain,
}

fn family(of: SocketAddr) -> Family {
    match of {
        SocketAddr::V4(_) => Family {
            ether_type: [0x08, 0x00],
            header: 20,
            protocol_at: 9,
            addrs_at: 12,
            domain: Domain::IPV4,
        },
        SocketAddr::V6(_) => {
            Family { ether_type: [0x86, 0xDD], header: 40, protocol_at: 6, addrs_at: 8, domain: Domain::IPV6 }
        }
    }
}

/// Whole IP packets on their way to `target`, as anyone on the wire sees them; `None` without root.
fn record(target: SocketAddr, count: usize) -> Option<Vec<Vec<u8>>> {
    let every_protocol = i32::from(0x0003_u16.to_be());
    let mut wire = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(every_protocol))).ok()?;
    wire.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let Family { ether_type, header, protocol_at, .. } = family(target);
    let (mut found, until) = (Vec::new(), Instant::now() + Duration::from_secs(10));
    let mut packet = [0; 2_048];
    while found.len() < count && Instant::now() < until {
        let Ok(length) = wire.read(&mut packet) else { continue };
        let frame = &packet[..length];
        let port_at = LINK_HEADER + header + 2;
        let is_wanted = length > LINK_HEADER + header + UDP_HEADER
            && frame[12..14] == ether_type
            && frame[LINK_HEADER + protocol_at] == UDP
            && frame[port_at..port_at + 2] == target.port().to_be_bytes();
        if is_wanted {
            found.push(frame[LINK_HEADER..].to_vec());
        }
    }
    assert_eq!(found.len(), count, "packets on the wire to {target}");
    Some(found)
}

/// RFC 768's sum over addresses, protocol, length, header and payload: IPv6 takes no packet without it.
fn sum_up(packet: &mut [u8], family: Family) {
    let at = family.header + 6;
    packet[at..at + 2].fill(0);
    let udp = &packet[family.header..];
    let words = packet[family.addrs_at..family.header].chunks(2).chain(udp.chunks(2));
    let word = |word: &[u8]| u64::from(word[0]) << 8 | u64::from(*word.get(1).unwrap_or(&0));
    let mut sum = words.map(word).sum::<u64>() + u64::from(UDP) + udp.len() as u64;
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    let sum = match !(sum as u16) {
        0 => 0xFFFF,
        sum => sum,
    };
    packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// What is sent at the port: number `n` of them.
fn attack(n: u32, recorded: &[Vec<u8>], family: Family) -> (bool, Vec<u8>) {
    // A seeded xorshift: the same attack every time.
    let mut state = u64::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut packet = recorded[n as usize % recorded.len()].clone();
    let payload = family.header + UDP_HEADER;
    match n % 5 {
        // From the true address, or so it says: again, with a wrong seal, or with another number.
        0 => {}
        1 => {
            let last = packet.len() - 1;
            packet[last] ^= 1;
        }
        2 => {
            packet[payload + 2] ^= 0x40;
            packet[payload + 3] = random() as u8;
        }
        // From somewhere else: the same, and rubbish.
        3 => return (false, packet[payload..].to_vec()),
        _ => return (false, (0..random() % 1_400).map(|_| random() as u8).collect()),
    }
    sum_up(&mut packet, family);
    (true, packet)
}

fn flood(target: SocketAddr, recorded: &[Vec<u8>]) -> u32 {
    // 255: whole packets, headers and all, in either family.
    let family = family(target);
    let raw = Socket::new(family.domain, Type::RAW, Some(Protocol::from(255))).unwrap();
    let here: IpAddr = if target.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    let plain = UdpSocket::bind((here, 0)).unwrap();
    // A raw socket has no ports; IPv6 refuses to be told one.
    let unported = SockAddr::from(SocketAddr::new(target.ip(), 0));
    let (began, mut sent) = (Instant::now(), 0);
    while sent < PACKETS && began.elapsed() < FOR * 4 {
        let due = (began.elapsed().as_secs_f64() / FOR.as_secs_f64() * f64::from(PACKETS)) as u32;
        while sent < due.min(PACKETS) {
            let (spoofed, packet) = attack(sent, recorded, family);
            let _ = if spoofed { raw.send_to(&packet, &unported) } else { plain.send_to(&packet, target) };
            sent += 1;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    sent
}

/// Where `from` hears `to` come from, which is where `to` is reached: sockets send and receive.
fn media_addr(from: &Peer, to: &Peer) -> SocketAddr {
    from.link(&to.key)["address"].as_str().unwrap().parse().unwrap()
}

#[test]
fn replayed_forged_and_garbled_packets_do_not_touch_the_music() {
    let room = Room::new();
    let mut ana = room.person("Ana").play("drums", &[&["--new", "Kitchen"][..], &HELD].concat());
    let mut bo = room.person("Bo").play("bass", &[&["--join", "Kitchen"][..], &HELD].concat());
    bo.wait_to_hear(&ana);
    ana.wait_to_hear(&bo);
    play_for(Duration::from_secs(2));
    let target = media_addr(&ana, &bo);
    let Some(recorded) = record(target, 400) else {
        println!("skipped: recording packets from the wire needs root");
        return;
    };
    let counters = ["media_forged", "media_replayed", "media_malformed", "media_packets_unknown"];
    let counted = |peer: &Peer| counters.map(|name| peer.counted(name));
    let before = counted(&bo);
    let mut span = play_for(Duration::ZERO);
    let began = Instant::now();
    let sent = flood(target, &recorded);
    println!("FIGURE {sent} hostile packets to {target} in {} ms", began.elapsed().as_millis());
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

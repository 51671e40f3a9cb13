//! Peers that break the rules, against a real node over loopback. Tests only.

use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::swarm::SwarmEvent;
use tokio::sync::mpsc;

use super::behaviour::{BehaviourEvent, build, lobby_topic};
use super::streams::{StreamEvent, StreamKind};
use super::*;
use crate::domain::name::Name;
use crate::domain::profile::Profile;
use crate::protocol::control::PROTOCOL_VERSION;

const PATIENCE: Duration = Duration::from_secs(20);

fn card(seed: u8) -> LobbyCard {
    LobbyCard {
        peer: peer_of_seed(&[seed; 32]).unwrap(),
        profile: Profile::new("hostile", &[]),
        session: None,
        app_version: Name::new("0"),
        protocol_version: PROTOCOL_VERSION,
    }
}

async fn victim() -> (SwarmHandle, mpsc::Receiver<NetEvent>, String) {
    let config = SwarmConfig {
        identity_seed: zeroize::Zeroizing::new([1; 32]),
        profile: "victim".to_owned(),
        ifaces: vec!["lo".to_owned()],
        mdns: true,
        port: None,
        runtime_dir: None,
        card: card(1),
    };
    let (handle, mut events) = Swarm::start(config).unwrap();
    let addr = wait(&mut events, |event| match event {
        NetEvent::Listening { addr } if addr.contains("127.0.0.1/udp") => Some(addr),
        _ => None,
    })
    .await;
    (handle, events, addr)
}

async fn wait<T>(events: &mut mpsc::Receiver<NetEvent>, mut pick: impl FnMut(NetEvent) -> Option<T>) -> T {
    let mut seen = Vec::new();
    loop {
        let event = tokio::time::timeout(PATIENCE, events.recv()).await;
        let Ok(Some(event)) = event else { panic!("it did not come; there came {seen:#?}") };
        seen.push(format!("{event:?}"));
        if let Some(found) = pick(event) {
            return found;
        }
    }
}

async fn why_disconnected(events: &mut mpsc::Receiver<NetEvent>) -> DisconnectReason {
    wait(events, |event| match event {
        NetEvent::Disconnected { why, .. } => Some(why),
        _ => None,
    })
    .await
}

/// Connects as peer 2 with the libraries alone and writes these bytes on the control stream.
fn attack(addr: &str, bytes: Vec<u8>, then_stay_deaf: bool) -> tokio::task::JoinHandle<()> {
    let addr: libp2p::Multiaddr = addr.parse().unwrap();
    let mut swarm = build(identity::keypair(&[2; 32]).unwrap(), false).unwrap();
    tokio::spawn(async move {
        swarm.dial(addr).unwrap();
        let mut stream = None;
        loop {
            let event = swarm.select_next_some().await;
            if let SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } = event {
                swarm.behaviour_mut().streams.open(peer_id, connection_id, StreamKind::Control);
                continue;
            }
            let SwarmEvent::Behaviour(BehaviourEvent::Streams((_, _, event))) = event else { continue };
            if let StreamEvent::Opened(StreamKind::Control, mut opened) = event {
                let bytes = bytes.clone();
                stream = Some(tokio::spawn(async move {
                    opened.write_all(&bytes).await?;
                    opened.flush().await?;
                    if then_stay_deaf {
                        std::future::pending::<()>().await;
                    }
                    opened.read_to_end(&mut Vec::new()).await
                }));
            }
            let _keeps_the_stream = &stream;
        }
    })
}

fn framed(frame: &[u8]) -> Vec<u8> {
    let mut bytes = (frame.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(frame);
    bytes
}

/// A message as long as asked: unknown fields are skipped.
fn padded(len: usize) -> Vec<u8> {
    let mut frame = ControlMessage::MediaPath(crate::protocol::control::MediaPath::Stream).encode();
    assert_eq!(frame[0], 0xa2, "a map of two");
    frame[0] = 0xa3;
    frame.extend([0x61, b'p', 0x59]);
    let rest = len - frame.len() - 2;
    frame.extend((rest as u16).to_be_bytes());
    frame.resize(len, 0);
    frame
}

#[tokio::test]
async fn a_frame_of_exactly_the_limit_is_taken() {
    let (_handle, mut events, addr) = victim().await;
    let attacker = attack(&addr, framed(&padded(FRAME_BYTES_MAX)), false);
    let expected = ControlMessage::MediaPath(crate::protocol::control::MediaPath::Stream);
    let got = wait(&mut events, |event| match event {
        NetEvent::Received { message, .. } => Some(message),
        _ => None,
    })
    .await;
    assert_eq!(got, expected);
    attacker.abort();
}

#[tokio::test]
async fn a_frame_of_70_kib_ends_the_connection() {
    let (_handle, mut events, addr) = victim().await;
    let attacker = attack(&addr, framed(&vec![0; 70 * 1024]), false);
    let why = why_disconnected(&mut events).await;
    assert_eq!(why, DisconnectReason::FrameTooLong { bytes: 70 * 1024 });
    attacker.abort();
}

#[tokio::test]
async fn the_third_frame_of_garbage_ends_the_connection_and_each_is_counted() {
    let (handle, mut events, addr) = victim().await;
    let garbage: Vec<u8> = (0..5_u8).flat_map(|n| framed(&vec![n ^ 0xff; 1000])).collect();
    let attacker = attack(&addr, garbage, false);
    assert_eq!(why_disconnected(&mut events).await, DisconnectReason::BadFrames { count: 3 });
    assert_eq!(handle.counters().bad_frames.load(Ordering::Relaxed), 3);
    attacker.abort();
}

#[tokio::test]
async fn who_takes_nothing_is_disconnected_as_too_slow() {
    let (handle, mut events, addr) = victim().await;
    let attacker = attack(&addr, Vec::new(), true);
    let peer = wait(&mut events, |event| match event {
        NetEvent::Connected { peer } => Some(peer),
        _ => None,
    })
    .await;
    let long = ControlMessage::Chat(crate::protocol::control::Chat {
        session: crate::domain::session::SessionId::from_bytes([0; 16]),
        text: "x".repeat(60_000),
    });
    for _ in 0..FRAMES_QUEUED_MAX * 4 {
        if handle.command(NetCommand::Send { peer, message: Box::new(long.clone()) }).is_err() {
            break;
        }
    }
    assert_eq!(why_disconnected(&mut events).await, DisconnectReason::TooSlow);
    attacker.abort();
}

#[tokio::test]
async fn a_card_in_another_name_is_not_shown() {
    let (handle, mut events, addr) = victim().await;
    let mut swarm = build(identity::keypair(&[2; 32]).unwrap(), false).unwrap();
    swarm.dial(addr.parse::<libp2p::Multiaddr>().unwrap()).unwrap();
    let forged = tokio::spawn(async move {
        loop {
            let event = swarm.select_next_some().await;
            if let SwarmEvent::Behaviour(BehaviourEvent::Gossip(libp2p::gossipsub::Event::Subscribed {
                ..
            })) = event
            {
                for forged in [card(3).encode(), b"nonsense".to_vec()] {
                    swarm.behaviour_mut().gossip.publish(lobby_topic(), forged).unwrap();
                }
            }
        }
    });
    let end = tokio::time::Instant::now() + PATIENCE;
    while handle.counters().bad_cards.load(Ordering::Relaxed) < 2 {
        let event = tokio::time::timeout(Duration::from_millis(50), events.recv()).await;
        assert!(!matches!(event, Ok(Some(NetEvent::PeerSeen { .. }))), "{event:?}");
        assert!(tokio::time::Instant::now() < end, "the forged cards never came");
    }
    forged.abort();
}

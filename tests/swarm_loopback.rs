//! Peers of one machine over loopback: they find each other, speak in order, and part.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failing test panics, its figures are printed"
)]

mod swarm_common;

use std::time::Instant;

use jamtty::domain::peer_id::PeerId;
use jamtty::net::swarm::{
    DialFailure, DisconnectReason, NetCommand, NetError, NetEvent, NotSent, Swarm, SwarmConfig, SwarmHandle,
};
use jamtty::protocol::lobby::LobbyCard;
use swarm_common::{PATIENCE, card, config, peer, said, says};
use tokio::sync::mpsc;

/// A peer's network: started, watched with a deadline, described when it fails.
struct Net {
    handle: SwarmHandle,
    events: mpsc::Receiver<NetEvent>,
    started: Instant,
    seen: Vec<NetEvent>,
    addrs: Vec<String>,
}

impl Net {
    fn start(config: SwarmConfig) -> Self {
        let started = Instant::now();
        let (handle, events) = Swarm::start(config).unwrap();
        Self { handle, events, started, seen: Vec::new(), addrs: Vec::new() }
    }

    fn tell(&self, command: NetCommand) {
        self.handle.command(command).unwrap();
    }

    /// The next event that `pick` takes; the others are remembered for the message of a failure.
    async fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(&NetEvent) -> Option<T>) -> T {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let event = tokio::time::timeout_at(end, self.events.recv()).await;
            let Ok(Some(event)) = event else {
                panic!("{what} did not come to {:?}; it saw {:#?}", self.handle.me(), self.seen);
            };
            if let NetEvent::Listening { addr } = &event {
                self.addrs.push(addr.clone());
            }
            if let Some(found) = pick(&event) {
                return found;
            }
            self.seen.push(event);
            let excess = self.seen.len().saturating_sub(40);
            self.seen.drain(..excess);
        }
    }

    async fn wait_for(&mut self, event: NetEvent) {
        self.wait(&format!("{event:?}"), |other| (*other == event).then_some(())).await;
    }

    async fn connected(&mut self, peer: PeerId) {
        self.wait_for(NetEvent::Connected { peer }).await;
    }

    /// An address with `part` in it that this peer listens on.
    async fn listening(&mut self, part: &str) -> String {
        if let Some(addr) = self.addrs.iter().find(|addr| addr.contains(part)) {
            return addr.clone();
        }
        self.wait(part, |event| match event {
            NetEvent::Listening { addr } if addr.contains(part) => Some(addr.clone()),
            _ => None,
        })
        .await
    }

    async fn seen(&mut self, expected: LobbyCard) {
        self.wait(&format!("{expected:?}"), |event| match event {
            NetEvent::PeerSeen { card, peer, .. } if *card == expected => {
                assert_eq!(*peer, card.peer);
                Some(())
            }
            _ => None,
        })
        .await;
    }
}

async fn pair(folder: &std::path::Path) -> (Net, Net) {
    let mut ana = Net::start(config(1, &["lo"], Some(folder)));
    let mut ben = Net::start(config(2, &["lo"], Some(folder)));
    ana.connected(peer(2)).await;
    ben.connected(peer(1)).await;
    (ana, ben)
}

async fn dial_failure(net: &mut Net) -> DialFailure {
    net.wait("DialFailed", |event| match event {
        NetEvent::DialFailed { why, .. } => Some(why.clone()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn two_peers_find_each_other_and_exchange_ordered_messages() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ana, mut ben) = pair(folder.path()).await;
    for n in 0..100 {
        ana.tell(NetCommand::Send { peer: peer(2), message: says(&format!("a{n}")) });
        ben.tell(NetCommand::Send { peer: peer(1), message: says(&format!("b{n}")) });
    }
    for n in 0..100 {
        assert_eq!(ben.wait("a message", said).await, format!("a{n}"));
        assert_eq!(ana.wait("a message", said).await, format!("b{n}"));
    }
}

#[tokio::test]
async fn the_first_peer_is_seen_with_its_card_and_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut ana = Net::start(config(1, &["lo"], Some(folder.path())));
    ana.listening("127.0.0.1").await;
    let mut ben = Net::start(config(2, &["lo"], Some(folder.path())));
    for (net, other) in [(&mut ana, 2), (&mut ben, 1)] {
        net.seen(card(other)).await;
        println!("FIGURE first peer seen over loopback after {:?}", net.started.elapsed());
    }
    let mut changed = card(2);
    changed.protocol_version = 7;
    ben.tell(NetCommand::SetCard(Box::new(changed.clone())));
    ana.seen(changed).await;
}

#[tokio::test]
async fn peers_without_a_directory_meet_by_address() {
    let mut ana = Net::start(config(1, &["lo"], None));
    let mut ben = Net::start(config(2, &["lo"], None));
    let addr = ana.listening("/ip4/127.0.0.1/udp").await;
    ben.tell(NetCommand::Dial { peer: None, addrs: vec![addr] });
    ben.wait_for(NetEvent::Dialed { peer: peer(1) }).await;
    ana.connected(peer(2)).await;
    ben.tell(NetCommand::Dial { peer: Some(peer(1)), addrs: vec![] });
    ben.wait_for(NetEvent::Dialed { peer: peer(1) }).await;
}

#[tokio::test]
async fn with_tcp_alone_it_works_the_same() {
    let mut ana = Net::start(config(1, &["lo"], None));
    let mut ben = Net::start(config(2, &["lo"], None));
    let addr = ana.listening("/ip4/127.0.0.1/tcp").await;
    ben.tell(NetCommand::Dial { peer: Some(peer(1)), addrs: vec![addr] });
    ben.wait_for(NetEvent::Dialed { peer: peer(1) }).await;
    ben.tell(NetCommand::Send { peer: peer(1), message: says("over TCP") });
    assert_eq!(ana.wait("a message", said).await, "over TCP");
}

#[tokio::test]
async fn somebody_elses_key_at_an_address_is_told() {
    let mut ana = Net::start(config(1, &["lo"], None));
    let mut ben = Net::start(config(2, &["lo"], None));
    for transport in ["/ip4/127.0.0.1/udp", "/ip4/127.0.0.1/tcp"] {
        let addr = ana.listening(transport).await;
        ben.tell(NetCommand::Dial { peer: Some(peer(3)), addrs: vec![addr] });
        assert_eq!(dial_failure(&mut ben).await, DialFailure::WrongKey { found: peer(1) });
    }
}

#[tokio::test]
async fn every_failure_to_connect_has_its_reason() {
    let mut ben = Net::start(config(2, &["lo"], None));
    let own = ben.listening("/ip4/127.0.0.1/tcp").await;
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = format!("/ip4/127.0.0.1/udp/{}/quic-v1", silent.local_addr().unwrap().port());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = format!("/ip4/127.0.0.1/tcp/{}", closed.port());
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other_addr = format!("/ip4/127.0.0.1/tcp/{}", other.local_addr().unwrap().port());
    let hangs_up = std::thread::spawn(move || drop(other.accept()));
    let cases = [
        (None, closed, DialFailure::Refused),
        (None, silent, DialFailure::TimedOut),
        (None, "192.0.2.1:7".to_owned(), DialFailure::OutsideIfaces),
        (None, "studio".to_owned(), DialFailure::BadAddress { text: "studio".to_owned() }),
        (Some(peer(2)), own, DialFailure::Myself),
        (None, other_addr, DialFailure::NotJamtty),
    ];
    for (peer, addr, why) in cases {
        ben.tell(NetCommand::Dial { peer, addrs: vec![addr.clone()] });
        assert_eq!(dial_failure(&mut ben).await, why, "{addr}");
        assert!(!why.why().is_empty() && why.remedy().ends_with('.'), "{why:?}");
    }
    ben.tell(NetCommand::Dial { peer: Some(peer(9)), addrs: vec![] });
    assert_eq!(dial_failure(&mut ben).await, DialFailure::NoAddress);
    hangs_up.join().unwrap();
}

#[tokio::test]
async fn a_blocked_peer_is_closed_and_neither_dialled_nor_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ana, mut ben) = pair(folder.path()).await;
    ana.tell(NetCommand::Block(peer(2)));
    ana.wait_for(NetEvent::Disconnected { peer: peer(2), why: DisconnectReason::Blocked }).await;
    ana.tell(NetCommand::Dial { peer: Some(peer(2)), addrs: vec![] });
    assert_eq!(dial_failure(&mut ana).await, DialFailure::Blocked);
    ben.wait("Disconnected", |event| matches!(event, NetEvent::Disconnected { .. }).then_some(())).await;
    let addr = ana.listening("/ip4/127.0.0.1/udp").await;
    ben.tell(NetCommand::Dial { peer: Some(peer(1)), addrs: vec![addr] });
    assert_eq!(dial_failure(&mut ben).await, DialFailure::TurnedAway);
    ana.tell(NetCommand::Unblock(peer(2)));
    ana.connected(peer(2)).await;
}

#[tokio::test]
async fn who_stops_is_gone_at_once_and_their_last_words_are_heard() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ana, ben) = pair(folder.path()).await;
    ana.seen(card(2)).await;
    for n in 0..50 {
        ben.tell(NetCommand::Send { peer: peer(1), message: says(&n.to_string()) });
    }
    let stopped = Instant::now();
    ben.handle.stop().await;
    println!("FIGURE stopping took {:?}", stopped.elapsed());
    for n in 0..50 {
        assert_eq!(ana.wait("last words", said).await, n.to_string());
    }
    ana.wait_for(NetEvent::Disconnected { peer: peer(2), why: DisconnectReason::Goodbye }).await;
    ana.wait_for(NetEvent::PeerGone { peer: peer(2) }).await;
    println!("FIGURE a peer that stopped is gone after {:?}", stopped.elapsed());
    ana.tell(NetCommand::Send { peer: peer(2), message: says("too late") });
    ana.wait_for(NetEvent::NotSent { peer: peer(2), why: NotSent::NotConnected }).await;
}

#[tokio::test]
async fn a_removed_peer_hears_a_goodbye() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ana, mut ben) = pair(folder.path()).await;
    ana.tell(NetCommand::Send { peer: peer(2), message: says("out") });
    ana.tell(NetCommand::Disconnect { peer: peer(2) });
    assert_eq!(ben.wait("last words", said).await, "out");
    ben.wait_for(NetEvent::Disconnected { peer: peer(1), why: DisconnectReason::Goodbye }).await;
    ana.wait_for(NetEvent::Disconnected { peer: peer(2), why: DisconnectReason::Asked }).await;
}

#[tokio::test]
async fn a_kept_peer_that_returns_on_its_port_is_connected_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ana, mut ben) = pair(folder.path()).await;
    ana.tell(NetCommand::Keep { peers: vec![peer(2)] });
    ben.handle.stop().await;
    ana.wait_for(NetEvent::Disconnected { peer: peer(2), why: DisconnectReason::Goodbye }).await;
    ben = Net::start(config(2, &["lo"], Some(folder.path())));
    ana.connected(peer(2)).await;
    ben.connected(peer(1)).await;
    println!("FIGURE a kept peer that started again was connected after {:?}", ben.started.elapsed());
}

#[tokio::test]
async fn media_packets_travel_a_stream_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ana, mut ben) = pair(folder.path()).await;
    ana.tell(NetCommand::OpenFallback { peer: peer(2) });
    ana.wait_for(NetEvent::FallbackOpen { peer: peer(2) }).await;
    for n in 0..10 {
        ana.tell(NetCommand::SendFallback { peer: peer(2), packet: vec![n; 100] });
    }
    for n in 0..10 {
        ben.wait_for(NetEvent::FallbackPacket { peer: peer(1), packet: vec![n; 100] }).await;
    }
    ana.tell(NetCommand::CloseFallback { peer: peer(2) });
    ana.tell(NetCommand::SendFallback { peer: peer(2), packet: vec![1] });
    ana.tell(NetCommand::Send { peer: peer(2), message: says("still here") });
    assert_eq!(ben.wait("a message", said).await, "still here");
    let dropped = &ana.handle.counters().fallback_dropped_out;
    assert_eq!(dropped.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_taken_port_and_an_unknown_interface_are_refused_in_words() {
    let mut ana = config(1, &["lo"], None);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    ana.port = Some(port);
    let error = Swarm::start(ana).unwrap_err();
    assert!(matches!(error, NetError::PortTaken { port: told } if told == port), "{error}");
    let error = Swarm::start(config(1, &["jam7"], None)).unwrap_err();
    assert!(error.to_string().contains("jam7") && error.to_string().contains("lo"), "{error}");
}

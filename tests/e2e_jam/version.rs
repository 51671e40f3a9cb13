//! Someone with an older jamtty: nobody is let in, and both sides name both versions.
//!
//! The older one is written with the libraries alone, as a stranger would: what this release says of itself is
//! what a later one will meet.

use ciborium::{Value, cbor};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, identify, noise, tcp, yamux};
use tokio::runtime::Runtime;

use crate::support::{PATIENCE, Peer, Room};

const SESSION: StreamProtocol = StreamProtocol::new("/jamtty/session/1");

#[derive(NetworkBehaviour)]
struct Old {
    identify: identify::Behaviour,
    streams: libp2p_stream::Behaviour,
}

/// A peer whose control path calls itself this.
fn old(control_path: &str) -> Swarm<Old> {
    let with_behaviour = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|keys| Old {
            identify: identify::Behaviour::new(identify::Config::new(control_path.to_owned(), keys.public())),
            streams: libp2p_stream::Behaviour::new(),
        });
    with_behaviour.unwrap().with_swarm_config(|config| config.with_idle_connection_timeout(PATIENCE)).build()
}

/// Listens on loopback; gives its address, with its key at the end.
async fn listen(swarm: &mut Swarm<Old>) -> Multiaddr {
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            return address.with(Protocol::P2p(*swarm.local_peer_id()));
        }
    }
}

async fn say(stream: &mut Stream, message: &Value) {
    let mut bytes = Vec::new();
    ciborium::into_writer(message, &mut bytes).unwrap();
    stream.write_all(&u32::try_from(bytes.len()).unwrap().to_be_bytes()).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    stream.flush().await.unwrap();
}

async fn hear(stream: &mut Stream) -> Value {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.unwrap();
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut bytes).await.unwrap();
    ciborium::from_reader(bytes.as_slice()).unwrap()
}

/// Where a peer is reached by TCP on IPv4.
fn tcp_addr(peer: &Peer) -> Multiaddr {
    let status = peer.tell("status", &[]);
    let addrs = status["addresses"].as_array().unwrap().iter().filter_map(|addr| addr.as_str());
    addrs.into_iter().find(|addr| addr.contains("/ip4/127.0.0.1/tcp/")).unwrap().parse().unwrap()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Runs the old one until it has said and heard what it wanted.
fn within_patience<T>(runtime: &Runtime, story: impl Future<Output = T>) -> T {
    runtime.block_on(async { tokio::time::timeout(PATIENCE, story).await.unwrap() })
}

#[test]
fn an_older_one_that_asks_in_is_refused_and_both_read_both_versions() {
    let room = Room::new();
    let mut ana = room.person("Ana").start(&["--null", "--new", "Kitchen"]);
    ana.until("to listen", |ana| ana.tell("status", &[])["addresses"].to_string().contains("/ip4/"));
    let runtime = runtime();
    let answer = within_patience(&runtime, async {
        let mut swarm = old("/jamtty/1");
        swarm.dial(tcp_addr(&ana)).unwrap();
        let mut control = swarm.behaviour().streams.new_control();
        let peer = loop {
            if let SwarmEvent::ConnectionEstablished { peer_id, .. } = swarm.select_next_some().await {
                break peer_id;
            }
        };
        let driven = tokio::spawn(async move { while swarm.next().await.is_some() {} });
        let mut stream = control.open_stream(peer, SESSION).await.unwrap();
        say(&mut stream, &cbor!({"v" => 0, "m" => {"join" => {"please" => true}}}).unwrap()).await;
        let answer = hear(&mut stream).await;
        driven.abort();
        answer
    });
    assert_eq!(answer, cbor!({"speaks" => 1, "heard" => 0}).unwrap());
    let (_, warning) = ana.wait("warning");
    let why = warning["why"].as_str().unwrap();
    assert!(why.contains("version 0") && why.contains("we speak 1"), "{warning}");
    assert_eq!(ana.tell("status", &[])["jam"]["people"].as_array().unwrap().len(), 1);
    ana.end();
}

#[test]
fn who_asks_an_older_one_is_told_both_versions_and_ends_with_76() {
    let room = Room::new();
    let runtime = runtime();
    let (addr, heard) = within_patience(&runtime, async {
        let mut swarm = old("/jamtty/1");
        let addr = listen(&mut swarm).await;
        let mut incoming = swarm.behaviour().streams.new_control().accept(SESSION).unwrap();
        tokio::spawn(async move { while swarm.next().await.is_some() {} });
        let heard = tokio::spawn(async move {
            let (_, mut stream): (PeerId, Stream) = incoming.next().await.unwrap();
            let asked = hear(&mut stream).await;
            say(&mut stream, &cbor!({"speaks" => 0, "heard" => 1}).unwrap()).await;
            // Until they are gone.
            drop(stream.read_to_end(&mut Vec::new()).await);
            asked
        });
        (addr, heard)
    });
    let bo = room.person("Bo");
    let said = bo.run(&["peer", "--null", "--join", &addr.to_string()]);
    said.failed(76, &["they speak version 0, we speak 1", "same release"]);
    let asked = within_patience(&runtime, heard).unwrap();
    let version = asked.as_map().unwrap().iter().find(|(key, _)| key.as_text() == Some("v"));
    assert_eq!(version.unwrap().1, Value::from(1), "{asked:?}");
}

#[test]
fn a_control_path_of_another_number_is_said_by_who_dials_and_by_who_is_dialled() {
    let room = Room::new();
    let runtime = runtime();
    let mut ana = room.person("Ana").start(&["--null"]);
    ana.until("to listen", |ana| ana.tell("status", &[])["addresses"].to_string().contains("/ip4/"));
    let addr = within_patience(&runtime, async {
        let mut swarm = old("/jamtty/0");
        let addr = listen(&mut swarm).await;
        swarm.dial(tcp_addr(&ana)).unwrap();
        tokio::spawn(async move { while swarm.next().await.is_some() {} });
        addr
    });
    let (_, warning) = ana.wait("warning");
    assert_eq!(warning["why"], "they speak /jamtty/0, this jamtty speaks /jamtty/1");
    let said = room.person("Bo").run(&["peer", "--null", "--join", &addr.to_string()]);
    said.failed(76, &["they speak /jamtty/0, this jamtty speaks /jamtty/1", "Both update"]);
    ana.end();
}

//! The network as libp2p sees it: transports, protocols, and every limit, set and not default.
//!
//! World: async.

use std::io;
use std::time::Duration;

use libp2p::identity::Keypair;
use libp2p::request_response::ProtocolSupport;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{
    StreamProtocol, Swarm, SwarmBuilder, allow_block_list, connection_limits, gossipsub, identify, mdns,
    memory_connection_limits, noise, ping, quic, request_response, tcp, yamux,
};
use serde::{Deserialize, Serialize};

use crate::protocol::lobby::CARD_BYTES_MAX;

use super::error::NetError;
use super::streams::Streams;

/// What we speak, as identify tells it. Another number is another control path.
pub(super) const PROTOCOL_VERSION: &str = "/jamtty/1";
/// Connections being made, each way; more are refused until some are done.
const PENDING_MAX: u32 = 32;
/// Connections in all; more are refused.
const ESTABLISHED_MAX: u32 = 64;
/// Connections with one peer: two that dialled each other, and two on their way out.
const PER_PEER_MAX: u32 = 4;
/// Resident bytes of this process beyond which no connection is made or taken.
const MEMORY_BYTES_MAX: usize = 1 << 30;
/// A gossip message: a card and its signature.
const GOSSIP_BYTES_MAX: usize = CARD_BYTES_MAX + 1024;
/// Streams a peer may have open on one connection.
const STREAMS_MAX: u32 = 32;
/// Unread bytes of one stream, and of one connection.
const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// A QUIC connection without any packet for this long is dead. Three keep-alives may be lost.
const SILENCE_MAX: Duration = Duration::from_secs(3);
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(1);
/// A dial that takes longer has failed; a wanted peer is dialled again meanwhile.
pub(super) const DIAL_MAX: Duration = Duration::from_secs(3);
const PING_EVERY: Duration = Duration::from_secs(1);
/// An unanswered ping ends the connection: this is how a dead TCP connection is noticed.
const PING_MAX: Duration = Duration::from_secs(2);
/// mDNS: how often to ask, and how long an answer counts (libp2p's own are 5 and 6 minutes).
const MDNS_EVERY: Duration = Duration::from_secs(5);
const MDNS_TTL: Duration = Duration::from_secs(30);
/// A connection that carries nothing stays: the lobby is mostly silent.
const IDLE_MAX: Duration = Duration::from_secs(3600);

/// Asks for a peer's card.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct AskCard {
    pub(super) v: u32,
}

/// The card of the peer asked, encoded; empty while it has none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CardReply {
    pub(super) v: u32,
    pub(super) card: Vec<u8>,
}

/// Everything this peer speaks.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) limits: connection_limits::Behaviour,
    pub(super) memory: memory_connection_limits::Behaviour,
    pub(super) blocked: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    pub(super) mdns_v4: Toggle<mdns::tokio::Behaviour>,
    pub(super) mdns_v6: Toggle<mdns::tokio::Behaviour>,
    pub(super) gossip: gossipsub::Behaviour,
    pub(super) lobby: request_response::cbor::Behaviour<AskCard, CardReply>,
    pub(super) identify: identify::Behaviour,
    pub(super) ping: ping::Behaviour,
    pub(super) streams: Streams,
}

/// Where lobby cards are gossiped.
pub(super) fn lobby_topic() -> gossipsub::IdentTopic {
    gossipsub::IdentTopic::new("/jamtty/lobby/1")
}

/// The whole network of one peer, not yet listening. Must run inside a tokio runtime.
pub(super) fn build(keypair: Keypair, with_mdns: bool) -> Result<Swarm<Behaviour>, NetError> {
    let failed = |operation, source| NetError::System { operation, source };
    let swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux_config)
        .map_err(|error| failed("prepare encrypted TCP", io::Error::other(error)))?
        .with_quic_config(quic_config)
        .with_behaviour(|keypair| behaviour(keypair, with_mdns))
        .map_err(|error| failed("prepare the lobby's protocols", io::Error::other(error)))?
        .with_swarm_config(|config| {
            config
                .with_idle_connection_timeout(IDLE_MAX)
                .with_smart_dial()
                .with_max_negotiating_inbound_streams(16)
        })
        .with_connection_timeout(DIAL_MAX)
        .build();
    Ok(swarm)
}

fn yamux_config() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_MAX as usize);
    config
}

fn quic_config(mut config: quic::Config) -> quic::Config {
    config.handshake_timeout = DIAL_MAX;
    config.max_idle_timeout = SILENCE_MAX.as_millis() as u32;
    config.keep_alive_interval = KEEP_ALIVE_EVERY;
    config.max_concurrent_stream_limit = STREAMS_MAX;
    config.max_stream_data = STREAM_WINDOW_BYTES;
    config.max_connection_data = CONNECTION_WINDOW_BYTES;
    config
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn behaviour(keypair: &Keypair, with_mdns: bool) -> Result<Behaviour, Failure> {
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_MAX))
        .with_max_pending_outgoing(Some(PENDING_MAX))
        .with_max_established(Some(ESTABLISHED_MAX))
        .with_max_established_per_peer(Some(PER_PEER_MAX));
    Ok(Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        memory: memory_connection_limits::Behaviour::with_max_bytes(MEMORY_BYTES_MAX),
        blocked: allow_block_list::Behaviour::default(),
        mdns_v4: mdns_behaviour(keypair, with_mdns, false),
        mdns_v6: mdns_behaviour(keypair, with_mdns, true),
        gossip: gossip(keypair)?,
        lobby: lobby(),
        identify: identify::Behaviour::new(
            identify::Config::new(PROTOCOL_VERSION.to_owned(), keypair.public())
                .with_agent_version(format!("jamtty/{}", env!("CARGO_PKG_VERSION")))
                .with_push_listen_addr_updates(true)
                .with_cache_size(0),
        ),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(PING_EVERY).with_timeout(PING_MAX)),
        streams: Streams::default(),
    })
}

/// Without mDNS (no netlink, no IPv6) a peer still meets others by address and on its machine.
fn mdns_behaviour(keypair: &Keypair, wanted: bool, enable_ipv6: bool) -> Toggle<mdns::tokio::Behaviour> {
    let config = mdns::Config { ttl: MDNS_TTL, query_interval: MDNS_EVERY, enable_ipv6 };
    let made = wanted.then(|| mdns::tokio::Behaviour::new(config, keypair.public().to_peer_id()));
    made.and_then(|made| made.inspect_err(|error| tracing::warn!(%error, "no mDNS")).ok()).into()
}

fn gossip(keypair: &Keypair) -> Result<gossipsub::Behaviour, Failure> {
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(gossipsub::ValidationMode::Strict)
        .max_transmit_size(GOSSIP_BYTES_MAX)
        .max_ihave_messages_heartbeat(4)
        .history_length(3)
        .history_gossip(2)
        .build()?;
    let author = gossipsub::MessageAuthenticity::Signed(keypair.clone());
    let mut gossip = gossipsub::Behaviour::new(author, config)?;
    gossip.subscribe(&lobby_topic())?;
    Ok(gossip)
}

fn lobby() -> request_response::cbor::Behaviour<AskCard, CardReply> {
    // Bytes travel as a CBOR array of numbers: up to two bytes each.
    let codec = request_response::cbor::codec::Codec::default()
        .set_request_size_maximum(64)
        .set_response_size_maximum(2 * CARD_BYTES_MAX as u64 + 64);
    let config = request_response::Config::default()
        .with_request_timeout(Duration::from_secs(3))
        .with_max_concurrent_streams(4);
    let protocol = (StreamProtocol::new("/jamtty/lobby/1"), ProtocolSupport::Full);
    request_response::Behaviour::with_codec(codec, [protocol], config)
}

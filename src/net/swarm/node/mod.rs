//! The network task: commands and what libp2p reports in, events out.
//!
//! World: async, one task. All state of the control path is here; the tasks it spawns (one per
//! direction of a stream) hold nothing but their stream and a queue.

mod dialing;
mod known;
mod links;
mod listening;
mod lobby;
mod wishing;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Swarm, identify, mdns, ping};
use tokio::sync::mpsc;

use crate::domain::peer_id::PeerId;
use crate::net::directory::PeerDirectory;
use crate::net::interfaces::NetworkInterface;
use crate::protocol::lobby::LobbyCard;

use super::addrs::Scope;
use super::behaviour::{Behaviour, BehaviourEvent};
use super::error::{DisconnectReason, NetError};
use super::frames::{Incoming, Outgoing};
use super::{NetCommand, NetCounters, NetEvent, identity};
use known::Peer;
use links::Link;
use listening::Listening;
use wishing::DialWish;

/// Events that may wait inside the task beside the queue of the reader. Beyond it streams are not
/// read; the task's own events (bounded by peers) still enter.
const OUT_MAX: usize = 256;
/// Frames and media packets read from streams and not yet looked at.
const INBOX_MAX: usize = 64;
/// How often the directory of this machine and the interfaces are looked at; four times as often
/// while a kept peer is missing.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a goodbye may take when the network ends.
const GOODBYE_MAX: Duration = Duration::from_millis(400);

/// What a node is made of.
pub(super) struct Parts {
    pub(super) me: PeerId,
    pub(super) swarm: Swarm<Behaviour>,
    pub(super) scope: Scope,
    pub(super) interfaces: Vec<NetworkInterface>,
    pub(super) port: Option<u16>,
    pub(super) directory: Option<PeerDirectory>,
    pub(super) card: LobbyCard,
    pub(super) commands: mpsc::Receiver<NetCommand>,
    pub(super) events: mpsc::Sender<NetEvent>,
    pub(super) counters: Arc<NetCounters>,
}

/// The state of the control path.
pub(super) struct Node {
    me: PeerId,
    swarm: Swarm<Behaviour>,
    scope: Scope,
    interfaces: Vec<NetworkInterface>,
    listening: Listening,
    directory: Option<PeerDirectory>,
    card: LobbyCard,
    commands: mpsc::Receiver<NetCommand>,
    events: mpsc::Sender<NetEvent>,
    counters: Arc<NetCounters>,
    peers: HashMap<PeerId, Peer>,
    links: HashMap<ConnectionId, Link>,
    wishes: Vec<DialWish>,
    kept: HashSet<PeerId>,
    blocked: HashSet<PeerId>,
    /// Of whom it was said that they speak another version.
    other_version: HashSet<PeerId>,
    out: VecDeque<NetEvent>,
    inbox: mpsc::Receiver<(ConnectionId, Incoming)>,
    inbox_tx: mpsc::Sender<(ConnectionId, Incoming)>,
    media: mpsc::Receiver<(PeerId, Vec<u8>)>,
    media_tx: mpsc::Sender<(PeerId, Vec<u8>)>,
    look_at: Instant,
}

/// One thing that happened.
enum Turn {
    Gone,
    Told,
    Command(Option<NetCommand>),
    Network(Box<SwarmEvent<BehaviourEvent>>),
    Read(ConnectionId, Incoming),
    Media(PeerId, Vec<u8>),
    Deadline,
}

impl Node {
    /// Starts to listen.
    pub(super) fn new(parts: Parts) -> Result<Self, NetError> {
        let (inbox_tx, inbox) = mpsc::channel(INBOX_MAX);
        let (media_tx, media) = mpsc::channel(INBOX_MAX);
        let mut node = Self {
            me: parts.me,
            swarm: parts.swarm,
            scope: parts.scope,
            interfaces: parts.interfaces,
            listening: Listening::new(parts.port),
            directory: parts.directory,
            card: parts.card,
            commands: parts.commands,
            events: parts.events,
            counters: parts.counters,
            peers: HashMap::new(),
            links: HashMap::new(),
            wishes: Vec::new(),
            kept: HashSet::new(),
            blocked: HashSet::new(),
            other_version: HashSet::new(),
            out: VecDeque::new(),
            inbox,
            inbox_tx,
            media,
            media_tx,
            look_at: Instant::now(),
        };
        node.listen_first()?;
        Ok(node)
    }

    /// Runs until told to stop, or until nobody commands or listens any more.
    pub(super) async fn run(mut self) {
        loop {
            let deadline = tokio::time::Instant::from_std(self.deadline());
            match self.turn(deadline).await {
                Turn::Gone | Turn::Command(None | Some(NetCommand::Stop)) => break,
                Turn::Told => {}
                Turn::Command(Some(command)) => self.command(command),
                Turn::Network(event) => self.network_event(*event),
                Turn::Read(connection, incoming) => self.incoming(connection, incoming),
                Turn::Media(peer, packet) => self.out.push_back(NetEvent::FallbackPacket { peer, packet }),
                Turn::Deadline => self.handle_deadline(Instant::now()),
            }
        }
        self.say_goodbye().await;
    }

    async fn turn(&mut self, deadline: tokio::time::Instant) -> Turn {
        let room = self.out.len() < OUT_MAX;
        tokio::select! {
            permit = self.events.reserve(), if !self.out.is_empty() => match (permit, self.out.pop_front()) {
                (Ok(permit), Some(event)) => {
                    permit.send(event);
                    Turn::Told
                }
                _ => Turn::Gone,
            },
            command = self.commands.recv() => Turn::Command(command),
            event = self.swarm.select_next_some() => Turn::Network(Box::new(event)),
            Some((connection, incoming)) = self.inbox.recv(), if room => Turn::Read(connection, incoming),
            Some((peer, packet)) = self.media.recv(), if room => Turn::Media(peer, packet),
            () = tokio::time::sleep_until(deadline) => Turn::Deadline,
        }
    }

    fn command(&mut self, command: NetCommand) {
        match command {
            NetCommand::SetCard(card) => self.set_card(*card),
            NetCommand::Dial { peer, addrs } => self.dial_wish(peer, addrs),
            NetCommand::Send { peer, message } => self.send(peer, &message),
            NetCommand::Disconnect { peer } => self.disconnect(peer),
            NetCommand::Keep { peers } => self.keep(peers),
            NetCommand::Block(peer) => self.block(peer),
            NetCommand::Unblock(peer) => self.unblock(peer),
            NetCommand::OpenFallback { peer } => self.open_fallback(peer),
            NetCommand::SendFallback { peer, packet } => self.send_fallback(peer, packet),
            NetCommand::CloseFallback { peer } => self.close_fallback(peer),
            NetCommand::Stop => {}
        }
    }

    fn network_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.behaviour_event(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.established(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { connection_id, cause, .. } => {
                self.closed(connection_id, cause.as_ref());
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                self.dial_failed(connection_id, peer_id, &error);
            }
            SwarmEvent::NewListenAddr { listener_id, address } => self.listens(listener_id, address),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.listens_no_more(&address),
            SwarmEvent::ListenerClosed { listener_id, addresses, .. } => {
                self.listener_closed(listener_id, &addresses);
            }
            _ => {}
        }
    }

    fn behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::MdnsV4(event) | BehaviourEvent::MdnsV6(event) => match event {
                mdns::Event::Discovered(found) => {
                    found.into_iter().for_each(|(peer, addr)| self.found_by_mdns(&peer, addr));
                }
                mdns::Event::Expired(expired) => {
                    expired.into_iter().for_each(|(peer, addr)| self.expired(&peer, addr));
                }
            },
            BehaviourEvent::Gossip(event) => self.gossip_event(event),
            BehaviourEvent::Lobby(event) => self.lobby_event(event),
            BehaviourEvent::Identify(identify::Event::Received { connection_id, peer_id, info }) => {
                self.identified(connection_id, &peer_id, &info);
            }
            BehaviourEvent::Identify(_) => {}
            BehaviourEvent::Ping(ping::Event { connection, result: Err(error), .. }) => {
                if !matches!(error, ping::Failure::Unsupported) {
                    self.close(connection, DisconnectReason::Silent);
                }
            }
            BehaviourEvent::Ping(_) => {}
            BehaviourEvent::Streams((_, connection, event)) => self.stream_event(connection, event),
            BehaviourEvent::Limits(never)
            | BehaviourEvent::Memory(never)
            | BehaviourEvent::Blocked(never) => match never {},
        }
    }

    /// The next moment something is due.
    fn deadline(&self) -> Instant {
        let of_peers = self.peers.values().filter_map(Peer::deadline);
        let of_links = self.links.values().filter_map(Link::deadline);
        of_peers.chain(of_links).fold(self.look_at, Instant::min)
    }

    fn handle_deadline(&mut self, now: Instant) {
        if self.look_at <= now {
            let all_here = self.kept.iter().all(|peer| self.peers.get(peer).is_some_and(Peer::is_connected));
            self.look_at = now + if all_here { LOOK_EVERY } else { LOOK_EVERY / 4 };
            self.look_at_interfaces();
            self.look_at_directory();
        }
        self.handle_link_deadlines(now);
        self.handle_peer_deadlines(now);
    }

    /// Lets what waits go out, tells everybody, and gives the packets time to leave.
    async fn say_goodbye(&mut self) {
        self.directory = None;
        for link in self.links.values() {
            link.give(Outgoing::Goodbye);
        }
        // Whoever reads a goodbye closes the connection, so the last message is read before it.
        let end = tokio::time::Instant::now() + GOODBYE_MAX;
        while self.swarm.network_info().num_peers() > 0 {
            tokio::select! {
                _ = self.swarm.select_next_some() => {}
                _ = self.inbox.recv() => {}
                () = tokio::time::sleep_until(end) => break,
            }
        }
        let left: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in left {
            let _gone_already = self.swarm.disconnect_peer_id(peer);
        }
        let end = tokio::time::Instant::now() + GOODBYE_MAX / 4;
        while self.swarm.network_info().num_peers() > 0 {
            tokio::select! {
                _ = self.swarm.select_next_some() => {}
                () = tokio::time::sleep_until(end) => break,
            }
        }
    }

    fn ours(peer: &libp2p::PeerId) -> Option<PeerId> {
        identity::from_libp2p(peer)
    }
}

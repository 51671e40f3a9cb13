//! Connections, the control stream of each, and the messages on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::AsyncReadExt;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::{ConnectionError, ConnectionId};
use libp2p::{Stream, identify};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use zeroize::Zeroizing;

use crate::domain::name::safe_line;
use crate::domain::peer_id::PeerId;
use crate::net::swarm::behaviour::PROTOCOL_VERSION;
use crate::net::swarm::error::{DialFailure, DisconnectReason, NotSent};
use crate::net::swarm::frames::{
    Ended, FRAME_BYTES_MAX, FRAMES_QUEUED_MAX, Incoming, MEDIA_PACKET_BYTES_MAX, MediaQueue, Outgoing,
    read_frames, read_media, write_frames, write_media,
};
use crate::net::swarm::streams::{StreamEvent, StreamKind};
use crate::net::swarm::{NetCounters, NetEvent};
use crate::protocol::control::ControlMessage;

use super::Node;
use super::dialing::PEERS_MAX;
use super::known::Source;

/// Frames without sense before their sender is disconnected: one may be a bug, this many are not.
const BAD_FRAMES_MAX: u32 = 3;
/// A connection that came this much after the one in use means that the other side gave that up.
const STALE_AFTER: Duration = Duration::from_secs(2);
/// A connection whose control stream is not open by then is of no use.
const READY_MAX: Duration = Duration::from_secs(4);
/// A second connection that nobody uses is closed after this by the side that dialled it.
const SPARE_MAX: Duration = Duration::from_secs(5);
/// After a goodbye the other side closes; if not, we do.
const LEAVE_MAX: Duration = Duration::from_millis(500);

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    peer: PeerId,
    id: libp2p::PeerId,
    dialled: bool,
    /// Given once the control stream is open.
    frames: Option<mpsc::Sender<Outgoing>>,
    ready_at: Option<Instant>,
    /// The reader has not said its last.
    reading: bool,
    closed: bool,
    why: Option<DisconnectReason>,
    failure: Option<DialFailure>,
    bad_frames: u32,
    /// Taken out of use; what still comes is not of interest.
    retired: bool,
    close_at: Option<Instant>,
    media_out: Option<Arc<MediaQueue>>,
    media_in: Option<AbortHandle>,
}

impl Link {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.close_at
    }

    /// Queues for the writer; `false` if there is none or its queue is full.
    pub(super) fn give(&self, outgoing: Outgoing) -> bool {
        self.frames.as_ref().is_some_and(|frames| frames.try_send(outgoing).is_ok())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(queue) = &self.media_out {
            queue.close();
        }
        if let Some(task) = &self.media_in {
            task.abort();
        }
    }
}

impl Node {
    pub(super) fn established(
        &mut self,
        id: libp2p::PeerId,
        connection: ConnectionId,
        endpoint: &ConnectedPoint,
    ) {
        let dialled = endpoint.is_dialer();
        let peer = Self::ours(&id).filter(|peer| self.peer_mut(*peer).is_some());
        let Some(peer) = peer else {
            self.wish_failed(connection, &DialFailure::NotJamtty);
            self.swarm.close_connection(connection);
            return;
        };
        if let ConnectedPoint::Dialer { address, .. } = endpoint {
            let mut address = address.clone();
            if let Some(libp2p::multiaddr::Protocol::P2p(_)) = address.iter().last() {
                address.pop();
            }
            self.found(peer, address, Source::Given);
        }
        self.links.insert(
            connection,
            Link {
                peer,
                id,
                dialled,
                frames: None,
                ready_at: None,
                reading: false,
                closed: false,
                why: None,
                failure: None,
                bad_frames: 0,
                retired: false,
                close_at: Some(Instant::now() + READY_MAX),
                media_out: None,
                media_in: None,
            },
        );
        self.reached(peer, dialled);
        if dialled {
            let in_use = self.peers.get(&peer).is_some_and(|known| known.active.is_some());
            if in_use {
                // A dial that comes late: they came to us meanwhile.
                self.wish_granted(peer, connection);
                self.swarm.close_connection(connection);
            } else {
                self.swarm.behaviour_mut().streams.open(id, connection, StreamKind::Control);
            }
        }
        let first = self.peers.get_mut(&peer).is_some_and(|known| {
            known.links.push(connection);
            known.links.len() == 1
        });
        if first {
            self.ask_card(peer);
        }
    }

    pub(super) fn identified(
        &mut self,
        connection: ConnectionId,
        id: &libp2p::PeerId,
        info: &identify::Info,
    ) {
        let Some(peer) = Self::ours(id) else { return };
        if info.protocol_version != PROTOCOL_VERSION {
            let failure = if info.protocol_version.starts_with("/jamtty/") {
                let (ours, theirs) = (PROTOCOL_VERSION.to_owned(), safe_line(&info.protocol_version, 40));
                self.tell_other_version(peer, &ours, &theirs);
                DialFailure::Version { ours, theirs }
            } else {
                DialFailure::NotJamtty
            };
            if let Some(link) = self.links.get_mut(&connection) {
                link.failure = Some(failure);
            }
            self.close(connection, DisconnectReason::Asked);
            return;
        }
        for addr in info.listen_addrs.iter().take(16) {
            self.found(peer, addr.clone(), Source::Identify);
        }
    }

    /// Once of each, for they come again and again; of more than the lobby holds, nothing is said.
    fn tell_other_version(&mut self, peer: PeerId, ours: &str, theirs: &str) {
        if self.other_version.len() < PEERS_MAX && self.other_version.insert(peer) {
            let (ours, theirs) = (ours.to_owned(), theirs.to_owned());
            self.out.push_back(NetEvent::OtherVersion { peer, ours, theirs });
        }
    }

    pub(super) fn stream_event(&mut self, connection: ConnectionId, event: StreamEvent) {
        match event {
            StreamEvent::Opened(StreamKind::Control, stream)
            | StreamEvent::Accepted(StreamKind::Control, stream) => self.control_open(connection, stream),
            StreamEvent::Opened(StreamKind::Media, stream) => self.media_open(connection, stream),
            StreamEvent::Accepted(StreamKind::Media, stream) => self.media_accepted(connection, stream),
            StreamEvent::Refused { kind: StreamKind::Control, unsupported } => {
                // What they speak instead is told by identify, which may be a moment behind.
                if let Some(link) = self.links.get_mut(&connection) {
                    if unsupported {
                        link.failure.get_or_insert(DialFailure::NotJamtty);
                    }
                    link.close_at = Some(Instant::now() + LEAVE_MAX);
                }
            }
            StreamEvent::Refused { kind: StreamKind::Media, .. } => {
                if let Some(link) = self.links.get_mut(&connection) {
                    link.media_out = None;
                    self.out.push_back(NetEvent::FallbackRefused { peer: link.peer });
                }
            }
        }
    }

    fn control_open(&mut self, connection: ConnectionId, stream: Stream) {
        let Some(link) = self.links.get_mut(&connection) else { return };
        let (reader, writer) = stream.split();
        let (frames, frames_rx) = mpsc::channel(FRAMES_QUEUED_MAX);
        tokio::spawn(write_frames(writer, frames_rx));
        let inbox = self.inbox_tx.clone();
        tokio::spawn(read_frames(reader, move |incoming| {
            let inbox = inbox.clone();
            async move { inbox.send((connection, incoming)).await.is_ok() }
        }));
        link.frames = Some(frames);
        link.reading = true;
        link.ready_at = Some(Instant::now());
        link.close_at = None;
        let (peer, dialled) = (link.peer, link.dialled);
        self.wish_granted(peer, connection);
        self.activate(peer, connection, dialled);
    }

    /// Uses this connection if there is no other, or if it shows that the other is dead.
    fn activate(&mut self, peer: PeerId, connection: ConnectionId, dialled: bool) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let Some(active) = known.active else {
            known.active = Some(connection);
            self.connected(peer);
            return;
        };
        let age = self.links.get(&active).and_then(|link| link.ready_at).map(|at| at.elapsed());
        if dialled || age.is_none_or(|age| age < STALE_AFTER) {
            let spare = self.links.get_mut(&connection).filter(|_| dialled);
            if let Some(spare) = spare {
                spare.close_at = Some(Instant::now() + SPARE_MAX);
            }
            return;
        }
        known.active = Some(connection);
        let stale: Vec<_> = known.links.iter().copied().filter(|link| *link != connection).collect();
        for link in stale {
            if let Some(link) = self.links.get_mut(&link) {
                link.retired = true;
            }
            self.close(link, DisconnectReason::Replaced);
        }
        self.out.push_back(NetEvent::Disconnected { peer, why: DisconnectReason::Replaced });
        self.connected(peer);
    }

    fn connected(&mut self, peer: PeerId) {
        self.out.push_back(NetEvent::Connected { peer });
        if self.peers.get(&peer).is_some_and(|known| known.fallback_wanted) {
            self.open_fallback(peer);
        }
    }

    pub(super) fn incoming(&mut self, connection: ConnectionId, incoming: Incoming) {
        let Some(link) = self.links.get_mut(&connection) else { return };
        let peer = link.peer;
        match incoming {
            Incoming::Frame(_) if link.retired || link.why.is_some_and(is_misbehaviour) => {}
            Incoming::Frame(frame) => {
                // The other side uses this one: it is no spare.
                if link.why.is_none() {
                    link.close_at = None;
                }
                match ControlMessage::decode(&frame) {
                    Ok(message) => self.out.push_back(NetEvent::Received { peer, message }),
                    Err(_) => {
                        NetCounters::add(&self.counters.bad_frames);
                        link.bad_frames += 1;
                        if link.bad_frames >= BAD_FRAMES_MAX {
                            let count = link.bad_frames;
                            self.close(connection, DisconnectReason::BadFrames { count });
                        }
                    }
                }
            }
            Incoming::Ended(ended) => {
                link.reading = false;
                let why = match ended {
                    Ended::Goodbye => DisconnectReason::Goodbye,
                    Ended::TooLong(bytes) => DisconnectReason::FrameTooLong { bytes },
                    Ended::Broken => DisconnectReason::Broken,
                };
                if link.closed {
                    if ended == Ended::Goodbye {
                        link.why = Some(why);
                    }
                    self.end(connection);
                } else if ended != Ended::Broken {
                    self.close(connection, why);
                } else if link.close_at.is_none() {
                    // Usually the connection is about to say better what broke.
                    link.close_at = Some(Instant::now() + LEAVE_MAX);
                }
            }
        }
    }

    pub(super) fn close(&mut self, connection: ConnectionId, why: DisconnectReason) {
        if let Some(link) = self.links.get_mut(&connection) {
            link.why.get_or_insert(why);
            link.close_at = None;
            self.swarm.close_connection(connection);
        }
    }

    pub(super) fn handle_link_deadlines(&mut self, now: Instant) {
        let due = |link: &super::Link| link.close_at.is_some_and(|at| at <= now);
        let due: Vec<_> = self.links.iter().filter(|(_, link)| due(link)).map(|(id, _)| *id).collect();
        due.into_iter().for_each(|link| self.close(link, DisconnectReason::Broken));
    }

    pub(super) fn closed(&mut self, connection: ConnectionId, cause: Option<&ConnectionError>) {
        let Some(link) = self.links.get_mut(&connection) else { return };
        link.closed = true;
        let silent = cause.is_some_and(|cause| format!("{cause} {cause:?}").to_lowercase().contains("timed"));
        link.why.get_or_insert(if silent { DisconnectReason::Silent } else { DisconnectReason::Broken });
        if !link.reading {
            self.end(connection);
        }
    }

    /// The connection is closed and what came over it has been read.
    fn end(&mut self, connection: ConnectionId) {
        let Some(link) = self.links.remove(&connection) else { return };
        let peer = link.peer;
        let why = link.why.unwrap_or(DisconnectReason::Broken);
        let failure = link.failure.clone().unwrap_or(DialFailure::TurnedAway);
        self.wish_failed(connection, &failure);
        let Some(known) = self.peers.get_mut(&peer) else { return };
        known.links.retain(|other| *other != connection);
        if link.failure.is_some() {
            // Not one of us, or of another time: no use in trying again.
            known.addrs.clear();
        }
        let was_active = known.active == Some(connection);
        let links = known.links.clone();
        if was_active {
            let next = links.iter().copied().find(|id| {
                self.links
                    .get(id)
                    .is_some_and(|link| link.frames.is_some() && !link.closed && link.why.is_none())
            });
            if let Some(known) = self.peers.get_mut(&peer) {
                known.active = next;
            }
            self.out.push_back(NetEvent::Disconnected { peer, why });
            if let Some(next) = next {
                if let Some(link) = self.links.get_mut(&next) {
                    link.close_at = None;
                }
                self.connected(peer);
            }
        }
        if links.is_empty() {
            self.lost(peer, why);
        }
    }

    pub(super) fn send(&mut self, peer: PeerId, message: &ControlMessage) {
        if let Err(why) = self.try_send(peer, message) {
            self.out.push_back(NetEvent::NotSent { peer, why });
        }
    }

    fn try_send(&mut self, peer: PeerId, message: &ControlMessage) -> Result<(), NotSent> {
        let active = self.peers.get(&peer).and_then(|known| known.active).ok_or(NotSent::NotConnected)?;
        let link = self.links.get(&active).filter(|link| !link.closed && link.why.is_none());
        let link = link.ok_or(NotSent::NotConnected)?;
        let frame = Zeroizing::new(message.encode());
        if frame.len() > FRAME_BYTES_MAX {
            return Err(NotSent::TooLong { bytes: frame.len() });
        }
        if !link.give(Outgoing::Frame(frame)) {
            self.close(active, DisconnectReason::TooSlow);
        }
        Ok(())
    }

    pub(super) fn disconnect(&mut self, peer: PeerId) {
        self.kept.remove(&peer);
        let links = self.peers.get(&peer).map(|known| known.links.clone()).unwrap_or_default();
        for connection in links {
            let Some(link) = self.links.get_mut(&connection) else { continue };
            link.why.get_or_insert(DisconnectReason::Asked);
            let leaving = link.give(Outgoing::Goodbye);
            link.close_at = Some(Instant::now() + if leaving { LEAVE_MAX } else { Duration::ZERO });
        }
    }

    fn active_link(&mut self, peer: PeerId) -> Option<(ConnectionId, &mut Link)> {
        let active = self.peers.get(&peer)?.active?;
        Some((active, self.links.get_mut(&active)?))
    }

    pub(super) fn open_fallback(&mut self, peer: PeerId) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.fallback_wanted = true;
        }
        let Some((connection, link)) = self.active_link(peer) else { return };
        if link.media_out.is_none() {
            link.media_out = Some(Arc::default());
            let id = link.id;
            self.swarm.behaviour_mut().streams.open(id, connection, StreamKind::Media);
        }
    }

    fn media_open(&mut self, connection: ConnectionId, stream: Stream) {
        let Some(link) = self.links.get_mut(&connection) else { return };
        if let Some(queue) = &link.media_out {
            tokio::spawn(write_media(stream, Arc::clone(queue)));
            self.out.push_back(NetEvent::FallbackOpen { peer: link.peer });
        }
    }

    pub(super) fn send_fallback(&mut self, peer: PeerId, packet: Vec<u8>) {
        let counters = Arc::clone(&self.counters);
        let fit = !packet.is_empty() && packet.len() <= MEDIA_PACKET_BYTES_MAX;
        let queue = self.active_link(peer).and_then(|(_, link)| link.media_out.as_ref());
        match queue.filter(|_| fit) {
            Some(queue) => queue.push(packet, &counters.fallback_dropped_out),
            None => NetCounters::add(&counters.fallback_dropped_out),
        }
    }

    pub(super) fn close_fallback(&mut self, peer: PeerId) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.fallback_wanted = false;
        }
        if let Some(queue) = self.active_link(peer).and_then(|(_, link)| link.media_out.take()) {
            queue.close();
        }
    }

    fn media_accepted(&mut self, connection: ConnectionId, stream: Stream) {
        let Some(link) = self.links.get_mut(&connection) else { return };
        let (peer, media, counters) = (link.peer, self.media_tx.clone(), Arc::clone(&self.counters));
        let give = move |packet| {
            if media.try_send((peer, packet)).is_err() {
                NetCounters::add(&counters.fallback_dropped_in);
            }
            !media.is_closed()
        };
        let task = tokio::spawn(read_media(stream, give)).abort_handle();
        if let Some(earlier) = link.media_in.replace(task) {
            earlier.abort();
        }
    }
}

fn is_misbehaviour(why: DisconnectReason) -> bool {
    matches!(
        why,
        DisconnectReason::FrameTooLong { .. }
            | DisconnectReason::BadFrames { .. }
            | DisconnectReason::Blocked
    )
}

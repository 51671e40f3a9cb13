//! Raw streams of one connection: a libp2p behaviour that opens them and hands them over.
//!
//! Every connection carries exactly one control stream, opened by the side that dialled, so a
//! stream belongs to a connection and dies with it. `libp2p-stream` knows peers, not connections:
//! with two connections to one peer it opens on a random one.
//!
//! World: async.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, UpgradeInfo};
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    NotifyHandler, StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm,
};
use libp2p::{InboundUpgrade, Multiaddr, OutboundUpgrade, PeerId, Stream, StreamProtocol};

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamKind {
    /// Control frames, both ways, for as long as the connection lives.
    Control,
    /// Sealed media packets, one way, away from the side that opened it.
    Media,
}

impl StreamKind {
    const ALL: [Self; 2] = [Self::Control, Self::Media];

    const fn protocol(self) -> StreamProtocol {
        StreamProtocol::new(match self {
            Self::Control => "/jamtty/session/1",
            Self::Media => "/jamtty/media-stream/1",
        })
    }
}

/// What happened to a stream of one connection.
#[derive(Debug)]
pub(super) enum StreamEvent {
    /// We asked for it and have it.
    Opened(StreamKind, Stream),
    /// The other side opened it.
    Accepted(StreamKind, Stream),
    /// We asked for it and do not get it.
    Refused {
        kind: StreamKind,
        /// The other side does not speak this protocol.
        unsupported: bool,
    },
}

/// The behaviour; its events say which connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    events: VecDeque<ToSwarm<(PeerId, ConnectionId, StreamEvent), StreamKind>>,
}

impl Streams {
    /// Asks for another stream on this connection; a [`StreamEvent`] answers unless it closes first.
    pub(super) fn open(&mut self, peer_id: PeerId, connection: ConnectionId, kind: StreamKind) {
        let handler = NotifyHandler::One(connection);
        self.events.push_back(ToSwarm::NotifyHandler { peer_id, handler, event: kind });
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = StreamsHandler;
    type ToSwarm = (PeerId, ConnectionId, StreamEvent);

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(StreamsHandler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(StreamsHandler::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.events.push_back(ToSwarm::GenerateEvent((peer, connection, event)));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // The swarm polls again after every event it gives a behaviour, and after every call.
        self.events.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// Streams a remote peer may open on one connection in its life, all kinds together. A media
/// stream is opened anew each time UDP fails; more than this is refused by resetting the stream.
const ACCEPTED_MAX: u32 = 4096;

/// The part that lives with one connection.
#[derive(Debug, Default)]
pub(super) struct StreamsHandler {
    wanted: VecDeque<StreamKind>,
    accepted: u32,
    has_control: bool,
    events: VecDeque<StreamEvent>,
}

impl ConnectionHandler for StreamsHandler {
    type FromBehaviour = StreamKind;
    type ToBehaviour = StreamEvent;
    type InboundProtocol = AnyStream;
    type OutboundProtocol = OneStream;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = StreamKind;

    fn listen_protocol(&self) -> SubstreamProtocol<AnyStream> {
        SubstreamProtocol::new(AnyStream, ())
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<OneStream, StreamKind, StreamEvent>> {
        if let Some(kind) = self.wanted.pop_front() {
            let protocol = SubstreamProtocol::new(OneStream(kind), kind);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        let event = self.events.pop_front().map(ConnectionHandlerEvent::NotifyBehaviour);
        event.map_or(Poll::Pending, Poll::Ready)
    }

    fn on_behaviour_event(&mut self, kind: StreamKind) {
        self.wanted.push_back(kind);
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, AnyStream, OneStream, (), StreamKind>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (kind, stream),
                ..
            }) => {
                let second_control = kind == StreamKind::Control && self.has_control;
                self.accepted = self.accepted.saturating_add(1);
                if second_control || self.accepted > ACCEPTED_MAX {
                    return;
                }
                self.has_control |= kind == StreamKind::Control;
                self.events.push_back(StreamEvent::Accepted(kind, stream));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                info: kind,
            }) => {
                self.has_control |= kind == StreamKind::Control;
                self.events.push_back(StreamEvent::Opened(kind, stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, info: kind }) => {
                let unsupported = matches!(error, StreamUpgradeError::NegotiationFailed);
                self.events.push_back(StreamEvent::Refused { kind, unsupported });
            }
            _ => {}
        }
    }
}

/// Accepts a stream of any kind and says which.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnyStream;

impl UpgradeInfo for AnyStream {
    type Info = StreamProtocol;
    type InfoIter = [StreamProtocol; 2];

    fn protocol_info(&self) -> Self::InfoIter {
        StreamKind::ALL.map(StreamKind::protocol)
    }
}

impl InboundUpgrade<Stream> for AnyStream {
    type Output = (StreamKind, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        let media = protocol == StreamKind::Media.protocol();
        ready(Ok((if media { StreamKind::Media } else { StreamKind::Control }, stream)))
    }
}

/// Asks for a stream of one kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct OneStream(StreamKind);

impl UpgradeInfo for OneStream {
    type Info = StreamProtocol;
    type InfoIter = std::iter::Once<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once(self.0.protocol())
    }
}

impl OutboundUpgrade<Stream> for OneStream {
    type Output = Stream;
    type Error = Infallible;
    type Future = Ready<Result<Stream, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, _: StreamProtocol) -> Self::Future {
        ready(Ok(stream))
    }
}

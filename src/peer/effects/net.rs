//! The control path: what `update` wants of it, what it tells.

use tokio::sync::mpsc;

use crate::domain::peer_id::PeerId;
use crate::net::swarm::{DialFailure, NetCommand, NetError, NetEvent, Swarm, SwarmConfig, SwarmHandle};
use crate::peer::api::{ErrorCode, ErrorReply};
use crate::peer::message::{Message, NetEffect, NetMessage, Unreached};
use crate::peer::run::PeerOptions;
use crate::protocol::lobby::LobbyCard;

/// The running control path.
#[derive(Debug)]
pub(super) struct NetPart {
    handle: SwarmHandle,
    /// Commands the network task did not take: it has fallen far behind.
    pub(super) refused: u64,
}

/// What came, told apart: decisions, and packets that only pass through.
pub(super) enum FromNet {
    /// For `update`.
    Message(Message),
    /// A sealed packet for the media path.
    Packet(PeerId, Vec<u8>),
    /// Nothing that concerns anyone.
    Nothing,
}

impl NetPart {
    pub(super) fn start(
        options: &PeerOptions,
        seed: zeroize::Zeroizing<[u8; 32]>,
        card: LobbyCard,
    ) -> Result<(Self, mpsc::Receiver<NetEvent>), ErrorReply> {
        let config = SwarmConfig {
            identity_seed: seed,
            profile: options.paths.profile.clone(),
            ifaces: options.ifaces.clone(),
            port: options.control_port,
            mdns: options.discovery,
            // Who is not to be found is not to be found on this machine either.
            runtime_dir: options.discovery.then(|| options.paths.runtime.clone()),
            card,
        };
        let (handle, events) = Swarm::start(config).map_err(|error| {
            let code = match &error {
                NetError::UnknownInterface(_) => ErrorCode::Usage,
                NetError::PortTaken { .. } => ErrorCode::TryAgain,
                NetError::KeyLog | NetError::System { .. } => ErrorCode::Failed,
                NetError::NoRuntime => ErrorCode::Bug,
            };
            ErrorReply::new(code, "the network cannot be used", error.to_string(), error.remedy())
        })?;
        Ok((Self { handle, refused: 0 }, events))
    }

    pub(super) fn apply(&mut self, effect: NetEffect) {
        let command = match effect {
            NetEffect::SetCard(card) => NetCommand::SetCard(card),
            NetEffect::Dial { peer, addrs } => NetCommand::Dial { peer, addrs },
            NetEffect::Send { peer, message } => NetCommand::Send { peer, message },
            NetEffect::Disconnect { peer } => NetCommand::Disconnect { peer },
            NetEffect::Keep(peers) => NetCommand::Keep { peers },
            NetEffect::Block(peer) => NetCommand::Block(peer),
            NetEffect::Unblock(peer) => NetCommand::Unblock(peer),
            NetEffect::OpenFallback(peer) => NetCommand::OpenFallback { peer },
            NetEffect::CloseFallback(peer) => NetCommand::CloseFallback { peer },
        };
        self.command(command);
    }

    /// Passes a sealed packet on; one that does not fit is lost like any other.
    pub(super) fn send_packet(&mut self, peer: PeerId, packet: Vec<u8>) {
        self.command(NetCommand::SendFallback { peer, packet });
    }

    fn command(&mut self, command: NetCommand) {
        if self.handle.command(command).is_err() {
            self.refused += 1;
        }
    }

    /// Says goodbye to everybody.
    pub(super) async fn stop(&self) {
        self.handle.stop().await;
    }

    pub(super) fn counters(&self) -> [(&'static str, u64); 5] {
        use std::sync::atomic::Ordering::Relaxed;
        let counters = self.handle.counters();
        [
            ("net_bad_frames", counters.bad_frames.load(Relaxed)),
            ("net_bad_cards", counters.bad_cards.load(Relaxed)),
            ("net_peers_left_out", counters.peers_left_out.load(Relaxed)),
            ("net_fallback_dropped_out", counters.fallback_dropped_out.load(Relaxed)),
            ("net_fallback_dropped_in", counters.fallback_dropped_in.load(Relaxed)),
        ]
    }
}

fn unreached(why: &DialFailure) -> Unreached {
    let code = match why {
        DialFailure::Version { .. } => ErrorCode::Version,
        DialFailure::Blocked => ErrorCode::Refused,
        DialFailure::TooMany => ErrorCode::TryAgain,
        DialFailure::BadAddress { .. } | DialFailure::Myself => ErrorCode::Usage,
        DialFailure::NoAddress
        | DialFailure::NoRoute
        | DialFailure::Refused
        | DialFailure::TimedOut
        | DialFailure::WrongKey { .. }
        | DialFailure::TurnedAway
        | DialFailure::NotJamtty
        | DialFailure::OutsideIfaces
        | DialFailure::Other { .. } => ErrorCode::NotFound,
    };
    let remedy = why.remedy().trim_end_matches('.').to_owned();
    Unreached { code, why: why.why(), remedy }
}

/// Tells what came apart, in our words.
pub(super) fn translate(event: NetEvent) -> FromNet {
    let warning = |what: &str, why: String, remedy: &str| NetMessage::Warning {
        what: what.to_owned(),
        why,
        remedy: remedy.to_owned(),
    };
    let message = match event {
        NetEvent::Listening { addr } => NetMessage::Listening { addr },
        NetEvent::ListeningEnded { addr } => NetMessage::NotListening { addr },
        NetEvent::NetworkDown => warning(
            "there is no network",
            "no interface has an address that leads to another machine; fe80:: alone does not".to_owned(),
            "Plug in a cable, join a Wi-Fi network, or give the interface an address; it is taken by itself",
        ),
        NetEvent::PeerSeen { peer, card, addrs } => NetMessage::Seen { peer, card: Box::new(card), addrs },
        NetEvent::PeerGone { peer } => NetMessage::Gone { peer },
        NetEvent::Connected { peer } => NetMessage::Connected { peer },
        NetEvent::Disconnected { peer, .. } => NetMessage::Disconnected { peer },
        NetEvent::Received { peer, message } => NetMessage::Received { peer, message: Box::new(message) },
        NetEvent::Dialed { peer } => NetMessage::Reached { peer },
        NetEvent::DialFailed { peer, addrs, why } => {
            NetMessage::DialFailed { peer, asked: !addrs.is_empty(), why: unreached(&why) }
        }
        NetEvent::OtherVersion { peer, ours, theirs } => warning(
            &format!("{} speaks another version of jamtty", peer.fingerprint()),
            format!("they speak {theirs}, this jamtty speaks {ours}"),
            "Use the same release of jamtty on both sides",
        ),
        NetEvent::FallbackRefused { peer } => warning(
            "sound cannot take a stream either",
            format!("{} does not open one", peer.fingerprint()),
            "Allow UDP between the two machines in their firewalls",
        ),
        NetEvent::FallbackPacket { peer, packet } => return FromNet::Packet(peer, packet),
        // A message is lost with its connection, which is told; the session mends what was in it.
        NetEvent::NotSent { .. } | NetEvent::NetworkUp | NetEvent::FallbackOpen { .. } => {
            return FromNet::Nothing;
        }
    };
    FromNet::Message(Message::Net(message))
}

//! Peers under test: their keys, cards and words.

use std::path::Path;
use std::time::Duration;

use jamtty::domain::name::Name;
use jamtty::domain::peer_id::PeerId;
use jamtty::domain::profile::Profile;
use jamtty::domain::session::SessionId;
use jamtty::net::swarm::{NetEvent, SwarmConfig, peer_of_seed};
use jamtty::protocol::control::{Chat, ControlMessage, PROTOCOL_VERSION};
use jamtty::protocol::lobby::LobbyCard;

/// How long anything may take before the test says what came instead. Not a figure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn config(seed: u8, ifaces: &[&str], folder: Option<&Path>) -> SwarmConfig {
    SwarmConfig {
        identity_seed: zeroize::Zeroizing::new([seed; 32]),
        profile: format!("p{seed}"),
        ifaces: ifaces.iter().map(|&name| name.to_owned()).collect(),
        mdns: true,
        port: None,
        runtime_dir: folder.map(Path::to_owned),
        card: card(seed),
    }
}

pub(crate) fn peer(seed: u8) -> PeerId {
    peer_of_seed(&[seed; 32]).unwrap()
}

pub(crate) fn card(seed: u8) -> LobbyCard {
    LobbyCard {
        peer: peer(seed),
        profile: Profile::new(&format!("player {seed}"), &["bass"]),
        session: None,
        app_version: Name::new("0.1.0"),
        protocol_version: PROTOCOL_VERSION,
    }
}

/// A message that says `text`.
pub(crate) fn says(text: &str) -> Box<ControlMessage> {
    Box::new(ControlMessage::Chat(Chat { session: SessionId::from_bytes([1; 16]), text: text.to_owned() }))
}

/// What a received message says.
pub(crate) fn said(event: &NetEvent) -> Option<String> {
    match event {
        NetEvent::Received { message: ControlMessage::Chat(chat), .. } => Some(chat.text.clone()),
        _ => None,
    }
}

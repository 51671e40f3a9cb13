//! The control path: finding peers, proving who they are, and ordered messages between them.
//!
//! The only folder that names libp2p. One async task owns the network and is driven by
//! [`NetCommand`]; what happens comes out as [`NetEvent`]. Peers are found by mDNS, through the
//! directory of this machine, or by address. A seen peer is connected at once, so that its card
//! is known; a kept one is connected again and again until it is no longer kept.
//!
//! World: async. Reading order: `behaviour` (protocols and limits), `streams` and `frames` (the
//! control stream), `node` (the task).

mod addrs;
mod behaviour;
mod error;
mod frames;
#[cfg(test)]
mod hostile;
mod identity;
mod node;
mod streams;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::domain::peer_id::PeerId;
use crate::net::directory::PeerDirectory;
use crate::net::interfaces;
use crate::protocol::control::ControlMessage;
use crate::protocol::lobby::LobbyCard;

pub use error::{DialFailure, DisconnectReason, NetError, NotSent};
pub use frames::{FRAME_BYTES_MAX, FRAMES_QUEUED_MAX, MEDIA_PACKET_BYTES_MAX, MEDIA_QUEUED_MAX};
pub use identity::peer_of_seed;

/// Commands that may wait for the network task. When full, [`SwarmHandle::command`] refuses.
pub const COMMANDS_MAX: usize = 1024;
/// Events that may wait for whoever reads them. When full, peers' streams are not read any more,
/// which slows the senders; nothing is lost but fallback packets, which are counted.
pub const EVENTS_MAX: usize = 1024;

/// What a peer's network is started with.
#[derive(Clone)]
pub struct SwarmConfig {
    /// The Ed25519 seed of the profile: the person.
    pub identity_seed: zeroize::Zeroizing<[u8; 32]>,
    /// The profile's name, for the directory of this machine.
    pub profile: String,
    /// Interfaces to use; empty = all. With `lo` alone nothing leaves the machine.
    pub ifaces: Vec<String>,
    /// Port of QUIC (UDP) and TCP; `None` = any free ones.
    pub port: Option<u16>,
    /// Whether peers find each other by mDNS; else by address and in `runtime_dir` alone.
    pub mdns: bool,
    /// Where running peers of this machine meet (`Paths::runtime`); `None` = do not.
    pub runtime_dir: Option<PathBuf>,
    /// What others see in the lobby.
    pub card: LobbyCard,
}

impl std::fmt::Debug for SwarmConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SwarmConfig")
            .field("profile", &self.profile)
            .field("ifaces", &self.ifaces)
            .field("port", &self.port)
            .field("mdns", &self.mdns)
            .field("runtime_dir", &self.runtime_dir)
            .finish_non_exhaustive()
    }
}

/// What the network is told.
#[derive(Debug, Clone)]
pub enum NetCommand {
    /// Show this card from now on; tells everybody who is connected.
    SetCard(Box<LobbyCard>),
    /// Connect to somebody at these addresses (multiaddresses or `IP:PORT`); answered by
    /// [`NetEvent::Dialed`] or [`NetEvent::DialFailed`]. Without a peer, whoever answers is right.
    Dial {
        /// Who must answer.
        peer: Option<PeerId>,
        /// Where; may be empty for a peer already seen.
        addrs: Vec<String>,
    },
    /// Send one message; refused with [`NetEvent::NotSent`] if there is no link.
    Send {
        /// To whom.
        peer: PeerId,
        /// What.
        message: Box<ControlMessage>,
    },
    /// Send what waits, say goodbye and close every connection with this peer; no longer kept.
    Disconnect {
        /// Whom.
        peer: PeerId,
    },
    /// Exactly these peers are connected again whenever they drop, until the next `Keep`.
    Keep {
        /// The peers of the jam.
        peers: Vec<PeerId>,
    },
    /// Close and refuse every connection with this peer.
    Block(PeerId),
    /// Take connections of this peer again.
    Unblock(PeerId),
    /// Open a stream for media packets to this peer, and again after every reconnection.
    OpenFallback {
        /// To whom.
        peer: PeerId,
    },
    /// Send one sealed media packet on that stream; dropped and counted if it is not open.
    SendFallback {
        /// To whom.
        peer: PeerId,
        /// At most [`MEDIA_PACKET_BYTES_MAX`] bytes.
        packet: Vec<u8>,
    },
    /// Close that stream.
    CloseFallback {
        /// To whom.
        peer: PeerId,
    },
    /// Say goodbye to everybody and end; [`SwarmHandle::stop`] also waits for it.
    Stop,
}

/// What the network saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetEvent {
    /// This peer can be reached at this multiaddress.
    Listening {
        /// Without a peer id at its end.
        addr: String,
    },
    /// It can no longer be reached there.
    ListeningEnded {
        /// As it was given in `Listening`.
        addr: String,
    },
    /// No interface carries packets to another machine (any more, if it was not so before).
    NetworkDown,
    /// An interface carries packets (again).
    NetworkUp,
    /// Somebody is in the lobby, or their card has changed.
    PeerSeen {
        /// Who, proven by their key.
        peer: PeerId,
        /// What they show.
        card: LobbyCard,
        /// Where they are reached, as multiaddresses.
        addrs: Vec<String>,
    },
    /// Somebody is no longer in the lobby.
    PeerGone {
        /// Who.
        peer: PeerId,
    },
    /// The control link to this peer is up. Messages on it arrive in order, all of them, unless
    /// `Disconnected` follows.
    Connected {
        /// Who.
        peer: PeerId,
    },
    /// The control link to this peer is down.
    Disconnected {
        /// Who.
        peer: PeerId,
        /// Why.
        why: DisconnectReason,
    },
    /// One message.
    Received {
        /// From whom, proven.
        peer: PeerId,
        /// What.
        message: ControlMessage,
    },
    /// A message was not sent.
    NotSent {
        /// To whom.
        peer: PeerId,
        /// Why.
        why: NotSent,
    },
    /// A `Dial` reached this peer and the link is up (perhaps it already was).
    Dialed {
        /// Who answered.
        peer: PeerId,
    },
    /// Somebody answers or comes who speaks another version of the control path; told once of each. The connection
    /// is closed: what they would say is not understood.
    OtherVersion {
        /// Who.
        peer: PeerId,
        /// What we speak.
        ours: String,
        /// What they speak, made safe to print.
        theirs: String,
    },
    /// A `Dial` failed, or a kept peer cannot be reached (told once per reason).
    DialFailed {
        /// Who was meant, if known.
        peer: Option<PeerId>,
        /// Where, as it was given; empty for a kept peer.
        addrs: Vec<String>,
        /// Why.
        why: DialFailure,
    },
    /// The stream for media packets to this peer is open.
    FallbackOpen {
        /// To whom.
        peer: PeerId,
    },
    /// It could not be opened; `CloseFallback` and `OpenFallback` try again.
    FallbackRefused {
        /// To whom.
        peer: PeerId,
    },
    /// One sealed media packet came over a stream.
    FallbackPacket {
        /// From whom, proven.
        peer: PeerId,
        /// The packet.
        packet: Vec<u8>,
    },
}

/// What was thrown away, and why; counts since the start.
#[derive(Debug, Default)]
pub struct NetCounters {
    /// Media packets dropped because the stream was slower than they came, or not open.
    pub fallback_dropped_out: AtomicU64,
    /// Media packets dropped because nobody took them.
    pub fallback_dropped_in: AtomicU64,
    /// Control frames that could not be understood.
    pub bad_frames: AtomicU64,
    /// Lobby cards that could not be understood.
    pub bad_cards: AtomicU64,
    /// Peers not taken note of because too many are known already.
    pub peers_left_out: AtomicU64,
}

impl NetCounters {
    fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The queue of commands is full: the network task has fallen far behind, or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the network task does not take commands")]
pub struct CommandsFull;

/// The running network of one peer. Clones drive the same one; it ends when all are dropped.
#[derive(Debug, Clone)]
pub struct SwarmHandle {
    me: PeerId,
    commands: mpsc::Sender<NetCommand>,
    counters: Arc<NetCounters>,
}

impl SwarmHandle {
    /// Who this peer is.
    #[must_use]
    pub fn me(&self) -> PeerId {
        self.me
    }

    /// Gives a command without waiting; also from plain threads.
    ///
    /// # Errors
    /// [`CommandsFull`] if [`COMMANDS_MAX`] wait already, or the network has ended.
    pub fn command(&self, command: NetCommand) -> Result<(), CommandsFull> {
        self.commands.try_send(command).map_err(|_| CommandsFull)
    }

    /// What was thrown away so far.
    #[must_use]
    pub fn counters(&self) -> &NetCounters {
        &self.counters
    }

    /// Says goodbye to everybody and waits until the network has ended: half a second at most if
    /// events are still taken from it.
    pub async fn stop(&self) {
        if self.commands.send(NetCommand::Stop).await.is_ok() {
            self.commands.closed().await;
        }
    }
}

/// Starts a peer's network.
#[derive(Debug)]
pub struct Swarm;

impl Swarm {
    /// Checks the configuration, binds the ports and starts the task.
    ///
    /// Must be called inside a tokio runtime. Starts without any network too, and says so.
    ///
    /// # Errors
    /// [`NetError`], by remedy.
    pub fn start(config: SwarmConfig) -> Result<(SwarmHandle, mpsc::Receiver<NetEvent>), NetError> {
        tokio::runtime::Handle::try_current().map_err(|_| NetError::NoRuntime)?;
        refuse_key_log()?;
        let system = |operation| move |source| NetError::System { operation, source };
        let interfaces = interfaces::list().map_err(system("list the network interfaces"))?;
        interfaces::check_names(&config.ifaces, &interfaces)?;
        let keypair = identity::keypair(&config.identity_seed)
            .map_err(std::io::Error::other)
            .map_err(system("read the profile's key"))?;
        let me = peer_of_seed(&config.identity_seed).map_err(system("read the profile's key"))?;
        let scope = addrs::Scope::of(&config.ifaces, &interfaces);
        let swarm = behaviour::build(keypair, config.mdns && scope != addrs::Scope::LoopbackOnly)?;
        let directory = match &config.runtime_dir {
            None => None,
            Some(folder) => Some(
                PeerDirectory::open(folder, &config.profile, me)
                    .map_err(system("open the folder where peers of this machine meet"))?,
            ),
        };
        let (commands, commands_rx) = mpsc::channel(COMMANDS_MAX);
        let (events, events_rx) = mpsc::channel(EVENTS_MAX);
        let counters = Arc::new(NetCounters::default());
        let parts = node::Parts {
            me,
            swarm,
            scope,
            interfaces,
            port: config.port,
            directory,
            card: config.card,
            commands: commands_rx,
            events,
            counters: Arc::clone(&counters),
        };
        tokio::spawn(node::Node::new(parts)?.run());
        Ok((SwarmHandle { me, commands, counters }, events_rx))
    }
}

/// libp2p's TLS writes the keys of every connection to the file this variable names. A build for
/// use refuses to start; the variable cannot be removed without unsafe code.
fn refuse_key_log() -> Result<(), NetError> {
    match std::env::var_os("SSLKEYLOGFILE") {
        Some(_) if cfg!(not(debug_assertions)) => Err(NetError::KeyLog),
        Some(_) => {
            tracing::warn!("SSLKEYLOGFILE is set: the keys of every connection are written there");
            Ok(())
        }
        None => Ok(()),
    }
}

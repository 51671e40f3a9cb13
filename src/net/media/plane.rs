//! The control side's handle on the media path.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::keys::KeyMark;
use super::link::{Link, LinkReport, LinkShared};
use super::opener::LinkOpener;
use super::receive::{PlaneNumbers, ReceiveThread};
use super::sink::{MediaSink, SinkCommand};
use super::socket::{self, MediaSocket};
use super::{LinkSpec, MediaBind, MediaError, MediaEvent};
use crate::clock;
use crate::domain::peer_id::PeerId;
use crate::protocol::report::PlayoutReport;

/// All media links of this peer. Its threads end, within 50 ms, when it is dropped.
pub struct MediaPlane {
    sockets: Arc<[MediaSocket]>,
    links: HashMap<PeerId, Remote>,
    generations: u64,
    used: VecDeque<KeyMark>,
    to_sink: SyncSender<SinkCommand>,
    to_receivers: Vec<ToReceiver>,
    events: Receiver<MediaEvent>,
    counters: Arc<PlaneNumbers>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    sink: Option<MediaSink>,
}

/// One receive thread, from here.
struct ToReceiver {
    links: SyncSender<Arc<Link>>,
    bell: UnixStream,
}

impl ToReceiver {
    /// Whether the thread takes one more link.
    fn add(&self, link: Arc<Link>) -> bool {
        let added = self.links.try_send(link).is_ok();
        self.ring();
        added
    }

    fn ring(&self) {
        // A bell that is full of rings has been rung.
        let _ = (&self.bell).write(&[1]);
    }
}

struct Remote {
    link: Arc<Link>,
    addr: Option<SocketAddr>,
    send: KeyMark,
    receive: KeyMark,
}

impl fmt::Debug for MediaPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaPlane {{ {} sockets, {} links }}", self.sockets.len(), self.links.len())
    }
}

/// Commands that may wait for a thread; each wakes it, or is seen within 50 ms. When it is full the thread
/// has ended, and the command fails.
const COMMANDS_MAX: usize = 256;
/// Events that may wait for the control side. The newest is lost when it is full, and counted.
const EVENTS_MAX: usize = 256;

/// Keys remembered as used; the oldest is forgotten. A guard against our own mistakes, not others'.
const USED_KEYS_MAX: usize = 1_024;

/// Datagrams that belonged to no link, and what else the threads counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct PlaneCounters {
    /// Of no stream we know: not opened.
    pub unknown: u64,
    /// Of a stream we know, from an address we do not, too many of them: not opened.
    pub throttled: u64,
    /// The system refused to receive.
    pub receive_errors: u64,
    /// Events nobody fetched.
    pub events_dropped: u64,
}

impl MediaPlane {
    /// Opens the sockets and starts their receive threads.
    ///
    /// # Errors
    /// [`MediaError`] by what to do about it.
    pub fn bind(bind: &MediaBind) -> Result<Self, MediaError> {
        let sockets: Arc<[MediaSocket]> = socket::bind_all(bind)?.into();
        let (to_sink, sink_commands) = sync_channel(COMMANDS_MAX);
        let (to_plane, events) = sync_channel(EVENTS_MAX);
        let sink = MediaSink::new(sink_commands, Arc::clone(&sockets), bind.fallback.clone());
        let mut plane = Self {
            sockets: Arc::clone(&sockets),
            links: HashMap::new(),
            generations: 0,
            used: VecDeque::new(),
            to_sink,
            to_receivers: Vec::new(),
            events,
            counters: Arc::default(),
            stop: Arc::default(),
            threads: Vec::new(),
            sink: Some(sink),
        };
        for index in 0..sockets.len() {
            let (links, commands) = sync_channel(COMMANDS_MAX);
            let (bell, rung) = UnixStream::pair().map_err(MediaError::Thread)?;
            bell.set_nonblocking(true).and(rung.set_nonblocking(true)).map_err(MediaError::Thread)?;
            let receive = ReceiveThread {
                index: index as u8,
                sockets: Arc::clone(&sockets),
                commands,
                to_sink: plane.to_sink.clone(),
                events: to_plane.clone(),
                counters: Arc::clone(&plane.counters),
                stop: Arc::clone(&plane.stop),
                bell: rung,
            };
            let thread = thread::Builder::new().name("media-rx".to_owned()).spawn(move || receive.run());
            plane.threads.push(thread.map_err(MediaError::Thread)?);
            plane.to_receivers.push(ToReceiver { links, bell });
        }
        Ok(plane)
    }

    /// Where this peer can be reached, best first: what to tell the other side. Asks the system
    /// each time, for interfaces come and go.
    #[must_use]
    pub fn candidates(&self) -> Vec<SocketAddr> {
        socket::candidates(&self.sockets)
    }

    /// The sending side, for the encoder thread; `None` if it was taken before.
    pub fn sink(&mut self) -> Option<MediaSink> {
        self.sink.take()
    }

    /// Begins a link, or begins it again after either side made a new offer, which replaces the old
    /// one. The half whose keys are as before goes on with its numbers; the other half begins anew.
    ///
    /// # Errors
    /// [`MediaError::KeysUsed`] for keys of a link that has ended, [`MediaError::Keys`], or
    /// [`MediaError::Stalled`] if a thread takes no commands. There is no link with the peer then.
    pub fn add_link(&mut self, spec: LinkSpec) -> Result<(), MediaError> {
        let peer = spec.peer;
        let old = self.links.remove(&peer);
        let added = self.replace_link(old.as_ref(), spec);
        if let Some(old) = &old {
            old.link.shared.removed.store(true, Relaxed);
        }
        if added.is_err() {
            self.remove_link(peer);
        }
        added
    }

    fn replace_link(&mut self, old: Option<&Remote>, spec: LinkSpec) -> Result<(), MediaError> {
        let (send, receive) = (spec.send.mark(), spec.receive.mark());
        let same_sender = old.is_some_and(|old| old.send == send);
        let same_stream = old.is_some_and(|old| old.receive == receive);
        if (!same_sender && !self.use_once(send)) || (!same_stream && !self.use_once(receive)) {
            return Err(MediaError::KeysUsed);
        }
        let sealer = if same_sender { None } else { Some(Box::new(spec.send.sealer()?)) };
        let candidates = socket::paths(&self.sockets, &spec.remote);
        let shared = LinkShared::default();
        if let Some(old) = old {
            shared.fallback.store(old.link.shared.fallback.load(Relaxed), Relaxed);
            shared.playout.set(&old.link.shared.playout.report());
        }
        shared.added_us.store(clock::now().micros().max(1), Relaxed);
        self.generations += 1;
        let link = Arc::new(Link {
            peer: spec.peer,
            generation: self.generations,
            send_ssrc: spec.send.ssrc,
            receive_ssrc: spec.receive.ssrc,
            candidates: candidates.clone(),
            opener: Mutex::new(None),
            shared,
        });
        let remote = Remote { link: Arc::clone(&link), addr: None, send, receive };
        self.links.insert(spec.peer, remote);
        // The sink first: a receive thread may tell it where to send at once.
        let add = SinkCommand::Add { link: Arc::clone(&link), sealer };
        self.to_sink.try_send(add).map_err(|_| MediaError::Stalled)?;
        let going_on = old.filter(|_| same_stream).and_then(|old| old.link.opener.lock().ok()?.take());
        let opener = match going_on {
            Some(opener) => opener.renewed(spec.format, spec.frames, candidates),
            None => LinkOpener::new(spec.receive.opener()?, spec.format, spec.frames, candidates),
        };
        if let Ok(mut place) = link.opener.lock() {
            *place = Some(opener);
        }
        let told = self.to_receivers.iter().all(|receiver| receiver.add(Arc::clone(&link)));
        if told { Ok(()) } else { Err(MediaError::Stalled) }
    }

    /// Whether these keys are new; they are not any more.
    fn use_once(&mut self, mark: KeyMark) -> bool {
        let new = !self.used.contains(&mark);
        if new {
            if self.used.len() >= USED_KEYS_MAX {
                self.used.pop_front();
            }
            self.used.push_back(mark);
        }
        new
    }

    /// Ends a link; unknown peers are no matter.
    pub fn remove_link(&mut self, peer: PeerId) {
        if let Some(remote) = self.links.remove(&peer) {
            remote.link.shared.removed.store(true, Relaxed);
        }
    }

    /// One link in numbers.
    #[must_use]
    pub fn link_report(&self, peer: PeerId) -> Option<LinkReport> {
        self.links.get(&peer).map(|remote| remote.link.shared.report(remote.addr))
    }

    /// What belonged to no link.
    #[must_use]
    pub fn counters(&self) -> PlaneCounters {
        PlaneCounters {
            unknown: self.counters.unknown.load(Relaxed),
            throttled: self.counters.throttled.load(Relaxed),
            receive_errors: self.counters.receive_errors.load(Relaxed),
            events_dropped: self.counters.events_dropped.load(Relaxed),
        }
    }

    /// The next event, if there is one. Never waits.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        let event = self.events.try_recv().ok()?;
        if let MediaEvent::UdpUp { peer, addr } | MediaEvent::Moved { peer, addr } = &event
            && let Some(remote) = self.links.get_mut(peer)
        {
            remote.addr = Some(*addr);
        }
        Some(event)
    }

    /// Sends frames of this link by the detour, or by UDP again. UDP is tried all the while.
    pub fn use_fallback(&self, peer: PeerId, on: bool) {
        if let Some(remote) = self.links.get(&peer) {
            remote.link.shared.fallback.store(on, Relaxed);
        }
    }

    /// Takes a sealed packet that came by the detour.
    pub fn fallback_in(&self, peer: PeerId, packet: &[u8]) {
        if let Some(remote) = self.links.get(&peer)
            && let Ok(mut guard) = remote.link.opener.lock()
            && let Some(opener) = guard.as_mut()
        {
            let _ = opener.handle(clock::now(), packet, false, &remote.link.shared);
        }
    }

    /// What our engine says of their stream: told to them with the next report.
    pub fn set_playout(&self, peer: PeerId, report: PlayoutReport) {
        if let Some(remote) = self.links.get(&peer) {
            remote.link.shared.playout.set(&report);
        }
    }
}

impl Drop for MediaPlane {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.to_receivers.iter().for_each(ToReceiver::ring);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

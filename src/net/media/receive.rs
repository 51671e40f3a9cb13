//! The receive threads: one per socket, blocking, raised where allowed.
//!
//! World: worker. One system call per packet. Until a packet's stream and sender are known it costs
//! a comparison and a counter: no key is touched and nothing is kept.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender};

use super::MediaEvent;
use super::link::{Link, LinkShared, UdpState};
use super::opener::Opened;
use super::sink::SinkCommand;
use super::socket::{MediaSocket, Path, RECEIVE_WAIT};
use crate::clock;
use crate::domain::time::Timestamp;
use crate::priority::{Raised, Role};
use crate::protocol::packet;

/// What one receive thread works with.
pub(super) struct ReceiveThread {
    pub(super) index: u8,
    pub(super) sockets: Arc<[MediaSocket]>,
    pub(super) commands: Receiver<Arc<Link>>,
    pub(super) to_sink: SyncSender<SinkCommand>,
    pub(super) events: SyncSender<MediaEvent>,
    pub(super) counters: Arc<PlaneNumbers>,
    pub(super) stop: Arc<AtomicBool>,
    /// Rung with every command and at the end.
    pub(super) bell: UnixStream,
}

/// What belongs to no link.
#[derive(Debug, Default)]
pub(super) struct PlaneNumbers {
    pub(super) unknown: AtomicU64,
    pub(super) throttled: AtomicU64,
    pub(super) receive_errors: AtomicU64,
    pub(super) events_dropped: AtomicU64,
}

impl ReceiveThread {
    /// Runs until `stop` is set.
    pub(super) fn run(mut self) {
        let raised = Raised::try_now(Role::Receive);
        if self.index == 0 {
            self.tell(MediaEvent::ReceivePriority(raised));
        }
        let mut buffer = [0; DATAGRAM_BYTES_READ];
        let mut links: Vec<Arc<Link>> = Vec::new();
        let mut strangers = TokenBucket::new();
        let mut looked_around = Timestamp::default();
        loop {
            if links.is_empty() {
                // Nothing is due: asleep until somebody rings, or sends us what we do not know.
                self.sockets[usize::from(self.index)].wait(&self.bell);
            }
            if self.stop.load(Relaxed) {
                return;
            }
            let came = self.sockets[usize::from(self.index)].receive(&mut buffer);
            let now = clock::now();
            while let Ok(link) = self.commands.try_recv() {
                links.retain(|old| old.peer != link.peer);
                links.push(link);
            }
            match came {
                Ok(Some((len, addr))) => {
                    let path = Path { socket: self.index, addr };
                    self.handle(now, path, &buffer[..len], &links, &mut strangers);
                }
                Ok(None) => {}
                Err(_) => {
                    self.counters.receive_errors.fetch_add(1, Relaxed);
                    std::thread::park_timeout(RECEIVE_WAIT);
                }
            }
            if now.since(looked_around) >= RECEIVE_WAIT {
                looked_around = now;
                links.retain(|link| !link.shared.removed.load(Relaxed));
                links.iter().for_each(|link| self.judge(now, link, None));
            }
        }
    }

    fn handle(
        &mut self,
        now: Timestamp,
        path: Path,
        datagram: &[u8],
        links: &[Arc<Link>],
        strangers: &mut TokenBucket,
    ) {
        let Some(ssrc) = packet::claimed_ssrc(datagram) else {
            self.counters.unknown.fetch_add(1, Relaxed);
            return;
        };
        let mut known = false;
        for link in links.iter().filter(|link| link.receive_ssrc == ssrc) {
            known = true;
            let Ok(mut guard) = link.opener.lock() else { continue };
            let Some(opener) = guard.as_mut() else { continue };
            let stranger = !opener.knows(path);
            if stranger && !strangers.take(now) {
                self.counters.throttled.fetch_add(1, Relaxed);
                continue;
            }
            let opened = opener.handle(now, datagram, stranger, &link.shared);
            if !matches!(opened, Opened::Sound | Opened::Report) {
                continue;
            }
            link.shared.heard_us.store(now.micros().max(1), Relaxed);
            if opener.should_move(now, path) {
                let command = SinkCommand::Move { peer: link.peer, generation: link.generation, path };
                if self.to_sink.try_send(command).is_ok() {
                    opener.confirm(now, path);
                    self.tell(MediaEvent::Moved { peer: link.peer, addr: path.addr });
                }
            }
            drop(guard);
            if opened == Opened::Report {
                self.judge(now, link, Some(path));
            }
            return;
        }
        if !known {
            self.counters.unknown.fetch_add(1, Relaxed);
        }
    }

    /// Says when UDP begins or ceases to work on a link. All receive threads look; one tells.
    fn judge(&mut self, now: Timestamp, link: &Link, path: Option<Path>) {
        let shared = &link.shared;
        let works = LinkShared::lately(&shared.heard_us, now, UDP_SILENT_US)
            && LinkShared::lately(&shared.answered_us, now, UDP_SILENT_US);
        let is = shared.udp_state();
        let waiting = is == UdpState::Searching && LinkShared::lately(&shared.added_us, now, UDP_SILENT_US);
        let (next, event) = match path {
            Some(path) if works && is != UdpState::Up => {
                (UdpState::Up, MediaEvent::UdpUp { peer: link.peer, addr: path.addr })
            }
            _ if !works && !waiting && is != UdpState::Silent => {
                (UdpState::Silent, MediaEvent::UdpSilent { peer: link.peer })
            }
            _ => return,
        };
        if shared.udp.compare_exchange(is as u8, next as u8, Relaxed, Relaxed).is_ok() {
            self.tell(event);
        }
    }

    fn tell(&self, event: MediaEvent) {
        if self.events.try_send(event).is_err() {
            self.counters.events_dropped.fetch_add(1, Relaxed);
        }
    }
}

/// Larger than anything of ours; the rest of a longer datagram is cut off and does not authenticate.
const DATAGRAM_BYTES_READ: usize = 2_048;
/// Without authentic packets for so long, in one direction or the other, UDP does not work.
const UDP_SILENT_US: u64 = 2_000_000;

/// How often a packet of a known stream from an unknown address is tried: a peer that moved needs
/// one, a flood of forgeries gets no more than this.
struct TokenBucket {
    tokens: f32,
    filled: Timestamp,
}

const TOKENS_PER_S: f32 = 100.0;
const TOKENS_MAX: f32 = 20.0;

impl TokenBucket {
    fn new() -> Self {
        Self { tokens: TOKENS_MAX, filled: Timestamp::default() }
    }

    fn take(&mut self, now: Timestamp) -> bool {
        let earned = now.since(self.filled).as_secs_f32() * TOKENS_PER_S;
        self.tokens = (self.tokens + earned).min(TOKENS_MAX);
        self.filled = now;
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_strangers_is_tried_a_hundred_times_a_second() {
        let mut bucket = TokenBucket::new();
        let tried = (0..20_000_u64).filter(|n| bucket.take(Timestamp::from_micros(n * 100))).count();
        assert!((210..=225).contains(&tried), "{tried}");
    }
}

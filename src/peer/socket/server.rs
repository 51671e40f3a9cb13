//! The peer's end of the local socket: one task per client, one bounded queue each way.
//!
//! World: async. [`Hub`] belongs to the peer's own task and never waits for a client.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, io};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::lock::ProfileLock;
use super::{CLIENT_QUEUE, CLIENT_QUEUE_BYTES, CLIENTS_MAX};
use crate::peer::api::{
    API_VERSION, ErrorCode, ErrorReply, EventLine, LINE_BYTES_MAX, ReplyLine, RequestLine,
};

/// How long a client may take to read one write before it is dropped (`socket_clients_slow`).
const STALL_MAX: Duration = Duration::from_secs(10);

/// One connection of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// What clients do, in the order in which they do it.
#[derive(Debug)]
pub enum SocketInput {
    /// Connected.
    Came(ClientId, Outbox),
    /// Asked for something.
    Asked(ClientId, RequestLine),
    /// Asks for nothing more; what it asked for is still answered.
    Done(ClientId),
    /// Is gone.
    Gone(ClientId),
}

/// Things counted since the start.
#[derive(Debug, Default)]
pub struct SocketCounters {
    /// Clients that connected.
    pub clients: AtomicU64,
    /// Turned away: [`CLIENTS_MAX`] were here.
    pub refused: AtomicU64,
    /// Dropped because they did not read.
    pub slow: AtomicU64,
    /// Lines that were no request, or too long.
    pub bad_lines: AtomicU64,
}

/// A bound socket; removed when it is dropped.
#[derive(Debug)]
pub struct SocketServer {
    listener: UnixListener,
    path: PathBuf,
    counters: Arc<SocketCounters>,
}

impl SocketServer {
    /// Binds the socket, mode 0600. A file left by a process that died is replaced, which only the
    /// holder of the profile's lock may do.
    ///
    /// # Errors
    /// As `bind`; a path beyond the system's limit (108 bytes on Linux) is `InvalidInput`.
    pub fn bind(path: &Path, _lock: &ProfileLock) -> io::Result<Self> {
        // Under another name first, so that whoever finds the socket finds it with its mode.
        let unfinished = path.with_extension("sock~");
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&unfinished)?;
        fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
        fs::rename(&unfinished, path)?;
        Ok(Self { listener, path: path.to_owned(), counters: Arc::default() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Things counted since the start.
    #[must_use]
    pub fn counters(&self) -> Arc<SocketCounters> {
        Arc::clone(&self.counters)
    }

    /// Takes clients until the peer goes (`inbox` closes).
    pub async fn serve(self, inbox: mpsc::Sender<SocketInput>) {
        let seats = Arc::new(Semaphore::new(CLIENTS_MAX));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = inbox.closed() => return,
            };
            let Ok((stream, _)) = accepted else {
                // No file descriptors left, most likely: wait for some instead of spinning.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let id = ClientId(self.counters.clients.fetch_add(1, Ordering::Relaxed) + 1);
            let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else {
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
                turn_away(&stream);
                continue;
            };
            let (inbox, counters) = (inbox.clone(), Arc::clone(&self.counters));
            tokio::spawn(async move {
                serve_client(id, stream, inbox, counters).await;
                drop(seat);
            });
        }
    }
}

impl Drop for SocketServer {
    fn drop(&mut self) {
        // Left behind it would only be replaced by the next peer.
        let _ = fs::remove_file(&self.path);
    }
}

/// Says why, if the client's buffer takes it at once, and hangs up.
fn turn_away(stream: &UnixStream) {
    let error = ErrorReply::new(
        ErrorCode::TryAgain,
        "too many clients",
        format!("{CLIENTS_MAX} are connected to this peer"),
        "Close some and try again",
    );
    if let Some(line) = to_line(&ReplyLine::failed(0, error)) {
        let _ = stream.try_write(&line);
    }
}

/// One line of JSON, newline included.
fn to_line(value: &impl serde::Serialize) -> Option<Arc<[u8]>> {
    let mut bytes = serde_json::to_vec(value).ok()?;
    bytes.push(b'\n');
    Some(bytes.into())
}

/// The queue of lines to one client.
#[derive(Debug, Clone)]
pub struct Outbox {
    lines: mpsc::Sender<Arc<[u8]>>,
    waiting_bytes: Arc<AtomicUsize>,
    task: AbortHandle,
    counters: Arc<SocketCounters>,
}

impl Outbox {
    /// Queues a line. `false`: the client reads too slowly; it is dropped and counted.
    fn push(&self, line: Arc<[u8]>) -> bool {
        let len = line.len();
        let waiting = self.waiting_bytes.fetch_add(len, Ordering::AcqRel);
        let fits = waiting == 0 || waiting + len <= CLIENT_QUEUE_BYTES;
        if fits {
            match self.lines.try_send(line) {
                Ok(()) => return true,
                // It went by itself.
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
                Err(mpsc::error::TrySendError::Full(_)) => {}
            }
        }
        self.counters.slow.fetch_add(1, Ordering::Relaxed);
        self.task.abort();
        false
    }
}

async fn serve_client(
    id: ClientId,
    stream: UnixStream,
    inbox: mpsc::Sender<SocketInput>,
    counters: Arc<SocketCounters>,
) {
    let (read, write) = stream.into_split();
    let (lines, to_write) = mpsc::channel(CLIENT_QUEUE);
    let waiting_bytes = Arc::new(AtomicUsize::new(0));
    let writer =
        tokio::spawn(write_lines(write, to_write, Arc::clone(&waiting_bytes), Arc::clone(&counters)));
    let outbox = Outbox { lines, waiting_bytes, task: writer.abort_handle(), counters };
    if inbox.send(SocketInput::Came(id, outbox.clone())).await.is_err() {
        return;
    }
    tokio::pin!(writer);
    let reading = read_requests(id, read, &inbox, outbox);
    let writer_ended = tokio::select! {
        () = reading => false,
        _ = &mut writer => true,
    };
    if !writer_ended {
        // The hub lets go of the queue once all that was asked is answered; then the writer ends.
        if inbox.send(SocketInput::Done(id)).await.is_err() {
            return;
        }
        let _ = writer.await;
    }
    let _ = inbox.send(SocketInput::Gone(id)).await;
}

async fn write_lines(
    mut write: OwnedWriteHalf,
    mut lines: mpsc::Receiver<Arc<[u8]>>,
    waiting_bytes: Arc<AtomicUsize>,
    counters: Arc<SocketCounters>,
) {
    while let Some(line) = lines.recv().await {
        match tokio::time::timeout(STALL_MAX, write.write_all(&line)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                counters.slow.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        waiting_bytes.fetch_sub(line.len(), Ordering::AcqRel);
    }
}

/// Reads requests until the client closes its side, or is not worth reading any more.
async fn read_requests(id: ClientId, read: OwnedReadHalf, inbox: &mpsc::Sender<SocketInput>, outbox: Outbox) {
    let mut reader = BufReader::with_capacity(4096, read);
    let mut line = Vec::new();
    loop {
        let answer = match read_line(&mut reader, &mut line).await {
            Ok(Read::Line) if line.iter().all(u8::is_ascii_whitespace) => continue,
            Ok(Read::Line) => parse_request(&line),
            Ok(Read::TooLong) => Err(Box::new(ReplyLine::failed(0, too_long()))),
            Ok(Read::End) | Err(_) => return,
        };
        match answer {
            Ok(request) => {
                if inbox.send(SocketInput::Asked(id, request)).await.is_err() {
                    return;
                }
            }
            Err(reply) => {
                outbox.counters.bad_lines.fetch_add(1, Ordering::Relaxed);
                let sent = to_line(&reply).is_some_and(|line| outbox.push(line));
                if !sent {
                    return;
                }
                // Garbage must not keep this thread from the peer's own work.
                tokio::task::yield_now().await;
            }
        }
    }
}

enum Read {
    Line,
    TooLong,
    End,
}

/// Reads one line into `line`, newline taken off; of a too long one nothing is kept.
async fn read_line(reader: &mut BufReader<OwnedReadHalf>, line: &mut Vec<u8>) -> io::Result<Read> {
    line.clear();
    let mut too_long = false;
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            // A last line without a newline is still a line.
            return Ok(match (too_long, line.is_empty()) {
                (true, _) => Read::TooLong,
                (false, true) => Read::End,
                (false, false) => Read::Line,
            });
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        if line.len() + part.len() >= LINE_BYTES_MAX {
            too_long = true;
            line.clear();
            line.shrink_to_fit();
        }
        if !too_long {
            line.extend_from_slice(part);
        }
        let used = end.map_or(part.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(if too_long { Read::TooLong } else { Read::Line });
        }
    }
}

/// Reads a request, or makes the reply that says why it is none.
///
/// # Errors
/// The reply to send back: [`ErrorCode::Usage`] for what is not a request, [`ErrorCode::Version`] for one
/// of another version. It carries the request's id if that could be read.
pub fn parse_request(line: &[u8]) -> Result<RequestLine, Box<ReplyLine>> {
    let failed = |id, error| Err(Box::new(ReplyLine::failed(id, error)));
    let value: serde_json::Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(error) => return failed(0, not_a_request(&error.to_string())),
    };
    let id = value.get("id").and_then(serde_json::Value::as_u64).unwrap_or(0);
    match value.get("v").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(API_VERSION) => {}
        Some(version) => return failed(id, other_version(version)),
        None => return failed(id, not_a_request("there is no version in it")),
    }
    serde_json::from_value(value).or_else(|error| failed(id, not_a_request(&error.to_string())))
}

fn not_a_request(why: &str) -> ErrorReply {
    ErrorReply::new(
        ErrorCode::Usage,
        "this line is no request",
        crate::domain::name::safe_line(why, 120),
        "Send one JSON object a line, as in {\"v\":1,\"id\":1,\"do\":\"status\"}",
    )
}

fn other_version(version: u64) -> ErrorReply {
    ErrorReply::new(
        ErrorCode::Version,
        "versions do not match",
        format!("this peer speaks version {API_VERSION} of the socket, the request version {version}"),
        "Use the same release of jamtty on both sides",
    )
}

fn too_long() -> ErrorReply {
    ErrorReply::new(
        ErrorCode::Usage,
        "this line is too long",
        format!("a line holds at most {LINE_BYTES_MAX} bytes"),
        "Send less at once",
    )
}

/// All clients, as the peer's own task sees them. Nothing here waits.
#[derive(Debug, Default)]
pub struct Hub {
    clients: BTreeMap<ClientId, Client>,
}

#[derive(Debug)]
struct Client {
    outbox: Outbox,
    /// Requests without a reply yet.
    open: usize,
    /// It asks for nothing more.
    done: bool,
    /// Names of events it follows; `None`: none of them, empty: all.
    watching: Option<BTreeSet<String>>,
}

impl Hub {
    /// Keeps the books of who is here; a request comes back to be handled.
    pub fn take(&mut self, input: SocketInput) -> Option<(ClientId, RequestLine)> {
        match input {
            SocketInput::Came(id, outbox) => {
                self.clients.insert(id, Client { outbox, open: 0, done: false, watching: None });
                None
            }
            SocketInput::Asked(id, request) => {
                self.clients.get_mut(&id)?.open += 1;
                Some((id, request))
            }
            SocketInput::Done(id) => {
                if let Some(client) = self.clients.get_mut(&id) {
                    client.done = true;
                }
                self.let_go_if_answered(id);
                None
            }
            SocketInput::Gone(id) => {
                self.clients.remove(&id);
                None
            }
        }
    }

    /// Answers a request. A client that is gone or too slow is forgotten.
    pub fn reply(&mut self, id: ClientId, reply: &ReplyLine) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.open = client.open.saturating_sub(1);
        if !to_line(reply).is_some_and(|line| client.outbox.push(line)) {
            self.clients.remove(&id);
            return;
        }
        self.let_go_if_answered(id);
    }

    /// From now on this client gets events: all, or those named.
    pub fn watch(&mut self, id: ClientId, names: &[String]) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.watching = Some(names.iter().cloned().collect());
        }
    }

    /// Sends an event to everyone who follows it.
    pub fn broadcast(&mut self, event: &EventLine) {
        let name = event.event.name();
        let mut line = None;
        self.clients.retain(|_, client| {
            let wanted =
                client.watching.as_ref().is_some_and(|names| names.is_empty() || names.contains(name));
            if !wanted {
                return true;
            }
            let line = line.get_or_insert_with(|| to_line(event));
            line.as_ref().is_none_or(|line| client.outbox.push(Arc::clone(line)))
        });
    }

    /// Clients here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether nobody is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    fn let_go_if_answered(&mut self, id: ClientId) {
        if self.clients.get(&id).is_some_and(|client| client.done && client.open == 0) {
            self.clients.remove(&id);
        }
    }
}

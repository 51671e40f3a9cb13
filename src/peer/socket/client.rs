//! A client of the local socket for threads that may block: what the command line uses.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::paths::Paths;
use crate::peer::api::{API_VERSION, ErrorCode, ErrorReply, EventLine, ReplyLine, RequestLine};

/// Longest line a peer may send us, in bytes: a peer is trusted more than its clients are, but a
/// program that is not jamtty at the other end must not fill our memory.
const REPLY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Events kept while a reply is waited for. More and the oldest is forgotten.
const EVENTS_KEPT: usize = 4096;

/// How long an answer may take before we say that the peer hangs. Joining takes longest: a dial, a
/// code word, the steward's answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A connection to a running peer.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    unread: Vec<u8>,
    events: VecDeque<EventLine>,
    last_id: u64,
}

impl Client {
    /// Connects to the running peer of a profile.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] if none runs.
    pub fn connect(paths: &Paths) -> Result<Self, ErrorReply> {
        Self::connect_to(&paths.socket()).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ErrorReply::new(
                ErrorCode::NotFound,
                format!("no peer of profile {} runs", paths.profile),
                format!("nobody listens at {}", paths.socket().display()),
                "Start one with `jamtty peer`, or name another with --profile NAME",
            ),
            _ => lost(&error),
        })
    }

    /// Connects to a socket by its path.
    ///
    /// # Errors
    /// As [`UnixStream::connect`].
    pub fn connect_to(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_write_timeout(Some(ANSWER_WITHIN))?;
        Ok(Self { stream, unread: Vec::new(), events: VecDeque::new(), last_id: 0 })
    }

    /// Asks for one action and waits for its reply's `data`.
    ///
    /// # Errors
    /// What the peer answers; [`ErrorCode::TimedOut`] if it does not; [`ErrorCode::NotFound`] if it ends.
    pub fn request<S: AsRef<str>>(&mut self, action: &str, args: &[S]) -> Result<Value, ErrorReply> {
        self.request_within(action, args, ANSWER_WITHIN)
    }

    /// As [`Client::request`], with another patience.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn request_within<S: AsRef<str>>(
        &mut self,
        action: &str,
        args: &[S],
        within: Duration,
    ) -> Result<Value, ErrorReply> {
        self.last_id += 1;
        let request = RequestLine {
            v: API_VERSION,
            id: self.last_id,
            action: action.to_owned(),
            args: args.iter().map(|text| text.as_ref().to_owned()).collect(),
        };
        let mut line = serde_json::to_vec(&request).map_err(|error| not_ours(&error.to_string()))?;
        line.push(b'\n');
        self.stream.write_all(&line).map_err(|error| lost(&error))?;
        let until = Instant::now() + within;
        loop {
            let Some(line) = self.line(Some(until))? else {
                return Err(ErrorReply::new(
                    ErrorCode::TimedOut,
                    format!("the peer did not answer `{action}`"),
                    format!("nothing came within {} s", within.as_secs()),
                    "Try again; if it stays so, end it and start it anew",
                ));
            };
            match read_line(&line)? {
                Line::Event(event) => self.keep(event),
                Line::Reply(reply) if reply.id == self.last_id || reply.id == 0 => {
                    return match reply.error {
                        Some(error) => Err(error),
                        None => Ok(reply.data.unwrap_or(Value::Null)),
                    };
                }
                // The answer to something we stopped waiting for.
                Line::Reply(_) => {}
            }
        }
    }

    /// As [`Client::request`], read as the type that the action's table names.
    ///
    /// # Errors
    /// As [`Client::request`]; [`ErrorCode::Version`] if the data has another shape.
    pub fn request_as<T: DeserializeOwned>(
        &mut self,
        action: &str,
        args: &[impl AsRef<str>],
    ) -> Result<T, ErrorReply> {
        let data = self.request(action, args)?;
        serde_json::from_value(data).map_err(|error| not_ours(&error.to_string()))
    }

    /// Follows events: all, or those named.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn watch<S: AsRef<str>>(&mut self, names: &[S]) -> Result<(), ErrorReply> {
        self.request("watch", names).map(drop)
    }

    /// The next event; `None` when `within` is over. Without `within` it waits for ever.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] if the peer ends.
    pub fn next_event(&mut self, within: Option<Duration>) -> Result<Option<EventLine>, ErrorReply> {
        let until = within.map(|within| Instant::now() + within);
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let Some(line) = self.line(until)? else { return Ok(None) };
            if let Line::Event(event) = read_line(&line)? {
                return Ok(Some(event));
            }
        }
    }

    /// Parts for a client that asks on one thread and listens on another.
    ///
    /// # Errors
    /// If the system gives no second handle of the connection.
    pub fn split(self) -> io::Result<(Asker, Listener)> {
        let stream = self.stream.try_clone()?;
        stream.set_write_timeout(Some(TAKEN_WITHIN))?;
        Ok((Asker { stream }, Listener { client: self }))
    }

    fn keep(&mut self, event: EventLine) {
        if self.events.len() == EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// The next line; `None` when `until` is past.
    fn line(&mut self, until: Option<Instant>) -> Result<Option<Vec<u8>>, ErrorReply> {
        let mut searched = 0;
        let mut block = [0; 16 * 1024];
        loop {
            if let Some(end) = self.unread[searched..].iter().position(|byte| *byte == b'\n') {
                let rest = self.unread.split_off(searched + end + 1);
                return Ok(Some(std::mem::replace(&mut self.unread, rest)));
            }
            searched = self.unread.len();
            if searched > REPLY_BYTES_MAX {
                return Err(not_ours("a line of more than 8 MiB"));
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            self.stream.set_read_timeout(left).map_err(|error| lost(&error))?;
            match self.stream.read(&mut block) {
                Ok(0) => return Err(lost(&io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => self.unread.extend_from_slice(&block[..count]),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {}
                    _ => return Err(lost(&error)),
                },
            }
        }
    }
}

/// How long a peer may leave a request unread before it counts as hung. It reads at once, or never.
const TAKEN_WITHIN: Duration = Duration::from_millis(500);

/// The half of a connection that asks.
#[derive(Debug)]
pub struct Asker {
    stream: UnixStream,
}

impl Asker {
    /// Sends a request; its reply comes to the [`Listener`] with the same `id`.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] if the peer is gone or does not read.
    pub fn ask(&mut self, id: u64, action: &str, args: Vec<String>) -> Result<(), ErrorReply> {
        let request = RequestLine { v: API_VERSION, id, action: action.to_owned(), args };
        let mut line = serde_json::to_vec(&request).map_err(|error| not_ours(&error.to_string()))?;
        line.push(b'\n');
        self.stream.write_all(&line).map_err(|error| lost(&error))
    }

    /// Ends the connection for both halves.
    pub fn close(&self) {
        // One that is closed already is as good.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

/// The half of a connection that hears replies and events.
#[derive(Debug)]
pub struct Listener {
    client: Client,
}

impl Listener {
    /// The next line; waits for it for ever.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] if the peer ends, [`ErrorCode::Version`] if it is another program.
    pub fn next_line(&mut self) -> Result<Line, ErrorReply> {
        loop {
            if let Some(line) = self.client.line(None)? {
                return read_line(&line);
            }
        }
    }
}

/// What a peer sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// The answer to a request.
    Reply(ReplyLine),
    /// Something that happened.
    Event(EventLine),
}

fn read_line(line: &[u8]) -> Result<Line, ErrorReply> {
    let value: Value = serde_json::from_slice(line).map_err(|error| not_ours(&error.to_string()))?;
    let version = value.get("v").and_then(Value::as_u64);
    if version != Some(u64::from(API_VERSION)) {
        return Err(not_ours(&format!("version {}, this is {API_VERSION}", version.unwrap_or(0))));
    }
    let line = if value.get("event").is_some() {
        serde_json::from_value(value).map(Line::Event)
    } else {
        serde_json::from_value(value).map(Line::Reply)
    };
    line.map_err(|error| not_ours(&error.to_string()))
}

fn lost(error: &io::Error) -> ErrorReply {
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
            "it ended, or it dropped us".to_owned()
        }
        _ => error.to_string(),
    };
    ErrorReply::new(
        ErrorCode::NotFound,
        "no answer from the peer",
        why,
        "See whether it runs: `jamtty status`",
    )
}

fn not_ours(why: &str) -> ErrorReply {
    ErrorReply::new(
        ErrorCode::Version,
        "the peer speaks another language",
        why,
        "End the running peer and start it again with this version",
    )
}

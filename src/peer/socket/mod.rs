//! The local socket: how every face of a peer (command line, screen, scripts) speaks to it.
//!
//! World: async ([`server`]), any thread that may block ([`client`], [`lock`]). A client can be slow,
//! dead or hostile: it costs at most [`CLIENT_QUEUE_BYTES`] and is dropped, and nobody else notices.

pub mod client;
pub mod lock;
pub mod server;

/// Lines that may wait for one client to read them. When it is full the client is dropped
/// (`socket_clients_slow`): a reply left out would leave it waiting for ever.
pub const CLIENT_QUEUE: usize = 512;

/// Bytes that may wait for one client to read them; over it the client is dropped, as above. A
/// single longer line passes when nothing else waits.
pub const CLIENT_QUEUE_BYTES: usize = 1024 * 1024;

/// Clients at once. One more is told so and turned away (`socket_clients_refused`).
pub const CLIENTS_MAX: usize = 128;

/// Requests of all clients that may wait for the peer. When it is full the socket is not read until
/// there is room: nothing is lost, the clients wait.
pub const REQUESTS_MAX: usize = 64;

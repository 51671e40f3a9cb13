//! The way to the peer: one thread asks, one listens; a lost connection is made again.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};

use std::time::{Duration, Instant};

use super::message::PeerNews;
use super::named;
use crate::paths::Paths;
use crate::peer::api::{ErrorCode, ErrorReply};
use crate::peer::socket::client::{Client, Line};

/// Requests that may wait while the peer does not read. More is a peer that hangs: the rest is refused.
const ORDERS_MAX: usize = 64;
/// How often a peer that is not there is looked for.
const RETRY_EVERY: Duration = Duration::from_millis(50);
/// A peer that has just been started is not missing yet.
const START_WITHIN: Duration = Duration::from_secs(3);

enum Order {
    Ask {
        id: u64,
        action: String,
        args: Vec<String>,
    },
    /// The listener of this connection has heard its end.
    Closed(u64),
    End,
}

/// The thread that asks.
#[derive(Debug)]
pub(super) struct PeerClient {
    orders: SyncSender<Order>,
    ended: Receiver<()>,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ask { action, .. } => action,
            Self::Closed(_) => "closed",
            Self::End => "end",
        })
    }
}

impl PeerClient {
    /// Begins to connect; `news` gets what comes.
    pub(super) fn start(paths: Paths, news: impl Fn(PeerNews) + Send + Clone + 'static) -> Self {
        let (orders, inbox) = sync_channel(ORDERS_MAX);
        let (done, ended) = sync_channel(1);
        let own = orders.clone();
        named("asker", move || {
            run(&paths, &own, &inbox, &news);
            let _ = done.send(());
        });
        Self { orders, ended }
    }

    /// Sends a request; false if too many wait already.
    pub(super) fn ask(&self, id: u64, action: String, args: Vec<String>) -> bool {
        !matches!(self.orders.try_send(Order::Ask { id, action, args }), Err(TrySendError::Full(_)))
    }

    /// Ends the connection when all requests are out, or the time is over.
    pub(super) fn end(self, within: Duration) {
        if self.orders.try_send(Order::End).is_ok() {
            let _ = self.ended.recv_timeout(within);
        }
    }
}

fn run(
    paths: &Paths,
    own: &SyncSender<Order>,
    inbox: &Receiver<Order>,
    news: &(impl Fn(PeerNews) + Send + Clone + 'static),
) {
    let began = Instant::now();
    let mut told = false;
    for generation in 0.. {
        let connected = Client::connect(paths).and_then(|client| {
            client.split().map_err(|error| {
                ErrorReply::new(ErrorCode::Failed, "no way to the peer", error.to_string(), "Try again")
            })
        });
        match connected {
            Ok((mut asker, mut listener)) => {
                told = true;
                news(PeerNews::Up);
                let (heard, closed) = (news.clone(), own.clone());
                let listening = named("listener", move || {
                    let error = loop {
                        match listener.next_line() {
                            Ok(Line::Event(event)) => heard(PeerNews::Event(Box::new(event))),
                            Ok(Line::Reply(reply)) => {
                                let result = match reply.error {
                                    Some(error) => Err(Box::new(error)),
                                    None => Ok(reply.data.unwrap_or_default()),
                                };
                                heard(PeerNews::Reply { id: reply.id, result });
                            }
                            Err(error) => break error,
                        }
                    };
                    heard(PeerNews::Lost(Box::new(error)));
                    // A full queue is emptied by the asker, which then fails by itself.
                    let _ = closed.try_send(Order::Closed(generation));
                });
                let ends = loop {
                    match inbox.recv() {
                        Ok(Order::Ask { id, action, args }) => {
                            if asker.ask(id, &action, args).is_err() {
                                break false;
                            }
                        }
                        Ok(Order::Closed(of)) if of == generation => break false,
                        Ok(Order::Closed(_)) => {}
                        Ok(Order::End) | Err(_) => break true,
                    }
                };
                asker.close();
                let _ = listening.join();
                if ends {
                    return;
                }
            }
            Err(error) => {
                if !told && began.elapsed() > START_WITHIN {
                    told = true;
                    news(PeerNews::Lost(Box::new(error)));
                }
                // What was asked meanwhile is not asked later: it was meant for then.
                match inbox.recv_timeout(RETRY_EVERY) {
                    Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
                    Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                }
            }
        }
    }
}

/// A channel end as a place for news.
pub(super) fn into<T: Send + 'static>(
    sender: &SyncSender<T>,
    wrap: fn(PeerNews) -> T,
) -> impl Fn(PeerNews) + Send + Clone + 'static {
    let sender = sender.clone();
    // Nobody reads it any more when the screen closes.
    move |news| drop(sender.send(wrap(news)))
}

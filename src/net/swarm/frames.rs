//! The two stream formats: control frames (u32 length) and sealed media packets (u16 length).
//!
//! World: async; one task per direction of a stream. Lengths are big-endian. A control frame of
//! length 0 says goodbye: nothing follows it, and whoever reads it closes the connection.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};
use zeroize::Zeroizing;

use crate::protocol::control::MESSAGE_BYTES_MAX;

/// Longest control frame, in bytes (DESIGN section 4). A longer one ends the connection.
pub const FRAME_BYTES_MAX: usize = MESSAGE_BYTES_MAX;
/// Control frames that may wait for one peer, at most 8 MiB. A peer that lets it fill up is too
/// slow and is disconnected, which the reason says.
pub const FRAMES_QUEUED_MAX: usize = 128;
/// Control frames a peer may send per second, averaged over [`FRAME_BURST`]; more wait unread,
/// which holds up nobody else.
const FRAMES_PER_SECOND: u32 = 200;
/// Frames that may come at once before the rate limit bites.
const FRAME_BURST: u32 = 400;
/// Longest media packet on a stream, in bytes: more than any datagram we seal.
pub const MEDIA_PACKET_BYTES_MAX: usize = 2048;
/// Media packets that may wait for one peer: 40 ms of 2.5 ms frames. When full the oldest is
/// dropped and counted: late sound is worth nothing.
pub const MEDIA_QUEUED_MAX: usize = 16;

/// What the writer of a control stream is given.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// One frame, at most [`FRAME_BYTES_MAX`] bytes; overwritten afterwards, for it may carry keys.
    Frame(Zeroizing<Vec<u8>>),
    /// The last thing on this stream.
    Goodbye,
}

/// What the reader of a control stream found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// One frame, not decoded; overwritten afterwards.
    Frame(Zeroizing<Vec<u8>>),
    /// The stream ended, and how. Always the last.
    Ended(Ended),
}

/// How a control stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The other side took its leave.
    Goodbye,
    /// The connection broke or was closed without a word.
    Broken,
    /// A frame was announced that is longer than [`FRAME_BYTES_MAX`].
    TooLong(u32),
}

/// Writes what comes until a goodbye, an error, or nobody can send any more.
pub(super) async fn write_frames(
    mut stream: impl AsyncWrite + Unpin,
    mut frames: mpsc::Receiver<Outgoing>,
) -> io::Result<()> {
    while let Some(next) = frames.recv().await {
        let mut next = Some(next);
        while let Some(outgoing) = next {
            match outgoing {
                Outgoing::Frame(frame) => {
                    let len = u32::try_from(frame.len()).map_err(io::Error::other)?;
                    stream.write_all(&len.to_be_bytes()).await?;
                    stream.write_all(&frame).await?;
                }
                Outgoing::Goodbye => {
                    stream.write_all(&0_u32.to_be_bytes()).await?;
                    return stream.close().await;
                }
            }
            next = frames.try_recv().ok();
        }
        stream.flush().await?;
    }
    stream.close().await
}

/// Reads frames and gives each to `give` until it says no, or the stream ends.
///
/// Waits while `give` waits, so a busy receiver slows this sender and no one else.
pub(super) async fn read_frames<F: Future<Output = bool>>(
    mut stream: impl AsyncRead + Unpin,
    mut give: impl FnMut(Incoming) -> F,
) {
    let mut budget = Budget::new(FRAMES_PER_SECOND, FRAME_BURST);
    loop {
        let wait = budget.spend(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let incoming = read_frame(&mut stream).await;
        let last = matches!(incoming, Incoming::Ended(_));
        if !give(incoming).await || last {
            return;
        }
    }
}

async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Incoming {
    let mut len = [0; 4];
    if stream.read_exact(&mut len).await.is_err() {
        return Incoming::Ended(Ended::Broken);
    }
    let len = u32::from_be_bytes(len);
    if len == 0 {
        return Incoming::Ended(Ended::Goodbye);
    }
    if len as usize > FRAME_BYTES_MAX {
        return Incoming::Ended(Ended::TooLong(len));
    }
    let mut frame = Zeroizing::new(vec![0; len as usize]);
    match stream.read_exact(&mut frame).await {
        Ok(()) => Incoming::Frame(frame),
        Err(_) => Incoming::Ended(Ended::Broken),
    }
}

/// So many per second, so many at once; who spends more waits.
#[derive(Debug)]
struct Budget {
    each: Duration,
    burst: u32,
    /// When the bucket will be full again.
    full_at: Instant,
}

impl Budget {
    fn new(per_second: u32, burst: u32) -> Self {
        Self { each: Duration::from_secs(1) / per_second, burst, full_at: Instant::now() }
    }

    /// Takes one; says how long to wait first.
    fn spend(&mut self, now: Instant) -> Duration {
        self.full_at = self.full_at.max(now) + self.each;
        self.full_at.saturating_duration_since(now + self.each * self.burst)
    }
}

/// Media packets on their way to one peer: the newest win.
#[derive(Debug, Default)]
pub(super) struct MediaQueue {
    packets: Mutex<VecDeque<Vec<u8>>>,
    changed: Notify,
    closed: std::sync::atomic::AtomicBool,
}

impl MediaQueue {
    /// Adds a packet; drops and counts the oldest when full.
    pub(super) fn push(&self, packet: Vec<u8>, dropped: &AtomicU64) {
        let mut packets = self.packets.lock().unwrap_or_else(PoisonError::into_inner);
        if packets.len() >= MEDIA_QUEUED_MAX {
            packets.pop_front();
            dropped.fetch_add(1, Ordering::Relaxed);
        }
        packets.push_back(packet);
        drop(packets);
        self.changed.notify_one();
    }

    /// Nothing comes after what is queued.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    async fn pop(&self) -> Option<Vec<u8>> {
        loop {
            let packet = self.packets.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            if packet.is_some() || self.closed.load(Ordering::Acquire) {
                return packet;
            }
            self.changed.notified().await;
        }
    }
}

/// Writes media packets until the queue is closed or the stream breaks.
pub(super) async fn write_media(
    mut stream: impl AsyncWrite + Unpin,
    queue: Arc<MediaQueue>,
) -> io::Result<()> {
    while let Some(packet) = queue.pop().await {
        let len = u16::try_from(packet.len()).map_err(io::Error::other)?;
        stream.write_all(&len.to_be_bytes()).await?;
        stream.write_all(&packet).await?;
        stream.flush().await?;
    }
    stream.close().await
}

/// Reads media packets until the stream ends, one is malformed, or `give` says no.
pub(super) async fn read_media(
    mut stream: impl AsyncRead + Unpin,
    mut give: impl FnMut(Vec<u8>) -> bool,
) -> io::Result<()> {
    loop {
        let mut len = [0; 2];
        stream.read_exact(&mut len).await?;
        let len = usize::from(u16::from_be_bytes(len));
        if len == 0 || len > MEDIA_PACKET_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut packet = vec![0; len];
        stream.read_exact(&mut packet).await?;
        if !give(packet) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::Cursor;

    async fn all_of(bytes: Vec<u8>) -> Vec<Incoming> {
        let mut found = Vec::new();
        read_frames(Cursor::new(bytes), |incoming| {
            found.push(incoming);
            std::future::ready(true)
        })
        .await;
        found
    }

    #[tokio::test]
    async fn frames_are_read_as_they_were_written() {
        let (tx, rx) = mpsc::channel(4);
        let frames = [vec![7_u8; 1], vec![8; FRAME_BYTES_MAX]].map(Zeroizing::new);
        for frame in &frames {
            tx.send(Outgoing::Frame(frame.clone())).await.unwrap();
        }
        tx.send(Outgoing::Goodbye).await.unwrap();
        let mut bytes = Vec::new();
        write_frames(Cursor::new(&mut bytes), rx).await.unwrap();
        let [a, b] = frames.map(Incoming::Frame);
        assert_eq!(all_of(bytes).await, [a, b, Incoming::Ended(Ended::Goodbye)]);
    }

    #[tokio::test]
    async fn a_frame_past_the_limit_is_refused_before_it_is_read() {
        let bytes = (FRAME_BYTES_MAX as u32 + 1).to_be_bytes().to_vec();
        assert_eq!(all_of(bytes).await, [Incoming::Ended(Ended::TooLong(65_537))]);
    }

    #[tokio::test]
    async fn a_cut_frame_is_a_broken_stream() {
        for bytes in [vec![], vec![0, 0], vec![0, 0, 0, 9, 1]] {
            assert_eq!(all_of(bytes).await, [Incoming::Ended(Ended::Broken)]);
        }
    }

    #[test]
    fn a_flood_of_frames_is_slowed_to_its_rate() {
        let mut budget = Budget::new(10, 20);
        let start = budget.full_at;
        let mut now = start;
        for _ in 0..120 {
            now += budget.spend(now);
        }
        assert_eq!(now - start, Duration::from_secs(10));
    }

    #[tokio::test]
    async fn a_full_media_queue_forgets_the_oldest() {
        let (queue, dropped) = (Arc::new(MediaQueue::default()), AtomicU64::new(0));
        for n in 0..=MEDIA_QUEUED_MAX as u8 + 1 {
            queue.push(vec![n], &dropped);
        }
        queue.close();
        let mut bytes = Vec::new();
        write_media(Cursor::new(&mut bytes), queue).await.unwrap();
        assert_eq!(dropped.into_inner(), 2);
        let mut found = Vec::new();
        let end = read_media(Cursor::new(bytes), |packet| {
            found.push(packet[0]);
            true
        });
        assert!(end.await.is_err());
        assert_eq!(found, (2..=MEDIA_QUEUED_MAX as u8 + 1).collect::<Vec<_>>());
    }
}

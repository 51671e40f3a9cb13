//! One codec frame between the sound and the network, and the rings it travels in.
//!
//! `audio` and `net` do not know each other: they share these types, over rings that `peer` makes.

use crate::domain::stream::{FRAME_BYTES_MAX, StreamFormat};
use crate::domain::time::Timestamp;

/// Order of frames from one sender: extended to 64 bits inside, 16 bits on the wire.
pub type FrameSeq = u64;

/// One encoded frame.
///
/// `Copy` and without a heap, so that it may cross into a device callback.
#[derive(Clone, Copy)]
pub struct EncodedFrame {
    /// Its place in the order.
    pub seq: FrameSeq,
    /// Position of its first sample on the sender's capture clock, in samples per channel.
    pub media_time: u64,
    len: u16,
    bytes: [u8; FRAME_BYTES_MAX],
}

impl EncodedFrame {
    /// A frame of these bytes; `None` if there are more than [`FRAME_BYTES_MAX`].
    #[must_use]
    pub fn new(seq: FrameSeq, media_time: u64, payload: &[u8]) -> Option<Self> {
        let mut bytes = [0; FRAME_BYTES_MAX];
        bytes.get_mut(..payload.len())?.copy_from_slice(payload);
        Some(Self { seq, media_time, len: payload.len() as u16, bytes })
    }

    /// The encoded bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl std::fmt::Debug for EncodedFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EncodedFrame {{ seq: {}, media_time: {}, {} bytes }}", self.seq, self.media_time, self.len)
    }
}

/// A frame that came from a peer, authenticated; the same frame may come several times.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedFrame {
    /// The frame.
    pub frame: EncodedFrame,
    /// When its packet left the socket, on this machine's clock.
    pub arrived: Timestamp,
}

/// Frames that may wait between the receive thread and the output callback: 0.3 s of the
/// shortest usual ones. When it is full the newest is dropped, and the sender of this ring counts it.
pub const FRAME_RING: usize = 256;

/// The ring from the receive thread to one peer's playout.
#[must_use]
pub fn frame_ring() -> (rtrb::Producer<ReceivedFrame>, rtrb::Consumer<ReceivedFrame>) {
    rtrb::RingBuffer::new(FRAME_RING)
}

/// Where the encoder thread gives its frames: the network side of every link.
///
/// Runs on the encoder thread: there is no queue between encoder and socket.
pub trait FrameSink: Send {
    /// A new stream begins: another format, or a capture that started again.
    fn start(&mut self, format: StreamFormat);

    /// Sends one frame to every link at once, and plans its copies.
    fn send(&mut self, now: Timestamp, frame: &EncodedFrame);

    /// Sends what is due by `now` (copies, reports) and says when to be called again at the latest.
    fn poll(&mut self, now: Timestamp) -> Timestamp;
}

/// What one direction of a link needs against its loss, chosen by the receiver's reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redundancy {
    /// How often each packet is sent in all: 1 to 4.
    pub sends: u8,
    /// Between two sends of one packet, in µs.
    pub spacing_us: u32,
    /// How many earlier frames ride along in each packet (RFC 2198): 0 to 3.
    pub depth: u8,
}

impl Redundancy {
    /// A clean link carries one copy and waits for none.
    pub const NONE: Self = Self { sends: 1, spacing_us: 0, depth: 0 };
}

//! The sending side: one packet per frame and peer, sealed and sent on the encoder thread.
//!
//! World: worker (encoder thread). No queue between encoder and socket: a send that would wait is a
//! counted drop. Copies of a packet are the same sealed bytes again, at their moment.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use rtc_srtp::context::Context;

use super::FallbackOut;
use super::link::Link;
use super::sender::{Carrier, LinkSender};
use super::socket::{MediaSocket, Path};
use crate::domain::peer_id::PeerId;
use crate::domain::stream::StreamFormat;
use crate::domain::time::Timestamp;
use crate::protocol::frame::{EncodedFrame, FrameSink};
use crate::protocol::packet::EARLIER_MAX;

/// What the sink is told, over a bounded channel.
pub(super) enum SinkCommand {
    /// A new link; without a sealer, one that goes on with the keys it has.
    Add { link: Arc<Link>, sealer: Option<Box<Context>> },
    /// An authentic packet came this way: answer there.
    Move { peer: PeerId, generation: u64, path: Path },
}

/// Sends the frames of this peer to all links. There is one per plane; it goes into the encoder thread.
pub struct MediaSink {
    commands: Receiver<SinkCommand>,
    carrier: Carrier,
    links: Vec<LinkSender>,
    format: Option<StreamFormat>,
    earlier: Earlier,
}

impl fmt::Debug for MediaSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaSink {{ {} links, {:?} }}", self.links.len(), self.format)
    }
}

impl MediaSink {
    pub(super) fn new(
        commands: Receiver<SinkCommand>,
        sockets: Arc<[MediaSocket]>,
        fallback: Option<FallbackOut>,
    ) -> Self {
        Self {
            commands,
            carrier: Carrier { sockets, fallback },
            links: Vec::new(),
            format: None,
            earlier: Earlier::default(),
        }
    }

    fn handle_commands(&mut self, now: Timestamp) {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                SinkCommand::Add { link, sealer: Some(sealer) } => {
                    self.links.retain(|sender| sender.peer() != link.peer);
                    self.links.push(LinkSender::new(now, link, *sealer));
                }
                SinkCommand::Add { link, sealer: None } => {
                    let found = self.links.iter_mut().find(|sender| sender.peer() == link.peer);
                    if let Some(sender) = found {
                        sender.go_on_with(now, link);
                    }
                }
                SinkCommand::Move { peer, generation, path } => {
                    let found = self.links.iter_mut().find(|sender| sender.is(peer, generation));
                    if let Some(sender) = found {
                        sender.set_path(path);
                    }
                }
            }
        }
        // Not before: the sealer of a link that goes on is in the one it replaces.
        self.links.retain(|sender| !sender.is_removed());
    }
}

impl FrameSink for MediaSink {
    fn start(&mut self, format: StreamFormat) {
        self.format = Some(format);
        self.earlier = Earlier::default();
        self.links.iter_mut().for_each(LinkSender::start_again);
    }

    fn send(&mut self, now: Timestamp, frame: &EncodedFrame) {
        self.handle_commands(now);
        let Some(format) = self.format else { return };
        self.earlier.forget_unless_next(frame, format);
        for sender in &mut self.links {
            sender.send_frame(now, format, frame, self.earlier.latest_first(), &mut self.carrier);
        }
        self.earlier.push(*frame);
        for sender in &mut self.links {
            sender.poll(now, self.format, &mut self.carrier);
        }
    }

    fn poll(&mut self, now: Timestamp) -> Timestamp {
        self.handle_commands(now);
        let idle = now + IDLE_POLL;
        let due = self.links.iter_mut().map(|sender| sender.poll(now, self.format, &mut self.carrier)).min();
        due.map_or(idle, |due| due.min(idle))
    }
}

/// With nothing planned the sink still wants to be asked this often, for new links.
const IDLE_POLL: Duration = Duration::from_millis(20);

/// The frames before the next one, to ride along with it.
#[derive(Debug, Default)]
struct Earlier {
    frames: Vec<EncodedFrame>,
}

impl Earlier {
    /// After a gap the earlier frames are not where a redundant block says.
    fn forget_unless_next(&mut self, frame: &EncodedFrame, format: StreamFormat) {
        let next = self.frames.first().is_some_and(|last| {
            last.seq.checked_add(1) == Some(frame.seq)
                && last.media_time.checked_add(format.frame_samples() as u64) == Some(frame.media_time)
        });
        if !next {
            self.frames.clear();
        }
    }

    fn push(&mut self, frame: EncodedFrame) {
        self.frames.truncate(EARLIER_MAX - 1);
        self.frames.insert(0, frame);
    }

    fn latest_first(&self) -> &[EncodedFrame] {
        &self.frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_frames_right_before_ride_along() {
        let format = StreamFormat::opus(1, 120, 128).unwrap();
        let frame = |seq: u64| EncodedFrame::new(seq, seq * 120, &[0; 40]).unwrap();
        let mut earlier = Earlier::default();
        for seq in 1..=5 {
            earlier.forget_unless_next(&frame(seq), format);
            earlier.push(frame(seq));
        }
        let seqs: Vec<_> = earlier.latest_first().iter().map(|frame| frame.seq).collect();
        assert_eq!(seqs, [5, 4, 3]);
        earlier.forget_unless_next(&frame(7), format);
        assert!(earlier.latest_first().is_empty());
    }
}

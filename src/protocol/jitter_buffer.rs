//! Restores order: holds the frames of one stream until their turn, and knows which never came.
//!
//! World: real-time (the output callback owns it). No heap after [`JitterBuffer::new`].
//! Invariant: a frame is handed out at most once, and never one before a frame already handed out.

use super::frame::{EncodedFrame, FrameSeq};

/// Frames held at most: 0.34 s of the shortest usual ones (64 samples). A frame further ahead than
/// that is refused as [`Inserted::Overflow`]: the stream has jumped, and its owner starts again.
pub const SLOTS: usize = 256;

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It waits for its turn.
    Queued,
    /// It came before, by another copy.
    Duplicate,
    /// Its turn has passed; it came for the first time.
    Late,
    /// Too far ahead to hold.
    Overflow,
}

/// Frames of one stream in their order.
pub struct JitterBuffer {
    slots: Box<[Slot]>,
    next: FrameSeq,
    newest: Option<FrameSeq>,
}

#[derive(Clone)]
struct Slot {
    /// The frame last seen in this slot, held or already gone.
    seen: Option<FrameSeq>,
    held: Option<EncodedFrame>,
}

impl JitterBuffer {
    /// Empty; the first turn is `next`'s.
    #[must_use]
    pub fn new(next: FrameSeq) -> Self {
        Self { slots: vec![Slot { seen: None, held: None }; SLOTS].into(), next, newest: None }
    }

    /// Forgets everything; the next turn is `next`'s.
    pub fn restart(&mut self, next: FrameSeq) {
        for slot in &mut self.slots {
            slot.seen = None;
            slot.held = None;
        }
        self.next = next;
        self.newest = None;
    }

    /// Takes in a frame.
    pub fn insert(&mut self, frame: &EncodedFrame) -> Inserted {
        if frame.seq >= self.next + SLOTS as u64 {
            return Inserted::Overflow;
        }
        let late = frame.seq < self.next;
        let slot = &mut self.slots[(frame.seq % SLOTS as u64) as usize];
        match slot.seen {
            Some(seen) if seen == frame.seq => return Inserted::Duplicate,
            // Its slot has moved on: too old to tell late from duplicate, and it changes nothing.
            Some(seen) if seen > frame.seq => return Inserted::Duplicate,
            _ => slot.seen = Some(frame.seq),
        }
        self.newest = self.newest.max(Some(frame.seq));
        if late {
            return Inserted::Late;
        }
        slot.held = Some(*frame);
        Inserted::Queued
    }

    /// Whose turn it is.
    #[must_use]
    pub const fn next(&self) -> FrameSeq {
        self.next
    }

    /// The newest frame that ever came.
    #[must_use]
    pub const fn newest(&self) -> Option<FrameSeq> {
        self.newest
    }

    /// Whether the frame whose turn it is has come.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.slot().held.as_ref().is_some_and(|frame| frame.seq == self.next)
    }

    /// Hands out the frame whose turn it is, if it has come, and passes the turn on.
    pub fn take(&mut self) -> Option<EncodedFrame> {
        let next = self.next;
        let slot = &mut self.slots[(next % SLOTS as u64) as usize];
        let frame = slot.held.take_if(|frame| frame.seq == next)?;
        self.next += 1;
        Some(frame)
    }

    /// Passes the turn on without the frame: it counts as late or lost from now on.
    pub fn skip(&mut self) {
        let next = self.next;
        self.slots[(next % SLOTS as u64) as usize].held = None;
        self.next += 1;
    }

    /// Whether a frame comes for the first time, after its turn.
    #[must_use]
    pub fn is_new_but_late(&self, seq: FrameSeq) -> bool {
        let seen = self.slots[(seq % SLOTS as u64) as usize].seen;
        seq < self.next && seen.is_none_or(|seen| seen < seq)
    }

    /// Goes back to the turn of `seq`, which was passed over and never came until now. Frames that
    /// are held stay held.
    pub fn rewind(&mut self, seq: FrameSeq) {
        self.next = self.next.min(seq);
    }

    fn slot(&self) -> &Slot {
        &self.slots[(self.next % SLOTS as u64) as usize]
    }
}

impl std::fmt::Debug for JitterBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = self.slots.iter().filter(|slot| slot.held.is_some()).count();
        write!(f, "JitterBuffer {{ next: {}, newest: {:?}, {held} held }}", self.next, self.newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(seq: FrameSeq) -> EncodedFrame {
        EncodedFrame::new(seq, seq * 64, &seq.to_be_bytes()).unwrap()
    }

    #[test]
    fn frames_come_out_in_order_whatever_order_they_came_in() {
        let mut buffer = JitterBuffer::new(10);
        for seq in [12, 10, 11] {
            assert_eq!(buffer.insert(&frame(seq)), Inserted::Queued);
        }
        let out: Vec<_> = std::iter::from_fn(|| buffer.take()).map(|frame| frame.seq).collect();
        assert_eq!(out, [10, 11, 12]);
        assert_eq!(buffer.newest(), Some(12));
    }

    #[test]
    fn a_late_packet_is_counted_once_and_not_played() {
        let mut buffer = JitterBuffer::new(0);
        assert!(buffer.take().is_none());
        buffer.skip();
        assert_eq!(buffer.insert(&frame(0)), Inserted::Late);
        assert_eq!(buffer.insert(&frame(0)), Inserted::Duplicate);
        assert!(!buffer.is_ready());
    }

    #[test]
    fn a_turn_that_was_passed_over_can_be_given_back() {
        let mut buffer = JitterBuffer::new(5);
        buffer.skip();
        buffer.insert(&frame(7));
        assert!(buffer.is_new_but_late(5));
        buffer.rewind(5);
        assert_eq!(buffer.insert(&frame(5)), Inserted::Queued);
        assert_eq!(buffer.insert(&frame(5)), Inserted::Duplicate);
        buffer.insert(&frame(6));
        let out: Vec<_> = std::iter::from_fn(|| buffer.take()).map(|frame| frame.seq).collect();
        assert_eq!(out, [5, 6, 7]);
        assert!(!buffer.is_new_but_late(6));
    }

    #[test]
    fn a_stream_that_jumped_is_refused_until_restarted() {
        let mut buffer = JitterBuffer::new(0);
        assert_eq!(buffer.insert(&frame(SLOTS as u64)), Inserted::Overflow);
        buffer.restart(SLOTS as u64);
        assert_eq!(buffer.insert(&frame(SLOTS as u64)), Inserted::Queued);
        assert_eq!(buffer.take().map(|frame| frame.seq), Some(SLOTS as u64));
    }

    proptest! {
        #[test]
        fn no_frame_twice_and_none_out_of_order(steps in proptest::collection::vec((0_u64..600, 0_u8..3), 1..300)) {
            let mut buffer = JitterBuffer::new(0);
            let mut last = None;
            for (seq, action) in steps {
                match action {
                    0 => { buffer.insert(&frame(seq)); }
                    1 => if let Some(frame) = buffer.take() {
                        prop_assert!(Some(frame.seq) > last);
                        prop_assert_eq!(frame.payload(), &frame.seq.to_be_bytes()[..]);
                        last = Some(frame.seq);
                    },
                    _ => buffer.skip(),
                }
            }
        }
    }
}

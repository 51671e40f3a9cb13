//! What the supervisor's thread tells: cards in words, counts once a second, events that wait for a slow listener.
//!
//! World: worker.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::TrySendError;
use std::time::{Duration, Instant};

use super::{EVENTS_WAITING_MAX, FIRST_BLOCK_MAX, Keeper};
use crate::audio::device::{CardEnd, CardEvent, OpenedCard, backend};
use crate::audio::virtual_card::{VirtualCard, VirtualRunner};
use crate::domain::time::RATE_HZ;
use crate::priority::Raised;

impl Keeper {
    /// Once a second: over- and underruns, priority, what became of the output file.
    pub(super) fn tell_counts(&mut self) {
        let xruns = self.shared.stats().xruns;
        if xruns != self.xruns_told {
            self.xruns_told = xruns;
            self.tell(CardEvent::Xruns(xruns));
        }
        if self.capture.note_block() | self.render.note_block() {
            let opened = self.describe();
            self.tell(CardEvent::Opened(opened));
        }
        let raised = self.raised();
        if !self.priority_told
            && let Some(remedy) = raised.remedy()
        {
            self.priority_told = true;
            self.tell(CardEvent::Priority { words: raised.words(), remedy: remedy.to_owned() });
        }
        if let Some((why, remedy)) = self.sink_trouble.as_ref().and_then(|trouble| trouble.take()) {
            let (what, remedy) = ("the output of the virtual card stopped".to_owned(), remedy.to_owned());
            self.tell(CardEvent::Notice { what, why, remedy });
        }
    }

    fn raised(&self) -> Raised {
        match self.render.counters.raised() {
            Raised::NotTried => self.capture.counters.raised(),
            raised => raised,
        }
    }

    /// The priority is known with the first block: waited for a moment, so that it can be said.
    fn raised_soon(&self) -> Raised {
        let deadline = Instant::now() + FIRST_BLOCK_MAX;
        while self.raised() == Raised::NotTried && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        self.raised()
    }

    pub(super) fn describe(&self) -> OpenedCard {
        let priority = self.raised_soon().words();
        let end = |open: Option<&backend::OpenEnd>| open.map(|open| open.end.clone());
        let (input, output) = (end(self.capture.card()), end(self.render.card()));
        let on_jack = |end: &Option<CardEnd>| end.as_ref().is_some_and(|end| !end.ports.is_empty());
        self.shared.same_server.store(on_jack(&input) && on_jack(&output), Relaxed);
        let words = |end: &Option<CardEnd>, none: &str| end.as_ref().map_or(none.to_owned(), CardEnd::words);
        let description =
            format!("in: {}; out: {}", words(&input, "silence stands in"), words(&output, "nowhere"));
        OpenedCard { description, input, output, priority, clock: None }
    }

    pub(super) fn describe_virtual(&self, card: &VirtualCard, channels: u16) -> OpenedCard {
        let priority = self.raised_soon().words();
        self.shared.same_server.store(false, Relaxed);
        let end = |channels| CardEnd {
            id: "virtual".to_owned(),
            name: "virtual card".to_owned(),
            ports: Vec::new(),
            rate_hz: RATE_HZ,
            period: card.period,
            channels,
            converter_ms: 0.0,
        };
        OpenedCard {
            description: card.words(),
            input: Some(end(channels)),
            output: Some(end(2)),
            priority,
            clock: self.runner.as_ref().map(VirtualRunner::clock),
        }
    }

    pub(super) fn tell(&mut self, event: CardEvent) {
        if matches!(event, CardEvent::Lost { .. }) {
            self.shared.losses.fetch_add(1, Relaxed);
        }
        if self.waiting.len() == EVENTS_WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(event);
        self.tell_waiting();
    }

    pub(super) fn tell_waiting(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.waiting.push_front(event);
                    return;
                }
                // Nobody listens any more: the end is near.
                Err(TrySendError::Disconnected(_)) => {}
            }
        }
    }
}

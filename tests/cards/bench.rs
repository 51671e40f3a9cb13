//! A supervised card with two ends that count what they are given.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use jamtty::audio::device::{CaptureBlock, CardChoice, CardEvent, CardSupervisor, OpenedCard, RenderBlock};
use jamtty::audio::rt::{CardTime, Rt};

/// What one side went through, read by the test.
#[derive(Default)]
pub(crate) struct Seen {
    pub blocks: AtomicU64,
    pub samples: AtomicU64,
    pub loud: AtomicU64,
    pub channels: AtomicU32,
    pub last_ns: AtomicU64,
    pub backwards: AtomicU64,
    pub dropped: AtomicBool,
}

pub(crate) struct Ear(pub Arc<Seen>);
pub(crate) struct Mouth(pub Arc<Seen>, pub f32);

impl Seen {
    fn block(&self, samples: usize, channels: usize, at: CardTime) {
        self.blocks.fetch_add(1, Relaxed);
        self.samples.fetch_add((samples / channels) as u64, Relaxed);
        self.channels.store(channels as u32, Relaxed);
        let at = at.0.as_nanos() as u64;
        if self.last_ns.swap(at, Relaxed) > at {
            self.backwards.fetch_add(1, Relaxed);
        }
    }
}

impl CaptureBlock for Ear {
    fn process(&mut self, _rt: &mut Rt<'_>, input: &[f32], channels: usize, at: CardTime) {
        self.0.block(input.len(), channels, at);
        self.0.loud.fetch_add(input.iter().filter(|sample| sample.abs() > 0.01).count() as u64, Relaxed);
    }
}

impl RenderBlock for Mouth {
    fn process(&mut self, _rt: &mut Rt<'_>, output: &mut [f32], channels: usize, at: CardTime) {
        self.0.block(output.len(), channels, at);
        output.fill(self.1);
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.0.dropped.store(true, Relaxed);
    }
}

impl Drop for Mouth {
    fn drop(&mut self) {
        self.0.dropped.store(true, Relaxed);
    }
}

/// A supervisor with everything a test looks at.
pub(crate) struct Bench {
    pub cards: CardSupervisor,
    pub events: Receiver<CardEvent>,
    pub heard: Arc<Seen>,
    pub played: Arc<Seen>,
}

impl Bench {
    pub(crate) fn start(choice: CardChoice) -> Self {
        let (events, inbox) = sync_channel(32);
        let (heard, played) = (Arc::<Seen>::default(), Arc::<Seen>::default());
        let (ear, mouth) = (Ear(Arc::clone(&heard)), Mouth(Arc::clone(&played), 0.5));
        let cards = CardSupervisor::start("jamtty-test", choice, ear, mouth, events).expect("a card");
        Self { cards, events: inbox, heard, played }
    }

    /// The next event that `wanted` answers for; others are passed over.
    pub(crate) fn event<T>(&self, mut wanted: impl FnMut(CardEvent) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(event) = self.events.recv_timeout(left) else {
                panic!("it did not come; came: {seen:#?}")
            };
            seen.push(event.clone());
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    }

    pub(crate) fn opened(&self) -> OpenedCard {
        self.event(|event| if let CardEvent::Opened(card) = event { Some(card) } else { None })
    }

    pub(crate) fn restored(&self) -> OpenedCard {
        self.event(|event| if let CardEvent::Restored(card) = event { Some(card) } else { None })
    }

    /// What, why, remedy.
    pub(crate) fn lost(&self) -> [String; 3] {
        self.event(|event| match event {
            CardEvent::Lost { what, why, remedy } => Some([what, why, remedy]),
            _ => None,
        })
    }

    /// Waits until both sides got `more` blocks from now.
    pub(crate) fn blocks(&self, more: u64) {
        for side in [&self.heard, &self.played] {
            let until = side.blocks.load(Relaxed) + more;
            wait_until("blocks", || side.blocks.load(Relaxed) >= until);
        }
    }
}

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Far longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

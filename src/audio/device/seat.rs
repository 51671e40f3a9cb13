//! One side of the engine and where it sits: on a card, on a stand-in, at home.
//!
//! World: worker (the supervisor's thread).

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::backend::{self, Direction, EndPlan, OpenEnd, Opening};
use super::callback::Homing;
use super::{Capture, CardTrouble, EndCounters, Render};
use crate::audio::virtual_card::{VirtualCard, VirtualEnds, VirtualRunner, VirtualSides};

/// A side of the engine: what is different between the two.
pub(super) trait Side: Send + Sized + 'static {
    const DIRECTION: Direction;

    fn open(
        plan: EndPlan,
        side: Homing<Self>,
        counters: Arc<EndCounters>,
        opening: Opening,
    ) -> Result<OpenEnd, CardTrouble>;

    fn sides(side: Homing<Self>) -> VirtualSides;
}

impl Side for Capture {
    const DIRECTION: Direction = Direction::Input;

    fn open(
        plan: EndPlan,
        side: Homing<Self>,
        counters: Arc<EndCounters>,
        opening: Opening,
    ) -> Result<OpenEnd, CardTrouble> {
        backend::open_input(plan, side, counters, opening)
    }

    fn sides(side: Homing<Self>) -> VirtualSides {
        VirtualSides { capture: Some(side), render: None }
    }
}

impl Side for Render {
    const DIRECTION: Direction = Direction::Output;

    fn open(
        plan: EndPlan,
        side: Homing<Self>,
        counters: Arc<EndCounters>,
        opening: Opening,
    ) -> Result<OpenEnd, CardTrouble> {
        backend::open_output(plan, side, counters, opening)
    }

    fn sides(side: Homing<Self>) -> VirtualSides {
        VirtualSides { capture: None, render: Some(side) }
    }
}

/// One side and where it sits.
pub(super) struct Seat<B> {
    home: SyncSender<B>,
    arrivals: Receiver<B>,
    place: Place<B>,
    /// What the card's callback counts; kept from card to card.
    pub(super) counters: Arc<EndCounters>,
    /// Blocks counted when the watchdog looked last.
    watched: u64,
    /// Which opening the card is of.
    generation: u64,
}

enum Place<B> {
    /// Here, driven by nothing.
    Home(B),
    /// In a card's callback.
    Card(OpenEnd),
    /// Driven by a silent virtual card of its own.
    StandIn(VirtualRunner),
    /// Lent to the virtual card that was asked for; or on its way home.
    Away,
}

impl<B: Side> Seat<B> {
    pub(super) fn new(side: B, counters: Arc<EndCounters>) -> Self {
        // Room for one: there is only one of each side, so it is never full.
        let (home, arrivals) = sync_channel(1);
        Self { home, arrivals, place: Place::Home(side), counters, watched: 0, generation: 0 }
    }

    /// The card's end it sits on.
    pub(super) const fn card(&self) -> Option<&OpenEnd> {
        match &self.place {
            Place::Card(open) => Some(open),
            Place::Home(_) | Place::StandIn(_) | Place::Away => None,
        }
    }

    /// Whether the side sits on the card of this opening.
    pub(super) const fn is_of(&self, generation: u64) -> bool {
        self.card().is_some() && self.generation == generation
    }

    /// The block changed while the card ran (JACK's server can do that); says whether it did.
    pub(super) fn note_block(&mut self) -> bool {
        let block = self.counters.block();
        match &mut self.place {
            Place::Card(open) if block != 0 && open.end.period != block => {
                open.end.period = block;
                true
            }
            Place::Card(_) | Place::Home(_) | Place::StandIn(_) | Place::Away => false,
        }
    }

    /// Brings the side home from wherever it is. `false` if it does not come in time: a card that
    /// cannot be closed holds it; it is asked for again the next time.
    pub(super) fn recall(&mut self) -> bool {
        match std::mem::replace(&mut self.place, Place::Away) {
            Place::Home(side) => {
                self.place = Place::Home(side);
                return true;
            }
            Place::Card(open) => close(open),
            Place::StandIn(runner) => drop(runner),
            Place::Away => {}
        }
        match self.arrivals.recv_timeout(HOME_MAX) {
            Ok(side) => {
                self.place = Place::Home(side);
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Lends the side to a callback that is being made.
    pub(super) fn lend(&mut self) -> Option<Homing<B>> {
        match std::mem::replace(&mut self.place, Place::Away) {
            Place::Home(side) => Some(Homing::new(side, self.home.clone())),
            other => {
                self.place = other;
                None
            }
        }
    }

    /// Moves the side onto a card, with another block or rate where the card refuses the one planned. On
    /// failure it stands in again.
    ///
    /// # Errors
    /// [`CardTrouble`] by remedy.
    pub(super) fn sit(
        &mut self,
        mut plan: EndPlan,
        opening: &Opening,
        stand_in_period: u32,
    ) -> Result<(), CardTrouble> {
        loop {
            if !self.recall() {
                return Err(CardTrouble::Other("the card before does not let go".to_owned()));
            }
            let Some(side) = self.lend() else {
                return Err(CardTrouble::Other("the card before does not let go".to_owned()));
            };
            self.watched = self.counters.callbacks();
            self.counters.forget_block();
            self.generation = opening.generation;
            let other = plan.other();
            match (B::open(plan, side, Arc::clone(&self.counters), opening.clone()), other) {
                (Ok(open), _) => {
                    self.place = Place::Card(open);
                    return Ok(());
                }
                (Err(CardTrouble::Unsupported(_)), Some(other)) => plan = other,
                (Err(trouble), _) => {
                    self.stand_in(stand_in_period);
                    return Err(trouble);
                }
            }
        }
    }

    /// Sees to it that the side is driven: silently, if it is on no card.
    pub(super) fn stand_in(&mut self, period: u32) {
        if matches!(self.place, Place::StandIn(_)) || !self.recall() {
            return;
        }
        let Some(side) = self.lend() else { return };
        let runner = VirtualEnds::open(&VirtualCard::silent(period)).ok().and_then(|ends| {
            // Its blocks are no card's: they are counted apart.
            VirtualRunner::start(ends, B::sides(side), Arc::default(), Arc::default()).ok()
        });
        match runner {
            Some(runner) => self.place = Place::StandIn(runner),
            // No thread: the side is home again, and is tried again with the card.
            None => {
                self.recall();
            }
        }
    }

    /// Whether the card has asked for nothing since the last look.
    pub(super) fn stalled(&mut self) -> bool {
        let now = self.counters.callbacks();
        let stalled = now == self.watched;
        self.watched = now;
        stalled && self.card().is_some()
    }
}

/// Closes a card's end on a thread of its own: a dead sound server can hold the one who closes.
fn close(open: OpenEnd) {
    let closing = std::thread::Builder::new().name("jamtty-card-close".to_owned());
    // Without a thread the end is closed here: `spawn` drops what it could not run.
    let _ = closing.spawn(move || drop(open));
}

/// How long a side may take to come home: a period and a closing card. Longer, and the card is
/// stuck; the next attempt asks again.
const HOME_MAX: Duration = Duration::from_secs(3);

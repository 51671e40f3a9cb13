//! The thread that keeps a card under the engine: opens it, loses it, takes it back.
//!
//! World: worker. While there is no card, silent stand-ins drive both sides of the engine, so that
//! what others send is consumed and what we send goes on. This file is what others hold; the thread's
//! own work is in `keeper`.

mod keeper;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use keeper::Keeper;

use super::backend::{self, Direction, EndWish};
use super::{
    Capture, CaptureBlock, CardChoice, CardError, CardEvent, CardStats, CardTrouble, EndCounters, Render,
    RenderBlock,
};
use crate::audio::virtual_card::{VirtualEnds, VirtualTrouble};

/// A card under supervision. Its drop closes the card and ends the thread.
#[derive(Debug)]
pub struct CardSupervisor {
    orders: SyncSender<Order>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the supervisor's thread is told.
enum Order {
    Set(Box<Prepared>),
    Vanish,
    Restore,
    Stop,
}

/// A choice whose files are open: what can be wrong with a wish is said before the thread has it.
struct Prepared {
    choice: CardChoice,
    ends: Option<VirtualEnds>,
}

/// What others read while the thread runs.
#[derive(Debug, Default)]
struct Shared {
    input: Arc<EndCounters>,
    output: Arc<EndCounters>,
    losses: AtomicU64,
    returns: AtomicU64,
    same_server: AtomicBool,
    /// Choices asked for after the first one, and choices tried: opened, or said to be lost.
    asked: AtomicU64,
    tried: AtomicU64,
    /// The stable name of the input that is open.
    input_id: Mutex<Option<String>>,
    underruns: Mutex<Arc<AtomicU64>>,
    dropped: Mutex<Arc<AtomicU64>>,
}

impl CardSupervisor {
    /// Puts a card under the two sides of the engine and keeps one there.
    ///
    /// A card that is not there now is no error: the sides are driven by silence, [`CardEvent::Lost`]
    /// says so, and it is taken when it comes.
    ///
    /// `client_name`: what we are called on a sound server, JACK's client. `events`: bounded; what does not
    /// fit waits (up to 64), then the oldest is forgotten.
    ///
    /// # Errors
    /// [`CardError`] for what waiting cannot mend: a name no card has, an unknown sound system, a file
    /// that cannot be read or written, no thread.
    pub fn start(
        client_name: &str,
        choice: CardChoice,
        capture: impl CaptureBlock + 'static,
        render: impl RenderBlock + 'static,
        events: SyncSender<CardEvent>,
    ) -> Result<Self, CardError> {
        let prepared = Prepared::new(choice)?;
        let (orders, inbox) = sync_channel(ORDERS_MAX);
        let shared = Arc::<Shared>::default();
        let (capture, render): (Capture, Render) = (Box::new(capture), Box::new(render));
        let (told, client_name) = (Arc::clone(&shared), Arc::from(client_name));
        let thread = std::thread::Builder::new().name("jamtty-cards".to_owned()).spawn(move || {
            Keeper::new(client_name, prepared, capture, render, events, told).run(&inbox);
        });
        let thread = thread.map_err(|e| CardError {
            what: "the thread for the sound card".to_owned(),
            trouble: CardTrouble::Virtual(VirtualTrouble::System(e)),
        })?;
        Ok(Self { orders, shared, thread: Some(thread) })
    }

    /// Changes the card. The one before is closed; [`CardEvent::Opened`] or [`CardEvent::Lost`] follows.
    ///
    /// # Errors
    /// As [`Self::start`]; the card before stays.
    pub fn set(&self, choice: CardChoice) -> Result<(), CardError> {
        let prepared = Prepared::new(choice)?;
        self.shared.asked.fetch_add(1, Relaxed);
        self.order(Order::Set(Box::new(prepared)));
        Ok(())
    }

    /// The virtual card goes away, as if unplugged; a real card is closed until [`Self::restore`].
    pub fn vanish(&self) {
        self.order(Order::Vanish);
    }

    /// What vanished comes back.
    pub fn restore(&self) {
        self.order(Order::Restore);
    }

    /// Whether the card chosen last was tried. Before, whoever opens an input could take it from under our hands.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.shared.tried.load(Relaxed) > self.shared.asked.load(Relaxed)
    }

    /// The stable name of the input that is open; `None` of a virtual card, and while there is none.
    #[must_use]
    pub fn input_id(&self) -> Option<String> {
        self.shared.input_id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The card in numbers, since the start.
    #[must_use]
    pub fn stats(&self) -> CardStats {
        self.shared.stats()
    }

    /// Measures what callbacks cost, or stops measuring; a callback reads a clock only meanwhile.
    pub fn measure(&self, on: bool) {
        self.shared.input.set_measure(on);
        self.shared.output.set_measure(on);
    }

    fn order(&self, order: Order) {
        // The thread looks at its orders many times a second; it is gone only when it panicked.
        let _ = self.orders.send(order);
    }
}

impl Drop for CardSupervisor {
    fn drop(&mut self) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Prepared {
    fn new(choice: CardChoice) -> Result<Self, CardError> {
        match &choice {
            CardChoice::Virtual(card) => {
                let ends = VirtualEnds::open(card).map_err(|trouble| CardError {
                    what: "the virtual card".to_owned(),
                    trouble: CardTrouble::Virtual(trouble),
                })?;
                Ok(Self { choice, ends: Some(ends) })
            }
            CardChoice::Real { remembered: true, .. } => Ok(Self { choice, ends: None }),
            CardChoice::Real { remembered: false, .. } => {
                for direction in [Direction::Input, Direction::Output] {
                    if let Some(wish) = wish(&choice, direction)
                        && (wish.name.is_some() || wish.host.is_some())
                        && let Err(error) = backend::plan(&wish, direction)
                        && !error.trouble.may_pass()
                    {
                        return Err(error);
                    }
                }
                Ok(Self { choice, ends: None })
            }
        }
    }
}

/// What is asked of one end; `None` of a virtual card.
fn wish(choice: &CardChoice, direction: Direction) -> Option<EndWish> {
    let CardChoice::Real { host, input, output, channels, period, .. } = choice else { return None };
    let name = match direction {
        Direction::Input => input,
        Direction::Output => output,
    };
    // A whole name says its host itself.
    Some(EndWish {
        host: host.clone(),
        name: name.clone(),
        channels: channels.unwrap_or_default(),
        period: *period,
    })
}

impl Shared {
    fn set_input(&self, id: Option<&String>) {
        let mut place = self.input_id.lock().unwrap_or_else(PoisonError::into_inner);
        if place.as_ref() != id {
            *place = id.cloned();
        }
    }

    fn put(place: &Mutex<Arc<AtomicU64>>, value: &Arc<AtomicU64>) {
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(value);
    }

    fn count(place: &Mutex<Arc<AtomicU64>>) -> u64 {
        place.lock().unwrap_or_else(PoisonError::into_inner).load(Relaxed)
    }

    fn stats(&self) -> CardStats {
        let (input, output) = (&self.input, &self.output);
        // JACK's xrun befalls both ends.
        let xruns = if self.same_server.load(Relaxed) {
            input.xruns().max(output.xruns())
        } else {
            input.xruns() + output.xruns()
        };
        CardStats {
            input_callbacks: input.callbacks(),
            output_callbacks: output.callbacks(),
            xruns,
            late_callbacks: input.late().max(output.late()),
            losses: self.losses.load(Relaxed),
            returns: self.returns.load(Relaxed),
            input_underruns: Self::count(&self.underruns),
            output_dropped: Self::count(&self.dropped),
            input_cost: input.cost(),
            output_cost: output.cost(),
        }
    }
}

/// Orders waiting for the thread; past it the one who orders waits.
const ORDERS_MAX: usize = 16;

//! The supervisor's thread: one tick after the other, what is open, what is lost, what to try again.
//!
//! World: worker. What it tells others is in `telling`.

mod telling;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::{Order, Prepared, Shared, wish};
use crate::audio::device::backend::{self, Direction, EndFailure, EndWish, JackClient, Opening};
use crate::audio::device::seat::{Seat, Side};
use crate::audio::device::{Capture, CardChoice, CardError, CardEvent, CardTrouble, Render};
use crate::audio::virtual_card::{SinkTrouble, VirtualCard, VirtualEnds, VirtualRunner, VirtualSides};

/// The thread's own.
pub(super) struct Keeper {
    choice: CardChoice,
    ends: Option<VirtualEnds>,
    runner: Option<VirtualRunner>,
    sink_trouble: Option<Arc<SinkTrouble>>,
    capture: Seat<Capture>,
    render: Seat<Render>,
    events: SyncSender<CardEvent>,
    waiting: VecDeque<CardEvent>,
    failures: (SyncSender<EndFailure>, Receiver<EndFailure>),
    /// What we are called on a sound server.
    client_name: Arc<str>,
    jack: JackClient,
    /// Heard at this tick and said at the next: a dying server takes both ends within one.
    failed: [Option<CardTrouble>; 2],
    shared: Arc<Shared>,
    generation: u64,
    vanished: bool,
    /// A card was opened since it was asked for.
    opened: bool,
    /// Ends that were said to be lost: input, output.
    lost: [bool; 2],
    wait: Duration,
    retry_at: Option<Instant>,
    watch_at: Instant,
    tell_at: Instant,
    xruns_told: u64,
    priority_told: bool,
}

impl Keeper {
    pub(super) fn new(
        client_name: Arc<str>,
        prepared: Prepared,
        capture: Capture,
        render: Render,
        events: SyncSender<CardEvent>,
        shared: Arc<Shared>,
    ) -> Self {
        let capture = Seat::new(capture, Arc::clone(&shared.input));
        let render = Seat::new(render, Arc::clone(&shared.output));
        let now = Instant::now();
        let failures = sync_channel(FAILURES_MAX);
        let mut keeper = Self {
            choice: prepared.choice,
            ends: None,
            runner: None,
            sink_trouble: None,
            capture,
            render,
            events,
            waiting: VecDeque::new(),
            failures,
            client_name,
            jack: JackClient::default(),
            failed: [None, None],
            shared,
            generation: 0,
            vanished: false,
            opened: false,
            lost: [false; 2],
            wait: RETRY_FIRST,
            retry_at: None,
            watch_at: now + STALL_MAX,
            tell_at: now + TELL_EVERY,
            xruns_told: 0,
            priority_told: false,
        };
        keeper.take_ends(prepared.ends);
        keeper
    }

    /// Until it is told to stop, or nobody can tell it anything any more.
    pub(super) fn run(mut self, inbox: &Receiver<Order>) {
        self.open();
        self.tried();
        loop {
            match inbox.recv_timeout(TICK) {
                Ok(Order::Set(prepared)) => {
                    self.set(*prepared);
                    self.tried();
                }
                Ok(Order::Vanish) => self.vanish(),
                Ok(Order::Restore) => self.restore(),
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.tick();
            self.show_input();
        }
        self.stop_virtual();
        self.capture.recall();
        self.render.recall();
    }

    /// A choice was tried: what it opened is known to whoever asks.
    fn tried(&self) {
        self.show_input();
        self.shared.tried.fetch_add(1, Relaxed);
    }

    fn show_input(&self) {
        self.shared.set_input(self.capture.card().map(|open| &open.end.id));
    }

    fn take_ends(&mut self, ends: Option<VirtualEnds>) {
        if let Some(ends) = &ends {
            self.sink_trouble = Some(ends.sink().trouble());
            Shared::put(&self.shared.underruns, &ends.source().underruns());
            Shared::put(&self.shared.dropped, &ends.sink().dropped());
        }
        self.ends = ends;
    }

    fn set(&mut self, prepared: Prepared) {
        self.stop_virtual();
        self.capture.recall();
        self.render.recall();
        self.choice = prepared.choice;
        self.take_ends(prepared.ends);
        self.opened = false;
        self.vanished = false;
        self.lost = [false; 2];
        self.wait = RETRY_FIRST;
        self.priority_told = false;
        self.open();
    }

    /// Opens what is not open, says what became of it, and sees to it that both sides are driven.
    fn open(&mut self) {
        self.retry_at = None;
        if self.vanished {
            return self.stand_in();
        }
        if let CardChoice::Virtual(card) = &self.choice {
            let card = card.clone();
            return self.open_virtual(&card);
        }
        self.generation += 1;
        let opening = [Direction::Input, Direction::Output].map(|direction| self.opening(direction));
        let [input, output] = opening.map(|opening| (wish(&self.choice, opening.direction), opening));
        let input = Self::open_end(&mut self.capture, input.0, input.1);
        let output = Self::open_end(&mut self.render, output.0, output.1);
        self.stand_in();
        self.say_opened(input, output);
    }

    fn opening(&self, direction: Direction) -> Opening {
        Opening {
            to: self.failures.0.clone(),
            direction,
            generation: self.generation,
            client_name: Arc::clone(&self.client_name),
            jack: self.jack.clone(),
        }
    }

    fn open_end<B: Side>(
        seat: &mut Seat<B>,
        wish: Option<EndWish>,
        opening: Opening,
    ) -> Result<(), CardError> {
        let Some(wish) = wish else { return Ok(()) };
        if seat.card().is_some() {
            return Ok(());
        }
        let plan = backend::plan(&wish, B::DIRECTION)?;
        let what = plan.what();
        seat.sit(plan, &opening, STAND_IN_PERIOD).map_err(|trouble| CardError { what, trouble })
    }

    /// Says what is open and what is not, once each.
    fn say_opened(&mut self, input: Result<(), CardError>, output: Result<(), CardError>) {
        let both_alike = match (&input, &output) {
            (Err(a), Err(b)) => a.trouble.to_string() == b.trouble.to_string(),
            _ => false,
        };
        let came_back = (self.lost[0] && input.is_ok()) || (self.lost[1] && output.is_ok());
        let failed = input.is_err() || output.is_err();
        let any = self.capture.card().is_some() || self.render.card().is_some();
        let mut said_both = false;
        for (n, result) in [input, output].into_iter().enumerate() {
            match result {
                Ok(()) => self.lost[n] = false,
                Err(_) if self.lost[n] => {}
                Err(error) => {
                    self.lost[n] = true;
                    let remedy = error.remedy();
                    let why = error.trouble.to_string();
                    let what = if both_alike { "the sound card".to_owned() } else { error.what };
                    if !std::mem::replace(&mut said_both, both_alike) {
                        self.tell(CardEvent::Lost { what, why, remedy });
                    }
                }
            }
        }
        if any && !self.opened {
            self.opened = true;
            let opened = self.describe();
            self.tell(CardEvent::Opened(opened));
        } else if came_back {
            self.shared.returns.fetch_add(1, Relaxed);
            let opened = self.describe();
            self.tell(CardEvent::Restored(opened));
        }
        if failed {
            self.retry_at = Some(Instant::now() + self.wait);
            self.wait = (self.wait * 2).min(RETRY_MAX);
        } else {
            self.wait = RETRY_FIRST;
        }
        self.watch_at = Instant::now() + STALL_MAX;
    }

    fn open_virtual(&mut self, card: &VirtualCard) {
        if self.runner.is_some() || !self.capture.recall() || !self.render.recall() {
            return;
        }
        let Some(ends) = self.ends.take() else { return };
        let channels = ends.source().channels() as u16;
        let sides = VirtualSides { capture: self.capture.lend(), render: self.render.lend() };
        let counters = (Arc::clone(&self.capture.counters), Arc::clone(&self.render.counters));
        match VirtualRunner::start(ends, sides, counters.0, counters.1) {
            Ok(runner) => {
                self.runner = Some(runner);
                let opened = self.describe_virtual(card, channels);
                let back = std::mem::replace(&mut self.opened, true);
                self.lost = [false; 2];
                if back {
                    self.shared.returns.fetch_add(1, Relaxed);
                    self.tell(CardEvent::Restored(opened));
                } else {
                    self.tell(CardEvent::Opened(opened));
                }
            }
            Err(error) => {
                self.capture.recall();
                self.render.recall();
                self.say_no_thread(&error);
            }
        }
    }

    fn say_no_thread(&mut self, error: &io::Error) {
        self.tell(CardEvent::Lost {
            what: "the virtual card".to_owned(),
            why: format!("the system gives no thread: {error}"),
            remedy: "close other programs and start again".to_owned(),
        });
    }

    fn stop_virtual(&mut self) {
        if let Some(runner) = self.runner.take() {
            self.ends = runner.stop();
        }
    }

    fn stand_in(&mut self) {
        if self.capture.card().is_none() {
            self.capture.stand_in(STAND_IN_PERIOD);
        }
        if self.render.card().is_none() {
            self.render.stand_in(STAND_IN_PERIOD);
        }
    }

    fn vanish(&mut self) {
        if std::mem::replace(&mut self.vanished, true) {
            return;
        }
        self.stop_virtual();
        self.capture.recall();
        self.render.recall();
        self.lost = [true; 2];
        self.stand_in();
        let what = match self.choice {
            CardChoice::Virtual(_) => "the virtual card",
            CardChoice::Real { .. } => "the sound card",
        };
        self.tell(CardEvent::Lost {
            what: what.to_owned(),
            why: "it was told to go away".to_owned(),
            remedy: "tell it to come back".to_owned(),
        });
    }

    fn restore(&mut self) {
        if std::mem::replace(&mut self.vanished, false) {
            self.wait = RETRY_FIRST;
            self.open();
        }
    }

    fn tick(&mut self) {
        self.hear_failures();
        let now = Instant::now();
        if now >= self.watch_at {
            self.watch_at = now + STALL_MAX;
            self.watch();
        }
        if self.retry_at.is_some_and(|at| now >= at) {
            self.open();
        }
        if now >= self.tell_at {
            self.tell_at = now + TELL_EVERY;
            self.tell_counts();
        }
        self.tell_waiting();
    }

    fn hear_failures(&mut self) {
        let failed = std::mem::take(&mut self.failed);
        while let Ok(failure) = self.failures.1.try_recv() {
            let (n, of_this_card) = match failure.direction {
                Direction::Input => (0, self.capture.is_of(failure.generation)),
                Direction::Output => (1, self.render.is_of(failure.generation)),
            };
            if of_this_card {
                self.failed[n] = Some(failure.trouble);
            }
        }
        match failed {
            [None, None] => {}
            [input, output] => {
                let [more_input, more_output] = std::mem::take(&mut self.failed);
                self.lose([input.or(more_input), output.or(more_output)]);
            }
        }
    }

    /// A card that asks for nothing has died without a word.
    fn watch(&mut self) {
        let dead =
            |stalled: bool| stalled.then(|| CardTrouble::Gone("it stopped asking for sound".to_owned()));
        let failed = [dead(self.capture.stalled()), dead(self.render.stalled())];
        self.lose(failed);
    }

    /// Lets go of the ends that failed and says so.
    fn lose(&mut self, failed: [Option<CardTrouble>; 2]) {
        let [input, output] = failed;
        let name = |open: Option<&backend::OpenEnd>| open.map(|open| open.end.name.clone());
        let names = [name(self.capture.card()), name(self.render.card())];
        if input.is_none() && output.is_none() {
            return;
        }
        let same = input.is_some() && output.is_some();
        if input.is_some() {
            self.capture.recall();
        }
        if output.is_some() {
            self.render.recall();
        }
        self.stand_in();
        let mut said = false;
        for (n, trouble) in [input, output].into_iter().enumerate() {
            let (Some(trouble), Some(name)) = (trouble, &names[n]) else { continue };
            self.lost[n] = true;
            if same && std::mem::replace(&mut said, true) {
                continue;
            }
            let what = if same { "the sound card".to_owned() } else { name.clone() };
            let (why, remedy) = (trouble.to_string(), trouble.remedy());
            self.tell(CardEvent::Lost { what, why, remedy });
        }
        self.retry_at = Some(Instant::now() + self.wait);
    }
}

/// Last words of streams waiting to be heard; more say the same again and are dropped.
const FAILURES_MAX: usize = 8;

/// Events waiting for a listener who is slow; past it the oldest is forgotten.
const EVENTS_WAITING_MAX: usize = 64;

/// How often the thread looks around: a lost card is silence for that long at most.
const TICK: Duration = Duration::from_millis(20);

/// How often counts are told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The first wait before a lost card is tried again; doubled every time.
const RETRY_FIRST: Duration = Duration::from_millis(250);

/// The longest wait: a card that is plugged in again is taken within it. Shorter would ask the
/// system for nothing more often.
const RETRY_MAX: Duration = Duration::from_secs(2);

/// A card that asks for nothing for this long is dead. The longest block of any card is a tenth.
const STALL_MAX: Duration = Duration::from_secs(2);

/// How long "opened" waits for the first block, to say its priority.
const FIRST_BLOCK_MAX: Duration = Duration::from_millis(300);

/// The block of a stand-in: whoever hears nothing needs no short delay, but the others do not want
/// our silence in lumps.
const STAND_IN_PERIOD: u32 = 240;

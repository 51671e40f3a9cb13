//! The meters of every input, while somebody looks: opened when they are asked for, closed soon after.
//!
//! World: worker, on the thread that opens and changes cards, so that no card is chosen while we hold it.

use std::time::{Duration, Instant};

use crate::audio::device::input_watch::{self, InputReading, InputWatch};
use crate::audio::device::{CardSupervisor, list_cards};
use crate::peer::api::{InputLevel, Inputs};

/// Inputs that nobody asks for any more are closed after this: a client that was killed leaves nothing open.
/// Shorter closes them under a slow client, longer keeps cards from other programs.
const KEPT_FOR: Duration = Duration::from_secs(2);

/// How often that is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The inputs that are open to be seen, if any are.
#[derive(Debug)]
pub(super) struct InputMeters {
    client_name: String,
    watch: Option<InputWatch>,
    /// Asked for, and opened before the next look.
    wanted: bool,
    asked_at: Instant,
}

impl InputMeters {
    /// `client_name`: what we are called on a sound server.
    pub(super) fn new(client_name: &str) -> Self {
        Self { client_name: client_name.to_owned(), watch: None, wanted: false, asked_at: Instant::now() }
    }

    /// Whether anything is open, or about to be.
    pub(super) const fn is_on(&self) -> bool {
        self.wanted || self.watch.is_some()
    }

    /// What is answered now. The first answer comes before the inputs are open: nobody waits for a card.
    pub(super) fn ask(&mut self, supervisor: &CardSupervisor) -> Inputs {
        self.asked_at = Instant::now();
        let Some(watch) = &mut self.watch else {
            self.wanted = true;
            return Inputs { looking: true, inputs: Vec::new() };
        };
        let in_use = supervisor.input_id();
        let inputs = watch.read().into_iter().map(|reading| shown(reading, in_use.as_deref())).collect();
        Inputs { looking: false, inputs }
    }

    /// Between orders: opens what was asked for, once the card asked for is open or said to be lost; closes what
    /// nobody asks for.
    pub(super) fn tend(&mut self, supervisor: &CardSupervisor) {
        if self.asked_at.elapsed() > KEPT_FOR {
            return self.close();
        }
        if self.wanted && supervisor.is_settled() {
            self.wanted = false;
            self.watch =
                Some(InputWatch::open(list_cards(), supervisor.input_id().as_deref(), &self.client_name));
            // Opening took its time; whoever asked is still there.
            self.asked_at = Instant::now();
        }
    }

    /// Lets go of every input.
    pub(super) fn close(&mut self) {
        self.wanted = false;
        self.watch = None;
    }
}

fn shown(reading: InputReading, in_use: Option<&str>) -> InputLevel {
    let card = reading.card;
    let mut shown = InputLevel {
        in_use: in_use == Some(card.id.as_str()),
        host: card.host,
        name: card.id,
        description: card.name,
        peak_db: None,
        channels_db: Vec::new(),
        why: String::new(),
        remedy: String::new(),
    };
    match reading.level {
        input_watch::InputLevel::Heard(peaks) => {
            shown.peak_db = Some(peaks.peak_db);
            shown.channels_db = peaks.channels_db;
        }
        input_watch::InputLevel::Waiting => {}
        input_watch::InputLevel::InUse => shown.in_use = true,
        input_watch::InputLevel::Shut { why, remedy } => {
            (shown.why, shown.remedy) = (why, super::card::sentence(&remedy));
        }
    }
    shown
}

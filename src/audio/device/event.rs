//! What the supervisor tells: a card opened, lost, back; things a person should know.
//!
//! World: worker.

use crate::domain::time::SampleTime;

/// What happened to the card.
#[derive(Debug, Clone, PartialEq)]
pub enum CardEvent {
    /// The card asked for is open and running; also after another one was asked for.
    Opened(OpenedCard),
    /// The card, or one end of it, is not there: the jam goes on, silent at that end, and it is
    /// tried again until it is back.
    Lost {
        /// Which.
        what: String,
        /// Why.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// What was lost is back.
    Restored(OpenedCard),
    /// Over- and underruns since the start, told at most once a second, when there were more.
    Xruns(u64),
    /// The callback's thread was not raised: told once for each card.
    Priority {
        /// What the system said.
        words: String,
        /// What to do.
        remedy: String,
    },
    /// Nothing is lost, but a person should know: the output file is full.
    Notice {
        /// What.
        what: String,
        /// Why.
        why: String,
        /// What to do.
        remedy: String,
    },
}

/// A card as it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenedCard {
    /// One line for people: name, rate, period, channels.
    pub description: String,
    /// Where sound comes in; `None` if silence stands in for it.
    pub input: Option<CardEnd>,
    /// Where sound goes out; `None` if it goes nowhere.
    pub output: Option<CardEnd>,
    /// What became of the callback's priority, in words.
    pub priority: String,
    /// Of the virtual card alone: its clock, so that files of several can be laid side by side.
    pub clock: Option<CardClock>,
}

/// One end of a card as it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct CardEnd {
    /// The stable name.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// JACK's ports, by full name; empty elsewhere.
    pub ports: Vec<String>,
    /// What the card runs at; inside it is always 48 kHz.
    pub rate_hz: u32,
    /// Samples per channel in a block, at the card's rate.
    pub period: u32,
    /// Channels open on the card.
    pub channels: u16,
    /// What converting the rate adds, in ms; 0 at 48 kHz.
    pub converter_ms: f64,
}

/// Where a virtual card's samples lie in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CardClock {
    /// Sample 0, in ns of this machine's monotonic clock: the same in every process of it.
    pub began_ns: u64,
    /// Samples per channel a second, as it really runs: 48000 and its error.
    pub rate_hz: f64,
    /// The card's sample at which the first sample of the input was played. The output file's
    /// first sample is the card's sample 0.
    pub input_began: SampleTime,
}

impl OpenedCard {
    /// JACK's ports of both ends, inputs first.
    #[must_use]
    pub fn ports(&self) -> Vec<String> {
        [&self.input, &self.output].into_iter().flatten().flat_map(|end| end.ports.clone()).collect()
    }

    /// Samples per channel in a block: the output's, or the input's where there is none.
    #[must_use]
    pub fn period(&self) -> Option<u32> {
        self.output.as_ref().or(self.input.as_ref()).map(|end| end.period)
    }

    /// What the card runs at: the output's rate, or the input's where there is none.
    #[must_use]
    pub fn rate_hz(&self) -> Option<u32> {
        self.output.as_ref().or(self.input.as_ref()).map(|end| end.rate_hz)
    }
}

impl CardEnd {
    /// For people: `JACK Input, 48000 Hz, 64 samples (1.3 ms), 1 channel`.
    #[must_use]
    pub fn words(&self) -> String {
        let ms = f64::from(self.period) * 1_000.0 / f64::from(self.rate_hz.max(1));
        let s = if self.channels == 1 { "" } else { "s" };
        let mut words = format!(
            "{}, {} Hz, {} samples ({ms:.1} ms), {} channel{s}",
            self.name, self.rate_hz, self.period, self.channels
        );
        if self.converter_ms > 0.0 {
            words.push_str(&format!(", converted to 48000 Hz in {:.1} ms", self.converter_ms));
        }
        words
    }
}

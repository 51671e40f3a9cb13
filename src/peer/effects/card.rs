//! The sound card: opened in the background, kept by its supervisor.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::sync::mpsc;

use super::inputs::{InputMeters, LOOK_EVERY};
use crate::audio::capture::CaptureSide;
use crate::audio::device::{
    CardChoice, CardError, CardEvent, CardStats, CardSupervisor, CardTrouble, InputChannels, OpenedCard,
    list_cards,
};
use crate::audio::render::RenderSide;
use crate::audio::virtual_card::{RawFormat, VirtualCard, VirtualInput, VirtualOutput, VirtualTrouble};
use crate::audio::wav::WavError;
use crate::peer::api::{Card, CardClock, ErrorCode, ErrorReply, Inputs, ListedCard};
use crate::peer::message::{Ask, CardEffect, CardMessage, Message};
use crate::peer::run::{CardOptions, VirtualIn, VirtualOut};

/// Orders and words of the card that may wait. When full, the card's thread waits: nothing is lost.
const WORDS_MAX: usize = 64;

/// The thread that opens and changes cards: both may take seconds, and nothing waits for them.
#[derive(Debug)]
pub(super) struct CardPart {
    orders: Option<SyncSender<CardEffect>>,
    thread: Option<thread::JoinHandle<()>>,
    supervisor: Arc<OnceLock<CardSupervisor>>,
}

impl CardPart {
    /// `client_name`: what we are called on a sound server.
    pub(super) fn start(
        client_name: String,
        options: CardOptions,
        capture: CaptureSide,
        render: RenderSide,
        answers: mpsc::Sender<Message>,
    ) -> std::io::Result<Self> {
        let (orders, inbox) = sync_channel(WORDS_MAX);
        let supervisor = Arc::new(OnceLock::new());
        let opened = Arc::clone(&supervisor);
        let thread = thread::Builder::new().name("jamtty-card".to_owned()).spawn(move || {
            keep(&client_name, &options, capture, render, &opened, &inbox, &answers);
        })?;
        Ok(Self { orders: Some(orders), thread: Some(thread), supervisor })
    }

    /// Gives an order; the answer comes as a message, at once if the card takes none.
    pub(super) fn apply(&self, effect: CardEffect) -> Option<CardMessage> {
        let ask: Ask = match &effect {
            CardEffect::Set(ask, _)
            | CardEffect::Period(ask, _)
            | CardEffect::List(ask)
            | CardEffect::Inputs(ask, _) => *ask,
        };
        let sent = self.orders.as_ref().is_some_and(|orders| orders.try_send(effect).is_ok());
        (!sent).then(|| CardMessage::Refused {
            ask: Some(ask),
            error: ErrorReply::new(
                ErrorCode::TryAgain,
                "the sound card is busy",
                "it is still being opened",
                "Try again in a few seconds",
            ),
        })
    }

    /// The card in numbers; `None` before it was opened once.
    pub(super) fn stats(&self) -> Option<CardStats> {
        self.supervisor.get().map(CardSupervisor::stats)
    }

    /// Closes the card; files of a virtual one are whole then.
    pub(super) fn stop(mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // Dropping the last share of the supervisor closes the card.
    }
}

/// The thread's work: opens the card, then takes orders until there are none any more.
fn keep(
    client_name: &str,
    options: &CardOptions,
    capture: CaptureSide,
    render: RenderSide,
    opened: &OnceLock<CardSupervisor>,
    inbox: &Receiver<CardEffect>,
    answers: &mpsc::Sender<Message>,
) {
    let say = |message| {
        // The peer is ending if nobody takes it.
        let _ = answers.blocking_send(Message::Card(message));
    };
    let (events, words) = sync_channel(WORDS_MAX);
    let tell = answers.clone();
    let teller = thread::Builder::new().name("jamtty-card-words".to_owned()).spawn(move || {
        // Ends with the supervisor, which holds the other end.
        for event in words {
            let _ = tell.blocking_send(Message::Card(translate(event)));
        }
    });
    if teller.is_err() {
        return;
    }
    let started = choice(options).and_then(|choice| {
        CardSupervisor::start(client_name, choice, capture, render, events).map_err(|error| refusal(&error))
    });
    let supervisor = match started {
        Ok(supervisor) => opened.get_or_init(|| supervisor),
        Err(error) => return say(CardMessage::Refused { ask: None, error }),
    };
    let mut current = options.clone();
    let mut meters = InputMeters::new(client_name);
    while let Some(order) = next_order(inbox, &mut meters, supervisor) {
        let (ask, wanted) = match order {
            CardEffect::Set(ask, options) => (ask, *options),
            CardEffect::Period(ask, period) => (ask, with_period(&current, period)),
            CardEffect::List(ask) => {
                // A card that we hold would be missing.
                meters.close();
                say(CardMessage::Listed { ask, cards: listed() });
                continue;
            }
            CardEffect::Inputs(ask, on) => {
                let inputs = if on { meters.ask(supervisor) } else { Inputs::default() };
                if !on {
                    meters.close();
                }
                say(CardMessage::Inputs { ask, inputs });
                continue;
            }
        };
        // One that we hold could not be opened.
        meters.close();
        let set = choice(&wanted).and_then(|choice| supervisor.set(choice).map_err(|error| refusal(&error)));
        say(match set {
            Ok(()) => {
                let channels = send_channels(&wanted);
                current = wanted;
                CardMessage::Taken { ask, channels }
            }
            Err(error) => CardMessage::Refused { ask: Some(ask), error },
        });
    }
}

/// The next order; `None` when there are none any more. Meanwhile the meters are tended.
fn next_order(
    inbox: &Receiver<CardEffect>,
    meters: &mut InputMeters,
    supervisor: &CardSupervisor,
) -> Option<CardEffect> {
    while meters.is_on() {
        match inbox.try_recv() {
            Ok(order) => return Some(order),
            Err(_) => meters.tend(supervisor),
        }
        match inbox.recv_timeout(LOOK_EVERY) {
            Ok(order) => return Some(order),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    inbox.recv().ok()
}

/// The same card with another block.
fn with_period(options: &CardOptions, samples: u32) -> CardOptions {
    let mut options = options.clone();
    match &mut options {
        CardOptions::Real { period, .. } => *period = Some(samples),
        CardOptions::Virtual { period, .. } => *period = samples,
    }
    options
}

/// What people asked for, as the cards take it.
fn choice(options: &CardOptions) -> Result<CardChoice, ErrorReply> {
    match options {
        CardOptions::Real { host, input, output, channels, period, remembered } => {
            let channels = channels.as_deref().map(input_channels).transpose()?;
            Ok(CardChoice::Real {
                host: host.clone(),
                input: input.clone(),
                output: output.clone(),
                channels,
                period: *period,
                remembered: *remembered,
            })
        }
        CardOptions::Virtual { input, output, period, error_ppm, .. } => {
            let input = match input {
                VirtualIn::Silence => VirtualInput::Silence,
                VirtualIn::Tone { hz } => VirtualInput::Tone { hz: f64::from(*hz) },
                VirtualIn::File { path, looped } => {
                    is_there(path)?;
                    VirtualInput::File { path: path.clone(), looped: *looped }
                }
                VirtualIn::Stdin { sample, rate_hz, channels } => {
                    let words = format!("{sample},{rate_hz},{channels}");
                    VirtualInput::Stdin(RawFormat::parse(&words).ok_or_else(|| {
                        ErrorReply::new(
                            ErrorCode::Usage,
                            "raw sound cannot be read in this form",
                            words.clone(),
                            "Write it as f32le,48000,1",
                        )
                    })?)
                }
            };
            let output = match output {
                VirtualOut::Nothing => VirtualOutput::Nothing,
                VirtualOut::File(path) => VirtualOutput::File { path: path.clone() },
                VirtualOut::Stdout => VirtualOutput::Stdout,
            };
            Ok(CardChoice::Virtual(VirtualCard { input, output, period: *period, error_ppm: *error_ppm }))
        }
    }
}

fn input_channels(word: &str) -> Result<InputChannels, ErrorReply> {
    // One channel is the first, two are both: the numbers people know from other programs.
    match word {
        "1" => Ok(InputChannels::Left),
        "2" => Ok(InputChannels::Stereo),
        other => InputChannels::parse(other).ok_or_else(|| {
            ErrorReply::new(
                ErrorCode::Usage,
                "these input channels are not understood",
                format!("{other:?} is none of 1, 2, left, right, mix, stereo"),
                "Choose one of them",
            )
        }),
    }
}

/// Channels of the stream for this card: the engine mixes to it.
pub(super) fn send_channels(options: &CardOptions) -> u8 {
    match options {
        CardOptions::Real { channels: Some(word), .. } => {
            input_channels(word).map_or(1, |channels| u8::try_from(channels.heard()).unwrap_or(1))
        }
        CardOptions::Real { channels: None, .. } => 1,
        CardOptions::Virtual { channels, .. } => (*channels).clamp(1, 2),
    }
}

fn is_there(path: &Path) -> Result<(), ErrorReply> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(ErrorReply::new(
            ErrorCode::BadInput,
            format!("cannot play {}", path.display()),
            "it is no file",
            "Name a WAV file",
        )),
        Err(error) => Err(ErrorReply::new(
            ErrorCode::NoFile,
            format!("cannot play {}", path.display()),
            error.to_string(),
            "Check the path",
        )),
    }
}

fn refusal(error: &CardError) -> ErrorReply {
    let code = match &error.trouble {
        CardTrouble::Virtual(VirtualTrouble::Wav(WavError::Unwritable { .. })) => ErrorCode::CannotWrite,
        CardTrouble::Virtual(VirtualTrouble::Wav(WavError::NotFound(_))) => ErrorCode::NoFile,
        CardTrouble::Virtual(VirtualTrouble::Wav(WavError::Unreadable { .. })) => ErrorCode::BadInput,
        // A name that nothing here has is a mistake of whoever wrote it, as that of an interface is: trying
        // again does not help, and what restarts on 74 must not restart on it.
        CardTrouble::Virtual(VirtualTrouble::Wish(_))
        | CardTrouble::NoSuchHost { .. }
        | CardTrouble::NoSuchCard { .. }
        | CardTrouble::Ambiguous { .. } => ErrorCode::Usage,
        CardTrouble::Virtual(VirtualTrouble::System(_)) => ErrorCode::CannotWrite,
        CardTrouble::Busy
        | CardTrouble::Gone(_)
        | CardTrouble::NoCards
        | CardTrouble::NoServer
        | CardTrouble::ServerGone
        | CardTrouble::Changed(_)
        | CardTrouble::Unsupported(_)
        | CardTrouble::Denied
        | CardTrouble::Other(_) => ErrorCode::Audio,
    };
    let remedy = sentence(&error.remedy());
    ErrorReply::new(code, format!("cannot use {}", error.what), error.trouble.to_string(), remedy)
}

/// With a capital letter, as it stands after a period.
pub(super) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn translate(event: CardEvent) -> CardMessage {
    match event {
        CardEvent::Opened(card) => CardMessage::Opened(shown(&card)),
        CardEvent::Restored(card) => CardMessage::Restored(shown(&card)),
        CardEvent::Lost { what, why, remedy } => CardMessage::Lost { what, why, remedy: sentence(&remedy) },
        CardEvent::Notice { what, why, remedy } => {
            CardMessage::Notice { what, why, remedy: sentence(&remedy) }
        }
        CardEvent::Xruns(count) => CardMessage::Xruns(count),
        CardEvent::Priority { words, remedy } => CardMessage::Priority { words, remedy },
    }
}

fn shown(card: &OpenedCard) -> Card {
    let channels =
        |end: &Option<crate::audio::device::CardEnd>| end.as_ref().map_or(0, |end| u32::from(end.channels));
    Card {
        description: card.description.clone(),
        ports: card.ports(),
        rate_hz: card.rate_hz().unwrap_or(0),
        period: card.period().unwrap_or(0),
        input_channels: channels(&card.input),
        output_channels: channels(&card.output),
        priority: card.priority.clone(),
        xruns: 0,
        clock: card.clock.map(|clock| CardClock {
            began_ns: clock.began_ns,
            rate_hz: clock.rate_hz,
            input_began: clock.input_began.samples(),
        }),
    }
}

fn listed() -> Vec<ListedCard> {
    list_cards()
        .into_iter()
        .map(|card| ListedCard {
            host: card.host,
            name: card.id,
            description: card.name,
            input_channels: u32::from(card.inputs),
            output_channels: u32::from(card.outputs),
            rates_hz: card.rates_hz,
            default_input: card.default_input,
            default_output: card.default_output,
        })
        .collect()
}

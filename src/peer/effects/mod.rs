//! What `update` asked for, done; what happened, told to it. One file per part of the program, each
//! a thin translation; what passes through here is never a decision.
//!
//! World: async. One task owns the model and all parts; what may block runs on threads of its own.

mod card;
mod disk;
mod inputs;
mod library;
mod library_answers;
mod measure;
mod media;
mod net;
mod print;
mod record;
mod sound;
mod start;
mod tap;

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;

pub(super) use start::run;

use card::CardPart;
use disk::DiskPart;
use media::MediaPart;
use net::{FromNet, NetPart};
use print::Printer;
use record::RecordPart;
use sound::SoundPart;

use super::api::{API_VERSION, ErrorReply, Event, EventLine, Interface};
use super::message::{Ask, Effect, Message, NetEffect, Readings, SoundEffect};
use super::model::Model;
use super::run::ExitReason;
use super::socket::server::{Hub, SocketCounters, SocketInput};
use super::update::update;
use crate::clock;
use crate::domain::peer_id::PeerId;
use crate::net::swarm::NetEvent;

/// Messages from threads (card, disk) that may wait. When full they wait: nothing is lost.
const INBOX_MAX: usize = 256;

/// How often engine and media path are asked what happened while in a jam.
const TICK: Duration = Duration::from_millis(100);

/// Figures younger than this are not read again for a request.
const FRESH_US: u64 = 50_000;

/// Everything that comes in.
struct Inlets {
    signals: mpsc::Receiver<i32>,
    net: mpsc::Receiver<NetEvent>,
    inbox: mpsc::Receiver<Message>,
    fallback: mpsc::Receiver<(PeerId, Vec<u8>)>,
    socket: mpsc::Receiver<SocketInput>,
}

/// Everything that is driven.
struct Parts {
    net: NetPart,
    media: MediaPart,
    sound: SoundPart,
    card: CardPart,
    disk: DiskPart,
    record: RecordPart,
    hub: Hub,
    printer: Printer,
    socket: std::sync::Arc<SocketCounters>,
    ifaces: Vec<String>,
    inbox: mpsc::Sender<Message>,
    /// When figures were read last, in µs.
    read_at_us: Option<u64>,
    ended: Option<Result<ExitReason, ErrorReply>>,
}

/// Runs until an effect ends it.
async fn drive(
    model: &mut Model,
    parts: &mut Parts,
    mut inlets: Inlets,
    first: Vec<Message>,
) -> Result<ExitReason, ErrorReply> {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut waiting: VecDeque<Message> = first.into();
    loop {
        while let Some(message) = waiting.pop_front() {
            let effects = update(model, message, clock::now());
            if effects.iter().any(|effect| matches!(effect, Effect::Quit(Err(_)))) {
                parts.printer.failing();
            }
            for effect in effects {
                waiting.extend(parts.apply(effect, model));
            }
            if let Some(ended) = parts.ended.take() {
                return ended;
            }
        }
        let wake = model.wake_at().map(|wake| wake.since(clock::now()));
        let sleep = async {
            match wake {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        // In this order: the system, other people, our own threads, then those who ask.
        tokio::select! {
            biased;
            Some(number) = inlets.signals.recv() => waiting.push_back(Message::Signal(number)),
            Some(event) = inlets.net.recv() => match net::translate(event) {
                FromNet::Message(message) => waiting.push_back(message),
                FromNet::Packet(peer, packet) => parts.media.packet_in(peer, &packet),
                FromNet::Nothing => {}
            },
            Some((peer, packet)) = inlets.fallback.recv() => parts.net.send_packet(peer, packet),
            Some(message) = inlets.inbox.recv() => waiting.push_back(message),
            () = sleep => waiting.push_back(Message::Wake),
            _ = ticks.tick(), if model.wants_ticks() => {
                waiting.extend(parts.poll());
                waiting.push_back(parts.read());
            }
            Some(input) = inlets.socket.recv() => {
                if let Some((client, request)) = parts.hub.take(input) {
                    if shows_figures(&request.action) && !parts.are_figures_fresh() {
                        waiting.extend(parts.poll());
                        waiting.push_back(parts.read());
                    }
                    waiting.push_back(Message::Request { client, request });
                }
            }
        }
    }
}

fn shows_figures(action: &str) -> bool {
    matches!(action, "status" | "link" | "audio.level" | "audio.inputs" | "doctor")
}

impl Parts {
    /// Does one thing; what follows from it at once comes back.
    fn apply(&mut self, effect: Effect, model: &Model) -> Option<Message> {
        match effect {
            Effect::Net(effect) => {
                match effect {
                    NetEffect::OpenFallback(peer) => self.media.use_fallback(peer, true),
                    NetEffect::CloseFallback(peer) => self.media.use_fallback(peer, false),
                    _ => {}
                }
                self.net.apply(effect);
                None
            }
            Effect::Media(effect) => self.media.apply(effect, &mut self.sound).map(Message::Media),
            Effect::Sound(SoundEffect::Measure(ask)) => self.sound.measure(ask, self.inbox.clone()),
            Effect::Sound(effect) => {
                self.sound.apply(effect);
                None
            }
            Effect::Card(effect) => self.card.apply(effect).map(Message::Card),
            Effect::Disk(effect) => {
                self.disk.apply(effect);
                None
            }
            Effect::Record(effect) => self.record.apply(effect, &mut self.sound).map(Message::Record),
            Effect::Reply { client, reply } => {
                self.hub.reply(client, &reply);
                None
            }
            Effect::Watch { client, names } => {
                self.hub.watch(client, &names);
                None
            }
            Effect::Broadcast(event) => {
                self.tell(event);
                None
            }
            Effect::Survey(ask) => {
                self.survey(ask, model);
                None
            }
            Effect::Quit(how) => {
                self.ended = Some(how);
                None
            }
        }
    }

    fn tell(&mut self, event: Event) {
        let at =
            jiff::Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_else(|_| jiff::Timestamp::now());
        let line = EventLine { v: API_VERSION, at: format!("{at:.3}"), event };
        self.printer.print(&line);
        self.hub.broadcast(&line);
    }

    /// What happened in engine and media path since the last time.
    fn poll(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(message) = self.media.poll() {
            messages.push(message);
        }
        while let Some(message) = self.sound.poll() {
            messages.push(Message::Sound(message));
        }
        messages
    }

    fn are_figures_fresh(&self) -> bool {
        self.read_at_us.is_some_and(|at| clock::now().micros() <= at + FRESH_US)
    }

    /// Fresh figures.
    fn read(&mut self) -> Message {
        use std::sync::atomic::Ordering::Relaxed;
        let now_us = clock::now().micros();
        self.read_at_us = Some(now_us);
        let (levels, capture_lost) = self.sound.levels();
        let card = self.card.stats().unwrap_or_default();
        let recorder = self.sound.recorder();
        let (recording, recorder_refused) = (recorder.reading(), recorder.refused());
        let own = [
            ("capture_lost_samples", capture_lost),
            ("card_xruns", card.xruns),
            ("card_late_callbacks", card.late_callbacks),
            ("card_losses", card.losses),
            ("card_input_underruns", card.input_underruns),
            ("card_output_dropped", card.output_dropped),
            ("disk_orders_lost", self.disk.lost),
            ("recorder_memory_bytes", recording.memory_bytes),
            ("recorder_missed_samples", recording.missed_samples),
            ("recorder_orders_refused", recorder_refused),
            ("net_commands_refused", self.net.refused),
            ("sound_orders_refused", self.sound.refused),
            ("socket_clients", self.socket.clients.load(Relaxed)),
            ("socket_clients_refused", self.socket.refused.load(Relaxed)),
            ("socket_clients_slow", self.socket.slow.load(Relaxed)),
            ("socket_bad_lines", self.socket.bad_lines.load(Relaxed)),
        ];
        let counters = own.into_iter().chain(self.net.counters()).chain(self.media.counters());
        Message::Readings(Box::new(Readings {
            levels,
            links: self.media.read(now_us, &self.sound),
            xruns: card.xruns,
            counters: counters.map(|(name, count)| (name.to_owned(), count)).collect(),
        }))
    }

    /// Looks at the machine, on a thread that may block.
    fn survey(&self, ask: Ask, _model: &Model) {
        let (ifaces, inbox, media_port) = (self.ifaces.clone(), self.inbox.clone(), self.media.port());
        tokio::task::spawn_blocking(move || {
            let found = crate::net::interfaces::list().unwrap_or_default();
            let used = found.into_iter().filter(|one| ifaces.is_empty() || ifaces.contains(&one.name));
            let interfaces = used
                .map(|one| Interface {
                    addresses: one.addrs.iter().map(|addr| addr.ip.to_string()).collect(),
                    name: one.name,
                })
                .collect();
            let _ = inbox.blocking_send(Message::Surveyed { ask, interfaces, media_port });
        });
    }
}

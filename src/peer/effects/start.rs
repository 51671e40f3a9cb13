//! From options to a running peer, and its end in order.
//!
//! Folders, key, index, network, engine and card are made at the same time as far as they can be:
//! the socket takes clients first, the card comes last, in the background.

use std::collections::BTreeMap;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tokio::sync::mpsc;

use super::card::{CardPart, send_channels};
use super::disk::{self, DiskPart, unix_s};
use super::media::{MediaPart, raised};
use super::net::NetPart;
use super::print::Printer;
use super::record::RecordPart;
use super::sound::SoundPart;
use super::{INBOX_MAX, Inlets, Parts, drive};
use crate::clock;
use crate::domain::level::Gain;
use crate::domain::name::Name;
use crate::domain::profile::Profile;
use crate::domain::sharing::Shared;
use crate::paths::{DEFAULT_PROFILE, Paths};
use crate::peer::api::{ErrorCode, ErrorReply, Event, Person};
use crate::peer::message::{DiskEffect, Message, SoundEffect};
use crate::peer::model::{Model, Recent, Setup};
use crate::peer::run::{CardOptions, ExitReason, PeerError, PeerOptions, VirtualOut};
use crate::peer::socket::REQUESTS_MAX;
use crate::peer::socket::lock::ProfileLock;
use crate::peer::socket::server::{Hub, SocketServer};
use crate::priority::{self, Raised};
use crate::store::takes::folder::takes_folder;
use crate::store::{Identity, Index, IndexNotice};

/// How long the network may take to say goodbye.
const GOODBYE_MAX: Duration = Duration::from_millis(120);

/// How long threads of the async runtime are waited for at the end.
const RUNTIME_END_MAX: Duration = Duration::from_millis(20);

/// Starts everything, runs it, ends it.
pub(in crate::peer) fn run(options: PeerOptions) -> Result<ExitReason, PeerError> {
    let lock = ProfileLock::acquire(&options.paths).map_err(PeerError)?;
    // Before any thread: a signal in between would end us without a goodbye.
    let (signals, handle) =
        watch_signals().map_err(|error| PeerError(system("watch for signals", &error)))?;
    priority::set_wanted(options.priority);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("jamtty-async")
        .enable_all()
        .build()
        .map_err(|error| PeerError(system("start threads", &error)))?;
    let ended = runtime.block_on(live(options, &lock, signals));
    runtime.shutdown_timeout(RUNTIME_END_MAX);
    handle.close();
    drop(lock);
    ended.map_err(PeerError)
}

async fn live(
    options: PeerOptions,
    lock: &ProfileLock,
    signals: mpsc::Receiver<i32>,
) -> Result<ExitReason, ErrorReply> {
    let socket_path = options.paths.socket();
    let server = SocketServer::bind(&socket_path, lock).map_err(|error| {
        cannot_write(&format!("cannot open the socket {}", socket_path.display()), &error)
    })?;
    let socket_counters = server.counters();
    let (to_socket, socket) = mpsc::channel(REQUESTS_MAX);
    let serving = tokio::spawn(server.serve(to_socket));

    let (kept, media) = tokio::join!(open_store(options.paths.clone()), {
        let (ifaces, port) = (options.ifaces.clone(), options.media_port);
        blocking(move || MediaPart::start(&ifaces, port))
    });
    let Kept { identity, index, notice } = kept?;
    let (mut media, fallback) = media??;

    let setup = setup(&options, &identity, &index);
    let profile = setup.profile.clone();
    let seed: [u8; 32] = rand::random();
    let mut model = Model::new(clock::now(), seed, setup);
    let me = model.setup.me;
    let (net, net_events) = NetPart::start(&options, identity.seed(), model.lobby_card())?;

    let (inbox, messages) = mpsc::channel(INBOX_MAX);
    let takes = takes_folder(&options.paths, options.recording.folder.as_deref());
    let (record, told_of_takes) = RecordPart::start(identity, takes, &options.recording, inbox.clone())
        .map_err(|error| system("start the library's thread", &error))?;
    let to_inbox = inbox.clone();
    let told = move |outcome: Raised| {
        // First in an empty queue.
        let _ = to_inbox.try_send(raised("encoder", outcome));
    };
    let grab_s = u32::from(options.recording.grab_minutes) * 60;
    let (mut sound, capture, render) = SoundPart::start(me, options.tap.clone(), grab_s, told, told_of_takes)
        .map_err(|error| system("start the engine", &error))?;
    if let Some(sink) = media.sink() {
        sound.set_sink(sink);
    }
    let on_stdout = matches!(options.card, CardOptions::Virtual { output: VirtualOut::Stdout, .. });
    let client = client_name(&options.paths.profile);
    let card = CardPart::start(client, options.card.clone(), capture, render, inbox.clone())
        .map_err(|error| system("start the sound card's thread", &error))?;
    let mut disk =
        DiskPart::start(index, inbox.clone()).map_err(|error| system("start the disk's thread", &error))?;
    // What was given by hand is remembered, as if it had been set.
    if options.name.is_some() || options.plays.is_some() {
        disk.apply(DiskEffect::Profile { profile: profile.clone(), shared: model.setup.shared });
    }
    if model.monitor != Gain::ZERO {
        sound.apply(SoundEffect::Monitor(model.monitor));
    }

    let mut parts = Parts {
        net,
        media,
        sound,
        card,
        disk,
        record,
        hub: Hub::default(),
        printer: Printer::new(options.print, on_stdout),
        socket: socket_counters,
        ifaces: options.ifaces.clone(),
        inbox,
        read_at_us: None,
        ended: None,
    };
    parts.tell(Event::Ready {
        profile: options.paths.profile.clone(),
        me: Person { key: me.to_string(), name: profile.name().to_string() },
        socket: socket_path.display().to_string(),
    });
    if let Some(notice) = notice {
        parts.tell(index_warning(&notice));
    }
    let begin = Message::Begin { begin: options.begin, code: options.code, listen: options.listen };
    let inlets = Inlets { signals, net: net_events, inbox: messages, fallback, socket };
    let ended = drive(&mut model, &mut parts, inlets, vec![begin]).await;
    end(parts, serving).await;
    ended
}

/// Says goodbye, closes the card (its files are whole then), writes what waits for the disk.
async fn end(parts: Parts, serving: tokio::task::JoinHandle<()>) {
    let Parts { net, media, sound, card, mut disk, record, hub, inbox, .. } = parts;
    let closing = blocking(move || {
        card.stop();
        // Takes that are being written are whole after this.
        drop(sound);
        drop(media);
        record.stop();
        disk.stop();
    });
    let _ = tokio::time::timeout(GOODBYE_MAX, net.stop()).await;
    drop(hub);
    drop(inbox);
    let _ = closing.await;
    // The server removes its socket when it is dropped.
    serving.abort();
    let _ = serving.await;
}

/// What we are called on a sound server: the same at every start, so that a patch bay finds us again.
fn client_name(profile: &str) -> String {
    if profile == DEFAULT_PROFILE { "jamtty".to_owned() } else { format!("jamtty-{profile}") }
}

/// What the disk keeps of this profile.
struct Kept {
    identity: Identity,
    index: Index,
    notice: Option<IndexNotice>,
}

async fn open_store(paths: Paths) -> Result<Kept, ErrorReply> {
    blocking(move || {
        let identity = Identity::load_or_create(&paths).map_err(|error| {
            let code = ErrorCode::from(error.exit_code());
            ErrorReply::new(code, "this profile has no usable identity", error.to_string(), error.remedy())
        })?;
        let (index, notice) = Index::open(&paths).map_err(|error| {
            let code = ErrorCode::from(error.exit_code());
            ErrorReply::new(
                code,
                "the index of this profile cannot be used",
                error.to_string(),
                error.remedy(),
            )
        })?;
        Ok(Kept { identity, index, notice })
    })
    .await?
}

fn setup(options: &PeerOptions, identity: &Identity, index: &Index) -> Setup {
    let (mut profile, shared) =
        index.profile().map_or_else(|| (Profile::new(&login_name(), &[]), Shared::default()), disk::recalled);
    if let Some(name) = &options.name {
        profile = profile.called(Name::new(name));
    }
    if let Some(plays) = &options.plays {
        profile = profile.playing(plays.iter().map(|one| Name::new(one)).collect());
    }
    let recent = index.recent_jams().iter().map(|jam| Recent {
        name: jam.name.clone(),
        session: jam.session.parse().ok(),
        peers: jam.peers.clone(),
        addrs: jam.addresses.clone(),
    });
    let blocked: BTreeMap<_, _> =
        index.blocked().iter().map(|blocked| (blocked.peer, blocked.name.clone())).collect();
    Setup {
        profile_name: options.paths.profile.clone(),
        pid: std::process::id(),
        socket: options.paths.socket().display().to_string(),
        started_unix_s: unix_s(),
        me: identity.peer_id(),
        profile,
        shared,
        stream: options.stream,
        send_channels: send_channels(&options.card),
        delay: options.delay,
        monitor: options.monitor_db.map_or(Gain::ZERO, Gain::from_db),
        muted: options.muted,
        max_people: options.max_people,
        record_me: options.record_me,
        recording: options.recording.clone(),
        recent: recent.collect(),
        blocked,
    }
}

/// The login name, as a first guess at what people call you.
fn login_name() -> String {
    let variable = |name| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
    variable("LOGNAME").or_else(|| variable("USER")).unwrap_or_else(|| "someone".to_owned())
}

/// Signals that end a peer come over a channel; a closed pipe is an error to whoever writes to it.
fn watch_signals() -> std::io::Result<(mpsc::Receiver<i32>, signal_hook::iterator::Handle)> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let handle = signals.handle();
    let (tell, told) = mpsc::channel(4);
    std::thread::Builder::new().name("jamtty-signals".to_owned()).spawn(move || {
        for number in signals.forever() {
            // More than the channel holds say nothing new.
            let _ = tell.try_send(number);
        }
    })?;
    Ok((told, handle))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ErrorReply> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        ErrorReply::new(ErrorCode::Bug, "a part of jamtty broke", error.to_string(), "Please report this")
    })
}

fn system(what: &str, error: &std::io::Error) -> ErrorReply {
    ErrorReply::new(
        ErrorCode::Failed,
        format!("cannot {what}"),
        error.to_string(),
        "Close other programs and try again",
    )
}

fn cannot_write(what: &str, error: &std::io::Error) -> ErrorReply {
    let remedy =
        "Check who owns the folder and whether the disk is full, or set XDG_RUNTIME_DIR to a shorter path";
    ErrorReply::new(ErrorCode::CannotWrite, what, error.to_string(), remedy)
}

fn index_warning(notice: &IndexNotice) -> Event {
    Event::Warning {
        what: "the index of this profile was damaged".to_owned(),
        why: notice.why.clone(),
        remedy: notice.to_string(),
    }
}

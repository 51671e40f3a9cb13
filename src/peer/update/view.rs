//! Replies, made from the model. Nothing here changes anything.

use std::collections::BTreeMap;

use crate::domain::level::Gain;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::roster::{Participant as Member, Presence};
use crate::domain::session::Door;
use crate::domain::stream::{Codec, StreamFormat};
use crate::domain::strip::DelayMode;
use crate::domain::time::{Timestamp, samples_to_ms};
use crate::peer::api::{
    Doctor, ErrorCode, ErrorReply, Finding, Format, Interface, Jam, Link, LinkFigures, ListedJam,
    ListedPerson, Listing, Me, Participant, Path, Person, Place, Recorded, Recording, Status, Strip,
    ThreadPriority, Ticket, Topic,
};
use crate::peer::model::Model;
use crate::protocol::session::CommandRefused;
use crate::protocol::ticket::{PeerAddr, TICKET_ADDRS_MAX, Ticket as TicketText};

/// Loss above this, in per cent, is worth a line of the doctor: concealment is heard from about there.
const LOSS_WORTH_TELLING_PCT: f64 = 2.0;

/// Jitter above this is worth a line: on a cable it is a tenth of that, on busy Wi-Fi ten times it.
const JITTER_WORTH_TELLING_MS: f64 = 5.0;

pub(super) fn person(model: &Model, peer: PeerId) -> Person {
    Person { key: peer.to_string(), name: model.name_of(peer).to_string() }
}

pub(super) fn me(model: &Model) -> Me {
    let profile = &model.setup.profile;
    Me {
        key: model.setup.me.to_string(),
        fingerprint: model.setup.me.fingerprint(),
        name: profile.name().to_string(),
        plays: texts(profile.instruments()),
        interests: texts(profile.interests()),
        colour: profile.colour().map(|colour| colour.to_string()),
        avatar: profile.avatar().map(ToString::to_string),
        shared: model.setup.shared.fields().map(|field| field.as_str().to_owned()).collect(),
    }
}

pub(super) fn texts(names: &[Name]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

pub(super) fn status(model: &Model, now: Timestamp) -> Status {
    let place = match (&model.jam, &model.joining) {
        (Some(_), _) => Place::Jam,
        (None, Some(_)) => Place::Joining,
        (None, None) => Place::Lobby,
    };
    let format = model.format(model.setup.stream);
    Status {
        profile: model.setup.profile_name.clone(),
        pid: model.setup.pid,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: now.since(model.started).as_secs(),
        place,
        me: me(model),
        mic: model.mic.state(),
        monitor_db: (model.monitor != Gain::ZERO).then(|| model.monitor.db()),
        master_db: model.master.db(),
        format: format.map_or_else(|error| error.to_string(), |format| format.to_string()),
        card: model.card.clone().map(|card| crate::peer::api::Card { xruns: model.readings.xruns, ..card }),
        card_trouble: model.card_trouble.clone(),
        threads: threads(model),
        levels: model.readings.levels.clone(),
        jam: jam(model),
        recording: recording(model, now),
        addresses: model.listening.iter().cloned().collect(),
    }
}

/// The recording that runs.
pub(super) fn recording(model: &Model, now: Timestamp) -> Option<Recording> {
    let state = model.recording.state()?;
    let is_asked = |one: &&crate::protocol::recording::Person| {
        one.answer.is_some() || one.seat == Some(crate::domain::roster::Seat::Player)
    };
    let people = state.people.iter().filter(is_asked);
    Some(Recording {
        take: state.take.to_string(),
        name: state.name.to_string(),
        kind: super::record::take_kind(state.kind),
        by: person(model, state.starter),
        since_s: now.since(state.since).as_secs(),
        yours: state.is_ours,
        asks_you: state.is_asking,
        people: people.map(|one| Recorded { who: person(model, one.peer), answer: one.answer }).collect(),
        trouble: model.writing.get(&state.take).map(|writing| writing.trouble.clone()).unwrap_or_default(),
    })
}

fn threads(model: &Model) -> Vec<ThreadPriority> {
    let shown = |thread: &str, words: &str, remedy: Option<&String>| ThreadPriority {
        thread: thread.to_owned(),
        priority: words.to_owned(),
        remedy: remedy.cloned().unwrap_or_default(),
    };
    let raised = model
        .threads
        .iter()
        .map(|(thread, raising)| (*thread, shown(thread, &raising.words, raising.remedy.as_ref())));
    let mut threads: BTreeMap<&str, ThreadPriority> = raised.collect();
    if let Some(card) = &model.card {
        let remedy = model.threads.get("card").and_then(|raising| raising.remedy.as_ref());
        threads.insert("card", shown("card", &card.priority, remedy));
    }
    threads.into_values().collect()
}

pub(super) fn jam(model: &Model) -> Option<Jam> {
    let state = model.jam.as_ref()?;
    let is_me = |one: &&Member| one.peer == model.setup.me;
    let mut people: Vec<Participant> = Vec::new();
    people.extend(state.roster.iter().filter(is_me).map(|one| participant(model, one)));
    people.extend(state.roster.iter().filter(|one| !is_me(one)).map(|one| participant(model, one)));
    Some(Jam {
        id: state.id.to_string(),
        name: state.name.to_string(),
        closed: state.door == Door::Closed,
        max: u32::from(state.size_limit),
        steward: person(model, state.steward),
        people,
    })
}

fn participant(model: &Model, one: &Member) -> Participant {
    let you = one.peer == model.setup.me;
    let reading = model.readings.links.get(&one.peer);
    Participant {
        key: one.peer.to_string(),
        name: one.profile.name().to_string(),
        plays: texts(one.profile.instruments()),
        interests: texts(one.profile.interests()),
        colour: one.profile.colour().map(|colour| colour.to_string()),
        avatar: one.profile.avatar().map(ToString::to_string),
        you,
        steward: model.jam.as_ref().is_some_and(|jam| jam.steward == one.peer),
        mic: if you { model.mic.state() } else { one.mic },
        away: one.presence == Presence::Away,
        strip: (!you).then(|| strip(model, one.peer)),
        peak_db: reading.and_then(|reading| reading.peak_db),
        rms_db: reading.and_then(|reading| reading.rms_db),
        path: path(model, one.peer),
    }
}

fn path(model: &Model, peer: PeerId) -> Option<Path> {
    model.links.get(&peer).and_then(|link| link.path())
}

pub(super) fn strip(model: &Model, peer: PeerId) -> Strip {
    let strip = model.strip_of(peer);
    Strip {
        who: person(model, peer),
        gain_db: strip.settings.gain.db(),
        pan: strip.settings.pan.position(),
        muted: strip.settings.muted,
        solo: strip.settings.solo,
        delay: delay_text(strip.delay),
        howl_cut: strip.howl_cut,
    }
}

/// `auto`, `quick`, `safe` or ms: what `delay` takes.
pub(super) fn delay_text(delay: DelayMode) -> String {
    match delay {
        DelayMode::Auto { bias } if bias <= -1.0 => "quick".to_owned(),
        DelayMode::Auto { bias } if bias >= 1.0 => "safe".to_owned(),
        DelayMode::Auto { .. } => "auto".to_owned(),
        DelayMode::Fixed { ms } => format!("{ms}"),
    }
}

pub(super) fn format(format: StreamFormat) -> Format {
    let frame_ms = samples_to_ms(format.frame_samples() as f64);
    Format {
        codec: match format.codec() {
            Codec::Opus => "opus",
            Codec::Pcm16 => "pcm16",
            Codec::Pcm24 => "pcm24",
        }
        .to_owned(),
        channels: if format.channels() == 1 { 1 } else { 2 },
        frame_ms,
        kbit_s: format.frame_bytes() as f64 * 8.0 / frame_ms,
    }
}

pub(super) fn listing(model: &Model) -> Listing {
    let mut jams: BTreeMap<_, ListedJam> = BTreeMap::new();
    for (peer, seen) in &model.people {
        let Some(session) = &seen.card.session else { continue };
        let jam = jams.entry(session.id).or_insert_with(|| ListedJam {
            id: session.id.to_string(),
            name: session.name.to_string(),
            people: Vec::new(),
            count: u32::try_from(session.names.len()).unwrap_or(u32::MAX),
            max: u32::from(session.size_limit),
            closed: session.door == Door::Closed,
            here: false,
        });
        jam.people.push(person(model, *peer));
    }
    if let Some(state) = &model.jam {
        let people: Vec<Person> = state.roster.iter().map(|one| person(model, one.peer)).collect();
        jams.insert(
            state.id,
            ListedJam {
                id: state.id.to_string(),
                name: state.name.to_string(),
                count: u32::try_from(people.len()).unwrap_or(u32::MAX),
                people,
                max: u32::from(state.size_limit),
                closed: state.door == Door::Closed,
                here: true,
            },
        );
    }
    let people = model.people.iter().map(|(peer, seen)| ListedPerson {
        key: peer.to_string(),
        fingerprint: peer.fingerprint(),
        name: seen.card.profile.name().to_string(),
        plays: texts(seen.card.profile.instruments()),
        interests: texts(seen.card.profile.interests()),
        colour: seen.card.profile.colour().map(|colour| colour.to_string()),
        avatar: seen.card.profile.avatar().map(ToString::to_string),
        jam: seen.card.session.as_ref().map(|session| session.name.to_string()),
        addresses: seen.addrs.clone(),
        blocked: false,
    });
    let blocked = model.setup.blocked.iter().map(|(peer, name)| ListedPerson {
        key: peer.to_string(),
        fingerprint: peer.fingerprint(),
        name: name.to_string(),
        plays: Vec::new(),
        interests: Vec::new(),
        colour: None,
        avatar: None,
        jam: None,
        addresses: Vec::new(),
        blocked: true,
    });
    Listing { jams: jams.into_values().collect(), people: people.chain(blocked).collect() }
}

pub(super) fn ticket(model: &Model) -> Result<Ticket, ErrorReply> {
    if model.listening.is_empty() {
        return Err(ErrorReply::new(
            ErrorCode::TryAgain,
            "there is no ticket yet",
            "this peer listens at no address",
            "Try again in a second; `jamtty doctor` shows the interfaces in use",
        ));
    }
    let own = model.own_addrs();
    let reachable = own.as_slice().iter().filter_map(|addr| PeerAddr::from_multiaddr(addr));
    let ticket = TicketText {
        peer: model.setup.me,
        addrs: reachable.take(TICKET_ADDRS_MAX).collect(),
        session: model.jam.as_ref().map(|jam| jam.id),
    };
    let ticket = ticket.to_string();
    Ok(Ticket { qr: qr_rows(&ticket), ticket })
}

/// A text as a QR code, two modules a character, dark on light; empty if it is too long for one.
fn qr_rows(text: &str) -> Vec<String> {
    // Upper case alone takes the smaller alphanumeric form; a ticket reads the same in either.
    let Ok(code) = qrcode::QrCode::with_error_correction_level(text.to_uppercase(), qrcode::EcLevel::L)
    else {
        return Vec::new();
    };
    let drawn = code.render::<qrcode::render::unicode::Dense1x2>().quiet_zone(true).build();
    drawn.lines().map(str::to_owned).collect()
}

pub(super) fn links(model: &Model, only: Option<PeerId>) -> Vec<Link> {
    let members = model.jam.iter().flat_map(|jam| jam.roster.iter());
    members
        .map(|one| one.peer)
        .filter(|peer| *peer != model.setup.me && only.is_none_or(|only| only == *peer))
        .map(|peer| link(model, peer))
        .collect()
}

fn link(model: &Model, peer: PeerId) -> Link {
    let none = LinkFigures::default();
    let figures = model.readings.links.get(&peer).map_or(&none, |reading| &reading.figures);
    let state = model.links.get(&peer);
    let format = state.and_then(|link| link.their_format);
    // Their card's period is in their frames: a PCM frame is one, an Opus frame is longer than one.
    let capture_ms =
        format.map(|format| samples_to_ms((format.frame_samples() + format.lookahead_samples()) as f64));
    let net_ms = figures.rtt_ms.map(|rtt| rtt / 2.0);
    let buffer_ms = figures.playout_delay_ms;
    let play_ms = model
        .card
        .as_ref()
        .filter(|card| card.period > 0 && card.rate_hz > 0)
        .map(|card| f64::from(card.period) * 1_000.0 / f64::from(card.rate_hz));
    let sum = || Some(capture_ms? + net_ms? + buffer_ms? + play_ms?);
    Link {
        who: person(model, peer),
        path: path(model, peer),
        address: state.and_then(|link| link.udp_from).map(|addr| addr.to_string()).unwrap_or_default(),
        one_way_ms: sum(),
        capture_ms,
        net_ms,
        buffer_ms,
        play_ms,
        figures: figures.clone(),
        format: format.map(|format| format.to_string()).unwrap_or_default(),
    }
}

pub(super) fn doctor(model: &Model, now: Timestamp, interfaces: Vec<Interface>, media_port: u16) -> Doctor {
    let links = links(model, None);
    Doctor {
        status: status(model, now),
        findings: findings(model, &links, &interfaces),
        links,
        interfaces,
        media_port,
        counters: model.readings.counters.clone(),
    }
}

/// What is wrong, worst first.
fn findings(model: &Model, links: &[Link], interfaces: &[Interface]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |about: Topic, what: String, why: String, remedy: &str| {
        findings.push(Finding { about, what, why, remedy: remedy.to_owned() });
    };
    match &model.card {
        // Still being opened.
        None if model.card_trouble.is_empty() => {}
        None => find(
            Topic::Card,
            "there is no sound card".to_owned(),
            model.card_trouble.clone(),
            "Choose another with `jamtty audio set`; `jamtty audio ls` lists them",
        ),
        Some(_) if model.readings.xruns > 0 => find(
            Topic::Card,
            format!("the sound card was not served in time {} times", model.readings.xruns),
            "the machine was busy, or the period is short for it".to_owned(),
            "Choose a longer period: `jamtty audio set --period 128`; end what else keeps it busy",
        ),
        Some(_) => {}
    }
    let refused = model.threads.iter().find_map(|(thread, raising)| Some((thread, raising.remedy.as_ref()?)));
    if let Some((thread, remedy)) = refused {
        let why = format!("{thread} thread: {}", model.threads[thread].words);
        find(Topic::Priority, "the sound does not run before everything else".to_owned(), why, remedy);
    }
    if interfaces.iter().all(|interface| interface.addresses.is_empty()) {
        find(
            Topic::Network,
            "there is no network".to_owned(),
            "no interface in use has an address".to_owned(),
            "Plug in a cable or join a Wi-Fi network; see --iface",
        );
    } else if model.listening.is_empty() {
        find(
            Topic::Network,
            "nobody can reach this peer".to_owned(),
            "it listens at no address".to_owned(),
            "End it and start it again; if it stays so, name an interface with --iface",
        );
    }
    for link in links {
        let name = &link.who.name;
        if link.path == Some(Path::Stream) {
            find(
                Topic::Link,
                format!("sound with {name} takes a stream"),
                "UDP does not get through".to_owned(),
                "Allow UDP between the two machines in their firewalls",
            );
        }
        if let Some(lost) = link.figures.lost_pct.filter(|lost| *lost > LOSS_WORTH_TELLING_PCT) {
            find(
                Topic::Link,
                format!("{lost:.1} % of what {name} sends is lost"),
                "the network drops packets".to_owned(),
                "Use a cable instead of Wi-Fi, or Opus with a lower bitrate",
            );
        }
        if let Some(jitter) = link.figures.jitter_ms.filter(|jitter| *jitter > JITTER_WORTH_TELLING_MS) {
            find(
                Topic::Link,
                format!("what {name} sends arrives {jitter:.1} ms unevenly"),
                "Wi-Fi, or a busy network or machine".to_owned(),
                "Use a cable; or hold it back longer: `jamtty do delay NAME safe`",
            );
        }
    }
    findings
}

/// A session command that was refused, for people.
pub(super) fn refused(why: CommandRefused) -> ErrorReply {
    let (code, remedy) = match why {
        CommandRefused::AlreadyInSession => (ErrorCode::TryAgain, "Leave it first: `jamtty leave`"),
        CommandRefused::NotInSession => {
            (ErrorCode::NotFound, "Open one with `jamtty new`, or join one: `jamtty ls` lists them")
        }
        CommandRefused::NotSteward { .. } => (
            ErrorCode::Refused,
            "Ask the steward, or hear less of them: `jamtty do mute NAME`, `jamtty do block NAME`",
        ),
        CommandRefused::NoSuchParticipant(_) => (ErrorCode::NotFound, "`jamtty status` lists who is here"),
        CommandRefused::Oneself => (ErrorCode::Usage, "Name someone else"),
        CommandRefused::ChatTooLong => (ErrorCode::Usage, "Say it in several lines"),
        CommandRefused::ChatEmpty => (ErrorCode::Usage, "Write something"),
        CommandRefused::ChatTooFast => (ErrorCode::TryAgain, "Wait a few seconds"),
        CommandRefused::TooManyBlocked => {
            (ErrorCode::Refused, "Take someone off first: `jamtty do unblock NAME`")
        }
    };
    ErrorReply::new(code, "this was not done", why.to_string(), remedy)
}

//! Models as tests need them: a lobby, a jam of four on good and bad links, a first start.

use super::action::Tab;
use super::keymap::Keymap;
use super::look::{Charset, Look, Theme};
use super::meters::Source;
use super::model::{ChatLine, Model, PeerLink, Start};
use crate::domain::time::Timestamp;
use crate::peer::api::{
    Card, Cards, Doctor, InputLevel, Inputs, Interface, Jam, Levels, Link, LinkFigures, ListedCard,
    ListedJam, ListedPerson, Listing, Me, MicState, Participant, Path, Person, Place, Status, Strip,
    ThreadPriority,
};

/// A moment, in ms.
pub(super) fn at(ms: u64) -> Timestamp {
    Timestamp::from_micros(ms * 1_000)
}

/// Somebody's key.
pub(super) fn key(number: u8) -> String {
    format!("{number:02x}").repeat(32)
}

pub(super) fn person(number: u8, name: &str) -> Person {
    Person { key: key(number), name: name.to_owned() }
}

pub(super) fn model() -> Model {
    let look = Look { theme: Theme::Auto, charset: Charset::Unicode };
    let start = Start {
        look,
        keymap: Keymap::default(),
        mouse: true,
        zone: jiff::tz::TimeZone::UTC,
        complaints: Vec::new(),
        own_peer: false,
        band_jam: ("House band", 3),
        home: "/home/ana".to_owned(),
        kept: vec![
            ("settings", "~/.config/jamtty/config.toml".to_owned()),
            ("key", "~/.local/share/jamtty/default/identity.key".to_owned()),
        ],
        first: None,
    };
    Model::new(start, (80, 24))
}

fn status() -> Status {
    Status {
        profile: "default".to_owned(),
        pid: 4_242,
        version: "0.1.0".to_owned(),
        uptime_s: 60,
        place: Place::Lobby,
        me: Me {
            key: key(0),
            fingerprint: "7F3A-91CC".to_owned(),
            name: "Kim".to_owned(),
            plays: vec!["guitar".to_owned(), "mandolin".to_owned()],
            interests: vec!["drone".to_owned()],
            colour: Some("teal".to_owned()),
            avatar: Some("<3".to_owned()),
            shared: ["name", "plays", "colour", "avatar"].map(str::to_owned).to_vec(),
        },
        mic: MicState::Live,
        monitor_db: None,
        master_db: -3.0,
        format: "Opus stereo".to_owned(),
        card: Some(Card {
            description: "Scarlett 2i2, 48 kHz, 64 samples, 2 in, 2 out".to_owned(),
            ports: Vec::new(),
            rate_hz: 48_000,
            period: 64,
            input_channels: 2,
            output_channels: 2,
            priority: "real-time (70)".to_owned(),
            xruns: 0,
            clock: None,
        }),
        card_trouble: String::new(),
        recording: None,
        threads: vec![ThreadPriority {
            thread: "card".to_owned(),
            priority: "real-time (70)".to_owned(),
            remedy: String::new(),
        }],
        levels: Levels::default(),
        jam: None,
        addresses: vec!["/ip4/10.0.0.7/udp/41234/quic-v1".to_owned()],
    }
}

/// In the lobby, with two jams and two people around.
pub(super) fn lobby() -> Model {
    let mut model = model();
    model.peer = PeerLink::Up;
    model.status = Some(status());
    let jam = |name: &str, people: &[(u8, &str)], count, closed| ListedJam {
        id: name.to_owned(),
        name: name.to_owned(),
        people: people.iter().map(|(number, name)| person(*number, name)).collect(),
        count,
        max: 8,
        closed,
        here: false,
    };
    let one = |number, name: &str, plays: &str, jam: Option<&str>| ListedPerson {
        key: key(number),
        fingerprint: "0101-0101".to_owned(),
        name: name.to_owned(),
        plays: vec![plays.to_owned()],
        interests: Vec::new(),
        colour: (number == 1).then(|| "violet".to_owned()),
        avatar: (number == 1).then(|| "<3~".to_owned()),
        jam: jam.map(str::to_owned),
        addresses: Vec::new(),
        blocked: false,
    };
    model.listing = Listing {
        jams: vec![
            jam("Kitchen blues", &[(1, "Ana"), (2, "Bo"), (3, "Cy")], 3, false),
            jam("Fiddle circle", &[(4, "Dee"), (5, "Eli")], 5, true),
        ],
        people: vec![
            one(1, "Ana", "guitar", Some("Kitchen blues")),
            one(2, "Bo", "bass", Some("Kitchen blues")),
            one(6, "Gil", "drums", None),
        ],
    };
    model
}

fn participant(number: u8, name: &str, plays: &str, strip: Option<(f32, f32, bool, bool)>) -> Participant {
    Participant {
        key: key(number),
        name: name.to_owned(),
        plays: vec![plays.to_owned()],
        interests: Vec::new(),
        colour: (number == 1).then(|| "violet".to_owned()),
        avatar: (number == 1).then(|| "<3~".to_owned()),
        you: strip.is_none(),
        steward: number == 1,
        mic: MicState::Live,
        away: false,
        strip: strip.map(|(gain_db, pan, muted, solo)| Strip {
            who: person(number, name),
            gain_db,
            pan,
            muted,
            solo,
            delay: "auto".to_owned(),
            howl_cut: false,
        }),
        peak_db: strip.map(|_| -12.0),
        rms_db: strip.map(|_| -20.0),
        path: strip.map(|_| Path::Udp),
    }
}

pub(super) fn link(number: u8, name: &str, one_way_ms: f64, jitter_ms: f64, lost_pct: f64) -> Link {
    Link {
        who: person(number, name),
        path: Some(Path::Udp),
        address: "10.0.0.9:41235".to_owned(),
        one_way_ms: Some(one_way_ms),
        capture_ms: Some(1.3),
        net_ms: Some(0.2),
        buffer_ms: Some(one_way_ms - 2.8),
        play_ms: Some(1.3),
        figures: LinkFigures {
            rtt_ms: Some(0.4),
            jitter_ms: Some(jitter_ms),
            lost_pct: Some(lost_pct),
            lost: 0,
            late: 0,
            concealed: 0,
            played: 1_000,
            kbit_s: Some(380.0),
            playout_delay_ms: Some(one_way_ms - 2.8),
            target_delay_ms: Some(one_way_ms - 2.8),
            their_playout_delay_ms: Some(1.5),
            their_lost_pct: Some(0.0),
            drift_ppm: Some(11.0),
            clock_offset_ms: Some(3.0),
            redundancy: "1 copy".to_owned(),
        },
        format: "Opus stereo, 2.5 ms, 128 kbit/s".to_owned(),
    }
}

/// In a jam of four; Cy's link is bad in every way.
pub(super) fn in_jam() -> Model {
    let mut model = lobby();
    let people = vec![
        participant(0, "Kim", "guitar", None),
        participant(1, "Ana", "guitar", Some((-2.5, -0.33, false, false))),
        participant(2, "Bo", "bass", Some((1.0, 0.0, false, true))),
        participant(3, "Cy", "drums", Some((0.0, 0.66, true, false))),
    ];
    if let Some(status) = &mut model.status {
        status.place = Place::Jam;
        status.jam = Some(Jam {
            id: "ab".to_owned(),
            name: "Kitchen blues".to_owned(),
            closed: false,
            max: 8,
            steward: person(1, "Ana"),
            people,
        });
    }
    model.tab = Tab::Jam;
    model.chosen.insert(Tab::Jam, 1);
    model.links =
        vec![link(1, "Ana", 3.0, 0.3, 0.0), link(2, "Bo", 4.1, 0.4, 0.0), link(3, "Cy", 31.2, 8.9, 1.4)];
    for second in 0..60_u32 {
        for (index, link) in model.links.iter_mut().enumerate() {
            link.figures.played += 400;
            link.one_way_ms = link.one_way_ms.map(|ms| ms + f64::from(second % 5) * 0.4 - 0.8);
            if index == 2 && second % 5 == 0 {
                link.figures.concealed += 3;
                link.figures.late += 3;
            }
        }
        let links = model.links.clone();
        model.history.read(at(u64::from(second) * 1_000), &links, model.status.as_ref());
    }
    let levels = [
        (Source::Input, -9.0),
        (Source::Output, -5.0),
        (Source::Person(key(1)), -18.0),
        (Source::Person(key(2)), -2.0),
    ];
    for (source, db) in levels {
        model.meters.read(at(9_900), source.clone(), db);
        model.meters.read(at(10_000), source, db - 6.0);
    }
    let said = [
        ("18:31", "Ana", "again from the bridge?"),
        ("18:31", "Cy", "my wifi is bad, moving to cable"),
        ("18:32", "", "Cy is back"),
    ];
    model.chat.extend(said.map(|(at, who, text)| ChatLine {
        at: at.to_owned(),
        who: who.to_owned(),
        text: text.to_owned(),
    }));
    model
}

/// What `doctor` says of the jam.
pub(super) fn doctor(model: &Model) -> Option<Doctor> {
    Some(Doctor {
        status: model.status.clone()?,
        links: model.links.clone(),
        interfaces: vec![Interface { name: "lan0".to_owned(), addresses: vec!["10.0.0.7".to_owned()] }],
        media_port: 41_235,
        counters: std::collections::BTreeMap::new(),
        findings: Vec::new(),
    })
}

/// Three cards to choose from: one that hears a guitar, one that is held, one that only plays.
pub(super) fn choosing() -> Model {
    let mut model = first_start();
    let card = |host: &str, name: &str, description: &str, input_channels, output_channels| ListedCard {
        host: host.to_owned(),
        name: name.to_owned(),
        description: description.to_owned(),
        input_channels,
        output_channels,
        rates_hz: vec![48_000],
        default_input: false,
        default_output: false,
    };
    model.cards = Some(Cards {
        cards: vec![
            card("alsa", "scarlett", "Scarlett 2i2 USB, USB Audio", 2, 2),
            card("alsa", "webcam", "HD Webcam C920", 2, 0),
            card("alsa", "pch", "HDA Intel PCH, ALC257 Analog", 2, 2),
            card("alsa", "hdmi", "HDA NVidia, HDMI 0", 0, 8),
        ],
    });
    let input = |name: &str, peak_db: Option<f32>, why: &str| InputLevel {
        host: "alsa".to_owned(),
        name: name.to_owned(),
        description: String::new(),
        in_use: false,
        peak_db,
        channels_db: Vec::new(),
        why: why.to_owned(),
        remedy: if why.is_empty() { "" } else { "Close the other program" }.to_owned(),
    };
    let busy = "busy: something else has it";
    let inputs =
        vec![input("scarlett", Some(-14.0), ""), input("webcam", Some(-52.0), ""), input("pch", None, busy)];
    for input in &inputs {
        if let Some(peak) = input.peak_db {
            model.meters.read(at(10_000), Source::Card(input.name.clone()), peak);
        }
    }
    model.inputs = Some(Inputs { looking: false, inputs });
    if let Some(setup) = &mut model.setup {
        setup.chosen = 3;
    }
    model
}

/// Before anything was chosen.
pub(super) fn first_start() -> Model {
    let mut model = lobby();
    let mut first = Model::new(
        Start {
            look: model.look,
            keymap: Keymap::default(),
            mouse: true,
            zone: jiff::tz::TimeZone::UTC,
            complaints: Vec::new(),
            own_peer: true,
            band_jam: model.band_jam,
            home: model.home.clone(),
            kept: model.kept.clone(),
            first: Some("Melodi".to_owned()),
        },
        (80, 24),
    );
    first.peer = PeerLink::Up;
    first.status = model.status.take();
    first
}

/// A Library with takes of every kind, the first one chosen.
pub(super) fn library() -> Model {
    use crate::peer::api::{
        Answer, Mark, Person, Recorded, TakeCard, TakeKind, TakeShown, TakeState, TakeTrack, Takes, TrackKind,
    };
    let person = |name: &str| Person { key: "07".repeat(32), name: name.to_owned() };
    let card = |id: &str, name: &str, length_s: f64, kind, state| TakeCard {
        id: id.repeat(8),
        name: name.to_owned(),
        jam: "Kitchen".to_owned(),
        started: "2026-11-22T18:29:00.000Z".to_owned(),
        length_s,
        kind,
        state,
        players: vec!["Ana".to_owned(), "Bo".to_owned()],
        instruments: vec!["bass".to_owned()],
        tracks: 3,
        bytes: 31_000_000,
        tags: vec!["blues".to_owned(), "bridge-good".to_owned()],
        note: "take the ending from this one".to_owned(),
    };
    let cards = vec![
        card("3f2a", "Kitchen blues 3", 252.0, TakeKind::Recorded, TakeState::Ended),
        card("4f2a", "Kitchen blues 2 \u{202e}evil", 400.4, TakeKind::Recorded, TakeState::Recovered),
        card("5f2a", "grabbed", 180.0, TakeKind::Grabbed, TakeState::Ended),
    ];
    let track = |number, kind, who: Option<&str>, concealed_s| TakeTrack {
        number,
        kind,
        who: who.map(person),
        channels: 1,
        files: vec![format!("{number:02}.flac")],
        concealed_s,
        gaps: Vec::new(),
    };
    let shown = TakeShown {
        take: cards[0].clone(),
        folder: "/home/ana/.local/share/jamtty/default/takes/2026-11-22T18-29_kitchen-blues-3".to_owned(),
        started_by: person("Bo"),
        tracks: vec![
            track(1, TrackKind::Own, Some("Ana"), 0.0),
            track(2, TrackKind::Heard, Some("Bo"), 0.42),
            track(3, TrackKind::Mix, None, 0.0),
        ],
        answers: vec![
            Recorded { who: person("Ana"), answer: Some(Answer::Yes) },
            Recorded { who: person("Cy"), answer: Some(Answer::No) },
        ],
        marks: vec![Mark { at: 48_000 * 61, text: "bridge".to_owned() }],
        log: Vec::new(),
    };
    let mut model = in_jam();
    model.tab = Tab::Library;
    model.library.takes = Some(Takes {
        takes: cards,
        broken: Vec::new(),
        used_bytes: 93_000_000,
        free_bytes: 88_000_000_000,
        minutes_left: 900,
        folder: "/home/ana/takes".to_owned(),
    });
    model.library.shown = Some(shown);
    model
}

/// A jam that is recorded by Bo.
pub(super) fn recorded(yours: bool, asks_you: bool) -> Model {
    use crate::peer::api::{Person, Recording, TakeKind};
    let mut model = in_jam();
    if let Some(status) = &mut model.status {
        status.recording = Some(Recording {
            take: "3f2a".repeat(8),
            name: "Kitchen 1".to_owned(),
            kind: TakeKind::Recorded,
            by: Person { key: "08".repeat(32), name: "Bo".to_owned() },
            since_s: 133,
            yours,
            asks_you,
            people: Vec::new(),
            trouble: String::new(),
        });
    }
    model
}

//! `update` as a function: messages in, effects read. Two models talk through effects alone.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::update;
use crate::domain::level::Gain;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::profile::Profile;
use crate::domain::stream::StreamFormat;
use crate::domain::strip::{DelayMode, StripSettings};
use crate::domain::time::Timestamp;
use crate::peer::api::{
    ACTIONS, Card, ErrorCode, Event, Joined, Mic, MicState, Path, ReplyLine, RequestLine, Status, Strip,
};
use crate::peer::message::{
    CardMessage, DiskEffect, DiskMessage, Effect, MediaEffect, MediaMessage, Message, NetEffect, NetMessage,
    SoundEffect, SoundMessage,
};
use crate::peer::model::{Model, Setup};
use crate::peer::run::{Begin, ExitReason, StreamOptions};
use crate::peer::socket::server::ClientId;
use crate::protocol::control::MediaOffer;

/// Peers that hear each other's effects, on one clock.
struct World {
    now: Timestamp,
    models: Vec<Model>,
    /// Effects nobody in this world does, per peer.
    done: Vec<Vec<Effect>>,
}

fn id(index: usize) -> PeerId {
    PeerId::from_bytes([index as u8 + 1; 32])
}

fn model(now: Timestamp, index: usize) -> Model {
    let setup = Setup {
        profile_name: "test".to_owned(),
        pid: 1,
        socket: String::new(),
        started_unix_s: 1_000,
        me: id(index),
        profile: Profile::new(["Ana", "Bo", "Cy"][index], &[]),
        stream: StreamOptions::default(),
        send_channels: 1,
        delay: DelayMode::default(),
        monitor: Gain::ZERO,
        muted: false,
        max_people: 8,
        recent: Vec::new(),
        blocked: BTreeMap::new(),
    };
    Model::new(now, [index as u8; 32], setup)
}

impl World {
    fn of(count: usize) -> Self {
        let now = Timestamp::from_millis(1_000);
        let models = (0..count).map(|index| model(now, index)).collect();
        let mut world = Self { now, models, done: (0..count).map(|_| Vec::new()).collect() };
        for index in 0..count {
            world.tell(index, Message::Begin { begin: Begin::Lobby, code: None, listen: false });
        }
        world
    }

    /// Ana's jam with Bo in it.
    fn jam() -> Self {
        let mut world = Self::of(2);
        assert!(world.ask(0, "new", &["Kitchen"]).ok);
        assert!(world.ask_later(1, "join", &["Kitchen"]).ok);
        world
    }

    /// Gives a message, and does what follows between the peers.
    fn tell(&mut self, to: usize, message: Message) {
        let mut waiting = VecDeque::from([(to, message)]);
        while let Some((to, message)) = waiting.pop_front() {
            for effect in update(&mut self.models[to], message, self.now) {
                let follows = self.follow(to, &effect);
                waiting.extend(follows);
                self.done[to].push(effect);
            }
        }
    }

    fn follow(&self, from: usize, effect: &Effect) -> Vec<(usize, Message)> {
        let of = |peer: PeerId| (0..self.models.len()).find(|index| id(*index) == peer);
        let net = |to: usize, message| (to, Message::Net(message));
        match effect {
            Effect::Net(NetEffect::Send { peer, message }) => of(*peer)
                .map(|to| net(to, NetMessage::Received { peer: id(from), message: message.clone() }))
                .into_iter()
                .collect(),
            Effect::Net(NetEffect::Dial { peer: Some(peer), .. }) => of(*peer)
                .map(|to| {
                    vec![
                        net(to, NetMessage::Connected { peer: id(from) }),
                        net(from, NetMessage::Connected { peer: *peer }),
                    ]
                })
                .unwrap_or_default(),
            Effect::Net(NetEffect::SetCard(card)) => (0..self.models.len())
                .filter(|to| *to != from)
                .map(|to| net(to, NetMessage::Seen { peer: id(from), card: card.clone(), addrs: Vec::new() }))
                .collect(),
            Effect::Media(MediaEffect::MakeOffer { peer, generation, format }) => {
                let offer = offer(*generation, *format);
                vec![(from, Message::Media(MediaMessage::OfferReady { peer: *peer, offer }))]
            }
            _ => Vec::new(),
        }
    }

    fn request(&mut self, to: usize, action: &str, args: &[&str]) {
        let args = args.iter().map(|text| (*text).to_owned()).collect();
        let request = RequestLine { v: 1, id: 7, action: action.to_owned(), args };
        self.tell(to, Message::Request { client: ClientId(1), request });
    }

    fn reply(&mut self, of: usize) -> Option<ReplyLine> {
        let index = self.done[of].iter().position(|effect| matches!(effect, Effect::Reply { .. }))?;
        match self.done[of].remove(index) {
            Effect::Reply { reply, .. } => Some(reply),
            _ => None,
        }
    }

    /// A request that is answered at once.
    fn ask(&mut self, to: usize, action: &str, args: &[&str]) -> ReplyLine {
        self.request(to, action, args);
        self.reply(to).unwrap_or_else(|| panic!("{action} was not answered"))
    }

    fn ask_as<T: serde::de::DeserializeOwned>(&mut self, to: usize, action: &str, args: &[&str]) -> T {
        serde_json::from_value(self.ask(to, action, args).data.unwrap()).unwrap()
    }

    /// A request that is answered within a minute.
    fn ask_later(&mut self, to: usize, action: &str, args: &[&str]) -> ReplyLine {
        self.request(to, action, args);
        for _ in 0..600 {
            if let Some(reply) = self.reply(to) {
                return reply;
            }
            self.pass(Duration::from_millis(100));
        }
        panic!("{action} was not answered within a minute")
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.now = (self.now + Duration::from_millis(20)).min(until);
            for index in 0..self.models.len() {
                if self.models[index].wake_at().is_some_and(|wake| wake <= self.now) {
                    self.tell(index, Message::Wake);
                }
            }
        }
    }

    fn clear(&mut self) {
        self.done.iter_mut().for_each(Vec::clear);
    }

    fn events(&self, of: usize) -> Vec<&'static str> {
        let event = |effect: &Effect| match effect {
            Effect::Broadcast(event) => Some(event.name()),
            _ => None,
        };
        self.done[of].iter().filter_map(event).collect()
    }

    fn links(&self, of: usize) -> Vec<u32> {
        let link = |effect: &Effect| match effect {
            Effect::Media(MediaEffect::Link { generation, .. }) => Some(*generation),
            _ => None,
        };
        self.done[of].iter().filter_map(link).collect()
    }

    fn did(&self, of: usize, wanted: impl Fn(&Effect) -> bool) -> bool {
        self.done[of].iter().any(wanted)
    }
}

fn offer(generation: u32, format: StreamFormat) -> MediaOffer {
    let addrs = vec!["127.0.0.1:4000".parse().unwrap()];
    MediaOffer { generation, ssrc: generation, key: [1; 16], salt: [2; 12], addrs, format }
}

#[test]
fn every_action_of_the_table_is_known_here() {
    for action in ACTIONS {
        let mut world = World::of(1);
        world.request(0, action.name, &[]);
        if let Some(ReplyLine { error: Some(error), .. }) = world.reply(0) {
            assert!(!error.what.contains("there is no action"), "{}: {error}", action.name);
        }
    }
}

#[test]
fn what_is_not_understood_says_how_it_is_meant() {
    let table: [(&str, &[&str], &str); 9] = [
        ("mic.of", &[], "Did you mean `mic.off`?"),
        ("mic.off", &["now"], "one word too many"),
        ("fader", &[], "PEER is missing"),
        ("fader", &["Bo", "loud"], "\"loud\" is no number of dB"),
        ("pan", &["Bo", "2"], "-1 (left) to 1 (right)"),
        ("delay", &["Bo", "soon"], "auto, quick, safe or 0 to 500 ms"),
        ("codec", &["mp3"], "\"mp3\" is no codec"),
        ("frame", &["3"], "Opus takes 120, 240 or 480"),
        ("watch", &["chatt"], "did you mean chat?"),
    ];
    let mut world = World::jam();
    for (action, args, words) in table {
        let error = world.ask(0, action, args).error.unwrap();
        assert_eq!(error.code, ErrorCode::Usage, "{action} {args:?}");
        assert!(error.to_string().contains(words), "{action} {args:?}: {error}");
    }
}

#[test]
fn a_jam_may_be_called_as_an_option_is() {
    for name in ["listen", "code=x", "max=4"] {
        let mut world = World::of(2);
        let given = format!("name={name}");
        let joined: Joined = world.ask_as(0, "new", &[&given]);
        assert_eq!((joined.jam.name.as_str(), joined.jam.closed), (name, false));
        assert!(world.ask_later(1, "join", &[&given]).ok, "{name}");
    }
}

#[test]
fn a_jam_is_opened_shown_to_others_and_remembered() {
    let mut world = World::of(2);
    let joined: Joined = world.ask_as(0, "new", &["Kitchen", "max=4"]);
    assert_eq!((joined.jam.name.as_str(), joined.jam.max, joined.jam.closed), ("Kitchen", 4, false));
    assert!(world.did(0, |effect| matches!(effect, Effect::Sound(SoundEffect::Stream(_)))));
    assert!(world.did(0, |effect| matches!(effect, Effect::Disk(DiskEffect::Jam { .. }))));
    assert!(world.events(1).contains(&"peer_seen"));
    let again = world.ask(0, "new", &[]).error.unwrap();
    assert_eq!(again.code, ErrorCode::TryAgain);
}

#[test]
fn someone_joins_and_both_make_one_link_of_fresh_keys() {
    let world = World::jam();
    assert!(world.events(0).contains(&"participant_joined"));
    assert!(world.events(1).contains(&"joined"));
    for peer in [0, 1] {
        assert!(!world.links(peer).is_empty(), "peer {peer} made no link");
        let mut used = world.links(peer);
        used.dedup();
        assert_eq!(used, world.links(peer), "an offer was used twice");
    }
}

#[test]
fn after_a_reconnection_no_key_is_used_again() {
    let mut world = World::jam();
    let before = [world.links(0).len(), world.links(1).len()];
    for _ in 0..3 {
        for (one, other) in [(0, 1), (1, 0)] {
            world.tell(one, Message::Net(NetMessage::Disconnected { peer: id(other) }));
        }
        world.pass(Duration::from_millis(500));
        for (one, other) in [(0, 1), (1, 0)] {
            world.tell(one, Message::Net(NetMessage::Connected { peer: id(other) }));
        }
        world.pass(Duration::from_millis(500));
    }
    for peer in [0, 1] {
        let links = world.links(peer);
        assert!(links.len() > before[peer], "peer {peer} made no new link");
        let mut unique = links.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), links.len(), "peer {peer} used an offer twice: {links:?}");
    }
}

#[test]
fn the_microphone_says_what_others_hear() {
    let table = [
        ("mic.off", MicState::Muted),
        ("mic.toggle", MicState::Live),
        ("panic", MicState::Panic),
        ("mic.off", MicState::Panic),
        ("panic.off", MicState::Muted),
        ("mic.on", MicState::Live),
        ("panic.toggle", MicState::Panic),
        ("panic.toggle", MicState::Live),
    ];
    let mut world = World::jam();
    for (action, wanted) in table {
        world.clear();
        let mic: Mic = world.ask_as(0, action, &[]);
        assert_eq!(mic.mic, wanted, "{action}");
        let status: Status = world.ask_as(1, "status", &[]);
        let ana = status.jam.unwrap().people.into_iter().find(|one| !one.you).unwrap();
        assert_eq!(ana.mic, wanted, "{action}, as Bo sees it");
    }
}

#[test]
fn panic_reaches_the_engine_before_anything_else() {
    let mut world = World::jam();
    world.clear();
    world.request(0, "panic", &[]);
    assert!(matches!(world.done[0][0], Effect::Sound(SoundEffect::Panic(true))));
}

#[test]
fn strips_change_are_kept_and_come_back() {
    /// Action, arguments; gain, pan, muted, solo afterwards.
    type Row = (&'static str, &'static [&'static str], f32, f32, bool, bool);
    let table: [Row; 7] = [
        ("fader", &["bo", "-6"], -6.0, 0.0, false, false),
        ("fader.by", &["Bo", "2"], -4.0, 0.0, false, false),
        ("pan", &["Bo", "-0.5"], -4.0, -0.5, false, false),
        ("mute", &["Bo"], -4.0, -0.5, true, false),
        ("mute.toggle", &["Bo"], -4.0, -0.5, false, false),
        ("solo", &["B"], -4.0, -0.5, false, true),
        ("unsolo", &["Bo"], -4.0, -0.5, false, false),
    ];
    let mut world = World::jam();
    for (action, args, gain_db, pan, muted, solo) in table {
        world.clear();
        let strip: Strip = world.ask_as(0, action, args);
        assert!((strip.gain_db - gain_db).abs() < 0.01, "{action}: {}", strip.gain_db);
        assert_eq!((strip.pan, strip.muted, strip.solo), (pan, muted, solo), "{action}");
        assert!(world.did(0, |effect| matches!(effect, Effect::Sound(SoundEffect::Strip(..)))), "{action}");
        assert!(world.did(0, |effect| matches!(effect, Effect::Disk(DiskEffect::Strip(..)))), "{action}");
    }
    // What the disk remembers is older than what was set by hand.
    let old = StripSettings { gain: Gain::from_db(-30.0), ..StripSettings::default() };
    world.tell(0, Message::Disk(DiskMessage::Recalled { peer: id(1), strip: Some(old), delay: None }));
    let strip: Strip = world.ask_as(0, "fader.by", &["Bo", "0"]);
    assert!((strip.gain_db + 4.0).abs() < 0.01);
}

#[test]
fn a_person_is_heard_as_last_time() {
    let mut world = World::jam();
    assert!(
        world.did(0, |effect| matches!(effect, Effect::Disk(DiskEffect::Recall(peer)) if *peer == id(1)))
    );
    let old = StripSettings { gain: Gain::from_db(-30.0), ..StripSettings::default() };
    let delay = Some(DelayMode::Fixed { ms: 4.0 });
    world.tell(0, Message::Disk(DiskMessage::Recalled { peer: id(1), strip: Some(old), delay }));
    let strip: Strip = world.ask_as(0, "pan", &["Bo", "0"]);
    assert!((strip.gain_db + 30.0).abs() < 0.01);
    assert_eq!(strip.delay, "4");
}

#[test]
fn without_udp_sound_takes_a_stream_and_comes_back() {
    let addr = "127.0.0.1:4000".parse().unwrap();
    let mut world = World::jam();
    world.tell(0, Message::Media(MediaMessage::Up { peer: id(1), addr }));
    assert!(world.events(0).contains(&"link_up"));
    world.clear();
    world.tell(0, Message::Media(MediaMessage::Silent { peer: id(1) }));
    for peer in [0, 1] {
        assert_eq!(world.events(peer), ["link_fallback"], "peer {peer}");
        assert!(world.did(peer, |effect| matches!(effect, Effect::Net(NetEffect::OpenFallback(_)))));
    }
    let status: Status = world.ask_as(0, "status", &[]);
    assert_eq!(status.jam.unwrap().people[1].path, Some(Path::Stream));
    world.clear();
    world.tell(0, Message::Media(MediaMessage::Up { peer: id(1), addr }));
    for peer in [0, 1] {
        assert_eq!(world.events(peer), ["link_back"], "peer {peer}");
        assert!(world.did(peer, |effect| matches!(effect, Effect::Net(NetEffect::CloseFallback(_)))));
    }
}

#[test]
fn a_lost_card_is_said_and_the_jam_goes_on() {
    let mut world = World::jam();
    world.clear();
    let words = || "x".to_owned();
    world.tell(0, Message::Card(CardMessage::Lost { what: words(), why: words(), remedy: words() }));
    assert_eq!(world.events(0), ["card_lost"]);
    let status: Status = world.ask_as(0, "status", &[]);
    assert!(status.card.is_none() && status.jam.is_some());
    world.tell(
        0,
        Message::Card(CardMessage::Restored(Card { period: 64, rate_hz: 48_000, ..Card::default() })),
    );
    assert_eq!(world.events(0), ["card_lost", "card_restored"]);
}

#[test]
fn another_codec_means_new_offers_to_everyone() {
    let mut world = World::jam();
    let before = world.links(0).len();
    world.request(0, "codec", &["pcm16"]);
    assert!(world.links(0).len() > before && !world.links(1).is_empty());
    assert!(world.did(
        0,
        |effect| matches!(effect, Effect::Sound(SoundEffect::Stream(format)) if format.frame_samples() == 64)
    ));
}

#[test]
fn another_number_of_channels_means_new_offers_to_everyone() {
    let mut world = World::jam();
    world.clear();
    let ask = crate::peer::message::Ask { client: ClientId(1), id: 7 };
    world.tell(0, Message::Card(CardMessage::Taken { ask, channels: 2 }));
    let stereo = |effect: &Effect| matches!(effect, Effect::Sound(SoundEffect::Stream(format)) if format.channels() == 2);
    assert!(world.did(0, stereo));
    assert_eq!((world.links(0).len(), world.links(1).len()), (1, 1));
    world.clear();
    world.tell(0, Message::Card(CardMessage::Taken { ask, channels: 2 }));
    assert!(world.links(0).is_empty(), "nothing changed");
}

#[test]
fn a_link_that_could_not_be_made_is_said_once_and_tried_again() {
    let mut world = World::jam();
    world.clear();
    let failed = || Message::Media(MediaMessage::Failed { peer: id(1), why: "it stands still".to_owned() });
    world.tell(0, failed());
    assert_eq!(world.events(0), ["warning"]);
    assert!(world.links(0).is_empty());
    world.pass(Duration::from_millis(1_100));
    assert_eq!((world.links(0).len(), world.links(1).len()), (1, 1), "new keys on both sides");
    world.tell(0, failed());
    world.pass(Duration::from_secs(60));
    assert_eq!(world.links(0).len(), 2);
    assert_eq!(world.events(0), ["warning"]);
}

#[test]
fn the_encoder_rests_in_the_lobby() {
    let rests = |effect: &Effect| matches!(effect, Effect::Sound(SoundEffect::Rest));
    let mut world = World::jam();
    world.clear();
    assert!(world.ask(0, "leave", &[]).ok);
    assert!(world.did(0, rests));
    world.clear();
    assert!(world.ask(0, "audio.loopback", &["on"]).ok);
    assert!(world.did(0, |effect| matches!(effect, Effect::Sound(SoundEffect::Stream(_)))));
    assert!(world.ask(0, "audio.loopback", &["off"]).ok);
    assert!(world.did(0, rests));
}

#[test]
fn refused_priority_is_told_once_and_shown_for_every_thread() {
    let mut world = World::of(1);
    world.clear();
    for thread in ["encoder", "receive"] {
        let (words, remedy) = ("not raised".to_owned(), Some("Allow it".to_owned()));
        world.tell(0, Message::Raised { thread, words, remedy });
    }
    assert_eq!(world.events(0), ["warning"]);
    let status: Status = world.ask_as(0, "status", &[]);
    let shown: Vec<_> =
        status.threads.iter().map(|one| (one.thread.as_str(), one.priority.as_str())).collect();
    assert_eq!(shown, [("encoder", "not raised"), ("receive", "not raised")]);
}

#[test]
fn a_jam_that_is_not_there_is_said_with_what_may_be_meant() {
    let mut world = World::of(2);
    world.ask(0, "new", &["Kitchen"]);
    let error = world.ask_later(1, "join", &["Kitchne"]).error.unwrap();
    assert_eq!(error.code, ErrorCode::NotFound);
    assert!(error.remedy.contains("Did you mean Kitchen?"), "{error}");
}

#[test]
fn a_wrong_code_is_refused_and_a_peer_started_for_it_ends() {
    let mut world = World::of(2);
    world.ask(0, "new", &["Kitchen", "code=quiet brass"]);
    let error = world.ask_later(1, "join", &["Kitchen", "code=loud brass"]).error.unwrap();
    assert_eq!(error.code, ErrorCode::Refused, "{error}");
    let begin = Begin::Join { target: "Kitchen".to_owned() };
    world.tell(1, Message::Begin { begin, code: None, listen: false });
    world.pass(Duration::from_secs(5));
    let ended =
        |effect: &Effect| matches!(effect, Effect::Quit(Err(error)) if error.code == ErrorCode::Refused);
    assert!(world.did(1, ended));
}

#[test]
fn a_listener_sends_nothing_and_is_told_why() {
    let mut world = World::of(2);
    world.ask(0, "new", &["Kitchen"]);
    assert!(world.ask_later(1, "join", &["Kitchen", "listen"]).ok);
    assert!(world.did(1, |effect| matches!(effect, Effect::Sound(SoundEffect::MicMuted(true)))));
    let error = world.ask(1, "mic.on", &[]).error.unwrap();
    assert_eq!(error.code, ErrorCode::Refused);
}

#[test]
fn a_signal_says_goodbye_before_the_end() {
    let mut world = World::jam();
    world.clear();
    world.tell(1, Message::Signal(15));
    let goodbye =
        world.done[1].iter().position(|effect| matches!(effect, Effect::Net(NetEffect::Send { .. })));
    let end =
        world.done[1].iter().position(|effect| matches!(effect, Effect::Quit(Ok(ExitReason::Signal(15)))));
    assert!(goodbye.is_some() && goodbye < end, "{:?}", world.done[1]);
    assert!(world.events(0).contains(&"participant_left"));
}

#[test]
fn names_that_are_close_are_told_apart() {
    let mut world = World::jam();
    let error = world.ask(0, "mute", &["Cy"]).error.unwrap();
    assert_eq!(error.code, ErrorCode::NotFound);
    let by_key = id(1).fingerprint();
    assert!(world.ask(0, "mute", &[&by_key]).ok);
    assert_eq!(world.models[0].name_of(id(1)), Name::new("Bo"));
}

#[test]
fn a_howl_is_cut_said_and_undone_by_one_action() {
    let mut world = World::jam();
    world.clear();
    world.tell(0, Message::Sound(SoundMessage::HowlCut { peer: Some(id(1)), hz: 1_200.0 }));
    world.tell(0, Message::Sound(SoundMessage::HowlCut { peer: None, hz: 800.0 }));
    assert!(world.ask(0, "howl.release", &[]).ok);
    assert_eq!(world.events(0), ["howl_cut", "howl_cut", "howl_released", "howl_released"]);
    assert!(world.did(0, |effect| matches!(effect, Effect::Sound(SoundEffect::ReleaseHowl(None)))));
}

#[test]
fn a_blocked_person_is_gone_and_stays_away() {
    let mut world = World::jam();
    world.clear();
    assert!(world.ask(0, "block", &["Bo"]).ok);
    assert!(
        world.did(0, |effect| matches!(effect, Effect::Disk(DiskEffect::Block(peer, _)) if *peer == id(1)))
    );
    world.pass(Duration::from_secs(1));
    let status: Status = world.ask_as(0, "status", &[]);
    assert_eq!(status.jam.unwrap().people.len(), 1);
    assert!(matches!(Event::NAMES.first(), Some(&"ready")));
}

//! `update` as a function: messages in, effects read. Two models talk through effects alone.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::update;
use crate::domain::level::Gain;
use crate::domain::peer_id::PeerId;
use crate::domain::profile::Profile;
use crate::domain::sharing::Shared;
use crate::domain::stream::StreamFormat;
use crate::domain::strip::DelayMode;
use crate::domain::time::Timestamp;
use crate::peer::api::{ReplyLine, RequestLine};
use crate::peer::message::{Effect, MediaEffect, MediaMessage, Message, NetEffect, NetMessage};
use crate::peer::model::{Model, Setup};
use crate::peer::run::{Begin, StreamOptions};
use crate::peer::socket::server::ClientId;
use crate::protocol::control::MediaOffer;

mod asking;
mod jam;
mod me;
mod sound;

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
        shared: Shared::ALL,
        stream: StreamOptions::default(),
        send_channels: 1,
        delay: DelayMode::default(),
        monitor: Gain::ZERO,
        muted: false,
        max_people: 8,
        record_me: crate::protocol::recording::Policy::Ask,
        recording: crate::peer::run::RecordingOptions::default(),
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

//! What each action of a request does. The names are those of `api::ACTIONS`, and a test holds them to it.

use super::args::{Among, Args, find_peer, no_such_action, usage};
use super::settings::{card, gain, moved, moved_across, pan, period};
use super::{Step, join, me, view};
use crate::domain::peer_id::PeerId;
use crate::peer::api::{ErrorCode, ErrorReply, Event, Links, Mic, MicState, RequestLine};
use crate::peer::message::{Ask, CardEffect, Effect, SoundEffect};
use crate::peer::run::ExitReason;
use crate::peer::socket::server::ClientId;
use crate::protocol::session::SessionCommand;

impl Step<'_> {
    pub(super) fn request(&mut self, client: ClientId, request: RequestLine) {
        let ask = Ask { client, id: request.id };
        if let Err(error) = self.act(ask, &request.action, &request.args) {
            self.refuse(ask, error);
        }
    }

    /// Does an action. `Err`: it was not done, and `ask` is answered with it; else it was answered,
    /// or will be.
    fn act(&mut self, ask: Ask, action: &str, texts: &[String]) -> Result<(), ErrorReply> {
        let keys: &[&str] = match action {
            "new" => &["code", "max", "name"],
            "join" => &["code", "name"],
            "audio.set" => &["in", "out", "host", "channels", "period"],
            "me.set" => me::OPTIONS,
            "rec.export" => &["format"],
            _ => &[],
        };
        let mut args = Args::new(action, texts, keys);
        match action {
            "watch" => return self.watch(ask, texts),
            "new" => return self.new_jam(ask, args),
            "join" => {
                let target = match args.option("name") {
                    Some(name) => name,
                    None => args.need("where to")?,
                };
                let listen = args.flag("listen");
                // A jam's name may have spaces, and a shell may have split it.
                let rest = args.rest();
                let target = if rest.is_empty() { target.to_owned() } else { format!("{target} {rest}") };
                return self.start_join(Some(ask), &target, args.option("code"), join::seat(listen));
            }
            "chat" => return self.chat(ask, &args.rest()),
            "fader" => {
                return self.set_strip(ask, args, |strip, args| {
                    strip.gain = gain("fader", args)?;
                    Ok(())
                });
            }
            "fader.by" => {
                return self.set_strip(ask, args, |strip, args| {
                    strip.gain = moved(strip.gain, args.number("DB")?);
                    Ok(())
                });
            }
            "pan" => {
                return self.set_strip(ask, args, |strip, args| {
                    strip.pan = pan(args)?;
                    Ok(())
                });
            }
            "pan.by" => {
                return self.set_strip(ask, args, |strip, args| {
                    strip.pan = moved_across(strip.pan, args.number("STEP")?);
                    Ok(())
                });
            }
            "mute" | "unmute" | "mute.toggle" => {
                return self.set_strip(ask, args, |strip, _| {
                    strip.muted = action == "mute" || action == "mute.toggle" && !strip.muted;
                    Ok(())
                });
            }
            "solo" | "unsolo" | "solo.toggle" => {
                return self.set_strip(ask, args, |strip, _| {
                    strip.solo = action == "solo" || action == "solo.toggle" && !strip.solo;
                    Ok(())
                });
            }
            "delay" => return self.set_delay(ask, args),
            "codec" | "frame" | "bitrate" => return self.set_format(ask, action, args),
            "kick" | "block" | "unblock" | "steward" => return self.about(ask, action, args),
            "link" => return self.link(ask, args),
            "rec.start" | "rec.stop" | "rec.toggle" | "rec.grab" | "rec.agree" | "rec.refuse"
            | "rec.mark" => {
                return self.record(ask, action, args);
            }
            library if library.starts_with("rec.") && is_action(library) => {
                return self.library(ask, action, args);
            }
            "howl.release" => return self.release_howl(ask, args),
            "me.set" => return self.set_me(ask, args),
            "monitor" => self.set_monitor(gain(action, &mut args)?),
            "master" => self.set_master(gain(action, &mut args)?),
            "master.by" => self.set_master(moved(self.model.master, args.number("DB")?)),
            "audio.test" => {
                let on = on_off(action, &mut args)?;
                self.effects.push(Effect::Sound(SoundEffect::TestTone(on)));
            }
            "audio.loopback" => {
                let on = on_off(action, &mut args)?;
                if on {
                    self.start_stream();
                }
                self.model.looped = on;
                self.effects.push(Effect::Sound(SoundEffect::Loopback(on)));
                self.rest_if_unheard();
            }
            "audio.inputs" => {
                let on = on_off(action, &mut args)?;
                args.end()?;
                self.effects.push(Effect::Card(CardEffect::Inputs(ask, on)));
                return Ok(());
            }
            "audio.period" => {
                let samples = period(action, args.need("N")?)?;
                args.end()?;
                self.effects.push(Effect::Card(CardEffect::Period(ask, samples)));
                return Ok(());
            }
            "audio.set" => {
                let card = card(args)?;
                self.effects.push(Effect::Card(CardEffect::Set(ask, Box::new(card))));
                return Ok(());
            }
            _ => {
                args.end()?;
                return self.plain(ask, action);
            }
        }
        args.end()?;
        self.done(ask);
        Ok(())
    }

    /// Actions without arguments.
    fn plain(&mut self, ask: Ask, action: &str) -> Result<(), ErrorReply> {
        match action {
            "status" => {
                let status = view::status(self.model, self.now);
                self.reply(ask, &status);
            }
            "ls" => {
                let listing = view::listing(self.model);
                self.reply(ask, &listing);
            }
            "leave" => return self.leave(ask),
            "mic.on" | "mic.off" | "mic.toggle" => {
                let muted = action == "mic.off" || action == "mic.toggle" && !self.model.mic.muted;
                self.set_mic(muted)?;
                self.reply_mic(ask);
            }
            "panic" | "panic.off" | "panic.toggle" => {
                self.set_panic(action == "panic" || action == "panic.toggle" && !self.model.mic.panic);
                self.reply_mic(ask);
            }
            "ticket" => {
                let ticket = view::ticket(self.model)?;
                self.reply(ask, &ticket);
            }
            "audio.ls" => self.effects.push(Effect::Card(CardEffect::List(ask))),
            "audio.measure" => return self.measure(ask),
            "audio.level" => {
                let levels = self.model.readings.levels.clone();
                self.reply(ask, &levels);
            }
            "me.show" => {
                let me = view::me(self.model);
                self.reply(ask, &me);
            }
            "doctor" => self.effects.push(Effect::Survey(ask)),
            "quit" => {
                self.done(ask);
                self.end(Ok(ExitReason::Quit), "asked to, with quit");
            }
            other => return Err(no_such_action(other)),
        }
        Ok(())
    }

    /// Others are not to hear the signal, nor the hole in our playing while it sounds.
    fn measure(&mut self, ask: Ask) -> Result<(), ErrorReply> {
        let refused = |code, why: &str, remedy: &str| {
            Err(ErrorReply::new(code, "the round trip was not measured", why, remedy))
        };
        match self.model.mic.state() {
            MicState::Panic => {
                return refused(
                    ErrorCode::Refused,
                    "PANIC is on: nothing sounds",
                    "End it first: `panic.off`",
                );
            }
            MicState::Live if self.model.jam.is_some() => {
                let why = "others hear you, and would miss you for a second";
                return refused(ErrorCode::Refused, why, "Mute yourself first: `mic.off`");
            }
            MicState::Live | MicState::Muted | MicState::Listen => {}
        }
        if std::mem::replace(&mut self.model.measuring, true) {
            return refused(ErrorCode::TryAgain, "it is being measured already", "Try again in a second");
        }
        self.effects.push(Effect::Sound(SoundEffect::Measure(ask)));
        Ok(())
    }

    fn reply_mic(&mut self, ask: Ask) {
        let mic = self.model.mic.state();
        self.reply(ask, &Mic { mic });
    }

    fn watch(&mut self, ask: Ask, names: &[String]) -> Result<(), ErrorReply> {
        for name in names {
            if !Event::NAMES.contains(&name.as_str()) {
                let near = super::args::nearest(name, Event::NAMES.iter().copied());
                let why = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
                let name = crate::domain::name::safe_line(name, 40);
                return Err(usage("watch", &format!("there is no event {name}{why}")));
            }
        }
        self.done(ask);
        self.effects.push(Effect::Watch { client: ask.client, names: names.to_vec() });
        Ok(())
    }

    fn new_jam(&mut self, ask: Ask, mut args: Args<'_>) -> Result<(), ErrorReply> {
        let max = match args.option("max").map(str::parse::<u8>) {
            None => None,
            Some(Ok(max)) if (2..=crate::domain::session::SIZE_MAX).contains(&max) => Some(max),
            Some(_) => return Err(usage("new", "max is 2 to 16 people")),
        };
        let listen = args.flag("listen");
        let code = args.option("code");
        let words = args.rest();
        let name = args.option("name").unwrap_or(&words);
        let name = (!name.is_empty()).then_some(name);
        self.open_jam(name, code, max, join::seat(listen))?;
        // The machine makes it at once.
        match view::jam(self.model) {
            Some(jam) => {
                self.reply(ask, &crate::peer::api::Joined { jam });
                Ok(())
            }
            None => Err(ErrorReply::new(ErrorCode::Bug, "the jam was not made", "", "Please report this")),
        }
    }

    fn leave(&mut self, ask: Ask) -> Result<(), ErrorReply> {
        if self.model.joining.is_some() {
            self.join_failed(ErrorReply::new(
                ErrorCode::Failed,
                "the join was called off",
                "you left before it was done",
                "",
            ));
        } else {
            self.command(SessionCommand::Leave).map_err(view::refused)?;
        }
        self.done(ask);
        Ok(())
    }

    fn chat(&mut self, ask: Ask, text: &str) -> Result<(), ErrorReply> {
        self.command(SessionCommand::Chat(text.to_owned())).map_err(view::refused)?;
        let who = self.person(self.model.setup.me);
        let text = crate::domain::name::safe_line(text, crate::protocol::control::CHAT_CHARS_MAX * 2);
        self.tell(Event::Chat { who, text });
        self.done(ask);
        Ok(())
    }

    /// Actions about another person.
    fn about(&mut self, ask: Ask, action: &str, mut args: Args<'_>) -> Result<(), ErrorReply> {
        let text = args.need("PEER")?;
        args.end()?;
        match action {
            "block" => self.set_blocked(text, true)?,
            "unblock" => self.set_blocked(text, false)?,
            _ => {
                let peer = find_peer(self.model, text, Among::Jam)?;
                let command = if action == "kick" {
                    SessionCommand::Remove(peer)
                } else {
                    SessionCommand::GiveStewardship(peer)
                };
                self.command(command).map_err(view::refused)?;
            }
        }
        self.done(ask);
        Ok(())
    }

    fn link(&mut self, ask: Ask, mut args: Args<'_>) -> Result<(), ErrorReply> {
        let only = args.word().map(|text| find_peer(self.model, text, Among::Jam)).transpose()?;
        args.end()?;
        let links = view::links(self.model, only);
        self.reply(ask, &Links { links });
        Ok(())
    }

    fn release_howl(&mut self, ask: Ask, mut args: Args<'_>) -> Result<(), ErrorReply> {
        let only = args.word().map(|text| find_peer(self.model, text, Among::Jam)).transpose()?;
        args.end()?;
        let cut: Vec<Option<PeerId>> = match only {
            Some(peer) => vec![Some(peer)],
            None => {
                let strips = self.model.strips.iter().filter(|(_, strip)| strip.howl_cut);
                let own = self.model.howl_cut.then_some(None);
                own.into_iter().chain(strips.map(|(peer, _)| Some(*peer))).collect()
            }
        };
        for peer in cut {
            self.effects.push(Effect::Sound(SoundEffect::ReleaseHowl(peer)));
            match peer.and_then(|peer| self.model.strips.get_mut(&peer)) {
                Some(strip) => strip.howl_cut = false,
                None => self.model.howl_cut = false,
            }
            let who = peer.map(|peer| self.person(peer));
            self.tell(Event::HowlReleased { who });
        }
        self.done(ask);
        Ok(())
    }
}

fn is_action(name: &str) -> bool {
    crate::peer::api::ACTIONS.iter().any(|spec| spec.name == name)
}

fn on_off(action: &str, args: &mut Args<'_>) -> Result<bool, ErrorReply> {
    match args.need("on or off")? {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(usage(action, &format!("{other:?} is neither on nor off"))),
    }
}

//! What a person sets: microphone, strips, delays, the form of the stream, whom they block.

use super::args::{Among, Args, find_peer, usage};
use super::{Step, view};
use crate::domain::level::{Gain, Pan};
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::roster::Seat;
use crate::domain::stream::Codec;
use crate::domain::strip::{DelayMode, StripSettings};
use crate::peer::api::{ErrorCode, ErrorReply, Event, MicState};
use crate::peer::message::{Ask, DiskEffect, Effect, SoundEffect};
use crate::peer::run::{CardOptions, VirtualIn, VirtualOut};
use crate::protocol::session::SessionCommand;

/// The longest playout delay that can be set by hand: beyond it nobody plays together.
const DELAY_MS_MAX: f32 = 500.0;

impl Step<'_> {
    // --- microphone -------------------------------------------------------------------------

    pub(super) fn set_mic(&mut self, muted: bool) -> Result<(), ErrorReply> {
        if self.model.mic.seat == Seat::Listener && !muted {
            return Err(ErrorReply::new(
                ErrorCode::Refused,
                "nobody can hear you",
                "you sit in a listen-only seat",
                "Leave, and join again without --listen",
            ));
        }
        let before = self.model.mic.state();
        self.model.mic.muted = muted;
        self.mic_changed(before);
        Ok(())
    }

    pub(super) fn set_panic(&mut self, on: bool) {
        let before = self.model.mic.state();
        let changed = self.model.mic.panic != on;
        self.model.mic.panic = on;
        // Said to the engine first, and every time: it is what the key is for.
        self.effects.push(Effect::Sound(SoundEffect::Panic(on)));
        if changed {
            self.tell(Event::Panic { on });
        }
        self.mic_changed(before);
    }

    fn mic_changed(&mut self, before: MicState) {
        let mic = self.model.mic.state();
        self.show_mic();
        if mic != before {
            let who = self.person(self.model.setup.me);
            self.tell(Event::Mic { who, mic });
        }
    }

    pub(super) fn set_monitor(&mut self, gain: Gain) {
        self.model.monitor = gain;
        self.effects.push(Effect::Sound(SoundEffect::Monitor(gain)));
    }

    pub(super) fn set_master(&mut self, gain: Gain) {
        self.model.master = gain;
        self.effects.push(Effect::Sound(SoundEffect::Master(gain)));
    }

    // --- strips -----------------------------------------------------------------------------

    /// Changes how one person is heard, now and from now on.
    pub(super) fn set_strip(
        &mut self,
        ask: Ask,
        mut args: Args<'_>,
        change: impl FnOnce(&mut StripSettings, &mut Args<'_>) -> Result<(), ErrorReply>,
    ) -> Result<(), ErrorReply> {
        let peer = find_peer(self.model, args.need("PEER")?, Among::Jam)?;
        let mut strip = self.model.strip_of(peer);
        change(&mut strip.settings, &mut args)?;
        args.end()?;
        strip.touched = true;
        self.model.strips.insert(peer, strip);
        self.effects.push(Effect::Sound(SoundEffect::Strip(peer, strip.settings)));
        self.effects.push(Effect::Disk(DiskEffect::Strip(peer, strip.settings)));
        let reply = view::strip(self.model, peer);
        self.reply(ask, &reply);
        Ok(())
    }

    pub(super) fn set_delay(&mut self, ask: Ask, mut args: Args<'_>) -> Result<(), ErrorReply> {
        let peer = find_peer(self.model, args.need("PEER")?, Among::Jam)?;
        let text = args.need("auto, quick, safe or MS")?;
        args.end()?;
        let delay = match text {
            "auto" => DelayMode::Auto { bias: 0.0 },
            "quick" => DelayMode::Auto { bias: -1.0 },
            "safe" => DelayMode::Auto { bias: 1.0 },
            number => match number.parse::<f32>() {
                Ok(ms) if (0.0..=DELAY_MS_MAX).contains(&ms) => DelayMode::Fixed { ms },
                _ => {
                    let why =
                        format!("a delay is auto, quick, safe or 0 to {DELAY_MS_MAX} ms, not {number:?}");
                    return Err(usage("delay", &why));
                }
            },
        };
        let mut strip = self.model.strip_of(peer);
        strip.delay = delay;
        strip.touched = true;
        self.model.strips.insert(peer, strip);
        self.effects.push(Effect::Sound(SoundEffect::Delay(peer, delay)));
        self.effects.push(Effect::Disk(DiskEffect::Delay(peer, delay)));
        let reply = crate::peer::api::Delay { who: self.person(peer), delay: view::delay_text(delay) };
        self.reply(ask, &reply);
        Ok(())
    }

    /// What the disk remembers of a person; what was set since counts more.
    pub(super) fn recalled(
        &mut self,
        peer: PeerId,
        settings: Option<StripSettings>,
        delay: Option<DelayMode>,
    ) {
        let mut strip = self.model.strip_of(peer);
        if strip.touched {
            return;
        }
        if let Some(settings) = settings {
            strip.settings = settings;
            self.effects.push(Effect::Sound(SoundEffect::Strip(peer, settings)));
        }
        if let Some(delay) = delay {
            strip.delay = delay;
            self.effects.push(Effect::Sound(SoundEffect::Delay(peer, delay)));
        }
        self.model.strips.insert(peer, strip);
    }

    // --- the stream -------------------------------------------------------------------------

    /// `codec`, `frame` or `bitrate`: checked before anything changes.
    pub(super) fn set_format(
        &mut self,
        ask: Ask,
        action: &str,
        mut args: Args<'_>,
    ) -> Result<(), ErrorReply> {
        let mut stream = self.model.setup.stream;
        match action {
            "codec" => {
                stream.codec = match args.need("opus, pcm16 or pcm24")? {
                    "opus" => Codec::Opus,
                    "pcm16" => Codec::Pcm16,
                    "pcm24" => Codec::Pcm24,
                    other => return Err(usage(action, &format!("{other:?} is no codec"))),
                };
            }
            "frame" => stream.frame_ms = args.number("MS")?,
            _ => {
                let kbps = args.number("KBPS")?;
                stream.bitrate_kbps = if (0.0..=1_000.0).contains(&kbps) { kbps as u16 } else { 0 };
            }
        }
        args.end()?;
        let format = self.model.format(stream).map_err(|error| usage(action, &error.to_string()))?;
        self.model.setup.stream = stream;
        self.follow_format();
        self.reply(ask, &view::format(format));
        Ok(())
    }

    // --- people ------------------------------------------------------------------------------

    pub(super) fn set_blocked(&mut self, text: &str, block: bool) -> Result<(), ErrorReply> {
        let peer = find_peer(self.model, text, Among::Everyone)?;
        let name: Name = self.model.name_of(peer);
        let command = if block { SessionCommand::Block(peer) } else { SessionCommand::Unblock(peer) };
        self.command(command).map_err(view::refused)?;
        if block {
            self.model.setup.blocked.insert(peer, name.clone());
            self.model.people.remove(&peer);
            self.unlink(peer);
            self.effects.push(Effect::Disk(DiskEffect::Block(peer, name)));
        } else {
            self.model.setup.blocked.remove(&peer);
            self.net_effect(crate::peer::message::NetEffect::Unblock(peer));
            self.effects.push(Effect::Disk(DiskEffect::Unblock(peer)));
        }
        Ok(())
    }
}

/// Reads a level in dB: `off` is silence.
pub(super) fn gain(action: &str, args: &mut Args<'_>) -> Result<Gain, ErrorReply> {
    match args.need("DB")? {
        "off" => Ok(Gain::ZERO),
        text => text
            .trim_end_matches("dB")
            .trim()
            .parse::<f32>()
            .ok()
            .filter(|db| db.is_finite())
            .map(Gain::from_db)
            .ok_or_else(|| usage(action, &format!("{text:?} is no number of dB"))),
    }
}

/// Moves a gain by some dB; from silence it starts at -60.
pub(super) fn moved(gain: Gain, by_db: f32) -> Gain {
    Gain::from_db(gain.db().max(-60.0) + by_db)
}

/// Moves someone between the ears; steps that are no round numbers meet the middle all the same.
pub(super) fn moved_across(pan: Pan, by: f32) -> Pan {
    let place = pan.position() + by;
    Pan::new(if place.abs() < PAN_MIDDLE { 0.0 } else { place })
}

/// Nobody hears this far beside the middle.
const PAN_MIDDLE: f32 = 0.01;

/// Reads a place between the ears.
pub(super) fn pan(args: &mut Args<'_>) -> Result<Pan, ErrorReply> {
    let position = args.number("POSITION")?;
    if (-1.0..=1.0).contains(&position) {
        Ok(Pan::new(position))
    } else {
        Err(usage("pan", "a position is -1 (left) to 1 (right)"))
    }
}

/// Reads the length of a block, in samples.
pub(super) fn period(action: &str, text: &str) -> Result<u32, ErrorReply> {
    let samples = text.parse::<u32>().ok().filter(|samples| (16..=4_096).contains(samples));
    samples.ok_or_else(|| usage(action, "a period is 16 to 4096 samples"))
}

/// Reads the card that `audio.set` names.
pub(super) fn card(mut args: Args<'_>) -> Result<CardOptions, ErrorReply> {
    let null = args.flag("null");
    args.end()?;
    let period = args.option("period").map(|text| period("audio.set", text)).transpose()?;
    if null {
        return Ok(CardOptions::Virtual {
            input: VirtualIn::Silence,
            output: VirtualOut::Nothing,
            channels: 2,
            period: period.unwrap_or(64),
            error_ppm: 0.0,
        });
    }
    let text = |key| args.option(key).map(str::to_owned);
    Ok(CardOptions::Real {
        host: text("host"),
        input: text("in"),
        output: text("out"),
        channels: text("channels"),
        period,
        remembered: false,
    })
}

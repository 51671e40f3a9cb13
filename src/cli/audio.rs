//! `audio`: list, try and choose sound cards, whether or not a peer runs.

use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::args::{AudioCommand, AudioSetArgs, CheckArgs, SoundArgs};
use super::context::{Context, FlagValue};
use super::exit::{Outcome, Stop};
use super::jam::{ask_with, spec};
use super::output::bug;
use super::peer_run::{card, plain_options, sound_flags};
use super::short_lived::Reach;
use super::show;
use crate::config::edit;
use crate::peer::api::ErrorCode;

pub(super) fn run(context: &Context, command: &AudioCommand) -> Outcome {
    match command {
        AudioCommand::Ls => {
            // The list needs no card open, so none is.
            let mut reach = reach(context, &no_card())?;
            ask_with(context, reach.client(), "audio.ls", &[])
        }
        AudioCommand::Test(args) => {
            switched(context, args, "audio.test", "a tone is on your output: do you hear it?")
        }
        AudioCommand::Level(args) if args.all => all_levels(context, &args.check),
        AudioCommand::Level(args) => level(context, &args.check),
        AudioCommand::Loopback(args) => switched(
            context,
            args,
            "audio.loopback",
            "play: you hear yourself through codec and buffer (use headphones)",
        ),
        AudioCommand::Measure(args) => {
            let mut reach = reach_to_hear(context, &args.sound)?;
            ask_with(context, reach.client(), "audio.measure", &[])
        }
        AudioCommand::Set(args) => set(context, args),
    }
}

fn no_card() -> SoundArgs {
    SoundArgs { null: true, ..SoundArgs::default() }
}

fn reach(context: &Context, sound: &SoundArgs) -> Outcome<Reach> {
    Reach::running_or(context, || {
        let loaded = context.settings_aloud(sound_flags(sound))?;
        let card = card(sound, &loaded.config)?;
        Ok(plain_options(context, &loaded, card))
    })
}

/// The running peer's card stays as it is: flags that would change it are refused, not ignored.
fn reach_to_hear(context: &Context, sound: &SoundArgs) -> Outcome<Reach> {
    let mut reach = reach(context, sound)?;
    let is_changed = !sound_flags(sound).is_empty() || sound.null || sound.in_tone.is_some();
    if reach.is_running() && (is_changed || sound.in_file.is_some() || sound.out_file.is_some()) {
        return Err(Stop::failed(
            ErrorCode::Usage,
            "a peer runs and has a card already",
            "flags that choose another one do not reach it",
            "Change its card with `jamtty audio set`, or end it with `jamtty quit`",
        ));
    }
    let card = reach.open_card()?;
    context.out.note(&format!("card: {card}"));
    Ok(reach)
}

/// Something that is on for a while, and off again whatever happens.
fn switched(context: &Context, args: &CheckArgs, action: &str, says: &str) -> Outcome {
    let signals = signals()?;
    let mut reach = reach_to_hear(context, &args.sound)?;
    reach.client().request(action, &["on"])?;
    context.out.note(says);
    let signal = signal_within(&signals, args.limit);
    reach.client().request(action, &["off"])?;
    drop(reach);
    ended_by(signal)
}

fn level(context: &Context, args: &CheckArgs) -> Outcome {
    let signals = signals()?;
    let mut reach = reach_to_hear(context, &args.sound)?;
    let until = Instant::now() + args.limit;
    loop {
        ask_with(context, reach.client(), "audio.level", &[])?;
        let left = until.saturating_duration_since(Instant::now());
        let signal = signal_within(&signals, left.min(LEVEL_EVERY));
        if left.is_zero() || signal.is_some() {
            drop(reach);
            return ended_by(signal);
        }
    }
}

/// Levels of every input, whether or not a peer runs: none of them has to be chosen for it.
fn all_levels(context: &Context, args: &CheckArgs) -> Outcome {
    let spec = spec("audio.inputs")?;
    let signals = signals()?;
    let mut reach = reach(context, &no_card())?;
    let until = Instant::now() + args.limit;
    let mut looked = false;
    loop {
        let data: Value = reach.client().request("audio.inputs", &["on"])?;
        // While they are being opened there is nothing to print; that they take longer than --for is no reason to say none.
        let looking = data["looking"] == true;
        if !looking {
            looked = true;
            show::reply(context.out, spec, data)?;
        }
        let left = until.saturating_duration_since(Instant::now());
        let is_over = left.is_zero() && (looked || Instant::now() > until + INPUTS_OPEN_WITHIN);
        let wait = if looking { LOOK_AGAIN } else { left.min(LEVEL_EVERY) };
        let signal = if is_over { None } else { signal_within(&signals, wait) };
        if is_over || signal.is_some() {
            reach.client().request("audio.inputs", &["off"])?;
            drop(reach);
            return ended_by(signal);
        }
    }
}

/// Asking a machine's cards and opening their inputs takes one to three seconds where there are many.
const INPUTS_OPEN_WITHIN: Duration = Duration::from_secs(10);

/// How soon inputs that are being opened are asked for again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Four lines a second can be read; a meter that moves is for the screen.
const LEVEL_EVERY: Duration = Duration::from_millis(250);

/// Signals that may wait to be read: the first one ends us, more say nothing new.
const SIGNALS_WAITING: usize = 4;

/// Gives the numbers of signals that ask us to end.
fn signals() -> Outcome<Receiver<i32>> {
    let failed = |error: io::Error| bug("wait for signals", &error.to_string());
    let mut caught = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let (tell, told) = sync_channel(SIGNALS_WAITING);
    thread::Builder::new()
        .name("jamtty-signals".to_owned())
        .spawn(move || {
            for number in caught.forever() {
                let _ = tell.try_send(number);
            }
        })
        .map_err(failed)?;
    Ok(told)
}

/// Waits for a signal, no longer than `limit`.
fn signal_within(signals: &Receiver<i32>, limit: Duration) -> Option<i32> {
    // The thread that tells lives as long as we do, so an error is the limit.
    signals.recv_timeout(limit).ok()
}

fn ended_by(signal: Option<i32>) -> Outcome {
    match signal.and_then(|number| u8::try_from(128 + number).ok()) {
        None => Ok(()),
        Some(code) => Err(Stop::Code(code)),
    }
}

fn set(context: &Context, args: &AudioSetArgs) -> Outcome {
    if let Some(mut client) = context.running()? {
        // What is not named is the peer's choice: that is what `auto` means.
        let given = |name: &str, value: &Option<String>| {
            value.as_ref().filter(|value| *value != "auto").map(|value| format!("{name}={value}"))
        };
        let mut words: Vec<String> = [
            given("in", &args.input),
            given("out", &args.output),
            given("host", &args.host),
            given("channels", &args.channels.as_deref().map(spoken_channels)),
            given("period", &args.period),
        ]
        .into_iter()
        .flatten()
        .collect();
        if args.null {
            words.push("null".to_owned());
        }
        client.request("audio.set", &words)?;
        context.out.note("changed for this run; `jamtty config set` keeps it for the next ones");
        return Ok(());
    }
    if args.null {
        return Err(Stop::failed(
            ErrorCode::Usage,
            "--null is for a running peer",
            "no peer runs, and the config names real cards only",
            "Start one without a card: `jamtty peer --null`",
        ));
    }
    let sound = SoundArgs {
        input: args.input.clone(),
        output: args.output.clone(),
        host: args.host.clone(),
        channels: args.channels.clone(),
        period: args.period.clone(),
        ..SoundArgs::default()
    };
    let path = context.config_path();
    for (_, key, value) in sound_flags(&sound) as Vec<FlagValue> {
        let value = edit::set(&path, key, &value)?;
        context.out.note(&format!("{key} = {} in {}", value.plain(), path.display()));
    }
    Ok(())
}

/// The peer takes `1`, `2`, `left`, `right`; people may write `stereo`.
fn spoken_channels(pick: &str) -> String {
    if pick == "stereo" { "2".to_owned() } else { pick.to_owned() }
}

//! `rec`: record the jam, and look after the takes; these also while no peer runs.

use std::path::Path;
use std::time::Duration;

use super::args::{RecCommand, SoundArgs};
use super::context::Context;
use super::exit::{Outcome, Stop};
use super::jam::ask;
use super::peer_run::{card, plain_options};
use super::short_lived::ShortLived;
use crate::peer::api::{ErrorCode, TakeVerified};

pub(super) fn run(context: &Context, command: &RecCommand) -> Outcome {
    let one = |text: &Option<String>| text.clone().into_iter().collect::<Vec<_>>();
    match command {
        RecCommand::Start { name } => ask(context, "rec.start", &one(name)),
        RecCommand::Stop => ask(context, "rec.stop", &[]),
        RecCommand::Grab { seconds } => ask(context, "rec.grab", &one(&seconds.map(|s| s.to_string()))),
        RecCommand::Agree => ask(context, "rec.agree", &[]),
        RecCommand::Refuse => ask(context, "rec.refuse", &[]),
        RecCommand::Mark { text } => ask(context, "rec.mark", text),
        RecCommand::Ls { words } => library(context, "rec.ls", words),
        RecCommand::Show(arg) => library(context, "rec.show", std::slice::from_ref(&arg.take)),
        RecCommand::Rename { take, name } => library(context, "rec.rename", &[take.clone(), name.clone()]),
        RecCommand::Tag { take, tags, remove } => {
            let action = if *remove { "rec.untag" } else { "rec.tag" };
            tags.iter().try_for_each(|tag| library(context, action, &[take.clone(), tag.clone()]))
        }
        RecCommand::Note { take, text } => library(context, "rec.note", &[take.clone(), text.clone()]),
        RecCommand::Verify(arg) => verify(context, &arg.take),
        RecCommand::Export { take, folder, format, overwrite } => {
            let mut words = vec![take.clone(), absolute(folder)?, format!("format={}", format.as_str())];
            words.extend(overwrite.then(|| "overwrite".to_owned()));
            library(context, "rec.export", &words)
        }
        RecCommand::Import { folder } => library(context, "rec.import", &[absolute(folder)?]),
        // Others are asked: that takes a peer that meets them.
        RecCommand::Withdraw(arg) => ask(context, "rec.withdraw", std::slice::from_ref(&arg.take)),
        RecCommand::Rm { take, forever } => {
            let mut words = vec![take.clone()];
            words.extend(forever.then(|| "forever".to_owned()));
            library(context, "rec.rm", &words)
        }
        RecCommand::Undo(arg) => library(context, "rec.undo", std::slice::from_ref(&arg.take)),
    }
}

/// Longer than a slow disk takes to read an hour of many players twice.
const DONE_WITHIN: Duration = Duration::from_secs(3_600);

/// Takes are the profile's, whether or not a peer runs.
fn library(context: &Context, action: &str, words: &[String]) -> Outcome {
    with_library(context, |client| {
        let data = client.request_within(action, words, DONE_WITHIN)?;
        super::show::reply(context.out, super::jam::spec(action)?, data)
    })
}

fn with_library<T>(
    context: &Context,
    work: impl FnOnce(&mut crate::peer::socket::client::Client) -> Outcome<T>,
) -> Outcome<T> {
    if let Some(mut client) = context.running()? {
        return work(&mut client);
    }
    let loaded = context.settings_aloud(Vec::new())?;
    let silent = card(&SoundArgs { null: true, ..SoundArgs::default() }, &loaded.config)?;
    let mut own = ShortLived::start_as_profile(plain_options(context, &loaded, silent))?;
    work(own.client())
}

/// A take that is not as it was written is told by the exit code, too.
fn verify(context: &Context, take: &str) -> Outcome {
    with_library(context, |client| {
        let words = [take.to_owned()];
        let data = client.request_within("rec.verify", &words, DONE_WITHIN)?;
        super::show::reply(context.out, super::jam::spec("rec.verify")?, data.clone())?;
        let ok = serde_json::from_value::<TakeVerified>(data).is_ok_and(|verified| verified.ok);
        if ok { Ok(()) } else { Err(Stop::Code(PROBLEMS)) }
    })
}

/// The exit code of `doctor` and `rec verify` when they found something.
const PROBLEMS: u8 = 3;

fn absolute(path: &Path) -> Outcome<String> {
    let unusable = |why: &str| {
        Stop::failed(ErrorCode::Usage, format!("cannot use {}", path.display()), why, "Name another folder")
    };
    let full = std::path::absolute(path).map_err(|error| unusable(&error.to_string()))?;
    full.to_str().map(str::to_owned).ok_or_else(|| unusable("its name is not UTF-8 text"))
}

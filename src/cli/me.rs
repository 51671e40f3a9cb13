//! `me`: who you are and what of it others see, whether or not a peer runs.

use super::args::{MeCommand, MeSetArgs, SoundArgs};
use super::context::Context;
use super::exit::Outcome;
use super::jam::ask_with;
use super::peer_run::{card, plain_options};
use super::short_lived::ShortLived;
use crate::config::{Loaded, Source};

pub(super) fn run(context: &Context, command: &MeCommand) -> Outcome {
    let (action, words) = match command {
        MeCommand::Show => ("me.show", Vec::new()),
        MeCommand::Set(MeSetArgs { name, plays, interests, colour, avatar, share }) => {
            let options = [
                ("name", name),
                ("plays", plays),
                ("interests", interests),
                ("colour", colour),
                ("avatar", avatar),
                ("share", share),
            ];
            let given =
                options.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)));
            ("me.set", given.collect())
        }
    };
    let loaded = context.settings_aloud(Vec::new())?;
    if let Some(mut client) = context.running()? {
        ask_with(context, &mut client, action, &words)?;
    } else {
        // The name is kept by the peer, next to the key: one without a card or a network can say and keep it.
        let silent = card(&SoundArgs { null: true, ..SoundArgs::default() }, &loaded.config)?;
        let mut own = ShortLived::start_as_profile(plain_options(context, &loaded, silent))?;
        ask_with(context, own.client(), action, &words)?;
    }
    if let MeCommand::Set(changed) = command {
        warn_of_settings_that_win(context, &loaded, changed);
    }
    Ok(())
}

/// What the config says is said again at every start of a peer.
fn warn_of_settings_that_win(context: &Context, loaded: &Loaded, changed: &MeSetArgs) {
    for (key, _) in
        [("name", &changed.name), ("plays", &changed.plays)].iter().filter(|(_, new)| new.is_some())
    {
        let source = loaded.source(key);
        if source != Source::Default {
            context
                .out
                .note(&format!("jamtty: the next peer takes {key} from {source}: change it there, too"));
        }
    }
}

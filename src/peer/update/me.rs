//! The own card: what a person says of themselves, and which of it others see.

use super::args::{Args, usage};
use super::{Step, view};
use crate::domain::badge::{Avatar, NameColour};
use crate::domain::name::{Name, safe_line};
use crate::domain::profile::{INSTRUMENTS_MAX, INTERESTS_MAX, LIST_BYTES_MAX, Profile};
use crate::domain::session::SessionState;
use crate::domain::sharing::{Field, Shared};
use crate::peer::api::{ErrorReply, Event};
use crate::peer::message::{Ask, DiskEffect, Effect};
use crate::protocol::session::SessionCommand;

/// The options of `me.set`.
pub(super) const OPTIONS: &[&str] = &["name", "plays", "interests", "colour", "avatar", "share"];

impl Step<'_> {
    /// Changes what is named and leaves the rest; nothing changes if any of it is wrong.
    pub(super) fn set_me(&mut self, ask: Ask, mut args: Args<'_>) -> Result<(), ErrorReply> {
        args.end()?;
        let setup = &mut self.model.setup;
        let profile = said(&setup.profile, &args)?;
        let shared = args.option("share").map_or(Ok(setup.shared), shared)?;
        setup.profile = profile.clone();
        setup.shared = shared;
        let card = setup.card();
        self.effects.push(Effect::Disk(DiskEffect::Profile { profile, shared }));
        // Never refused: in no jam the machine keeps the card for the next.
        let _ = self.command(SessionCommand::SetProfile(card));
        self.warn_of_a_jam_that_tells();
        let reply = view::me(self.model);
        self.reply(ask, &reply);
        Ok(())
    }

    /// A jam keeps the name it was opened with: whoever stops sharing theirs in "Ana's jam" should know.
    fn warn_of_a_jam_that_tells(&mut self) {
        let setup = &self.model.setup;
        let told = |jam: &&SessionState| jam.name.as_str().contains(setup.profile.name().as_str());
        if setup.shared.has(Field::Name) {
            return;
        }
        let Some(jam) = self.model.jam.as_ref().filter(told) else { return };
        let (what, why) =
            (format!("this jam is still called {}", jam.name), "a jam keeps its name".to_owned());
        let remedy = "Leave it and open another, with a name that does not say yours".to_owned();
        self.tell(Event::Warning { what, why, remedy });
    }
}

/// The profile with what `args` change.
fn said(before: &Profile, args: &Args<'_>) -> Result<Profile, ErrorReply> {
    let wrong = |why: &str| usage("me.set", why);
    let name = args.option("name").map_or_else(|| before.name().clone(), Name::new);
    if args.option("name").is_some_and(|name| name.trim().is_empty()) {
        return Err(wrong("a name is not empty"));
    }
    let plays = args.option("plays").map_or_else(|| before.instruments().to_vec(), names);
    let interests = args.option("interests").map_or_else(|| before.interests().to_vec(), names);
    let colour = match args.option("colour").map(str::trim) {
        None => before.colour(),
        Some("" | "none") => None,
        Some(word) => Some(NameColour::parse(word).ok_or_else(|| {
            let words = NameColour::words();
            wrong(&format!("a colour is {words} or none, not `{}`", safe_line(word, 40)))
        })?),
    };
    let avatar = match args.option("avatar").map(str::trim) {
        None => before.avatar().cloned(),
        Some("") => None,
        Some(text) => Some(Avatar::parse(text).map_err(|error| wrong(&error.to_string()))?),
    };
    let asked = plays.len() + interests.len();
    let after = before.clone().called(name).playing(plays).interested_in(interests);
    if after.instruments().len() + after.interests().len() < asked {
        return Err(wrong(&format!(
            "a card has room for {INSTRUMENTS_MAX} instruments and {INTERESTS_MAX} interests, \
             {LIST_BYTES_MAX} bytes together"
        )));
    }
    Ok(after.coloured(colour).with_avatar(avatar))
}

/// `guitar, voice` as names; what is empty is left out.
fn names(list: &str) -> Vec<Name> {
    list.split(',').map(str::trim).filter(|one| !one.is_empty()).map(Name::new).collect()
}

fn shared(list: &str) -> Result<Shared, ErrorReply> {
    Shared::parse(list).map_err(|word| {
        let fields = Field::ALL.map(Field::as_str).join(", ");
        let word = safe_line(word, 40);
        usage(
            "me.set",
            &format!("what is shared is all, none, or a list of {fields}; `{word}` is none of them"),
        )
    })
}

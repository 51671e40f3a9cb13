//! `status`: what the running peer is doing, now or once it is so.

use serde_json::Value;

use super::args::{StatusArgs, WaitFor};
use super::context::{Context, poll};
use super::exit::{Outcome, Stop};
use super::jam::{ask, spec};
use super::output::bug;
use super::short_lived::NO_ARGS;
use super::show;
use crate::peer::api::{ErrorCode, MicState, Status};

pub(super) fn run(context: &Context, args: &StatusArgs) -> Outcome {
    let Some(state) = args.wait else { return ask(context, "status", &[]) };
    let mut last = None;
    // A new connection each time: the peer may only just be starting.
    let arrived = poll(args.limit, || {
        let Some(mut client) = context.running()? else { return Ok(None) };
        let Ok(data) = client.request("status", NO_ARGS) else { return Ok(None) };
        let status = read(&data)?;
        let arrived = is_so(state, &status).then_some(data);
        last = Some(status);
        Ok(arrived)
    })?;
    match (arrived, last) {
        (Some(data), _) => show::reply(context.out, spec("status")?, data),
        (None, None) => Err(timed_out(context, args, "no peer answers")),
        (None, Some(status)) => Err(timed_out(context, args, &why_not(state, &status))),
    }
}

fn read(data: &Value) -> Outcome<Status> {
    serde_json::from_value(data.clone()).map_err(|error| bug("read the status", &error.to_string()))
}

fn is_so(state: WaitFor, status: &Status) -> bool {
    match state {
        WaitFor::Ready => true,
        WaitFor::Card => status.card.is_some(),
        WaitFor::Jam => status.jam.is_some(),
        WaitFor::Live => status.mic == MicState::Live && hears_someone(status),
    }
}

fn hears_someone(status: &Status) -> bool {
    status.jam.iter().flat_map(|jam| &jam.people).any(|person| !person.you && person.path.is_some())
}

fn why_not(state: WaitFor, status: &Status) -> String {
    match state {
        WaitFor::Ready => "it answered too late".to_owned(),
        WaitFor::Card if status.card_trouble.is_empty() => "the sound card is not open yet".to_owned(),
        WaitFor::Card => status.card_trouble.clone(),
        WaitFor::Jam => "it is in no jam".to_owned(),
        WaitFor::Live if status.mic != MicState::Live => format!("the microphone is {}", status.mic),
        WaitFor::Live if status.jam.is_none() => "it is in no jam".to_owned(),
        WaitFor::Live => "no sound comes from anyone".to_owned(),
    }
}

fn timed_out(context: &Context, args: &StatusArgs, why: &str) -> Stop {
    Stop::failed(
        ErrorCode::TimedOut,
        format!("profile {} did not get there within {:?}", context.paths.profile, args.limit),
        why,
        "Wait longer with --for, or see `jamtty doctor`",
    )
}

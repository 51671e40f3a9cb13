//! `link` and `ticket`: the way between you and the others.

use std::time::{Duration, Instant};

use super::args::{LinkArgs, TicketArgs};
use super::context::Context;
use super::exit::Outcome;
use super::jam::{ask_with, spec};
use super::output::Form;
use super::short_lived::NO_ARGS;
use super::show;
use crate::peer::api::Ticket;

/// Once, or once a second for as long as asked.
pub(super) fn link(context: &Context, args: &LinkArgs) -> Outcome {
    let mut client = context.peer()?;
    let words: Vec<String> = args.peer.iter().cloned().collect();
    let until = Instant::now() + args.limit.unwrap_or_default();
    loop {
        ask_with(context, &mut client, "link", &words)?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        // Nothing is watched, so nothing comes but the end of the peer, which is told at once.
        client.next_event(Some(left.min(LOOK_EVERY)))?;
    }
}

/// Figures of a link are means over a second or more: shorter shows the same again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) fn ticket(context: &Context, args: &TicketArgs) -> Outcome {
    let mut client = context.peer()?;
    if context.out.form == Form::Json {
        return show::reply(context.out, spec("ticket")?, client.request("ticket", NO_ARGS)?);
    }
    let ticket: Ticket = client.request_as("ticket", NO_ARGS)?;
    context.out.line(&ticket.ticket)?;
    if args.qr {
        ticket.qr.iter().try_for_each(|row| context.out.line(row))?;
    }
    Ok(())
}

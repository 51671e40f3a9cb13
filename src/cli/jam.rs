//! `new`, `join`, `leave`, `ls`, `quit`: where the running peer is, and who else is there.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::args::{JoinArgs, LsArgs, NewArgs};
use super::context::{Context, code_word};
use super::exit::Outcome;
use super::output::{Form, bug};
use super::short_lived::NO_ARGS;
use super::show;
use crate::peer::api::{ACTIONS, ActionSpec};
use crate::peer::socket::client::Client;

/// Asks the running peer for one action and prints its reply.
pub(super) fn ask(context: &Context, action: &str, args: &[String]) -> Outcome {
    ask_with(context, &mut context.peer()?, action, args)
}

pub(super) fn ask_with(context: &Context, client: &mut Client, action: &str, args: &[String]) -> Outcome {
    let spec = spec(action)?;
    let data = client.request(action, args)?;
    show::reply(context.out, spec, data)
}

pub(super) fn spec(action: &str) -> Outcome<&'static ActionSpec> {
    ACTIONS.iter().find(|spec| spec.name == action).ok_or_else(|| bug("name an action", action))
}

pub(super) fn new(context: &Context, args: &NewArgs) -> Outcome {
    // Told as an option: a jam may be called as an option is.
    let mut words: Vec<String> = args.name.iter().map(|name| format!("name={name}")).collect();
    words.extend(args.max.as_ref().map(|max| format!("max={max}")));
    seat(&mut words, args.listen, args.code_file.as_deref())?;
    ask(context, "new", &words)
}

pub(super) fn join(context: &Context, args: &JoinArgs) -> Outcome {
    let target = match (&args.target, args.last) {
        (Some(target), _) => format!("name={target}"),
        (None, true) => "last".to_owned(),
        (None, false) => "first".to_owned(),
    };
    let mut words = vec![target];
    seat(&mut words, args.listen, args.code_file.as_deref())?;
    ask(context, "join", &words)
}

fn seat(words: &mut Vec<String>, listen: bool, code_file: Option<&Path>) -> Outcome {
    if listen {
        words.push("listen".to_owned());
    }
    if let Some(file) = code_file {
        words.push(format!("code={}", code_word(file)?));
    }
    Ok(())
}

pub(super) fn ls(context: &Context, args: &LsArgs) -> Outcome {
    let spec = spec("ls")?;
    let mut client = context.peer()?;
    if args.watch {
        client.watch(&LIST_CHANGES)?;
    }
    let shown = client.request("ls", NO_ARGS)?;
    show::reply(context.out, spec, shown.clone())?;
    if args.watch { follow(context, &mut client, shown) } else { Ok(()) }
}

/// Prints the list again whenever it is another one than `shown`; ends when the peer, or our reader, does.
fn follow(context: &Context, client: &mut Client, mut shown: Value) -> Outcome {
    let spec = spec("ls")?;
    loop {
        client.next_event(None)?;
        // Several events come at once when someone joins: one list for all of them.
        while client.next_event(Some(SETTLED_AFTER))?.is_some() {}
        let now: Value = client.request("ls", NO_ARGS)?;
        if now != shown {
            if context.out.form == Form::Human {
                context.out.line("")?;
            }
            show::reply(context.out, spec, now.clone())?;
            shown = now;
        }
    }
}

/// Events after which `ls` says something else.
const LIST_CHANGES: [&str; 8] = [
    "peer_seen",
    "peer_gone",
    "joined",
    "left",
    "participant_joined",
    "participant_left",
    "participant_updated",
    "removed",
];

/// Longer shows people late; shorter prints the same list several times.
const SETTLED_AFTER: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::api::Event;

    #[test]
    fn the_events_we_wait_for_exist() {
        assert!(LIST_CHANGES.iter().all(|name| Event::NAMES.contains(name)));
    }
}

//! The command line: thin clients of the running peer's local socket, one file per command family.
//!
//! Only `peer_run`, `short_lived` and `demo` start a peer, through `peer::run`; `screen` starts one as a process. Data goes to stdout, messages
//! to stderr; the exit codes are in [`EXIT_CODES`]. World: worker; may block, and waits with a bound unless told to follow.

use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::ErrorKind;

mod act;
mod args;
mod audio;
mod context;
pub mod demo;
pub mod demo_analysis;
mod doctor;
mod exit;
mod help;
mod jam;
mod link;
mod log;
mod me;
mod output;
mod panic_report;
mod peer_run;
mod rec;
mod screen;
mod settings;
mod short_lived;
mod show;
mod status;

pub use args::Cli;
pub use exit::EXIT_CODES;
pub use help::{EXAMPLES, command};
pub use panic_report::guarded;

use args::Command;
use context::Context;
use exit::{Outcome, Stop};

/// Runs what this process was called with; what it gives is the process's exit code.
#[must_use]
pub fn run() -> ExitCode {
    let parsed = help::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error),
    };
    let context = Context::new(cli.common);
    let Some(command) = cli.command else {
        let state = context.paths.state.clone();
        return guarded(&state, || {
            screen::open(&context).map_or_else(Stop::into_exit, |()| ExitCode::SUCCESS)
        });
    };
    guarded(&context.paths.state.clone(), || {
        if let Command::Demo(args) = &command {
            return demo::run(args, context.out.form == output::Form::Json);
        }
        obey(&context, &command).map_or_else(Stop::into_exit, |()| ExitCode::SUCCESS)
    })
}

/// Help and version on stdout with 0, mistakes on stderr with 2; a closed pipe is neither.
fn not_parsed(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let out = output::Output::new(&args::Common::default());
            out.bytes(text.as_bytes()).map_or_else(Stop::into_exit, |()| ExitCode::SUCCESS)
        }
        _ => {
            output::complain(text.trim_end());
            ExitCode::from(2)
        }
    }
}

fn obey(context: &Context, command: &Command) -> Outcome {
    match command {
        Command::Peer(args) => peer_run::run(context, args),
        Command::Attach => screen::attach(context),
        Command::New(args) => jam::new(context, args),
        Command::Join(args) => jam::join(context, args),
        Command::Leave => jam::ask(context, "leave", &[]),
        Command::Ls(args) => jam::ls(context, args),
        Command::Status(args) => status::run(context, args),
        Command::Do(args) => act::run(context, args),
        Command::Watch(args) => act::watch(context, args),
        Command::Link(args) => link::link(context, args),
        Command::Ticket(args) => link::ticket(context, args),
        Command::Audio(args) => audio::run(context, &args.command),
        Command::Rec(args) => rec::run(context, &args.command),
        Command::Doctor => doctor::run(context),
        Command::Me(args) => me::run(context, &args.command),
        Command::Config(args) => settings::run(context, &args.command),
        Command::Demo(_) => Ok(()),
        Command::Quit => jam::ask(context, "quit", &[]),
        Command::Completions { shell } => help::completions(context, *shell),
        Command::Man { command } => help::man(context, command),
        Command::Help { about } => help::help(context, about),
    }
}

//! What can be typed after `jamtty me`.

use clap::{Args, Subcommand};

use super::values::{avatar, colour, setting, share};

/// `jamtty me`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct MeArgs {
    /// Show or set.
    #[command(subcommand)]
    pub command: MeCommand,
}

/// `jamtty me ...`.
#[derive(Debug, Subcommand)]
pub enum MeCommand {
    /// Show who you are, and what of it others see
    Show,
    /// Change who you are, and what of it others see
    Set(MeSetArgs),
}

/// `jamtty me set`.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct MeSetArgs {
    /// Your name
    #[arg(long, value_parser = setting("name"))]
    pub name: Option<String>,
    /// What you play, with commas: guitar,voice
    #[arg(long, value_name = "WHAT,..", value_parser = setting("plays"))]
    pub plays: Option<String>,
    /// What you like, with commas: jazz,drone
    #[arg(long, value_name = "WHAT,..", value_parser = setting("plays"))]
    pub interests: Option<String>,
    /// Colour of your name: red, gold, green, teal, sky, violet or none
    #[arg(long, value_name = "COLOUR", value_parser = colour)]
    pub colour: Option<String>,
    /// Up to 4 columns beside your name, as in '<3'; '' for none
    #[arg(long, value_name = "TEXT", value_parser = avatar, allow_hyphen_values = true)]
    pub avatar: Option<String>,
    /// What others see, and nothing else: name, plays, interests, colour, avatar; or all, or none
    #[arg(long, value_name = "FIELD,..", value_parser = share)]
    pub share: Option<String>,
}

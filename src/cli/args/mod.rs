//! What can be typed: every command, every flag. Help, completions and the man page are made from this.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};

use super::demo::DemoArgs;

mod me;
mod rec;
mod values;

pub(super) use me::{MeArgs, MeCommand, MeSetArgs};
pub(super) use rec::{RecArgs, RecCommand};
pub(super) use values::{RawForm, action_name, nearest};
use values::{duration, event_name, pitch, ppm, profile, raw_form, setting};

/// A jam room in a terminal: musicians on one network hear each other.
#[derive(Debug, Parser)]
#[command(name = "jamtty", version, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    /// Flags that every command takes.
    #[command(flatten)]
    pub common: Common,
    /// What to do; nothing opens the screen.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Print JSON on stdout: one object, or JSON Lines for streams, each with "v":1
    #[arg(long, global = true, conflicts_with = "plain")]
    pub json: bool,
    /// Print bare lines with tabs between the fields on stdout
    #[arg(long, global = true)]
    pub plain: bool,
    /// Say more on stderr, and log more (-vv: everything)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Never ask anything: fail, and say what is missing
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Identity, folders and socket to use: several peers can run on one machine
    #[arg(long, global = true, value_name = "NAME", env = "JAMTTY_PROFILE", hide_env_values = true, default_value = crate::paths::DEFAULT_PROFILE, value_parser = profile)]
    pub profile: String,
    /// Config file instead of the one `jamtty config path` names
    #[arg(long, global = true, value_name = "FILE", env = "JAMTTY_CONFIG", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Network interface to use, by name; again for more; all of them if never given [env: JAMTTY_IFACE]
    #[arg(long, global = true, value_name = "NAME", value_delimiter = ',', action = ArgAction::Append)]
    pub iface: Vec<String>,
}

/// One command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a peer in the foreground, without a screen
    Peer(Box<PeerArgs>),
    /// Open the screen of the running peer
    Attach,
    /// Open a jam with the running peer
    New(NewArgs),
    /// Join a jam with the running peer
    Join(JoinArgs),
    /// Leave the jam; the peer keeps running
    Leave,
    /// List the jams and people on this network
    Ls(LsArgs),
    /// Say what the running peer is doing
    Status(StatusArgs),
    /// Do one action, or all of a list on stdin
    Do(DoArgs),
    /// Follow what happens, one line an event
    Watch(WatchArgs),
    /// Show delay, jitter and loss between you and the others
    Link(LinkArgs),
    /// Print a text with which others find this peer
    Ticket(TicketArgs),
    /// List, check and choose sound cards
    Audio(AudioArgs),
    /// Record the jam, and look after the takes
    Rec(RecArgs),
    /// Find out why it crackles, or why it is silent
    Doctor,
    /// Show or change who you are, and what of it others see
    Me(MeArgs),
    /// Show, check and change the settings
    Config(ConfigArgs),
    /// Let the house band play: three peers on this machine, no sound card needed
    Demo(DemoArgs),
    /// End the running peer
    Quit,
    /// Print completions for a shell
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page
    Man {
        /// Of this command only, as in `audio ls`
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Print help on a command or a topic: exit-codes, environment, actions
    Help {
        /// A command, as in `audio ls`, or a topic
        #[arg(value_name = "COMMAND|TOPIC")]
        about: Vec<String>,
    },
}

/// `jamtty peer`.
#[derive(Debug, Default, Args)]
pub struct PeerArgs {
    /// Open a jam, called NAME or after you
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", group = "begin")]
    pub new: Option<String>,
    /// Join a jam by its name, by a person in it, by a ticket or by an address
    #[arg(long, value_name = "NAME|TICKET|ADDR", group = "begin")]
    pub join: Option<String>,
    /// Join the jam you were in last
    #[arg(long, group = "begin")]
    pub last: bool,
    /// Join the first jam that is seen
    #[arg(long, group = "begin")]
    pub first: bool,
    /// Take a listen-only seat: send nothing
    #[arg(long)]
    pub listen: bool,
    /// Begin with your microphone off
    #[arg(long)]
    pub muted: bool,
    /// Keep what is sent and what is heard of each peer in this folder
    #[arg(long, value_name = "DIR", hide = true)]
    pub tap: Option<PathBuf>,
    /// Read the jam's code word from the first line of FILE, or of stdin (-)
    #[arg(long, value_name = "FILE|-", value_hint = ValueHint::FilePath)]
    pub code_file: Option<PathBuf>,
    /// People a jam you open holds, 2 to 16
    #[arg(long, value_name = "N", value_parser = setting("net.max_peers"))]
    pub max: Option<String>,
    /// Your name, as others see it [env: JAMTTY_NAME]
    #[arg(long, value_parser = setting("name"))]
    pub name: Option<String>,
    /// What you play, with commas: guitar,voice
    #[arg(long, value_name = "WHAT,..", value_parser = setting("plays"))]
    pub plays: Option<String>,
    /// The sound.
    #[command(flatten)]
    pub sound: SoundArgs,
    /// How your sound is sent: opus, pcm16 or pcm24
    #[arg(long, value_name = "CODEC", value_parser = setting("net.codec"), help_heading = "Stream")]
    pub codec: Option<String>,
    /// Length of an Opus frame in ms: 2.5, 5 or 10
    #[arg(long, value_name = "MS", value_parser = setting("net.frame_ms"), help_heading = "Stream")]
    pub frame: Option<String>,
    /// kbit/s of Opus, 16 to 510
    #[arg(long, value_name = "K", value_parser = setting("net.bitrate_kbps"), help_heading = "Stream")]
    pub bitrate: Option<String>,
    /// How long the others' sound is held: auto, quick, safe, or ms from 0 to 500
    #[arg(long, value_name = "auto|quick|safe|MS", value_parser = setting("net.delay"), help_heading = "Stream")]
    pub delay: Option<String>,
    /// Port others reach you at, 1024 to 65535, for control and for sound; 0: any free one
    #[arg(long, value_name = "N", value_parser = setting("net.port"), help_heading = "Stream")]
    pub port: Option<String>,
}

/// Flags that choose a card of this machine: none of them goes with a virtual one.
const REAL_CARD: [&str; 3] = ["input", "output", "host"];

/// Where sound comes from and goes to.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Sound")]
pub struct SoundArgs {
    /// Card to hear you with, by its name in `jamtty audio ls`
    #[arg(long = "in", value_name = "DEV", value_parser = setting("audio.input"))]
    pub input: Option<String>,
    /// Card to hear others with, by its name in `jamtty audio ls`
    #[arg(long = "out", value_name = "DEV", value_parser = setting("audio.output"))]
    pub output: Option<String>,
    /// Sound system: alsa, jack, pipewire or pulseaudio
    #[arg(long = "audio", value_name = "HOST", value_parser = setting("audio.host"))]
    pub host: Option<String>,
    /// What is sent: 1 or left, right, 2 or stereo, auto
    #[arg(long, value_name = "N|left|right", value_parser = setting("audio.channels"))]
    pub channels: Option<String>,
    /// Samples in a block, 16 to 4096, or auto
    #[arg(long, value_name = "N", value_parser = setting("audio.period"))]
    pub period: Option<String>,
    /// Play this WAV file instead of a card's input, or raw samples from stdin (-)
    #[arg(long, value_name = "FILE|-", conflicts_with_all = REAL_CARD, value_hint = ValueHint::FilePath)]
    pub in_file: Option<PathBuf>,
    /// What `--in-file -` is made of: f32le, s16le or s24le, rate in Hz, channels
    #[arg(long, value_name = "f32le,48000,1", requires = "in_file", value_parser = raw_form)]
    pub raw: Option<RawForm>,
    /// Begin the file again at its end
    #[arg(long = "loop", requires = "in_file")]
    pub looped: bool,
    /// Play a tone of this pitch instead of a card's input
    #[arg(long, value_name = "HZ", conflicts_with_all = ["input", "output", "host", "in_file"], value_parser = pitch)]
    pub in_tone: Option<f32>,
    /// Write what you would hear to this WAV file, or to stdout (-), instead of a card
    #[arg(long, value_name = "FILE|-", conflicts_with_all = REAL_CARD, value_hint = ValueHint::FilePath)]
    pub out_file: Option<PathBuf>,
    /// No card: silence in, nothing out, unless --in-file, --in-tone or --out-file say otherwise
    #[arg(long, conflicts_with_all = REAL_CARD)]
    pub null: bool,
    /// How much faster than true the clock of the virtual card runs
    #[arg(long, value_name = "PPM", hide = true, conflicts_with_all = REAL_CARD, allow_negative_numbers = true, value_parser = ppm)]
    pub card_ppm: Option<f64>,
}

/// `jamtty new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The jam's name; without one it is called after you
    pub name: Option<String>,
    /// People it holds, 2 to 16
    #[arg(long, value_name = "N", value_parser = setting("net.max_peers"))]
    pub max: Option<String>,
    /// Close it with the code word in the first line of FILE, or of stdin (-)
    #[arg(long, value_name = "FILE|-", value_hint = ValueHint::FilePath)]
    pub code_file: Option<PathBuf>,
    /// Take a listen-only seat: send nothing
    #[arg(long)]
    pub listen: bool,
}

/// `jamtty join`.
#[derive(Debug, Args)]
#[command(override_usage = "jamtty join [OPTIONS] <NAME|TICKET|ADDR|--last|--first>")]
pub struct JoinArgs {
    /// The jam's name, a person in it, a ticket or an address
    #[arg(value_name = "NAME|TICKET|ADDR", required_unless_present_any = ["last", "first"], conflicts_with_all = ["last", "first"])]
    pub target: Option<String>,
    /// The jam you were in last
    #[arg(long, conflicts_with = "first")]
    pub last: bool,
    /// The first jam that is seen
    #[arg(long)]
    pub first: bool,
    /// Take a listen-only seat: send nothing
    #[arg(long)]
    pub listen: bool,
    /// Read the code word from the first line of FILE, or of stdin (-)
    #[arg(long, value_name = "FILE|-", value_hint = ValueHint::FilePath)]
    pub code_file: Option<PathBuf>,
}

/// `jamtty ls`.
#[derive(Debug, Args)]
pub struct LsArgs {
    /// Print the list again whenever it changes
    #[arg(long)]
    pub watch: bool,
}

/// `jamtty status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Wait until it is so, at most as long as --for says, then exit 124
    #[arg(long, value_name = "STATE", value_enum)]
    pub wait: Option<WaitFor>,
    /// The longest wait: 500ms, 30s, 2m
    #[arg(long = "for", value_name = "TIME", requires = "wait", default_value = "30s", value_parser = duration)]
    pub limit: Duration,
}

/// What `jamtty status --wait` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WaitFor {
    /// A peer runs and answers
    Ready,
    /// Its sound card is open
    Card,
    /// It is in a jam
    Jam,
    /// Your microphone is on and sound comes from someone
    Live,
}

/// `jamtty do`.
#[derive(Debug, Args)]
pub struct DoArgs {
    /// The action (`jamtty help actions` lists all), or - to read one a line from stdin
    #[arg(value_name = "ACTION|-", required_unless_present = "list", value_parser = action_name)]
    pub action: Option<String>,
    /// Its arguments
    #[arg(value_name = "ARGS", allow_negative_numbers = true)]
    pub args: Vec<String>,
    /// List all actions
    #[arg(long, conflicts_with_all = ["action", "args"])]
    pub list: bool,
}

/// `jamtty watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Only events of these names
    #[arg(value_name = "EVENT", value_parser = event_name)]
    pub events: Vec<String>,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End after this time: 500ms, 30s, 2m; exits 124 if --count was not reached
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub limit: Option<Duration>,
}

/// `jamtty link`.
#[derive(Debug, Args)]
pub struct LinkArgs {
    /// Only to this person: a name, its beginning, a key or a fingerprint
    pub peer: Option<String>,
    /// Look once a second for so long: 500ms, 30s, 2m
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub limit: Option<Duration>,
}

/// `jamtty ticket`.
#[derive(Debug, Args)]
pub struct TicketArgs {
    /// Also as a picture for a phone or camera
    #[arg(long)]
    pub qr: bool,
}

/// `jamtty audio`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct AudioArgs {
    /// What about the card.
    #[command(subcommand)]
    pub command: AudioCommand,
}

/// `jamtty audio ...`.
#[derive(Debug, Subcommand)]
pub enum AudioCommand {
    /// List the sound cards, with the names that --in and --out take
    Ls,
    /// Play a tone in your own output
    Test(CheckArgs),
    /// Show how loud your input and output are, or every input there is (--all)
    Level(LevelArgs),
    /// Hear yourself through codec and buffer, without a network
    Loopback(CheckArgs),
    /// Measure the round trip from your output to your input, joined by a cable
    Measure(MeasureArgs),
    /// Change the card of the running peer, or of the config if none runs
    Set(AudioSetArgs),
}

/// `jamtty audio level`.
#[derive(Debug, Default, Args)]
pub struct LevelArgs {
    /// Every input of this machine instead, before one is chosen
    #[arg(long)]
    pub all: bool,
    /// What all checks take.
    #[command(flatten)]
    pub check: CheckArgs,
}

/// `jamtty audio test`, `level`, `loopback`.
#[derive(Debug, Default, Args)]
pub struct CheckArgs {
    /// How long: 500ms, 30s, 2m
    #[arg(long = "for", value_name = "TIME", default_value = "3s", value_parser = duration)]
    pub limit: Duration,
    /// The sound; only where no peer runs that has a card open.
    #[command(flatten)]
    pub sound: SoundArgs,
}

/// `jamtty audio measure`.
#[derive(Debug, Default, Args)]
pub struct MeasureArgs {
    /// The sound; only where no peer runs that has a card open.
    #[command(flatten)]
    pub sound: SoundArgs,
}

/// `jamtty audio set`.
#[derive(Debug, Default, Args)]
#[group(required = true, multiple = true)]
pub struct AudioSetArgs {
    /// Card to hear you with
    #[arg(long = "in", value_name = "DEV", value_parser = setting("audio.input"))]
    pub input: Option<String>,
    /// Card to hear others with
    #[arg(long = "out", value_name = "DEV", value_parser = setting("audio.output"))]
    pub output: Option<String>,
    /// Sound system: alsa, jack, pipewire or pulseaudio
    #[arg(long = "audio", value_name = "HOST", value_parser = setting("audio.host"))]
    pub host: Option<String>,
    /// What is sent: 1 or left, right, 2 or stereo
    #[arg(long, value_name = "N|left|right", value_parser = setting("audio.channels"))]
    pub channels: Option<String>,
    /// Samples in a block, 16 to 4096
    #[arg(long, value_name = "N", value_parser = setting("audio.period"))]
    pub period: Option<String>,
    /// No card: silence in, nothing out
    #[arg(long)]
    pub null: bool,
}

/// `jamtty config`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct ConfigArgs {
    /// What about the settings.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// `jamtty config ...`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print where the config file is, or would be
    Path,
    /// Say what is wrong with the config file
    Check,
    /// Print a config file with every key, its default and what it does
    Default,
    /// Print the value that counts, and where it comes from; all of them without a key
    Get {
        /// As in `audio.period`
        key: Option<String>,
    },
    /// Change one key in the file; comments stay
    Set {
        /// As in `audio.period`
        key: String,
        /// The new value; commas between the items of a list
        #[arg(allow_negative_numbers = true)]
        value: String,
    },
}

/// Shells that completions are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// bash
    Bash,
    /// elvish
    Elvish,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
    /// zsh
    Zsh,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn negative_numbers_are_arguments_of_an_action() {
        let cli = Cli::try_parse_from(["jamtty", "do", "fader", "Bo", "-3", "--json"]).unwrap();
        let Some(Command::Do(args)) = cli.command else { panic!("not do") };
        assert_eq!(args.args, ["Bo", "-3"]);
        assert!(cli.common.json);
    }
}

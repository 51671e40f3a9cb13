//! `jamtty peer`: flags and config become [`PeerOptions`], and the peer runs in the foreground.

use std::path::{Path, PathBuf};

use super::args::{PeerArgs, SoundArgs};
use super::context::{Context, FlagValue, code_word};
use super::exit::{Outcome, Stop};
use super::output::Form;
use super::{log, panic_report};
use crate::config::{Channels, Config, Loaded, LogLevel, Source};
use crate::peer::api::ErrorCode;
use crate::peer::run::{
    self, Begin, CardOptions, PeerOptions, Print, RecordingOptions, StreamOptions, VirtualIn, VirtualOut,
};

pub(super) fn run(context: &Context, args: &PeerArgs) -> Outcome {
    if stdin_is_wanted_twice(args) {
        return Err(Stop::failed(
            ErrorCode::Usage,
            "stdin cannot be both the code word and the sound",
            "--code-file - and --in-file - were both given",
            "Put the code word into a file",
        ));
    }
    let loaded = context.settings_aloud(flags(args))?;
    let mut options = options(context, args, &loaded)?;
    if let Some(file) = &args.code_file {
        options.code = Some(code_word(file)?);
    }
    start_log(context, &loaded.config);
    if let (Begin::Join { target }, Print::Lines) = (&options.begin, options.print) {
        context.out.note(&looking_for(target));
    }
    let ended = run::run(options).map_err(|error| Stop::from(error.0))?;
    if panic_report::happened() {
        return Err(Stop::Code(ErrorCode::Bug.exit_code()));
    }
    match ended.exit_code() {
        0 => Ok(()),
        code => Err(Stop::Code(code)),
    }
}

/// Said at once: a jam that is not there yet is waited for.
fn looking_for(target: &str) -> String {
    let what = match target {
        "first" => "any jam".to_owned(),
        "last" => "the jam you were in last".to_owned(),
        _ => crate::domain::name::safe_line(target, 60),
    };
    format!("looking for {what}; Ctrl-C ends the wait")
}

fn stdin_is_wanted_twice(args: &PeerArgs) -> bool {
    let dash = Some(Path::new("-"));
    args.code_file.as_deref() == dash && args.sound.in_file.as_deref() == dash
}

/// A log that cannot be written never keeps anyone from playing.
fn start_log(context: &Context, config: &Config) {
    let asked = match context.common.verbose {
        0 => config.log.level,
        1 => config.log.level.max(LogLevel::Debug),
        _ => LogLevel::Trace,
    };
    match log::start(&context.paths.state, asked) {
        Ok(Some(path)) => context.out.detail(&format!("log: {}", path.display())),
        Ok(None) => {}
        Err(error) => context.out.note(&format!(
            "jamtty: no log: {error}. The jam goes on; make {} writable to have one",
            context.paths.state.display()
        )),
    }
}

/// The flags that set a config key.
fn flags(args: &PeerArgs) -> Vec<FlagValue> {
    let mut flags = sound_flags(&args.sound);
    let given = |flag, key, value: &Option<String>| value.clone().map(|value| (flag, key, value));
    flags.extend(
        [
            given("--max", "net.max_peers", &args.max),
            given("--name", "name", &args.name),
            given("--plays", "plays", &args.plays),
            given("--codec", "net.codec", &args.codec),
            given("--frame", "net.frame_ms", &args.frame),
            given("--bitrate", "net.bitrate_kbps", &args.bitrate),
            given("--delay", "net.delay", &args.delay),
            given("--port", "net.port", &args.port),
        ]
        .into_iter()
        .flatten(),
    );
    flags
}

pub(super) fn sound_flags(sound: &SoundArgs) -> Vec<FlagValue> {
    let given = |flag, key, value: &Option<String>| value.clone().map(|value| (flag, key, value));
    [
        given("--in", "audio.input", &sound.input),
        given("--out", "audio.output", &sound.output),
        given("--audio", "audio.host", &sound.host),
        given("--channels", "audio.channels", &sound.channels),
        given("--period", "audio.period", &sound.period),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Everything a peer starts with, except the code word, which is read last.
fn options(context: &Context, args: &PeerArgs, loaded: &Loaded) -> Outcome<PeerOptions> {
    let begin = match (&args.new, &args.join, args.last, args.first) {
        (Some(name), ..) => Begin::New { name: (!name.is_empty()).then(|| name.clone()) },
        (_, Some(target), ..) => Begin::Join { target: target.clone() },
        (_, _, true, _) => Begin::Join { target: "last".to_owned() },
        (_, _, _, true) => Begin::Join { target: "first".to_owned() },
        (None, None, false, false) => Begin::Lobby,
    };
    let print = match context.out.form {
        Form::Json => Print::Json,
        Form::Human | Form::Plain if context.common.quiet => Print::Nothing,
        Form::Human | Form::Plain => Print::Lines,
    };
    let card = card(&args.sound, &loaded.config)?;
    Ok(PeerOptions {
        begin,
        listen: args.listen,
        muted: args.muted,
        print,
        tap: args.tap.clone(),
        ..plain_options(context, loaded, card)
    })
}

/// `~/` is the home of whoever starts the peer; without one it stays as it is, and the disk says what is wrong.
fn at_home(folder: &Path) -> PathBuf {
    match (folder.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => Path::new(&home).join(rest),
        _ => folder.to_owned(),
    }
}

/// A peer as the config has it, in the lobby, printing nothing.
pub(super) fn plain_options(context: &Context, loaded: &Loaded, card: CardOptions) -> PeerOptions {
    let Config { name, plays, audio, net, rec, privacy, .. } = &loaded.config;
    PeerOptions {
        paths: context.paths.clone(),
        name: name.clone(),
        plays: (loaded.source("plays") != Source::Default).then(|| plays.clone()),
        begin: Begin::Lobby,
        code: None,
        listen: false,
        max_people: net.max_peers,
        muted: false,
        card,
        priority: audio.priority,
        stream: StreamOptions { codec: net.codec, frame_ms: net.frame_ms, bitrate_kbps: net.bitrate_kbps },
        delay: net.delay,
        monitor_db: audio.monitor_db,
        ifaces: net.ifaces.clone(),
        control_port: net.port,
        // QUIC takes the UDP port of that number; the sound has the one after it.
        media_port: net.port.map(|port| port.checked_add(1).unwrap_or(port - 1)),
        discovery: net.discovery,
        tap: None,
        record_me: privacy.record_me,
        recording: RecordingOptions {
            folder: rec.folder.as_deref().map(at_home),
            grab_minutes: rec.grab_minutes,
            auto: rec.auto,
            mix_without_me: rec.mix_without_me,
        },
        print: Print::Nothing,
    }
}

/// The card that flags and config choose.
pub(super) fn card(sound: &SoundArgs, config: &Config) -> Outcome<CardOptions> {
    let audio = &config.audio;
    let is_virtual = sound.null
        || sound.in_file.is_some()
        || sound.in_tone.is_some()
        || sound.out_file.is_some()
        || sound.card_ppm.is_some();
    if !is_virtual {
        let channels = match audio.channels {
            Channels::Auto => None,
            Channels::Left => Some("left".to_owned()),
            Channels::Right => Some("right".to_owned()),
            Channels::Stereo => Some("2".to_owned()),
        };
        let (host, input, output) = (audio.host.clone(), audio.input.clone(), audio.output.clone());
        // A name typed now may be mistyped; one from the settings is of a card that is away.
        let remembered = sound.input.is_none() && sound.output.is_none() && sound.host.is_none();
        return Ok(CardOptions::Real { host, input, output, channels, period: audio.period, remembered });
    }
    let input = match (&sound.in_file, &sound.raw, sound.in_tone) {
        (Some(file), Some(raw), _) if file == Path::new("-") => {
            VirtualIn::Stdin { sample: raw.sample.clone(), rate_hz: raw.rate_hz, channels: raw.channels }
        }
        (Some(file), None, _) if file == Path::new("-") => {
            return Err(raw_mistake(
                "--in-file - does not say what stdin is made of",
                "Add --raw f32le,48000,1",
            ));
        }
        (Some(_), Some(_), _) => {
            return Err(raw_mistake(
                "--raw is for stdin only",
                "Leave it out: a WAV file says what it is made of",
            ));
        }
        (Some(file), None, _) => VirtualIn::File { path: file.clone(), looped: sound.looped },
        (None, _, Some(hz)) => VirtualIn::Tone { hz },
        (None, _, None) => VirtualIn::Silence,
    };
    let output = match &sound.out_file {
        None => VirtualOut::Nothing,
        Some(file) if file == Path::new("-") => VirtualOut::Stdout,
        Some(file) => VirtualOut::File(file.clone()),
    };
    Ok(CardOptions::Virtual {
        channels: virtual_channels(audio.channels, &input),
        input,
        output,
        period: audio.period.unwrap_or(VIRTUAL_PERIOD),
        error_ppm: sound.card_ppm.unwrap_or(0.0),
    })
}

/// Samples of a virtual card's block unless told: what good real cards do.
const VIRTUAL_PERIOD: u32 = 64;

/// `auto` takes what the input has.
fn virtual_channels(pick: Channels, input: &VirtualIn) -> u8 {
    match (pick, input) {
        (Channels::Stereo, _) => 2,
        (Channels::Left | Channels::Right, _) => 1,
        (Channels::Auto, VirtualIn::Silence | VirtualIn::Tone { .. }) => 1,
        (Channels::Auto, VirtualIn::Stdin { channels, .. }) => {
            if *channels > 1 {
                2
            } else {
                1
            }
        }
        // The peer opens the file and says what is wrong with it; here only its header counts.
        (Channels::Auto, VirtualIn::File { path, .. }) => match hound::WavReader::open(path) {
            Ok(file) if file.spec().channels > 1 => 2,
            Ok(_) | Err(_) => 1,
        },
    }
}

fn raw_mistake(what: &str, remedy: &str) -> Stop {
    Stop::failed(ErrorCode::Usage, what, "", remedy)
}

#[cfg(test)]
mod tests {
    use super::super::args::{Cli, Command};
    use super::*;
    use clap::Parser;

    fn options_of(line: &str) -> Outcome<PeerOptions> {
        let cli = Cli::try_parse_from(["jamtty", "peer"].into_iter().chain(line.split_whitespace())).unwrap();
        let Some(Command::Peer(args)) = cli.command else { panic!("not peer") };
        let mut common = cli.common;
        common.config = Some("/dev/null".into());
        let context = Context::new(common);
        options(&context, &args, &context.settings(flags(&args))?)
    }

    #[test]
    fn flags_reach_the_peer() {
        let options =
            options_of("--new --codec pcm16 --delay 5 --iface lo,eth0 --max 4 --null --period 128").unwrap();
        assert_eq!(options.begin, Begin::New { name: None });
        assert_eq!(options.stream.codec, crate::domain::stream::Codec::Pcm16);
        assert_eq!(options.ifaces, ["lo", "eth0"]);
        assert_eq!(options.max_people, 4);
        assert!(matches!(options.card, CardOptions::Virtual { period: 128, channels: 1, .. }));
    }

    #[test]
    fn sound_from_a_pipe_needs_its_form() {
        let Err(Stop::Failed(error)) = options_of("--in-file -") else { panic!("was taken") };
        assert_eq!(error.code, ErrorCode::Usage);
        let options = options_of("--in-file - --raw s16le,44100,2 --out-file -").unwrap();
        let CardOptions::Virtual { input, output, channels, .. } = options.card else {
            panic!("not virtual")
        };
        assert_eq!(input, VirtualIn::Stdin { sample: "s16le".into(), rate_hz: 44_100, channels: 2 });
        assert_eq!((output, channels), (VirtualOut::Stdout, 2));
    }

    #[test]
    fn a_card_and_a_file_do_not_mix() {
        for line in
            ["--in hw:0 --in-file a.wav", "--null --out hw:0", "--in-tone 440 --in-file a.wav", "--loop"]
        {
            let line = ["jamtty", "peer"].into_iter().chain(line.split_whitespace());
            assert_eq!(Cli::try_parse_from(line).unwrap_err().exit_code(), 2);
        }
    }
}

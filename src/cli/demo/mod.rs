//! The house band: three peers of this very program on this machine, and what each of them heard.
//!
//! Nothing is pretended: three processes with profiles of their own find each other over loopback,
//! join, and play the bundled loops through the real stack. The verdict comes from recordings of
//! what went in and came out (`demo_analysis`), not from what the peers believe.

mod player;
mod stay;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::demo_analysis::{Coding, Comparison, Recording, Span, compare};
use player::Player;

/// `jamtty demo`.
#[derive(Debug, Clone, PartialEq, clap::Args)]
#[command(
    after_help = "Examples:\n  jamtty demo\n  jamtty demo --seconds 30 --keep band\n  jamtty demo --out"
)]
pub struct DemoArgs {
    /// How long the band plays, 3 to 600
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(3..=600))]
    pub seconds: u64,
    /// Keep what each peer sent and heard, as WAV, in DIR
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Listen: a fourth peer takes a listen-only seat and plays the band to this machine's sound card
    #[arg(long)]
    pub out: bool,
    /// Play until stdin is closed, where this user's peers find the band; nothing is judged
    #[arg(long, hide = true, conflicts_with_all = ["keep", "out"])]
    pub stay: bool,
}

/// Who plays what.
const BAND: [(&str, &[u8]); 3] = [
    ("drums", include_bytes!("../../../assets/loops/drums.wav")),
    ("bass", include_bytes!("../../../assets/loops/bass.wav")),
    ("keys", include_bytes!("../../../assets/loops/keys.wav")),
];
/// The jam's name.
pub(super) const JAM: &str = "House band";
/// Players in it.
pub(super) const PLAYERS: u32 = BAND.len() as u32;
/// Most of its windows may be damaged before a direction counts as not heard well: a busy machine
/// stops everything for some ms now and then, more is a fault of ours.
const DAMAGED_PCT_MAX: f64 = 1.0;
/// Longest added delay of a direction on one machine, in ms.
const ADDED_DELAY_MS_MAX: f64 = 50.0;
/// Time for the playout delays to settle before it counts.
const SETTLE: Duration = Duration::from_secs(2);

/// One direction's verdict; the JSON of the issue of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Heard {
    from: &'static str,
    to: &'static str,
    added_delay_ms: Option<f64>,
    damaged_pct: Option<f64>,
    lost_pct: f64,
    concealed_pct: f64,
    kbit_s: f64,
    ok: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
}

/// Why the demo ended early: in three parts, with the exit code.
struct Failure {
    code: u8,
    what: String,
    why: String,
    remedy: &'static str,
}

impl Failure {
    fn stopped() -> Self {
        Self {
            code: 130,
            what: "stopped".to_owned(),
            why: "a signal came before the band was done".to_owned(),
            remedy: "Nothing is left behind.",
        }
    }

    fn disk(what: &str, path: &Path, error: &io::Error) -> Self {
        Self {
            code: 73,
            what: format!("cannot {what} {}", path.display()),
            why: error.to_string(),
            remedy: "Free some space, or choose another folder with --keep or TMPDIR.",
        }
    }
}

/// Runs the band: exit 0 if every direction was heard well, 3 if not.
#[must_use]
pub fn run(args: &DemoArgs, json: bool) -> ExitCode {
    if args.stay {
        return match stay::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => told(&failure),
        };
    }
    let ended = play(args, json).and_then(|heard| tell(&heard, json));
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(failure) => told(&failure),
    }
}

fn told(failure: &Failure) -> ExitCode {
    note(&format!("jamtty: {}: {}. {}", failure.what, failure.why, failure.remedy));
    ExitCode::from(failure.code)
}

fn play(args: &DemoArgs, json: bool) -> Result<Vec<Heard>, Failure> {
    let folder = Folder::new(args.keep.as_deref())?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // Where it cannot be had, a signal ends us as it ends any program.
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
    }
    if !json {
        note(&format!("The house band, three peers on this machine, plays for {} s.", args.seconds));
    }
    let mut band = Vec::new();
    for (index, (name, sound)) in BAND.iter().enumerate() {
        let tap = folder.tap(name)?;
        let mut command = folder.command(name)?;
        command.arg("peer").args(if index == 0 { ["--new", JAM] } else { ["--join", JAM] });
        command.arg("--in-file").arg(folder.sound(name, sound)?).arg("--loop");
        command.arg("--out-file").arg(tap.join("mix.wav")).arg("--tap").arg(&tap);
        let mut player = Player::start(name, tap, command, &stop)?;
        player.wait_until("be in the jam", |player| player.joined)?;
        band.push(player);
    }
    for player in &mut band {
        player.wait_until("hear the others", |player| player.links.len() == BAND.len() - 1)?;
    }
    let mut listener = if args.out { Some(listen(&folder, &stop)?) } else { None };
    let settled = Instant::now() + SETTLE;
    band.iter_mut().try_for_each(|player| player.listen_until(settled))?;
    let before = links_of(&band, &folder)?;
    let from_ns = monotonic_ns();
    let over = Instant::now() + Duration::from_secs(args.seconds);
    band.iter_mut().try_for_each(|player| player.listen_until(over))?;
    let span = Span { from_ns, to_ns: monotonic_ns() };
    let after = links_of(&band, &folder)?;
    band.iter_mut().chain(listener.as_mut()).try_for_each(Player::end)?;

    let mut heard = Vec::new();
    for (to, links) in band.iter().zip(before.iter().zip(&after)) {
        for from in band.iter().filter(|from| from.name != to.name) {
            heard.push(direction(from, to, links, span));
        }
    }
    Ok(heard)
}

/// What each peer says of its links.
fn links_of(band: &[Player], folder: &Folder) -> Result<Vec<Value>, Failure> {
    band.iter().map(|player| player.ask(folder, "link")).collect()
}

/// A peer that sends nothing and plays everything to this machine's card.
fn listen(folder: &Folder, stop: &Arc<AtomicBool>) -> Result<Player, Failure> {
    let mut command = folder.command("listener")?;
    command.args(["peer", "--join", JAM, "--listen"]);
    // The sound servers are found in the folder that the band has one of its own for.
    if let Some(runtime) = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        command.env("PIPEWIRE_RUNTIME_DIR", &runtime).env("PULSE_RUNTIME_PATH", runtime.join("pulse"));
    }
    let mut player = Player::start("listener", folder.tap("listener")?, command, stop)?;
    player.wait_until("be in the jam", |player| player.joined)?;
    Ok(player)
}

/// What `to` heard of `from`; `links`: what `to` said of its links at the beginning and at the end.
fn direction(from: &Player, to: &Player, links: (&Value, &Value), span: Span) -> Heard {
    let (before, link) = (link_to(links.0, &from.key), link_to(links.1, &from.key));
    let number = |field: &str| link[field].as_f64().unwrap_or(0.0);
    let counted = |field: &str| number(field) - before[field].as_f64().unwrap_or(0.0);
    let frames = (counted("played") + counted("concealed")).max(1.0);
    let coding = match link["format"].as_str() {
        Some(format) if format.starts_with("pcm") => Coding::Pcm,
        _ => Coding::Opus,
    };
    let found = recording(&from.tap, "sent").and_then(|sent| {
        let heard = recording(&to.tap, &format!("heard_{}", from.key))?;
        compare(&sent, &heard, span, coding).map_err(|why| why.to_string())
    });
    let (ok, why) = match &found {
        Ok(found) => (is_well(found), String::new()),
        Err(why) => (false, why.clone()),
    };
    let found = found.ok();
    let two_digits = |value: f64| (value * 100.0).round() / 100.0;
    Heard {
        from: from.name,
        to: to.name,
        added_delay_ms: found.map(|found| two_digits(found.added_delay_ms)),
        damaged_pct: found.map(|found| two_digits(found.damaged_pct())),
        lost_pct: two_digits(100.0 * counted("lost") / frames),
        concealed_pct: two_digits(100.0 * counted("concealed") / frames),
        kbit_s: number("kbit_s").round(),
        ok,
        why,
    }
}

fn link_to<'a>(links: &'a Value, key: &str) -> &'a Value {
    let mut all = links["links"].as_array().into_iter().flatten();
    all.find(|link| link["who"]["key"] == *key).unwrap_or(&Value::Null)
}

fn is_well(found: &Comparison) -> bool {
    found.damaged_pct() <= DAMAGED_PCT_MAX && found.added_delay_ms <= ADDED_DELAY_MS_MAX
}

/// Prints the table or the object; gives back whether all is well.
fn tell(heard: &[Heard], json: bool) -> Result<bool, Failure> {
    let ok = heard.iter().all(|direction| direction.ok);
    let text = if json {
        let bar = serde_json::json!({
            "damaged_pct_max": DAMAGED_PCT_MAX, "added_delay_ms_max": ADDED_DELAY_MS_MAX
        });
        format!("{}\n", serde_json::json!({ "v": 1, "ok": ok, "bar": bar, "links": heard }))
    } else {
        table(heard, ok)
    };
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::disk("write to", Path::new("stdout"), &error))
        }
        _ => Ok(ok),
    }
}

fn table(heard: &[Heard], ok: bool) -> String {
    let mut text = String::from("from   to     added delay   damaged   lost   concealed   kbit/s\n");
    for direction in heard {
        let number = |value: Option<f64>, unit: &str| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2} {unit}"))
        };
        text += &format!(
            "{:<6} {:<6} {:>11} {:>9} {:>4.1} % {:>9.1} % {:>8.0}  {}\n",
            direction.from,
            direction.to,
            number(direction.added_delay_ms, "ms"),
            number(direction.damaged_pct, "%"),
            direction.lost_pct,
            direction.concealed_pct,
            direction.kbit_s,
            if direction.ok {
                "heard"
            } else if direction.why.is_empty() {
                "NOT WELL"
            } else {
                &direction.why
            },
        );
    }
    let well = heard.iter().filter(|direction| direction.ok).count();
    text += &format!(
        "{well} of {} directions heard. Heard means: at most {DAMAGED_PCT_MAX} % of 10 ms windows damaged, at \
         most {ADDED_DELAY_MS_MAX} ms added; both found in the recordings.\n",
        heard.len()
    );
    if !ok {
        text += "Something else may keep this machine busy: try again, or see jamtty doctor.\n";
    }
    text
}

/// The demo's files: temporary ones that go, recordings that may stay.
struct Folder {
    place: PathBuf,
    recordings: PathBuf,
}

impl Folder {
    fn new(keep: Option<&Path>) -> Result<Self, Failure> {
        let place = std::env::temp_dir().join(format!("jamtty-demo-{}", std::process::id()));
        let recordings = keep.map_or_else(|| place.join("recordings"), Path::to_path_buf);
        // Made first: what a failure leaves goes with it.
        let mut made = Self { place, recordings };
        for folder in [&made.place.join("run"), &made.recordings] {
            fs::create_dir_all(folder).map_err(|error| Failure::disk("make", folder, &error))?;
        }
        let whole = made.recordings.canonicalize();
        made.recordings = whole.map_err(|error| Failure::disk("open", &made.recordings, &error))?;
        Ok(made)
    }

    /// Where a peer records what it sends and hears.
    fn tap(&self, name: &str) -> Result<PathBuf, Failure> {
        let tap = self.recordings.join(name);
        fs::create_dir_all(&tap).map_err(|error| Failure::disk("make", &tap, &error))?;
        Ok(tap)
    }

    /// A bundled loop as a file.
    fn sound(&self, name: &str, sound: &[u8]) -> Result<PathBuf, Failure> {
        let file = self.place.join(format!("{name}.wav"));
        fs::write(&file, sound).map_err(|error| Failure::disk("write", &file, &error))?;
        Ok(file)
    }

    /// This program with a world of its own: nothing of the user's profiles is read or written.
    fn command(&self, name: &str) -> Result<Command, Failure> {
        let program =
            std::env::current_exe().map_err(|error| Failure::disk("find", Path::new("jamtty"), &error))?;
        let mut command = Command::new(program);
        // What the user has set is for their own jams.
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("JAMTTY_") {
                command.env_remove(variable);
            }
        }
        for (variable, folder) in [
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_RUNTIME_DIR", "run"),
        ] {
            command.env(variable, self.place.join(folder));
        }
        command.args(["--profile", &format!("demo-{name}"), "--iface", "lo", "--json"]);
        command.env("JAMTTY_NAME", name).stdin(Stdio::null());
        Ok(command)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Recordings kept are elsewhere; a temporary folder that stays is only untidy.
        let _ = fs::remove_dir_all(&self.place);
    }
}

/// A recording that a peer made with `--tap`: `NAME.wav`, and in `tap.json` when it began.
fn recording(tap: &Path, name: &str) -> Result<Recording, String> {
    let about = fs::read(tap.join("tap.json")).map_err(|error| format!("no tap.json: {error}"))?;
    let about: Value = serde_json::from_slice(&about).map_err(|error| format!("tap.json: {error}"))?;
    let file = format!("{name}.wav");
    let tracks = about["tracks"].as_array();
    let track = tracks.into_iter().flatten().find(|track| track["file"] == *file);
    let track = track.ok_or_else(|| format!("nothing recorded as {file}"))?;
    if track["dropped_samples"].as_u64() != Some(0) {
        return Err(format!("the recording {file} has holes"));
    }
    let start_ns = track["start_monotonic_ns"].as_u64().ok_or("tap.json has no start")?;
    let mut reader = hound::WavReader::open(tap.join(&file)).map_err(|error| format!("{file}: {error}"))?;
    let spec = reader.spec();
    let samples: Result<Vec<f32>, _> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect(),
        hound::SampleFormat::Int => {
            let full = 2_f32.powi(i32::from(spec.bits_per_sample) - 1);
            reader.samples::<i32>().map(|sample| Ok(sample? as f32 / full)).collect()
        }
    };
    let samples = samples.map_err(|error| format!("{file}: {error}"))?;
    let left = samples.into_iter().step_by(usize::from(spec.channels.max(1))).collect();
    Ok(Recording { samples: left, start_ns })
}

/// `CLOCK_MONOTONIC`, the same in every process of this machine.
fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

fn note(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(damaged_pct: Option<f64>, ok: bool, why: &str) -> Heard {
        Heard {
            from: "drums",
            to: "bass",
            added_delay_ms: damaged_pct.map(|_| 7.25),
            damaged_pct,
            lost_pct: 0.0,
            concealed_pct: 0.0,
            kbit_s: 131.0,
            ok,
            why: why.to_owned(),
        }
    }

    #[test]
    fn the_table_says_what_was_heard_what_not_and_the_bar() {
        let text = table(&[heard(Some(0.0), true, ""), heard(None, false, "silence")], false);
        assert!(text.contains("7.25 ms") && text.contains("silence"), "{text}");
        assert!(text.contains("1 of 2 directions heard") && text.contains("1 % of 10 ms windows"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 140), "{text}");
    }

    #[test]
    fn the_bar_is_for_damage_and_for_delay() {
        let found = Comparison { added_delay_ms: 7.0, windows: 1_000, damaged: 0, gain_db: 0.0 };
        assert!(is_well(&found));
        assert!(!is_well(&Comparison { damaged: 11, ..found }));
        assert!(!is_well(&Comparison { added_delay_ms: 51.0, ..found }));
    }

    #[test]
    fn a_recording_is_read_with_its_beginning_and_not_with_holes() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 48_000,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut writer = hound::WavWriter::create(folder.path().join("sent.wav"), spec)?;
        for sample in [0.5_f32, -0.5, 0.25, -0.25] {
            writer.write_sample(sample)?;
        }
        writer.finalize()?;
        let about = |dropped: u64| {
            format!(
                r#"{{"v":1,"tracks":[{{"file":"sent.wav","start_monotonic_ns":7,"dropped_samples":{dropped}}}]}}"#
            )
        };
        fs::write(folder.path().join("tap.json"), about(0))?;
        let read = recording(folder.path(), "sent")?;
        assert_eq!(read, Recording { samples: vec![0.5, 0.25], start_ns: 7 });
        fs::write(folder.path().join("tap.json"), about(3))?;
        assert!(recording(folder.path(), "sent").is_err_and(|why| why.contains("holes")));
        assert!(recording(folder.path(), "heard").is_err());
        Ok(())
    }
}

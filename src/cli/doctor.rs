//! `doctor`: what keeps the sound from being good, in words, with what to do. Works without a running peer.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access};
use rustix::process::{Resource, geteuid, getrlimit};
use serde_json::json;

use super::args::SoundArgs;
use super::context::{Context, poll};
use super::exit::{FOUND_PROBLEMS, Outcome, Stop};
use super::output::Form;
use super::peer_run::{card, plain_options};
use super::short_lived::{NO_ARGS, Reach};
use super::show::{self, finding_lines};
use crate::config::{Config, Loaded};
use crate::peer::api::{Doctor, Finding, Status, Topic};

pub(super) fn run(context: &Context) -> Outcome {
    let mut findings = Vec::new();
    let loaded = match context.settings(Vec::new()) {
        Ok(loaded) => loaded,
        Err(Stop::Failed(error)) => {
            findings.push(finding("the config is broken", &error.what, "Correct it: `jamtty config check`"));
            Loaded::default()
        }
        Err(stop) => return Err(stop),
    };
    findings.extend(loaded.warnings.iter().map(|warning| {
        finding(
            "the config has a key that counts for nothing",
            &warning.to_string(),
            "Correct or remove that line",
        )
    }));
    findings.extend(folders(context));
    findings.extend(governor());
    let (running, peer) = match ask(context, &loaded) {
        Ok((running, doctor)) => (running, Some(doctor)),
        Err(Stop::Failed(error)) => {
            findings.push(finding(&error.what, &error.why, &error.remedy));
            (false, None)
        }
        Err(stop) => return Err(stop),
    };
    // A peer has tried it; without one, what the system says must do.
    if peer.as_ref().is_none_or(|peer| peer.status.threads.is_empty()) {
        findings.extend(priority(&loaded.config));
    }
    let told = peer.iter().flat_map(|peer| &peer.findings).cloned();
    let findings: Vec<Finding> = findings.into_iter().chain(told).collect();
    print(context, running, peer, &findings)?;
    if findings.is_empty() { Ok(()) } else { Err(Stop::Code(FOUND_PROBLEMS)) }
}

fn finding(what: &str, why: &str, remedy: &str) -> Finding {
    Finding { about: Topic::Machine, what: what.to_owned(), why: why.to_owned(), remedy: remedy.to_owned() }
}

/// What the peer itself finds; a short-lived one opens the card that would be used.
fn ask(context: &Context, loaded: &Loaded) -> Outcome<(bool, Doctor)> {
    let mut reach = Reach::running_or(context, || {
        let card = card(&SoundArgs::default(), &loaded.config)?;
        Ok(plain_options(context, loaded, card))
    })?;
    let client = reach.client();
    // A peer that has only just begun would complain of what it is still doing.
    poll(SETTLED_WITHIN, || {
        let status: Status = client.request_as("status", NO_ARGS)?;
        Ok((status.card.is_some() && !status.addresses.is_empty()).then_some(()))
    })?;
    let doctor = client.request_as("doctor", NO_ARGS)?;
    Ok((reach.is_running(), doctor))
}

/// A card that opens does so sooner, JACK included; one that does not is a finding after this.
const SETTLED_WITHIN: Duration = Duration::from_secs(2);

fn print(context: &Context, running: bool, peer: Option<Doctor>, findings: &[Finding]) -> Outcome {
    let out = context.out;
    if out.form == Form::Json {
        let profile = &context.paths.profile;
        return out.json(&json!({
            "ok": findings.is_empty(), "profile": profile, "running": running, "findings": findings, "peer": peer,
        }));
    }
    if let Some(peer) = peer {
        // All findings come below, ours and the peer's.
        show::print(out, &Doctor { findings: Vec::new(), ..peer })?;
    }
    for Finding { what, why, remedy, .. } in findings {
        if out.form == Form::Plain {
            out.row(&["finding", what, why, remedy])?;
        } else {
            finding_lines(what, why, remedy).iter().try_for_each(|line| out.line(line))?;
        }
    }
    if !running {
        out.note("no peer of this profile runs: what only shows in a jam was not looked at");
    }
    if findings.is_empty() {
        out.note("nothing found that keeps the sound from being good");
    }
    Ok(())
}

/// Folders that a peer must be able to write to.
fn folders(context: &Context) -> Vec<Finding> {
    let cannot = |folder: &PathBuf| {
        let there = folder.ancestors().find(|folder| folder.exists())?;
        let error = access(there, Access::WRITE_OK).err()?;
        Some(finding(
            &format!("cannot write to {}", folder.display()),
            &format!("{}: {error}", there.display()),
            "Give yourself that folder (chown, chmod u+w), or choose another place with XDG_DATA_HOME and its kin",
        ))
    };
    [&context.paths.data, &context.paths.state, &context.paths.runtime]
        .into_iter()
        .filter_map(cannot)
        .collect()
}

/// Whether the system lets us raise the priority of audio threads.
fn priority(config: &Config) -> Option<Finding> {
    let allowed = getrlimit(Resource::Rtprio).current.is_none_or(|priority| priority > 0);
    if !config.audio.priority || allowed || geteuid().is_root() {
        return None;
    }
    Some(finding(
        "the system does not let jamtty run the sound before everything else",
        "your limit for real-time priority (ulimit -r) is 0: other programs can make it crackle",
        "Put `@audio - rtprio 95` into /etc/security/limits.d/audio.conf, `sudo usermod -aG audio $USER`, log in again",
    ))
}

/// A clock that saves power is slow to wake: blocks of 1 ms come late.
fn governor() -> Option<Finding> {
    let file = Path::new("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    let governor = fs::read_to_string(file).ok()?;
    (governor.trim() == "powersave" && !is_hardware_driven()).then(|| {
        finding(
            "the processor saves power while you play",
            "its frequency governor is powersave",
            "While you play: `sudo cpupower frequency-set -g performance`",
        )
    })
}

/// With these drivers `powersave` only means that the processor itself chooses, and it chooses well.
fn is_hardware_driven() -> bool {
    let driver =
        fs::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver").unwrap_or_default();
    matches!(driver.trim(), "intel_pstate" | "amd-pstate-epp")
}

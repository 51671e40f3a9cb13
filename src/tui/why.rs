//! "Why does it crackle?" in words, most likely cause first, each with one thing to try.

use super::history::History;
use std::net::SocketAddr;

use crate::peer::api::{Doctor, Link, Path, Status, Topic};

/// One cause, or the good news about one.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// How bad, 0 for fine; the worst comes first.
    pub weight: f64,
    /// In words.
    pub what: String,
    /// What to try; empty where nothing is wrong.
    pub advice: String,
    /// What `f` does, and what undoes it.
    pub fix: Option<Fix>,
}

/// Something that can be done, and undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as in "f ...".
    pub what: String,
    /// The requests.
    pub doing: Vec<Vec<String>>,
    /// The requests that take it back.
    pub undoing: Vec<Vec<String>>,
}

/// Late or lost below this share, in per cent, is not heard: concealment hides it.
const HEARD_PCT: f64 = 0.2;

/// The causes, worst first. Four are always told apart: the network, my card, my computer, the clocks.
#[must_use]
pub fn causes(
    status: Option<&Status>,
    links: &[Link],
    doctor: Option<&Doctor>,
    history: &History,
) -> Vec<Cause> {
    let mut causes: Vec<Cause> = links.iter().flat_map(|link| of_link(link, status, history)).collect();
    causes.push(of_card(status, history));
    causes.push(of_computer(status));
    causes.push(of_clocks(links));
    if let Some(doctor) = doctor {
        // What the peer itself finds and nothing above says: no network, no address.
        let is_other = |topic| matches!(topic, Topic::Network | Topic::Machine);
        let others = doctor.findings.iter().filter(|one| is_other(one.about));
        causes.extend(others.map(|one| Cause {
            weight: 50.0,
            what: format!("{}: {}", one.what, one.why),
            advice: one.remedy.clone(),
            fix: None,
        }));
    }
    let fine: Vec<&str> = links
        .iter()
        .filter(|link| {
            !causes.iter().any(|cause| cause.what.starts_with(&format!("{} -> you", link.who.name)))
        })
        .map(|link| link.who.name.as_str())
        .collect();
    if !fine.is_empty() {
        causes.push(Cause {
            weight: 0.0,
            what: format!("The network to {}: fine.", fine.join(", ")),
            advice: String::new(),
            fix: None,
        });
    }
    causes.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    causes
}

/// What `f` does: the fix of the worst cause that has one.
#[must_use]
pub fn first_fix(causes: &[Cause]) -> Option<&Fix> {
    causes.iter().filter(|cause| cause.weight > 0.0).find_map(|cause| cause.fix.as_ref())
}

fn of_link(link: &Link, status: Option<&Status>, history: &History) -> Option<Cause> {
    let name = &link.who.name;
    let fix = hold_longer(link, status);
    if link.path == Some(Path::Stream) {
        return Some(Cause {
            weight: 90.0,
            what: format!("{name} -> you: UDP does not get through, the sound takes a detour."),
            advice: "Allow UDP in the firewalls of both machines.".to_owned(),
            fix: None,
        });
    }
    let past = history.link(&link.who.key)?;
    let played = past.sum(|second| second.played + second.concealed).max(1);
    let share = |count: u64| 100.0 * count as f64 / played as f64;
    let (late, lost) = (past.sum(|second| second.late), past.sum(|second| second.lost));
    let concealed = past.sum(|second| second.concealed);
    // What copies repaired was lost on the way, too, but nobody hears it.
    let lost_pct = link.figures.lost_pct.unwrap_or(0.0).max(share(lost));
    let hidden = format!("{:.1} % of the sound is made up", share(concealed));
    if share(concealed) < HEARD_PCT && lost_pct < 2.0 {
        return None;
    }
    // Between two programs of one machine there is no cable.
    let here = link.address.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
    let advice = |network: &str| {
        let busy = "end what else keeps this machine busy; they play on it, too";
        format!("Try: {}.", if here { busy } else { network })
    };
    let cause = if lost_pct >= share(late) {
        Cause {
            weight: 20.0 + share(concealed) + lost_pct,
            what: format!(
                "{name} -> you: {lost_pct:.1} % of packets get lost. Copies mend what they can; {hidden}."
            ),
            advice: advice("a cable instead of Wi-Fi; nobody else downloading"),
            fix,
        }
    } else {
        Cause {
            weight: 20.0 + share(concealed),
            what: format!("{name} -> you: packets come late, {late} so far; {hidden}."),
            advice: advice(&format!("a cable, or {name} moves nearer to the router")),
            fix,
        }
    };
    Some(cause)
}

/// 12 ms more than now; more than that is tried by hand.
fn hold_longer(link: &Link, status: Option<&Status>) -> Option<Fix> {
    let people = status?.jam.as_ref()?.people.iter();
    let strip = people.filter(|one| one.key == link.who.key).find_map(|one| one.strip.as_ref())?;
    // What is held may be more than what is aimed at: it falls slowly after a bad moment.
    let held = [link.figures.target_delay_ms, link.figures.playout_delay_ms].into_iter().flatten();
    let now_ms = held.max_by(f64::total_cmp)?;
    let ms = (now_ms + MORE_MS).ceil();
    let order = |delay: String| vec!["delay".to_owned(), link.who.key.clone(), delay];
    Some(Fix {
        what: format!("gives {} {MORE_MS:.0} ms more buffer ({now_ms:.1} to {ms:.0} ms)", link.who.name),
        doing: vec![order(format!("{ms}"))],
        undoing: vec![order(strip.delay.clone())],
    })
}

/// How much longer `f` holds a link's sound: covers a busy Wi-Fi, still played together.
const MORE_MS: f64 = 12.0;

fn of_card(status: Option<&Status>, history: &History) -> Cause {
    let Some(card) = status.and_then(|status| status.card.as_ref()) else {
        let why = status.map_or("", |status| status.card_trouble.as_str());
        if why.is_empty() {
            let what = "Your sound card: being opened.".to_owned();
            return Cause { weight: 0.0, what, advice: String::new(), fix: None };
        }
        return Cause {
            weight: 80.0,
            what: format!("Your sound card: there is none: {why}."),
            advice: "Choose one: A in the lobby, or `jamtty audio set`.".to_owned(),
            fix: None,
        };
    };
    let xruns = history.xruns();
    let ms = if card.rate_hz > 0 { f64::from(card.period) * 1_000.0 / f64::from(card.rate_hz) } else { 0.0 };
    if xruns == 0 {
        let span = history.span();
        let what = format!("Your sound card: fine. 0 xruns in the last {span}, block of {ms:.1} ms.");
        return Cause { weight: 0.0, what, advice: String::new(), fix: None };
    }
    let period = |samples: u32| vec!["audio.period".to_owned(), samples.to_string()];
    let longer = card.period.saturating_mul(2).clamp(16, 1024);
    let fix = (card.period > 0 && longer > card.period).then(|| Fix {
        what: format!("doubles the block, {} to {longer} samples", card.period),
        doing: vec![period(longer)],
        undoing: vec![period(card.period)],
    });
    Cause {
        weight: 30.0 + xruns as f64,
        what: format!("Your sound card: not served in time {xruns} times (xruns), block of {ms:.1} ms."),
        advice: "Try: end what else keeps the machine busy, or a longer block.".to_owned(),
        fix,
    }
}

fn of_computer(status: Option<&Status>) -> Cause {
    let threads = status.map_or(&[][..], |status| &status.threads);
    let refused = threads.iter().find(|thread| !thread.remedy.is_empty());
    match refused {
        Some(thread) => Cause {
            weight: 10.0,
            what: format!(
                "Your computer: the {} thread has no priority: {}.",
                thread.thread, thread.priority
            ),
            advice: format!("Try: {}.", thread.remedy.trim_end_matches('.')),
            fix: None,
        },
        None => Cause {
            weight: 0.0,
            what: "Your computer: nothing amiss is known.".to_owned(),
            advice: String::new(),
            fix: None,
        },
    }
}

fn of_clocks(links: &[Link]) -> Cause {
    /// Further apart than any two working crystals: one of the cards runs at another rate.
    const BROKEN_PPM: f64 = 500.0;
    let worst = links
        .iter()
        .filter_map(|link| Some((link, link.figures.drift_ppm?)))
        .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    match worst {
        Some((link, ppm)) if ppm.abs() > BROKEN_PPM => Cause {
            weight: 40.0,
            what: format!(
                "The clocks: {}'s card runs {ppm:+.0} ppm off yours: more than can be right.",
                link.who.name
            ),
            advice: "One card runs at another rate than it says: choose 48 kHz on both.".to_owned(),
            fix: None,
        },
        Some((link, ppm)) => Cause {
            weight: 0.0,
            what: format!("The clocks: fine. {} {ppm:+.0} ppm, corrected.", link.who.name),
            advice: String::new(),
            fix: None,
        },
        None => Cause {
            weight: 0.0,
            what: "The clocks: nothing to compare yet.".to_owned(),
            advice: String::new(),
            fix: None,
        },
    }
}

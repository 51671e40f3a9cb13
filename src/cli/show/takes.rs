//! Recordings, running and kept.

use super::{Show, columns, row};
use crate::peer::api::{
    Answer, Recorded, Recording, RecordingNow, TakeCard, TakeGone, TakeKind, TakeMoved, TakeShown, TakeTrack,
    TakeVerified, Takes, TrackKind, Withdrawal,
};

impl Show for RecordingNow {
    fn lines(&self) -> Vec<String> {
        self.recording.as_ref().map_or_else(|| vec!["nothing is recorded".to_owned()], recording_lines)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let Some(recording) = &self.recording else { return vec![row(["recording", "none"])] };
        let mut rows = vec![row([
            "recording",
            &recording.take,
            &recording.name,
            &recording.by.name,
            &recording.since_s.to_string(),
        ])];
        rows.extend(
            recording.people.iter().map(|one| row(["person", &one.who.key, &one.who.name, word(one)])),
        );
        rows
    }
}

/// The recording that runs, for people.
pub(in crate::cli) fn recording_lines(recording: &Recording) -> Vec<String> {
    let Recording { name, by, since_s, kind, .. } = recording;
    let mut lines = vec![match kind {
        TakeKind::Grabbed => format!("REC {name}: {by} keeps what was played last, of those who agree"),
        _ => format!("REC {name}, {}:{:02}, by {by}", since_s / 60, since_s % 60),
    }];
    if recording.asks_you {
        lines.push("you are asked: `jamtty rec agree` or `jamtty rec refuse`".to_owned());
    }
    if !recording.trouble.is_empty() {
        lines.push(format!("your copy is not kept: {}", recording.trouble));
    }
    let people: Vec<Vec<String>> =
        recording.people.iter().map(|one| row([&format!("  {}", one.who.name), word(one)])).collect();
    lines.extend(columns(&people));
    lines
}

const fn word(one: &Recorded) -> &'static str {
    match one.answer {
        Some(Answer::Yes) => "on it",
        Some(Answer::No) => "said no",
        Some(Answer::Withdrawn) => "withdrew",
        None => "has not answered",
    }
}

impl Show for Takes {
    fn lines(&self) -> Vec<String> {
        let rows: Vec<Vec<String>> = self.takes.iter().map(take_fields).collect();
        let mut lines = columns(&rows);
        if lines.is_empty() {
            lines.push("no takes".to_owned());
        }
        for broken in &self.broken {
            lines.push(format!("cannot be read: {}", broken.why));
            lines.push(format!("  {}", broken.remedy));
        }
        lines.push(format!(
            "{} used, {} free: {} more of recording; in {}",
            size(self.used_bytes),
            size(self.free_bytes),
            hours(self.minutes_left),
            self.folder
        ));
        lines
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let take = |card: &TakeCard| {
            row([
                "take",
                &card.id,
                &card.name,
                &card.started,
                &card.length_s.to_string(),
                &card.players.join(","),
                &card.tags.join(","),
                &card.bytes.to_string(),
            ])
        };
        let mut rows: Vec<Vec<String>> = self.takes.iter().map(take).collect();
        rows.extend(self.broken.iter().map(|broken| row(["broken", &broken.folder, &broken.why])));
        rows.push(row(["space", &self.used_bytes.to_string(), &self.free_bytes.to_string(), &self.folder]));
        rows
    }
}

fn take_fields(card: &TakeCard) -> Vec<String> {
    vec![
        card.id.chars().take(8).collect(),
        card.name.clone(),
        length(card.length_s),
        day(&card.started),
        card.players.join(", "),
        card.tags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>().join(" "),
        size(card.bytes),
    ]
}

impl Show for TakeShown {
    fn lines(&self) -> Vec<String> {
        let card = &self.take;
        let mut facts = vec![
            row(["take", &format!("{} ({})", card.name, &card.id[..card.id.len().min(8)])]),
            row(["jam", &card.jam]),
            row(["began", &format!("{}, by {}", day(&card.started), self.started_by)]),
            row(["length", &length(card.length_s)]),
            row(["size", &size(card.bytes)]),
        ];
        if !card.tags.is_empty() {
            facts.push(row(["tags", &card.tags.join(", ")]));
        }
        if !card.note.is_empty() {
            facts.push(row(["note", &crate::domain::name::safe_line(&card.note, 200)]));
        }
        facts.push(row(["folder", &self.folder]));
        let mut lines = columns(&facts);
        let tracks: Vec<Vec<String>> = self.tracks.iter().map(track_fields).collect();
        lines.extend(columns(&tracks).into_iter().map(|line| format!("  {line}")));
        for one in &self.answers {
            lines.push(format!("  {} {}", one.who.name, word(one)));
        }
        for mark in &self.marks {
            lines.push(format!("  mark at {}  {}", length(seconds(mark.at)), mark.text));
        }
        lines
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let card = &self.take;
        let mut rows = vec![row([
            "take",
            &card.id,
            &card.name,
            &card.started,
            &card.length_s.to_string(),
            &self.folder,
        ])];
        rows.extend(self.tracks.iter().map(|track| {
            let who = track.who.as_ref().map_or("", |who| &who.name);
            row(["track", &track.number.to_string(), kind(track.kind), who, &track.files.join(",")])
        }));
        rows.extend(self.answers.iter().map(|one| row(["person", &one.who.key, &one.who.name, word(one)])));
        rows.extend(self.marks.iter().map(|mark| row(["mark", &seconds(mark.at).to_string(), &mark.text])));
        rows
    }
}

fn track_fields(track: &TakeTrack) -> Vec<String> {
    let who = track.who.as_ref().map_or("", |who| &who.name);
    let form = if track.channels == 1 { "mono" } else { "stereo" };
    let concealed =
        if track.concealed_s > 0.0 { format!("{:.2} s invented", track.concealed_s) } else { String::new() };
    row([&track.number.to_string(), who, kind(track.kind), form, &track.files.join(", "), &concealed])
}

const fn kind(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Own => "own line",
        TrackKind::Heard => "as heard",
        TrackKind::Stem => "their own line",
        TrackKind::Mix => "mix",
        TrackKind::MixWithoutMe => "mix without you",
    }
}

impl Show for TakeVerified {
    fn lines(&self) -> Vec<String> {
        let verdict = if self.ok { "is as it was written" } else { "is not as it was written" };
        let mut lines = vec![format!("{} {verdict}", self.name)];
        for finding in &self.findings {
            lines.push(format!("  {}: {}", finding.severity, finding.what));
            if !finding.remedy.is_empty() {
                lines.push(format!("    {}", finding.remedy));
            }
        }
        lines
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(["take", &self.id, &self.name, if self.ok { "ok" } else { "damaged" }])];
        rows.extend(self.findings.iter().map(|one| row([&one.severity, &one.what, &one.remedy])));
        rows
    }
}

impl Show for TakeMoved {
    fn lines(&self) -> Vec<String> {
        vec![format!("{}: {} files, {}, in {}", self.name, self.files, size(self.bytes), self.folder)]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let (files, bytes) = (self.files.to_string(), self.bytes.to_string());
        vec![row(["take", &self.id, &self.name, &self.folder, &files, &bytes])]
    }
}

impl Show for TakeGone {
    fn lines(&self) -> Vec<String> {
        let id = &self.id[..self.id.len().min(8)];
        vec![if self.in_bin {
            format!("{} is in the bin for 30 days; `jamtty rec undo {id}` brings it back", self.name)
        } else {
            format!("{} ({id}): done", self.name)
        }]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![row(["take", &self.id, &self.name, if self.in_bin { "in the bin" } else { "done" }])]
    }
}

impl Show for Withdrawal {
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .waits_for
            .iter()
            .map(|who| format!("{who} is asked; `jamtty watch` says what they answer"))
            .collect();
        if lines.is_empty() {
            lines.push("nobody else holds this take".to_owned());
        }
        lines.push("jamtty carries it out there; nobody can force other software".to_owned());
        lines
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.waits_for.iter().map(|who| row(["waits", &who.key, &who.name])).collect()
    }
}

fn seconds(samples: u64) -> f64 {
    samples as f64 / f64::from(crate::domain::time::RATE_HZ)
}

/// Minutes and seconds.
fn length(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

/// Date and time of day, of RFC 3339.
fn day(started: &str) -> String {
    started.get(..16).unwrap_or(started).replace('T', " ")
}

fn hours(minutes: u64) -> String {
    if minutes >= 120 { format!("{} h", minutes / 60) } else { format!("{minutes} min") }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_sizes_are_short() {
        assert_eq!((length(61.9), length(-1.0)), ("1:01".to_owned(), "0:00".to_owned()));
        assert_eq!((size(9_999), size(12_345_678)), ("9999 B".to_owned(), "12 MB".to_owned()));
        assert_eq!(day("2026-11-23T18:29:00.000Z"), "2026-11-23 18:29");
    }
}

//! What the library says to each order, in the words of the socket. World: worker; every call waits for the disk.

use std::path::Path;

use serde_json::Value;

use super::library::{shown, unix_ms};
use crate::domain::name::safe_line;
use crate::domain::peer_id::PeerId;
use crate::domain::take::{AudioFormat, Consent, GapWhy, Player, Take, TakeId, WithdrawOutcome};
use crate::domain::time::RATE_HZ;
use crate::peer::api::{
    BrokenTake, ErrorCode, ErrorReply, Person, Recorded, TakeCard, TakeFinding, TakeGone, TakeMoved,
    TakeShown, TakeTrack, TakeVerified, Takes,
};
use crate::peer::message::{LibraryOrder, RecordMessage};
use crate::protocol::recording::verify_all;
use crate::store::takes::export::{ExportForm, ExportPlan};
use crate::store::takes::import::{BYTES_MAX, Imported};
use crate::store::takes::recover::Recovered;
use crate::store::takes::verify::Severity;
use crate::store::takes::{self, GoOn, Listed, TakeError};

/// What a recording of two players takes each second: two lines and a mix. What space is judged by.
pub(super) const BYTES_PER_S: u64 = takes::space::bytes_per_s(4, RATE_HZ);

/// Gaps of all tracks together that are shown; all of them stand in `take.json`.
const GAPS_SHOWN: usize = 200;

/// Bytes of one answer: a line of the socket holds a little more.
const ANSWER_BYTES_MAX: usize = 60_000;

/// Marks that are shown; all of them stand in `take.json`.
const MARKS_SHOWN: usize = 100;

/// Takes of one answer: a line of the socket holds no more. With words there are fewer.
const LISTED_MAX: usize = 100;

/// Takes that are named when more than one could be meant.
const NAMED_MAX: usize = 5;

/// Folders that cannot be read and are named.
const BROKEN_SHOWN: usize = 10;

/// Entries of the log that are shown.
const LOG_SHOWN: usize = 100;

/// Whether this order changes what `rec.ls` says.
pub(super) const fn changes(order: &LibraryOrder) -> bool {
    !matches!(
        order,
        LibraryOrder::List(_)
            | LibraryOrder::Show(_)
            | LibraryOrder::Verify(_)
            | LibraryOrder::Withdraw(_)
            | LibraryOrder::Export { .. }
    )
}

/// Whether a take still lies in WAV files.
pub(super) fn has_wav(listed: &Listed) -> bool {
    let is_over = listed.take.state != crate::domain::take::TakeState::Recording;
    let mut files = listed.take.tracks.iter().flat_map(|track| &track.files);
    is_over && files.any(|file| file.format == AudioFormat::Wav)
}

/// What a person is told of a take that a crash left.
pub(super) fn recovered(one: &Recovered) -> RecordMessage {
    let folder = shown(&one.folder);
    let lost = one.left_out.join("; ");
    let (why, remedy) = match &one.trouble {
        Some(error) => (error.to_string(), error.remedy()),
        None if lost.is_empty() => {
            ("jamtty was ended in the middle of it".to_owned(), format!("Nothing to do; it is in {folder}"))
        }
        None => (format!("jamtty was ended in the middle of it; {lost}"), format!("Look at it in {folder}")),
    };
    let what = if one.trouble.is_some() { "a take could not be mended" } else { "a take was mended" };
    RecordMessage::Warning { what: what.to_owned(), why, remedy }
}

/// Does an order.
pub(super) fn answer(takes: &Path, order: LibraryOrder, go_on: GoOn<'_>) -> Result<Value, ErrorReply> {
    let done = match order {
        LibraryOrder::List(words) => list(takes, &words).map(|data| json(&data)),
        LibraryOrder::Show(take) => find(takes, &take).and_then(|found| show(&found.folder)),
        LibraryOrder::Rename(take, name) => {
            changed(takes, &take, |folder| takes::edit::rename(folder, name.clone()))
        }
        LibraryOrder::Tag(take, tag) => changed(takes, &take, |folder| takes::edit::tag(folder, tag.clone())),
        LibraryOrder::Untag(take, tag) => changed(takes, &take, |folder| takes::edit::untag(folder, &tag)),
        LibraryOrder::Note(take, note) => changed(takes, &take, |folder| takes::edit::note(folder, &note)),
        LibraryOrder::Verify(take) => verify(takes, &take, go_on).map(|data| json(&data)),
        LibraryOrder::Export { take, folder, format, overwrite } => {
            return export(takes, &take, &folder, &format, overwrite, go_on);
        }
        LibraryOrder::Import(folder) => import(takes, &folder, go_on).map(|data| json(&data)),
        LibraryOrder::Remove { take, forever } => remove(takes, &take, forever).map(|data| json(&data)),
        LibraryOrder::Undo(take) => undo(takes, &take).map(|data| json(&data)),
        LibraryOrder::Withdraw(take) => find(takes, &take).and_then(|found| show(&found.folder)),
    };
    done.map_err(|error| refused(&error))
}

/// How long it is as it is sent.
fn bytes(data: &impl serde::Serialize) -> usize {
    serde_json::to_vec(data).map_or(0, |bytes| bytes.len())
}

fn json(data: &impl serde::Serialize) -> Value {
    serde_json::to_value(data).unwrap_or_default()
}

/// By id, its beginning, or name; else the only one whose name begins so.
fn find(takes: &Path, wanted: &str) -> Result<Listed, TakeError> {
    let missing = match takes::folder::find(takes, wanted) {
        Err(TakeError::NotFound(wanted)) => wanted,
        found => return found,
    };
    let begins =
        |listed: &Listed| listed.take.name.as_str().to_lowercase().starts_with(&missing.to_lowercase());
    let mut found: Vec<Listed> = takes::folder::list(takes)?.takes.into_iter().filter(begins).collect();
    if found.len() > 1 {
        let found = found.iter().take(NAMED_MAX).map(|one| format!("{} {}", one.take.id, one.take.name));
        return Err(TakeError::Ambiguous { wanted: missing, found: found.collect() });
    }
    found.pop().ok_or(TakeError::NotFound(missing))
}

fn changed(
    takes: &Path,
    wanted: &str,
    change: impl FnOnce(&Path) -> Result<Take, TakeError>,
) -> Result<Value, TakeError> {
    let found = find(takes, wanted)?;
    change(&found.folder)?;
    show(&found.folder)
}

fn list(takes: &Path, words: &str) -> Result<Takes, TakeError> {
    let listing = takes::folder::list(takes)?;
    let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    let mut found: Vec<TakeCard> =
        listing.takes.iter().map(card).filter(|card| words.iter().all(|word| says(card, word))).collect();
    found.sort_by(|a, b| b.started.cmp(&a.started));
    found.truncate(LISTED_MAX);
    let free_bytes = takes::space::free(takes)?;
    while bytes(&found) > ANSWER_BYTES_MAX {
        found.truncate(found.len() * 3 / 4);
    }
    Ok(Takes {
        takes: found,
        broken: listing.broken.iter().take(BROKEN_SHOWN).map(broken).collect(),
        used_bytes: takes::space::used(takes)?,
        free_bytes,
        minutes_left: takes::space::minutes_left(free_bytes, BYTES_PER_S).unwrap_or(0),
        folder: shown(takes),
    })
}

fn broken(error: &TakeError) -> BrokenTake {
    let folder = match error {
        TakeError::Broken { path, .. } | TakeError::Newer { path, .. } | TakeError::Damaged { path, .. } => {
            path.parent().map(shown).unwrap_or_default()
        }
        _ => String::new(),
    };
    BrokenTake { folder, why: error.to_string(), remedy: error.remedy() }
}

/// Whether a word is somewhere in what is known of a take.
fn says(card: &TakeCard, word: &str) -> bool {
    let texts = [&card.name, &card.jam, &card.note, &card.started, &card.id].into_iter();
    let mut texts = texts.chain(&card.players).chain(&card.instruments).chain(&card.tags);
    texts.any(|text| text.to_lowercase().contains(word))
}

fn card(listed: &Listed) -> TakeCard {
    let take = &listed.take;
    let players = take.players();
    let mut instruments: Vec<String> =
        players.iter().flat_map(|player| &player.instruments).map(ToString::to_string).collect();
    instruments.sort();
    instruments.dedup();
    TakeCard {
        id: take.id.to_string(),
        name: take.name.to_string(),
        jam: take.jam.to_string(),
        started: take.started.clone(),
        length_s: take.length_samples as f64 / f64::from(RATE_HZ),
        kind: take.kind,
        state: take.state,
        players: players.iter().map(|player| player.name.to_string()).collect(),
        instruments,
        tracks: u32::try_from(take.tracks.len()).unwrap_or(u32::MAX),
        bytes: takes::space::used(&listed.folder).unwrap_or(0),
        tags: take.tags.iter().map(ToString::to_string).collect(),
        note: take.note.clone(),
    }
}

fn person(player: &Player) -> Person {
    Person { key: player.key.to_string(), name: player.name.to_string() }
}

fn show(folder: &Path) -> Result<Value, TakeError> {
    let take = takes::manifest::read(folder)?;
    let tracks = take.tracks.iter().map(|track| TakeTrack {
        number: track.number,
        kind: track.kind,
        who: track.player.as_ref().map(person),
        channels: track.channels,
        files: track.files.iter().map(|file| file.name.clone()).collect(),
        concealed_s: track
            .gaps
            .iter()
            .filter(|gap| gap.why == GapWhy::Concealed)
            .map(|gap| gap.samples as f64 / f64::from(RATE_HZ))
            .sum(),
        gaps: track.gaps.iter().take(GAPS_SHOWN / take.tracks.len().max(1)).copied().collect(),
    });
    let mut answers: Vec<Recorded> = Vec::new();
    for consent in &take.consents {
        let who = Person { key: consent.who.to_string(), name: name_of(&take, consent.who) };
        answers.retain(|one| one.who.key != who.key);
        answers.push(Recorded { who, answer: take.answer_of(consent.who) });
    }
    let mut shown = TakeShown {
        tracks: tracks.collect(),
        folder: shown(folder),
        started_by: person(&take.started_by),
        answers,
        marks: take.marks.iter().take(MARKS_SHOWN).cloned().collect(),
        log: take.log.iter().take(LOG_SHOWN).cloned().collect(),
        take: card(&Listed { folder: folder.to_owned(), take }),
    };
    while bytes(&shown) > ANSWER_BYTES_MAX && !(shown.log.is_empty() && shown.marks.is_empty()) {
        shown.log.truncate(shown.log.len() / 2);
        shown.marks.truncate(shown.marks.len() / 2);
    }
    Ok(json(&shown))
}

/// What someone in a take was called: on a track, as its starter or keeper, or in the log; else by their key.
fn name_of(take: &Take, who: PeerId) -> String {
    let players = take.tracks.iter().filter_map(|track| track.player.as_ref());
    let mut known = players.chain([&take.started_by, &take.kept_by]);
    known.find(|player| player.key == who).map_or_else(|| who.fingerprint(), |player| player.name.to_string())
}

fn verify(takes: &Path, wanted: &str, go_on: GoOn<'_>) -> Result<TakeVerified, TakeError> {
    let found = find(takes, wanted)?;
    let mut findings: Vec<TakeFinding> = takes::verify::verify(&found.folder, go_on)?
        .into_iter()
        .map(|finding| TakeFinding {
            severity: if finding.severity == Severity::Note { "note" } else { "problem" }.to_owned(),
            what: finding.file.map_or(finding.what.clone(), |file| format!("{file}: {}", finding.what)),
            remedy: finding.remedy,
        })
        .collect();
    findings.extend(verify_all(&found.take).into_iter().map(|finding| TakeFinding {
        severity: "problem".to_owned(),
        what: finding.to_string(),
        remedy: "Ask who it is about; or delete their track".to_owned(),
    }));
    Ok(TakeVerified {
        id: found.take.id.to_string(),
        name: found.take.name.to_string(),
        ok: findings.iter().all(|finding| finding.severity == "note"),
        findings,
    })
}

fn export(
    takes: &Path,
    wanted: &str,
    folder: &Path,
    format: &str,
    overwrite: bool,
    go_on: GoOn<'_>,
) -> Result<Value, ErrorReply> {
    let form = match format {
        "wav24" => ExportForm::Wav24,
        "wav16" => ExportForm::Wav16,
        "flac" => ExportForm::Flac,
        other => {
            let why = format!("{} is no format", safe_line(other, 20));
            let remedy = "Use wav24, wav16 or flac";
            return Err(ErrorReply::new(ErrorCode::Usage, "nothing was exported", why, remedy));
        }
    };
    let plan = ExportPlan { form, tracks: Vec::new(), replace: overwrite, seed: 1 };
    let found = find(takes, wanted).map_err(|error| refused(&error))?;
    let done = takes::export::export(&found.folder, folder, &plan, go_on).map_err(|error| refused(&error))?;
    Ok(json(&TakeMoved {
        id: found.take.id.to_string(),
        name: found.take.name.to_string(),
        folder: shown(&done.folder),
        files: u32::try_from(done.files.len()).unwrap_or(u32::MAX),
        bytes: takes::space::used(&done.folder).unwrap_or(0),
    }))
}

fn import(takes: &Path, source: &Path, go_on: GoOn<'_>) -> Result<TakeMoved, TakeError> {
    let (Imported::New(folder) | Imported::AlreadyHere(folder)) =
        takes::import::import(source, takes, BYTES_MAX, go_on)?;
    let take = takes::manifest::read(&folder)?;
    Ok(TakeMoved {
        id: take.id.to_string(),
        name: take.name.to_string(),
        files: take.tracks.iter().map(|track| track.files.len() as u32).sum(),
        bytes: takes::space::used(&folder)?,
        folder: shown(&folder),
    })
}

fn remove(takes: &Path, wanted: &str, forever: bool) -> Result<TakeGone, TakeError> {
    let found = match find(takes, wanted) {
        // What is in the bin already can be deleted for good.
        Err(TakeError::NotFound(_)) if forever => {
            let binned = takes::bin::find(takes, wanted)?;
            takes::bin::erase(takes, &binned.folder)?;
            let id = binned.take.map(|take| take.id.to_string()).unwrap_or_default();
            return Ok(TakeGone { id, name: binned.name, in_bin: false });
        }
        found => found?,
    };
    if forever {
        takes::bin::erase(takes, &found.folder)?;
    } else {
        takes::bin::delete(takes, &found.folder, unix_ms())?;
    }
    Ok(TakeGone { id: found.take.id.to_string(), name: found.take.name.to_string(), in_bin: !forever })
}

fn undo(takes: &Path, wanted: &str) -> Result<TakeGone, TakeError> {
    let binned = takes::bin::find(takes, wanted)?;
    takes::bin::undo(takes, &binned)?;
    let id = binned.take.as_ref().map(|take| take.id.to_string()).unwrap_or_default();
    Ok(TakeGone { id, name: binned.name, in_bin: false })
}

/// Everyone who may hold a take: who agreed to it, and who began it.
pub(super) fn holders(takes: &Path, wanted: &str) -> Result<(TakeId, Vec<PeerId>), ErrorReply> {
    let take = find(takes, wanted).map_err(|error| refused(&error))?.take;
    let mut holders: Vec<PeerId> = take.consents.iter().map(|consent| consent.who).collect();
    holders.push(take.started_by.key);
    holders.sort_unstable();
    holders.dedup();
    Ok((take.id, holders))
}

/// Takes someone out of a take: their lines, and every mix they are in.
pub(super) fn withdraw(takes: &Path, consent: &Consent) -> Result<WithdrawOutcome, TakeError> {
    let found = match find(takes, &consent.take.to_string()) {
        Err(TakeError::NotFound(_)) => return Ok(WithdrawOutcome::NothingHere),
        found => found?,
    };
    let removed = takes::withdraw::take_out(&found.folder, consent)?;
    Ok(if removed { WithdrawOutcome::Removed } else { WithdrawOutcome::NothingHere })
}

fn refused(error: &TakeError) -> ErrorReply {
    let code = match error {
        TakeError::NotFound(_) => ErrorCode::NoFile,
        TakeError::Ambiguous { .. } => ErrorCode::Usage,
        TakeError::Broken { .. } | TakeError::Damaged { .. } | TakeError::TooLarge { .. } => {
            ErrorCode::BadInput
        }
        TakeError::Newer { .. } => ErrorCode::Version,
        TakeError::BeingRecorded(_) | TakeError::Stopped => ErrorCode::TryAgain,
        TakeError::Disk(_) | TakeError::Exists(_) => ErrorCode::CannotWrite,
    };
    ErrorReply::new(code, "that was not done", error.to_string(), error.remedy())
}

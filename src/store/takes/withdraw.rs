//! Takes someone out of a take who does not want to be in it any more: their lines, and every mix they are in.

use std::fs;
use std::path::Path;

use super::error::TakeError;
use super::manifest;
use crate::domain::take::{Consent, LogEntry, LogWhat, Take, Track, TrackKind};

/// Takes the one who withdrew out of the take in `folder`; whether there was anything of them.
///
/// `take.json` names their files no more before they are deleted: a kill in between leaves files that the next call,
/// or a check of the take, finds. The withdrawal itself stays, signed.
///
/// # Errors
/// [`TakeError`]; call it again then.
pub fn take_out(folder: &Path, consent: &Consent) -> Result<bool, TakeError> {
    let mut doomed = Vec::new();
    let mut is_there = false;
    manifest::change_ended(folder, |take| {
        (is_there, doomed) = strike(take, consent);
        Ok(())
    })?;
    for name in doomed {
        let path = folder.join(&name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(TakeError::disk("delete a line of a take", &path)(error));
            }
            _ => {}
        }
    }
    Ok(is_there)
}

/// Strikes them out of `take.json`; whether they were on a track, and the files that nothing names any more.
fn strike(take: &mut Take, consent: &Consent) -> (bool, Vec<String>) {
    let is_theirs = |track: &Track| track.player.as_ref().is_some_and(|player| player.key == consent.who);
    let player = take.tracks.iter().find(|track| is_theirs(track)).and_then(|track| track.player.clone());
    let is_mix = |track: &Track| matches!(track.kind, TrackKind::Mix | TrackKind::MixWithoutMe);
    let goes = |track: &Track| is_theirs(track) || player.is_some() && is_mix(track);
    let files = take.tracks.iter().filter(|track| goes(track)).flat_map(|track| &track.files);
    let doomed = files.map(|file| file.name.clone()).collect();
    take.tracks.retain(|track| !goes(track));
    if !take.consents.contains(consent) {
        take.consents.push(consent.clone());
        let who = player.clone().map(|player| player.name);
        let words = "their line and every mix it was in are gone".to_owned();
        take.log.push(LogEntry { at: take.length_samples, what: LogWhat::Withdrew, who, words });
    }
    (player.is_some(), doomed)
}

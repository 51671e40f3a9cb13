//! Takes: what a person asks of the library, and what recorder, library and key say.

use std::path::PathBuf;

use super::Step;
use super::args::{Args, usage};
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::take::{LogWhat, NOTE_CHARS_MAX, TakeId};
use crate::domain::time::RATE_HZ;
use crate::peer::api::{ErrorReply, Event, Withdrawal};
use crate::peer::message::{Ask, LibraryOrder, RecordEffect, RecordMessage};
use crate::protocol::recording::{RecordingCommand, Signed};

/// Below this many minutes of free disk the person is told.
const SPACE_LOW_MINUTES: u64 = 10;

/// Below this many the take is ended while everything still fits.
const SPACE_OUT_MINUTES: u64 = 1;

impl Step<'_> {
    /// Actions about takes on the disk. Answered by the library.
    pub(super) fn library(&mut self, ask: Ask, action: &str, mut args: Args<'_>) -> Result<(), ErrorReply> {
        if action == "rec.ls" {
            self.record_effect(RecordEffect::Library(ask, LibraryOrder::List(args.rest())));
            return Ok(());
        }
        if action == "rec.import" {
            let folder = path(action, &args.rest())?;
            self.record_effect(RecordEffect::Library(ask, LibraryOrder::Import(folder)));
            return Ok(());
        }
        let take = args.need("TAKE")?.to_owned();
        let order = match action {
            "rec.show" => LibraryOrder::Show(take),
            "rec.verify" => LibraryOrder::Verify(take),
            "rec.rename" => LibraryOrder::Rename(take, name(action, &args.rest())?),
            "rec.tag" => LibraryOrder::Tag(take, name(action, &args.rest())?),
            "rec.untag" => LibraryOrder::Untag(take, name(action, &args.rest())?),
            "rec.note" => {
                let text: String = args.rest().chars().take(NOTE_CHARS_MAX).collect();
                LibraryOrder::Note(take, text)
            }
            "rec.export" => {
                let overwrite = args.flag("overwrite");
                let format = args.option("format").unwrap_or("wav24").to_owned();
                LibraryOrder::Export { take, folder: path(action, &args.rest())?, format, overwrite }
            }
            "rec.withdraw" => LibraryOrder::Withdraw(take),
            "rec.rm" => LibraryOrder::Remove { take, forever: args.flag("forever") },
            _ => LibraryOrder::Undo(take),
        };
        args.end()?;
        self.record_effect(RecordEffect::Library(ask, order));
        Ok(())
    }

    pub(super) fn recorded(&mut self, message: RecordMessage) {
        match message {
            RecordMessage::Signed(signed) => self.signed(signed),
            RecordMessage::Failed { take, error } => self.copy_failed(take, error),
            RecordMessage::Kept { take, name, folder, length_samples, trouble } => {
                self.model.writing.remove(&take);
                let length_s = length_samples as f64 / f64::from(RATE_HZ);
                let trouble = trouble.map(|error| error.to_string()).unwrap_or_default();
                self.tell(Event::TakeKept {
                    take: take.to_string(),
                    name: name.to_string(),
                    folder,
                    length_s,
                    trouble,
                });
                self.tell(Event::TakesChanged);
            }
            RecordMessage::Behind { take, samples } => {
                let name = self.model.writing.get(&take).map(|writing| writing.name.to_string());
                let seconds = samples as f64 / f64::from(RATE_HZ);
                self.tell(Event::Warning {
                    what: format!("{seconds:.1} s of {} are missing", name.unwrap_or_default()),
                    why: "the disk was too slow for too long".to_owned(),
                    remedy: "The gap is marked in the take. Record to another disk (rec.dir)".to_owned(),
                });
                self.log(take, LogWhat::DiskSlow, None, &format!("{seconds:.1} s are missing"));
            }
            RecordMessage::Space { minutes_left } => self.space(minutes_left),
            RecordMessage::Withdrawn { whose, take, outcome } => {
                let at = self.moment();
                self.model.recording.handle_withdrawn(at, take, whose, outcome);
                self.drain_recording();
                self.tell(Event::TakesChanged);
            }
            RecordMessage::Holders { ask, take, holders } => self.withdraw(ask, take, holders),
            RecordMessage::Answer { ask, answer, changed } => {
                match answer {
                    Ok(data) => self.reply(ask, &data),
                    Err(error) => self.refuse(ask, error),
                }
                if changed {
                    self.tell(Event::TakesChanged);
                }
            }
            RecordMessage::Changed => self.tell(Event::TakesChanged),
            RecordMessage::Warning { what, why, remedy } => self.tell(Event::Warning { what, why, remedy }),
        }
    }

    /// Asks everyone who holds a take to take us out of it.
    fn withdraw(&mut self, ask: Ask, take: TakeId, holders: Vec<PeerId>) {
        if let Err(error) = self.record_command(RecordingCommand::Withdraw { take, holders }) {
            return self.refuse(ask, error);
        }
        let waits_for: Vec<PeerId> = self.model.recording.withdrawal_waits_for(take).collect();
        let waits_for = waits_for.into_iter().map(|peer| self.person(peer)).collect();
        self.reply(ask, &Withdrawal { take: take.to_string(), waits_for });
    }

    fn signed(&mut self, signed: Signed) {
        let at = self.moment();
        self.model.recording.handle_signed(at, signed);
        self.drain_recording();
    }

    /// Our copy cannot be written: we are on no take that we do not keep, unless others keep it.
    fn copy_failed(&mut self, take: TakeId, error: ErrorReply) {
        if let Some(writing) = self.model.writing.get_mut(&take) {
            if !writing.trouble.is_empty() {
                return; // It was said why.
            }
            writing.trouble = error.to_string();
        }
        self.tell(Event::Warning { what: error.what, why: error.why, remedy: error.remedy });
    }

    fn space(&mut self, minutes_left: u64) {
        let takes: Vec<TakeId> = self.model.writing.keys().copied().collect();
        if takes.is_empty() || minutes_left > SPACE_LOW_MINUTES {
            return;
        }
        let is_out = minutes_left <= SPACE_OUT_MINUTES;
        self.tell(Event::Warning {
            what: if is_out { "your copy of the take ends here" } else { "the disk is nearly full" }
                .to_owned(),
            why: format!("there is room for {minutes_left} more minutes of recording"),
            remedy: "Make room: `jamtty rec rm TAKE --forever`, or record to another disk (rec.dir)"
                .to_owned(),
        });
        if is_out {
            for take in takes {
                if let Some(writing) = self.model.writing.get_mut(&take) {
                    writing.trouble = "the disk is nearly full".to_owned();
                }
                self.log(take, LogWhat::DiskFull, None, "the disk is nearly full");
                self.record_effect(RecordEffect::End(take));
            }
        }
    }
}

fn name(action: &str, text: &str) -> Result<Name, ErrorReply> {
    let name = Name::new(text);
    if text.trim().is_empty() || name.as_str() == "?" {
        return Err(usage(action, "the word is missing"));
    }
    Ok(name)
}

/// A path that means the same to whoever typed it and to the peer.
fn path(action: &str, text: &str) -> Result<PathBuf, ErrorReply> {
    let path = PathBuf::from(text);
    if path.is_absolute() { Ok(path) } else { Err(usage(action, "FOLDER is a path that begins with /")) }
}

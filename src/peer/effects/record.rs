//! Takes: from what `update` wants to the recorder, the files, the key that signs, and back.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::library::{Job, LibraryPart};
use super::sound::SoundPart;
use crate::audio::recorder::{BeginTake, RecorderEvent};
use crate::domain::name::Name;
use crate::domain::take::{Consent, Gap, LogEntry, Mark, Take, TakeId};
use crate::peer::api::{ErrorCode, ErrorReply};
use crate::peer::message::{Message, RecordEffect, RecordMessage};
use crate::peer::run::RecordingOptions;
use crate::protocol::take_sink::{SinkTrouble, TakeSink, TrackPlan};
use crate::store::takes::TakeWriter;
use crate::store::{Identity, Trouble};

/// Where the takes lie that are being written.
type Folders = Arc<Mutex<BTreeMap<TakeId, (Name, PathBuf)>>>;

/// Everything behind a take.
#[derive(Debug)]
pub(super) struct RecordPart {
    identity: Identity,
    takes: PathBuf,
    mix_without_me: bool,
    folders: Folders,
    library: LibraryPart,
}

impl RecordPart {
    /// `takes`: the folder of all takes.
    pub(super) fn start(
        identity: Identity,
        takes: PathBuf,
        options: &RecordingOptions,
        answers: mpsc::Sender<Message>,
    ) -> io::Result<(Self, impl Fn(RecorderEvent) + Send + 'static)> {
        let folders = Folders::default();
        let library = LibraryPart::start(takes.clone(), answers.clone())?;
        let tell = teller(Arc::clone(&folders), library.jobs(), answers);
        let mix_without_me = options.mix_without_me;
        Ok((Self { identity, takes, mix_without_me, folders, library }, tell))
    }

    /// Does one thing; what follows from it at once comes back.
    pub(super) fn apply(&mut self, effect: RecordEffect, sound: &mut SoundPart) -> Option<RecordMessage> {
        let recorder = sound.recorder();
        match effect {
            RecordEffect::Begin { take, back_s, ago } => {
                let id = take.id;
                let me = take.kept_by.key;
                let sink = Box::new(LazyTake::new(self.takes.clone(), *take, Arc::clone(&self.folders)));
                let begin = BeginTake { take: id, sink, back_s, ago, mix_without_me: self.mix_without_me };
                if !recorder.begin(me, begin) {
                    let why = "the disk has not moved for a long time";
                    let error =
                        ErrorReply::new(ErrorCode::CannotWrite, NOT_KEPT, why, "Look at the disk (dmesg)");
                    return Some(RecordMessage::Failed { take: id, error });
                }
                self.library.send(Job::Recording(true));
            }
            RecordEffect::Allow { take, player, on, from_start } => {
                recorder.allow(take, player, on, from_start);
            }
            RecordEffect::Consent(consent) => recorder.consent(consent.take, consent),
            RecordEffect::Log { take, what, who, words } => recorder.log(take, what, who, words),
            RecordEffect::Mark { take, text } => recorder.mark(take, text),
            RecordEffect::Release(take) => recorder.release(take),
            RecordEffect::End(take) => recorder.end(take),
            RecordEffect::RoundTrip(samples) => recorder.round_trip(samples),
            RecordEffect::Sign(what) => {
                let me = self.identity.peer_id();
                let signature = self.identity.sign(&what.bytes(me));
                return Some(RecordMessage::Signed(what.signed(me, signature)));
            }
            RecordEffect::Withdraw(consent) => self.library.send(Job::Withdraw(consent)),
            RecordEffect::Library(ask, order) => self.library.send(Job::Order(ask, order)),
        }
        None
    }

    /// Ends what the library is doing; takes that are being written end with the recorder, before this.
    pub(super) fn stop(self) {
        self.library.stop();
    }
}

/// What a person is told first when a take of theirs is not written.
const NOT_KEPT: &str = "your copy of the recording is not kept";

/// Tells the peer what became of a take, from the recorder's writer.
fn teller(
    folders: Folders,
    jobs: std::sync::mpsc::SyncSender<Job>,
    answers: mpsc::Sender<Message>,
) -> impl Fn(RecorderEvent) + Send + 'static {
    move |event| {
        let message = match event {
            RecorderEvent::Behind { take, samples } => RecordMessage::Behind { take, samples },
            RecorderEvent::Ended { take, length_samples, trouble } => {
                let trouble = trouble.map(|trouble| {
                    ErrorReply::new(ErrorCode::CannotWrite, trouble.what, trouble.why, trouble.remedy)
                });
                let known = folders.lock().unwrap_or_else(PoisonError::into_inner).remove(&take);
                let is_idle = folders.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
                if is_idle {
                    let _ = jobs.try_send(Job::Recording(false));
                }
                let Some((name, folder)) = known else {
                    let error = trouble.unwrap_or_else(|| {
                        ErrorReply::new(ErrorCode::Failed, NOT_KEPT, "nobody was on it", "")
                    });
                    let _ = answers.blocking_send(Message::Record(RecordMessage::Failed { take, error }));
                    return;
                };
                let _ = jobs.try_send(Job::Convert(folder.clone()));
                let folder = folder.display().to_string();
                RecordMessage::Kept { take, name, folder, length_samples, trouble }
            }
        };
        // The peer is ending if nobody takes it.
        let _ = answers.blocking_send(Message::Record(message));
    }
}

/// A take whose folder is made when there is something to put into it: on the writer's thread, which may wait for the
/// disk, and not at all if nobody is on it.
struct LazyTake {
    takes: PathBuf,
    take: Option<Take>,
    writer: Option<Box<TakeWriter>>,
    folders: Folders,
    /// What was said before there was anything else.
    consents: Vec<Consent>,
    log: Vec<LogEntry>,
    marks: Vec<Mark>,
}

impl LazyTake {
    fn new(takes: PathBuf, take: Take, folders: Folders) -> Self {
        let (consents, log, marks) = (Vec::new(), Vec::new(), Vec::new());
        Self { takes, take: Some(take), writer: None, folders, consents, log, marks }
    }

    fn writer(&mut self) -> Result<&mut TakeWriter, SinkTrouble> {
        if self.writer.is_none() {
            let Some(take) = self.take.take() else { return Err(trouble_again()) };
            let (id, name) = (take.id, take.name.clone());
            let mut writer =
                TakeWriter::create(&self.takes, take).map_err(|trouble| sink_trouble(&trouble))?;
            let known = (name, writer.folder().to_owned());
            self.folders.lock().unwrap_or_else(PoisonError::into_inner).insert(id, known);
            self.consents.drain(..).for_each(|consent| writer.consent(consent));
            self.log.drain(..).for_each(|entry| writer.log(entry));
            self.marks.drain(..).for_each(|mark| writer.mark(mark));
            self.writer = Some(Box::new(writer));
        }
        self.writer.as_deref_mut().ok_or_else(trouble_again)
    }
}

fn sink_trouble(trouble: &Trouble) -> SinkTrouble {
    SinkTrouble { what: NOT_KEPT.to_owned(), why: trouble.to_string(), remedy: trouble.remedy() }
}

/// It was said once what is wrong.
fn trouble_again() -> SinkTrouble {
    SinkTrouble {
        what: NOT_KEPT.to_owned(),
        why: "its folder could not be made".to_owned(),
        remedy: String::new(),
    }
}

impl TakeSink for LazyTake {
    fn add_track(&mut self, plan: TrackPlan) -> Result<u16, SinkTrouble> {
        self.writer()?.add_track(plan)
    }

    fn write(&mut self, track: u16, samples: &[[f32; 2]]) -> Result<(), SinkTrouble> {
        self.writer()?.write(track, samples)
    }

    fn silence(&mut self, track: u16, samples: u64) -> Result<(), SinkTrouble> {
        self.writer()?.silence(track, samples)
    }

    fn gap(&mut self, track: u16, gap: Gap) {
        if let Some(writer) = &mut self.writer {
            writer.gap(track, gap);
        }
    }

    fn consent(&mut self, consent: Consent) {
        match &mut self.writer {
            Some(writer) => writer.consent(consent),
            None => self.consents.push(consent),
        }
    }

    fn mark(&mut self, mark: Mark) {
        match &mut self.writer {
            Some(writer) => writer.mark(mark),
            None => self.marks.push(mark),
        }
    }

    fn log(&mut self, entry: LogEntry) {
        match &mut self.writer {
            Some(writer) => writer.log(entry),
            None => self.log.push(entry),
        }
    }

    fn keep(&mut self) -> Result<(), SinkTrouble> {
        self.writer.as_mut().map_or(Ok(()), |writer| writer.keep())
    }

    fn end(mut self: Box<Self>, length_samples: u64) -> Result<(), SinkTrouble> {
        self.writer.take().map_or(Ok(()), |writer| writer.end(length_samples))
    }
}

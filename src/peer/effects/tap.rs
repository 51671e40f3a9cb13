//! What is sent and what is heard of each peer, kept in files: how the house band is judged.
//!
//! `sent.wav` is the card's input as it goes to the encoder, `heard_<key>.wav` each peer after its
//! playout and before its strip, `tap.json` says where in time each begins. World: worker.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::json;

use crate::audio::tap::TapReader;
use crate::audio::wav::WavFile;

/// New tracks that may wait; the thread looks for them every [`LOOK_EVERY`]. One more is not kept.
const TRACKS_WAITING: usize = 32;

/// How often the rings are emptied: they hold two seconds.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Samples taken from a ring at a time.
const PIECE: usize = 4_800;

/// The thread that writes the files.
#[derive(Debug)]
pub(super) struct TapPart {
    tracks: Option<SyncSender<(String, TapReader)>>,
    thread: Option<JoinHandle<()>>,
}

struct Track {
    name: String,
    reader: TapReader,
    file: WavFile,
}

impl TapPart {
    /// Files go to `folder`, which is made if it is missing.
    pub(super) fn start(folder: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let (tracks, inbox) = sync_channel(TRACKS_WAITING);
        let thread =
            thread::Builder::new().name("jamtty-tap".to_owned()).spawn(move || write(&folder, &inbox))?;
        Ok(Self { tracks: Some(tracks), thread: Some(thread) })
    }

    /// Writes a track as `<name>.wav` from now on.
    pub(super) fn add(&self, name: String, reader: TapReader) {
        if let Some(tracks) = &self.tracks
            && tracks.try_send((name, reader)).is_err()
        {
            tracing::warn!("a tap is not kept: its thread is behind");
        }
    }
}

impl Drop for TapPart {
    fn drop(&mut self) {
        self.tracks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(folder: &Path, inbox: &Receiver<(String, TapReader)>) {
    let mut tracks: Vec<Track> = Vec::new();
    loop {
        let ended = match inbox.recv_timeout(LOOK_EVERY) {
            Ok((name, reader)) => {
                // A peer that came back begins a file of its own.
                let again = tracks.iter().filter(|track| track.name.starts_with(&name)).count();
                let name = if again == 0 { name } else { format!("{name}_{}", again + 1) };
                match WavFile::create(&folder.join(format!("{name}.wav")), 2) {
                    Ok(file) => tracks.push(Track { name, reader, file }),
                    Err(error) => tracing::warn!(%error, "a tap is not kept"),
                }
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => true,
        };
        for track in &mut tracks {
            if let Err(error) = empty(track) {
                tracing::warn!(%error, "a tap is not whole");
            }
        }
        if ended {
            break;
        }
    }
    if let Err(error) = describe(folder, &mut tracks) {
        tracing::warn!(%error, "taps are not described");
    }
}

fn empty(track: &mut Track) -> Result<(), crate::audio::wav::WavError> {
    let mut piece = [[0.0; 2]; PIECE];
    loop {
        let (got, _) = track.reader.samples.pop_partial_slice(&mut piece);
        if got.is_empty() {
            return Ok(());
        }
        track.file.write(got.as_flattened())?;
    }
}

fn describe(folder: &Path, tracks: &mut [Track]) -> io::Result<()> {
    let described: Vec<_> = tracks
        .iter_mut()
        .filter_map(|track| {
            track.file.flush().ok()?;
            Some(json!({
                "file": format!("{}.wav", track.name),
                "start_monotonic_ns": track.reader.first_at_ns()?,
                "dropped_samples": track.reader.dropped(),
            }))
        })
        .collect();
    let text = format!("{}\n", json!({ "v": 1, "tracks": described }));
    std::fs::write(folder.join("tap.json"), text)
}

//! The directory of running peers: how peers of one person on one machine find each other.
//!
//! mDNS skips loopback, so each running peer keeps one small file `<profile>.peer.json` (0600) in
//! the runtime folder and reads those of the others. The files say nothing that the lobby does
//! not; the key is still proven when a connection is made.
//!
//! World: async, blocking calls of some tens of µs on a memory file system. Driven once a second.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::peer_id::PeerId;

/// Bytes of one file; a larger one is not read.
const FILE_BYTES_MAX: u64 = 16 * 1024;
/// Files looked at in one scan; the rest of a fuller folder is left out.
const FILES_MAX: usize = 64;
/// Addresses taken from one file; more are left out.
const ADDRS_MAX: usize = 16;
const VERSION: u32 = 1;
const SUFFIX: &str = ".peer.json";

/// Another peer on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The key it claims; a connection proves it.
    pub peer: PeerId,
    /// Where it says it listens, as multiaddresses; not yet parsed.
    pub addrs: Vec<String>,
}

/// This peer's entry and its view of the others.
///
/// Removes its own entry when dropped.
#[derive(Debug)]
pub struct PeerDirectory {
    folder: PathBuf,
    own: PathBuf,
    place: Place,
    peer: PeerId,
    written: Vec<String>,
}

/// What tells one running process from another that may have had its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    pid: u32,
    /// Ticks after boot (field 22 of `/proc/PID/stat`): a process number may be given again.
    started: u64,
    /// Inodes of the process's namespaces: its number means nothing in another pid namespace, its
    /// addresses mean nothing in another network namespace.
    pid_ns: u64,
    net_ns: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    v: u32,
    peer: String,
    addrs: Vec<String>,
    #[serde(flatten)]
    place: Place,
}

impl PeerDirectory {
    /// Opens (and makes, 0700) `folder` for the peer of `profile`. Writes nothing yet.
    ///
    /// # Errors
    /// If the folder cannot be made, or `/proc` does not say where this process runs.
    pub fn open(folder: &Path, profile: &str, peer: PeerId) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let place = Place {
            pid: std::process::id(),
            started: started(std::process::id()).ok_or(io::ErrorKind::NotFound)?,
            pid_ns: fs::metadata("/proc/self/ns/pid")?.ino(),
            net_ns: fs::metadata("/proc/self/ns/net")?.ino(),
        };
        let own = folder.join(format!("{profile}{SUFFIX}"));
        Ok(Self { folder: folder.to_owned(), own, place, peer, written: Vec::new() })
    }

    /// Says where this peer listens; writes only what changed, and all of it or nothing.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn announce(&mut self, addrs: &[String]) -> io::Result<()> {
        if self.written == addrs && self.own.exists() {
            return Ok(());
        }
        let entry = Entry {
            v: VERSION,
            peer: self.peer.to_string(),
            addrs: addrs.iter().take(ADDRS_MAX).cloned().collect(),
            place: self.place.clone(),
        };
        let fresh = self.own.with_extension(format!("{}.new", self.place.pid));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&serde_json::to_vec(&entry)?)?;
        fs::rename(&fresh, &self.own)?;
        self.written = addrs.to_vec();
        Ok(())
    }

    /// The other peers that run in this network namespace. Removes the files of dead ones.
    #[must_use]
    pub fn neighbours(&self) -> Vec<Neighbour> {
        let Ok(folder) = fs::read_dir(&self.folder) else { return Vec::new() };
        let is_entry = |path: &PathBuf| path.to_string_lossy().ends_with(SUFFIX) && *path != self.own;
        folder
            .flatten()
            .map(|file| file.path())
            .filter(is_entry)
            .take(FILES_MAX)
            .filter_map(|path| self.neighbour(&path))
            .collect()
    }

    fn neighbour(&self, path: &Path) -> Option<Neighbour> {
        let entry = read(path)?;
        if entry.place.pid_ns != self.place.pid_ns {
            return None;
        }
        if started(entry.place.pid) != Some(entry.place.started) {
            // Left behind by a killed process. A new one may write it again at any time, which a
            // removal just then would undo: it writes again within a second (`announce`).
            let _gone_already = fs::remove_file(path);
            return None;
        }
        let peer = entry.peer.parse().ok().filter(|peer| *peer != self.peer)?;
        let here = entry.v == VERSION && entry.place.net_ns == self.place.net_ns;
        here.then(|| Neighbour { peer, addrs: entry.addrs.into_iter().take(ADDRS_MAX).collect() })
    }
}

impl Drop for PeerDirectory {
    fn drop(&mut self) {
        if read(&self.own).is_some_and(|entry| entry.place == self.place) {
            let _gone_already = fs::remove_file(&self.own);
        }
    }
}

fn read(path: &Path) -> Option<Entry> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).ok()?;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// When the process with this number started, in ticks after boot; `None` if there is none.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses and may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> PeerId {
        PeerId::from_bytes([n; 32])
    }

    #[test]
    fn two_peers_in_one_folder_see_each_other_until_one_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut ana = PeerDirectory::open(folder.path(), "ana", peer(1)).unwrap();
        let mut ben = PeerDirectory::open(folder.path(), "ben", peer(2)).unwrap();
        assert_eq!(ana.neighbours(), []);
        ana.announce(&["/ip4/127.0.0.1/udp/1/quic-v1".to_owned()]).unwrap();
        ben.announce(&["/ip4/127.0.0.1/udp/2/quic-v1".to_owned()]).unwrap();
        let seen = ana.neighbours();
        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].peer, seen[0].addrs[0].as_str()), (peer(2), "/ip4/127.0.0.1/udp/2/quic-v1"));
        drop(ben);
        assert_eq!(ana.neighbours(), []);
    }

    #[test]
    fn an_entry_is_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut ana = PeerDirectory::open(folder.path(), "ana", peer(1)).unwrap();
        ana.announce(&[]).unwrap();
        let mode = fs::metadata(folder.path().join("ana.peer.json")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_other_worlds_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let ana = PeerDirectory::open(folder.path(), "ana", peer(1)).unwrap();
        let write = |name: &str, change: &dyn Fn(&mut Place)| {
            let mut place = ana.place.clone();
            change(&mut place);
            let entry = Entry { v: 1, peer: peer(2).to_string(), addrs: vec![], place };
            let path = folder.path().join(name);
            fs::write(&path, serde_json::to_vec(&entry).unwrap()).unwrap();
            path
        };
        let dead = write("dead.peer.json", &|place| place.started += 1);
        let elsewhere = write("else.peer.json", &|place| place.net_ns += 1);
        let container = write("cont.peer.json", &|place| place.pid_ns += 1);
        fs::write(folder.path().join("junk.peer.json"), b"{\"v\":").unwrap();
        assert_eq!(ana.neighbours(), []);
        assert!(!dead.exists() && elsewhere.exists() && container.exists());
    }
}

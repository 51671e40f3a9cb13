//! Who we are: one Ed25519 seed per profile, in a file of its own that only its owner can read.
//!
//! World: worker. The seed lives outside the index, so that no rebuild of the index can lose it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use ed25519_dalek::{Signer, SigningKey};
use rand::TryRngCore;
use rand::rngs::OsRng;
use rustix::fs::OFlags;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::peer_id::PeerId;
use crate::paths::{IDENTITY_FILE, Paths};

use super::atomic_file::{self, Existing};
use super::trouble::Trouble;

/// Bytes of the seed (RFC 8032 §5.1.5).
const SEED_BYTES: usize = 32;

/// A profile's key. Dropping it wipes the seed from memory; printing it shows only who it is.
#[derive(Clone)]
pub struct Identity {
    seed: Zeroizing<[u8; SEED_BYTES]>,
    peer_id: PeerId,
}

/// Why there is no identity, by remedy.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// Others can read the file, or could have.
    #[error("{} can be read by others (mode {mode:04o})", path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not 32 bytes, or no plain file: cut short, or something else of that name.
    #[error("{} is not an identity: {found}", path.display())]
    NotAnIdentity {
        /// The file.
        path: PathBuf,
        /// What is there instead.
        found: String,
    },
    /// The file belongs to another user.
    #[error("{} belongs to another user (uid {uid})", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// Its owner.
        uid: u32,
    },
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] Trouble),
    /// The system gave no randomness for a new key.
    #[error("no randomness from the system: {0}")]
    NoRandomness(String),
}

impl IdentityError {
    /// What to do now, one sentence.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::TooOpen { path, .. } => format!(
                "If nobody else could have copied it: chmod 600 {0}. Otherwise move it away; \
                 jamtty then makes a new identity.",
                path.display()
            ),
            Self::NotAnIdentity { path, .. } => format!(
                "Put your copy of it back, or move {} away; jamtty then makes a new identity, and others \
                 see you as a new person.",
                path.display()
            ),
            Self::NotOurs { path, .. } => {
                format!(
                    "Run jamtty as that user, use --profile with another name, or chown {}.",
                    path.display()
                )
            }
            Self::Disk(trouble) => trouble.remedy(),
            Self::NoRandomness(_) => "Start again once the system is up; /dev/urandom must exist.".to_owned(),
        }
    }

    /// The exit code of a program that ends with this error: 73 cannot write, 78 set-up broken.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Disk(_) => 73,
            Self::TooOpen { .. } | Self::NotAnIdentity { .. } | Self::NotOurs { .. } => 78,
            Self::NoRandomness(_) => 1,
        }
    }
}

impl Identity {
    /// Reads the profile's identity, or makes a new one (0600, in a folder of 0700) if there is none.
    ///
    /// Two processes that start at once end with the same one.
    ///
    /// # Errors
    /// [`IdentityError`]; a file that is there is never replaced.
    pub fn load_or_create(paths: &Paths) -> Result<Self, IdentityError> {
        atomic_file::private_folder(&paths.data)
            .map_err(|source| Trouble::new("open the profile's folder", &paths.data, source))?;
        let path = paths.data.join(IDENTITY_FILE);
        if let Some(identity) = Self::load(&path)? {
            return Ok(identity);
        }
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        OsRng.try_fill_bytes(&mut *seed).map_err(|error| IdentityError::NoRandomness(error.to_string()))?;
        match atomic_file::write(&path, &*seed, Existing::Keep) {
            Ok(()) => Ok(Self::from_seed(seed)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Self::load(&path)?.ok_or_else(|| IdentityError::NotAnIdentity {
                    path,
                    found: "it came and went while jamtty started".to_owned(),
                })
            }
            Err(source) => Err(Trouble::new("write your identity", &path, source).into()),
        }
    }

    /// The identity of this seed.
    #[must_use]
    pub fn from_seed(seed: Zeroizing<[u8; 32]>) -> Self {
        let peer_id = PeerId::from_bytes(SigningKey::from_bytes(&seed).verifying_key().to_bytes());
        Self { seed, peer_id }
    }

    /// The Ed25519 seed; the copy is wiped when dropped.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        self.seed.clone()
    }

    /// The person: the public key.
    #[must_use]
    pub const fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// The person's signature over these bytes (Ed25519, RFC 8032). What is signed must begin with what it is
    /// for, so that no signature passes for another.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        SigningKey::from_bytes(&self.seed).sign(bytes).to_bytes()
    }

    fn load(path: &Path) -> Result<Option<Self>, IdentityError> {
        let trouble = |source| Trouble::new("read your identity", path, source);
        let found = |found: String| IdentityError::NotAnIdentity { path: path.to_owned(), found };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(trouble(error).into()),
            // Opening a pipe or a device of that name could wait for ever.
            Ok(metadata) if !metadata.is_file() => {
                return Err(found("a link, folder or device".to_owned()));
            }
            Ok(_) => {}
        }
        let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(trouble)?;
        let metadata = file.metadata().map_err(trouble)?;
        if !metadata.is_file() {
            return Err(found("a link, folder or device".to_owned()));
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(IdentityError::NotOurs { path: path.to_owned(), uid: metadata.uid() });
        }
        let mode = metadata.mode() & 0o7777;
        if mode & !0o600 != 0 {
            return Err(IdentityError::TooOpen { path: path.to_owned(), mode });
        }
        let seed = read_seed(file).map_err(trouble)?;
        seed.map(|seed| Some(Self::from_seed(seed)))
            .ok_or_else(|| found(format!("{} bytes, an identity has {SEED_BYTES}", metadata.len())))
    }
}

/// `None` if the file does not have exactly [`SEED_BYTES`].
fn read_seed(mut file: File) -> io::Result<Option<Zeroizing<[u8; SEED_BYTES]>>> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    match file.read_exact(&mut *seed) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    Ok((file.read(&mut [0])? == 0).then_some(seed))
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.peer_id.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::domain::take::{Answer, Consent, TakeId};
    use crate::protocol::recording::{Signed, ToSign, verify};

    fn paths_in(folder: &Path) -> Paths {
        Paths {
            profile: "test".to_owned(),
            config: folder.join("config"),
            data: folder.join("data"),
            state: folder.join("state"),
            runtime: folder.join("run"),
        }
    }

    #[test]
    fn the_key_of_a_seed_is_the_one_of_rfc_8032() -> Result<(), Box<dyn Error>> {
        // RFC 8032 §7.1, test 1.
        let seed: PeerId = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".parse()?;
        let identity = Identity::from_seed(Zeroizing::new(*seed.as_bytes()));
        let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(identity.peer_id().to_string(), key);
        assert!(!format!("{identity:?}").contains("9d61"));
        Ok(())
    }

    #[test]
    fn what_a_person_signs_is_taken_for_theirs() {
        let identity = Identity::from_seed(Zeroizing::new([7; SEED_BYTES]));
        let answer = Answer::Yes;
        let word = ToSign::Consent { take: TakeId::from_bytes([1; 16]), answer, at_unix_ms: 5 };
        let me = identity.peer_id();
        let Signed::Consent(consent) = word.signed(me, identity.sign(&word.bytes(me))) else {
            panic!("a consent is signed as a consent");
        };
        assert!(verify(&consent));
        assert!(!verify(&Consent { answer: Answer::No, ..consent }));
    }

    #[test]
    fn a_person_stays_the_same_person_and_keeps_the_key_private() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let paths = paths_in(folder.path());
        let first = Identity::load_or_create(&paths)?;
        let second = Identity::load_or_create(&paths)?;
        assert_eq!(first.peer_id(), second.peer_id());
        assert_eq!(*first.seed(), *second.seed());
        let mode = |path: &Path| fs::metadata(path).map(|found| found.permissions().mode() & 0o777);
        assert_eq!(mode(&paths.data.join(IDENTITY_FILE))?, 0o600);
        assert_eq!(mode(&paths.data)?, 0o700);
        assert_eq!(fs::read_dir(&paths.data)?.count(), 1);
        Ok(())
    }

    #[test]
    fn many_that_start_at_once_are_one_person() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let paths = paths_in(folder.path());
        atomic_file::private_folder(&paths.data)?;
        // One process per start in life; the names of temporary files differ by process, so race the rename.
        let path = paths.data.join(IDENTITY_FILE);
        let winner = Identity::load_or_create(&paths)?;
        let lost = atomic_file::write(&path, &[7; 32], Existing::Keep).map_err(|error| error.kind());
        assert_eq!(lost, Err(io::ErrorKind::AlreadyExists));
        assert_eq!(Identity::load_or_create(&paths)?.peer_id(), winner.peer_id());
        Ok(())
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_words() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let paths = paths_in(folder.path());
        Identity::load_or_create(&paths)?;
        let path = paths.data.join(IDENTITY_FILE);
        for mode in [0o604, 0o640, 0o602, 0o700] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            let refused = Identity::load_or_create(&paths).map_err(|error| (error.remedy(), error));
            let Err((remedy, IdentityError::TooOpen { mode: said, .. })) = refused else {
                panic!("mode {mode:o} was taken: {refused:?}");
            };
            assert_eq!(said, mode);
            assert!(remedy.contains("chmod 600"));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400))?;
        Identity::load_or_create(&paths)?;
        Ok(())
    }

    #[test]
    fn what_is_no_key_is_refused_and_left_alone() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let paths = paths_in(folder.path());
        atomic_file::private_folder(&paths.data)?;
        let path = paths.data.join(IDENTITY_FILE);
        for bytes in [&[][..], &[1; 31], &[1; 33]] {
            atomic_file::write(&path, bytes, Existing::Replace)?;
            let refused = Identity::load_or_create(&paths);
            assert!(matches!(refused, Err(IdentityError::NotAnIdentity { .. })), "{refused:?}");
            assert_eq!(fs::read(&path)?, bytes);
        }
        fs::remove_file(&path)?;
        std::os::unix::fs::symlink("/dev/zero", &path)?;
        let refused = Identity::load_or_create(&paths);
        assert!(matches!(refused, Err(IdentityError::NotAnIdentity { .. })), "{refused:?}");
        Ok(())
    }
}

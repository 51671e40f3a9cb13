//! The word that opens a closed session, and the exchange that proves it without saying it.
//!
//! SPAKE2 over the Ed25519 group, with key confirmation: the newcomer proves first. Neither the word
//! nor anything it could be tested against later crosses the network; each exchange is one guess for
//! whoever does not know it, and guesses are counted and limited. Both keys and the session are part of what
//! is proven, so an exchange cannot be carried to another pair.
//!
//! Source: M. Abdalla, D. Pointcheval, "Simple Password-Based Encrypted Key Exchange Protocols", 2005;
//! the `spake2` crate, which does not claim constant time: a word is short-lived and its guesses limited.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::RngCore as _;
use spake2::{Ed25519Group, Identity, Password, Spake2};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::domain::peer_id::PeerId;
use crate::domain::session::SessionId;
use crate::domain::time::Timestamp;

/// What a closed session is opened with. Not shown by `Debug`, gone from memory when dropped.
///
/// Case and white space do not count: it is told aloud.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct CodeWord(String);

/// Characters of a code word; longer ones are refused.
pub const CODE_CHARS_MAX: usize = 64;

/// Why a text is no code word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeWordError {
    /// Nothing but white space.
    #[error("the code word is empty")]
    Empty,
    /// More than [`CODE_CHARS_MAX`].
    #[error("the code word is longer than {CODE_CHARS_MAX} characters")]
    TooLong,
}

impl CodeWord {
    /// Reads a code word as a person wrote it.
    ///
    /// # Errors
    /// [`CodeWordError`] for an empty or a very long one.
    pub fn parse(text: &str) -> Result<Self, CodeWordError> {
        let word: String =
            text.split_whitespace().flat_map(str::chars).flat_map(char::to_lowercase).collect();
        match word.chars().count() {
            0 => Err(CodeWordError::Empty),
            n if n > CODE_CHARS_MAX => Err(CodeWordError::TooLong),
            _ => Ok(Self(word)),
        }
    }

    fn password(&self) -> Password {
        Password::new(self.0.as_bytes())
    }
}

impl fmt::Debug for CodeWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeWord(..)")
    }
}

/// The newcomer's side of one exchange.
#[derive(Debug)]
pub(super) struct Newcomer {
    spake: Spake2<Ed25519Group>,
    transcript: Transcript,
}

/// What the newcomer says next, and what the steward must say then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NewcomerProof {
    pub(super) says: [u8; 32],
    expects: [u8; 32],
}

/// The steward's side of one exchange, once it has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doorkeeper {
    expects: [u8; 32],
    says: [u8; 32],
}

#[derive(Debug)]
struct Transcript {
    newcomer: PeerId,
    steward: PeerId,
    newcomer_pake: Vec<u8>,
}

impl Newcomer {
    /// Begins, and gives the message to send.
    pub(super) fn start(
        code: &CodeWord,
        me: PeerId,
        steward: PeerId,
        rng: &mut ChaCha20Rng,
    ) -> (Self, Vec<u8>) {
        let (spake, pake) = Spake2::start_a_with_rng(
            &code.password(),
            &Identity::new(me.as_bytes()),
            &Identity::new(steward.as_bytes()),
            Bridge(rng),
        );
        let transcript = Transcript { newcomer: me, steward, newcomer_pake: pake.clone() };
        (Self { spake, transcript }, pake)
    }

    /// Takes the steward's message; `None` if it is no point of the group.
    pub(super) fn answer(self, session: SessionId, steward_pake: &[u8]) -> Option<NewcomerProof> {
        let key = self.spake.finish(steward_pake).ok()?;
        let (says, expects) = self.transcript.macs(&key, session, steward_pake);
        Some(NewcomerProof { says, expects })
    }
}

impl NewcomerProof {
    /// Whether the steward knows the word too. Takes the same time for every answer.
    pub(super) fn check(self, mac: [u8; 32]) -> bool {
        blake3::Hash::from_bytes(self.expects) == blake3::Hash::from_bytes(mac)
    }
}

impl Doorkeeper {
    /// Takes the newcomer's message and gives the answer to send; `None` if it is no point of the group.
    pub(super) fn answer(
        code: &CodeWord,
        session: SessionId,
        me: PeerId,
        newcomer: PeerId,
        newcomer_pake: &[u8],
        rng: &mut ChaCha20Rng,
    ) -> Option<(Self, Vec<u8>)> {
        let (spake, pake) = Spake2::<Ed25519Group>::start_b_with_rng(
            &code.password(),
            &Identity::new(newcomer.as_bytes()),
            &Identity::new(me.as_bytes()),
            Bridge(rng),
        );
        let key = spake.finish(newcomer_pake).ok()?;
        let transcript = Transcript { newcomer, steward: me, newcomer_pake: newcomer_pake.to_vec() };
        let (expects, says) = transcript.macs(&key, session, &pake);
        Some((Self { expects, says }, pake))
    }

    /// Checks the newcomer's proof; gives ours if it is right. Takes the same time for every answer.
    pub(super) fn check(self, mac: [u8; 32]) -> Option<[u8; 32]> {
        (blake3::Hash::from_bytes(self.expects) == blake3::Hash::from_bytes(mac)).then_some(self.says)
    }
}

impl Transcript {
    /// What the newcomer says and what the steward says, once both have the key.
    fn macs(&self, key: &[u8], session: SessionId, steward_pake: &[u8]) -> ([u8; 32], [u8; 32]) {
        let mac = |context: &str| {
            let mut derived = blake3::derive_key(context, key);
            let mut hasher = blake3::Hasher::new_keyed(&derived);
            derived.zeroize();
            // every part has a fixed length, so they cannot run into each other
            hasher.update(session.as_bytes());
            hasher.update(self.newcomer.as_bytes());
            hasher.update(self.steward.as_bytes());
            hasher.update(&self.newcomer_pake);
            hasher.update(steward_pake);
            *hasher.finalize().as_bytes()
        };
        (mac("jamtty 1 code word: newcomer's proof"), mac("jamtty 1 code word: steward's proof"))
    }
}

/// A generator of today behind the trait of the older `rand_core` that `spake2` asks for.
struct Bridge<'a>(&'a mut ChaCha20Rng);

impl rand_core_06::RngCore for Bridge<'_> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl rand_core_06::CryptoRng for Bridge<'_> {}

/// Guesses one peer has in [`GUESS_WINDOW`]: enough for typing errors.
pub const GUESSES_PER_PEER: usize = 3;

/// Guesses all peers together have in [`GUESS_WINDOW`]: keys cost nothing, so the sum counts. An
/// attacker on the network can use them up and keep newcomers waiting; they cannot get in faster.
pub const GUESSES_IN_ALL: usize = 10;

/// How long a guess counts.
pub const GUESS_WINDOW: Duration = Duration::from_secs(60);

/// Who guessed lately. Holds at most [`GUESSES_IN_ALL`].
#[derive(Debug, Default)]
pub(super) struct GuessLimit {
    guesses: VecDeque<(Timestamp, PeerId)>,
}

impl GuessLimit {
    /// Counts a guess, or says how many seconds to wait.
    pub(super) fn guess(&mut self, now: Timestamp, peer: PeerId) -> Result<(), u16> {
        while self.guesses.front().is_some_and(|(at, _)| now.since(*at) >= GUESS_WINDOW) {
            self.guesses.pop_front();
        }
        let mut theirs = self.guesses.iter().filter(|(_, who)| *who == peer);
        let oldest = match (theirs.clone().count() >= GUESSES_PER_PEER, self.guesses.len() >= GUESSES_IN_ALL)
        {
            (true, _) => theirs.next(),
            (false, true) => self.guesses.front(),
            (false, false) => None,
        };
        if let Some((at, _)) = oldest {
            let left = GUESS_WINDOW.saturating_sub(now.since(*at));
            return Err(u16::try_from(left.as_millis().div_ceil(1_000)).unwrap_or(u16::MAX));
        }
        self.guesses.push_back((now, peer));
        Ok(())
    }

    /// Gives back the last guess of who turned out to know the word.
    pub(super) fn give_back(&mut self, peer: PeerId) {
        if let Some(index) = self.guesses.iter().rposition(|(_, who)| *who == peer) {
            self.guesses.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    const SESSION: SessionId = SessionId::from_bytes([7; 16]);

    fn peer(key: u8) -> PeerId {
        PeerId::from_bytes([key; 32])
    }

    fn word(text: &str) -> CodeWord {
        CodeWord::parse(text).unwrap()
    }

    /// Both sides' verdicts: does the steward admit, does the newcomer believe.
    fn exchange(newcomers: &str, stewards: &str, met: PeerId) -> (bool, bool) {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let (newcomer, pake) = Newcomer::start(&word(newcomers), peer(1), met, &mut rng);
        let (door, answer) =
            Doorkeeper::answer(&word(stewards), SESSION, peer(2), peer(1), &pake, &mut rng).unwrap();
        let proof = newcomer.answer(SESSION, &answer).unwrap();
        let says = door.check(proof.says);
        (says.is_some(), proof.check(says.unwrap_or(door.expects)))
    }

    #[test]
    fn who_knows_the_word_gets_in_and_both_sides_know_it() {
        assert_eq!(exchange("Blue  Note", "bluenote", peer(2)), (true, true));
        assert_eq!(exchange("red", "blue", peer(2)), (false, false));
    }

    #[test]
    fn an_exchange_cannot_be_carried_to_another_pair() {
        assert_eq!(exchange("blue", "blue", peer(3)), (false, false));
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let (newcomer, pake) = Newcomer::start(&word("blue"), peer(1), peer(2), &mut rng);
        let (door, answer) =
            Doorkeeper::answer(&word("blue"), SESSION, peer(2), peer(1), &pake, &mut rng).unwrap();
        let proof = newcomer.answer(SessionId::from_bytes([8; 16]), &answer).unwrap();
        assert!(door.check(proof.says).is_none(), "another session");
    }

    #[test]
    fn the_same_word_never_gives_the_same_messages() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let (_, first) = Newcomer::start(&word("blue"), peer(1), peer(2), &mut rng);
        let (_, second) = Newcomer::start(&word("blue"), peer(1), peer(2), &mut rng);
        assert_ne!(first, second);
    }

    #[test]
    fn bytes_that_are_no_point_are_refused() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        for bytes in [vec![], vec![0x41; 3], vec![0x42; 33], [vec![0x41, 2], vec![0; 31]].concat()] {
            assert!(Doorkeeper::answer(&word("blue"), SESSION, peer(2), peer(1), &bytes, &mut rng).is_none());
        }
    }

    #[test]
    fn guesses_are_limited_per_peer_and_in_all_and_come_back_with_time() {
        let mut limit = GuessLimit::default();
        let at = Timestamp::from_millis;
        for _ in 0..GUESSES_PER_PEER {
            assert_eq!(limit.guess(at(1_000), peer(1)), Ok(()));
        }
        assert_eq!(limit.guess(at(31_000), peer(1)), Err(30));
        for key in 2..9 {
            assert_eq!(limit.guess(at(31_000), peer(key)), Ok(()), "{key}");
        }
        assert_eq!(limit.guess(at(31_000), peer(99)), Err(30), "keys cost nothing");
        assert_eq!(limit.guess(at(61_000), peer(1)), Ok(()));
        limit.give_back(peer(1));
        assert_eq!(limit.guesses.len(), 7);
    }

    #[test]
    fn a_word_is_what_was_said_not_how_it_was_typed() {
        assert_eq!(word(" BLUE note\n"), word("bluenote"));
        assert_eq!(CodeWord::parse(" \t"), Err(CodeWordError::Empty));
        assert_eq!(CodeWord::parse(&"x".repeat(65)), Err(CodeWordError::TooLong));
        assert_eq!(format!("{:?}", word("blue")), "CodeWord(..)");
    }
}

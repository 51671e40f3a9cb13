//! What a peer shows to everyone on the network: who it is, and the jam it sits in.

use serde::{Deserialize, Serialize};

use super::cbor;
use super::control::PROTOCOL_VERSION;
use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::profile::{Profile, bounded};
use crate::domain::roster::ROSTER_MAX;
use crate::domain::session::{Door, SIZE_MAX, SessionId};

/// Bytes of an encoded card; larger ones are refused.
pub const CARD_BYTES_MAX: usize = 8 * 1024;

/// Bytes of the program's version on a card; longer ones are refused.
const APP_VERSION_BYTES_MAX: usize = 32;

/// One peer as the lobby lists it. Only `peer` is proven (by the connection it came over).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LobbyCard {
    /// Who. The receiver compares it with the key the card came from.
    pub peer: PeerId,
    /// What they share of themselves.
    pub profile: Profile,
    /// The jam they sit in, if any.
    #[serde(default)]
    pub session: Option<OpenSession>,
    /// Version of their program, printable.
    pub app_version: Name,
    /// Version of the control protocol they speak; ours is [`PROTOCOL_VERSION`].
    pub protocol_version: u16,
}

/// A jam as the lobby lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSession {
    /// Which.
    pub id: SessionId,
    /// What it is called.
    pub name: Name,
    /// Whether a code word is needed.
    pub door: Door,
    /// How many may sit there.
    pub size_limit: u8,
    /// Who sits there, most senior first, self included; listeners too.
    pub names: Vec<Name>,
    /// How many of them play.
    pub players: u8,
    /// Who orders its changes: whom to ask to be let in.
    pub steward: PeerId,
}

/// Why bytes are no lobby card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// More than [`CARD_BYTES_MAX`].
    #[error("a lobby card of {0} bytes, more than {CARD_BYTES_MAX}")]
    TooLong(usize),
    /// Not CBOR of a card.
    #[error("not a lobby card")]
    Malformed,
}

impl LobbyCard {
    /// The card as CBOR, at most [`CARD_BYTES_MAX`] bytes: if it is longer, the names of the jam go first.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let bytes = cbor::encode(self);
        if bytes.len() <= CARD_BYTES_MAX {
            return bytes;
        }
        let mut shorter = self.clone();
        if let Some(session) = &mut shorter.session {
            session.names.clear();
        }
        cbor::encode(&shorter)
    }

    /// Reads a card; its texts are safe to print, its lists bounded.
    ///
    /// # Errors
    /// [`CardError`] for what is too long or no card.
    pub fn decode(bytes: &[u8]) -> Result<Self, CardError> {
        if bytes.len() > CARD_BYTES_MAX {
            return Err(CardError::TooLong(bytes.len()));
        }
        let mut card: Self = cbor::decode(bytes).map_err(|_| CardError::Malformed)?;
        if card.app_version.as_str().len() > APP_VERSION_BYTES_MAX {
            return Err(CardError::Malformed);
        }
        if let Some(session) = &mut card.session {
            if session.names.len() > ROSTER_MAX || session.size_limit == 0 || session.size_limit > SIZE_MAX {
                return Err(CardError::Malformed);
            }
            session.name = bounded(session.name.clone());
            session.names = session.names.drain(..).map(bounded).collect();
        }
        Ok(card)
    }

    /// Whether we can talk to them.
    #[must_use]
    pub const fn speaks_our_version(&self) -> bool {
        self.protocol_version == PROTOCOL_VERSION
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::badge::{Avatar, NameColour};
    use crate::protocol::cases;

    fn card(name: &str, names: usize) -> LobbyCard {
        LobbyCard {
            peer: PeerId::from_bytes([200; 32]),
            profile: Profile::new(name, &[name; 8])
                .interested_in(vec![Name::new(name); 8])
                .coloured(Some(NameColour::Violet))
                .with_avatar(Avatar::parse("𝄞𝄞𝄞𝄞").ok()),
            session: Some(OpenSession {
                id: SessionId::from_bytes([1; 16]),
                name: Name::new(name),
                door: Door::Closed,
                size_limit: 8,
                names: vec![Name::new(name); names],
                players: 3,
                steward: PeerId::from_bytes([3; 32]),
            }),
            app_version: Name::new("0.1.0"),
            protocol_version: PROTOCOL_VERSION,
        }
    }

    #[test]
    fn the_fullest_card_fits() {
        let card = card(&"𝄞".repeat(32), ROSTER_MAX);
        let bytes = card.encode();
        assert!(bytes.len() <= CARD_BYTES_MAX, "{} bytes", bytes.len());
        assert_eq!(LobbyCard::decode(&bytes), Ok(card));
    }

    /// A card as jamtty writes it that knows neither interests nor colours, and one of a later jamtty.
    #[test]
    fn cards_of_older_and_newer_programs_read() {
        let plain = LobbyCard { profile: Profile::new("Ana", &["bass"]), ..card("Ana", 1) };
        let mut value: ciborium::Value = ciborium::from_reader(plain.encode().as_slice()).unwrap();
        let fields = value.as_map_mut().unwrap();
        let (_, profile) = fields.iter_mut().find(|(key, _)| key.as_text() == Some("profile")).unwrap();
        let profile = profile.as_map_mut().unwrap();
        let keys: Vec<&str> = profile.iter().filter_map(|(key, _)| key.as_text()).collect();
        assert_eq!(keys, ["name", "instruments"], "what is empty is not written");
        profile.push(("colour".into(), "plaid".into()));
        profile.push(("pets".into(), vec![ciborium::Value::from("cat")].into()));
        let mut bytes = Vec::new();
        ciborium::into_writer(&value, &mut bytes).unwrap();
        assert_eq!(LobbyCard::decode(&bytes), Ok(plain));
    }

    #[test]
    fn a_card_that_is_too_long_loses_its_names_rather_than_itself() {
        let marks = format!("A{}", "\u{301}".repeat(2_000));
        let mut long = card("Ana", 0);
        if let Some(session) = &mut long.session {
            session.names = vec![Name::new(&marks); 8];
        }
        let read = LobbyCard::decode(&long.encode()).unwrap();
        assert_eq!(read.profile, long.profile);
        assert!(read.session.unwrap().names.is_empty());
    }

    #[test]
    fn a_card_out_of_bounds_is_refused() {
        assert_eq!(
            LobbyCard::decode(&vec![0; CARD_BYTES_MAX + 1]),
            Err(CardError::TooLong(CARD_BYTES_MAX + 1))
        );
        assert_eq!(LobbyCard::decode(&card("x", ROSTER_MAX + 1).encode()), Err(CardError::Malformed));
        let mut odd = card("x", 1);
        odd.app_version = Name::new(&"9".repeat(32));
        assert!(LobbyCard::decode(&odd.encode()).is_ok());
        if let Some(session) = &mut odd.session {
            session.size_limit = 0;
        }
        assert_eq!(LobbyCard::decode(&odd.encode()), Err(CardError::Malformed));
    }

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn any_bytes_are_a_card_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = LobbyCard::decode(&bytes);
        }

        #[test]
        fn a_damaged_card_is_a_card_or_an_error(
            name in ".{0,40}",
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        ) {
            let card = card(&name, 3);
            let mut bytes = card.encode();
            if damage.is_empty() {
                prop_assert_eq!(LobbyCard::decode(&bytes), Ok(card));
            } else {
                for (at, byte) in damage {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                let _ = LobbyCard::decode(&bytes);
            }
        }
    }
}

//! Our keys and peer ids in libp2p's form, and back.

use libp2p::identity::{self, Keypair, PublicKey, ed25519};

use crate::domain::peer_id::PeerId;

/// The key pair of a 32-byte Ed25519 seed.
pub(super) fn keypair(seed: &[u8; 32]) -> Result<Keypair, identity::DecodingError> {
    let mut copy = zeroize::Zeroizing::new(*seed);
    Ok(ed25519::Keypair::from(ed25519::SecretKey::try_from_bytes(copy.as_mut_slice())?).into())
}

/// libp2p's name of a peer; `None` if the bytes are not a point of the curve.
pub(super) fn to_libp2p(peer: &PeerId) -> Option<libp2p::PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(peer.as_bytes()).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// Our name of a peer; `None` if its key is not Ed25519, which no jamtty has.
///
/// A short libp2p peer id holds the encoded public key itself (an identity multihash).
pub(super) fn from_libp2p(peer: &libp2p::PeerId) -> Option<PeerId> {
    let hash = peer.as_ref();
    let key = PublicKey::try_decode_protobuf(hash.digest()).ok()?;
    if key.to_peer_id() != *peer {
        return None;
    }
    Some(PeerId::from_bytes(key.try_into_ed25519().ok()?.to_bytes()))
}

/// The peer that a 32-byte Ed25519 seed makes.
///
/// # Errors
/// Never for 32 bytes; the library's type says it may.
pub fn peer_of_seed(seed: &[u8; 32]) -> Result<PeerId, std::io::Error> {
    let pair = keypair(seed).map_err(std::io::Error::other)?;
    from_libp2p(&pair.public().to_peer_id()).ok_or_else(|| std::io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_keeps_its_key_through_both_forms() {
        let ours = peer_of_seed(&[7; 32]).unwrap();
        let theirs = to_libp2p(&ours).unwrap();
        assert_eq!(theirs, keypair(&[7; 32]).unwrap().public().to_peer_id());
        assert_eq!(from_libp2p(&theirs), Some(ours));
        // RFC 8032 section 7.1, test 1.
        let seed: PeerId =
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".parse().unwrap();
        assert_eq!(
            peer_of_seed(seed.as_bytes()).unwrap().to_string(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
    }

    #[test]
    fn a_hashed_peer_id_is_nobody() {
        let hashed = libp2p::multihash::Multihash::wrap(0x12, &[1; 32]).unwrap();
        assert_eq!(from_libp2p(&libp2p::PeerId::from_multihash(hashed).unwrap()), None);
    }
}

//! A jam as a short text: who sits there and where they listen. For networks that hide peers from each other.
//!
//! `jamtty:` and base32 without padding, in lower case and split by nothing, so that it survives chat
//! programs, can be read aloud, and makes a small QR code in upper case. Inside: a version byte, the
//! key, the session if any, the addresses, and four bytes of BLAKE3 that catch typing errors.
//! A ticket says how to reach a jam; it does not let anyone into a closed one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::domain::name::Name;
use crate::domain::peer_id::PeerId;
use crate::domain::session::SessionId;

/// Addresses on a ticket; more are left out.
pub const TICKET_ADDRS_MAX: usize = 8;

/// Characters of a ticket; longer texts are refused unread.
pub const TICKET_CHARS_MAX: usize = 512;

/// What every ticket begins with.
pub const TICKET_PREFIX: &str = "jamtty:";

/// The form of ticket we write and read.
const TICKET_VERSION: u8 = 1;

/// Bytes of BLAKE3 at the end: one typing error in four billion goes unnoticed, and then no key answers.
const CHECK_BYTES: usize = 4;

/// A transport and where it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// QUIC over UDP.
    Quic,
    /// TCP with Noise.
    Tcp,
}

/// One way to reach a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerAddr {
    /// How.
    pub transport: Transport,
    /// Where.
    pub at: SocketAddr,
}

impl PeerAddr {
    /// As a multiaddress, as in `/ip4/192.168.1.7/udp/4001/quic-v1`.
    #[must_use]
    pub fn to_multiaddr(self) -> String {
        let ip = match self.at.ip() {
            IpAddr::V4(ip) => format!("/ip4/{ip}"),
            IpAddr::V6(ip) => format!("/ip6/{ip}"),
        };
        match self.transport {
            Transport::Quic => format!("{ip}/udp/{}/quic-v1", self.at.port()),
            Transport::Tcp => format!("{ip}/tcp/{}", self.at.port()),
        }
    }

    /// Reads a multiaddress of the two forms above, with or without a `/p2p/..` at its end; other
    /// forms (names, relays, circuits) are none of ours.
    #[must_use]
    pub fn from_multiaddr(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('/')?.split('/');
        let ip = match (parts.next()?, parts.next()?) {
            ("ip4", ip) => IpAddr::V4(ip.parse().ok()?),
            ("ip6", ip) => IpAddr::V6(ip.parse().ok()?),
            _ => return None,
        };
        let kind = parts.next()?;
        let port = parts.next()?.parse().ok().filter(|port| *port != 0)?;
        let transport = match kind {
            "tcp" => Transport::Tcp,
            "udp" if parts.next()? == "quic-v1" => Transport::Quic,
            _ => return None,
        };
        match (parts.next(), parts.next(), parts.next()) {
            (None, None, None) | (Some("p2p"), Some(_), None) => {}
            _ => return None,
        }
        Some(Self { transport, at: SocketAddr::new(ip, port) })
    }
}

/// A peer, where it listens, and the session it may sit in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Who: the connection must prove this key.
    pub peer: PeerId,
    /// The jam, if the ticket is for one.
    pub session: Option<SessionId>,
    /// Where; at most [`TICKET_ADDRS_MAX`].
    pub addrs: Vec<PeerAddr>,
}

/// Why a text is no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Something else.
    #[error("not a ticket: a ticket begins with \"jamtty:\"")]
    NotATicket,
    /// A character that tickets do not have.
    #[error("the ticket has a character that does not belong there: {0:?}")]
    Character(char),
    /// Too short, too long, or its check does not match.
    #[error("the ticket is incomplete or has a typing error: copy all of it")]
    Damaged,
    /// Written by another version.
    #[error("the ticket is of version {theirs}, we read version {ours}")]
    Version {
        /// Theirs.
        theirs: u8,
        /// Ours.
        ours: u8,
    },
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![TICKET_VERSION];
        bytes.extend_from_slice(self.peer.as_bytes());
        bytes.push(u8::from(self.session.is_some()));
        if let Some(session) = &self.session {
            bytes.extend_from_slice(session.as_bytes());
        }
        for addr in self.addrs.iter().take(TICKET_ADDRS_MAX) {
            let transport = match addr.transport {
                Transport::Quic => 0,
                Transport::Tcp => 2,
            };
            match addr.at.ip() {
                IpAddr::V4(ip) => {
                    bytes.push(transport);
                    bytes.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    bytes.push(transport + 1);
                    bytes.extend_from_slice(&ip.octets());
                }
            }
            bytes.extend_from_slice(&addr.at.port().to_be_bytes());
        }
        bytes.extend_from_slice(&check(&bytes));
        f.write_str(TICKET_PREFIX)?;
        f.write_str(&base32(&bytes))
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let text = text.trim();
        let rest = text
            .get(..TICKET_PREFIX.len())
            .filter(|prefix| prefix.eq_ignore_ascii_case(TICKET_PREFIX))
            .and_then(|_| text.get(TICKET_PREFIX.len()..))
            .ok_or(TicketError::NotATicket)?;
        if rest.len() > TICKET_CHARS_MAX {
            return Err(TicketError::Damaged);
        }
        let bytes = from_base32(rest)?;
        let (body, sum) = bytes.split_last_chunk::<CHECK_BYTES>().ok_or(TicketError::Damaged)?;
        if check(body) != *sum {
            return Err(TicketError::Damaged);
        }
        let mut rest = Bytes(body);
        match rest.byte().ok_or(TicketError::Damaged)? {
            TICKET_VERSION => rest.ticket().ok_or(TicketError::Damaged),
            theirs => Err(TicketError::Version { theirs, ours: TICKET_VERSION }),
        }
    }
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn ticket(&mut self) -> Option<Ticket> {
        let peer = PeerId::from_bytes(self.array()?);
        let session = match self.byte()? {
            0 => None,
            1 => Some(SessionId::from_bytes(self.array()?)),
            _ => return None,
        };
        let mut addrs = Vec::new();
        while !self.0.is_empty() {
            let kind = self.byte()?;
            let transport = if kind < 2 { Transport::Quic } else { Transport::Tcp };
            let ip = match kind {
                0 | 2 => IpAddr::V4(Ipv4Addr::from(self.array::<4>()?)),
                1 | 3 => IpAddr::V6(Ipv6Addr::from(self.array::<16>()?)),
                _ => return None,
            };
            let port = u16::from_be_bytes(self.array()?);
            addrs.push(PeerAddr { transport, at: SocketAddr::new(ip, port) });
        }
        (addrs.len() <= TICKET_ADDRS_MAX).then_some(Ticket { peer, session, addrs })
    }
}

fn check(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = blake3::hash(bytes);
    let [a, b, c, d, ..] = *hash.as_bytes();
    [a, b, c, d]
}

/// RFC 4648 §6, lower case, no padding.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = (held << 8 | u32::from(*byte)) & 0xffff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(held >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(held << (5 - bits) & 31) as usize]));
    }
    text
}

fn from_base32(text: &str) -> Result<Vec<u8>, TicketError> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut held, mut bits) = (0_u32, 0);
    for c in text.chars() {
        let value = match c.to_ascii_lowercase() {
            c @ 'a'..='z' => c as u32 - 'a' as u32,
            c @ '2'..='7' => c as u32 - '2' as u32 + 26,
            _ => return Err(TicketError::Character(c)),
        };
        held = (held << 5 | value) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    // fewer than five bits are left over, and they are zero: one ticket has one text
    if bits >= 5 || held & ((1 << bits) - 1) != 0 { Err(TicketError::Damaged) } else { Ok(bytes) }
}

/// What a person gives to `jamtty join`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinTarget {
    /// A jam's or a person's name, as the lobby lists it.
    Name(Name),
    /// A person's key, in full.
    Peer(PeerId),
    /// A ticket.
    Ticket(Ticket),
    /// An address: whoever answers there is asked.
    Addr(Vec<PeerAddr>),
}

/// Why a text is nothing one can join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinTargetError {
    /// Nothing at all.
    #[error("nothing to join: give a name from `jamtty ls`, a ticket, or an address")]
    Empty,
    /// It begins like a ticket.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// It begins like a multiaddress.
    #[error("not an address we can dial: use IP:PORT, /ip4/../udp/../quic-v1 or /ip4/../tcp/..")]
    Multiaddr,
    /// An IP address without a port.
    #[error("the address has no port: use IP:PORT, or [IP]:PORT for IPv6")]
    NoPort,
}

impl FromStr for JoinTarget {
    type Err = JoinTargetError;

    /// `IP:PORT` may be QUIC or TCP: both are given, QUIC first.
    fn from_str(text: &str) -> Result<Self, JoinTargetError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(JoinTargetError::Empty);
        }
        if text.get(..TICKET_PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(TICKET_PREFIX)) {
            return Ok(Self::Ticket(text.parse()?));
        }
        if text.starts_with('/') {
            let addr = PeerAddr::from_multiaddr(text).ok_or(JoinTargetError::Multiaddr)?;
            return Ok(Self::Addr(vec![addr]));
        }
        if let Ok(at) = text.parse::<SocketAddr>() {
            if at.port() == 0 {
                return Err(JoinTargetError::NoPort);
            }
            let both = [Transport::Quic, Transport::Tcp].map(|transport| PeerAddr { transport, at });
            return Ok(Self::Addr(both.to_vec()));
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if bare.parse::<IpAddr>().is_ok() {
            return Err(JoinTargetError::NoPort);
        }
        if let Ok(peer) = text.parse::<PeerId>() {
            return Ok(Self::Peer(peer));
        }
        Ok(Self::Name(Name::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::cases;

    fn addr(text: &str) -> PeerAddr {
        PeerAddr::from_multiaddr(text).unwrap()
    }

    fn ticket() -> Ticket {
        Ticket {
            peer: PeerId::from_bytes(std::array::from_fn(|i| i as u8 * 3)),
            session: Some(SessionId::from_bytes([9; 16])),
            addrs: vec![addr("/ip4/192.168.1.7/udp/4001/quic-v1"), addr("/ip6/fe80::1/tcp/4002")],
        }
    }

    #[test]
    fn a_ticket_survives_upper_case_and_white_space_around() {
        let text = ticket().to_string();
        assert!(text.len() < 140, "{text}");
        assert_eq!(text.parse(), Ok(ticket()));
        assert_eq!(format!(" {}\n", text.to_uppercase()).parse(), Ok(ticket()));
    }

    #[test]
    fn a_damaged_ticket_says_so() {
        let text = ticket().to_string();
        for index in TICKET_PREFIX.len()..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[index] = if wrong[index] == b'a' { b'b' } else { b'a' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(wrong.parse::<Ticket>(), Err(TicketError::Damaged), "{index}");
            assert_eq!(text[..index].parse::<Ticket>(), Err(TicketError::Damaged), "{index}");
        }
        assert_eq!("hello".parse::<Ticket>(), Err(TicketError::NotATicket));
        assert_eq!("jamtty:ab1".parse::<Ticket>(), Err(TicketError::Character('1')));
        assert_eq!(format!("jamtty:{}", "a".repeat(9_999)).parse::<Ticket>(), Err(TicketError::Damaged));
    }

    #[test]
    fn a_ticket_of_another_version_names_both() {
        let mut bytes = vec![2, 1, 2, 3];
        bytes.extend(check(&bytes));
        let text = format!("jamtty:{}", base32(&bytes));
        assert_eq!(text.parse::<Ticket>(), Err(TicketError::Version { theirs: 2, ours: 1 }));
    }

    #[test]
    fn the_fullest_ticket_fits() {
        let full = Ticket { addrs: vec![addr("/ip6/fe80::1/tcp/4002"); 9], ..ticket() };
        let text = full.to_string();
        assert!(text.len() <= TICKET_CHARS_MAX);
        assert_eq!(text.parse::<Ticket>().unwrap().addrs.len(), TICKET_ADDRS_MAX);
    }

    #[test]
    fn what_one_can_join_is_told_apart() {
        let target = |text: &str| text.parse::<JoinTarget>();
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let both = |text: &str| {
            Ok(JoinTarget::Addr(vec![
                PeerAddr { transport: Transport::Quic, at: at(text) },
                PeerAddr { transport: Transport::Tcp, at: at(text) },
            ]))
        };
        assert_eq!(target("10.0.0.1:4001"), both("10.0.0.1:4001"));
        assert_eq!(target("[fe80::1]:4001"), both("[fe80::1]:4001"));
        assert_eq!(
            target("/ip4/10.0.0.1/udp/4001/quic-v1/p2p/12D3KooW"),
            Ok(JoinTarget::Addr(vec![addr("/ip4/10.0.0.1/udp/4001/quic-v1")]))
        );
        assert_eq!(target(&ticket().to_string()), Ok(JoinTarget::Ticket(ticket())));
        assert_eq!(target(&ticket().peer.to_string()), Ok(JoinTarget::Peer(ticket().peer)));
        assert_eq!(target("Kitchen blues"), Ok(JoinTarget::Name(Name::new("Kitchen blues"))));
        assert_eq!(target("/dns4/x/tcp/1"), Err(JoinTargetError::Multiaddr));
        assert_eq!(target("10.0.0.1:0"), Err(JoinTargetError::NoPort));
        for text in ["10.0.0.1", "fe80::1", "[fe80::1]"] {
            assert_eq!(target(text), Err(JoinTargetError::NoPort), "{text}");
        }
        assert_eq!(target("  "), Err(JoinTargetError::Empty));
        assert_eq!(target("jamtty:oops"), Err(JoinTargetError::Ticket(TicketError::Damaged)));
    }

    prop_compose! {
        fn any_addr()(v6: bool, ip: u128, port in 1_u16.., quic: bool) -> PeerAddr {
            let ip = if v6 { IpAddr::V6(ip.into()) } else { IpAddr::V4((ip as u32).into()) };
            let transport = if quic { Transport::Quic } else { Transport::Tcp };
            PeerAddr { transport, at: SocketAddr::new(ip, port) }
        }
    }

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn every_ticket_reads_back(key: [u8; 32], session: Option<[u8; 16]>, addrs in prop::collection::vec(any_addr(), 0..=8)) {
            let ticket = Ticket { peer: PeerId::from_bytes(key), session: session.map(SessionId::from_bytes), addrs };
            prop_assert_eq!(ticket.to_string().parse(), Ok(ticket.clone()));
            for addr in ticket.addrs {
                prop_assert_eq!(PeerAddr::from_multiaddr(&addr.to_multiaddr()), Some(addr));
            }
        }

        #[test]
        fn any_text_is_a_target_or_an_error(text in "(jamtty:)?[a-z2-7A-Z]{0,200}|/(ip4|ip6|tcp|udp|[0-9a-f:./]|/){0,12}|.{0,80}") {
            let _ = text.parse::<JoinTarget>();
            let _ = PeerAddr::from_multiaddr(&text);
        }

        #[test]
        fn any_bytes_behind_a_right_check_are_a_ticket_or_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..250)) {
            if let Some(version) = bytes.first_mut() {
                *version = TICKET_VERSION;
            }
            bytes.extend(check(&bytes));
            if let Ok(ticket) = format!("{TICKET_PREFIX}{}", base32(&bytes)).parse::<Ticket>() {
                prop_assert_eq!(ticket.to_string().parse(), Ok(ticket));
            }
        }
    }
}

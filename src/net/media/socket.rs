//! The UDP sockets: bound to interfaces or to all, marked for low delay, sending without waiting.
//!
//! World: any; a send never blocks, a receive waits at most [`RECEIVE_WAIT`].

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use if_addrs::Interface;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::SendFlags;
use socket2::{Domain, Protocol, Socket, Type};

use super::{MediaBind, MediaError};

/// One bound socket.
#[derive(Debug)]
pub(super) struct MediaSocket {
    socket: UdpSocket,
    /// The interface it is bound to; `None` for all of them.
    device: Option<String>,
    port: u16,
    v6: bool,
}

/// What became of one datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// The system took it.
    Taken,
    /// The system's queue is full; the datagram is dropped.
    Full,
    /// No way there: no route, no interface, forbidden.
    Refused,
}

/// How one end of a link is reached: through which of our sockets, at which address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) socket: u8,
    pub(super) addr: SocketAddr,
}

impl MediaSocket {
    /// Sends without waiting.
    pub(super) fn send(&self, packet: &[u8], to: SocketAddr) -> Sent {
        match rustix::net::sendto(&self.socket, packet, SendFlags::DONTWAIT, &to) {
            Ok(_) => Sent::Taken,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::NOBUFS) => Sent::Full,
            Err(_) => Sent::Refused,
        }
    }

    /// The next datagram; `None` after [`RECEIVE_WAIT`] without one.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        match self.socket.recv_from(buffer) {
            Ok((len, from)) => Ok(Some((len, plain(from)))),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Sleeps until there is a datagram or the bell is rung, and stills the bell.
    pub(super) fn wait(&self, bell: &UnixStream) {
        let fds = &mut [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(bell, PollFlags::IN)];
        // Interrupted is awake, too: the caller looks around and comes back.
        let _ = poll(fds, None);
        let mut rung = [0; 64];
        while let Ok(1..) = (&mut &*bell).read(&mut rung) {}
    }

    pub(super) fn is_v6(&self) -> bool {
        self.v6
    }
}

/// A receive thread looks at its commands at least this often.
pub(super) const RECEIVE_WAIT: Duration = Duration::from_millis(50);

/// One IPv4 and one IPv6 socket for every named interface, or for all of them together.
///
/// # Errors
/// [`MediaError::NoInterface`] for a name that is none, [`MediaError::PortTaken`], or
/// [`MediaError::Bind`] if not one socket could be bound.
pub(super) fn bind_all(bind: &MediaBind) -> Result<Vec<MediaSocket>, MediaError> {
    let present = if_addrs::get_if_addrs().map_err(MediaError::Bind)?;
    if let Some(name) = bind.ifaces.iter().find(|name| !present.iter().any(|iface| iface.name == **name)) {
        return Err(MediaError::NoInterface(name.clone()));
    }
    let devices = if bind.ifaces.is_empty() { vec![None] } else { bind.ifaces.iter().map(Some).collect() };
    let mut sockets = Vec::new();
    let mut refused = None;
    for device in devices {
        for v6 in [false, true] {
            match open(device.map(String::as_str), bind.port.unwrap_or(0), v6, &present) {
                Ok(socket) => sockets.push(socket),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    return Err(MediaError::PortTaken(bind.port.unwrap_or(0)));
                }
                Err(error) => refused = Some(error),
            }
        }
    }
    sockets.truncate(usize::from(u8::MAX));
    match refused {
        Some(error) if sockets.is_empty() => Err(MediaError::Bind(error)),
        _ => Ok(sockets),
    }
}

fn open(device: Option<&str>, port: u16, v6: bool, present: &[Interface]) -> io::Result<MediaSocket> {
    let (domain, any) = if v6 {
        (Domain::IPV6, IpAddr::V6(Ipv6Addr::UNSPECIFIED))
    } else {
        (Domain::IPV4, IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    // The mark is a wish: a system that refuses it still carries the packets.
    let _ = if v6 { socket.set_tclass_v6(DSCP_EF) } else { socket.set_tos_v4(DSCP_EF) };
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    let mut addr = SocketAddr::new(any, port);
    if v6 {
        socket.set_only_v6(true)?;
    }
    if let Some(name) = device {
        // Bound to the interface and not to its address, it outlives a change of address.
        if socket.bind_device(Some(name.as_bytes())).is_err() {
            let own = present.iter().find(|iface| iface.name == name && iface.ip().is_ipv6() == v6);
            let own = own.ok_or(io::ErrorKind::AddrNotAvailable)?;
            addr = scoped(SocketAddr::new(own.ip(), port), own.index.unwrap_or(0));
        }
    }
    socket.bind(&addr.into())?;
    socket.set_read_timeout(Some(RECEIVE_WAIT))?;
    let socket = UdpSocket::from(socket);
    let port = socket.local_addr()?.port();
    Ok(MediaSocket { socket, device: device.map(str::to_owned), port, v6 })
}

/// DSCP 46, expedited forwarding (RFC 3246), in the upper six bits; Wi-Fi puts it in the voice queue.
const DSCP_EF: u32 = 0xB8;
/// 0.5 s of a flood of forged packets; the system grants less without being asked twice.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;

/// Where these sockets can be reached, best first: what to tell the other side.
///
/// Loopback is in it only if it is named, or if there is nothing else.
pub(super) fn candidates(sockets: &[MediaSocket]) -> Vec<SocketAddr> {
    let mut present = if_addrs::get_if_addrs().unwrap_or_default();
    present.sort_by_key(|iface| (iface.is_link_local(), iface.ip().is_ipv6()));
    let reached = |loopback: bool| {
        let mut found = Vec::new();
        for iface in &present {
            for socket in sockets.iter().filter(|socket| socket.v6 == iface.ip().is_ipv6()) {
                let of_all = socket.device.is_none() && iface.is_loopback() == loopback;
                let addr = SocketAddr::new(iface.ip(), socket.port);
                if (of_all || socket.device.as_ref() == Some(&iface.name)) && !found.contains(&addr) {
                    found.push(addr);
                }
            }
        }
        found.truncate(CANDIDATES_MAX);
        found
    };
    let found = reached(false);
    if found.is_empty() { reached(true) } else { found }
}

/// More addresses than this are not offered, nor tried: each is a packet until one answers.
pub(super) const CANDIDATES_MAX: usize = 8;

/// The ways to try for the addresses a peer offered, those on our own networks first.
pub(super) fn paths(sockets: &[MediaSocket], offered: &[SocketAddr]) -> Vec<Path> {
    let present = if_addrs::get_if_addrs().unwrap_or_default();
    let mut addrs = Vec::new();
    for addr in
        offered.iter().take(CANDIDATES_MAX).filter(|addr| addr.port() != 0 && !addr.ip().is_unspecified())
    {
        let unscoped = matches!(addr, SocketAddr::V6(v6) if is_link_local(v6.ip()));
        if unscoped {
            // The number of an interface means nothing to another machine: try each of ours.
            let here =
                present.iter().filter(|iface| matches!(iface.ip(), IpAddr::V6(ip) if is_link_local(&ip)));
            addrs.extend(here.filter_map(|iface| Some(scoped(*addr, iface.index?))));
        } else {
            addrs.push(plain(*addr));
        }
    }
    addrs.sort_by_key(|addr| !present.iter().any(|iface| same_network(iface, addr.ip())));
    let of_family = |addr: SocketAddr| {
        let matching = move |(_, socket): &(usize, &MediaSocket)| socket.is_v6() == addr.is_ipv6();
        sockets.iter().enumerate().filter(matching).map(move |(index, _)| Path { socket: index as u8, addr })
    };
    let mut paths: Vec<Path> = Vec::new();
    for path in addrs.into_iter().flat_map(of_family) {
        if paths.len() < PATHS_MAX && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// Ways tried at once; the rest of what a peer offers is not looked at.
pub(super) const PATHS_MAX: usize = 16;

fn same_network(iface: &Interface, ip: IpAddr) -> bool {
    match (&iface.addr, ip) {
        (if_addrs::IfAddr::V4(own), IpAddr::V4(ip)) if own.prefixlen > 0 => {
            let mask = u32::from(own.netmask);
            u32::from(own.ip) & mask == u32::from(ip) & mask
        }
        (if_addrs::IfAddr::V6(own), IpAddr::V6(ip)) if own.prefixlen > 0 => {
            let mask = u128::from(own.netmask);
            u128::from(own.ip) & mask == u128::from(ip) & mask
        }
        _ => false,
    }
}

fn is_link_local(ip: &Ipv6Addr) -> bool {
    ip.segments()[0] & 0xFFC0 == 0xFE80
}

fn scoped(addr: SocketAddr, index: u32) -> SocketAddr {
    match addr {
        SocketAddr::V6(v6) if is_link_local(v6.ip()) => {
            SocketAddrV6::new(*v6.ip(), v6.port(), 0, index).into()
        }
        other => other,
    }
}

/// Without what differs between two datagrams of one sender.
fn plain(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V6(v6) if is_link_local(v6.ip()) => {
            SocketAddrV6::new(*v6.ip(), v6.port(), 0, v6.scope_id()).into()
        }
        SocketAddr::V6(v6) => SocketAddrV6::new(*v6.ip(), v6.port(), 0, 0).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(ifaces: &[&str], port: Option<u16>) -> MediaBind {
        MediaBind { ifaces: ifaces.iter().map(|name| (*name).to_owned()).collect(), port, fallback: None }
    }

    #[test]
    fn packets_are_marked_for_low_delay_in_both_families() {
        for socket in bind_all(&bind(&["lo"], None)).unwrap() {
            let options = socket2::SockRef::from(&socket.socket);
            let mark = if socket.v6 { options.tclass_v6() } else { options.tos_v4() };
            assert_eq!(mark.unwrap(), DSCP_EF);
        }
    }

    #[test]
    fn loopback_is_offered_if_it_is_named_and_nothing_else_then() {
        let sockets = bind_all(&bind(&["lo"], None)).unwrap();
        let found = candidates(&sockets);
        assert!(!found.is_empty() && found.iter().all(|addr| addr.ip().is_loopback()), "{found:?}");
        let everywhere = candidates(&bind_all(&bind(&[], None)).unwrap());
        let loopback = everywhere.iter().filter(|addr| addr.ip().is_loopback()).count();
        assert!(loopback == 0 || loopback == everywhere.len(), "{everywhere:?}");
    }

    #[test]
    fn what_cannot_be_bound_is_named() {
        let unknown = bind_all(&bind(&["none0"], None));
        assert!(matches!(unknown, Err(MediaError::NoInterface(name)) if name == "none0"));
        let first = bind_all(&bind(&["lo"], None)).unwrap();
        let taken = bind_all(&bind(&["lo"], Some(first[0].port)));
        assert!(matches!(taken, Err(MediaError::PortTaken(port)) if port == first[0].port));
    }

    #[test]
    fn useless_addresses_are_not_tried_and_the_rest_are_few() {
        let sockets = bind_all(&bind(&["lo"], None)).unwrap();
        let useless: Vec<SocketAddr> = vec!["0.0.0.0:5".parse().unwrap(), "127.0.0.1:0".parse().unwrap()];
        assert!(paths(&sockets, &useless).is_empty());
        let many: Vec<SocketAddr> = (1..100).map(|port| SocketAddr::from(([10, 0, 0, 1], port))).collect();
        assert!(paths(&sockets, &many).len() <= PATHS_MAX);
        let both: Vec<SocketAddr> = vec!["240.0.0.1:9".parse().unwrap(), "127.0.0.1:9".parse().unwrap()];
        assert_eq!(paths(&sockets, &both)[0].addr, both[1], "our own network first");
    }
}

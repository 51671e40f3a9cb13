//! Clients that are slow, hostile or many: nobody else notices, and memory stays bounded.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use jamtty::peer::api::{Doctor, ErrorCode, LINE_BYTES_MAX, ReplyLine, Status};
use jamtty::peer::run::Begin;
use jamtty::peer::socket::CLIENTS_MAX;

use crate::support::{PATIENCE, Running, options, paths, wait_until};

const STATUS: &[u8] = b"{\"v\":1,\"id\":1,\"do\":\"status\"}\n";

fn lobby(folder: &tempfile::TempDir) -> Running {
    Running::start(options(folder.path(), "Ana", Begin::Lobby))
}

fn connect(peer: &Running) -> UnixStream {
    drop(peer.client());
    let stream = UnixStream::connect(peer.paths.socket()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    stream
}

fn next_reply(lines: &mut BufReader<UnixStream>) -> ReplyLine {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

/// Memory of this process that is not shared with files, in KiB.
fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

#[test]
fn clients_that_never_read_are_dropped_and_cost_little() {
    let folder = tempfile::tempdir().unwrap();
    let peer = lobby(&folder);
    let mut good = peer.client();
    wait_until::<Status>(&mut good, "status", &[], |status| status.card.is_some());
    let mut after_round = [0; 3];
    for (round, memory) in after_round.iter_mut().enumerate() {
        let slow: Vec<UnixStream> = (0..20).map(|_| connect(&peer)).collect();
        for mut stream in &slow {
            // Until the peer hangs up: far more than it may keep for us.
            let hung_up = (0..200_000).any(|_| {
                stream.write_all(STATUS).is_err_and(|error| {
                    !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
                })
            });
            assert!(hung_up, "a client that never reads was never dropped");
            good.request_as::<Status>("status", &[""; 0]).unwrap();
        }
        let dropped = 20 * (round as u64 + 1);
        wait_until::<Doctor>(&mut good, "doctor", &[], |doctor| {
            doctor.counters["socket_clients_slow"] == dropped
        });
        *memory = memory_kib();
    }
    // The first round fills the allocator's own stores; what is kept for clients would grow with each.
    let grown = after_round[2].saturating_sub(after_round[0]);
    assert!(grown < 20 * 1024, "{after_round:?} KiB: 40 slow clients left more than half a queue each");
}

#[test]
fn garbage_is_answered_counted_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let peer = lobby(&folder);
    let mut bad = connect(&peer);
    let mut lines = BufReader::new(bad.try_clone().unwrap());
    let garbage: [(&[u8], ErrorCode); 7] = [
        (b"hello", ErrorCode::Usage),
        (b"{}", ErrorCode::Usage),
        (b"[1,2,3]", ErrorCode::Usage),
        (b"\xff\xfe\x00\x01", ErrorCode::Usage),
        (b"{\"v\":1,\"do\":7}", ErrorCode::Usage),
        (b"{\"v\":1,\"do\":\"mic.on\",\"args\":[{}]}", ErrorCode::Usage),
        (b"{\"v\":2,\"id\":5,\"do\":\"status\"}", ErrorCode::Version),
    ];
    for (line, code) in garbage {
        bad.write_all(line).unwrap();
        bad.write_all(b"\n").unwrap();
        assert_eq!(next_reply(&mut lines).error.unwrap().code, code, "{line:?}");
    }
    bad.write_all(STATUS).unwrap();
    assert!(next_reply(&mut lines).ok);
    wait_until::<Doctor>(&mut peer.client(), "doctor", &[], |doctor| {
        doctor.counters["socket_bad_lines"] == 7
    });
}

#[test]
fn a_line_of_a_megabyte_is_refused_and_the_next_one_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let peer = lobby(&folder);
    let stream = connect(&peer);
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let long = vec![b'x'; 1024 * 1024];
    for _ in 0..3 {
        (&stream).write_all(&long).unwrap();
        (&stream).write_all(b"\n").unwrap();
        let error = next_reply(&mut lines).error.unwrap();
        assert_eq!(error.code, ErrorCode::Usage);
        assert!(error.why.contains(&LINE_BYTES_MAX.to_string()), "{error}");
    }
    (&stream).write_all(STATUS).unwrap();
    assert!(next_reply(&mut lines).ok);
}

#[test]
fn a_hundred_clients_are_served_and_too_many_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let peer = lobby(&folder);
    drop(peer.client());
    let mut clients: Vec<_> = (0..100).map(|_| peer.client()).collect();
    for client in &mut clients {
        client.request_as::<Status>("status", &[""; 0]).unwrap();
    }
    clients.extend((100..CLIENTS_MAX + 8).map(|_| peer.client()));
    let refused = clients.iter_mut().filter_map(|client| client.request::<&str>("ls", &[]).err());
    // One that is told so may also see the peer hang up first.
    assert!(refused.count() >= 8);
    drop(clients);
    // Seats come free as the peer notices; until then a new client is turned away too.
    let until = std::time::Instant::now() + PATIENCE;
    while !peer
        .client()
        .request_as::<Doctor>("doctor", &[""; 0])
        .is_ok_and(|doctor| doctor.counters["socket_clients_refused"] >= 8)
    {
        assert!(std::time::Instant::now() < until, "no client was counted as refused");
    }
}

#[test]
fn a_client_that_only_half_closes_gets_its_answers() {
    let folder = tempfile::tempdir().unwrap();
    let peer = lobby(&folder);
    let mut stream = connect(&peer);
    stream.write_all(STATUS).unwrap();
    stream.write_all(STATUS.trim_ascii_end()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.lines().count(), 2, "{answers}");
}

#[test]
fn the_socket_is_ours_alone_and_a_stale_one_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let paths = paths(folder.path(), "Ana");
    std::fs::create_dir(&paths.runtime).unwrap();
    // What a process that was killed leaves behind.
    drop(UnixListener::bind(paths.socket()).unwrap());
    let peer = lobby(&folder);
    drop(peer.client());
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&paths.socket()), mode(&paths.runtime)), (0o600, 0o700));
    drop(peer);
    assert!(!paths.socket().exists());
}

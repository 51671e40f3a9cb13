//! How long a person waits: from the start of the program to a peer that answers, and from the
//! signal that ends it to its end. Prints medians; asserts only that nothing in between waits for
//! a limit of time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for; whoever runs it reads them")]

mod cli_support;

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use jamtty::paths::Paths;
use jamtty::peer::api::Status;
use jamtty::peer::socket::client::Client;
use rustix::process::{Pid, Signal, kill_process};

use cli_support::Home;

/// Starts that are measured; the first one of a profile, which makes its key, is told apart.
const RUNS: usize = 10;

/// Far beyond what it takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn paths(home: &Home) -> Paths {
    let folder = |name: &str| home.0.path().join(name).join("jamtty");
    Paths {
        profile: "default".to_owned(),
        config: folder("config"),
        data: folder("data"),
        state: folder("state"),
        runtime: folder("run"),
    }
}

/// Until there is a socket, and until a request is answered.
fn until_answered(home: &Home) -> (Child, Duration, Duration) {
    let paths = paths(home);
    let began = Instant::now();
    let mut peer = home.command(&["peer", "--null", "--iface", "lo"]);
    let peer = peer.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut client = loop {
        match Client::connect(&paths) {
            Ok(client) => break client,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::yield_now();
    };
    let socket = began.elapsed();
    client.request_as::<Status>("status", &[""; 0]).unwrap();
    (peer, socket, began.elapsed())
}

fn end(mut peer: Child) -> Duration {
    let began = Instant::now();
    kill_process(Pid::from_child(&peer), Signal::TERM).unwrap();
    peer.wait().unwrap();
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn a_peer_answers_soon_and_ends_soon() {
    let home = Home::new();
    let program: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            assert_eq!(home.run(&["--version"]).2, 0);
            began.elapsed()
        })
        .collect();
    let (first, ..) = until_answered(&home);
    let first_end = end(first);
    let runs: Vec<(Duration, Duration, Duration)> = (0..RUNS)
        .map(|_| {
            let (peer, socket, answer) = until_answered(&home);
            (socket, answer, end(peer))
        })
        .collect();
    let program = median(program);
    let socket = median(runs.iter().map(|run| run.0).collect());
    let answer = median(runs.iter().map(|run| run.1).collect());
    let ended = median(runs.iter().map(|run| run.2).collect());
    println!(
        "medians of {RUNS}: program {program:?}, socket {socket:?}, answer {answer:?}, end {ended:?}; first end {first_end:?}"
    );
    assert!(ended < answer * 20, "{runs:?}");
    assert!(answer < program * 200, "{runs:?}");
}

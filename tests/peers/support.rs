//! A peer of its own profile in a folder of its own, with a virtual card, on loopback alone.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jamtty::paths::Paths;
use jamtty::peer::api::{ErrorReply, Event, EventLine};
use jamtty::peer::run::{
    Begin, CardOptions, ExitReason, PeerError, PeerOptions, Print, StreamOptions, VirtualIn, VirtualOut, run,
};
use jamtty::peer::socket::client::Client;

/// Longest wait for anything: far beyond what it takes, so that a busy machine does not fail a test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn paths(folder: &Path, profile: &str) -> Paths {
    Paths {
        profile: profile.to_owned(),
        config: folder.join("config"),
        data: folder.join("data").join(profile),
        state: folder.join("state").join(profile),
        runtime: folder.join("run"),
    }
}

pub(crate) fn options(folder: &Path, profile: &str, begin: Begin) -> PeerOptions {
    PeerOptions {
        paths: paths(folder, profile),
        name: Some(profile.to_owned()),
        plays: None,
        begin,
        code: None,
        listen: false,
        max_people: 8,
        muted: false,
        card: CardOptions::Virtual {
            input: VirtualIn::Tone { hz: 440.0 },
            output: VirtualOut::Nothing,
            channels: 1,
            period: 64,
            error_ppm: 0.0,
        },
        priority: true,
        stream: StreamOptions::default(),
        delay: jamtty::domain::strip::DelayMode::default(),
        monitor_db: None,
        ifaces: vec!["lo".to_owned()],
        control_port: None,
        media_port: None,
        discovery: true,
        record_me: jamtty::protocol::recording::Policy::Ask,
        recording: jamtty::peer::run::RecordingOptions::default(),
        print: Print::Nothing,
        tap: None,
    }
}

pub(crate) fn new(name: &str) -> Begin {
    Begin::New { name: Some(name.to_owned()) }
}

pub(crate) fn join(target: &str) -> Begin {
    Begin::Join { target: target.to_owned() }
}

/// A running peer; told to quit when it is dropped.
pub(crate) struct Running {
    pub(crate) paths: Paths,
    thread: Option<JoinHandle<Result<ExitReason, PeerError>>>,
}

impl Running {
    pub(crate) fn start(options: PeerOptions) -> Self {
        let paths = options.paths.clone();
        Self { paths, thread: Some(std::thread::spawn(move || run(options))) }
    }

    /// A client, as soon as there is a socket.
    pub(crate) fn client(&self) -> Client {
        let until = Instant::now() + PATIENCE;
        loop {
            match Client::connect(&self.paths) {
                Ok(client) => return client,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            std::thread::yield_now();
        }
    }

    pub(crate) fn end(mut self) -> Result<ExitReason, PeerError> {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            if let Ok(mut client) = Client::connect(&self.paths) {
                let _ = client.request::<&str>("quit", &[]);
            }
            let _ = thread.join();
        }
    }
}

/// Waits for an event that `wanted` takes; the others are passed over.
pub(crate) fn wait_for(client: &mut Client, wanted: impl Fn(&Event) -> bool) -> Event {
    let until = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    loop {
        match client.next_event(Some(until.saturating_duration_since(Instant::now()))) {
            Ok(Some(EventLine { event, .. })) if wanted(&event) => return event,
            Ok(Some(EventLine { event, .. })) => seen.push(event.to_string()),
            Ok(None) => panic!("it did not happen; this did: {seen:#?}"),
            Err(error) => panic!("{error}; this happened: {seen:#?}"),
        }
    }
}

/// Asks until the answer is as wanted.
pub(crate) fn wait_until<T: serde::de::DeserializeOwned + std::fmt::Debug>(
    client: &mut Client,
    action: &str,
    args: &[&str],
    wanted: impl Fn(&T) -> bool,
) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer: Result<T, ErrorReply> = client.request_as(action, args);
        match answer {
            Ok(answer) if wanted(&answer) => return answer,
            other => assert!(Instant::now() < until, "{action} {args:?}: {other:#?}"),
        }
        // Lets the peer come forward; the deadline above bounds it.
        let _ = client.next_event(Some(Duration::from_millis(20)));
    }
}

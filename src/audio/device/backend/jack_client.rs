//! JACK's two ends as one client: one wake-up of one thread in every period.
//!
//! cpal makes a client for each end, and the server wakes each in every period: half as much again of a core at 64
//! samples, and one more thread that can miss a period (`docs/latency.md`). So both ends share a client here; finding
//! and describing JACK's cards stays with cpal. This file and `jack_watch` alone name `jack`.
//!
//! World: worker, but for [`Graph`], which runs in the server's callback.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jack::{
    AsyncClient, AudioIn, AudioOut, Client, ClientOptions, ClientStatus, Control, Error, Frames,
    NotificationHandler, Port, PortFlags, PortSpec, ProcessHandler, ProcessScope,
};
use rtrb::{Consumer, Producer, RingBuffer};

use super::{Direction, EndFailure, Opening};
use crate::audio::device::callback::{InputCallback, OutputCallback};
use crate::audio::device::{CardTrouble, EndCounters};
use crate::audio::rt::CardTime;

/// The client of this process, made by the end that opens first and closed with the last.
#[derive(Clone, Default)]
pub(in crate::audio::device) struct JackClient(Arc<Mutex<Option<Running>>>);

/// One end on the client. Its drop takes it off, which may take a while, and sends the side home.
pub(super) struct JackEnd {
    client: JackClient,
    direction: Direction,
    /// Of which client: the place may hold a younger one by then.
    serial: u64,
    /// The full names of its ports.
    pub(super) ports: Vec<String>,
    pub(super) period: u32,
}

/// A client the server calls.
struct Running {
    client: AsyncClient<Notices, Graph>,
    to_graph: Producer<Change>,
    from_graph: Consumer<Change>,
    ears: Ears,
    gone: Arc<AtomicBool>,
    serial: u64,
}

/// What the callback has at one end, to put in or what was taken out.
enum Change {
    Input(Option<Box<InputEnd>>),
    Output(Option<Box<OutputEnd>>),
}

struct InputEnd {
    callback: InputCallback,
    ports: Vec<Port<AudioIn>>,
    scratch: Vec<f32>,
}

struct OutputEnd {
    callback: OutputCallback,
    ports: Vec<Port<AudioOut>>,
    scratch: Vec<f32>,
}

/// Who is told of what befalls the client: the ends that are on it.
type Ears = Arc<Mutex<[Option<Ear>; 2]>>;

struct Ear {
    to: SyncSender<EndFailure>,
    generation: u64,
    counters: Arc<EndCounters>,
}

impl JackClient {
    /// Puts an input on the client: `count` ports, heard from the system's.
    ///
    /// # Errors
    /// [`CardTrouble`] by remedy; the side is on its way home.
    pub(super) fn open_input(
        &self,
        callback: InputCallback,
        count: u16,
        opening: Opening,
        counters: Arc<EndCounters>,
    ) -> Result<JackEnd, CardTrouble> {
        self.open(count, opening, counters, AudioIn::default, |ports| {
            let scratch = vec![0.0; BLOCK_OF_SERVER_MAX * ports.len()];
            Change::Input(Some(Box::new(InputEnd { callback, ports, scratch })))
        })
    }

    /// Puts an output on the client: `count` ports, heard by the system's.
    ///
    /// # Errors
    /// [`CardTrouble`] by remedy; the side is on its way home.
    pub(super) fn open_output(
        &self,
        callback: OutputCallback,
        count: u16,
        opening: Opening,
        counters: Arc<EndCounters>,
    ) -> Result<JackEnd, CardTrouble> {
        self.open(count, opening, counters, AudioOut::default, |ports| {
            let scratch = vec![0.0; BLOCK_OF_SERVER_MAX * ports.len()];
            Change::Output(Some(Box::new(OutputEnd { callback, ports, scratch })))
        })
    }

    fn open<S: PortSpec>(
        &self,
        count: u16,
        opening: Opening,
        counters: Arc<EndCounters>,
        spec: impl Fn() -> S,
        end: impl FnOnce(Vec<Port<S>>) -> Change,
    ) -> Result<JackEnd, CardTrouble> {
        let direction = opening.direction;
        let mut place = self.lock();
        if place.as_ref().is_none_or(|running| running.gone.load(Relaxed)) {
            let serial = place.as_ref().map_or(0, |old| old.serial + 1);
            *place = Some(Running::start(&opening.client_name, serial)?);
        }
        let Some(running) = place.as_mut() else { return Err(CardTrouble::NoServer) };
        let (serial, period) = (running.serial, running.client.as_client().buffer_size());
        let ear = Ear { to: opening.to, generation: opening.generation, counters };
        match running.put_on(direction, count, ear, spec, end) {
            Ok(ports) => Ok(JackEnd { client: self.clone(), direction, serial, ports, period }),
            Err(trouble) => {
                // A client without an end would be called for nothing.
                let unused = if running.is_deserted() { place.take() } else { None };
                drop(place);
                drop(unused);
                Err(trouble)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for JackEnd {
    fn drop(&mut self) {
        let mut place = self.client.lock();
        let Some(running) = place.as_mut().filter(|running| running.serial == self.serial) else { return };
        ears(&running.ears)[self.direction as usize] = None;
        let unused = running.is_deserted() || !running.take_out(self.direction);
        let closed = if unused { place.take() } else { None };
        // A dead server can hold the one who closes: nobody waits for the place meanwhile.
        drop(place);
        drop(closed);
    }
}

impl Running {
    fn start(name: &str, serial: u64) -> Result<Self, CardTrouble> {
        let (client, _) = Client::new(name, ClientOptions::NO_START_SERVER).map_err(trouble)?;
        let (to_graph, changes) = RingBuffer::new(CHANGES_MAX);
        let (taken, from_graph) = RingBuffer::new(CHANGES_MAX);
        let (ears, gone) = (Ears::default(), Arc::<AtomicBool>::default());
        let rate_hz = client.sample_rate();
        let notices = Notices { ears: Arc::clone(&ears), gone: Arc::clone(&gone), rate_hz };
        let graph = Graph { changes, taken, rate_hz, input: None, output: None };
        let client = client.activate_async(notices, graph).map_err(trouble)?;
        Ok(Self { client, to_graph, from_graph, ears, gone, serial })
    }

    /// Registers the ports of an end, gives it to the callback, and joins it to the system's. The ports' names.
    fn put_on<S: PortSpec>(
        &mut self,
        direction: Direction,
        count: u16,
        ear: Ear,
        spec: impl Fn() -> S,
        end: impl FnOnce(Vec<Port<S>>) -> Change,
    ) -> Result<Vec<String>, CardTrouble> {
        let (word, system, flow) = match direction {
            Direction::Input => ("in", "system:capture_.*", PortFlags::IS_OUTPUT),
            Direction::Output => ("out", "system:playback_.*", PortFlags::IS_INPUT),
        };
        let client = self.client.as_client();
        let register = |n| client.register_port(&format!("{word}_{n}"), spec());
        let ports: Vec<Port<S>> = (1..=count).map(register).collect::<Result<_, _>>().map_err(trouble)?;
        let names: Vec<String> = ports.iter().filter_map(|port| port.name().ok()).collect();
        if self.to_graph.push(end(ports)).is_err() {
            return Err(CardTrouble::Other("the JACK server does not call back".to_owned()));
        }
        ears(&self.ears)[direction as usize] = Some(ear);
        for (ours, theirs) in names.iter().zip(&client.ports(Some(system), None, flow)) {
            let (from, to) = match direction {
                Direction::Input => (theirs, ours),
                Direction::Output => (ours, theirs),
            };
            // A port that cannot be joined is joined by hand; the end is open all the same.
            let _ = client.connect_ports_by_name(from, to);
        }
        Ok(names)
    }

    /// Whether no end is on it.
    fn is_deserted(&self) -> bool {
        ears(&self.ears).iter().all(Option::is_none)
    }

    /// Takes an end out of the callback and frees it here. `false` if the server does not call back in time.
    fn take_out(&mut self, direction: Direction) -> bool {
        let nothing = match direction {
            Direction::Input => Change::Input(None),
            Direction::Output => Change::Output(None),
        };
        if self.gone.load(Relaxed) || self.to_graph.push(nothing).is_err() {
            return false;
        }
        let deadline = Instant::now() + TAKE_OUT_MAX;
        while Instant::now() < deadline {
            let client = self.client.as_client();
            // What an opening replaced comes first: nothing.
            match self.from_graph.pop() {
                Ok(Change::Input(Some(end))) => {
                    end.ports.into_iter().for_each(|port| drop(client.unregister_port(port)));
                    return true;
                }
                Ok(Change::Output(Some(end))) => {
                    end.ports.into_iter().for_each(|port| drop(client.unregister_port(port)));
                    return true;
                }
                Ok(Change::Input(None) | Change::Output(None)) => {}
                Err(_) => std::thread::park_timeout(Duration::from_millis(1)),
            }
        }
        false
    }
}

/// What the server calls in every period: hear first, so that the encoder works while we play.
///
/// # Real-time
/// Ends come and go through rings; what is taken out is freed by whoever reads `taken`.
struct Graph {
    changes: Consumer<Change>,
    taken: Producer<Change>,
    rate_hz: Frames,
    input: Option<Box<InputEnd>>,
    output: Option<Box<OutputEnd>>,
}

impl ProcessHandler for Graph {
    fn process(&mut self, client: &Client, scope: &ProcessScope) -> Control {
        while self.taken.slots() > 0
            && let Ok(change) = self.changes.pop()
        {
            let old = match change {
                Change::Input(end) => Change::Input(std::mem::replace(&mut self.input, end)),
                Change::Output(end) => Change::Output(std::mem::replace(&mut self.output, end)),
            };
            if let Err(rtrb::PushError::Full(old)) = self.taken.push(old) {
                // There was room above; leaking is what is left to a callback that may not free.
                std::mem::forget(old);
            }
        }
        let began = scope.cycle_times().map_or_else(|_| client.time(), |times| times.current_usecs);
        let into = u64::from(scope.frames_since_cycle_start()) * 1_000_000 / u64::from(self.rate_hz);
        let at = CardTime(Duration::from_micros(began + into));
        if let Some(end) = &mut self.input {
            end.run(scope, at);
        }
        if let Some(end) = &mut self.output {
            end.run(scope, at);
        }
        Control::Continue
    }
}

impl InputEnd {
    fn run(&mut self, scope: &ProcessScope, at: CardTime) {
        if let [port] = &self.ports[..] {
            return self.callback.run(port.as_slice(scope), at, |sample| sample);
        }
        let channels = self.ports.len();
        let Some(block) = self.scratch.get_mut(..scope.n_frames() as usize * channels) else { return };
        for (n, port) in self.ports.iter().enumerate() {
            let of_port = block.iter_mut().skip(n).step_by(channels);
            of_port.zip(port.as_slice(scope)).for_each(|(to, from)| *to = *from);
        }
        self.callback.run(block, at, |sample| sample);
    }
}

impl OutputEnd {
    fn run(&mut self, scope: &ProcessScope, at: CardTime) {
        let channels = self.ports.len();
        let fits = scope.n_frames() as usize * channels <= self.scratch.len();
        let block = if fits { &mut self.scratch[..scope.n_frames() as usize * channels] } else { &mut [] };
        if fits {
            self.callback.run(block, at, |sample| sample);
        }
        for (n, port) in self.ports.iter_mut().enumerate() {
            // The server does not clear what it gives.
            let of_port = block.iter().skip(n).step_by(channels).copied().chain(std::iter::repeat(0.0));
            port.as_mut_slice(scope).iter_mut().zip(of_port).for_each(|(to, from)| *to = from);
        }
    }
}

/// What the server says besides.
struct Notices {
    ears: Ears,
    gone: Arc<AtomicBool>,
    rate_hz: Frames,
}

impl Notices {
    fn fail(&self, trouble: impl Fn() -> CardTrouble) {
        for (direction, ear) in [Direction::Input, Direction::Output].into_iter().zip(&*ears(&self.ears)) {
            let Some(Ear { to, generation, .. }) = ear else { continue };
            // Full means that it was said before.
            let _ = to.try_send(EndFailure { direction, generation: *generation, trouble: trouble() });
        }
    }
}

impl NotificationHandler for Notices {
    #[expect(unsafe_code, reason = "the trait declares it so; nothing unsafe is in it")]
    unsafe fn shutdown(&mut self, _: ClientStatus, _: &str) {
        self.gone.store(true, Relaxed);
        self.fail(|| CardTrouble::ServerGone);
    }

    fn sample_rate(&mut self, _: &Client, rate_hz: Frames) -> Control {
        // It is told once in the beginning, too.
        if rate_hz != self.rate_hz {
            self.gone.store(true, Relaxed);
            self.fail(|| CardTrouble::Changed(format!("{rate_hz} Hz now")));
        }
        Control::Continue
    }

    fn xrun(&mut self, _: &Client) -> Control {
        ears(&self.ears).iter().flatten().for_each(|ear| ear.counters.count_xrun());
        Control::Continue
    }
}

fn ears(ears: &Ears) -> MutexGuard<'_, [Option<Ear>; 2]> {
    ears.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn trouble(error: Error) -> CardTrouble {
    match error {
        Error::LibraryError(_) => CardTrouble::NoServer,
        Error::ClientError(status) if status.contains(ClientStatus::SERVER_FAILED) => CardTrouble::NoServer,
        other => CardTrouble::Other(other.to_string()),
    }
}

/// Samples per channel in the longest period of any server; a longer one is silence.
const BLOCK_OF_SERVER_MAX: usize = 8_192;

/// Ends on their way to the callback: two at once, and the two that they replace.
const CHANGES_MAX: usize = 8;

/// How long the callback may take to hand an end back: the longest period twice, and then some.
const TAKE_OUT_MAX: Duration = Duration::from_millis(500);

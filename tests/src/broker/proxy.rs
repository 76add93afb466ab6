//! A TCP proxy in front of a broker that cuts connections when it is told to, or at a request.

use std::collections::{BTreeSet, HashSet};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::PATIENCE;

/// Ports below those that the kernel gives to clients, which would take them while nobody listens.
const PORTS: std::ops::Range<u16> = 10_000..30_000;

/// A proxy; connections go through it unhindered until somebody says otherwise.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// A proxy that goes back to the broker's others, healed, when this is dropped.
pub struct Lease {
    proxy: Option<Proxy>,
    back: Sender<Proxy>,
}

/// Requests that cut connections, by their numbers in Kafka's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Api {
    Produce = 0,
    Fetch = 1,
    Metadata = 3,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    InitProducerId = 22,
    AddPartitionsToTxn = 24,
    AddOffsetsToTxn = 25,
    EndTxn = 26,
    TxnOffsetCommit = 28,
}

/// When a request cuts the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the broker hears of it.
    Request,
    /// When the broker has done it, before the client hears of that.
    Response,
}

struct Shared {
    behind: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    mode: Mode,
    listening: bool,
    delay: Duration,
    trap: Option<(Api, Moment)>,
    connections: Vec<TcpStream>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    Stalled,
    Cut,
    Over,
}

/// One connection, seen by the thread that passes on what the client sends.
struct Requests {
    client: TcpStream,
    broker: TcpStream,
    /// Correlation ids of the requests whose answers cut the connections.
    awaited: Arc<Mutex<HashSet<i32>>>,
}

impl Proxy {
    pub(super) fn new(listener: TcpListener, behind: SocketAddr) -> Self {
        let state = State {
            mode: Mode::Open,
            listening: true,
            delay: Duration::ZERO,
            trap: None,
            connections: Vec::new(),
        };
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { behind, state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(listener, address, &accepting));
        Self { address, shared }
    }

    /// Where it listens: `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Closes all connections and refuses new ones. When this returns, it is so.
    pub fn cut(&self) {
        self.shared.cut();
        self.wait_for(|state| !state.listening);
    }

    /// Keeps connections open and accepts new ones, but passes nothing on.
    pub fn stall(&self) {
        self.shared.set(|state| state.mode = Mode::Stalled);
    }

    /// Passes everything on again, and no trap is set.
    pub fn heal(&self) {
        self.shared.set(|state| {
            (state.mode, state.delay, state.trap) = (Mode::Open, Duration::ZERO, None);
        });
        self.wait_for(|state| state.listening);
    }

    /// Each answer of the broker comes later by this.
    pub fn delay(&self, delay: Duration) {
        self.shared.set(|state| state.delay = delay);
    }

    /// Cuts, once, at the next request of this kind.
    pub fn cut_at(&self, api: Api, moment: Moment) {
        self.shared.set(|state| state.trap = Some((api, moment)));
    }

    /// Waits until a request has cut.
    pub fn await_cut(&self) {
        self.wait_for(|state| !state.listening);
    }

    fn wait_for(&self, done: impl Fn(&State) -> bool) {
        let state = self.shared.lock();
        let waited =
            self.shared.changed.wait_timeout_while(state, PATIENCE, |state| !done(state)).unwrap();
        assert!(!waited.1.timed_out(), "waited in vain for the proxy");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.end(Mode::Over);
    }
}

impl Lease {
    pub(super) fn new(proxy: Proxy, back: Sender<Proxy>) -> Self {
        Self { proxy: Some(proxy), back }
    }
}

impl Deref for Lease {
    type Target = Proxy;

    fn deref(&self) -> &Proxy {
        self.proxy.as_ref().unwrap()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let proxy = self.proxy.take().unwrap();
        if thread::panicking() {
            // The test has failed already: what it says of itself is worth more than this proxy.
            return;
        }
        proxy.cut();
        proxy.heal();
        // The broker may be gone already.
        let _ = self.back.send(proxy);
    }
}

/// A listener on a port that is free and that no other proxy has had, also not one that is cut.
pub(super) fn listen() -> TcpListener {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = rand::random_range(PORTS);
        if !TAKEN.lock().unwrap().insert(port) {
            continue;
        }
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener;
        }
    }
}

/// Listens again on a proxy's port, which somebody else may have for a moment.
fn listen_at(address: SocketAddr) -> TcpListener {
    let start = Instant::now();
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error) if start.elapsed() > PATIENCE => {
                panic!("the proxy can't listen on {address} again: {error}")
            }
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that failed while it held the lock has left nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn cut(&self) {
        self.end(Mode::Cut);
    }

    fn end(&self, mode: Mode) {
        self.set(|state| {
            state.mode = mode;
            state.trap = None;
            for connection in state.connections.drain(..) {
                // The other side may have closed it.
                let _ = connection.shutdown(Shutdown::Both);
            }
        });
    }

    /// Waits while nothing is passed on; what the broker answers waits for the delay, too.
    fn pass(&self, answer: bool) -> io::Result<()> {
        let state = self.lock();
        let delay = state.delay;
        let state = self.changed.wait_while(state, |state| state.mode == Mode::Stalled).unwrap();
        if matches!(state.mode, Mode::Cut | Mode::Over) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        drop(state);
        if answer && !delay.is_zero() {
            thread::sleep(delay);
        }
        Ok(())
    }
}

/// Accepts connections until the proxy is over.
fn accept(mut listener: TcpListener, address: SocketAddr, shared: &Arc<Shared>) {
    listener.set_nonblocking(true).unwrap();
    loop {
        let mode = shared.lock().mode;
        match (mode, listener.accept()) {
            (Mode::Over, _) => return,
            (Mode::Cut, _) => {
                // Only a port that nobody listens on refuses connections.
                drop(listener);
                shared.set(|state| state.listening = false);
                let state = shared.lock();
                drop(shared.changed.wait_while(state, |state| state.mode == Mode::Cut).unwrap());
                listener = listen_at(address);
                listener.set_nonblocking(true).unwrap();
                shared.set(|state| state.listening = true);
            }
            (Mode::Open | Mode::Stalled, Ok((client, _))) => connect(client, shared),
            (Mode::Open | Mode::Stalled, Err(_)) => {
                // Nobody is there: look again soon, or at once if something changes.
                let state = shared.lock();
                if state.mode == mode {
                    drop(shared.changed.wait_timeout(state, Duration::from_millis(5)).unwrap());
                }
            }
        }
    }
}

/// Passes on what the client and the broker say to each other, in two threads.
fn connect(client: TcpStream, shared: &Arc<Shared>) {
    // A broker that is away: the client sees its connection closed.
    let Ok(broker) = TcpStream::connect(shared.behind) else { return };
    client.set_nonblocking(false).unwrap();
    client.set_nodelay(true).unwrap();
    broker.set_nodelay(true).unwrap();
    let mut state = shared.lock();
    if matches!(state.mode, Mode::Cut | Mode::Over) {
        return;
    }
    for stream in [&client, &broker] {
        state.connections.push(stream.try_clone().unwrap());
    }
    drop(state);
    let awaited = Arc::default();
    let requests = Requests {
        client: client.try_clone().unwrap(),
        broker: broker.try_clone().unwrap(),
        awaited: Arc::clone(&awaited),
    };
    let pass_on = Arc::clone(shared);
    thread::spawn(move || {
        // Whatever ends one direction ends both.
        let _ = pass_requests(&requests, &pass_on);
        let _ = requests.client.shutdown(Shutdown::Both);
        let _ = requests.broker.shutdown(Shutdown::Both);
    });
    let pass_on = Arc::clone(shared);
    thread::spawn(move || {
        let _ = pass_answers(&client, &broker, &awaited, &pass_on);
        let _ = client.shutdown(Shutdown::Both);
        let _ = broker.shutdown(Shutdown::Both);
    });
}

fn pass_requests(requests: &Requests, shared: &Shared) -> io::Result<()> {
    let mut frame = Vec::new();
    loop {
        read_frame(&requests.client, &mut frame)?;
        shared.pass(false)?;
        // A request begins with its kind, its version and its correlation id.
        let api = u16::from_be_bytes([frame[4], frame[5]]);
        let trap = {
            let mut state = shared.lock();
            state.trap.take_if(|(trap, _)| *trap as u16 == api)
        };
        match trap {
            Some((_, Moment::Request)) => {
                shared.cut();
                return Ok(());
            }
            Some((_, Moment::Response)) => {
                requests.awaited.lock().unwrap().insert(integer(&frame[8..]));
            }
            None => {}
        }
        (&requests.broker).write_all(&frame)?;
    }
}

fn pass_answers(
    client: &TcpStream,
    broker: &TcpStream,
    awaited: &Mutex<HashSet<i32>>,
    shared: &Shared,
) -> io::Result<()> {
    let mut frame = Vec::new();
    loop {
        read_frame(broker, &mut frame)?;
        shared.pass(true)?;
        // An answer begins with the correlation id of its request.
        if awaited.lock().unwrap().contains(&integer(&frame[4..])) {
            shared.cut();
            return Ok(());
        }
        let mut client = client;
        client.write_all(&frame)?;
    }
}

/// The next request or answer with its length before it.
fn read_frame(mut stream: &TcpStream, frame: &mut Vec<u8>) -> io::Result<()> {
    frame.resize(4, 0);
    stream.read_exact(frame)?;
    let length = usize::try_from(integer(frame)).map_err(io::Error::other)?;
    frame.resize(4 + length, 0);
    stream.read_exact(&mut frame[4..])
}

fn integer(bytes: &[u8]) -> i32 {
    i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

//! A real Kafka broker, run by `scripts/kafka`; it ends with this process, however that ends.

mod client;
mod proxy;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use tempfile::Builder;

pub use client::{Isolation, Message, Outcome, Record};
pub use proxy::{Api, Lease, Moment, Proxy};

/// Proxies in front of each broker.
const PROXIES: usize = 4;

/// Whatever takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Without the compiler that takes its time: a test's broker mostly starts.
const QUICK_START: &str = "-XX:TieredStopAtLevel=1";

/// One broker on loopback, with proxies in front of it.
///
/// Its clients must not assume that it is theirs alone: names of topics, groups and transactional
/// ids come from [`unique`].
pub struct Broker {
    shared: bool,
    directory: PathBuf,
    address: String,
    script: Mutex<Script>,
    proxies: (Sender<Proxy>, Receiver<Proxy>),
}

/// `scripts/kafka serve`: a command in, a line out.
struct Script {
    process: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Broker {
    /// The broker of all tests of this process: nobody may stop it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| Self::run(true, QUICK_START))
    }

    /// A broker to stop, kill or pause. It takes a second to start, and 300 MB of memory.
    pub fn own() -> Self {
        Self::run(false, QUICK_START)
    }

    /// A broker that is as fast as can be once it has run for some time.
    pub fn for_benchmarks() -> Self {
        Self::run(false, "")
    }

    fn run(shared: bool, options: &str) -> Self {
        let directory = Builder::new().prefix("millrace-kafka-").tempdir().unwrap().keep();
        let listeners: Vec<_> = (0..PROXIES).map(|_| proxy::listen()).collect();
        let mut serve = script(&["serve", directory.to_str().unwrap()]);
        serve.args(listeners.iter().map(|l| l.local_addr().unwrap().port().to_string()));
        // Whoever interrupts the tests interrupts this process, which ends the script's input.
        serve.process_group(0).env("KAFKA_JVM", options);
        let mut process = serve.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let commands = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().unwrap());
        let mut script = Script { process, commands, answers };

        let answer = script.ask("start");
        let mut addresses = answer.split(' ');
        let address = addresses.next().unwrap().to_owned();
        let proxies = unbounded();
        for (listener, port) in listeners.into_iter().zip(addresses) {
            let behind = SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
            proxies.0.send(Proxy::new(listener, behind)).unwrap();
        }
        Self { shared, directory, address, script: Mutex::new(script), proxies }
    }

    /// Where it listens: `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A proxy of one's own in front of the broker; waits if others have them all.
    pub fn proxy(&self) -> Lease {
        Lease::new(self.proxies.1.recv_timeout(PATIENCE).unwrap(), self.proxies.0.clone())
    }

    /// Starts it again on the same port and data.
    pub fn start(&self) {
        self.ask("start");
    }

    /// Stops it in good order.
    pub fn stop(&self) {
        self.ask("stop");
    }

    /// `kill -9`.
    pub fn kill(&self) {
        self.ask("kill");
    }

    /// Lets it stand still with all its connections open.
    pub fn pause(&self) {
        self.ask("pause");
    }

    pub fn resume(&self) {
        self.ask("resume");
    }

    /// What it has logged since its last start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("broker.log")).unwrap()
    }

    fn ask(&self, command: &str) {
        assert!(!self.shared, "others use this broker, too");
        self.script.lock().unwrap().ask(command);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let script = match self.script.get_mut() {
            Ok(script) => script,
            Err(poisoned) => poisoned.into_inner(),
        };
        script.commands = None;
        let _ = script.process.wait();
    }
}

impl Script {
    fn ask(&mut self, command: &str) -> String {
        writeln!(self.commands.as_ref().unwrap(), "{command}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert!(answer.ends_with('\n'), "`scripts/kafka` can't {command}: see above");
        answer.trim_end().to_owned()
    }
}

/// A name that nothing else in this process has.
pub fn unique(name: &str) -> String {
    static NAMES: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}", NAMES.fetch_add(1, Ordering::Relaxed))
}

fn script(arguments: &[&str]) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("scripts/kafka");
    let mut command = Command::new(path);
    command.args(arguments);
    command
}

/// Looks again and again until `done`; who waits in vain fails.
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

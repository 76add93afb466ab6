//! TCP connections: one that we make, or any number that are made to us.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::stream::{Chunk, StreamReader, channel, pump};
use super::{Activity, OpenContext, Poll, Position, Positions, Source};
use crate::batch::Partition;
use crate::config::SocketConfig;
use crate::error::{Error, Result};

/// So many connections are served at a time; the next ones wait.
const CONNECTIONS_MAX: usize = 256;

/// Connects, or begins to listen.
///
/// # Errors
/// `Unavailable` if the address does not answer or can't be listened on.
pub fn open(name: &str, config: &SocketConfig, context: &OpenContext) -> Result<SocketReader> {
    let (sender, arriving) = bounded(CONNECTIONS_MAX);
    let stop = Arc::new(AtomicBool::new(false));
    let ends = match (&config.connect, &config.listen) {
        (Some(address), _) => {
            let stream = TcpStream::connect(&**address).map_err(|e| {
                Error::unavailable(format!("cannot connect to {}", &**address)).with(e)
            })?;
            serve(&sender, address.to_string(), stream);
            true
        }
        (None, Some(address)) => {
            let listener = TcpListener::bind(&**address).map_err(|e| {
                Error::unavailable(format!("cannot listen on {}", &**address)).with(e)
            })?;
            listen(listener, sender, stop.clone(), address.to_string());
            false
        }
        (None, None) => return Err(Error::internal("a socket without an address")),
    };
    Ok(SocketReader {
        source: name.to_owned(),
        config: config.clone(),
        batch_rows: context.batch_rows,
        positions: context.positions.clone(),
        arriving,
        stop,
        ends,
        open: Vec::new(),
        next: 0,
        changed: Vec::new(),
    })
}

struct Connection {
    address: String,
    chunks: Receiver<Chunk>,
}

fn serve(arriving: &Sender<Connection>, address: String, stream: impl Read + Send + 'static) {
    let (sender, chunks) = channel();
    std::thread::spawn(move || pump(stream, &sender));
    // A closed channel means that the reader is gone; then nobody wants the connection.
    let _ = arriving.send(Connection { address, chunks });
}

fn listen(
    listener: TcpListener,
    arriving: Sender<Connection>,
    stop: Arc<AtomicBool>,
    address: String,
) {
    tracing::info!(address = %listener.local_addr().map_or(address.clone(), |a| a.to_string()), "listening");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if stop.load(Ordering::Acquire) {
                return;
            }
            if let Ok(stream) = stream {
                // All connections are one partition: a row's number counts over all of them.
                serve(&arriving, address.clone(), stream);
            }
        }
    });
}

/// Takes turns among the open connections.
pub struct SocketReader {
    source: String,
    config: SocketConfig,
    batch_rows: usize,
    positions: Positions,
    arriving: Receiver<Connection>,
    stop: Arc<AtomicBool>,
    /// Whether the source ends with its only connection.
    ends: bool,
    open: Vec<StreamReader>,
    next: usize,
    changed: Vec<(String, Position)>,
}

impl Source for SocketReader {
    fn poll(&mut self, wait: Duration) -> Result<Poll> {
        while let Ok(connection) = self.arriving.try_recv() {
            self.begin(connection);
        }
        for _ in 0..self.open.len() {
            self.next %= self.open.len();
            let at = self.next;
            match self.open[at].poll(Duration::ZERO) {
                Ok(Poll::Pending) => self.next += 1,
                Ok(Poll::Finished) | Err(_) if !self.ends => {
                    // A broken connection is the end of that connection, not of the source.
                    self.finish(at);
                    if self.open.is_empty() {
                        break;
                    }
                }
                Ok(Poll::Finished) => return Ok(Poll::Finished),
                other => {
                    self.next += 1;
                    return other;
                }
            }
        }
        match self.open.first_mut() {
            Some(only) if self.ends => only.poll(wait),
            _ => {
                std::thread::park_timeout(wait);
                Ok(Poll::Pending)
            }
        }
    }

    fn activity(&self) -> Activity {
        let reading = self.open.iter().flat_map(|connection| connection.activity().reading);
        Activity { reading: reading.collect(), unread: false }
    }

    fn barrier(&mut self) -> Vec<(String, Position)> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.extend(self.open.iter_mut().flat_map(StreamReader::barrier));
        for (name, position) in &changed {
            self.positions.insert(name.clone(), *position);
        }
        changed
    }
}

impl SocketReader {
    fn begin(&mut self, connection: Connection) {
        let partition = Partition { source: self.source.clone(), name: connection.address };
        let (format, csv) = (self.config.format, &self.config.csv);
        let (rows, positions, chunks) = (self.batch_rows, &self.positions, connection.chunks);
        self.open.push(StreamReader::new(partition, format, csv, rows, positions, chunks));
    }

    fn finish(&mut self, at: usize) {
        let mut ended = self.open.remove(at);
        for (name, position) in ended.barrier() {
            self.positions.insert(name.clone(), position);
            self.changed.push((name, position));
        }
    }
}

impl Drop for SocketReader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // The listening thread waits for a connection: give it one, so that it sees `stop`.
        if let Some(address) = &self.config.listen {
            let _ = TcpStream::connect(&**address);
        }
    }
}

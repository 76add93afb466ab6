//! The server: a thread of its own, so that a pipeline starts no later and runs no slower for it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::describe;
use super::desk::{Desk, Run};
use super::guard::Guard;
use super::progress::ProgressLog;
use super::registry::{Entry, Registration};
use super::routes;
use super::token::{self, Token, VARIABLE};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{Remote, Status};
use crate::plan::{ApiPlan, Plan};

/// So many connections at a time; the next ones wait.
const CONNECTIONS_MAX: usize = 64;
/// So many requests at a time that wait for the job.
const WAITING_MAX: usize = 16;
/// After the end of the job, answers that are under way get so long.
const FAREWELL: Duration = Duration::from_secs(1);

/// An address that is taken, before anything runs.
pub struct Api {
    listener: StdListener,
    /// For programs on this machine.
    pub url: String,
    token: Option<Token>,
    token_file: Option<PathBuf>,
}

/// What is asked about.
pub struct Served {
    pub plan: Arc<Plan>,
    pub status: Arc<Status>,
    pub remote: Remote,
    /// The pipeline file.
    pub file: PathBuf,
}

/// Answers until it is dropped.
pub struct Running {
    pub log: Arc<ProgressLog>,
    desk: Arc<Desk>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Api {
    /// Takes the address.
    ///
    /// # Errors
    /// `Config` if other machines could reach it and there is no token, or it is none of this
    /// machine's addresses; `Unavailable` if somebody has it.
    pub fn bind(plan: &ApiPlan) -> Result<Self> {
        let token = token::find(plan.token_file.as_deref())?;
        let listen = plan.listen;
        if !listen.ip().is_loopback() && token.is_none() {
            return Err(Error::config(format!(
                "the API would listen on {listen}, where other machines can reach it, without a \
                 token: put one into the environment variable {VARIABLE}, or into a file that \
                 [api] token_file or --token-file names; or listen on 127.0.0.1"
            )));
        }
        let listener = StdListener::bind(listen).map_err(|e| refused(listen, e))?;
        listener.set_nonblocking(true).map_err(|e| refused(listen, e))?;
        let own = listener.local_addr().map_err(|e| refused(listen, e))?;
        let url = format!("http://{}", reachable(own));
        let token = token.as_deref().map(Token::new);
        let token_file = plan.token_file.clone().filter(|_| std::env::var_os(VARIABLE).is_none());
        Ok(Self { listener, url, token, token_file })
    }

    /// Begins to answer, in the background.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn serve(self, served: Served) -> Result<Running> {
        let run = Run {
            id: describe::random_uuid(),
            file: std::path::absolute(&served.file).unwrap_or(served.file),
            started: describe::time(SystemTime::now()),
            since: Instant::now(),
        };
        let log = Arc::new(ProgressLog::new(&run.id, served.status.clone()));
        let desk = Arc::new(Desk {
            plan: served.plan,
            status: served.status,
            log: log.clone(),
            remote: served.remote,
            run,
            ended: AtomicBool::new(false),
        });
        let entry = Entry {
            name: desk.plan.name.clone(),
            pid: std::process::id(),
            url: self.url.clone(),
            run_id: desk.run.id.clone(),
            file: desk.run.file.clone(),
            checkpoint: whole(&desk.plan.checkpoint.directory),
            started: desk.run.started.clone(),
            token_file: self.token_file.as_deref().map(whole),
        };
        let (stop, stopped) = oneshot::channel();
        let own = desk.clone();
        let work = move || {
            if let Err(error) = self.run(own, entry, stopped) {
                tracing::warn!(%error, "the API does not answer");
            }
        };
        let thread = std::thread::Builder::new().name("api".to_owned()).spawn(work);
        let thread = thread.map_err(|e| Error::unavailable("cannot start a thread").with(e))?;
        Ok(Running { log, desk, stop: Some(stop), thread: Some(thread) })
    }

    fn run(self, desk: Arc<Desk>, entry: Entry, stopped: oneshot::Receiver<()>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("api")
            .max_blocking_threads(WAITING_MAX)
            .build()?;
        let status = desk.status.clone();
        // Nobody must find this process under a checkpoint that another one has.
        let register = move || status.wait_for_claim().then(|| Registration::make(&entry));
        let registered = runtime.spawn_blocking(register);
        let guard = Guard { token: self.token };
        let served = runtime.block_on(async move {
            let listener = TcpListener::from_std(self.listener)?;
            let listener = Bounded { listener, free: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
            let router = routes::router(desk, guard);
            let (over, mut is_over) = oneshot::channel();
            let shutdown = async move {
                // The sender's end says the same.
                let _ = stopped.await;
                let _ = over.send(());
            };
            let serving = axum::serve(listener, router).with_graceful_shutdown(shutdown);
            let serving = std::future::IntoFuture::into_future(serving);
            let farewell = async {
                let _ = (&mut is_over).await;
                tokio::time::sleep(FAREWELL).await;
            };
            tokio::select! {
                served = serving => served,
                () = farewell => Ok(()),
            }
        });
        drop(runtime.block_on(registered));
        runtime.shutdown_background();
        served
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.desk.ended.store(true, Ordering::Release);
        self.desk.status.ended();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // What it panicked with was printed.
            let _ = thread.join();
        }
    }
}

fn refused(listen: SocketAddr, error: io::Error) -> Error {
    let (kind, what) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            ErrorKind::Unavailable,
            "somebody listens there: name another port, or none for any that is free",
        ),
        io::ErrorKind::PermissionDenied => (
            ErrorKind::Config,
            "that is not allowed: name a port above 1023, or none for any that is free",
        ),
        _ => (ErrorKind::Config, "name an address of this machine, or go without: --no-api"),
    };
    Error::new(kind, format!("the API cannot listen on {listen}; {what}")).with(error)
}

/// The address as programs on this machine reach it.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A listener with a bound on its connections.
struct Bounded {
    listener: TcpListener,
    free: Arc<Semaphore>,
}

/// A connection, and the place that it takes.
struct Connection {
    stream: TcpStream,
    _place: Option<OwnedSemaphorePermit>,
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // Nobody closes the semaphore.
        let place = self.free.clone().acquire_owned().await.ok();
        let (stream, from) = Listener::accept(&mut self.listener).await;
        (Connection { stream, _place: place }, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

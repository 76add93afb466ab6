//! The other side: commands that ask a running pipeline.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::failure::Failure;
use super::registry::{self, Entry, is_alive};
use super::routes::Health;
use super::token;
use crate::checkpoint::Lock;
use crate::diagnostic::suggest;
use crate::error::{Error, Result};
use crate::pipeline;

/// Whoever has not taken the connection within this time does not answer.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// So much of an answer that is no stream is read.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Asks one running pipeline.
pub struct Client {
    pub url: String,
    /// The pipeline's entry; `None` if it was named by its address.
    pub entry: Option<Entry>,
    agent: Agent,
    token: Option<String>,
}

/// What became of an entry.
enum Look {
    Runs,
    /// Nobody answers there.
    Gone,
    /// Somebody is there who says nothing.
    Silent(String),
}

/// The running pipeline that `target` names: by its name, its file, or the address of its API.
///
/// # Errors
/// `Unavailable` if it does not run; `Config` if it has no API, or there are several.
pub fn find(target: &str, token_file: Option<&Path>) -> Result<Client> {
    if target.starts_with("http://") || target.starts_with("https://") {
        return Client::at(target, None, token_file);
    }
    let path = Path::new(target);
    let is_path = path.extension().is_some_and(|end| end == "toml") || target.contains('/');
    let entry = if is_path { of_file(path)? } else { of_name(target)? };
    let url = entry.url.clone();
    Client::at(&url, Some(entry), token_file)
}

/// The pipelines of this user that run, by name.
pub fn running() -> Vec<Entry> {
    let alive = |(path, entry): (PathBuf, Entry)| match look(&entry) {
        Look::Runs | Look::Silent(_) => Some(entry),
        Look::Gone => {
            // What a process has left that was killed. One that can't be seen from here, such as in
            // a container, may still have its checkpoint.
            if !is_alive(entry.pid) && !Lock::is_taken(&entry.checkpoint) {
                let _ = std::fs::remove_file(path);
            }
            None
        }
    };
    registry::all().into_iter().filter_map(alive).collect()
}

fn of_file(file: &Path) -> Result<Entry> {
    let checkpoint = pipeline::checkpoint_directory(file)?;
    let runs = || Lock::is_taken(&checkpoint);
    let shown = file.display();
    let Some(entry) = registry::of_checkpoint(&checkpoint) else {
        return Err(match runs() {
            true => Error::config(format!(
                "the pipeline of {shown} runs without an API: start it again without --no-api, \
                 and with `enabled` not false in [api]"
            )),
            false => Error::unavailable(format!(
                "the pipeline of {shown} is not running: start it with `millrace run {shown}`"
            )),
        });
    };
    match look(&entry) {
        Look::Runs => Ok(entry),
        Look::Gone if !runs() => Err(Error::unavailable(format!(
            "the pipeline of {shown} is not running: process {} has ended without a word. Start it \
             again with `millrace run {shown}`; it goes on at its last checkpoint",
            entry.pid
        ))),
        Look::Gone => Err(Error::unavailable(format!(
            "the pipeline of {shown} runs, and nobody answers at {} any more: it is starting or \
             ending; ask again",
            entry.url
        ))),
        Look::Silent(why) => Err(silent(&entry, &why)),
    }
}

fn of_name(name: &str) -> Result<Entry> {
    let all = running();
    let mut named: Vec<&Entry> = all.iter().filter(|entry| entry.name == name).collect();
    match named.as_slice() {
        [only] => match look(only) {
            Look::Silent(why) => Err(silent(only, &why)),
            Look::Runs | Look::Gone => Ok((*only).clone()),
        },
        [] => {
            let names = all.iter().map(|entry| entry.name.as_str());
            let near = suggest(name, names.clone());
            let names: Vec<&str> = names.collect();
            let help = match (near, names.is_empty()) {
                (Some(near), _) => near,
                (None, false) => format!("there are: {}", names.join(", ")),
                (None, true) => "none is; `millrace run FILE` starts one".to_owned(),
            };
            Err(Error::unavailable(format!("no pipeline `{name}` of this user is running; {help}")))
        }
        _ => {
            named.sort_by_key(|entry| entry.pid);
            let each = |entry: &&Entry| {
                let file = entry.file.display();
                format!("\n  {file}  (process {}, {})", entry.pid, entry.url)
            };
            let each: String = named.iter().map(each).collect();
            Err(Error::config(format!(
                "{} pipelines `{name}` are running; say which one by its file or its address:{each}",
                named.len()
            )))
        }
    }
}

fn silent(entry: &Entry, why: &str) -> Error {
    let (name, pid, url) = (&entry.name, entry.pid, &entry.url);
    Error::unavailable(format!("`{name}` (process {pid}) does not answer at {url}: {why}"))
}

/// Whether the run of the entry still answers at its address, and not somebody else by now.
fn look(entry: &Entry) -> Look {
    let asked = agent(Some(CONNECT_MAX)).get(format!("{}/health", entry.url)).call();
    match asked.map(|mut answer| answer.body_mut().read_json::<Health>()) {
        Ok(Ok(health)) if health.run_id == entry.run_id => Look::Runs,
        Ok(_) => Look::Gone,
        Err(ureq::Error::Timeout(_)) if is_alive(entry.pid) => {
            Look::Silent(format!("no answer within {CONNECT_MAX:?}"))
        }
        Err(_) => Look::Gone,
    }
}

fn agent(within: Option<Duration>) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_MAX))
        .timeout_global(within)
        // What is asked is mostly on this machine.
        .proxy(None)
        .build();
    config.new_agent()
}

impl Client {
    fn at(url: &str, entry: Option<Entry>, token_file: Option<&Path>) -> Result<Self> {
        let known = entry.as_ref().and_then(|entry| entry.token_file.clone());
        let token = match token_file {
            Some(file) => Some(token::read(file)?),
            // Who may not read the file is told by the pipeline that it wants a token.
            None => token::find(None)?.or_else(|| token::read(&known?).ok()),
        };
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { url, entry, agent: agent(None), token })
    }

    /// What the pipeline answers.
    ///
    /// # Errors
    /// `Unavailable` if it does not; else what it says.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.json(self.agent.get(self.path(path)), path)
    }

    /// What the pipeline answers to an order.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        let mut request = self.agent.post(self.path(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        self.read(request.send_json(body), path)
    }

    /// The lines of a stream, each as it comes.
    ///
    /// # Errors
    /// As [`get`](Self::get), and those of `out`.
    pub fn lines(&self, path: &str, out: &mut dyn FnMut(&str) -> Result<bool>) -> Result<()> {
        let answer = self.call(self.agent.get(self.path(path)));
        let answer = self.good(answer, path)?;
        for line in BufReader::new(answer.into_body().into_reader()).lines() {
            let line = line.map_err(|e| self.lost(path, &e.to_string()))?;
            if !out(&line)? {
                break;
            }
        }
        Ok(())
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn call(
        &self,
        mut request: ureq::RequestBuilder<ureq::typestate::WithoutBody>,
    ) -> std::result::Result<Response<Body>, ureq::Error> {
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        request.call()
    }

    fn json<T: DeserializeOwned>(
        &self,
        request: ureq::RequestBuilder<ureq::typestate::WithoutBody>,
        path: &str,
    ) -> Result<T> {
        let answer = self.call(request);
        self.read(answer, path)
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: std::result::Result<Response<Body>, ureq::Error>,
        path: &str,
    ) -> Result<T> {
        let answer = self.good(answer, path)?;
        let reader = answer.into_body().into_reader().take(ANSWER_BYTES_MAX);
        serde_json::from_reader(reader).map_err(|e| {
            let url = self.path(path);
            Error::config(format!("{url} answers what no pipeline does: is it another server?"))
                .with(e)
        })
    }

    /// The answer, if it is a good one.
    fn good(
        &self,
        answer: std::result::Result<Response<Body>, ureq::Error>,
        path: &str,
    ) -> Result<Response<Body>> {
        let answer = answer.map_err(|e| self.lost(path, &e.to_string()))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let reader = answer.into_body().into_reader().take(ANSWER_BYTES_MAX);
        Err(match serde_json::from_reader::<_, Failure>(reader) {
            Ok(failure) => failure.into_error(),
            Err(_) => Error::config(format!(
                "{} answers {status}: is it another server than a pipeline?",
                self.path(path)
            )),
        })
    }

    fn lost(&self, path: &str, why: &str) -> Error {
        Error::unavailable(format!("no answer from {}: {why}", self.path(path)))
    }
}

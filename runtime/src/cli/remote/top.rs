//! `millrace top`: a pipeline as it works, live in a terminal, or as it is now.

use std::io::{IsTerminal, Write, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, poll, read};
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, size,
};
use crossterm::{cursor, queue};
use serde_json::Value;

use super::swap::trial_text;
use super::{Target, count};
use crate::api::Client;
use crate::error::{Error, Result};
use crate::swap::TrialReport;

/// Columns and lines of a terminal that does not tell.
const UNKNOWN_SIZE: (u16, u16) = (120, 40);

#[derive(Args)]
pub struct TopArguments {
    #[command(flatten)]
    target: Target,
    /// Look so often.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    every: Duration,
}

/// Shows it until `q`, or once where there is no terminal.
pub fn top(arguments: &TopArguments) -> Result<ExitCode> {
    let client = arguments.target.client()?;
    if !stdout().is_terminal() {
        out!("{}", screen(&client.get("/v1/status")?, None));
        return Ok(ExitCode::SUCCESS);
    }
    let last = {
        let _raw = Raw::enter()?;
        watch(&client, arguments.every.max(Duration::from_millis(100)))
    };
    if let Ended::Lost(last, error) = last? {
        out!("{last}");
        eprintln!("the pipeline has ended, or starts anew: {error}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Why the screen is left.
enum Ended {
    /// The user has seen enough.
    Left,
    /// There is no answer any more; the last screen.
    Lost(String, Error),
}

fn watch(client: &Client, every: Duration) -> Result<Ended> {
    let mut before: Option<Value> = None;
    let mut shown = String::new();
    loop {
        let status: Value = match client.get("/v1/status") {
            Ok(status) => status,
            Err(error) if before.is_some() => return Ok(Ended::Lost(shown, error)),
            Err(error) => return Err(error),
        };
        shown = screen(&status, before.as_ref());
        draw(&shown).map_err(Error::from_io)?;
        before = Some(status);
        let due = Instant::now() + every;
        while poll(due.saturating_duration_since(Instant::now())).map_err(Error::from_io)? {
            match read().map_err(Error::from_io)? {
                Event::Key(key) if is_end(key) => return Ok(Ended::Left),
                Event::Resize(..) => draw(&shown).map_err(Error::from_io)?,
                _ => {}
            }
        }
    }
}

fn is_end(key: KeyEvent) -> bool {
    let interrupted = key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
    interrupted || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
}

fn draw(text: &str) -> std::io::Result<()> {
    // Some terminals do not know how large they are.
    let (width, height) = match size()? {
        (0, _) | (_, 0) => UNKNOWN_SIZE,
        known => known,
    };
    let mut out = stdout().lock();
    queue!(out, cursor::MoveTo(0, 0))?;
    for line in text.lines().take(usize::from(height).saturating_sub(1)) {
        let line: String = line.chars().take(usize::from(width)).collect();
        write!(out, "{line}")?;
        queue!(out, Clear(ClearType::UntilNewLine))?;
        write!(out, "\r\n")?;
    }
    queue!(out, Clear(ClearType::FromCursorDown))?;
    let help = "q: leave";
    queue!(out, cursor::MoveTo(0, height.saturating_sub(1)))?;
    write!(out, "{help}")?;
    out.flush()
}

/// A screen of its own, until it is dropped.
struct Raw;

impl Raw {
    fn enter() -> Result<Self> {
        enable_raw_mode().map_err(Error::from_io)?;
        let raw = Self;
        let mut out = stdout();
        queue!(out, EnterAlternateScreen, cursor::Hide).map_err(Error::from_io)?;
        Ok(raw)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let mut out = stdout();
        // What can't be undone here can't be undone at all.
        let _ = queue!(out, LeaveAlternateScreen, cursor::Show);
        let _ = out.flush();
        let _ = disable_raw_mode();
    }
}

/// A status as text. Rates are those since `before`, or of the last epoch without it.
pub fn screen(status: &Value, before: Option<&Value>) -> String {
    let mut text = String::new();
    let mut line = |new: String| {
        text.push_str(new.trim_end());
        text.push('\n');
    };
    let now = View(status);
    let seconds = before.map(|before| now.seconds_since(&View(before)));
    let rate = |path: &[&str]| {
        let (before, seconds) = (before?, seconds?);
        let rows = now.number(path).saturating_sub(View(before).number(path));
        Some(rows as f64 / seconds)
    };
    line(now.headline());
    if !status["counted"].is_null() {
        let totals = |name: &str| {
            let rate = rate(&["counted", name]).or_else(|| match name {
                "rows_in" => status["counted"]["rows_in_per_second"].as_f64(),
                _ => None,
            });
            let rate = rate.map(|rate| format!(" ({}/s)", count(rate as u64))).unwrap_or_default();
            format!("{}{rate}", count(now.number(&["counted", name])))
        };
        let peak = status["counted"]["memory_peak_bytes"].as_u64();
        let peak = peak.map(|peak| format!("   memory at most {}", indicatif::BinaryBytes(peak)));
        line(format!(
            "in {}   out {}   errors {}{}{}",
            totals("rows_in"),
            totals("rows_out"),
            totals("errors"),
            now.behind(),
            peak.unwrap_or_default()
        ));
    }
    for down in status["readiness"]["down"].as_array().into_iter().flatten() {
        let node = down["node"].as_str().unwrap_or("the job");
        let since = Duration::from_secs(down["down_ms"].as_u64().unwrap_or_default() / 1000);
        let since = humantime::format_duration(since);
        line(format!("DOWN {node} for {since}: {}", down["reason"].as_str().unwrap_or_default()));
    }
    line(String::new());
    for row in now.nodes(&rate, seconds, before) {
        line(row);
    }
    for trial in status["trials"].as_array().into_iter().flatten() {
        if let Ok(trial) = serde_json::from_value::<TrialReport>(trial.clone()) {
            line(String::new());
            line(trial_text(&trial));
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// What a plugin takes, in a few words.
fn plugin(counted: &Value) -> Option<String> {
    let peak = indicatif::BinaryBytes(counted["memory_peak_bytes"].as_u64()?);
    let failures = counted["failures"].as_object();
    let failed: u64 = failures.into_iter().flatten().filter_map(|(_, calls)| calls.as_u64()).sum();
    let failed =
        if failed > 0 { format!(", {} calls failed", count(failed)) } else { String::new() };
    Some(format!("{} instances of at most {peak}{failed}", counted["instances"]))
}

/// An answer to GET /v1/status.
struct View<'a>(&'a Value);

impl View<'_> {
    fn number(&self, path: &[&str]) -> u64 {
        let found = path.iter().try_fold(self.0, |value, name| value.get(name));
        found.and_then(Value::as_u64).unwrap_or_default()
    }

    fn seconds_since(&self, before: &View) -> f64 {
        let elapsed = |view: &View| view.number(&["counted", "elapsed_ms"]);
        (elapsed(self).saturating_sub(elapsed(before)) as f64 / 1e3).max(1e-3)
    }

    fn headline(&self) -> String {
        let text = |name: &str| self.0[name].as_str().unwrap_or_default();
        let readiness = &self.0["readiness"];
        let phase = readiness["phase"].as_str().unwrap_or_default();
        let state = if readiness["ready"] == true { "ready" } else { "NOT READY" };
        let elapsed = Duration::from_secs(self.number(&["counted", "elapsed_ms"]) / 1000);
        let restarts = match readiness["restarts"].as_u64() {
            Some(restarts) if restarts > 0 => format!("   {restarts} restarts"),
            _ => String::new(),
        };
        format!(
            "{}   {phase}, {state}   epoch {}   up {}   process {}{restarts}   {}",
            text("pipeline"),
            count(self.number(&["counted", "epoch"])),
            humantime::format_duration(elapsed),
            self.0["pid"],
            text("file")
        )
    }

    /// How far sources are behind, all together.
    fn behind(&self) -> String {
        let sources = self.0["counted"]["sources"].as_object();
        let lags = sources.into_iter().flatten().filter_map(|(_, s)| s["records_lag"].as_u64());
        match lags.reduce(|a, b| a + b) {
            Some(lag) => format!("   behind {}", count(lag)),
            None => String::new(),
        }
    }

    /// A table of the nodes.
    fn nodes(
        &self,
        rate: &dyn Fn(&[&str]) -> Option<f64>,
        seconds: Option<f64>,
        before: Option<&Value>,
    ) -> Vec<String> {
        let graph = self.0["graph"].as_array();
        let graph: Vec<&Value> = graph.into_iter().flatten().collect();
        let name = |node: &Value| node["name"].as_str().unwrap_or_default().to_owned();
        let width = graph.iter().map(|node| name(node).len()).max().unwrap_or_default().max(4);
        let live = seconds.is_some();
        let (rates, busy) = if live { ("in/s", "busy") } else { ("", "busy ms") };
        let mut rows = vec![format!(
            "{:<width$} {:<11} {:>13} {rates:>9} {:>13} {busy:>8}  ports and event time",
            "node", "kind", "rows in", "rows out"
        )];
        for node in graph {
            let name = name(node);
            let counted = &self.0["counted"]["nodes"][&name];
            if counted.is_null() {
                rows.push(format!("{name:<width$} {}", node["kind"].as_str().unwrap_or_default()));
                continue;
            }
            let path = ["counted", "nodes", name.as_str()];
            let at = |field: &'static str| [path[0], path[1], path[2], field];
            let per_second = rate(&at("rows_in")).map(|rate| count(rate as u64));
            let busy = match (before, seconds) {
                (Some(before), Some(seconds)) => {
                    let busy = self.number(&at("busy_ms"));
                    let busy = busy.saturating_sub(View(before).number(&at("busy_ms")));
                    format!("{:.0}%", busy as f64 / seconds / 10.0)
                }
                _ => count(self.number(&at("busy_ms"))),
            };
            let ports: Vec<(&String, u64)> = counted["ports"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(port, rows)| (port, rows.as_u64().unwrap_or_default()))
                .collect();
            let out: u64 = ports.iter().map(|(_, rows)| rows).sum();
            // The way of dead letters is of no interest while there are none.
            let is_aside = node["kind"] == "letters" || name == "sink.dead_letters";
            if is_aside && self.number(&at("rows_in")) == 0 {
                continue;
            }
            let several = ports.iter().filter(|(port, rows)| *port != "main" && *rows > 0);
            let mut notes: Vec<String> =
                several.map(|(port, rows)| format!("{port} {}", count(*rows))).collect();
            if let Some(watermark) = counted["event_time"]["watermark"].as_str() {
                notes.push(format!("watermark {watermark}"));
            }
            if let Some(waiting) = counted["queue"]["waiting"].as_u64().filter(|rows| *rows > 0) {
                notes.push(format!("waiting {}", count(waiting)));
            }
            notes.extend(plugin(&counted["plugin"]));
            rows.push(format!(
                "{name:<width$} {:<11} {:>13} {:>9} {:>13} {busy:>8}  {}",
                node["kind"].as_str().unwrap_or_default(),
                count(self.number(&at("rows_in"))),
                per_second.unwrap_or_default(),
                count(out),
                notes.join("  ")
            ));
        }
        rows
    }
}

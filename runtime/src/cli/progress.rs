//! How a job is getting on, for people and for programs.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::error::Error;
use crate::job::{Observer, Progress, Summary};
use crate::metrics::Metrics;
use crate::plan::{NodeKind, Plan, SinkPlan, step_of};
use crate::query::Restarts;
use crate::report::{Report, Totals, behind};
use crate::time::Watermark;

/// Where progress goes: always to standard error, as rows may go to standard output.
pub struct Terminal {
    mode: Mode,
    last: Option<(Instant, u64)>,
}

enum Mode {
    Quiet,
    Json,
    Bar(ProgressBar),
    /// Not a terminal: a line now and then.
    Lines(Option<Instant>),
}

const LINE_EVERY: Duration = Duration::from_secs(10);

/// One line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Progress(Report<'a>),
    Restart { node: Option<&'a str>, error: String, delay_ms: u64 },
    End(Report<'a>),
}

impl Terminal {
    pub fn new(json: bool, quiet: bool) -> Self {
        let mode = match (json, quiet) {
            (true, _) => Mode::Json,
            (_, true) => Mode::Quiet,
            _ if std::io::stderr().is_terminal() => Mode::Bar(bar()),
            _ => Mode::Lines(None),
        };
        Self { mode, last: None }
    }

    /// Removes what is drawn.
    pub fn clear(&self) {
        if let Mode::Bar(bar) = &self.mode {
            bar.finish_and_clear();
        }
    }

    /// Rows per second since the last call.
    fn rate(&mut self, rows: u64, elapsed: Duration) -> f64 {
        let now = Instant::now();
        let (since, before) = match self.last {
            Some((at, before)) => (now - at, before),
            None => (elapsed, 0),
        };
        self.last = Some((now, rows));
        rows.saturating_sub(before) as f64 / since.as_secs_f64().max(1e-3)
    }

    pub fn summary(&self, plan: &Plan, summary: &Summary) {
        let totals = Totals::of(plan, &summary.metrics);
        let rate = totals.rows_in as f64 / summary.elapsed.as_secs_f64().max(1e-3);
        match &self.mode {
            Mode::Quiet => {}
            Mode::Json => {
                let (metrics, restarts) = (&summary.metrics, &summary.restarts);
                let at = (summary.epoch, summary.elapsed);
                json(&Line::End(Report::new(plan, metrics, restarts, at, rate)));
            }
            Mode::Bar(_) | Mode::Lines(_) => {
                eprint!("{}", text(plan, summary, &totals, rate));
            }
        }
    }
}

impl Observer for Terminal {
    fn progress(&mut self, progress: &Progress) {
        let totals = Totals::of(progress.plan, progress.metrics);
        let rate = self.rate(totals.rows_in, progress.elapsed);
        let line = format!(
            "epoch {}  in {}  out {}  errors {}  {}/s{}{}{}",
            progress.epoch,
            HumanCount(totals.rows_in),
            HumanCount(totals.rows_out),
            HumanCount(totals.errors),
            HumanCount(rate as u64),
            behind(progress.plan, progress.metrics).unwrap_or_default(),
            watermark(progress.metrics).unwrap_or_default(),
            troubles(progress)
        );
        match &mut self.mode {
            Mode::Quiet => {}
            Mode::Bar(bar) => bar.set_message(line),
            Mode::Lines(told) => {
                if told.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
                    *told = Some(Instant::now());
                    eprintln!("{}: {line}", progress.plan.name);
                }
            }
            Mode::Json => {
                let (plan, metrics) = (progress.plan, progress.metrics);
                let at = (progress.epoch, progress.elapsed);
                json(&Line::Progress(Report::new(plan, metrics, progress.restarts, at, rate)));
            }
        }
    }

    fn restart(&mut self, error: &Error, delay: Duration) {
        let node = error.node.as_deref().map(step_of);
        let at = node.map(|node| format!("{node}: ")).unwrap_or_default();
        let text = format!("{at}{error}; trying again in {delay:?} from the last checkpoint");
        match &self.mode {
            Mode::Bar(bar) => bar.suspend(|| eprintln!("warning: {text}")),
            Mode::Json => json(&Line::Restart {
                node,
                error: error.to_string(),
                delay_ms: delay.as_millis() as u64,
            }),
            Mode::Quiet | Mode::Lines(_) => eprintln!("warning: {text}"),
        }
    }
}

/// What is down, and how often the job started again.
fn troubles(progress: &Progress) -> String {
    let down = progress.metrics.nodes.iter().filter_map(|node| Some((node, node.health.get()?)));
    let mut text: String = down
        .map(|(node, down)| {
            let since = HumanDuration(down.since.elapsed());
            format!("  {} down for {since}: {}", step_of(&node.name), down.reason)
        })
        .collect();
    let waiting = waiting(progress.metrics);
    if waiting > 0 {
        text.push_str(&format!("  to come again: {}", HumanCount(waiting)));
    }
    let Restarts { count, last } = progress.restarts;
    if let Some(last) = last {
        let node = last.node.as_deref().unwrap_or("the job");
        text.push_str(&format!("  {count} restarts, last by {node}"));
    }
    text
}

/// How many rows wait to come to their steps again.
fn waiting(metrics: &Metrics) -> u64 {
    metrics.nodes.iter().map(|node| node.queue.waiting()).sum()
}

/// The lowest watermark of the pipeline, and who holds it back.
fn watermark(metrics: &Metrics) -> Option<String> {
    let times = metrics.nodes.iter().filter_map(|node| node.time.get());
    let lowest = times.filter(|(_, holder)| holder.is_some()).min_by_key(|(time, _)| *time)?;
    let (Watermark(micros), Some(holder)) = lowest else { return None };
    let time = jiff::Timestamp::from_microsecond(micros).ok()?;
    Some(format!("  watermark {time} ({}/{})", holder.source, holder.name))
}

fn text(plan: &Plan, summary: &Summary, totals: &Totals, rate: f64) -> String {
    let mut text = format!(
        "pipeline `{}` ended after epoch {}: {} rows in, {} out, {} errors, in {:.2?} ({}/s)\n",
        plan.name,
        summary.epoch,
        HumanCount(totals.rows_in),
        HumanCount(totals.rows_out),
        HumanCount(totals.errors),
        summary.elapsed,
        HumanCount(rate as u64)
    );
    for (node, counted) in plan.nodes.iter().zip(&summary.metrics.nodes) {
        let rows = counted.rows_in.get();
        match &node.kind {
            NodeKind::Sink(SinkPlan::File(file)) if file.dead_letters && rows > 0 => {
                let dead = "dead letters (`millrace dlq list` shows them)";
                text.push_str(&format!(
                    "  {dead:<24} {:>12} -> {}\n",
                    HumanCount(rows).to_string(),
                    file.directory.display()
                ));
            }
            NodeKind::Sink(SinkPlan::File(file)) => {
                let rows = HumanCount(rows).to_string();
                let path = file.directory.display();
                text.push_str(&format!("  {:<24} {rows:>12} -> {path}\n", node.name));
            }
            NodeKind::Sink(_) => {
                let rows = HumanCount(rows).to_string();
                text.push_str(&format!("  {:<24} {rows:>12}\n", node.name));
            }
            _ => {}
        }
    }
    let waiting = waiting(&summary.metrics);
    if waiting > 0 {
        let (rows, waiting) = ("to come again in the next run", HumanCount(waiting).to_string());
        text.push_str(&format!("  {rows:<24} {waiting:>7}\n"));
    }
    text
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn json(line: &Line) {
    // Counters and names always are JSON.
    if let Ok(text) = serde_json::to_string(line) {
        eprintln!("{text}");
    }
}

//! What a swap costs the stream: its pause, and a shadow beside it.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use millrace::job::{self, JobOptions, Remote};
use millrace::swap::{Bounds, Mode, SwapRequest, Verdict};
use millrace::tap::Look;
use serde_json::json;
use tempfile::TempDir;

use crate::live::{Watch, checked};
use crate::report::{Report, Target, median};

/// Swaps whose pause is measured, and stretches without one beside them.
const SWAPS: usize = 100;
/// The longest gap is looked for from the request until so long after it took effect.
const STRETCH: Duration = Duration::from_millis(60);
const KEYS: u64 = 1_000_000;
/// A share of the time, measured for so long in turns.
const SHADOW_TURN: Duration = Duration::from_secs(2);
const SHADOW_TURNS: usize = 5;

pub fn run(report: &mut Report) {
    pause(report, "pause at a swap, stateless", "tagged", "");
    let key = "key = \"k\"\n";
    pause(report, "pause at a swap, 1 million keys", "counter", key);
    shadow(report);
}

/// A pipeline that runs for as long as this lives.
struct Live {
    remote: Remote,
    look: Look,
    stop: Option<Sender<()>>,
    job: Option<JoinHandle<()>>,
    _directory: TempDir,
}

impl Live {
    fn start(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let pipeline = checked(directory.path(), text);
        let (stop, stopped) = bounded(1);
        let (remote, commands) = Remote::new();
        let mut options = JobOptions::new(stopped);
        options.replan = Some(pipeline.blueprint.clone());
        options.remote = (remote.clone(), commands);
        let (taps, tap) = bounded(1);
        let job = std::thread::spawn(move || {
            let mut watch = Watch::of("mark", taps);
            job::run(&pipeline.plan, &pipeline.plugins, &options, &mut watch).unwrap();
        });
        let look = Look::new(vec![tap.recv_timeout(Duration::from_secs(60)).unwrap()]);
        Self { remote, look, stop: Some(stop), job: Some(job), _directory: directory }
    }

    /// The longest time between two batches until `until`.
    fn longest_gap(&self, until: impl Fn() -> bool) -> Duration {
        let mut last = Instant::now();
        let mut longest = Duration::ZERO;
        while !until() {
            self.look.make_room(u64::MAX);
            if self.look.next(Duration::from_millis(1)).is_some() {
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
        }
        longest.max(last.elapsed())
    }

    /// The longest gap while `work` is done in another thread, and for a stretch after it.
    fn gap_during(&self, work: impl FnOnce() + Send) -> Duration {
        // What has come meanwhile was seen too late.
        while self.look.next(Duration::ZERO).is_some() {}
        std::thread::scope(|scope| {
            let done = scope.spawn(move || {
                work();
                Instant::now()
            });
            let mut longest = self.longest_gap(|| done.is_finished());
            let over = done.join().unwrap() + STRETCH;
            longest = longest.max(self.longest_gap(|| Instant::now() >= over));
            longest
        })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(job) = self.job.take() {
            job.join().unwrap();
        }
    }
}

fn text(plugin: &str, key: &str) -> String {
    format!(
        "parallelism = 1\n[checkpoint]\ninterval = \"1s\"\n\
         [source.rows]\ntype = \"generator\"\nfields = {{ id = {{ sequence = \"\" }} }}\n\
         [step.numbers]\nsql = \"SELECT cast(id AS bigint) AS n, \
         cast(id AS bigint) * 7919 % {KEYS} AS k FROM rows\"\n\
         [step.mark]\nfrom = \"numbers\"\nplugin = \"{plugin}\"\n{key}config = {{ tag = \"a\" }}\n\
         [sink.out]\ntype = \"null\"\nfrom = \"mark\"\n"
    )
}

fn swap_to(tag: &str) -> SwapRequest {
    SwapRequest {
        part: "mark".to_owned(),
        component: None,
        config: Some(json!({ "tag": tag })),
        mode: Mode::Full,
        bounds: Bounds { within_ms: 0, ..Bounds::default() },
        by: "bench".to_owned(),
    }
}

/// What a swap adds to the longest gap between two batches: the 99th percentile of stretches of time
/// with a swap, less that of stretches with the end of an epoch and without a swap.
fn pause(report: &mut Report, name: &str, plugin: &str, key: &str) {
    let live = Live::start(&text(plugin, key));
    if !key.is_empty() {
        // Until all keys are there.
        let all = Instant::now() + Duration::from_secs(8);
        live.longest_gap(|| Instant::now() >= all);
    }
    let (mut usual, mut swapping) = (Vec::new(), Vec::new());
    for number in 0..SWAPS {
        let epoch = || _ = live.remote.checkpoint().unwrap();
        usual.push(live.gap_during(epoch).as_secs_f64() * 1e3);
        let request = swap_to(["a", "b"][number % 2]);
        let swap = || drop(live.remote.swap(&request).unwrap());
        swapping.push(live.gap_during(swap).as_secs_f64() * 1e3);
    }
    usual.sort_by(f64::total_cmp);
    swapping.sort_by(f64::total_cmp);
    let p99 = |values: &[f64]| values[values.len() * 99 / 100];
    let detail = format!(
        "longest gap: p50 {:.1} ms with, {:.1} ms without; p99 {:.1} ms with, {:.1} ms without",
        swapping[swapping.len() / 2],
        usual[usual.len() / 2],
        p99(&swapping),
        p99(&usual)
    );
    let pause = (p99(&swapping) - p99(&usual)).max(0.0);
    report.add(name, pause, "ms", Target::AtMost(5.0), &detail);
}

/// How much longer a row takes with a shadow, by the time that the shadow's plugin takes itself.
fn shadow(report: &mut Report) {
    let live = Live::start(&text("tagged", ""));
    let rows_in = |time: Duration| {
        let end = Instant::now() + time;
        // From here on.
        live.look.missed();
        let started = Instant::now();
        while Instant::now() < end {
            live.look.make_room(0);
            std::thread::sleep(Duration::from_millis(5));
        }
        let rows = live.look.missed();
        started.elapsed().as_secs_f64() * 1e9 / rows as f64
    };
    let mut ratios = Vec::new();
    let mut detail = String::new();
    for _ in 0..SHADOW_TURNS {
        let alone = rows_in(SHADOW_TURN);
        let request = SwapRequest { mode: Mode::Shadow, ..swap_to("a") };
        live.remote.swap(&request).unwrap();
        let beside = rows_in(SHADOW_TURN);
        let trial = live.remote.trials().remove(0);
        live.remote.decide("mark", Verdict::Rollback, "bench").unwrap();
        let own = trial.candidate.nanos as f64 / trial.candidate.rows as f64;
        assert_eq!(trial.differing_rows, 0, "{:?}", trial.examples);
        ratios.push((beside - alone) / own);
        detail =
            format!("{alone:.0} ns a row alone, {beside:.0} with a shadow that takes {own:.0}");
    }
    report.add("shadow / its own plugin", median(ratios), "", Target::AtMost(1.0), &detail);
}

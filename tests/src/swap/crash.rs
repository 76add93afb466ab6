//! A crash in every phase of a swap: afterwards the old or the new version is in force, everywhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millrace::error::Error;
use millrace::job::{self, JobOptions, Observer, Progress, Remote};
use millrace::pipeline;
use millrace::storage::{LocalStorage, Storage};
use millrace::swap::{Bounds, Mode, Outcome, SwapRecord, SwapRequest, Verdict};
use serde_json::{Value, json};

use crate::crash::disk::Loss;
use crate::crash::storage::{Fault, FaultyStorage};
use crate::harness::{Sandbox, canonical, checked};

const THREADS: usize = 4;
const FILES: usize = 4;
const ROWS: usize = 60;

/// What is asked for as soon as the pipeline runs.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Swap,
    /// A trial, and at once its end.
    Trial(Verdict),
}

struct Swapping {
    asked: Asked,
    step: &'static str,
    to: Value,
}

fn text(step: &str) -> String {
    format!(
        "parallelism = 2\nbatch_rows = 7\n\
         [checkpoint]\ninterval = \"2ms\"\npath = \"disk/checkpoint\"\n\
         [restart]\nattempts = 0\n\
         [source.numbers]\ntype = \"file\"\npath = \"in/*.ndjson\"\nformat = \"ndjson\"\n\
         schema = {{ n = \"int64\" }}\nlimit_per_epoch = {{ rows = 20 }}\n\
         [step.mark]\nfrom = \"numbers\"\n{step}\n\
         [sink.out]\ntype = \"file\"\nfrom = \"mark\"\npath = \"disk/out\"\n"
    )
}

fn sandbox(step: &str) -> Sandbox {
    let sandbox = Sandbox::in_memory();
    std::fs::create_dir(sandbox.path("disk")).unwrap();
    for file in 0..FILES {
        let lines = (0..ROWS).map(|row| format!("{{\"n\":{}}}\n", 1 + file * ROWS + row));
        sandbox.write(&format!("in/{file}.ndjson"), lines.collect::<String>());
    }
    sandbox.pipeline(&text(step));
    sandbox
}

/// Asks when the first epoch is over, from a thread of its own, as any user does.
struct Asker {
    remote: Remote,
    asked: Asked,
    request: SwapRequest,
    thread: Option<std::thread::JoinHandle<Vec<SwapRecord>>>,
}

impl Observer for Asker {
    fn progress(&mut self, _: &Progress) {
        if self.thread.is_some() {
            return;
        }
        let (remote, asked, request) = (self.remote.clone(), self.asked, self.request.clone());
        self.thread = Some(std::thread::spawn(move || {
            let Ok(swap) = remote.swap(&request) else { return Vec::new() };
            let mut told = vec![swap];
            if let Asked::Trial(verdict) = asked
                && let Ok(end) = remote.decide("mark", verdict, "test")
            {
                told.push(end);
            }
            told
        }));
    }

    fn restart(&mut self, error: &Error, _: std::time::Duration) {
        panic!("no restarts here: {error}");
    }
}

impl Swapping {
    fn request(&self) -> SwapRequest {
        let (mode, within_ms) = match self.asked {
            Asked::Swap => (Mode::Full, 0),
            Asked::Trial(_) => (Mode::Canary { share: 0.5 }, 0),
        };
        SwapRequest {
            part: "mark".to_owned(),
            component: None,
            config: Some(self.to.clone()),
            mode,
            bounds: Bounds { within_ms, ..Bounds::default() },
            by: "test".to_owned(),
        }
    }

    /// Runs to the end or the crash. Returns what was told to have taken effect.
    fn run(
        &self,
        sandbox: &Sandbox,
        storage: Arc<dyn Storage>,
    ) -> (Result<(), Error>, Vec<SwapRecord>) {
        let pipeline = checked(&sandbox.path("pipeline.toml"));
        let (_keep, stop) = crossbeam_channel::bounded(1);
        let (remote, commands) = Remote::new();
        let mut options = JobOptions::new(stop);
        options.replan = Some(pipeline.blueprint.clone());
        options.remote = (remote.clone(), commands);
        options.storage = storage;
        let request = self.request();
        let mut asker = Asker { remote, asked: self.asked, request, thread: None };
        let ended = job::run(&pipeline.plan, &pipeline.plugins, &options, &mut asker);
        drop(options);
        let told = asker.thread.map(|thread| thread.join().unwrap()).unwrap_or_default();
        (ended.map(drop), told)
    }

    /// Crashes at each step in turn, until a run has fewer.
    fn try_all(&self) -> u64 {
        let next = AtomicU64::new(1);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| while self.survives(next.fetch_add(1, Ordering::Relaxed)) {});
            }
        });
        next.into_inner()
    }

    fn survives(&self, step: u64) -> bool {
        let sandbox = sandbox(self.step);
        let storage = FaultyStorage::new(&sandbox.path("disk"), Fault::CrashAt(step)).unwrap();
        let (ended, told) = self.run(&sandbox, Arc::new(storage.clone()));
        let crashed = storage.failed() > 0;
        assert!(crashed || ended.is_ok(), "step {step}: {ended:?}");
        // One loss for each step: which, changes from step to step.
        let losses: Vec<Loss> = Loss::all().collect();
        storage.crash(losses[step as usize % losses.len()]).unwrap();
        let when = format!("{:?}, step {step}", self.asked);
        let kept = history(&sandbox);
        // What was told to be in force is.
        for told in &told {
            let kept = kept.iter().find(|kept| kept.id == told.id);
            let kept = kept.unwrap_or_else(|| panic!("{when}: {told:?} is forgotten"));
            assert!(told.outcome == Outcome::OnTrial || kept.outcome == told.outcome, "{when}");
        }
        // The rest goes through what is in force, and through nothing else.
        self.finish(&sandbox, &when);
        let expected = self.expected(&kept);
        for tags in self.late_tags(&sandbox) {
            assert!(tags.iter().all(|tag| expected.contains(&tag.as_str())), "{when}: {tags:?}");
        }
        crashed
    }

    /// Feeds one more file and runs to the end without a swap.
    fn finish(&self, sandbox: &Sandbox, when: &str) {
        let lines = (0..ROWS).map(|row| format!("{{\"n\":{}}}\n", 1 + FILES * ROWS + row));
        sandbox.write("in/last.ndjson", lines.collect::<String>());
        let pipeline = match pipeline::check(&sandbox.path("pipeline.toml")) {
            Ok(pipeline) => pipeline,
            Err(_) => panic!("{when}: the pipeline is in order"),
        };
        let (_keep, stop) = crossbeam_channel::bounded(1);
        let mut options = JobOptions::new(stop);
        options.replan = Some(pipeline.blueprint.clone());
        options.storage = Arc::new(LocalStorage);
        let ended =
            job::run(&pipeline.plan, &pipeline.plugins, &options, &mut crate::harness::Quiet);
        ended.unwrap_or_else(|error| panic!("{when}: {error}"));
        let mut numbers: Vec<i64> =
            rows(sandbox).iter().map(|row| row["n"].as_i64().unwrap()).collect();
        numbers.sort_unstable();
        let all: Vec<i64> = (1..=((FILES + 1) * ROWS) as i64).collect();
        assert_eq!(numbers, all, "{when}: each row once");
        // A keyed step has counted each of them once.
        if self.step.contains("counter") {
            assert!(rows(sandbox).iter().all(|row| row["count"] == 1), "{when}");
        }
    }

    /// The tags that rows of the last file may have.
    fn expected(&self, history: &[SwapRecord]) -> Vec<&'static str> {
        match history.last().map(|swap| swap.outcome) {
            None | Some(Outcome::RolledBack) => vec!["a"],
            Some(Outcome::OnTrial) => vec!["a", "b"],
            Some(Outcome::Done | Outcome::Superseded) => vec!["b"],
        }
    }

    fn late_tags(&self, sandbox: &Sandbox) -> Vec<Vec<String>> {
        let mut tags: BTreeMap<bool, Vec<String>> = BTreeMap::new();
        for row in
            rows(sandbox).iter().filter(|row| row["n"].as_u64() > Some((FILES * ROWS) as u64))
        {
            tags.entry(true).or_default().push(row["tag"].as_str().unwrap().to_owned());
        }
        tags.into_values().collect()
    }
}

fn rows(sandbox: &Sandbox) -> Vec<Value> {
    sandbox
        .rows("disk/out")
        .iter()
        .map(|row| serde_json::from_str(&canonical(row)).unwrap())
        .collect()
}

/// The swaps in the checkpoint as the crash has left it.
fn history(sandbox: &Sandbox) -> Vec<SwapRecord> {
    let directory = sandbox.path("disk/checkpoint");
    if !directory.join("checkpoint.redb").exists() {
        return Vec::new();
    }
    let store = millrace::checkpoint::Store::open(&directory, "test", &LocalStorage);
    store.unwrap_or_else(|error| panic!("{error}")).swaps().unwrap()
}

const TAGGED: &str = "plugin = \"tagged\"\nconfig = { tag = \"a\" }\n";
const KEYED: &str = "plugin = \"counter\"\nkey = \"n\"\nconfig = { tag = \"a\", reads = [2] }\n";

#[test]
fn a_crash_at_any_step_of_a_swap_leaves_one_version_in_force() {
    let to = json!({ "tag": "b" });
    let steps = Swapping { asked: Asked::Swap, step: TAGGED, to }.try_all();
    assert!(steps > 60, "{steps} steps");
}

#[test]
fn a_crash_at_any_step_of_a_keyed_swap_leaves_one_version_in_force() {
    let to = json!({ "tag": "b", "writes": 2, "reads": [1] });
    let steps = Swapping { asked: Asked::Swap, step: KEYED, to }.try_all();
    assert!(steps > 60, "{steps} steps");
}

#[test]
fn a_crash_at_any_step_of_a_trial_leaves_it_on_trial_or_over() {
    for verdict in [Verdict::Promote, Verdict::Rollback] {
        let to = json!({ "tag": "b" });
        let steps = Swapping { asked: Asked::Trial(verdict), step: TAGGED, to }.try_all();
        assert!(steps > 60, "{steps} steps");
    }
}

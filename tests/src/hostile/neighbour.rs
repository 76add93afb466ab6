//! Two pipelines in one process: while the plugin of one does its worst, rows of the other arrive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::bounded;
use millrace::error::Error;
use millrace::job::{self, JobOptions, Observer, Progress};
use serde_json::json;

use crate::harness::{Quiet, Sandbox, StopAtDrop, wait_until};

const ROWS: i64 = 40;

/// A pipeline that never ends, with a plugin that behaves.
const NEIGHBOUR: &str = r#"
[source.s]
type = "generator"
rate = 2000
[source.s.fields]
n = { int = { min = 1, max = 1000 } }

[step.h]
from = "s"
plugin = "hostile"
grant = ["log"]
config = { mode = "well_behaved" }

[sink.out]
type = "null"
from = "h"
"#;

/// The numbers 1 to 40 through a hostile step, of which 13 is poison.
fn hostile(sandbox: &Sandbox, step: &str) -> String {
    let row = |n: i64| json!({"n": n, "k": format!("k{}", n % 4)}).to_string();
    sandbox.write("in.ndjson", (1..=ROWS).map(row).collect::<Vec<_>>().join("\n"));
    let reports = match step.starts_with("key") {
        true => "[sink.reports]\ntype = \"null\"\nfrom = \"h.reports\"\n",
        false => "",
    };
    format!(
        "batch_rows = 16\n[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
         [step.h]\nfrom = \"s\"\nplugin = \"hostile\"\ngrant = [\"log\"]\n{step}\n\
         [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"h\"\n{reports}"
    )
}

/// Notes how many rows have arrived.
struct Arrivals<'a>(&'a AtomicU64);

impl Observer for Arrivals<'_> {
    fn progress(&mut self, progress: &Progress) {
        let sink = progress.metrics.nodes.iter().find(|node| node.name == "sink.out");
        self.0.store(sink.map_or(0, |sink| sink.rows_in.get()), Ordering::Relaxed);
    }

    fn restart(&mut self, error: &Error, delay: Duration) {
        Quiet.restart(error, delay);
    }
}

/// A guest that could hold a lock or a thread of the host for as long as it likes would stop its
/// neighbour too. Its own good rows are out, and all that is refused is the poison.
#[test]
fn a_pipeline_goes_on_whatever_its_neighbour_does() {
    let sandbox = Sandbox::new();
    let neighbour = sandbox.check(NEIGHBOUR);
    let (stop, stopped) = bounded(1);
    let options = JobOptions::new(stopped);
    let arrived = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let (plan, plugins, arrivals) = (&neighbour.plan, &neighbour.plugins, &arrived);
        let job = scope.spawn(move || job::run(plan, plugins, &options, &mut Arrivals(arrivals)));
        let stop = StopAtDrop(stop);
        for (step, refused) in [
            ("config = { mode = \"loop\", poison = 13 }", 1),
            ("config = { mode = \"memory\", poison = 13 }", 1),
            ("config = { mode = \"stack\", poison = 13 }", 1),
            ("config = { mode = \"panic\", poison = 13 }", 1),
            ("config = { mode = \"huge_output\", poison = 13 }\nlimits = { output = \"1MiB\" }", 1),
            ("config = { mode = \"huge_error\", poison = 13 }", 1),
            ("config = { mode = \"log_flood\", poison = 13 }", 0),
            ("config = { mode = \"slow\" }", 0),
            ("config = { mode = \"erratic\" }", 0),
            ("config = { mode = \"leak\" }\nlimits = { memory = \"8MiB\" }", 0),
            ("key = [\"k\"]\nconfig = { mode = \"loop\", poison = 13 }", 1),
            ("key = [\"k\"]\nconfig = { mode = \"large_state_bomb\", poison = 13 }", 1),
            ("key = [\"k\"]\nconfig = { mode = \"timer_bomb\", poison = 13 }", 1),
        ] {
            let before = arrived.load(Ordering::Relaxed);
            let sandbox = Sandbox::new();
            sandbox.run(&hostile(&sandbox, step));
            assert_eq!(sandbox.letters().len(), refused, "{step}");
            assert_eq!(sandbox.rows("out").len(), ROWS as usize - refused, "{step}");
            wait_until(|| arrived.load(Ordering::Relaxed) > before);
        }
        drop(stop);
        job.join().unwrap().unwrap_or_else(|error| panic!("{error}"));
    });
    assert!(sandbox.letters().is_empty());
}

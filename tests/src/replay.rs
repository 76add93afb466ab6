//! Replays that are interrupted: each dead letter is given to its step once all the same.

use crossbeam_channel::bounded;
use millrace::job::{self, JobOptions};
use millrace::planner::plan_replay;

use crate::harness::{Quiet, Sandbox, canonical_rows, wait_until};

const LETTERS: usize = 5000;

/// A replay takes long where there are many letters, and people stop what takes long.
#[test]
fn a_replay_that_was_stopped_goes_on_where_it_was() {
    let sandbox = Sandbox::new();
    let rows: Vec<String> = (0..LETTERS).map(|n| format!("{{\"n\": \"x{n}\"}}")).collect();
    sandbox.write("in.ndjson", rows.join("\n"));
    let text = |schema: &str| {
        format!(
            "batch_rows = 1\n[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\n\
             format = \"ndjson\"\nschema = {{ n = \"{schema}\" }}\n\
             [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"s\"\n"
        )
    };
    sandbox.run(&text("int64"));
    assert_eq!(sandbox.letters().len(), LETTERS);
    let files = sandbox.files(".millrace/test/dead-letters");
    let replay = |until: &dyn Fn(usize) -> bool| {
        let pipeline = sandbox.check(&text("string"));
        let (plan, unknown) = plan_replay(pipeline.plan, &["s".to_owned()], &files);
        assert!(unknown.is_empty());
        let (stop, stopped) = bounded(1);
        std::thread::scope(|scope| {
            let options = JobOptions::new(stopped);
            let (plan, plugins) = (&plan, &pipeline.plugins);
            let job = scope.spawn(move || job::run(plan, plugins, &options, &mut Quiet));
            wait_until(|| until(sandbox.rows("out").len()) || job.is_finished());
            let _ = stop.try_send(());
            job.join().unwrap().unwrap();
        });
    };
    replay(&|rows| rows > 0);
    let before = sandbox.rows("out").len();
    replay(&|rows| rows > before);
    replay(&|_| false);
    assert!(sandbox.rows("out") == canonical_rows(&rows), "{} rows", sandbox.rows("out").len());
}

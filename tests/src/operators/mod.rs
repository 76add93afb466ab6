//! Windows, aggregates and deduplication against DataFusion in batch: whatever the batches, the
//! watermarks, the number of tasks, the ends of epochs and the crashes, the same rows come out.

mod dedup;
mod flow;
mod input;
mod modes;
mod oracle;

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, SchemaRef};
use millrace::plan::{NodeKind, Plan};
use rand::SeedableRng;
use rand::rngs::StdRng;

use self::flow::Flow;
use self::input::{Input, SECOND, Schedule, Shape};
use self::oracle::{Windows, in_batch, lines};
use crate::harness::Sandbox;

/// One step over the source `a`; its rows go to the sink `out`, late ones to `late`.
fn plan(step: &str) -> Arc<Plan> {
    let sandbox = Sandbox::new();
    sandbox.write("a.ndjson", "{}\n");
    let text = format!(
        "[source.a]\ntype = \"file\"\npath = \"a.ndjson\"\nformat = \"ndjson\"\n\
         event_time = {{ column = \"ts\", delay = \"2s\" }}\n\
         [source.a.schema]\nid = \"int64\"\nk = \"int64\"\nv = \"string\"\nx = \"int64\"\n\
         amount = \"float64\"\nflag = \"bool\"\nts = \"timestamp\"\n\
         [step.s]\n{step}\n[sink.out]\ntype = \"null\"\nfrom = \"s\"\n"
    );
    let late = "[sink.late]\ntype = \"null\"\nfrom = \"s.late\"\n";
    let has_late = !step.contains("output_mode = \"complete\"") && !step.contains("unbounded");
    let text = if has_late && !step.contains("running") { text + late } else { text };
    Arc::new(sandbox.check(&text).plan)
}

fn source_schema(plan: &Plan) -> SchemaRef {
    let source = plan.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Source(source) => Some(source.columns.clone()),
        _ => None,
    });
    source.unwrap()
}

fn emitted(flow: &Flow, sink: &str) -> Vec<String> {
    let batches = flow.done.get(&format!("sink.{sink}"));
    lines(batches.into_iter().flatten().map(|batch| &batch.rows))
}

/// The numbers of the rows that a sink got.
fn ids(flow: &Flow, sink: &str) -> Vec<i64> {
    let batches = flow.done.get(&format!("sink.{sink}")).into_iter().flatten();
    let mut ids: Vec<i64> = batches
        .flat_map(|batch| {
            let column = batch.rows.column_by_name("id").unwrap();
            column.as_primitive::<Int64Type>().values().to_vec()
        })
        .collect();
    ids.sort_unstable();
    ids
}

fn ids_len(flow: &Flow, sink: &str) -> usize {
    flow.done.get(&format!("sink.{sink}")).into_iter().flatten().map(|batch| batch.len()).sum()
}

const AGGREGATES: &str = "count(*) AS a1, count(v) AS a2, sum(x) AS a3, sum(amount) AS a4,
    avg(amount) AS a5, min(v) AS a6, max(amount) AS a7, stddev(amount) AS a8, var_pop(x) AS a9,
    corr(x, amount) AS a10, count(DISTINCT v) AS a11, sum(DISTINCT x) AS a12,
    approx_distinct(v) AS a13, array_agg(id ORDER BY id DESC) AS a14,
    array_agg(DISTINCT v ORDER BY v) AS a15, first_value(v ORDER BY id) AS a16,
    last_value(id ORDER BY ts, id) AS a17, median(amount) AS a18,
    percentile_cont(0.25) WITHIN GROUP (ORDER BY amount) AS a19, bool_and(flag) AS a20,
    bool_or(flag) AS a21, bit_xor(x) AS a22, string_agg(v, ',' ORDER BY id) AS a23,
    sum(x) FILTER (WHERE flag) AS a24, count(*) FILTER (WHERE v = 'v1') AS a25,
    regr_slope(amount, x) AS a26, max(ts) AS a27, min(id) AS id";

const FEW: &str = "count(*) AS a1, sum(amount) AS a2, approx_distinct(v) AS a3, min(id) AS id";

struct Case {
    windows: Windows,
    call: &'static str,
    settings: &'static str,
    lateness: i64,
}

const CASES: &[Case] = &[
    Case {
        windows: Windows::Tumble { size: 5 * SECOND, offset: 0 },
        call: "tumble(ts, INTERVAL '5 seconds')",
        settings: "",
        lateness: 0,
    },
    Case {
        windows: Windows::Tumble { size: 7 * SECOND, offset: 2 * SECOND },
        call: "tumble(ts, INTERVAL '7 seconds', INTERVAL '2 seconds')",
        settings: "allowed_lateness = \"3s\"\n",
        lateness: 3 * SECOND,
    },
    Case {
        windows: Windows::Hop { slide: 2 * SECOND, size: 10 * SECOND },
        call: "hop(ts, INTERVAL '2 seconds', INTERVAL '10 seconds')",
        settings: "",
        lateness: 0,
    },
    Case {
        windows: Windows::Hop { slide: 3 * SECOND, size: 7 * SECOND },
        call: "hop(ts, INTERVAL '3 seconds', INTERVAL '7 seconds')",
        settings: "allowed_lateness = \"1s\"\n",
        lateness: SECOND,
    },
    Case {
        windows: Windows::Session { gap: SECOND },
        call: "session(ts, CASE x % 3 WHEN 0 THEN INTERVAL '1 second' WHEN 1 THEN \
               INTERVAL '2 seconds' WHEN -2 THEN INTERVAL '2 seconds' ELSE \
               INTERVAL '3 seconds' END)",
        settings: "",
        lateness: 0,
    },
];

fn check(case: &Case, aggregates: &str, shape: Shape, schedule: Schedule, seed: u64) {
    // The gap of a session follows `x % 3`, which SQL rounds towards zero.
    let mut random = StdRng::seed_from_u64(seed);
    let mut input = Input::random(shape, &mut random);
    input.partitions.iter_mut().flatten().for_each(|row| {
        if row.x < 0 && matches!(case.windows, Windows::Session { .. }) {
            row.x = -row.x;
        }
    });
    let step = format!(
        "{}sql = \"\"\"SELECT k, w.start AS ws, w.end AS we, {aggregates} FROM (SELECT *, {} AS w \
         FROM a) GROUP BY k, w\"\"\"",
        case.settings, case.call
    );
    let plan = plan(&step);
    let schema = source_schema(&plan);
    let (placed, late) = case.windows.place(&input, case.lateness);
    let query = format!("SELECT k, ws, we, {aggregates} FROM t GROUP BY k, ws, we");
    let expected = in_batch(&schema, &placed, &query);
    let mut flow = Flow::new(plan, 1 + seed as usize % schedule.tasks_max);
    input::run(&mut flow, "a", &schema, &input, schedule, &mut random);
    let found = emitted(&flow, "out");
    let what = format!("{} seed {seed}", case.call);
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{what}");
    }
    assert_eq!(ids(&flow, "late"), late, "{what}");
    assert_eq!(flow.entries(), 0, "{what}");
}

const SHAPE: Shape = Shape {
    rows: 400,
    partitions: 3,
    keys: 5,
    step: SECOND / 4,
    disorder: 4 * SECOND,
    delay: 2 * SECOND,
};

/// Everything that DataFusion aggregates, over windows of every kind.
#[test]
fn aggregates_over_windows_give_what_batch_gives() {
    for case in CASES {
        for (seed, batch_rows) in [(1, 1), (2, 7), (3, 8192)] {
            let schedule = Schedule { batch_rows, commits: 0.1, crashes: 0.02, tasks_max: 4 };
            check(case, AGGREGATES, SHAPE, schedule, seed);
        }
    }
}

/// Watermarks, epochs, crashes and tasks at random.
#[test]
fn windows_do_not_depend_on_how_the_rows_come() {
    for case in CASES {
        for seed in 10..40 {
            let batch_rows = [1, 7, 50, 8192][seed as usize % 4];
            let commits = [0.0, 0.05, 0.5, 1.0][seed as usize / 4 % 4];
            let crashes = if commits > 0.0 { 0.05 } else { 0.0 };
            let schedule = Schedule { batch_rows, commits, crashes, tasks_max: 8 };
            let shape = Shape {
                rows: 150,
                step: [SECOND / 20, SECOND, 20 * SECOND][seed as usize % 3],
                ..SHAPE
            };
            check(case, FEW, shape, schedule, seed);
        }
    }
}

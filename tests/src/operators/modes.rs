//! Results that are sent more than once, several levels of aggregation, and rows that fail.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::flow::Flow;
use super::input::{self, Input, SECOND, Schedule, Shape};
use super::oracle::{Windows, in_batch};
use super::{SHAPE, emitted, plan, source_schema};

const SCHEDULE: Schedule = Schedule { batch_rows: 20, commits: 0.2, crashes: 0.03, tasks_max: 4 };

/// What is sent of groups that change: `head` columns name the group, the next is its count of rows,
/// which grows. Returns the last row of each group.
fn last_of_each(rows: &[String], head: usize, changes: bool) -> Vec<String> {
    let mut last: BTreeMap<Vec<&str>, (u64, &String)> = BTreeMap::new();
    let mut seen: BTreeMap<Vec<&str>, Vec<u64>> = BTreeMap::new();
    for row in rows {
        let columns: Vec<&str> = row.split(" | ").collect();
        let count: u64 = columns[head].parse().unwrap();
        let key = columns[..head].to_vec();
        seen.entry(key.clone()).or_default().push(count);
        let known = last.entry(key).or_insert((count, row));
        if count >= known.0 {
            *known = (count, row);
        }
    }
    for (key, mut counts) in seen {
        counts.sort_unstable();
        let before = counts.len();
        counts.dedup();
        assert!(!changes || counts.len() == before, "{key:?} was sent without a change");
    }
    let mut last: Vec<String> = last.into_values().map(|(_, row)| row.clone()).collect();
    last.sort();
    last
}

fn run(step: &str, input: &Input, seed: u64) -> Flow {
    let plan = plan(step);
    let schema = source_schema(&plan);
    let mut flow = Flow::new(plan, 1 + seed as usize % SCHEDULE.tasks_max);
    let mut random = StdRng::seed_from_u64(seed);
    input::run(&mut flow, "a", &schema, input, SCHEDULE, &mut random);
    flow
}

fn batch(input: &Input, placed: &[super::oracle::Placed], query: &str) -> Vec<String> {
    assert!(input.rows().count() > 0);
    let plan = plan("sql = \"SELECT k FROM a -- running\"");
    in_batch(&source_schema(&plan), placed, query)
}

/// Every row, in no window.
fn all(input: &Input) -> Vec<super::oracle::Placed> {
    input.rows().map(|row| (row.clone(), 0, 0)).collect()
}

const AGGREGATES: &str = "count(*) AS n, sum(amount) AS s, count(DISTINCT v) AS d";

/// Only groups that changed are sent, and the last that is sent of a group is its result.
#[test]
fn update_sends_the_groups_that_changed() {
    for (call, windows) in [
        ("tumble(ts, INTERVAL '5 seconds')", Windows::Tumble { size: 5 * SECOND, offset: 0 }),
        (
            "hop(ts, INTERVAL '2 seconds', INTERVAL '10 seconds')",
            Windows::Hop { slide: 2 * SECOND, size: 10 * SECOND },
        ),
    ] {
        for seed in 0..8 {
            let input = Input::random(SHAPE, &mut StdRng::seed_from_u64(seed));
            let step = format!(
                "output_mode = \"update\"\nsql = \"\"\"SELECT k, w.start AS ws, w.end AS we, \
                 {AGGREGATES} FROM (SELECT *, {call} AS w FROM a) GROUP BY k, w\"\"\""
            );
            let flow = run(&step, &input, seed);
            let (placed, _) = windows.place(&input, 0);
            let query = format!("SELECT k, ws, we, {AGGREGATES} FROM t GROUP BY k, ws, we");
            let found = last_of_each(&emitted(&flow, "out"), 3, true);
            assert_eq!(found, batch(&input, &placed, &query), "{call} seed {seed}");
            assert_eq!(flow.entries(), 0, "{call} seed {seed}");
        }
    }
}

/// All groups are sent whenever one has changed, and no row is late.
#[test]
fn complete_sends_all_groups() {
    for (call, windows) in [
        ("tumble(ts, INTERVAL '5 seconds')", Windows::Tumble { size: 5 * SECOND, offset: 0 }),
        (
            "hop(ts, INTERVAL '2 seconds', INTERVAL '10 seconds')",
            Windows::Hop { slide: 2 * SECOND, size: 10 * SECOND },
        ),
        ("session(ts, INTERVAL '1 second')", Windows::Session { gap: SECOND }),
    ] {
        let shape = Shape { rows: 100, ..SHAPE };
        let mut input = Input::random(shape, &mut StdRng::seed_from_u64(3));
        input.partitions.iter_mut().flatten().for_each(|row| row.x = 0);
        let step = format!(
            "output_mode = \"complete\"\nsql = \"\"\"SELECT k, w.start AS ws, w.end AS we, \
             {AGGREGATES} FROM (SELECT *, {call} AS w FROM a) GROUP BY k, w\"\"\""
        );
        let flow = run(&step, &input, 3);
        let (placed, _) = windows.place(&input, i64::MAX / 4);
        let query = format!("SELECT k, ws, we, {AGGREGATES} FROM t GROUP BY k, ws, we");
        let expected = batch(&input, &placed, &query);
        let found = last_of_each(&emitted(&flow, "out"), 3, false);
        // Sessions that grew together were sent apart before.
        let found: Vec<String> = found.into_iter().filter(|row| expected.contains(row)).collect();
        assert_eq!(found, expected, "{call}");
    }
}

/// Aggregates without a window, with and without keys.
#[test]
fn running_aggregates_send_what_changed() {
    for seed in 0..6 {
        let input = Input::random(SHAPE, &mut StdRng::seed_from_u64(seed));
        for mode in ["update", "complete"] {
            let changes = mode == "update";
            let step = |sql: &str| format!("output_mode = \"{mode}\"\nsql = \"{sql} -- running\"");
            let keyed = format!("SELECT k, {AGGREGATES} FROM a GROUP BY k");
            let found = emitted(&run(&step(&keyed), &input, seed), "out");
            let query = keyed.replace("FROM a", "FROM t");
            assert_eq!(last_of_each(&found, 1, changes), batch(&input, &all(&input), &query));
            let whole = format!("SELECT {AGGREGATES} FROM a");
            let found = emitted(&run(&step(&whole), &input, seed), "out");
            let query = whole.replace("FROM a", "FROM t");
            assert_eq!(last_of_each(&found, 0, changes), batch(&input, &all(&input), &query));
        }
        let distinct = "output_mode = \"update\"\nsql = \"SELECT DISTINCT k, v FROM a -- running\"";
        let found = emitted(&run(distinct, &input, seed), "out");
        assert_eq!(found, batch(&input, &all(&input), "SELECT DISTINCT k, v FROM t"));
    }
}

/// Groups that got no row for long are forgotten, and others are not.
#[test]
fn running_aggregates_forget_after_their_time() {
    let shape = Shape { rows: 600, step: SECOND, ..SHAPE };
    let mut input = Input::random(shape, &mut StdRng::seed_from_u64(5));
    let rows = input.partitions.iter_mut().flatten();
    // One key ends early.
    rows.for_each(|row| {
        let ends = row.ts > input::START + 100 * SECOND;
        row.k = if row.k == Some(0) && ends { Some(1) } else { row.k };
    });
    let sql = "sql = \"SELECT k, count(*) AS n FROM a GROUP BY k -- running\"";
    let forgetful = format!("output_mode = \"update\"\nstate_ttl = \"60s\"\n{sql}");
    let flow = run(&forgetful, &input, 5);
    // All but the key that ended: null and the other four.
    assert_eq!(flow.entries(), 5);
    let flow = run(&format!("output_mode = \"update\"\n{sql}"), &input, 5);
    assert_eq!(flow.entries(), 6);
}

/// One window without a key, a window beside expressions of it, HAVING, and no aggregate at all.
#[test]
fn queries_of_many_forms_give_what_batch_gives() {
    let windows = Windows::Tumble { size: 5 * SECOND, offset: 0 };
    let call = "tumble(ts, INTERVAL '5 seconds')";
    for (stream, query) in [
        (
            format!("SELECT {call} AS w, count(*) AS n FROM a GROUP BY w"),
            "SELECT {start: ws, end: we} AS w, count(*) AS n FROM t GROUP BY ws, we",
        ),
        (
            format!(
                "SELECT k, sum(x) + 1 AS s, w.end AS e FROM (SELECT *, {call} AS w FROM a) \
                 GROUP BY k, w HAVING count(*) > 2 AND w.start > TIMESTAMP '2024-01-01T00:00:10Z'"
            ),
            "SELECT k, sum(x) + 1 AS s, we AS e FROM t GROUP BY k, ws, we \
             HAVING count(*) > 2 AND ws > 1704067210000000",
        ),
        (
            format!("SELECT DISTINCT k, window_start({call}) AS ws FROM a"),
            "SELECT DISTINCT k, ws FROM t",
        ),
        (
            format!(
                "SELECT k % 2 AS odd, v, max(amount * 2) AS m FROM a \
                     GROUP BY k % 2, v, {call}"
            ),
            "SELECT k % 2 AS odd, v, max(amount * 2) AS m FROM t GROUP BY k % 2, v, ws",
        ),
        (
            format!(
                "SELECT ws, max(n) AS most, count(*) AS groups FROM (SELECT k, \
                 window_start({call}) AS ws, count(*) AS n FROM a GROUP BY k, window_start({call})) \
                 GROUP BY ws"
            ),
            "SELECT ws, max(n) AS most, count(*) AS groups FROM (SELECT k, ws, count(*) AS n \
             FROM t GROUP BY k, ws) GROUP BY ws",
        ),
        (
            format!(
                "SELECT w.start AS ws, max(n) AS most FROM (SELECT k, {call} AS w, count(*) AS n \
                 FROM a GROUP BY k, w) GROUP BY w"
            ),
            "SELECT ws, max(n) AS most FROM (SELECT k, ws, count(*) AS n \
             FROM t GROUP BY k, ws) GROUP BY ws",
        ),
        (
            format!(
                "SELECT k, window_start(big) AS bs, sum(n) AS n, max(s) AS s FROM (SELECT k, n, s, \
                 tumble(w, INTERVAL '20 seconds') AS big FROM (SELECT k, {call} AS w, \
                 count(*) AS n, sum(x) AS s FROM a GROUP BY k, w)) GROUP BY k, big"
            ),
            "SELECT k, bs, sum(n) AS n, max(s) AS s FROM (SELECT k, ws - ws % 20000000 AS bs, \
             count(*) AS n, sum(x) AS s FROM t GROUP BY k, ws) GROUP BY k, bs",
        ),
    ] {
        for seed in 0..4 {
            let input = Input::random(SHAPE, &mut StdRng::seed_from_u64(seed));
            let flow = run(&format!("sql = \"\"\"{stream}\"\"\""), &input, seed);
            let (placed, _) = windows.place(&input, 0);
            let expected = batch(&input, &placed, query);
            let found = emitted(&flow, "out");
            if query.contains("{start") {
                assert_eq!(found.len(), expected.len(), "{stream}");
                continue;
            }
            assert_eq!(found, expected, "{stream} seed {seed}");
            assert_eq!(flow.entries(), 0, "{stream} seed {seed}");
        }
    }
}

/// An argument that can't be computed takes its own row away and no other.
#[test]
fn rows_that_fail_are_set_apart() {
    let mut input = Input::random(SHAPE, &mut StdRng::seed_from_u64(1));
    input.partitions.iter_mut().flatten().for_each(|row| row.x = i64::from(row.id % 50 != 0));
    let failing = input.rows().filter(|row| row.x == 0).count();
    let flow = run(
        "sql = \"\"\"SELECT k, tumble(ts, INTERVAL '5 seconds') AS w, sum(id / x) AS s, \
         count(*) AS n FROM a GROUP BY k, w\"\"\"",
        &input,
        1,
    );
    let letters = flow.done["sink.dead_letters"].iter();
    let letters: usize = letters.map(millrace::batch::Batch::len).sum();
    assert_eq!(letters, failing);
    let counted: i64 = flow.done["sink.out"]
        .iter()
        .map(|batch| {
            let column = batch.rows.column_by_name("n").unwrap();
            arrow::compute::sum(arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(
                column,
            ))
            .unwrap()
        })
        .sum();
    let late = super::ids_len(&flow, "late");
    assert_eq!(counted as usize + failing + late, input.rows().count());
}

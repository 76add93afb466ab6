//! Deduplication against a model.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::flow::Flow;
use super::input::{self, Input, SECOND, START, Schedule, Shape};
use super::{SHAPE, ids, plan, source_schema};

const WITHIN: &str = "from = \"a\"\ndeduplicate = [\"k\", \"v\"]\nwithin = \"10s\"";
const LENGTH: i64 = 10 * SECOND;

fn run(step: &str, input: &Input, schedule: Schedule, seed: u64) -> Flow {
    let plan = plan(step);
    let schema = source_schema(&plan);
    let mut flow = Flow::new(plan, 1 + seed as usize % schedule.tasks_max);
    let mut random = StdRng::seed_from_u64(seed);
    input::run(&mut flow, "a", &schema, input, schedule, &mut random);
    flow
}

fn schedules() -> impl Iterator<Item = (u64, Schedule)> {
    (0..24).map(|seed| {
        let batch_rows = [1, 7, 8192][seed as usize % 3];
        let commits = [0.0, 0.1, 1.0][seed as usize / 3 % 3];
        let crashes = if commits > 0.0 { 0.05 } else { 0.0 };
        (seed, Schedule { batch_rows, commits, crashes, tasks_max: 8 })
    })
}

/// In one partition the order of rows is fixed, so that every row's fate is.
#[test]
fn the_first_row_of_a_key_passes() {
    for (seed, schedule) in schedules() {
        let shape = Shape { partitions: 1, disorder: 15 * SECOND, ..SHAPE };
        let input = Input::random(shape, &mut StdRng::seed_from_u64(seed));
        let mut known: BTreeMap<_, Vec<i64>> = BTreeMap::new();
        let (mut passed, mut late) = (Vec::new(), Vec::new());
        for row in input.rows() {
            if row.watermark >= row.ts + LENGTH {
                late.push(row.id);
                continue;
            }
            let firsts = known.entry((row.k, row.v.clone())).or_default();
            if firsts.iter().all(|first| first.abs_diff(row.ts) >= LENGTH as u64) {
                firsts.push(row.ts);
                passed.push(row.id);
            }
        }
        let flow = run(WITHIN, &input, schedule, seed);
        assert_eq!(ids(&flow, "out"), passed, "seed {seed}");
        assert_eq!(ids(&flow, "late"), late, "seed {seed}");
        let unbounded = "from = \"a\"\ndeduplicate = [\"k\", \"v\"]\nunbounded = true";
        let flow = run(unbounded, &input, schedule, seed);
        let keys: BTreeSet<_> = input.rows().map(|row| (row.k, row.v.clone())).collect();
        assert_eq!(ids(&flow, "out").len(), keys.len(), "seed {seed}");
    }
}

/// Copies of a row may come from anywhere: one of them passes, whichever is read first.
#[test]
fn copies_are_dropped_whichever_way_they_come() {
    for (seed, schedule) in schedules() {
        let mut random = StdRng::seed_from_u64(seed);
        let mut input = Input::random(SHAPE, &mut random);
        for at in 1..SHAPE.rows {
            for partition in 0..SHAPE.partitions {
                if random.random_bool(0.3) {
                    let from = random.random_range(0..SHAPE.partitions);
                    let earlier = at - random.random_range(0..at.min(40));
                    input.partitions[partition][at] = input.partitions[from][earlier - 1].clone();
                }
            }
        }
        input.set_clocks(SHAPE.delay);
        let timely = input.rows().filter(|row| row.watermark < row.ts + LENGTH);
        let expected: BTreeSet<i64> = timely.map(|row| row.id).collect();
        let late = input.rows().filter(|row| row.watermark >= row.ts + LENGTH);
        let mut late: Vec<i64> = late.map(|row| row.id).collect();
        late.sort_unstable();
        let step = "from = \"a\"\ndeduplicate = \"id\"\nwithin = \"10s\"";
        let flow = run(step, &input, schedule, seed);
        assert_eq!(ids(&flow, "out"), expected.into_iter().collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(ids(&flow, "late"), late, "seed {seed}");
    }
}

/// What no row can be a copy of any more is forgotten.
#[test]
fn keys_are_forgotten_when_their_time_is_over() {
    let shape = Shape { rows: 2000, keys: 1_000_000, step: SECOND, ..SHAPE };
    let input = Input::random(shape, &mut StdRng::seed_from_u64(1));
    let schedule = Schedule { batch_rows: 50, commits: 0.3, crashes: 0.0, tasks_max: 2 };
    let flow = run(WITHIN, &input, schedule, 1);
    // Twice the length and the delay, by three rows a second.
    assert!(flow.entries() < 200, "{}", flow.entries());
    assert!(input.rows().all(|row| row.ts > START - 15 * SECOND));
}

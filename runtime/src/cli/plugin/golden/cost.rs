//! What a row costs, measured on the rows of a case.

use std::time::{Duration, Instant};

use arrow::array::UInt64Array;
use arrow::compute::take_record_batch;

use super::Case;
use super::bench::Bench;
use super::output::split;
use super::worlds::{self, Planned};
use crate::error::Result;
use crate::operator::{Operator, Outputs};
use crate::operators::{Project, VersionedStep};
use crate::planner::ERRORS;

/// Rows in a batch.
const ROWS: usize = 8192;
/// Turns that are not counted: the guest's memory has yet to grow.
const WARM_UP: usize = 2;
const TURNS_MIN: usize = 5;
const TURNS_MAX: usize = 200;
const ENOUGH: Duration = Duration::from_millis(300);

/// What a row costs, with all that the host does for it.
pub struct Cost {
    pub per_row: Duration,
    /// The case whose rows were repeated.
    pub case: String,
}

impl Bench {
    /// The cost of a row of the case with the most rows that are not refused, repeated to a batch
    /// of 8,192; nothing if there is no such case.
    ///
    /// # Errors
    /// If it can't be run at all.
    pub fn cost(&self, cases: &[Case]) -> Result<Option<Cost>> {
        let taken = cases.iter().map(|case| (case, taken(case)));
        let Some((case, rows)) = taken.max_by_key(|(_, rows)| rows.len()) else { return Ok(None) };
        if rows.is_empty() {
            return Ok(None);
        }
        let repeated: UInt64Array = rows.iter().copied().cycle().take(ROWS).collect();
        let case = case.with_input(take_record_batch(&case.input, &repeated)?);
        let Ok(planned) = self.plan(&case) else { return Ok(None) };
        let median = self.median(&case, &planned)?;
        Ok(Some(Cost { per_row: median / ROWS as u32, case: case.name }))
    }

    fn median(&self, case: &Case, planned: &Planned) -> Result<Duration> {
        match planned {
            Planned::Transform(plan) => {
                let mut step = VersionedStep::new(plan, &self.host)?;
                median(|| process(&mut step, case))
            }
            Planned::Keyed(plan) => {
                median(|| worlds::keyed_rows(&self.host, plan, case, ROWS).map(drop))
            }
            Planned::Scalar(plan) => {
                let mut step = Project::new("test", plan);
                median(|| process(&mut step, case))
            }
            Planned::Aggregate(aggregate) => {
                let groups = worlds::Groups::of(aggregate, case)?;
                let batch = split(case, ROWS).remove(0);
                let count = groups.keys.len();
                median(|| aggregate.states(&batch, &groups.of_rows, count).map(drop))
            }
        }
    }
}

fn process(step: &mut impl Operator, case: &Case) -> Result<()> {
    let mut out = Outputs::default();
    split(case, ROWS).into_iter().try_for_each(|batch| step.process(batch, &mut out))
}

/// The rows that the case does not expect to be refused.
fn taken(case: &Case) -> Vec<u64> {
    let refused = case.expected.get(ERRORS).into_iter().flatten();
    let refused: Vec<u64> = refused.filter_map(|error| error.get("row")?.as_u64()).collect();
    (0..case.input.num_rows() as u64).filter(|row| !refused.contains(row)).collect()
}

fn median(mut turn: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut turns = Vec::new();
    let begun = Instant::now();
    while turns.len() < WARM_UP + TURNS_MIN || (turns.len() < TURNS_MAX && begun.elapsed() < ENOUGH)
    {
        let start = Instant::now();
        turn()?;
        turns.push(start.elapsed());
    }
    turns.drain(..WARM_UP);
    turns.sort_unstable();
    Ok(turns[turns.len() / 2])
}

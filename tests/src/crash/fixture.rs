//! A small pipeline in a directory of its own, and the rows that it must give.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millrace::error::Error;
use millrace::job::{self, JobOptions, Observer, Progress, Summary};
use millrace::pipeline::{self, CheckFailure};
use millrace::storage::Storage;
use tempfile::TempDir;

use super::published::{Letter, Published, Row};

const COUNTRIES: [&str; 3] = ["DE", "FR", "US"];
/// Every so many-th row is no JSON, and every so many-th has a text where a number belongs.
const BROKEN_EVERY: usize = 17;
const WRONG_TYPE_EVERY: usize = 23;

/// When the first rows of each file were, and the time from one to the next, in milliseconds. Rows
/// are out of order by less than [`DISORDER`], but for every so many-th, which is [`VERY_LATE`].
const START: i64 = 1_700_000_000_000;
const STEP: i64 = 250;
const DISORDER: usize = 1500;
const VERY_LATE_EVERY: usize = 13;
const VERY_LATE: i64 = 30_000;

/// How many rows a pipeline reads.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    pub files: usize,
    pub rows_per_file: usize,
}

impl Input {
    /// The row `id`, with what is wrong with it.
    fn line(self, id: usize) -> String {
        let (country, amount) = (country(id), amount(id));
        let within = id % self.rows_per_file;
        let late = if within % VERY_LATE_EVERY == VERY_LATE_EVERY / 2 { VERY_LATE } else { 0 };
        let t = START + within as i64 * STEP - (id * 7919 % DISORDER) as i64 - late;
        let item = within / 2;
        let rest =
            format!("\"country\":\"{country}\",\"amount\":{amount},\"t\":{t},\"item\":{item}");
        match fault(id) {
            Fault::None => format!("{{\"id\":{id},{rest}}}"),
            Fault::Broken => format!("{{\"id\":{id},{rest}"),
            Fault::WrongType => format!("{{\"id\":\"no number\",{rest},\"was\":{id}}}"),
        }
    }
}

/// A pipeline's directory: its file, its input in `data`, and in `disk` all that it writes.
pub struct Fixture {
    directory: TempDir,
    input: Input,
}

impl Fixture {
    /// Writes the input, and `pipeline`, which reads `data/*.ndjson` and writes under `disk`.
    pub fn new(input: Input, pipeline: &str) -> Self {
        let fixture = Self { directory: scratch(), input };
        fs::create_dir(fixture.disk()).unwrap();
        fs::create_dir(fixture.path().join("data")).unwrap();
        for file in 0..input.files {
            let first = file * input.rows_per_file;
            let lines = (first..first + input.rows_per_file).map(|id| input.line(id) + "\n");
            fs::write(fixture.data(file), lines.collect::<String>()).unwrap();
        }
        fs::write(fixture.pipeline(), pipeline).unwrap();
        fixture
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn pipeline(&self) -> PathBuf {
        self.path().join("pipeline.toml")
    }

    pub fn disk(&self) -> PathBuf {
        self.path().join("disk")
    }

    /// Lets the next run have so many tasks.
    pub fn set_parallelism(&self, parallelism: usize) {
        let text = fs::read_to_string(self.pipeline()).unwrap();
        let lines = text.lines().map(|line| match line.starts_with("parallelism = ") {
            true => format!("parallelism = {parallelism}\n"),
            false => format!("{line}\n"),
        });
        fs::write(self.pipeline(), lines.collect::<String>()).unwrap();
    }

    /// The dead letters in sight.
    pub fn letters(&self) -> Vec<Letter> {
        Letter::read_all(&self.disk().join("checkpoint/dead-letters"))
    }

    /// A sink's directory.
    pub fn out(&self, sink: &str) -> PathBuf {
        self.disk().join("out").join(sink)
    }

    fn data(&self, file: usize) -> PathBuf {
        self.path().join("data").join(format!("{file:02}.ndjson"))
    }

    /// Runs the pipeline to its end or its first error.
    pub fn run(&self, storage: Arc<dyn Storage>) -> Result<Summary, Error> {
        self.run_watched(storage, &mut Silent)
    }

    pub fn run_watched(
        &self,
        storage: Arc<dyn Storage>,
        observer: &mut dyn Observer,
    ) -> Result<Summary, Error> {
        let checked = match pipeline::check(&self.pipeline()) {
            Ok(checked) => checked,
            Err(CheckFailure::Unreadable(error)) => panic!("{error}"),
            Err(CheckFailure::Mistakes(found)) => panic!("{}", found.render(false)),
        };
        // The job would stop if the channel's other side were gone.
        let (_running, stop) = crossbeam_channel::bounded(1);
        let options = JobOptions { storage, ..JobOptions::new(stop) };
        job::run(&checked.plan, &checked.plugins, &options, observer)
    }

    /// The ids of all rows with which nothing is wrong.
    pub fn good_ids(&self) -> impl Iterator<Item = usize> {
        (0..self.input.files * self.input.rows_per_file).filter(|id| fault(*id) == Fault::None)
    }

    /// What the directory of a sink must hold in the end.
    pub fn expected_rows(&self) -> Vec<Row> {
        let good = self.good_ids();
        let mut rows: Vec<Row> = good.map(|id| Row::new(id, country(id), amount(id))).collect();
        rows.sort();
        rows
    }

    /// What the dead letters of `step` must be in the end, if it has these codes for them.
    pub fn expected_letters(&self, step: &str) -> Vec<Letter> {
        let mut letters = Vec::new();
        for id in 0..self.input.files * self.input.rows_per_file {
            let code = match fault(id) {
                Fault::None => continue,
                Fault::Broken => "malformed",
                Fault::WrongType => "wrong_type",
            };
            letters.push(Letter {
                step: step.to_owned(),
                code: code.to_owned(),
                partition: format!("data/{:02}.ndjson", id / self.input.rows_per_file),
                row: (id % self.input.rows_per_file) as u64,
                payload: self.input.line(id),
            });
        }
        letters.sort();
        letters
    }

    /// What is in sight: of the sinks, each of which gets all rows, and of the dead letters.
    pub fn published(&self, sinks: &[&str]) -> Published {
        Published {
            sinks: sinks.iter().map(|sink| Row::read_all(&self.out(sink))).collect(),
            letters: self.letters(),
        }
    }

    /// What must be in sight in the end.
    pub fn expected(&self, sinks: usize, step: &str) -> Published {
        Published { sinks: vec![self.expected_rows(); sinks], letters: self.expected_letters(step) }
    }
}

/// A directory in memory, if the machine has one: what is durable is modelled, so that waiting for
/// a real disk would prove nothing.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.unwrap()
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Broken,
    WrongType,
}

fn fault(id: usize) -> Fault {
    match (id.is_multiple_of(BROKEN_EVERY), id.is_multiple_of(WRONG_TYPE_EVERY)) {
        (true, _) => Fault::Broken,
        (false, true) => Fault::WrongType,
        (false, false) => Fault::None,
    }
}

fn country(id: usize) -> &'static str {
    COUNTRIES[id * 7 % 10 % COUNTRIES.len()]
}

fn amount(id: usize) -> f64 {
    id as f64 / 4.0
}

/// Hears of nothing.
struct Silent;

impl Observer for Silent {
    fn progress(&mut self, _: &Progress) {}

    fn restart(&mut self, _: &Error, _: Duration) {}
}

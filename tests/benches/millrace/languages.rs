//! What a row costs in each language that plugins are written in, beside Rust natively, and that
//! none of them makes the host's memory grow.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow::array::{Array, ArrayRef, BinaryArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Fields;
use millrace::config::LimitsConfig;
use millrace::error::{Error, Result};
use millrace::plugin::{
    Crossing, Instance, KeyedCall, KeyedCallOutput, LargeState, ListRange, Loaded, MapEntry,
    PluginHost, Sandbox,
};
use millrace_plugin::{Output, Transform, testing};

use crate::data::{ROWS, RULES, eight_columns, repository};
use crate::report::{Report, Target, median};

/// Where the components of a language are, what a row may cost, and how often a turn calls them.
const LANGUAGES: [(&str, &str, Bound, u32); 6] = [
    ("Rust", "plugins/dist", Bound::Native(1.3), 100),
    ("C", "plugins/dist/c", Bound::Native(1.3), 100),
    ("Zig", "plugins/dist/zig", Bound::Native(1.3), 100),
    ("Go", "plugins/dist/go", Bound::Native(4.0), 50),
    ("TypeScript", "plugins/dist/ts", Bound::Nanoseconds(3000.0), 2),
    ("Python", "plugins/dist/python", Bound::Nanoseconds(3000.0), 2),
];

/// What a row may cost.
#[derive(Clone, Copy)]
enum Bound {
    /// So many times what it costs natively.
    Native(f64),
    Nanoseconds(f64),
}

const TURNS: usize = 9;
const NATIVE_CALLS: u32 = 100;

const VELOCITY: &str =
    r#"{"within": "60s", "amount": "amount", "max_count": 12, "max_sum": 100000.0}"#;
/// Keys of a batch for `velocity`.
const KEYS: usize = 1024;
const ROWS_PER_KEY: usize = ROWS / KEYS;
/// Microseconds between two rows of a key: eight of them and those of the batch before fill the
/// window.
const BETWEEN: i64 = 4_000_000;

/// So many batches of so many rows must not make the process grow.
const BATCHES: usize = 20_000;
const BATCH_ROWS: usize = 512;
/// The greatest difference that the allocator and the recycling of instances make.
const GROWTH_MAX_MB: f64 = 32.0;

pub fn run(report: &mut Report) {
    for (language, directory, bound, calls) in LANGUAGES {
        let host = PluginHost::new(&repository(), &[PathBuf::from(directory)]);
        if let Some(velocity) = loaded(&host, "velocity", language) {
            add(report, "velocity", language, bound, self::velocity(&velocity, calls));
        }
        let Some(rules) = loaded(&host, "fraud_rules", language) else { continue };
        add(report, "fraud_rules", language, bound, fraud_rules(&rules, calls));
        let growth = growth(&rules);
        let detail = format!("over the second half of {BATCHES} batches of {BATCH_ROWS} rows");
        let name = format!("{language}: growth of the host");
        report.add(&name, growth, "MB", Target::AtMost(GROWTH_MAX_MB), &detail);
    }
}

fn loaded(host: &PluginHost, plugin: &str, language: &str) -> Option<Arc<Loaded>> {
    let found = host.find(plugin).ok().and_then(|path| host.load(&path).ok());
    if found.is_none() {
        println!("{language}: {plugin} is not built: run `make languages`");
    }
    found
}

/// Nanoseconds of a row natively and in the component, by turns.
type Measured = Vec<(f64, f64)>;

fn add(report: &mut Report, plugin: &str, language: &str, bound: Bound, measured: Measured) {
    let native = median(measured.iter().map(|(native, _)| *native).collect());
    let guest = median(measured.iter().map(|(_, guest)| *guest).collect());
    let ratio = median(measured.iter().map(|(native, guest)| guest / native).collect());
    let detail = format!(
        "{guest:.0} ns a row, {native:.0} in Rust natively: {ratio:.1} times; at 8,192 rows, \
         crossing included"
    );
    let name = format!("{language}: {plugin}");
    match bound {
        Bound::Native(most) => report.add(&name, ratio, "of native", Target::AtMost(most), &detail),
        Bound::Nanoseconds(most) => {
            report.add(&name, guest, "ns", Target::AtMost(most), &detail);
        }
    }
}

/// Nanoseconds per row of so many calls.
fn per_row(calls: u32, mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..calls).for_each(|_| call());
    start.elapsed().as_nanos() as f64 / f64::from(calls) / ROWS as f64
}

fn fraud_rules(loaded: &Arc<Loaded>, calls: u32) -> Measured {
    let rows = eight_columns(ROWS);
    let mut component = Rules::start(loaded, &rows);
    let (mut native, _) = testing::start::<fraud_rules::FraudRules>(RULES, &rows.schema()).unwrap();
    let turn = |_| {
        let native = per_row(NATIVE_CALLS, || {
            let mut out = Output::default();
            native.process(&rows.project(&component.reads).unwrap(), &mut out).unwrap();
            std::hint::black_box(&out);
        });
        (native, per_row(calls, || component.call(&rows)))
    };
    (0..TURNS).map(turn).collect()
}

/// `fraud_rules` as a component, whose instance is replaced as in a job.
struct Rules {
    loaded: Arc<Loaded>,
    sandbox: Arc<Sandbox>,
    schema: Fields,
    instance: Option<Instance>,
    reads: Vec<usize>,
    adds: Vec<Fields>,
}

impl Rules {
    fn start(loaded: &Arc<Loaded>, rows: &RecordBatch) -> Self {
        let schema = rows.schema();
        let (_, description) = testing::start::<fraud_rules::FraudRules>(RULES, &schema).unwrap();
        let limits = LimitsConfig::default();
        Self {
            loaded: loaded.clone(),
            sandbox: Sandbox::trial("bench", &limits),
            schema: schema.fields().clone(),
            instance: None,
            reads: description.reads.iter().map(|name| schema.index_of(name).unwrap()).collect(),
            adds: description.ports.iter().map(|port| port.adds.clone()).collect(),
        }
    }

    fn call(&mut self, rows: &RecordBatch) {
        let mut instance = self.instance.take().unwrap_or_else(|| {
            let Ok((instance, _)) = self.loaded.start(&self.sandbox, RULES, &self.schema) else {
                panic!("fraud_rules does not start")
            };
            instance
        });
        let adds: Vec<&Fields> = self.adds.iter().collect();
        let crossing = Crossing::new(rows, &self.reads).unwrap();
        let output = crossing.call(&mut instance, &adds).unwrap();
        assert!(!std::hint::black_box(output).ports.is_empty());
        self.instance = instance.kept();
    }
}

fn velocity(loaded: &Arc<Loaded>, calls: u32) -> Measured {
    let amounts = Float64Array::from_iter_values((0..ROWS).map(|row| (row % 100) as f64 * 1.25));
    let users =
        StringArray::from_iter_values((0..ROWS).map(|row| format!("u{}", row / ROWS_PER_KEY)));
    let rows = RecordBatch::try_from_iter([
        ("amount", Arc::new(amounts) as ArrayRef),
        ("user", Arc::new(users) as ArrayRef),
    ])
    .unwrap();
    let starts: Vec<u32> = (0..KEYS).map(|key| (key * ROWS_PER_KEY) as u32).collect();
    let times = |from: usize| -> Vec<i64> {
        (0..ROWS).map(|row| (from + row % ROWS_PER_KEY) as i64 * BETWEEN).collect()
    };
    let schema = rows.schema();
    let mut keyed =
        testing::Keyed::<velocity::Velocity>::start(VELOCITY, &schema, &["user"], None).unwrap();
    let description = &keyed.description;
    let reads: Vec<usize> =
        description.reads.iter().map(|name| schema.index_of(name).unwrap()).collect();
    let adds: Vec<Fields> = description.ports.iter().map(|port| port.adds.clone()).collect();
    let adds: Vec<&Fields> = adds.iter().collect();
    let read = rows.project(&reads).unwrap();
    let none: BinaryArray = (0..KEYS).map(|_| None::<&[u8]>).collect();

    let sandbox = Sandbox::trial("bench", &LimitsConfig::default());
    let key = ["user".to_owned()];
    let started = loaded.start_keyed(&sandbox, VELOCITY, (schema.fields(), &key));
    let Ok((mut instance, _)) = started else { panic!("velocity does not start") };
    let large: Arc<Mutex<dyn LargeState>> = Arc::new(Mutex::new(NoLargeState));
    let mut call = |times: &[i64], states: &BinaryArray| -> KeyedCallOutput {
        let call = KeyedCall {
            rows: &rows,
            reads: &reads,
            times,
            starts: &starts,
            keys: &[],
            states: states.clone(),
            timers: &[],
        };
        let called = call.run(&mut instance, large.clone(), &adds).unwrap();
        instance.settle(called).unwrap()
    };
    let (first, second) = (times(0), times(ROWS_PER_KEY));
    let states = call(&first, &none).states;
    assert_eq!(states.len(), KEYS);
    let (_, native_states) =
        keyed.call_once((&read, &starts), first.clone(), none.clone()).unwrap();
    let turn = |_| {
        let native = per_row(NATIVE_CALLS, || {
            let called = keyed.call_once((&read, &starts), second.clone(), native_states.clone());
            std::hint::black_box(called.unwrap());
        });
        let guest = per_row(calls, || drop(std::hint::black_box(call(&second, &states))));
        (native, guest)
    };
    (0..TURNS).map(turn).collect()
}

/// By how many MB the most memory of this process in the second half of many batches is above that
/// in the first half.
fn growth(loaded: &Arc<Loaded>) -> f64 {
    let rows = eight_columns(ROWS).slice(ROWS - BATCH_ROWS, BATCH_ROWS);
    let mut component = Rules::start(loaded, &rows);
    let mut most = [0.0_f64; 2];
    for batch in 0..BATCHES {
        component.call(&rows);
        if batch % 100 == 99 {
            let half = &mut most[batch * 2 / BATCHES];
            *half = half.max(resident_mb());
        }
    }
    most[1] - most[0]
}

/// Memory of this process.
fn resident_mb() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096.0 / 1e6
}

/// `velocity` keeps none.
struct NoLargeState;

impl NoLargeState {
    fn none<R>() -> Result<R> {
        Err(Error::internal("there is no large state here"))
    }
}

impl LargeState for NoLargeState {
    fn map_get(&mut self, _: u32, _: &str, _: &[u8]) -> Result<Option<Vec<u8>>> {
        Self::none()
    }
    fn map_put(&mut self, _: u32, _: &str, _: &[u8], _: Vec<u8>) -> Result<()> {
        Self::none()
    }
    fn map_remove(&mut self, _: u32, _: &str, _: &[u8]) -> Result<()> {
        Self::none()
    }
    fn map_scan(
        &mut self,
        _: u32,
        _: &str,
        _: Option<&[u8]>,
        _: (usize, usize),
    ) -> Result<Vec<MapEntry>> {
        Self::none()
    }
    fn list_append(&mut self, _: u32, _: &str, _: Vec<u8>) -> Result<()> {
        Self::none()
    }
    fn list_range(&mut self, _: u32, _: &str) -> Result<ListRange> {
        Self::none()
    }
    fn list_read(&mut self, _: u32, _: &str, _: u64, _: (usize, usize)) -> Result<Vec<Vec<u8>>> {
        Self::none()
    }
    fn list_remove(&mut self, _: u32, _: &str, _: u64) -> Result<()> {
        Self::none()
    }
}

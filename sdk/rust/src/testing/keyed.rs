//! Runs a keyed plugin natively: states and timers are kept here as the host would keep them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch, TimestampMicrosecondArray};
use arrow_data::transform::MutableArrayData;
use arrow_schema::Schema;

use super::{assemble, concat, take};
use crate::keyed::Place;
use crate::{
    Clock, Description, DueTimer, Failure, KeyedBatch, KeyedTransform, Memory, Output, RowError,
    StateColumn, TimerChange, guest,
};

/// A keyed plugin with the states and timers of its keys.
///
/// Rows are handled as they are given, in the order of event time within each batch; timers are
/// due when rows of their key or [`watermark`](Self::watermark) have reached them.
///
/// ```
/// # use millrace_plugin::prelude::*;
/// # struct Sum;
/// # impl KeyedTransform for Sum {
/// #     type Config = serde::de::IgnoredAny;
/// #     type State = i64;
/// #     fn start(
/// #         _: Self::Config,
/// #         _: &Schema,
/// #         _: &[String],
/// #     ) -> Result<(Self, Description), ConfigErrors> {
/// #         let sum = Field::new("sum", DataType::Int64, false);
/// #         Ok((Sum, Description::reads(["n"]).port(Port::new("main").adds([sum]))))
/// #     }
/// #     fn process(&mut self, batch: &mut KeyedBatch<i64>, out: &mut Output) -> Result<(), Failure> {
/// #         let numbers = batch.rows().int64("n")?.clone();
/// #         let (mut rows, mut sums) = (Vec::new(), Vec::new());
/// #         while let Some(Event::Row { row, .. }) = batch.next()? {
/// #             let sum = batch.state()?.unwrap_or(&0) + numbers.value(row as usize);
/// #             *batch.state_mut()? = Some(sum);
/// #             rows.push(row);
/// #             sums.push(sum);
/// #         }
/// #         out.some("main", rows, [Arc::new(Int64Array::from(sums)) as ArrayRef]);
/// #         Ok(())
/// #     }
/// # }
/// use millrace_plugin::testing;
///
/// let input = testing::batch([
///     ("user", Arc::new(StringArray::from(vec!["a", "b", "a"])) as ArrayRef),
///     ("n", Arc::new(Int64Array::from(vec![1, 10, 2]))),
/// ]);
/// let mut sums = testing::Keyed::<Sum>::start("{}", &input.schema(), &["user"], None).unwrap();
/// sums.rows(&input).unwrap();
/// sums.rows(&input).unwrap();
/// let sums = sums.port("main");
/// assert_eq!(sums.int64("sum").unwrap().values().as_ref(), [1, 3, 10, 4, 6, 20]);
/// ```
pub struct Keyed<T> {
    plugin: T,
    /// What the plugin said of itself.
    pub description: Description,
    input: Arc<Schema>,
    key: Vec<usize>,
    time: Option<usize>,
    keys: Vec<Known>,
    memory: Rc<RefCell<Memory>>,
    now: u64,
    ports: BTreeMap<String, Vec<RecordBatch>>,
    /// The refused rows of all batches.
    pub errors: Vec<RowError>,
}

/// A key with what is kept for it.
struct Known {
    values: Vec<ArrayRef>,
    state: Option<Vec<u8>>,
    timers: BTreeMap<u32, (Clock, i64)>,
}

impl<T: KeyedTransform> Keyed<T> {
    /// Starts a plugin with `config` (JSON) for rows of the schema `input` with the key `key`, and
    /// the column of event time if there is one.
    ///
    /// # Errors
    /// What the plugin says against the configuration, or that a column is missing.
    pub fn start(
        config: &str,
        input: &Schema,
        key: &[&str],
        time: Option<&str>,
    ) -> Result<Self, Failure> {
        let config = guest::config(config).map_err(|e| Failure(e.to_string()))?;
        let names: Vec<String> = key.iter().map(|name| (*name).to_owned()).collect();
        let (plugin, description) =
            T::start(config, input, &names).map_err(|e| Failure(e.to_string()))?;
        Ok(Self {
            plugin,
            description,
            key: key.iter().map(|name| input.index_of(name)).collect::<Result<_, _>>()?,
            time: time.map(|name| input.index_of(name)).transpose()?,
            input: Arc::new(input.clone()),
            keys: Vec::new(),
            memory: Rc::default(),
            now: 0,
            ports: BTreeMap::new(),
            errors: Vec::new(),
        })
    }

    /// Gives the plugin some rows.
    ///
    /// # Errors
    /// The failure of the call.
    pub fn rows(&mut self, input: &RecordBatch) -> Result<(), Failure> {
        let times = self.times(input)?;
        let mut order: Vec<u32> = (0..input.num_rows() as u32).collect();
        let keys: Vec<usize> = (0..input.num_rows()).map(|row| self.key_of(input, row)).collect();
        let time = |row: u32| times.get(row as usize).copied().unwrap_or_default();
        order.sort_by_key(|row| (keys[*row as usize], time(*row)));
        let mut starts = Vec::new();
        let mut known: Vec<usize> = Vec::new();
        for (at, row) in order.iter().enumerate() {
            let key = keys[*row as usize];
            if known.last() != Some(&key) {
                starts.push(at as u32);
                known.push(key);
            }
        }
        let columns: Result<Vec<_>, _> =
            input.columns().iter().map(|column| take(column, &order)).collect();
        let rows = RecordBatch::try_new(input.schema(), columns?)?;
        let times: Vec<i64> =
            if times.is_empty() { times } else { order.iter().map(|row| time(*row)).collect() };
        let mut due = Vec::new();
        for (at, key) in known.iter().enumerate() {
            let end = starts.get(at + 1).map_or(order.len(), |start| *start as usize);
            let until = times.get(end - 1).copied();
            due.extend(self.take_due(*key, at as u32, Clock::Event, until));
        }
        self.call(&rows, times, (starts, &known), due)
    }

    /// Event time has come to `time`: timers up to it are due.
    ///
    /// # Errors
    /// The failure of the call.
    pub fn watermark(&mut self, time: i64) -> Result<(), Failure> {
        self.fire(Clock::Event, time)
    }

    /// The host's clock has moved on by so many microseconds.
    ///
    /// # Errors
    /// The failure of the call.
    pub fn pass(&mut self, microseconds: u64) -> Result<(), Failure> {
        self.now += microseconds;
        self.fire(Clock::Processing, self.now as i64)
    }

    /// All rows of a port so far.
    ///
    /// # Panics
    /// If the plugin has no such port.
    pub fn port(&self, name: &str) -> RecordBatch {
        let port = self.description.ports.iter().find(|port| port.name == name);
        let Some(port) = port else { panic!("the plugin has no port `{name}`") };
        let empty = RecordBatch::new_empty(self.input.clone());
        let empty = assemble(&empty, port, None).expect("a description that holds");
        let Some(parts) = self.ports.get(name) else { return empty };
        let column = |at: usize| {
            let parts: Vec<ArrayRef> = parts.iter().map(|part| part.column(at).clone()).collect();
            concat(&parts).expect("columns of one type")
        };
        let columns = (0..empty.num_columns()).map(column).collect();
        RecordBatch::try_new(parts[0].schema(), columns).expect("columns of one length")
    }

    /// How many keys have a state.
    pub fn states(&self) -> usize {
        self.keys.iter().filter(|key| key.state.is_some()).count()
    }

    /// How many timers are set.
    pub fn timers(&self) -> usize {
        self.keys.iter().map(|key| key.timers.len()).sum()
    }

    /// Calls the plugin with all timers that are due, and again while that sets further ones.
    /// One call of the plugin with nothing around it, for benchmarks: columns that it reads and the
    /// first row of each key, the rows' times, and the keys' states. Nothing of it is kept; returns
    /// the output and the states that changed.
    ///
    /// # Errors
    /// The plugin's own.
    pub fn call_once(
        &mut self,
        (rows, starts): (&RecordBatch, &[u32]),
        times: Vec<i64>,
        states: BinaryArray,
    ) -> Result<(Output, BinaryArray), Failure> {
        let place = Place::Memory(self.memory.clone(), (0..starts.len() as u32).collect());
        let keys = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let read = (rows.clone(), keys);
        let mut batch = KeyedBatch::new(read, times, starts.to_vec(), states, Vec::new(), place);
        let mut out = Output::default();
        self.plugin.process(&mut batch, &mut out)?;
        Ok((out, batch.finish()?.states.finish()))
    }

    fn fire(&mut self, clock: Clock, until: i64) -> Result<(), Failure> {
        loop {
            let mut due = Vec::new();
            let mut known = Vec::new();
            for key in 0..self.keys.len() {
                let at = known.len() as u32;
                let own = self.take_due(key, at, clock, Some(until));
                if !own.is_empty() {
                    known.push(key);
                    due.extend(own);
                }
            }
            if due.is_empty() {
                return Ok(());
            }
            let rows = RecordBatch::new_empty(self.input.clone());
            self.call(&rows, Vec::new(), (vec![0; known.len()], &known), due)?;
        }
    }

    fn call(
        &mut self,
        rows: &RecordBatch,
        times: Vec<i64>,
        (starts, known): (Vec<u32>, &[usize]),
        due: Vec<DueTimer>,
    ) -> Result<(), Failure> {
        let reads = self.columns_at(&self.description.reads)?;
        let keys = self.key_columns(known)?;
        let of_keys = keys.project(&self.columns_at(&self.description.keys)?)?;
        let states: BinaryArray =
            known.iter().map(|key| self.keys[*key].state.as_deref()).collect();
        let numbers = known.iter().map(|key| *key as u32).collect();
        let place = Place::Memory(self.memory.clone(), numbers);
        let read = (rows.project(&reads)?, of_keys);
        let mut batch = KeyedBatch::new(read, times, starts, states, due, place);
        let mut out = Output::default();
        self.plugin.process(&mut batch, &mut out)?;
        let changes = batch.finish()?;
        self.keep(known, &changes.changed, changes.states)?;
        for timer in changes.timers {
            let timers = &mut self.keys[known[timer.key as usize]].timers;
            match timer.change {
                TimerChange::Event(at) => drop(timers.insert(timer.id, (Clock::Event, at))),
                TimerChange::Processing(delay) => {
                    let at = (self.now + delay) as i64;
                    timers.insert(timer.id, (Clock::Processing, at));
                }
                TimerChange::Cancel => drop(timers.remove(&timer.id)),
            }
        }
        self.errors.extend(out.errors);
        let sources = stacked(rows, &keys)?;
        for emitted in &out.emitted {
            let port = self.description.ports.iter().find(|port| port.name == emitted.port);
            let port =
                port.ok_or_else(|| Failure(format!("there is no port `{}`", emitted.port)))?;
            let sources = match emitted.rows {
                crate::Rows::All => rows,
                crate::Rows::Some(_) => &sources,
            };
            let part = assemble(sources, port, Some(emitted))?;
            self.ports.entry(port.name.clone()).or_default().push(part);
        }
        Ok(())
    }

    fn keep(
        &mut self,
        known: &[usize],
        changed: &[u32],
        states: StateColumn,
    ) -> Result<(), Failure> {
        let states = states.finish();
        for (at, key) in changed.iter().enumerate() {
            let state = states.is_valid(at).then(|| states.value(at).to_vec());
            self.keys[known[*key as usize]].state = state;
        }
        Ok(())
    }

    fn take_due(
        &mut self,
        key: usize,
        number: u32,
        clock: Clock,
        until: Option<i64>,
    ) -> Vec<DueTimer> {
        let Some(until) = until else { return Vec::new() };
        let timers = &mut self.keys[key].timers;
        let is_due = |timer: &(Clock, i64)| timer.0 == clock && timer.1 <= until;
        let mut due: Vec<DueTimer> = timers
            .iter()
            .filter(|(_, timer)| is_due(timer))
            .map(|(id, (clock, at))| DueTimer { key: number, id: *id, clock: *clock, at: *at })
            .collect();
        timers.retain(|_, timer| !is_due(timer));
        due.sort_by_key(|timer| (timer.at, timer.id));
        due
    }

    /// The number of the key of a row.
    fn key_of(&mut self, input: &RecordBatch, row: usize) -> usize {
        let values: Vec<ArrayRef> =
            self.key.iter().map(|at| input.column(*at).slice(row, 1)).collect();
        if let Some(known) = self.keys.iter().position(|known| known.values == values) {
            return known;
        }
        self.keys.push(Known { values, state: None, timers: BTreeMap::new() });
        self.keys.len() - 1
    }

    fn times(&self, input: &RecordBatch) -> Result<Vec<i64>, Failure> {
        let Some(at) = self.time else { return Ok(Vec::new()) };
        let column = input.column(at).as_any().downcast_ref::<TimestampMicrosecondArray>();
        let column = column.ok_or_else(|| Failure::new("event time must be a timestamp"))?;
        Ok(column.values().to_vec())
    }

    fn columns_at(&self, names: &[String]) -> Result<Vec<usize>, Failure> {
        names.iter().map(|name| Ok(self.input.index_of(name)?)).collect()
    }

    /// A row for each key: all columns of the input, null but for those of the key.
    fn key_columns(&self, known: &[usize]) -> Result<RecordBatch, Failure> {
        let mut columns: Vec<ArrayRef> = Vec::new();
        for (at, field) in self.input.fields().iter().enumerate() {
            let column = match self.key.iter().position(|key| *key == at) {
                Some(part) => {
                    let values: Vec<ArrayRef> =
                        known.iter().map(|key| self.keys[*key].values[part].clone()).collect();
                    concat(&values)?
                }
                None => arrow_array::new_null_array(field.data_type(), known.len()),
            };
            columns.push(column);
        }
        Ok(RecordBatch::try_new(nullable(&self.input), columns)?)
    }
}

/// The rows, and the keys behind them.
fn stacked(rows: &RecordBatch, keys: &RecordBatch) -> Result<RecordBatch, Failure> {
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (row, key) in rows.columns().iter().zip(keys.columns()) {
        let (row, key) = (row.to_data(), key.to_data());
        let mut out = MutableArrayData::new(vec![&row, &key], true, row.len() + key.len());
        out.try_extend(0, 0, row.len())?;
        out.try_extend(1, 0, key.len())?;
        columns.push(arrow_array::make_array(out.freeze()));
    }
    Ok(RecordBatch::try_new(keys.schema(), columns)?)
}

/// Any column may be null on a row that belongs to a key alone.
fn nullable(schema: &Schema) -> Arc<Schema> {
    let field = |field: &Arc<arrow_schema::Field>| field.as_ref().clone().with_nullable(true);
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

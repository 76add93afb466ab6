//! A stream enriched from a table: the table's rows in a hash index, shared by all lanes.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};
use crossbeam_channel::Sender;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::emit::emit_isolated;
use super::project::{evaluate, project};
use crate::batch::{Batch, Origin, Partition, record_batch};
use crate::dead_letter::Refuser;
use crate::error::{Error, Result};
use crate::operator::{Operator, Outputs};
use crate::plan::{Deployment, LookupKind, LookupPlan, Node, NodeKind, Plan, Program, TablePlan};
use crate::table::{Table, TableVersion};

const MAIN: usize = 0;
const ERRORS: usize = 1;
/// Ends a chain of rows with the same key.
const END: u32 = u32::MAX;

/// The tables of a job and what its lookups see of them, also of those that are to take their place.
pub struct Lookups {
    /// By node.
    plans: BTreeMap<usize, LookupPlan>,
    /// The names of tables, by their index in the plan.
    names: Vec<String>,
    /// By the table's name and path.
    loaded: Mutex<LoadedTables>,
}

/// By name and path; the one that was read last comes last. Those before it may still be looked up.
type LoadedTables = HashMap<(String, PathBuf), Vec<LoadedTable>>;

struct LoadedTable {
    /// By node.
    views: BTreeMap<usize, Arc<LookupView>>,
    /// The file is looked at from time to time for as long as this lives.
    _fresh: Option<Sender<()>>,
}

impl Lookups {
    /// Loads the tables of a plan and indexes them.
    ///
    /// # Errors
    /// If a table can't be read.
    pub fn new(plan: &Plan) -> Result<Self> {
        let lookup = |(at, node): (usize, &Node)| match &node.kind {
            NodeKind::Lookup(lookup) => Some((at, lookup.clone())),
            _ => None,
        };
        let lookups = Self {
            plans: plan.nodes.iter().enumerate().filter_map(lookup).collect(),
            names: plan.tables.iter().map(|table| table.name.clone()).collect(),
            loaded: Mutex::default(),
        };
        plan.tables.iter().try_for_each(|table| lookups.read(table))?;
        Ok(lookups)
    }

    /// Reads a table and indexes it, also if its file was read before: lookups that are deployed from
    /// now on see what is in it now.
    ///
    /// # Errors
    /// If it can't be read, or a row can't be looked up.
    pub fn read(&self, plan: &TablePlan) -> Result<()> {
        let key = (plan.name.clone(), plan.path.clone());
        let table = Table::load(plan.clone())?;
        let own = |lookup: &LookupPlan| self.names[lookup.table] == plan.name;
        let views = self.plans.iter().filter(|(_, lookup)| own(lookup));
        let views = views.map(|(at, lookup)| Ok((*at, LookupView::new(lookup, table.clone())?)));
        let views = views.collect::<Result<_>>()?;
        let loaded = LoadedTable { views, _fresh: table.keep_fresh() };
        self.lock().entry(key).or_default().push(loaded);
        Ok(())
    }

    /// Forgets what was read for a table but for the file at `path`.
    pub fn keep(&self, table: &str, path: &Path) {
        self.lock().retain(|(name, of), read| {
            let is_kept = name != table || of == path;
            if is_kept && name == table {
                read.drain(..read.len() - 1);
            }
            is_kept
        });
    }

    /// What the lookup at the node `at` sees of its table.
    ///
    /// # Errors
    /// If it was not loaded.
    fn view(&self, at: usize, table: &TablePlan) -> Result<Arc<LookupView>> {
        let loaded = self.lock();
        let table = loaded.get(&(table.name.clone(), table.path.clone()));
        let view = table.and_then(|read| read.last()?.views.get(&at)).cloned();
        view.ok_or_else(|| Error::internal("a lookup without its table"))
    }

    fn lock(&self) -> MutexGuard<'_, LoadedTables> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A table as one lookup sees it, with the index of its newest version.
struct LookupView {
    plan: LookupPlan,
    table: Arc<Table>,
    index: Mutex<Current>,
}

struct Current {
    /// The version of the table that was last looked at.
    version: u64,
    index: Arc<Index>,
}

impl LookupView {
    /// # Errors
    /// If what the query computes of the table fails.
    fn new(plan: &LookupPlan, table: Arc<Table>) -> Result<Arc<Self>> {
        let version = table.current();
        let index = Index::new(plan, &version).map_err(|e| {
            let name = table.name();
            Error::config(format!("a row of table `{name}` can't be looked up")).with(e)
        })?;
        let index = Mutex::new(Current { version: version.number, index: Arc::new(index) });
        Ok(Arc::new(Self { plan: plan.clone(), table, index }))
    }

    /// The index of the table's newest version; built by the lane that first sees it. A version
    /// that can't be looked up leaves the last one in place.
    fn current(&self) -> Arc<Index> {
        let version = self.table.current();
        let mut current = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if current.version != version.number {
            current.version = version.number;
            match Index::new(&self.plan, &version) {
                Ok(index) => current.index = Arc::new(index),
                Err(error) => {
                    let table = self.table.name();
                    tracing::warn!(table, %error, "cannot refresh; the last version stays");
                }
            }
        }
        current.index.clone()
    }
}

/// The rows of one version, found by key.
struct Index {
    rows: RecordBatch,
    keys: Option<Rows>,
    hasher: DefaultHashBuilder,
    /// The first row of each key.
    first: HashTable<u32>,
    /// The next row with the same key.
    next: Vec<u32>,
}

impl Index {
    fn new(plan: &LookupPlan, version: &TableVersion) -> Result<Self> {
        let mut rows = version.rows.clone();
        for step in &plan.view {
            let partition = Partition { source: String::new(), name: String::new() };
            let origin = Origin::consecutive(Arc::new(partition), 0);
            rows = project(step, &Batch::new(rows, origin))?.rows;
        }
        let mut index = Self {
            next: vec![END; rows.num_rows()],
            keys: None,
            hasher: DefaultHashBuilder::default(),
            first: HashTable::with_capacity(rows.num_rows()),
            rows,
        };
        let columns = evaluate(&plan.table_keys, &index.rows)?;
        let keys = converter(&columns)?.convert_columns(&columns)?;
        // Backwards, so that a chain gives the rows of a key in the table's order.
        for row in (0..index.rows.num_rows()).rev() {
            if columns.iter().any(|column| column.is_null(row)) {
                continue;
            }
            let key = keys.row(row);
            let hash = index.hasher.hash_one(key);
            let (hasher, next) = (&index.hasher, &mut index.next);
            let same = |other: &u32| keys.row(*other as usize) == key;
            match index.first.find_mut(hash, same) {
                Some(first) => next[row] = std::mem::replace(first, row as u32),
                None => {
                    let rehash = |other: &u32| hasher.hash_one(keys.row(*other as usize));
                    index.first.insert_unique(hash, row as u32, rehash);
                }
            }
        }
        index.keys = Some(keys);
        Ok(index)
    }

    /// Pairs of rows (stream, table) with the same key, in the stream's order.
    fn pairs(&self, columns: &[ArrayRef], keys: &Rows) -> (Vec<u32>, Vec<u32>) {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let Some(own) = &self.keys else { return (left, right) };
        let nullable = columns.iter().any(|column| column.null_count() > 0);
        for row in 0..keys.num_rows() {
            if nullable && columns.iter().any(|column| column.is_null(row)) {
                continue;
            }
            let key = keys.row(row);
            let hash = self.hasher.hash_one(key);
            let same = |other: &u32| own.row(*other as usize) == key;
            let mut at = self.first.find(hash, same).copied().unwrap_or(END);
            while at != END {
                left.push(row as u32);
                right.push(at);
                at = self.next[at as usize];
            }
        }
        (left, right)
    }
}

pub struct Lookup {
    node: usize,
    lookups: Arc<Lookups>,
    view: Arc<LookupView>,
    refuser: Refuser,
    converter: Option<RowConverter>,
}

impl Lookup {
    /// The lookup at the node `at`, which is called `name`, in `table`.
    ///
    /// # Errors
    /// If the table was not loaded.
    pub fn new(name: &str, at: usize, table: &TablePlan, lookups: Arc<Lookups>) -> Result<Self> {
        let refuser = Refuser { step: name.to_owned(), plugin: None };
        let view = lookups.view(at, table)?;
        Ok(Self { node: at, lookups, view, refuser, converter: None })
    }
}

impl Operator for Lookup {
    fn process(&mut self, batch: Batch, out: &mut Outputs) -> Result<()> {
        // One version of the table for the whole batch.
        let index = self.view.current();
        let (plan, converter) = (&self.view.plan, &mut self.converter);
        let work = |part: &Batch| join(plan, &index, converter, part);
        emit_isolated(&batch, &self.refuser, (MAIN, ERRORS), out, work)
    }

    fn deploy(&mut self, deployment: &Deployment) -> Result<()> {
        if let Program::Table(table) = &deployment.current
            && self.view.table.name() == table.name
        {
            self.view = self.lookups.view(self.node, table)?;
        }
        Ok(())
    }
}

/// The rows of a batch with what `index` has for them.
///
/// # Errors
/// If a key or the condition fails on any row.
fn join(
    plan: &LookupPlan,
    index: &Index,
    converter: &mut Option<RowConverter>,
    batch: &Batch,
) -> Result<Batch> {
    let columns = evaluate(&plan.stream_keys, &batch.rows)?;
    let converter = match converter {
        Some(converter) => converter,
        none => none.insert(self::converter(&columns)?),
    };
    let keys = converter.convert_columns(&columns)?;
    let (mut left, mut right) = index.pairs(&columns, &keys);
    if let Some(filter) = &plan.filter {
        let both = both_sides(plan, batch, index, &left, &right)?;
        let keep = filter.evaluate(&both)?.into_array(both.num_rows())?;
        let keep = keep.as_boolean();
        let kept = |i: &usize| keep.is_valid(*i) && keep.value(*i);
        let kept: Vec<usize> = (0..left.len()).filter(kept).collect();
        (left, right) = kept.into_iter().map(|i| (left[i], right[i])).unzip();
    }
    match plan.kind {
        LookupKind::Inner => pairs_batch(plan, batch, index, &left, &right),
        LookupKind::Left => {
            let (left, right) = with_unmatched(batch.len(), &left, &right);
            pairs_batch(plan, batch, index, &left, &right)
        }
        LookupKind::Semi => {
            left.dedup();
            batch.take(&UInt32Array::from(left))
        }
        LookupKind::Anti => {
            let mut matched = vec![false; batch.len()];
            left.iter().for_each(|row| matched[*row as usize] = true);
            let rows = (0..batch.len() as u32).filter(|row| !matched[*row as usize]);
            batch.take(&UInt32Array::from_iter_values(rows))
        }
    }
}

fn converter(columns: &[ArrayRef]) -> Result<RowConverter> {
    let field = |column: &ArrayRef| SortField::new(DataType::clone(column.data_type()));
    Ok(RowConverter::new(columns.iter().map(field).collect())?)
}

/// Adds each row of the stream that has no pair, without a row of the table, in its place.
fn with_unmatched(rows: usize, left: &[u32], right: &[u32]) -> (Vec<u32>, Vec<Option<u32>>) {
    let mut all = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let mut at = 0;
    for row in 0..rows as u32 {
        if left.get(at) != Some(&row) {
            all.0.push(row);
            all.1.push(None);
        }
        while left.get(at) == Some(&row) {
            all.0.push(row);
            all.1.push(Some(right[at]));
            at += 1;
        }
    }
    all
}

fn pairs_batch<R>(
    plan: &LookupPlan,
    batch: &Batch,
    index: &Index,
    left: &[u32],
    right: &[R],
) -> Result<Batch>
where
    R: Copy + Into<Option<u32>>,
{
    let rows = UInt32Array::from(left.to_vec());
    let every = left.len() == batch.len() && left.iter().copied().eq(0..batch.len() as u32);
    let (stream, origin) = if every {
        (batch.rows.columns().to_vec(), batch.origin.clone())
    } else {
        (taken(&batch.rows, &rows)?, batch.take_origin(&rows))
    };
    let right: UInt32Array = right.iter().map(|row| (*row).into()).collect();
    let table = taken(&index.rows, &right)?;
    let columns = in_order(plan.table_first, stream, table);
    Ok(Batch::new(record_batch(plan.schema.clone(), columns, left.len())?, origin))
}

fn both_sides(
    plan: &LookupPlan,
    batch: &Batch,
    index: &Index,
    left: &[u32],
    right: &[u32],
) -> Result<RecordBatch> {
    let stream = taken(&batch.rows, &UInt32Array::from(left.to_vec()))?;
    let table = taken(&index.rows, &UInt32Array::from(right.to_vec()))?;
    record_batch(plan.both.clone(), in_order(plan.table_first, stream, table), left.len())
}

fn taken(rows: &RecordBatch, indices: &UInt32Array) -> Result<Vec<ArrayRef>> {
    rows.columns().iter().map(|column| Ok(take(column, indices, None)?)).collect()
}

fn in_order(table_first: bool, stream: Vec<ArrayRef>, table: Vec<ArrayRef>) -> Vec<ArrayRef> {
    match table_first {
        false => [stream, table].concat(),
        true => [table, stream].concat(),
    }
}

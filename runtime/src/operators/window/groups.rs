//! Groups and their aggregates in memory: DataFusion's hash tables and accumulators.
//!
//! What an accumulator holds can be taken out and put into another, but not read. So whatever is
//! to be seen more than once is taken out as a [`Partial`], which never changes.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, UInt32Array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, Fields, Float32Type, Float64Type, Schema, SchemaRef};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::GroupsAccumulatorAdapter;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use crate::error::{Error, Result};
use crate::plan::{AggregatePlan, WindowPlan};
use crate::state::{EncodedRows, RowCodec};

/// What the key of a group takes, more or less: to ask the table would cost more.
const KEY_BYTES: usize = 64;

/// What is the same for all groups of a step.
pub(super) struct Aggregation {
    aggregates: Vec<AggregatePlan>,
    key_schema: SchemaRef,
    state_fields: Fields,
    /// How many columns the state of each aggregate has.
    widths: Vec<usize>,
    pub key_codec: RowCodec,
    pub state_codec: RowCodec,
}

impl Aggregation {
    /// # Errors
    /// If a type can't be kept.
    pub fn new(plan: &WindowPlan) -> Result<Self> {
        let width = |aggregate: &AggregatePlan| Ok(aggregate.expr.state_fields()?.len());
        let widths = plan.aggregates.iter().map(width).collect::<Result<Vec<usize>>>()?;
        let state_fields = plan.state_fields();
        let refused = |what: String| {
            Error::config(format!("the state of an aggregate can't be kept: {what}"))
        };
        Ok(Self {
            aggregates: plan.aggregates.clone(),
            key_schema: Arc::new(Schema::new(plan.key_fields.clone())),
            widths,
            key_codec: RowCodec::new(&plan.key_fields).map_err(refused)?,
            state_codec: RowCodec::exact(&state_fields).map_err(refused)?,
            state_fields,
        })
    }

    /// All of these as one: a group that is in several is there once.
    ///
    /// # Errors
    /// If an aggregate can't be merged.
    pub fn combine<'a>(&self, partials: impl IntoIterator<Item = &'a Partial>) -> Result<Groups> {
        let mut groups = Groups::new(self)?;
        for partial in partials {
            groups.merge(partial)?;
        }
        Ok(groups)
    }

    /// The groups of stored rows.
    ///
    /// # Errors
    /// `Corrupt` if they are not what was stored.
    pub fn decode<'a>(
        &self,
        keys: impl Iterator<Item = &'a [u8]>,
        states: impl ExactSizeIterator<Item = &'a [u8]>,
    ) -> Result<Partial> {
        let rows = states.len();
        let keys = self.key_codec.decode(keys)?;
        Ok(Partial { keys, states: self.state_codec.decode(states)?, rows })
    }

    /// A table that numbers keys. `None`: there is no key.
    ///
    /// # Errors
    /// If DataFusion can't group by such keys.
    pub fn group_values(&self) -> Result<Option<Box<dyn GroupValues>>> {
        match self.key_schema.fields().is_empty() {
            true => Ok(None),
            false => Ok(Some(new_group_values(self.key_schema.clone(), &GroupOrdering::None)?)),
        }
    }

    fn accumulator(aggregate: &AggregatePlan) -> Result<Box<dyn GroupsAccumulator>> {
        let expr = &aggregate.expr;
        if expr.groups_accumulator_supported() {
            return Ok(expr.create_groups_accumulator()?);
        }
        let expr = expr.clone();
        Ok(Box::new(GroupsAccumulatorAdapter::new(move || expr.create_accumulator())))
    }
}

/// Groups with the states of their aggregates. Cloning shares the columns.
#[derive(Debug, Clone)]
pub(super) struct Partial {
    pub keys: Vec<ArrayRef>,
    /// The columns of all aggregates' states, one after the other.
    pub states: Vec<ArrayRef>,
    pub rows: usize,
}

impl Partial {
    /// The rows whose numbers are in `rows`.
    ///
    /// # Errors
    /// If a number is beyond the rows.
    pub fn take(&self, rows: &UInt32Array) -> Result<Self> {
        let all = |columns: &[ArrayRef]| {
            columns.iter().map(|column| Ok(take(column, rows, None)?)).collect::<Result<Vec<_>>>()
        };
        Ok(Self { keys: all(&self.keys)?, states: all(&self.states)?, rows: rows.len() })
    }
}

/// What the expressions of a step give for rows of its input.
#[derive(Debug, Clone)]
pub(super) struct Evaluated {
    pub keys: Vec<ArrayRef>,
    /// For each aggregate its arguments and which rows count.
    pub arguments: Vec<(Vec<ArrayRef>, Option<BooleanArray>)>,
    pub rows: usize,
}

/// Groups whose aggregates go on.
pub(super) struct Groups {
    /// `None`: there is no key, so that all rows are one group.
    values: Option<Box<dyn GroupValues>>,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    widths: Vec<usize>,
    state_fields: Fields,
    len: usize,
    /// Which group each row is of.
    indices: Vec<usize>,
}

impl Groups {
    /// # Errors
    /// If DataFusion can't aggregate so.
    pub fn new(aggregation: &Aggregation) -> Result<Self> {
        Ok(Self { values: aggregation.group_values()?, ..Self::without_keys(aggregation)? })
    }

    /// Groups that are known by their numbers alone.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn without_keys(aggregation: &Aggregation) -> Result<Self> {
        let accumulators = aggregation.aggregates.iter().map(Aggregation::accumulator);
        Ok(Self {
            values: None,
            accumulators: accumulators.collect::<Result<_>>()?,
            widths: aggregation.widths.clone(),
            state_fields: aggregation.state_fields.clone(),
            len: 0,
            indices: Vec::new(),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// About how much memory the groups take.
    pub fn bytes(&self) -> usize {
        let states: usize = self.accumulators.iter().map(|a| a.size()).sum();
        states + self.len * KEY_BYTES
    }

    fn intern(&mut self, keys: &[ArrayRef], rows: usize) -> Result<()> {
        match &mut self.values {
            Some(values) => {
                values.intern(keys, &mut self.indices)?;
                self.len = values.len();
            }
            None => {
                self.indices.clear();
                self.indices.resize(rows, 0);
                self.len = self.len.max(rows.min(1));
            }
        }
        Ok(())
    }

    /// Counts rows in.
    ///
    /// # Errors
    /// If an aggregate fails on them; what it holds then means nothing.
    pub fn update(&mut self, rows: &Evaluated) -> Result<()> {
        self.intern(&rows.keys, rows.rows)?;
        let indices = std::mem::take(&mut self.indices);
        self.update_at(rows, &indices, self.len)?;
        self.indices = indices;
        Ok(())
    }

    /// Counts rows into `groups` groups, of which `indices` gives that of each row. Each group must
    /// have a row.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn update_at(&mut self, rows: &Evaluated, indices: &[usize], groups: usize) -> Result<()> {
        self.len = groups;
        for (accumulator, (values, filter)) in self.accumulators.iter_mut().zip(&rows.arguments) {
            accumulator.update_batch(values, indices, filter.as_ref(), groups)?;
        }
        Ok(())
    }

    /// Counts groups in that were aggregated elsewhere, after what is here.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn merge(&mut self, partial: &Partial) -> Result<()> {
        if partial.rows == 0 {
            return Ok(());
        }
        self.intern(&partial.keys, partial.rows)?;
        let indices = std::mem::take(&mut self.indices);
        self.merge_at(&partial.states, &indices, self.len)?;
        self.indices = indices;
        Ok(())
    }

    /// As [`merge`](Self::merge), into `groups` groups, of which `indices` gives that of each. Each
    /// group must have one.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn merge_at(
        &mut self,
        mut states: &[ArrayRef],
        indices: &[usize],
        groups: usize,
    ) -> Result<()> {
        self.len = groups;
        if indices.is_empty() {
            return Ok(());
        }
        for (accumulator, width) in self.accumulators.iter_mut().zip(&self.widths) {
            let (own, rest) = states.split_at(*width);
            states = rest;
            accumulator.merge_batch(own, indices, groups)?;
        }
        Ok(())
    }

    /// Takes the groups out, to go on elsewhere.
    ///
    /// # Errors
    /// If an aggregate fails.
    pub fn take(&mut self) -> Result<Partial> {
        let rows = std::mem::take(&mut self.len);
        let mut states = Vec::with_capacity(self.state_fields.len());
        if rows == 0 {
            let keys = self.take_keys(0)?;
            let empty = |field: &Arc<Field>| arrow::array::new_empty_array(field.data_type());
            return Ok(Partial {
                keys,
                states: self.state_fields.iter().map(empty).collect(),
                rows,
            });
        }
        for accumulator in &mut self.accumulators {
            states.extend(accumulator.state(EmitTo::All)?);
        }
        for (state, field) in states.iter_mut().zip(&self.state_fields) {
            if state.data_type() != field.data_type() {
                *state = cast(state, field.data_type())?;
            }
        }
        Ok(Partial { keys: self.take_keys(rows)?, states, rows })
    }

    /// Takes out the groups and the results of their aggregates.
    ///
    /// # Errors
    /// If an aggregate fails.
    pub fn evaluate(&mut self) -> Result<Results> {
        let rows = std::mem::take(&mut self.len);
        let mut values = Vec::with_capacity(self.accumulators.len());
        for accumulator in &mut self.accumulators {
            values.push(accumulator.evaluate(EmitTo::All)?);
        }
        Ok(Results { keys: self.take_keys(rows)?, values, rows })
    }

    fn take_keys(&mut self, rows: usize) -> Result<Vec<ArrayRef>> {
        match &mut self.values {
            Some(values) if rows > 0 => take_keys(values.as_mut()),
            Some(_) | None => Ok(Vec::new()),
        }
    }
}

/// Takes the keys out of a table, which is then empty.
///
/// # Errors
/// If DataFusion can't give them.
pub(super) fn take_keys(values: &mut dyn GroupValues) -> Result<Vec<ArrayRef>> {
    let rows = values.len();
    let keys = values.emit(EmitTo::All)?;
    // What was emitted may still be looked up in some tables, until they are cleared.
    values.clear_shrink(rows);
    Ok(keys)
}

/// Groups with what their aggregates give.
#[derive(Debug, Clone)]
pub(super) struct Results {
    pub keys: Vec<ArrayRef>,
    pub values: Vec<ArrayRef>,
    pub rows: usize,
}

impl Results {
    /// The groups that are in one of `others` as well.
    ///
    /// # Errors
    /// If the keys can't be encoded.
    pub fn only(&self, aggregation: &Aggregation, others: &[&Partial]) -> Result<Self> {
        let mut rows = EncodedRows::default();
        let mut known: HashSet<Vec<u8>> = HashSet::new();
        for other in others {
            aggregation.key_codec.encode(&other.keys, other.rows, &mut rows)?;
            known.extend(rows.iter().map(<[u8]>::to_vec));
        }
        aggregation.key_codec.encode(&self.keys, self.rows, &mut rows)?;
        let kept = rows.iter().enumerate().filter(|(_, key)| known.contains(*key));
        let kept = UInt32Array::from_iter_values(kept.map(|(row, _)| row as u32));
        let all = |columns: &[ArrayRef]| {
            columns.iter().map(|column| Ok(take(column, &kept, None)?)).collect::<Result<Vec<_>>>()
        };
        Ok(Self { keys: all(&self.keys)?, values: all(&self.values)?, rows: kept.len() })
    }
}

/// Keys in which equal numbers have equal bits: there is one zero and one NaN.
pub(in crate::operators) fn canonical_key(column: ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            let one = |v: f64| if v.is_nan() { f64::NAN } else { v + 0.0 };
            Arc::new(values.unary::<_, Float64Type>(one)) as Arc<Float64Array>
        }
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>();
            let one = |v: f32| if v.is_nan() { f32::NAN } else { v + 0.0 };
            Arc::new(values.unary::<_, Float32Type>(one)) as Arc<Float32Array>
        }
        _ => column,
    }
}

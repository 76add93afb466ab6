//! What must come out: each row put into its windows by hand, and DataFusion in batch over that.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;

use super::input::{Input, Row, record};

/// The windows of a test, in microseconds.
#[derive(Debug, Clone, Copy)]
pub enum Windows {
    Tumble {
        size: i64,
        offset: i64,
    },
    Hop {
        slide: i64,
        size: i64,
    },
    /// The gap is `gap` times one more than `x` modulo 3.
    Session {
        gap: i64,
    },
}

/// A row in a window.
pub type Placed = (Row, i64, i64);

impl Windows {
    /// Each timely row with each of its windows, and the ids of those that are late.
    pub fn place(self, input: &Input, lateness: i64) -> (Vec<Placed>, Vec<i64>) {
        let mut placed = Vec::new();
        let mut late = Vec::new();
        let mut sessions: BTreeMap<Option<i64>, Vec<Placed>> = BTreeMap::new();
        for row in input.rows() {
            let complete = row.watermark.saturating_sub(lateness);
            let before = placed.len();
            match self {
                Self::Tumble { size, offset } => {
                    let start = row.ts - (row.ts - offset).rem_euclid(size);
                    if start + size > complete {
                        placed.push((row.clone(), start, start + size));
                    }
                }
                Self::Hop { slide, size } => {
                    let mut start = row.ts - row.ts.rem_euclid(slide);
                    while start + size > row.ts {
                        if start + size > complete {
                            placed.push((row.clone(), start, start + size));
                        }
                        start -= slide;
                    }
                }
                Self::Session { gap } => {
                    if row.ts >= complete {
                        let end = row.ts + gap * (1 + row.x.rem_euclid(3));
                        sessions.entry(row.k).or_default().push((row.clone(), row.ts, end));
                        continue;
                    }
                }
            }
            if placed.len() == before {
                late.push(row.id);
            }
        }
        for mut rows in sessions.into_values() {
            rows.sort_by_key(|(_, start, _)| *start);
            let mut open: Vec<Placed> = Vec::new();
            for row in rows {
                let end = open.iter().map(|(_, _, end)| *end).max();
                if end.is_some_and(|end| row.1 >= end) {
                    placed.extend(joined(std::mem::take(&mut open)));
                }
                open.push(row);
            }
            placed.extend(joined(open));
        }
        late.sort_unstable();
        (placed, late)
    }
}

/// Rows of one session, each with the session's bounds.
fn joined(rows: Vec<Placed>) -> impl Iterator<Item = Placed> {
    let start = rows.iter().map(|row| row.1).min().unwrap_or_default();
    let end = rows.iter().map(|row| row.2).max().unwrap_or_default();
    rows.into_iter().map(move |(row, _, _)| (row, start, end))
}

/// The rows that `query` gives over the placed rows, which are the table `t` with the columns `ws`
/// and `we` for their windows.
pub fn in_batch(schema: &SchemaRef, placed: &[Placed], query: &str) -> Vec<String> {
    let rows = record(schema, placed.iter().map(|(row, _, _)| row));
    let bounds = |pick: fn(&Placed) -> i64| -> ArrayRef {
        Arc::new(placed.iter().map(pick).collect::<Int64Array>())
    };
    let mut fields: Vec<Arc<Field>> = schema.fields().to_vec();
    fields.extend(["ws", "we"].map(|name| Arc::new(Field::new(name, DataType::Int64, false))));
    let mut columns = rows.columns().to_vec();
    columns.extend([bounds(|row| row.1), bounds(|row| row.2)]);
    let schema = Arc::new(Schema::new(fields));
    let rows = RecordBatch::try_new(schema.clone(), columns).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let context = SessionContext::new();
        let table = MemTable::try_new(schema, vec![vec![rows]]).unwrap();
        context.register_table("t", Arc::new(table)).unwrap();
        let batches = context.sql(query).await.unwrap().collect().await.unwrap();
        lines(batches.iter())
    })
}

/// Rows as sorted lines of text. Times are microseconds; floating-point numbers are rounded, as
/// their sums depend on the order.
pub fn lines<'a>(batches: impl Iterator<Item = &'a RecordBatch>) -> Vec<String> {
    let mut lines: Vec<String> = batches.flat_map(batch_lines).collect();
    lines.sort();
    lines
}

fn batch_lines(batch: &RecordBatch) -> Vec<String> {
    let columns: Vec<Vec<String>> = batch.columns().iter().map(texts).collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|c| c[row].as_str()).collect::<Vec<_>>().join(" | "))
        .collect()
}

fn texts(column: &ArrayRef) -> Vec<String> {
    let options = FormatOptions::default().with_null("null");
    match column.data_type() {
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            values.iter().map(|v| v.map_or("null".to_owned(), |v| format!("{v:.6}"))).collect()
        }
        DataType::Timestamp(..) => {
            let values = column.as_primitive::<TimestampMicrosecondType>();
            values.values().iter().map(ToString::to_string).collect()
        }
        _ => {
            let formatter = ArrayFormatter::try_new(column, &options).unwrap();
            (0..column.len()).map(|row| formatter.value(row).to_string()).collect()
        }
    }
}

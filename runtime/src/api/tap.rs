//! Rows that pass by, as lines of JSON: each with its lineage, and now and then how many were not
//! shown.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::codec::Instants;
use crate::diagnostic::suggest;
use crate::error::{Error, Result};
use crate::plan::{Input, NodeKind, Plan};
use crate::planner::split;
use crate::query::Status;
use crate::tap::{Glimpse, Look};

/// Room for rows is given so often, for that part of a second's rows.
const TICK: Duration = Duration::from_millis(50);
/// What passed unseen is told of so often.
const TELL: Duration = Duration::from_secs(1);
/// Who shows rows without end shows so many a second, unless another number is asked for.
pub const RATE: u64 = 1000;
/// Nobody can ask for more.
pub const RATE_MAX: u64 = 1_000_000;

/// The ports that `reference` means: `step`, `step.port`, or a sink, for the rows that it takes.
///
/// # Errors
/// If there is none; the text says which there are.
pub fn resolve(plan: &Plan, reference: &str) -> Result<Vec<Input>> {
    let (step, port) = split(reference);
    if let Some(inputs) = plan.endpoints.get(&(step.to_owned(), port.to_owned())) {
        return Ok(inputs.clone());
    }
    let sink = format!("sink.{}", reference.trim_start_matches("sink."));
    let is_sink = |kind: &NodeKind| matches!(kind, NodeKind::Sink(_) | NodeKind::Records(_));
    let of_sink = |name: &str| name.split('#').next() == Some(&sink);
    let sinks = plan.nodes.iter().filter(|node| is_sink(&node.kind) && of_sink(&node.name));
    if let Some(node) = sinks.into_iter().next() {
        return Ok(node.inputs.clone());
    }
    let ports = plan.endpoints.keys().filter(|(name, _)| name == step);
    let ports: Vec<&str> = ports.map(|(_, port)| port.as_str()).collect();
    if !ports.is_empty() {
        let ports = ports.join("`, `");
        return Err(Error::config(format!("`{step}` has no port `{port}`; its ports: `{ports}`")));
    }
    let mut names: Vec<&str> = plan.endpoints.keys().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    let near = suggest(step, names.iter().copied());
    let help = near.unwrap_or_else(|| format!("there are: `{}`", names.join("`, `")));
    Err(Error::config(format!("the pipeline has no step, source or sink `{step}`; {help}")))
}

/// Rows of some ports, as they pass by.
pub struct Tapped {
    plan: Arc<Plan>,
    look: Look,
    /// Rows a second, and rows until the end.
    rate: u64,
    left: Option<u64>,
    missed: u64,
    told: Instant,
    ticked: Option<Instant>,
}

impl Tapped {
    pub fn new(
        plan: Arc<Plan>,
        status: &Status,
        ports: Vec<Input>,
        rate: u64,
        limit: Option<u64>,
    ) -> Self {
        let ports = ports.into_iter().map(|port| (port, status.tap(port.node))).collect();
        let look = Look::new(ports);
        Self { plan, look, rate, left: limit, missed: 0, told: Instant::now(), ticked: None }
    }

    /// The next lines, which may be none; `None` after the last row that was asked for. Returns
    /// after a short time.
    pub fn next(&mut self) -> Option<String> {
        if self.left == Some(0) {
            return None;
        }
        if self.ticked.is_none_or(|at| at.elapsed() >= TICK) {
            self.ticked = Some(Instant::now());
            let room = (self.rate as f64 * TICK.as_secs_f64()).ceil() as u64;
            self.look.make_room(self.left.unwrap_or(u64::MAX).min(room.max(1)));
        }
        let mut lines = String::new();
        if let Some(glimpse) = self.look.next(TICK) {
            self.show(&glimpse, &mut lines);
        }
        self.missed += self.look.missed();
        if self.missed > 0 && self.told.elapsed() >= TELL {
            self.told = Instant::now();
            let missed = std::mem::take(&mut self.missed);
            let _ = writeln!(lines, "{}", json!({ "missed": missed }));
        }
        Some(lines)
    }

    fn show(&mut self, glimpse: &Glimpse, lines: &mut String) {
        let rows = glimpse.batch.len() as u64;
        let shown = self.left.map_or(rows, |left| left.min(rows));
        self.left = self.left.map(|left| left - shown);
        self.missed += rows - shown;
        let batch = glimpse.batch.slice(0, shown as usize);
        let node = &self.plan.nodes[glimpse.from.node];
        let port = &node.ports[glimpse.from.port].name;
        let origin = &batch.origin;
        let values = match values(&batch.rows) {
            Ok(values) => values,
            Err(error) => {
                let line = json!({ "step": node.name, "port": port, "error": error.to_string() });
                let _ = writeln!(lines, "{line}");
                return;
            }
        };
        for (row, values) in values.lines().enumerate() {
            let lineage = json!({
                "step": node.name,
                "port": port,
                "source": origin.partition.source,
                "partition": origin.partition.name,
                "row": origin.number(row),
            });
            let lineage = lineage.to_string();
            let lineage = lineage.trim_end_matches('}');
            let _ = writeln!(lines, "{lineage},\"values\":{values}}}");
        }
    }
}

/// A line of JSON for each row, nulls and all.
fn values(rows: &RecordBatch) -> Result<String> {
    let columns = rows.columns().iter().map(readable).collect();
    let fields = rows.schema_ref().fields().iter().zip(rows.columns());
    let fields: Vec<Field> = fields
        .map(|(field, column)| match column.data_type() {
            DataType::Binary => Field::new(field.name(), DataType::Utf8, true),
            _ => field.as_ref().clone(),
        })
        .collect();
    let rows = crate::batch::record_batch(Arc::new(Schema::new(fields)), columns, rows.num_rows())?;
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let builder = builder.with_encoder_factory(Arc::new(Instants));
    let mut writer = builder.build::<_, LineDelimited>(Vec::new());
    writer.write(&rows)?;
    writer.finish()?;
    String::from_utf8(writer.into_inner())
        .map_err(|e| Error::internal("a row as JSON is not text").with(e))
}

/// Bytes as the text that they are, or else in base64.
fn readable(column: &ArrayRef) -> ArrayRef {
    if *column.data_type() != DataType::Binary {
        return column.clone();
    }
    let bytes = column.as_binary::<i32>();
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("base64:{}", BASE64_STANDARD.encode(bytes)),
    };
    Arc::new(bytes.iter().map(|bytes| bytes.map(text)).collect::<StringArray>())
}

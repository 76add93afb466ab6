//! What a step's state looks like: without it the state's bytes mean nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{Field, Fields, Schema};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    DedupBound, DedupPlan, KeyedPlan, Node, NodeKind, Order, Plan, WAITING, WAITING_KEY,
    WindowKind, WindowPlan,
};

/// The kind of the state of a step to which rows come again.
pub const RETRY_QUEUE: &str = "retry queue";

/// By step.
pub type Shapes = BTreeMap<String, Shape>;

/// The form of a step's state, and what it was made by. Part of the checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// What kind of step it is: `aggregate`, `deduplicate`, `plugin`,
    /// `retry queue`.
    pub kind: String,
    pub layout: Layout,
    #[serde(with = "as_ipc")]
    pub key: Fields,
    /// None if the values are bytes that only the step understands.
    #[serde(with = "as_ipc")]
    pub value: Fields,
    /// What may not change as long as the state is to be used: what it is, and how the pipeline
    /// has it, such as `window`, `tumble 60000000us`.
    pub parts: Vec<(String, String)>,
    /// Of a keyed plugin: the versions that its states may be of. Empty: not known.
    #[serde(default)]
    pub versions: BTreeSet<u32>,
}

/// What stands in the keys of state beside the columns of the step's key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Nothing.
    #[default]
    Key,
    /// So many times of eight bytes before it: when a window starts, and when the first one ends
    /// that the rows count for.
    Windows(usize),
    /// What keyed plugins have: states, timers, maps, lists and rows that wait.
    Plugin,
}

impl Plan {
    /// The form of the state of every step that has some.
    pub fn shapes(&self) -> Shapes {
        let shape = |node: &Node| Some((node.name.clone(), shape(&node.kind)?));
        self.nodes.iter().filter_map(shape).collect()
    }
}

fn shape(kind: &NodeKind) -> Option<Shape> {
    match kind {
        NodeKind::Window(plan) => Some(aggregate(plan)),
        NodeKind::Dedup(plan) => Some(deduplicate(plan)),
        NodeKind::Keyed(plan) => Some(keyed_plugin(plan)),
        NodeKind::Queue(_) => Some(queue()),
        NodeKind::Source(_)
        | NodeKind::Decode(_)
        | NodeKind::Plugin(_)
        | NodeKind::Project(_)
        | NodeKind::Lookup(_)
        | NodeKind::Letters(_)
        | NodeKind::Records(_)
        | NodeKind::Sink(_) => None,
    }
}

fn aggregate(plan: &WindowPlan) -> Shape {
    let kind = plan.window.as_ref().map(|window| window.kind);
    let layout = match kind {
        None => Layout::Key,
        Some(WindowKind::Tumble { .. } | WindowKind::Instant) => Layout::Windows(1),
        Some(WindowKind::Hop { .. } | WindowKind::Session) => Layout::Windows(2),
    };
    let window = kind.map_or_else(|| "none".to_owned(), WindowKind::text);
    let mut parts = vec![
        key_part(&plan.key_fields),
        ("window".to_owned(), window),
        // A result that was sent on in one mode may still have to be sent on in another.
        ("output_mode".to_owned(), plan.mode.name().to_owned()),
    ];
    parts.extend(plan.aggregates.iter().map(|a| ("aggregate".to_owned(), a.text.clone())));
    let kind = "aggregate".to_owned();
    let (key, value) = (plan.key_fields.clone(), plan.state_fields());
    Shape { kind, layout, key, value, parts, ..Shape::default() }
}

impl WindowPlan {
    /// The columns of the aggregates' states, as they are kept. An aggregate whose state DataFusion
    /// does not tell has none.
    pub fn state_fields(&self) -> Fields {
        let fields = self.aggregates.iter().flat_map(|aggregate| {
            let state = aggregate.expr.state_fields().unwrap_or_default();
            let one = state.len() == 1;
            let field = move |(part, field): (usize, &Arc<Field>)| {
                let name = match one {
                    true => aggregate.text.clone(),
                    false => format!("{}[{part}]", aggregate.text),
                };
                Field::new(name, field.data_type().clone(), true)
            };
            state.iter().enumerate().map(field).collect::<Vec<_>>()
        });
        fields.collect()
    }
}

fn deduplicate(plan: &DedupPlan) -> Shape {
    let bound = match plan.bound {
        DedupBound::Within { .. } => "within a time",
        DedupBound::Unbounded => "for good",
    };
    Shape {
        kind: "deduplicate".to_owned(),
        layout: Layout::Key,
        key: plan.key_fields.clone(),
        value: Fields::empty(),
        parts: vec![key_part(&plan.key_fields), ("bound".to_owned(), bound.to_owned())],
        ..Shape::default()
    }
}

/// Only the plugin knows what its state means, and which versions of it it can read.
fn keyed_plugin(plan: &KeyedPlan) -> Shape {
    let order = match plan.order {
        Order::EventTime { .. } => "event time",
        Order::Arrival { .. } => "arrival",
    };
    Shape {
        kind: "plugin".to_owned(),
        layout: Layout::Plugin,
        key: plan.key_fields.clone(),
        value: Fields::empty(),
        parts: vec![key_part(&plan.key_fields), ("order".to_owned(), order.to_owned())],
        versions: BTreeSet::from([plan.state_version]),
    }
}

/// Rows are also kept as dead letters are, so that the step's input may change while some wait.
fn queue() -> Shape {
    Shape {
        kind: RETRY_QUEUE.to_owned(),
        layout: Layout::Key,
        key: WAITING_KEY.clone(),
        value: WAITING.clone(),
        parts: Vec::new(),
        ..Shape::default()
    }
}

fn key_part(fields: &Fields) -> (String, String) {
    let column = |field: &Arc<Field>| format!("{} {}", field.name(), field.data_type());
    ("key".to_owned(), fields.iter().map(column).collect::<Vec<_>>().join(", "))
}

/// Columns as Arrow's own encoding of a schema, as base64.
mod as_ipc {
    use super::{BASE64_STANDARD, Deserialize, Deserializer, Engine, Fields, Schema, Serializer};

    pub fn serialize<S: Serializer>(fields: &Fields, serializer: S) -> Result<S::Ok, S::Error> {
        let schema = Schema::new(fields.clone());
        let bytes = arrow::ipc::convert::IpcSchemaEncoder::new().schema_to_fb(&schema);
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes.finished_data()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        use serde::de::Error;
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(D::Error::custom)?;
        let schema = arrow::ipc::root_as_schema(&bytes).map_err(D::Error::custom)?;
        Ok(arrow::ipc::convert::fb_to_schema(schema).fields)
    }
}

//! What the state of a plan's steps looks like, to be compared with that of a checkpoint.

use std::sync::Arc;

use arrow::datatypes::{Field, Fields};

use super::{DedupBound, DedupPlan, Node, NodeKind, WindowKind, WindowPlan};
use crate::checkpoint::Shape;

impl Node {
    /// `None`: the node has no state, or a plugin's.
    pub fn shape(&self) -> Option<Shape> {
        match &self.kind {
            NodeKind::Window(plan) => Some(aggregate(plan)),
            NodeKind::Dedup(plan) => Some(deduplicate(plan)),
            _ => None,
        }
    }
}

fn aggregate(plan: &WindowPlan) -> Shape {
    let kind = plan.window.as_ref().map(|window| window.kind);
    let times = match kind {
        None => 0,
        Some(WindowKind::Tumble { .. } | WindowKind::Instant) => 1,
        Some(WindowKind::Hop { .. } | WindowKind::Session) => 2,
    };
    let mut parts = vec![
        ("window".to_owned(), kind.map_or("none".to_owned(), WindowKind::text)),
        ("output_mode".to_owned(), plan.mode.name().to_owned()),
    ];
    parts.extend(plan.aggregates.iter().map(|a| ("aggregate".to_owned(), a.text.clone())));
    Shape {
        kind: "aggregate".to_owned(),
        times,
        key: plan.key_fields.clone(),
        value: plan.state_fields(),
        parts,
    }
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
        DedupBound::Within { length, .. } => format!("within {length}us"),
        DedupBound::Unbounded => "unbounded".to_owned(),
    };
    Shape {
        kind: "deduplicate".to_owned(),
        times: 0,
        key: plan.key_fields.clone(),
        value: Fields::empty(),
        parts: vec![("bound".to_owned(), bound)],
    }
}

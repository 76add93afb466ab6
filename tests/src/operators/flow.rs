//! The operators of a plan, driven by hand: batches, watermarks, epochs and crashes come when the
//! test says so, and steps with state run in several tasks.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use millrace::batch::Batch;
use millrace::checkpoint::{self, Checkpoint, Commit, Store};
use millrace::epoch::Epoch;
use millrace::operator::{Operator, Outputs};
use millrace::operators::{DedupStep, Letters, Project, WindowStep};
use millrace::plan::{Node, NodeKind, Plan};
use millrace::state::{
    Changes, EncodedRows, RowCodec, StateBackend, StateOptions, key_group, task_of_group,
};
use millrace::storage::{LocalStorage, Storage};
use millrace::time::Watermark;
use tempfile::TempDir;

use crate::crash::fixture::scratch;

const MEMORY: usize = 64 << 20;

enum Step {
    Window(Box<WindowStep>),
    Dedup(Box<DedupStep>),
    Other(Box<dyn Operator>),
    Sink(String),
}

impl Step {
    fn operator(&mut self) -> &mut dyn Operator {
        match self {
            Self::Window(step) => step.as_mut(),
            Self::Dedup(step) => step.as_mut(),
            Self::Other(step) => step.as_mut(),
            Self::Sink(name) => panic!("sink {name} is no operator"),
        }
    }

    fn reached(&mut self) -> Watermark {
        match self {
            Self::Sink(_) => Watermark::NONE,
            step => step.operator().reached().unwrap_or(Watermark::NONE),
        }
    }
}

/// A plan at work.
pub struct Flow {
    plan: Arc<Plan>,
    directory: TempDir,
    backend: Option<(StateBackend, Store, Epoch)>,
    /// By node and task.
    steps: Vec<Vec<Step>>,
    tasks: usize,
    /// By node, as of the last commit.
    watermarks: Vec<Watermark>,
    /// By sink; what was committed, and what was not yet.
    pub done: BTreeMap<String, Vec<Batch>>,
    pending: BTreeMap<String, Vec<Batch>>,
}

impl Flow {
    pub fn new(plan: Arc<Plan>, tasks: usize) -> Self {
        let mut flow = Self {
            watermarks: vec![Watermark::NONE; plan.nodes.len()],
            plan,
            directory: scratch(),
            backend: None,
            steps: Vec::new(),
            tasks,
            done: BTreeMap::new(),
            pending: BTreeMap::new(),
        };
        flow.start(tasks);
        flow
    }

    /// Starts from the last commit, as after a crash.
    pub fn start(&mut self, tasks: usize) {
        self.pending.clear();
        self.steps.clear();
        self.backend = None;
        self.tasks = tasks;
        let storage: Arc<dyn Storage> = Arc::new(LocalStorage);
        let options = StateOptions { memory_max: MEMORY, keep: 0 };
        let opened = checkpoint::open(self.directory.path(), "flow", &storage, options).unwrap();
        let Checkpoint { store, recovered, state: backend } = opened;
        for (at, node) in self.plan.nodes.iter().enumerate() {
            let open = |task| step(node, &backend, task, tasks, self.watermarks[at]);
            let tasks = if node.kind.keys().is_some() { tasks } else { 1 };
            self.steps.push((0..tasks).map(open).collect());
        }
        self.backend = Some((backend, store, recovered.epoch));
    }

    /// Rows of the node `source`.
    pub fn rows(&mut self, source: &str, batch: Batch) {
        let node = self.plan.nodes.iter().position(|node| node.name == source).unwrap();
        self.push(node, 0, batch);
    }

    fn push(&mut self, node: usize, port: usize, batch: Batch) {
        let plan = self.plan.clone();
        for (at, reader) in plan.nodes.iter().enumerate() {
            if !reader.inputs.iter().any(|input| (input.node, input.port) == (node, port)) {
                continue;
            }
            for (task, part) in split(reader, &batch, self.tasks) {
                if let Step::Sink(name) = &self.steps[at][task] {
                    self.pending.entry(name.clone()).or_default().push(part);
                    continue;
                }
                let mut out = Outputs::default();
                self.steps[at][task].operator().process(part, &mut out).unwrap();
                self.send(at, out);
            }
        }
    }

    fn send(&mut self, node: usize, out: Outputs) {
        for (port, batch) in out.emitted {
            self.push(node, port, batch);
        }
    }

    pub fn watermark(&mut self, watermark: Watermark) {
        for at in 0..self.steps.len() {
            for task in 0..self.steps[at].len() {
                if self.plan.nodes[at].kind.keys().is_some() {
                    let mut out = Outputs::default();
                    self.steps[at][task].operator().watermark(watermark, &mut out).unwrap();
                    self.send(at, out);
                }
            }
        }
    }

    /// Ends an epoch.
    pub fn commit(&mut self) {
        let mut changes: Vec<Changes> = (0..self.tasks).map(|_| Changes::new()).collect();
        for at in 0..self.steps.len() {
            for (task, changes) in changes.iter_mut().enumerate() {
                if self.plan.nodes[at].kind.keys().is_some() {
                    let mut out = Outputs::default();
                    self.steps[at][task].operator().freeze(changes, &mut out).unwrap();
                    self.send(at, out);
                }
            }
            let watermark = self.steps[at].iter_mut().map(Step::reached).min();
            self.watermarks[at] = watermark.unwrap_or(Watermark::NONE);
        }
        let (backend, store, epoch) = self.backend.as_mut().unwrap();
        *epoch = epoch.next();
        let mut segments = Vec::new();
        for (task, changes) in changes.into_iter().enumerate() {
            let name = format!("{task:02}");
            let sealed = changes.seal(&LocalStorage, self.directory.path(), &name, *epoch);
            segments.extend(sealed.unwrap());
        }
        let merged = backend.merged();
        let commit =
            Commit { epoch: *epoch, segments: segments.clone(), merged, ..Commit::default() };
        store.commit(&commit).unwrap();
        backend.committed(*epoch, segments).unwrap();
        for (sink, batches) in std::mem::take(&mut self.pending) {
            self.done.entry(sink).or_default().extend(batches);
        }
    }

    /// Entries in the state of all steps.
    pub fn entries(&self) -> usize {
        let (backend, _, _) = self.backend.as_ref().unwrap();
        let mut count = 0;
        for node in self.plan.nodes.iter().filter(|node| node.kind.keys().is_some()) {
            let mut state = backend.step(&node.name, 0, 1).unwrap();
            let mut visit = |_: millrace::state::Key, _: &[u8]| {
                count += 1;
                Ok(())
            };
            state.scan(b"", &mut visit).unwrap();
        }
        count
    }
}

fn step(
    node: &Node,
    backend: &StateBackend,
    task: usize,
    tasks: usize,
    watermark: Watermark,
) -> Step {
    let state = || backend.step(&node.name, task, tasks).unwrap();
    match &node.kind {
        NodeKind::Window(plan) => {
            Step::Window(Box::new(WindowStep::open(&node.name, plan, state(), watermark).unwrap()))
        }
        NodeKind::Dedup(plan) => {
            Step::Dedup(Box::new(DedupStep::open(&node.name, plan, state(), watermark).unwrap()))
        }
        NodeKind::Project(plan) => Step::Other(Box::new(Project::new(&node.name, plan))),
        NodeKind::Letters(plan) => Step::Other(Box::new(Letters::new(plan))),
        // Rows begin behind the source.
        _ => Step::Sink(node.name.clone()),
    }
}

/// The rows of a batch by the task that they go to.
fn split(reader: &Node, batch: &Batch, tasks: usize) -> Vec<(usize, Batch)> {
    let Some(keys) = reader.kind.keys() else { return vec![(0, batch.clone())] };
    let columns: Vec<ArrayRef> = keys
        .iter()
        .map(|key| key.evaluate(&batch.rows).unwrap().into_array(batch.len()).unwrap())
        .collect();
    let fields = columns
        .iter()
        .map(|column| arrow::datatypes::Field::new("key", column.data_type().clone(), true));
    let codec = RowCodec::new(&fields.collect()).unwrap();
    let mut encoded = EncodedRows::default();
    codec.encode(&columns, batch.len(), &mut encoded).unwrap();
    let mut rows: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for (row, key) in encoded.iter().enumerate() {
        rows.entry(task_of_group(key_group(key), tasks)).or_default().push(row as u32);
    }
    let part =
        |(task, rows): (usize, Vec<u32>)| (task, batch.take(&UInt32Array::from(rows)).unwrap());
    rows.into_iter().map(part).collect()
}

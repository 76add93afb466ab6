//! The tasks of a job: built, connected and started.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::JobOptions;
use super::build::Shared;
use crate::checkpoint::{Reading, Recovered};
use crate::config::Trigger;
use crate::error::{Error, Result};
use crate::graph::{Graph, Group};
use crate::metrics::Metrics;
use crate::plan::{Deployment, Node, NodeKind, Plan, SourceNode, SourcePlan};
use crate::sink::{Connections, SinkContext};
use crate::source::{self, Follower, OpenContext, Opened, Positions, Until};
use crate::state::StateBackend;
use crate::task::{
    Chain, Clock, Control, Exchange, KeyedTask, Lane, Message, Pace, Part, Report, Stage, channel,
};
use crate::time::Watermark;
use crate::watermark::Watermarks;

/// So many messages of the coordinator wait for a lane.
const CONTROLS_MAX: usize = 2;

/// What a coordinator needs of running tasks.
pub struct Tasks {
    /// Lanes first.
    pub running: Vec<JoinHandle<()>>,
    /// One for each lane.
    pub controls: Vec<Sender<Control>>,
    /// The source that each lane reads.
    pub sources: Vec<String>,
    /// Who hears what was committed of a source, by its name.
    pub followers: BTreeMap<String, Box<dyn Follower>>,
}

/// Everything that tasks are made of.
pub struct Spawner<'a> {
    pub plan: &'a Plan,
    pub shared: &'a Shared<'a>,
    pub recovered: &'a Recovered,
    pub options: &'a JobOptions,
    pub metrics: &'a Arc<Metrics>,
    pub state: &'a StateBackend,
    pub connections: &'a Arc<Connections>,
    /// Parts that run something else than the plan has.
    pub deployed: &'a [Deployment],
}

impl Spawner<'_> {
    /// Starts all tasks of the plan.
    ///
    /// # Errors
    /// If a source, an operator or a sink can't be opened.
    pub fn spawn(&self, reports: &Sender<Report>) -> Result<Tasks> {
        let graph = Graph::new(self.plan);
        let mut wires = Wires::new(self.plan, &graph);
        let mut tasks = Tasks {
            running: Vec::new(),
            controls: Vec::new(),
            sources: Vec::new(),
            followers: BTreeMap::new(),
        };
        for group in &graph.groups {
            match &self.plan.nodes[group.head].kind {
                NodeKind::Source(source) => {
                    self.lanes(group, source, &mut wires, reports, &mut tasks)?;
                }
                _ => self.keyed(group, &mut wires, reports, &mut tasks)?,
            }
        }
        Ok(tasks)
    }

    fn lanes(
        &self,
        group: &Group,
        source: &SourceNode,
        wires: &mut Wires,
        reports: &Sender<Report>,
        tasks: &mut Tasks,
    ) -> Result<()> {
        let pace = match reading(self.plan.trigger, self.options) {
            Reading::Always => Pace::Continuous,
            Reading::WhenDue | Reading::Once => Pace::Triggered,
        };
        let opened = self.open(group, source)?;
        if let Some(follower) = opened.follower {
            tasks.followers.insert(source.name.clone(), follower);
        }
        for (lane, reader) in opened.lanes.into_iter().enumerate() {
            let (controls, inbox) = bounded(CONTROLS_MAX);
            let task = Lane {
                task: tasks.running.len(),
                source: reader,
                chain: self.chain(group, lane, None, wires)?,
                pace,
                // Rows that were refused once are not the stream's last ones.
                ends_time: self.plan.trigger != Trigger::AvailableNow
                    && !matches!(source.plan, SourcePlan::Replay(_)),
                controls: inbox,
                reports: reports.clone(),
                pressure: self.state.pressure(),
            };
            let name = format!("{}-{lane}", source.name);
            tasks.running.push(start(name, reports, move || task.run())?);
            tasks.controls.push(controls);
            tasks.sources.push(source.name.clone());
        }
        Ok(())
    }

    fn open(&self, group: &Group, source: &SourceNode) -> Result<Opened> {
        let none = Positions::new();
        let (until, nothing) = (self.options.until.as_ref(), Until::default());
        let context = OpenContext {
            pipeline: &self.plan.name,
            directory: &self.plan.directory,
            lanes: group.tasks,
            batch_rows: self.plan.batch_rows,
            trigger: self.plan.trigger,
            positions: self.recovered.positions.get(&source.name).unwrap_or(&none),
            until: until.map(|all| all.get(&source.name).unwrap_or(&nothing)),
            schema: self.plan.nodes[group.head].ports[0].schema.clone(),
            columns: source.columns.clone(),
            health: self.metrics.nodes[group.head].health.clone(),
            metrics: self.metrics.nodes[group.head].source.clone(),
        };
        let opened = source::open(&source.name, &source.plan, &context)
            .map_err(|e| e.at(&self.plan.nodes[group.head].name))?;
        match opened.lanes.len() == group.tasks {
            true => Ok(opened),
            false => Err(Error::internal("a source has another number of lanes than planned")),
        }
    }

    fn keyed(
        &self,
        group: &Group,
        wires: &mut Wires,
        reports: &Sender<Report>,
        tasks: &mut Tasks,
    ) -> Result<()> {
        let node = &self.plan.nodes[group.head];
        let reached = self.recovered.watermarks.get(&node.name).copied();
        let reached = reached.map_or(Watermark::NONE, Watermark);
        for lane in 0..group.tasks {
            let state = self.state.step(&node.name, lane, group.tasks)?;
            let operator =
                self.shared.keyed(group.head, state, reached, &self.metrics.nodes[group.head])?;
            let inputs = wires.inputs(group.head, lane);
            let task = KeyedTask {
                task: tasks.running.len(),
                step: node.name.clone(),
                watermarks: Watermarks::new(&wires.input_groups(group.head), reached),
                inputs,
                chain: self.chain(group, lane, Some(Stage::Operator(operator)), wires)?,
                storage: self.options.storage.clone(),
                directory: self.plan.checkpoint.directory.clone(),
                reports: reports.clone(),
            };
            let name = format!("{}-{lane}", node.name);
            tasks.running.push(start(name, reports, move || task.run())?);
        }
        Ok(())
    }

    /// What runs in one task of a group.
    fn chain(
        &self,
        group: &Group,
        lane: usize,
        head: Option<Stage>,
        wires: &mut Wires,
    ) -> Result<Chain> {
        let context = SinkContext {
            storage: self.options.storage.clone(),
            id: self.recovered.id.clone(),
            lane: format!("{}-{lane:02}", group.head),
            health: Arc::default(),
            connections: self.connections.clone(),
            epoch: self.recovered.epoch.next(),
        };
        let is_queue = matches!(self.plan.nodes[group.head].kind, NodeKind::Queue(_));
        let part = |node: usize, stage| Part {
            node,
            stage,
            clock: self.clock(&self.plan.nodes[node], is_queue),
            outlet: None,
        };
        let mut parts = Vec::new();
        for at in &group.nodes {
            let health = self.metrics.nodes[*at].health.clone();
            let context = SinkContext { health, ..context.clone() };
            let stage = self.shared.stage(*at, &context);
            parts.push(part(*at, Some(stage.map_err(|e| e.at(&self.plan.nodes[*at].name))?)));
        }
        for outlet in &group.outlets {
            let senders = wires.outputs(group.head, lane, outlet.node);
            let exchange = self.exchange(outlet.node, senders)?;
            parts.push(Part {
                node: outlet.node,
                stage: Some(Stage::Exchange(exchange)),
                clock: None,
                outlet: Some(outlet.clone()),
            });
        }
        let head = part(group.head, head);
        let mut chain = Chain::new(self.plan, head, parts, lane, self.metrics.clone());
        self.deployed.iter().try_for_each(|deployment| chain.deploy(deployment))?;
        Ok(chain)
    }

    /// The clock of a node behind a source or, where rows come long after others of their
    /// partition, behind a queue: there it tells of no row that it is late.
    fn clock(&self, node: &Node, is_behind_queue: bool) -> Option<Clock> {
        let mut event_time = node.event_time.clone()?;
        if is_behind_queue {
            event_time.delay = i64::MAX;
        }
        let event_time = &event_time;
        let restored = self.recovered.clocks.get(&event_time.step).cloned().unwrap_or_default();
        Some(Clock::new(event_time, Arc::new(restored)))
    }

    fn exchange(&self, node: usize, tasks: Vec<Sender<Message>>) -> Result<Exchange> {
        let node = &self.plan.nodes[node];
        let keys = node.kind.keys().unwrap_or_default();
        let input = node.inputs[0];
        let schema = &self.plan.nodes[input.node].ports[input.port].schema;
        let fields = keys.iter().map(|key| Ok(key.return_field(schema)?));
        let fields = fields.collect::<Result<arrow::datatypes::Fields>>()?;
        Exchange::new(&node.name, keys, &fields, tasks)
    }
}

/// When sources are read.
pub fn reading(trigger: Trigger, options: &JobOptions) -> Reading {
    match trigger {
        _ if options.until.is_some() => Reading::Once,
        Trigger::Continuous => Reading::Always,
        Trigger::Interval(_) => Reading::WhenDue,
        Trigger::AvailableNow => Reading::Once,
    }
}

/// The channels between tasks, until both ends have been taken.
struct Wires {
    /// By head and lane of the sending group, and the receiving node.
    outputs: BTreeMap<(usize, usize, usize), Vec<Sender<Message>>>,
    /// By receiving node and task.
    inputs: BTreeMap<(usize, usize), Vec<Receiver<Message>>>,
    /// By receiving node: how many of its inputs, one after the other, hear the same.
    input_groups: BTreeMap<usize, Vec<usize>>,
}

impl Wires {
    fn new(plan: &Plan, graph: &Graph) -> Self {
        let mut wires = Self {
            outputs: BTreeMap::new(),
            inputs: BTreeMap::new(),
            input_groups: BTreeMap::new(),
        };
        let tasks: BTreeMap<usize, usize> =
            graph.groups.iter().map(|group| (group.head, group.tasks)).collect();
        for group in &graph.groups {
            // Lanes each read for themselves; the tasks of a step with state share what they hear.
            let sizes = match &plan.nodes[group.head].kind {
                NodeKind::Source(_) => vec![1; group.tasks],
                _ => vec![group.tasks],
            };
            for outlet in &group.outlets {
                wires.input_groups.entry(outlet.node).or_default().extend(&sizes);
            }
            let ends = (0..group.tasks)
                .flat_map(|lane| group.outlets.iter().map(move |outlet| (lane, outlet.node)));
            for (lane, node) in ends {
                for task in 0..tasks[&node] {
                    let (sender, receiver) = channel();
                    wires.outputs.entry((group.head, lane, node)).or_default().push(sender);
                    wires.inputs.entry((node, task)).or_default().push(receiver);
                }
            }
        }
        wires
    }

    fn outputs(&mut self, head: usize, lane: usize, node: usize) -> Vec<Sender<Message>> {
        self.outputs.remove(&(head, lane, node)).unwrap_or_default()
    }

    fn input_groups(&self, node: usize) -> Vec<usize> {
        self.input_groups.get(&node).cloned().unwrap_or_default()
    }

    fn inputs(&mut self, node: usize, task: usize) -> Vec<Receiver<Message>> {
        self.inputs.remove(&(node, task)).unwrap_or_default()
    }
}

/// Runs `work` in a thread of its own; an error or a panic ends in a report.
fn start(
    name: String,
    reports: &Sender<Report>,
    work: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<JoinHandle<()>> {
    let reports = reports.clone();
    let supervised = move || {
        let error = match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                Error::internal(format!("a task panicked: {}", text.unwrap_or("no text")))
            }
        };
        // Without a coordinator the job is over.
        let _ = reports.send(Report::Failed { error });
    };
    let spawned = std::thread::Builder::new().name(name).spawn(supervised);
    spawned.map_err(|e| Error::unavailable("cannot start a thread").with(e))
}

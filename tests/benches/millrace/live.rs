//! Pipelines in this process, watched while they run.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use millrace::error::Error;
use millrace::job::{Observer, Progress};
use millrace::pipeline::{self, Pipeline};
use millrace::plan::Input;
use millrace::tap::Tap;

use crate::data::repository;

/// Hands out where to look at what a step gives, once the job has said so.
pub struct Watch {
    step: &'static str,
    wanted: Option<Sender<(Input, Arc<Tap>)>>,
}

impl Watch {
    pub fn of(step: &'static str, wanted: Sender<(Input, Arc<Tap>)>) -> Self {
        Self { step, wanted: Some(wanted) }
    }

    pub fn nothing() -> Self {
        Self { step: "", wanted: None }
    }
}

impl Observer for Watch {
    fn progress(&mut self, progress: &Progress) {
        let Some(wanted) = self.wanted.take() else { return };
        let nodes = &progress.metrics.nodes;
        let node = nodes.iter().position(|node| node.name == self.step).unwrap();
        wanted.send((Input { node, port: 0 }, nodes[node].tap.clone())).unwrap();
    }

    fn restart(&mut self, error: &Error, _: Duration) {
        panic!("{error}");
    }
}

/// The pipeline `text`, written into a directory and checked.
pub fn checked(directory: &Path, text: &str) -> Pipeline {
    let plugins = repository().join("plugins/dist");
    let head = format!("name = \"bench\"\nplugin_path = [\"{}\"]\n", plugins.display());
    std::fs::write(directory.join("pipeline.toml"), format!("{head}{text}")).unwrap();
    pipeline::check(&directory.join("pipeline.toml")).unwrap_or_else(|_| panic!("{text}"))
}

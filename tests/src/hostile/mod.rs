//! Plugins that nobody reviewed: whatever they do, the pipeline goes on, other pipelines in the
//! process go on, and the message tells what happened and what to do.

mod artifact;
mod doctored;
mod functions;
mod keyed;
mod messages;
mod neighbour;
mod startup;
mod state;
mod transform;

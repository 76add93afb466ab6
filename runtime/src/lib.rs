//! Millrace: a stream runtime in one binary.
//!
//! ARCHITECTURE.md has the map. In the order in which a row meets them: a [`source`] gives a
//! [`batch`], [`operators`] and sandboxed plugins ([`plugin`]) transform it, a [`sink`] takes it,
//! and a [`checkpoint`] makes the progress durable. Before that, [`pipeline::check`] turned a
//! [`config`] into a [`plan`] (see [`planner`]), and [`job::run`] the plan into tasks.

pub mod cli;
pub mod pipeline;

pub mod again;
mod api;
pub mod job;
mod query;
mod report;
mod task;

pub mod checkpoint;
mod codec;
mod database;
#[cfg(feature = "kafka")]
mod kafka;
pub mod operators;
pub mod plugin;
pub mod sink;
pub mod source;
pub mod state;
mod table;

mod graph;
pub mod plan;
pub mod planner;
mod sql;
mod watermark;

pub mod config;
pub mod operator;
pub mod storage;
pub mod tap;

pub mod batch;
pub mod dead_letter;
pub mod diagnostic;
pub mod epoch;
pub mod error;
pub mod metrics;
pub mod swap;
pub mod time;

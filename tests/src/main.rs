//! Millrace through its front door: a pipeline file in, rows out.

#![allow(clippy::unwrap_used)]

mod full_disk;
mod harness;

mod again;
mod api;
mod boundary;
mod checkpoints;
mod checks;
mod cli;
mod crash;
mod flights;
mod functions;
mod hostile;
mod kafka;
mod keyed;
mod keyed_operator;
mod languages;
mod once_more;
mod operators;
mod plugin_command;
mod plugin_store;
mod plugins;
mod ready;
mod replay;
mod retry;
mod sandbox;
mod sinks;
mod sources;
mod sql;
mod sql_checks;
mod state;
mod swap;
mod window_checks;
mod windows;

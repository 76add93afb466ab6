//! A running pipeline over HTTP: how it is, what passes by, and what it is told to do.

mod client;
mod describe;
mod desk;
mod failure;
mod guard;
mod metrics;
mod openapi;
mod progress;
pub mod registry;
mod routes;
mod server;
mod tap;
mod token;

pub use client::{Client, find, running};
pub use progress::Logged;
pub use server::{Api, Running, Served};

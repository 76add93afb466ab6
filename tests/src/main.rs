//! Millrace through its front door: a pipeline file in, rows out.

#![allow(clippy::unwrap_used)]

mod crash;

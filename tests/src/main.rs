//! Millrace through its front door: a pipeline file in, rows out.

mod crash;

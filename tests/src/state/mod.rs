//! State, through the interface that operators use.

mod changes;
mod model;
mod rows;

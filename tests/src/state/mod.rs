//! State, through the interface that operators use.

mod changes;
mod crash;
mod damage;
mod model;
mod rows;
mod world;

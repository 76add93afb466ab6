//! A running pipeline is asked and told what to do: by HTTP, and by the commands that use it.

mod fixture;

mod control;
mod finding;
mod letting_in;
mod progress;
mod tap;

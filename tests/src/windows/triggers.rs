//! Triggers: a job that stops and goes on leaves its windows open in between.

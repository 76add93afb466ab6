//! Flags late flights.

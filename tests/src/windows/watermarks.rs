//! Watermarks as a user meets them: who holds them back is named, and who is idle does not.

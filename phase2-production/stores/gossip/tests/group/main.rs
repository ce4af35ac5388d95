//! Groups of nodes, in one process and as processes that are killed and paused.

#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

mod faults;
mod membership;
mod process;
mod propagation;
mod support;

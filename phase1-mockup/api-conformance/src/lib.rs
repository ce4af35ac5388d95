//! The conformance suite: black-box checks of the wire contract.
//!
//! A check gets only a base URL, so the same checks run against both servers of Phase 1, a
//! cluster behind a balancer, and a student's server. Only `fixture` and `process` start
//! servers as programs for a test, and end them afterwards.
//!
//! Reading order: `suite` (the table of contents), any file of `checks`, `target`, then
//! `process` and `fixture`. The crate `client` sends the requests.

pub mod checks;
pub mod eventually;
pub mod every_check;
pub mod exhaustion;
pub mod fixture;
pub mod process;
pub mod resources;
mod suite;
pub mod target;
pub mod usage;

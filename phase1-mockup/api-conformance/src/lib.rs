//! The conformance suite: black-box checks of the wire contract, and their HTTP client.
//!
//! A check gets only a base URL, so the same checks run against both servers of Phase 1, a
//! cluster behind a balancer, and a student's server. Only `fixture` and `process` start
//! servers as programs for a test, and end them afterwards.
//!
//! Reading order: `suite` (the table of contents), any file of `checks`, `target`,
//! `client` with `calls` and `outcome`, then `process` and `fixture`.

pub mod call_result;
mod calls;
pub mod checks;
pub mod client;
pub mod cookies;
pub mod credential;
pub mod digest;
pub mod eventually;
pub mod every_check;
pub mod exhaustion;
pub mod expect;
pub mod fixture;
pub mod form;
pub mod process;
pub mod raw;
pub mod resources;
mod suite;
pub mod target;
pub mod usage;

//! The wire contract as black-box checks, and the scripted client that makes them.
//!
//! Nothing in here looks inside a server: a base URL is all it gets, so the same checks
//! hold for either server of Phase 1, for a cluster behind a balancer, and for whatever a
//! student writes. Only `fixture` and `process` know that servers are programs: they
//! start one for a test and make sure that it is gone afterwards.
//!
//! Reading order: `suite` (the table of contents), any file of `checks`, `target`,
//! `client` with `calls` and `outcome`, then `process` and `fixture`.

mod calls;
pub mod checks;
pub mod client;
pub mod cookies;
pub mod digest;
pub mod eventually;
pub mod every_check;
pub mod expect;
pub mod fixture;
pub mod form;
mod lines;
pub mod outcome;
pub mod process;
pub mod proof;
pub mod raw;
pub mod resources;
mod suite;
pub mod target;
pub mod usage;

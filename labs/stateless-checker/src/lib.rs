//! Finds the step of a user that depends on the memory of one server.
//!
//! First, one user's steps go to one replica, which shows that they work. Then they are cut in
//! two, and the rest goes to another replica; then the replica is restarted at the cut. A step
//! that works in the first case and fails in another depends on state of one process, and the
//! kind of failure tells which state.
//!
//! Reading order: `description` (the steps of a user), `instances` (replicas and restarts),
//! `user_run` (one user on one route), `checker` and `check` (the experiments), `cause` (the meaning of the
//! failures), `report`. `lab_cluster` runs the check on the servers of this lab.

pub mod cause;
mod check;
mod checker;
pub mod description;
mod exchange;
mod expectation;
mod experiments;
mod findings;
pub mod instances;
pub mod lab_cluster;
mod needed_steps;
pub mod report;
mod restarts;
mod template;
mod user;
mod user_run;

pub use crate::report::{Report, SCHEMA, SCHEMA_VERSION};
pub use check::check;
pub use checker::Options;
pub use description::{Description, DescriptionError};
pub use instances::{Instance, Instances, Restart};
pub use outcome::Outcome;

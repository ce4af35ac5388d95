//! Finds the step of a user that depends on the memory of one server.
//!
//! First, one user's steps go to one replica, which shows that they work. Then they are cut in
//! two, and the rest goes to another replica; then the replica is restarted at the cut. A step
//! that works in the first case and fails in another depends on state of one process, and the
//! kind of failure tells which state.
//!
//! Reading order: `description` (the steps of a user), `instances` (replicas and restarts),
//! `walk` (one user on one route), `check` (the experiments), `cause` (the meaning of the
//! failures), `report`. `ours` runs the check on the servers of this lab.

mod blame;
pub mod cause;
mod cells;
mod check;
pub mod description;
mod exchange;
mod expectation;
mod findings;
pub mod instances;
pub mod ours;
pub mod report;
mod restarts;
mod template;
mod user;
mod walk;

pub use check::{Options, check};
pub use description::{Description, DescriptionError};
pub use instances::{Instance, Instances, Restart};
pub use outcome::Outcome;
pub use report::{Report, SCHEMA, VERSION};

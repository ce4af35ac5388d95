//! Finds the step of a user that depends on the memory of one server.
//!
//! One user's steps are sent to one replica first, to see that they work at all. Then they
//! are cut in two, and the rest is sent to another replica; then the replica is restarted
//! at the cut. What works in the first case and not in the others rests on something that
//! one process had to itself, and how it fails says what.
//!
//! Reading order: `description` (what a user does, as somebody wrote it down), `instances`
//! (where, and how to restart it), `walk` (one user on one route), `check` (which walks
//! there are), `cause` (what the failures say), `report`. `ours` is the same for the
//! servers of this lab.

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

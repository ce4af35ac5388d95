//! Grades an exercise: a program that somebody wrote is built, started as real processes,
//! talked to, killed and restarted, and what it did is written down in one record.
//!
//! Reading order: `manifest` (what an exercise is), `check` and `exam` (what a check is
//! and what it is given), `client` and `replica` (what it does), `grade` and `running`
//! (how it is run), `scratch`, `build` and `cage` (how somebody else's program is kept
//! in its place), `place` and `class` (where work is found), `record` (what comes out),
//! `format` (how it is shown).

pub mod author;
pub mod balanced;
mod build;
pub mod cage;
pub mod caged;
pub mod check;
pub mod class;
pub mod client;
pub mod exam;
pub mod format;
pub mod grade;
pub mod home;
pub mod manifest;
mod output;
pub mod place;
pub mod progress;
pub mod record;
pub mod replica;
mod reply;
mod running;
mod scratch;
pub mod stop;
pub mod transcript;

pub use backing_services::{Service, What};
pub use caged::CageProgram;
pub use check::{Check, Suite};
pub use client::Reply;
pub use exam::Exam;
pub use grade::{Assignment, grade};
pub use home::Home;
pub use load_balancer::config::Policy;
pub use manifest::Manifest;
pub use record::{CheckRecord, Record, Status, Verdict};
pub use replica::Replica;
pub use stop::{Outcome, Stop, require};

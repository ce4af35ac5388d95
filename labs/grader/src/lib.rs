//! Grades exercises: builds a student's program, starts it as real processes, sends it
//! requests, kills and restarts it, and stores the results in one record.
//!
//! Reading order: `manifest` (the definition of an exercise), `check` and `context` (a
//! check and its tools), `call` and `replica` (requests and processes), `grade` and
//! `running` (running the checks), `build_folder`, `build` and `sandbox` (isolation of
//! the student's program), `work_location`, `submission` and `class` (finding submissions),
//! `untrusted_file` (files that a program can replace), `record` (the result), `format` (its
//! renderings).

mod assignment;
pub mod author;
pub mod balancer;
mod build;
mod build_folder;
mod call;
pub mod check;
pub mod check_error;
pub mod class;
pub mod context;
pub mod format;
pub mod grade;
pub mod manifest;
mod output;
pub mod paths;
mod program_file;
pub mod progress;
pub mod record;
pub mod renamed;
pub mod replica;
mod reply;
mod running;
pub mod sandbox;
mod sandboxed;
pub mod source_text;
mod submission;
pub mod transcript;
pub mod untrusted_file;
pub mod work_location;

pub use assignment::Assignment;
pub use backing_services::{Service, ServiceType};
pub use call::Call;
pub use check::{Check, Suite};
pub use check_error::{CheckError, CheckResult, require};
pub use context::CheckContext;
pub use grade::{grade, grade_found};
pub use load_balancer::config::Policy;
pub use manifest::Manifest;
pub use paths::LabPaths;
pub use process::Program;
pub use record::{CheckRecord, Outcome, Record, Status};
pub use replica::Replica;
pub use reply::{Reply, no_reply_reason};

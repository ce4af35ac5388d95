//! Child processes that end with this process, and what they leave: output, logs, folders.
//!
//! It knows no server. Reading order: `process` (one child), `program` and `parent` (a
//! program that watches its parent), `death_signal` (a program that does not), `lines` and
//! `log_tail` (output), `reaper`, `run_dir` and `marker` (what remains after SIGKILL),
//! `eventually` (waiting for a condition).

mod death_signal;
mod eventually;
mod lines;
mod log_tail;
mod marker;
pub mod parent;
pub mod private_file;
mod process;
mod program;
mod reaper;
pub mod run_dir;

pub use death_signal::{Account, command_with_death_signal};
pub use eventually::{eventually, until};
pub use lines::Lines;
pub use log_tail::LogTail;
pub use marker::Marker;
pub use nix::sys::signal::Signal;
pub use process::{NotReady, Process, ended};
pub use program::{Program, SERVICE_URLS};
pub use reaper::Reaper;
pub use run_dir::RunDir;

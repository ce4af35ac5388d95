//! Load tests of a whole cluster, one scenario for each program.

mod accounts;
mod checks;
mod fault_schedule;
mod figures;
mod goose_run;
pub mod load_test;
mod phase;
mod program;
mod report;
mod run;
mod run_state;
mod sample;
mod settings;
mod text_report;
mod user_client;
mod user_requests;
mod verification_reads;
mod virtual_user;

pub use load_test::{Defaults, FaultSchedule, LoadTest, Workload};
pub use program::run_load_test;

//! Measures five designs under the same load and the same faults.

mod carried_bytes;
pub mod checks;
mod configuration;
pub mod cpu_use;
#[cfg(test)]
mod fixture;
pub mod latency;
pub mod other_service;
pub mod page;
pub mod published;
pub mod published_figure;
pub mod recovery;
pub mod report;
pub mod revocation;
pub mod run;
pub mod save;
pub mod scenario;
pub mod series;
pub mod session_memory;
pub mod tables;
mod testbed;
pub mod timeline;
pub mod trial;
mod virtual_user;
mod virtual_users;

pub use crate::report::Report;
pub use api_contract::design::Design;
pub use outcome::Outcome;
pub use run::{Plan, run};
pub use scenario::Scenario;

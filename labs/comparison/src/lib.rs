//! Measures five designs under the same load and the same faults.

pub mod claimed;
pub mod elsewhere;
pub mod figure;
#[cfg(test)]
mod fixture;
pub mod held;
mod lane;
pub mod latency;
pub mod load;
mod login;
pub mod machine;
pub mod pace;
pub mod page;
mod play;
pub mod quotation;
pub mod recovery;
pub mod report;
pub mod revocation;
pub mod rows;
pub mod run;
pub mod save;
pub mod scenario;
pub mod series;
pub mod statements;
pub mod svg;
pub mod timeline;
pub mod trial;
mod user;
mod virtual_users;

pub use api_contract::design::Design;
pub use outcome::Outcome;
pub use report::Report;
pub use run::{Plan, run};
pub use scenario::Scenario;

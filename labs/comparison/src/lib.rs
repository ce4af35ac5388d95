//! Measures five designs under the same load and the same faults.

pub mod claimed;
pub mod contender;
mod crowd;
pub mod elsewhere;
pub mod figure;
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
#[cfg(test)]
mod specimen;
pub mod statements;
pub mod svg;
pub mod timeline;
pub mod trial;
mod user;

pub use contender::Contender;
pub use outcome::Outcome;
pub use report::Report;
pub use run::{Plan, run};
pub use scenario::Scenario;

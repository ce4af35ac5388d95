//! The cost of one request: our servers and peers, on one machine, in interleaved rounds.
//!
//! A single figure depends on the machine. The ratio of two figures that were measured within
//! the same second depends on it far less. So every server is compared with a bare axum server
//! that answers with one word and is measured before and after each of the others.
//!
//! Reading order: `plan` (amounts), `request` and `connection` (one request, one reply), `load`
//! (as many requests as possible), `pace` (a fixed rate), `child` and `testbed` (our servers),
//! `peers` and `proxies` (the others), `rounds` (the interleaving), then one file per question:
//! `reads`, `outage`, `memory`, `growth`. `targets` compares with the goals, `report` stores the
//! figures, and `agreement` compares two reports.

pub mod agreement;
mod child;
mod connection;
pub mod growth;
mod load;
pub mod memory;
pub mod outage;
mod pace;
pub mod page;
pub mod peers;
pub mod plan;
mod proxies;
pub mod reads;
pub mod report;
mod request;
mod rounds;
pub mod run;
pub mod targets;
mod testbed;

pub use plan::Plan;
pub use report::Report;
pub use run::run;

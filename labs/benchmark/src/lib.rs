//! The cost of one request: our servers and peers, on one machine, in interleaved rounds.
//!
//! A single figure depends on the machine. The ratio of two figures that were measured within
//! the same second depends on it far less. So every server is compared with a bare axum server
//! that answers with one word and is measured before and after each of the others.
//!
//! Reading order: `plan` (amounts), `request` and `connection` (one request, one reply), `closed_loop`
//! (as many requests as possible), `open_loop` (a fixed rate), `child` and `testbed` (our servers),
//! `peers` and `proxies` (the others), `rounds` (the interleaving), then one file per question:
//! `request_cost`, `outage`, `memory`, `growth`. `goals` compares with the goals, `report` holds the
//! figures, `page` and `save` write them for readers, and `agreement` compares two reports.

pub mod agreement;
mod child;
mod closed_loop;
mod connection;
pub mod goals;
pub mod growth;
pub mod memory;
mod open_loop;
pub mod outage;
pub mod page;
pub mod peers;
pub mod plan;
mod proxies;
pub mod report;
mod request;
pub mod request_cost;
mod rounds;
pub mod run;
pub mod save;
mod testbed;

pub use crate::report::Report;
pub use plan::Plan;
pub use run::run;

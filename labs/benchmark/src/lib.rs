//! What one request costs: ours and peers, on one machine, in interleaved rounds.
//!
//! A figure of a machine says little; the ratio of two, measured in turns within the same
//! second, says much more. So everything is put beside a bare axum server that answers
//! with one word, which has its turn before and after each of the others.
//!
//! Reading order: `plan` (how much is done), `request` and `connection` (one question, one
//! answer), `load` (as many as possible), `pace` (as many as meant), `child` and `stage`
//! (who is asked), `peers` and `proxies` (who else), `rounds` (in turns), then one file a
//! question: `reads`, `outage`, `memory`, `growth`. `targets` judge, `report` keeps, and
//! `agreement` holds two reports against each other.

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
mod stage;
pub mod targets;

pub use plan::Plan;
pub use report::Report;
pub use run::run;

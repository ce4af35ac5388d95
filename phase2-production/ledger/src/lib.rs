//! A client that records how every operation ended, and what must stand afterwards.
//!
//! The method is Jepsen's (jepsen.io): clients write down what they asked and how it ended
//! while faults strike; everything is read back after healing; a checker that sees nothing
//! but this history says whether it can have come from a system that keeps its promises.
//! An operation ends in one of three ways. *Ok* was acknowledged. *Fail* surely did not
//! happen. *Unknown* may have: no answer came, or one from somebody who does not know.
//!
//! Reading order: `entry` (one operation), `history` (all of them, as JSON lines),
//! `recorder` (how they get there), `ending` (ok, fail or unknown?), `person` (somebody who
//! does operations), `crowd` (many of them, from a seed), `read_back` (after healing), then
//! `check` with one file for each invariant, and `report`.

pub mod check;
pub mod content;
pub mod crowd;
mod ending;
pub mod entry;
pub mod history;
pub mod person;
pub mod promises;
pub mod read_back;
pub mod recorder;
pub mod report;

pub use check::check;
pub use crowd::Crowd;
pub use history::{Header, History};
pub use promises::Promises;
pub use recorder::Recorder;
pub use report::{Invariant, Report, Verdict};

//! The ledger: a history checker in the manner of Jepsen (jepsen.io).
//!
//! Clients record every operation and its outcome in a history, while a nemesis injects faults.
//! After the repair, verification reads read all data. The checker gets only the history, and
//! decides whether the system has kept its invariants.
//! As in Jepsen an operation has one of three outcomes. *Ok*: it was acknowledged. *Fail*: it
//! certainly did not happen. *Info* ([`entry::OperationOutcome::Info`]): it may have happened,
//! because there was no reply, or one without a definite result.
//!
//! Reading order: `entry` (one operation), `history` (all operations, as JSON lines), `recorder`
//! (writes the history), `completion` (ok, fail or info), `virtual_user` (a client), `workload` (the generator:
//! many clients from a seed), `verification_reads`, then `check` with one file for
//! each invariant, and `report`. `request_result` and `verified_uploads` count the figures of a
//! load from the same history.

pub mod check;
mod completion;
pub mod content;
pub mod entry;
pub mod guarantees;
pub mod history;
pub mod recorder;
pub mod report;
pub mod request_result;
pub mod request_schedule;
pub mod verification_reads;
pub mod verified_uploads;
pub mod virtual_user;
pub mod workload;

pub use check::check;
pub use guarantees::Guarantees;
pub use history::{Header, History};
pub use recorder::HistoryRecorder;
pub use report::{Invariant, Outcome, Report};
pub use request_result::RequestResult;
pub use verified_uploads::VerifiedUploads;
pub use workload::Workload;

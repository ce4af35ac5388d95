//! The server as a real process, in each of its designs and on each of its stores: what it
//! shares with the pair of Phase 1 (`conformance`, `usage`), what follows from the design
//! (`consequences`), and what production adds.
//!
//! `on` has the stores below a server, `farm` the balancer before it.

mod bursts;
mod central;
mod clocks;
mod conformance;
mod documents;
mod events;
mod farm;
mod full_disk;
mod janitor;
mod let_in;
mod on;
mod outages;
mod replicated;
mod security;
mod steps;
mod sticky;
mod tus;
mod tus_survives;
mod uploads;
mod usage;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_upload-server");

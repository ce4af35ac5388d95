//! Tests of the server as a separate process, in each design and on each kind of stores:
//! the wire contract that it shares with Phase 1 (`conformance`, `usage`), the properties
//! of each design, and the features of Phase 2.
//!
//! `stores` starts the stores of a test, `cluster` three replicas behind a balancer.

mod account_client;
mod bursts;
mod central;
mod clocks;
mod cluster;
mod conformance;
mod documents;
mod events;
mod exhaustion;
mod full_disk;
mod half_open;
mod janitor;
mod outages;
mod replicated;
mod rolling_upgrade;
mod security;
mod session_evidence;
mod session_lookups;
mod sign_out_order;
mod starting;
mod sticky;
mod store_identity;
mod stores;
mod tus;
mod tus_parts;
mod tus_protocol;
mod tus_recovery;
mod uploads;
mod usage;
mod websocket_close;
mod wrong_clock;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_upload-server");

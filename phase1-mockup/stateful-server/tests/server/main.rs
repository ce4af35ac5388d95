//! The server as a real process: the common behaviour (`conformance`, `usage`), and the
//! consequences of its sessions (`consequences`, `lifecycle`).
//!
//! Compare `consequences` with the file of the same name in `stateless-server`: the same
//! order, opposite results.

mod conformance;
mod consequences;
mod exhaustion;
mod lifecycle;
mod resources;
mod usage;

use api_conformance::fixture::{Fixture, Started};
use client::AuthScheme;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_stateful-server");

/// Starts the program on a folder, with additional flags.
async fn start(fixture: &Fixture, more: &[&str]) -> anyhow::Result<Started> {
    fixture.start(PROGRAM, AuthScheme::Session, more).await
}

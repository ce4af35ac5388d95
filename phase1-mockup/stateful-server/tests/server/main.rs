//! The server as a real process: what it shares with its counterpart (`conformance`,
//! `usage`), and what follows from its memory (`consequences`, `lifecycle`).
//!
//! `consequences` is to be read beside the file of the same name in `stateless-server`:
//! same order, opposite facts.

mod conformance;
mod consequences;
mod lifecycle;
mod resources;
mod usage;

use api_conformance::fixture::{Fixture, Started};
use api_conformance::target::Way;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_stateful-server");

/// Starts the program on a folder, with `more` flags than the usual ones.
async fn start(fixture: &Fixture, more: &[&str]) -> anyhow::Result<Started> {
    fixture.start(PROGRAM, Way::Session, more).await
}

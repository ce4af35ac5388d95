//! The server as a real process: what it shares with its counterpart (`conformance`,
//! `usage`), and what follows from its having no memory (`consequences`, `secrets`).
//!
//! `consequences` is to be read beside the file of the same name in `stateful-server`:
//! same order, opposite facts.

mod conformance;
mod consequences;
mod resources;
mod secrets;
mod usage;

use api_conformance::fixture::{Fixture, Started};
use api_conformance::target::Way;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_stateless-server");

/// Starts the program on a folder and its token key, with `more` flags than the usual.
async fn start(fixture: &Fixture, more: &[&str]) -> anyhow::Result<Started> {
    let key_file = fixture.token_key_file();
    let key_file = key_file.to_string_lossy();
    let flags = [&["--token-key-file", &*key_file], more].concat();
    fixture.start(PROGRAM, Way::Token, &flags).await
}

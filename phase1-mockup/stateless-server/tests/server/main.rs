//! The server as a real process: the common behaviour (`conformance`, `usage`), and the
//! consequences of its tokens (`consequences`, `secrets`).
//!
//! Compare `consequences` with the file of the same name in `stateful-server`: the same
//! order, opposite results.

mod conformance;
mod consequences;
mod exhaustion;
mod resources;
mod secrets;
mod usage;

use api_conformance::fixture::{Fixture, Started};
use client::AuthScheme;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_stateless-server");

/// Starts the program on a folder and its token key, with additional flags.
async fn start(fixture: &Fixture, more: &[&str]) -> anyhow::Result<Started> {
    let key_file = fixture.token_key_file();
    let key_file = key_file.to_string_lossy();
    let flags = [&["--token-key-file", &*key_file], more].concat();
    fixture.start(PROGRAM, AuthScheme::Token, &flags).await
}

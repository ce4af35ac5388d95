//! The upload server that remembers who you are.
//!
//! A caller proves once who they are and gets a session id; from then on this process
//! remembers. That memory is the whole difference to `stateless-server`, which has the
//! same files, the same items and the same order: open the two side by side.
//!
//! Reading order: `app` (what there is), `identity` (who is calling?), `sessions` (what
//! is remembered), `login`, `files`, `error`, `config`.

pub mod app;
pub mod config;
mod error;
mod files;
mod identity;
mod login;
pub mod sessions;

pub use app::{AppState, app, run, start};
pub use config::Config;

//! The upload server that asks who you are each time.
//!
//! A caller proves who they are with every request: with a password, or with a token
//! that this server signed and then forgot. Nothing is remembered of anyone, and that is
//! the whole difference to `stateful-server`, which has the same files, the same items
//! and the same order: open the two side by side.
//!
//! Reading order: `app` (what there is), `identity` (who is calling?), `tokens` (what is
//! signed), `login`, `files`, `error`, `config`.

pub mod app;
pub mod config;
mod error;
mod files;
mod identity;
mod login;
pub mod tokens;

pub use app::{AppState, app, run, start};
pub use config::Config;

//! The stateless upload server.
//!
//! A client sends a credential with every request: a password, or a token that this server has
//! signed. The server stores nothing about its clients.
//! That is the whole difference to `stateful-server`, which has the same files and
//! items in the same order: compare them side by side.
//!
//! Reading order: `state`, `app` (routes and lifecycle), `identity` (authentication), `tokens`
//! (signed tokens), `login`, `files`, `error`, `config`.

pub mod app;
pub mod config;
mod error;
mod files;
mod identity;
mod login;
pub mod state;
pub mod tokens;

pub use app::{app, run, start};
pub use config::Config;
pub use state::AppState;

//! The stateful upload server.
//!
//! A client logs in once and gets a session id; this process stores the session in its memory.
//! That memory is the whole difference to `stateless-server`, which has the same files and
//! items in the same order: compare them side by side.
//!
//! Reading order: `state`, `app` (routes and lifecycle), `identity` (authentication), `sessions`
//! (the session store), `login`, `files`, `error`, `config`.

pub mod app;
pub mod config;
mod error;
mod files;
mod identity;
mod login;
pub mod sessions;
pub mod state;

pub use app::{app, run, start};
pub use config::Config;
pub use state::AppState;

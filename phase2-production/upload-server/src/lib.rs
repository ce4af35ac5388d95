//! The upload server for production: one server, five designs.
//!
//! It continues the pair of servers in Phase 1 and has the same file names. Handlers,
//! records and files are the same in every design; only the place of identity differs, so
//! a comparison of the designs compares nothing else.
//!
//! Reading order: `state`, `app` (routes and start), `identity` (authentication), `sessions` and
//! `tokens` (stateful and stateless credentials), `login`, `files`, `error`, `config`.
//! Then the additions for production: `accounts`, `account` and `admin`; `uploads` and
//! `tus`; `limits`, `origins` and `cookies`; `revocation_feed`; `events`; `janitor`;
//! `openapi` and `docs`.

mod account;
mod account_change;
mod accounts;
mod admin;
pub mod app;
mod audit;
mod clock;
mod concurrency_limit;
pub mod config;
mod cookies;
mod docs;
mod error;
mod events;
#[cfg(test)]
mod faults;
mod files;
mod identity;
mod janitor;
mod limits;
mod login;
mod metric_descriptions;
mod openapi;
mod origins;
mod readiness;
mod revocation_feed;
mod run_to_completion;
mod secret_file;
pub mod sessions;
mod state;
mod stores;
pub mod tokens;
mod tus;
mod uploads;

pub use app::{app, run, start};
pub use config::Config;
pub use state::AppState;

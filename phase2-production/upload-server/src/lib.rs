//! The upload server for production: one server, five designs.
//!
//! The third column of the pair in Phase 1, with the same file names. Handlers, records and
//! files are the same in every design; only where identity lives differs, so that a
//! comparison of the designs compares that and nothing else.
//!
//! Reading order: `app` (what there is), `identity` (who is calling?), `sessions` and
//! `tokens` (what is remembered, what is signed), `login`, `files`, `error`, `config`. Then
//! what production adds: `people`, `account` and `admin`; `uploads` and `tus`; `limits`,
//! `origins` and `cookies`; `hearsay`; `events`; `janitor`; `openapi` and `docs`.

mod account;
mod admin;
pub mod app;
mod audit;
mod change;
mod clock;
pub mod config;
mod cookies;
mod docs;
mod error;
mod events;
#[cfg(test)]
mod faults;
mod files;
mod hearsay;
mod identity;
mod in_full;
mod janitor;
mod limits;
mod login;
mod metric_descriptions;
mod openapi;
mod origins;
mod people;
mod readiness;
mod secret_file;
pub mod sessions;
mod stores;
pub mod tokens;
mod turns;
mod tus;
mod uploads;

pub use app::{AppState, app, run, start};
pub use config::Config;

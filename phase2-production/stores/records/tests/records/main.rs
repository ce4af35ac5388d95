//! Tests of the database layer, on SQLite always and on Postgres where it can be started.
//!
//! `store` gives each test its own database. A behaviour is a function of a store;
//! `on_both!` makes it a test on each of the two. `row_security` and `faults` cover the
//! features that only Postgres has.

#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

mod accounts;
mod app_role;
mod cancelled;
mod claims;
mod compatibility;
mod deny_list;
mod durability;
mod faults;
mod files;
mod indexes;
mod limits;
mod live_migrations;
mod read_only;
mod refresh;
mod revocations;
mod row_security;
mod schema;
mod seed;
mod session_lifecycle;
mod session_races;
mod signing;
mod sqlite;
mod store;
mod sweep_time;
mod upgrade;
mod uploads;

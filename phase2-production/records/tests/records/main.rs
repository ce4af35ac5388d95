//! What the records promise, on SQLite always and on Postgres where it can be started.
//!
//! `store` gives each test a database of its own. A behaviour is a function of a store;
//! `on_both!` makes a test of it for each of the two. What only Postgres has stands in
//! `row_security` and `faults`.

#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

mod cancelled;
mod denied;
mod ends;
mod faults;
mod files;
mod files_in_steps;
mod limits;
mod looks;
mod people;
mod refresh;
mod row_security;
mod schema;
mod seed;
mod session_life;
mod session_races;
mod signing;
mod sqlite;
mod store;

//! Tests of the launcher with real processes.

mod cleanup;
mod conformance;
mod control;
mod cut_uploads;
mod failover_page;
mod faults;
mod https;
mod login_survival;
mod seeded_kills;
mod services;
mod starting;
mod stolen_tokens;
mod support;
mod testbed;

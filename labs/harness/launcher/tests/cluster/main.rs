//! Tests of the launcher with real processes.

mod accounts;
mod cleanup;
mod conformance;
mod control;
mod cut_uploads;
mod draining;
mod failover_page;
mod faults;
mod handover;
mod https;
mod login_survival;
mod reconciler;
mod secrets;
mod seeded_kills;
mod services;
mod starting;
mod stolen_tokens;
mod support;
mod testbed;
mod write_lock;

//! The launcher's promises, on real processes.

mod conformance;
mod control;
mod cut_uploads;
mod failover_page;
mod faults;
mod https;
mod leftovers;
mod paired_facts;
mod seeded_kills;
mod services;
mod stage;
mod starting;
mod stolen_tokens;
mod support;

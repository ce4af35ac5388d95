//! Tests of the built programs: each scenario in a few seconds, with real processes.

mod orphan_processes;
mod running_program;
mod smoke;
mod stopping;

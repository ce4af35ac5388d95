//! Tests of the built programs: each scenario in a few seconds, with real processes.

mod left_behind;
mod smoke;
mod stopping;
mod told;

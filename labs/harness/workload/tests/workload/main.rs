//! Tests of the checker with hand-written histories: valid ones and ones with violations. A
//! checker that finds no violation would pass every run.

mod allowed;
mod availability;
mod builder;
mod figures;
mod format;
mod inconclusive;
mod violations;

//! The launcher's promises, on real processes.

mod control;
mod faults;
mod leftovers;
mod starting;
mod support;

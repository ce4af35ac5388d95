//! The launcher's promises, on real processes.

mod control;
mod faults;
mod leftovers;
mod services;
mod starting;
mod support;

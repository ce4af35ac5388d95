//! What the cache promises, against a real Redis that is paused, killed and emptied.
//!
//! Where nothing is said, on each Redis that this machine has: the installed one and the
//! embedded one speak the same language, and must not differ here.

mod faults;
mod lists;
mod opening;
mod sessions;
mod support;

//! What a process promises before any server's own work begins.

mod listening;
mod readiness;
mod replies;
mod stopping;
mod support;

//! The HTTP layer from outside: listeners, readiness, responses, drain.

#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

mod closing;
mod heads;
mod json_bodies;
mod listening;
mod readiness;
mod replies;
mod stopping;
mod support;

//! The HTTP layer from outside: listeners, readiness, responses, drain.

mod listening;
mod readiness;
mod replies;
mod stopping;
mod support;

//! The HTTP layer that all servers share: listener, ready line, log, metrics, request ids,
//! problem responses, health checks, drain.
//!
//! Authentication and state are not in here; each server implements its own. Read `serve`
//! first: it is the life of a process.

pub mod accept;
pub mod admin;
pub mod args;
pub mod build_id;
#[cfg(test)]
mod captured_log;
mod causes;
pub mod connection;
mod connection_activity;
mod content_coding;
pub mod cookies;
pub mod crypto;
pub mod descriptors;
pub mod expectation;
pub mod file_reply;
pub mod head_limits;
pub mod health;
pub mod host;
pub mod http_metrics;
pub mod json_body;
mod limited_body;
mod lingering_body;
pub mod listen;
pub mod log;
pub mod loopback_host;
pub mod media_type;
mod min_rate_body;
pub mod process_limits;
mod process_metrics;
pub mod program;
pub mod query_credentials;
pub mod ranges;
pub mod ready;
pub mod recorder;
pub mod refusal;
pub mod reply;
pub mod request_id;
mod route_template;
pub mod serve;
pub mod stop;
pub mod time_limit;
pub mod transfer_coding;
pub mod upload_form;

pub use min_rate_body::READ_TIMEOUT as BODY_READ_TIMEOUT;

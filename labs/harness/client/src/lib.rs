//! The HTTP client of the tests, the checks and the measurements.
//!
//! Every program that plays a user sends its requests with this crate, so the options of a
//! connection, the forms, the credentials and the result of a call are defined once. The crate
//! knows the wire contract and no server.
//!
//! Reading order: `options`, `client` (a request), `call_result` (success, refusal,
//! unknown), `credential` and `login`, `calls` (the calls of the contract), then the rest.

mod auth_scheme;
mod call_result;
mod calls;
mod client;
mod cookies;
mod credential;
pub mod digest;
mod exchange;
pub mod expect;
mod form;
mod login;
mod options;
mod printed_request;
pub mod raw;
mod tus;

pub use auth_scheme::AuthScheme;
pub use call_result::{CallError, CallResult, Effect, Reply};
pub use client::Client;
pub use cookies::{CookieJar, SetCookie, set_cookies};
pub use credential::Credential;
pub use form::{Form, Upload};
pub use login::Login;
pub use options::Options;
pub use printed_request::{CurlStyle, PrintedBody, PrintedRequest};

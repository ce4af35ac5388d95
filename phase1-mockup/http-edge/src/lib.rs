//! What every HTTP process of this lab does before its own work begins: bind, announce
//! itself, log, name each request, answer problems in one shape, drain.
//!
//! Nothing in here knows who is calling or what is remembered; that is written in full
//! in each server. Read `serve` first: it is the life of a process.

pub mod admin;
mod allowance;
pub mod args;
pub mod crypto;
pub mod door;
pub mod file_reply;
pub mod health;
pub mod json_body;
pub mod listen;
pub mod log;
pub mod loopback_name;
mod paced_body;
mod patient_body;
pub mod program;
pub mod ranges;
pub mod ready;
pub mod refusal;
pub mod reply;
pub mod request_id;
pub mod serve;
pub mod stop;
pub mod upload_form;

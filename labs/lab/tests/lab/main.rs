//! Tests of the commands, the documentation, and the layout of the repository. `run` and
//! `markdown` are helpers.

mod api_reference;
mod appendix;
mod architecture;
mod cluster_commands;
mod compare;
mod demo;
mod docs;
mod exercises;
mod https;
mod json;
mod judging;
mod layout;
mod markdown;
mod metrics;
mod prometheus;
mod run;
mod security;
mod services;
mod watching;
mod words;

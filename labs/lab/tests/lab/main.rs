//! The lab from outside: what its commands do, what its documentation says, how its
//! repository is laid out. `run` and `markdown` are what the others use.

mod api_reference;
mod appendix;
mod cluster_commands;
mod compare;
mod demo;
mod docs;
mod exercises;
mod https;
mod judging;
mod layout;
mod markdown;
mod run;
mod security;
mod services;
mod watching;

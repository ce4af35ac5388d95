//! Tests of the commands, the documentation, and the layout of the repository. `run` and
//! `markdown` are helpers.

mod api_reference;
mod appendix;
mod architecture;
mod circles;
mod clients;
mod cluster_commands;
mod cluster_names;
mod command_line;
mod compare;
mod demo;
mod dependencies;
mod docs;
mod exercises;
mod false_passes;
mod https;
mod interrupted;
mod json;
mod judging;
mod layout;
mod markdown;
mod metrics;
mod mutants;
mod prometheus;
mod run;
mod security;
mod services;
mod untouched;
mod watching;
mod words;

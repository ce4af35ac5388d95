//! Tests of the grader with a minimal exercise: outcomes of all kinds of programs, every
//! output format, and no leftover processes.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod authors;
mod classes;
mod environment;
mod faults;
mod fixture;
mod formats;
mod github;
mod hostile;
mod sandbox;
mod submissions;
mod terminal_output;
mod verdicts;

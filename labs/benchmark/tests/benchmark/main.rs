//! The benchmark, from outside.

mod documented;
mod small_run;
mod usage;

use std::process::{Command, Output};

fn benchmark(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_benchmark")).args(args).output().expect("it starts")
}

//! `lab`: one program for every role and every command. The commands are the table of
//! contents of the lab; each is a file in `commands`.

mod commands;
mod demo;
mod screen;

use clap::{Parser, Subcommand};
use cluster::role::RoleArgs;
use commands::{add, doctor, down, logs, migrate, orders, status, up};
use std::process::ExitCode;

/// A lab on stateless and stateful servers: run them, kill them, measure them.
///
/// Start with `cargo lab demo`. It starts real servers behind a real load balancer, kills one,
/// and shows who was logged out and why.
///
/// Exit codes: 0 as it should be, 1 not as it should be, 2 could not tell or a usage
/// error, 3 the lab itself broke.
#[derive(Parser)]
#[command(name = "lab", bin_name = "cargo lab", version, max_term_width = 90)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Up(up::UpArgs),
    Status(status::StatusArgs),
    Kill(orders::KillArgs),
    Pause(orders::PauseArgs),
    Resume(orders::ResumeArgs),
    Drain(orders::DrainArgs),
    Restart(orders::RestartArgs),
    Add(add::AddArgs),
    Logs(logs::LogsArgs),
    Down(down::DownArgs),
    Migrate(migrate::MigrateArgs),
    Doctor(doctor::DoctorArgs),
    /// Play one role of a cluster (what the launcher starts; not for people)
    #[command(hide = true)]
    Serve(RoleArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Demo(args) => demo::run(args).await,
        Command::Up(args) => ended(up::run(args).await),
        Command::Status(args) => ended(status::run(args).await),
        Command::Kill(args) => ended(orders::kill(args).await),
        Command::Pause(args) => ended(orders::pause(args).await),
        Command::Resume(args) => ended(orders::resume(args).await),
        Command::Drain(args) => ended(orders::drain(args).await),
        Command::Restart(args) => ended(orders::restart(args).await),
        Command::Add(args) => ended(add::run(args).await),
        Command::Logs(args) => ended(logs::run(args).await),
        Command::Down(args) => ended(down::run(args).await),
        Command::Migrate(args) => ended(migrate::run(args).await),
        Command::Doctor(args) => ended(doctor::run(&args).await),
        Command::Serve(args) => ended(cluster::role::run(args).await),
    }
}

use http_edge::program::exit_code as ended;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_is_for() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }
}

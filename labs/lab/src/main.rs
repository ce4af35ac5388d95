//! `lab`: one program for every role and every command. The commands are the table of
//! contents of the lab; each is a file in `commands`.

mod commands;
mod demo;
mod screen;

use clap::{CommandFactory, Parser, Subcommand};
use cluster::role::RoleArgs;
use commands::{
    add, bench, check_stateless, compare, dev, doctor, down, exercise, grade, hint, list,
    logs, migrate, orders, reset, run, sandbox, solution, status, up, watch,
};
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
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Compare(compare::CompareArgs),
    Bench(bench::BenchArgs),
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
    CheckStateless(check_stateless::CheckArgs),
    List(list::ListArgs),
    Watch(watch::WatchArgs),
    Run(run::RunArgs),
    Hint(hint::HintArgs),
    Reset(reset::ResetArgs),
    Solution(solution::SolutionArgs),
    Grade(grade::GradeArgs),
    Dev(dev::DevArgs),
    #[command(hide = true)]
    Sandbox(sandbox::SandboxArgs),
    /// Play one role of a cluster (what the launcher starts; not for people)
    #[command(hide = true)]
    Serve(RoleArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(command) = Cli::parse().command else {
        return without_a_command().await;
    };
    match command {
        Command::Demo(args) => demo::run(args).await,
        Command::Compare(args) => compare::run(args).await,
        Command::Bench(args) => ended(bench::run(&args)),
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
        Command::CheckStateless(args) => check_stateless::run(args).await,
        Command::List(args) => ended(list::run(&args)),
        Command::Watch(args) => watch::run(args).await,
        Command::Run(args) => run::run(args).await,
        Command::Hint(args) => ended(hint::run(&args)),
        Command::Reset(args) => ended(reset::run(&args)),
        Command::Solution(args) => ended(solution::run(&args)),
        Command::Grade(args) => grade::run(args).await,
        Command::Dev(args) => dev::run(args).await,
        Command::Sandbox(args) => sandbox::run(args),
        Command::Serve(args) => ended(cluster::role::run(args).await),
    }
}

/// Among exercises, `lab` means `lab watch`; elsewhere it says what it can do.
async fn without_a_command() -> ExitCode {
    if exercise::stands_among_exercises() {
        return watch::run(watch::WatchArgs::default()).await;
    }
    ended(Cli::command().print_help().map_err(Into::into))
}

use http_edge::program::exit_code as ended;

#[cfg(test)]
mod tests {
    use super::*;

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

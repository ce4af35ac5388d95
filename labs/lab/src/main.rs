//! `lab`: one program with every command and every role of a cluster. Each command is a file
//! in `commands`.

mod commands;
mod demo;
mod help;
mod retired;
mod screen;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use cluster::role::RoleArgs;
use commands::{
    add, bench, check_stateless, compare, dev, doctor, down, exercise, grade, hint, list,
    logs, members, migrate, reset, run, sandbox, solution, status, up, watch,
};
use std::process::ExitCode;

/// A lab on stateless and stateful servers: run them, kill them, measure them
///
/// Start with `cargo lab demo`. It starts real servers behind a real load balancer, kills one
/// of them, and shows which users lost their session and why.
#[derive(Parser)]
#[command(name = "lab", bin_name = "cargo lab", version, max_term_width = 80)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

// Listed by `help::GROUPS`, in that order.
#[derive(Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    List(list::ListArgs),
    Watch(watch::WatchArgs),
    Run(run::RunArgs),
    Hint(hint::HintArgs),
    Reset(reset::ResetArgs),
    Solution(solution::SolutionArgs),
    Up(up::UpArgs),
    Status(status::StatusArgs),
    Kill(members::KillArgs),
    Pause(members::PauseArgs),
    Resume(members::ResumeArgs),
    Drain(members::DrainArgs),
    Restart(members::RestartArgs),
    Add(add::AddArgs),
    Logs(logs::LogsArgs),
    Down(down::DownArgs),
    Migrate(migrate::MigrateArgs),
    Compare(compare::CompareArgs),
    Bench(bench::BenchArgs),
    CheckStateless(check_stateless::CheckArgs),
    Grade(grade::GradeArgs),
    /// Check the exercises, and prepare a class
    Dev(dev::DevArgs),
    Doctor(doctor::DoctorArgs),
    #[command(hide = true)]
    Sandbox(sandbox::SandboxArgs),
    /// Run one role of a cluster (started by the launcher)
    #[command(hide = true)]
    Serve(RoleArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    if let Err(message) = retired::refuse(std::env::args().skip(1)) {
        screen::remark(format!("error: {message}"));
        return ExitCode::from(outcome::USAGE);
    }
    let matches = help::grouped(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let Some(command) = cli.command else {
        return without_a_command().await;
    };
    match command {
        Command::Demo(args) => demo::run(args).await,
        Command::List(args) => ended(list::run(&args)),
        Command::Watch(args) => watch::run(args).await,
        Command::Run(args) => run::run(args).await,
        Command::Hint(args) => ended(hint::run(&args)),
        Command::Reset(args) => ended(reset::run(&args)),
        Command::Solution(args) => ended(solution::run(&args)),
        Command::Up(args) => ended(up::run(args).await),
        Command::Status(args) => ended(status::run(args).await),
        Command::Kill(args) => ended(members::kill(args).await),
        Command::Pause(args) => ended(members::pause(args).await),
        Command::Resume(args) => ended(members::resume(args).await),
        Command::Drain(args) => ended(members::drain(args).await),
        Command::Restart(args) => ended(members::restart(args).await),
        Command::Add(args) => ended(add::run(args).await),
        Command::Logs(args) => ended(logs::run(args).await),
        Command::Down(args) => ended(down::run(args).await),
        Command::Migrate(args) => ended(migrate::run(args).await),
        Command::Compare(args) => compare::run(args).await,
        Command::Bench(args) => ended(bench::run(&args)),
        Command::CheckStateless(args) => check_stateless::run(args).await,
        Command::Grade(args) => grade::run(args).await,
        Command::Dev(args) => dev::run(args).await,
        Command::Doctor(args) => ended(doctor::run(&args).await),
        Command::Sandbox(args) => sandbox::run(args),
        Command::Serve(args) => ended(cluster::role::run(args).await),
    }
}

/// In a folder of exercises, `lab` alone means `lab watch`; elsewhere it prints the help.
async fn without_a_command() -> ExitCode {
    if exercise::is_in_exercises() {
        return watch::run(watch::WatchArgs::default()).await;
    }
    ended(help::grouped(Cli::command()).print_help().map_err(Into::into))
}

use http_edge::program::exit_code as ended;

//! `lab`: one program with every command and every role of a cluster. Each command is a file
//! in `commands`.

mod commands;
mod demo;
mod help;
mod retired;
mod screen;
mod shell;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use commands::{
    add, bench, check_stateless, compare, dev, doctor, down, exercise, grade, hint,
    interrupt::until_interrupted, list, logs, members, migrate, reset, run, sandbox,
    solution, status, up, user, watch,
};
use launcher::role::RoleArgs;
use outcome::Outcome;
use outcome::output::finish;
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
    User(user::UserArgs),
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

fn main() -> ExitCode {
    http_edge::descriptors::raise_descriptor_limit();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            screen::remark(format!("error: cannot start a thread: {error}"));
            return Outcome::HarnessError.exit_code();
        }
    };
    let code = runtime.block_on(async {
        http_edge::process_limits::survive_file_size_limit();
        dispatch().await
    });
    // An interrupted command does not wait for a blocking call, such as a build by cargo.
    runtime.shutdown_background();
    finish(code)
}

/// The command line; the exit code if it asks for help or cannot be used.
fn parse() -> Result<Cli, ExitCode> {
    if let Err(message) = retired::refuse(outcome::arguments()) {
        screen::remark(format!("error: {message}"));
        return Err(ExitCode::from(outcome::USAGE));
    }
    let matches = help::grouped(Cli::command()).try_get_matches();
    let cli = matches.and_then(|matches| Cli::from_arg_matches(&matches));
    cli.map_err(|text| help::refused(&text))
}

/// Runs the command. Its output may be incomplete: see [`finish`].
async fn dispatch() -> ExitCode {
    let command = match parse() {
        Ok(Cli { command: Some(command) }) => command,
        Ok(Cli { command: None }) => return without_a_command().await,
        Err(code) => return code,
    };
    match command {
        Command::Demo(args) => until_interrupted(demo::run(args)).await,
        Command::List(args) => ended(list::run(&args)),
        Command::Watch(args) => until_interrupted(watch::run(args)).await,
        Command::Run(args) => until_interrupted(run::run(args)).await,
        Command::Hint(args) => ended(hint::run(&args)),
        Command::Reset(args) => ended(reset::run(&args)),
        Command::Solution(args) => ended(solution::run(&args)),
        Command::Up(args) => up::run(args).await,
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
        Command::User(args) => user::run(args).await,
        Command::Compare(args) => until_interrupted(compare::run(args)).await,
        Command::Bench(args) => ended(bench::run(&args)),
        Command::CheckStateless(args) => {
            until_interrupted(check_stateless::run(args)).await
        }
        Command::Grade(args) => until_interrupted(grade::run(args)).await,
        Command::Dev(args) => dev::run(args).await,
        Command::Doctor(args) => ended(doctor::run(&args).await),
        Command::Sandbox(args) => sandbox::run(args),
        Command::Serve(args) => ended(launcher::role::run(args).await),
    }
}

/// In a folder of exercises, `lab` alone means `lab watch`; elsewhere it prints the help.
async fn without_a_command() -> ExitCode {
    if exercise::is_in_exercises() {
        return until_interrupted(watch::run(watch::WatchArgs::default())).await;
    }
    help::show(&help::grouped(Cli::command()).render_help());
    ExitCode::SUCCESS
}

use http_edge::program::exit_code as ended;

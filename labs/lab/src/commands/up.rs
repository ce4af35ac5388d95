//! `lab up`: starts a cluster.

mod introduction;
mod tls;

use crate::commands::{Named, ended, program};
use crate::screen::{self, print_line};
use anyhow::{Context, bail};
use api_contract::secret::Secret;
use backing_services::hide_in_own_command_line;
use clap::Args;
use http_edge::log::{self, LogFormat};
use http_edge::stop;
use introduction::introduction;
use launcher::control::client::ControlClient;
use launcher::control::server::ControlServer;
use launcher::{Backing, Cluster, Files, Reach, RunDir, ServerKind, Topology, Users};
use load_balancer::config::Policy;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tls::TlsArgs;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::ChildStdin;

/// Start a cluster: replicas and a balancer, as real processes
///
/// It runs in this terminal until Ctrl-C or `cargo lab down`. From another terminal:
/// cargo lab status, cargo lab kill r2, cargo lab restart r2. It leaves no process or
/// temporary file behind.
#[derive(Args, Clone, Debug)]
pub(crate) struct UpArgs {
    /// Design: the place of the sessions
    #[arg(long, value_enum, default_value_t = ServerKind::Stateful)]
    design: ServerKind,

    /// Number of replicas
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u16).range(1..=32))]
    replicas: u16,

    /// Balancing policy [default: that of the design]
    #[arg(long, value_enum)]
    policy: Option<Policy>,

    /// Source of Redis and of the database of Phase 2; cargo lab doctor lists them
    #[arg(long, value_enum, default_value_t)]
    backing: Backing,

    /// Store for the bytes of uploads; s3 is for the designs of Phase 2
    #[arg(long, value_enum, default_value_t)]
    files: Files,

    /// Address for clients; port 0 takes any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8600")]
    listen: SocketAddr,

    /// Let other machines connect although passwords travel unencrypted
    #[arg(long)]
    insecure_remote: bool,

    #[command(flatten)]
    tls: TlsArgs,

    /// Users file [default: demo accounts with random passwords, shown once]
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,

    /// Give all demo accounts this password: for scripts, on this machine only
    #[arg(long, value_name = "TEXT", conflicts_with = "users")]
    password: Option<String>,

    /// Folder for uploads, kept after the end [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Start replicas and the balancer again when they die, with increasing delays. A service
    /// stays down until `cargo lab restart`
    #[arg(long)]
    supervise: bool,

    /// Return when the cluster is up; stop it with `cargo lab down`
    #[arg(long)]
    detach: bool,

    /// The process that `--detach` starts
    #[arg(long, hide = true)]
    detached: bool,

    /// Read the password from standard input
    #[arg(long, hide = true, requires = "detached")]
    password_follows: bool,

    #[command(flatten)]
    named: Named,

    /// Flags for each replica, after `--`, such as -- --idle-timeout-ms 5000
    #[arg(last = true, value_name = "FLAGS")]
    replica_args: Vec<OsString>,
}

pub(crate) async fn run(args: UpArgs) -> ExitCode {
    let command_line: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(password) = &args.password
        && let Err(error) = hide_in_own_command_line(std::slice::from_ref(password))
    {
        screen::remark(format!("the password stays on the command line: {error}"));
    }
    match args.detach {
        true => match detach(&args, &command_line).await {
            Ok(code) => code,
            Err(error) => ended(Err(error)),
        },
        false => ended(start(args).await),
    }
}

async fn start(mut args: UpArgs) -> anyhow::Result<()> {
    if args.detached {
        // Before the first child: Ctrl-C in that terminal must not reach this cluster.
        nix::unistd::setsid().context("cannot leave the terminal")?;
    }
    if args.password_follows {
        args.password = Some(receive_password(io::stdin())?);
    }
    log::init(LogFormat::Text);
    let (named, detached) = (args.named.clone(), args.detached);
    let topology = topology(args)?;
    let started = async {
        let run_dir = RunDir::create()?;
        let control = ControlServer::bind(&named.name, &run_dir).await?;
        let cluster = Cluster::start_in(run_dir, topology).await?;
        anyhow::Ok((control, Arc::new(cluster)))
    };
    let mut stop = std::pin::pin!(stop::shutdown_signal());
    let (control, cluster) = tokio::select! {
        // First, so that the signals are handled before the first file is made.
        biased;
        () = &mut stop => return Ok(()),
        started = started => started?,
    };
    introduce(&cluster, &named, detached).await?;
    control.serve(Arc::clone(&cluster), stop).await;
    cluster.down().await;
    Ok(())
}

/// Prints the introduction. If that fails, the next start with the same data folder shows the
/// passwords.
async fn introduce(
    cluster: &Cluster,
    named: &Named,
    detached: bool,
) -> anyhow::Result<()> {
    let introduction = introduction(cluster, named, detached).await;
    match print(&introduction) {
        Ok(()) => cluster.accounts_shown(),
        Err(_) if detached => {
            cluster.down().await;
            bail!("the waiting process is gone: the cluster is stopped again");
        }
        // The cluster runs on. This attempt records the error for the exit code.
        Err(_) => screen::print(introduction),
    }
    if detached {
        detach_output()?;
    }
    Ok(())
}

fn topology(args: UpArgs) -> anyhow::Result<Topology> {
    let asks_for_services = args.backing != Backing::Auto || args.files != Files::Folder;
    if asks_for_services && !args.design.has_records() {
        let design = args.design.as_str();
        bail!(
            "the servers of Phase 1 use no services: {design} takes no --backing or --files"
        );
    }
    let (tls, public_url) = args.tls.read()?;
    Ok(Topology {
        name: args.named.name,
        program: program()?,
        server: args.design,
        replicas: usize::from(args.replicas),
        policy: args.policy.unwrap_or_else(|| args.design.default_policy()),
        listen: args.listen,
        reach: match args.insecure_remote {
            true => Reach::OtherMachines,
            false => Reach::ThisMachine,
        },
        tls,
        public_url,
        users: match (args.users, args.password) {
            (Some(file), _) => Users::File(file),
            (None, Some(password)) => Users::WithPassword(Secret::new(password)),
            (None, None) => Users::Generated,
        },
        backing: args.backing,
        files: args.files,
        data_dir: args.data_dir,
        supervise: args.supervise,
        replica_args: args.replica_args,
    })
}

/// Fails if the reader has closed the pipe.
fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// The command line of the other process: with `--detached` and without the password, which
/// every user could read there.
fn detached(command_line: &[OsString]) -> Vec<OsString> {
    // After `--`, flags belong to the replicas.
    let end = command_line.iter().position(|arg| arg == "--");
    let end = end.unwrap_or(command_line.len());
    let (mut args, mut password_follows) = (Vec::new(), false);
    let mut own = command_line[..end].iter();
    while let Some(arg) = own.next() {
        if arg == "--password" {
            own.next();
            password_follows = true;
        } else if arg.as_encoded_bytes().starts_with(b"--password=") {
            password_follows = true;
        } else if arg != "--detach" {
            args.push(arg.clone());
        }
    }
    args.push("--detached".into());
    if password_follows {
        args.push("--password-follows".into());
    }
    args.extend_from_slice(&command_line[end..]);
    args
}

/// Sends the password on a pipe. Its last byte is a line feed, so that an empty password
/// differs from one that was not sent.
async fn send_password(mut pipe: ChildStdin, password: &str) -> io::Result<()> {
    pipe.write_all(format!("{password}\n").as_bytes()).await
}

/// The password from [`send_password`].
fn receive_password(pipe: impl io::Read) -> anyhow::Result<String> {
    let text = io::read_to_string(pipe).context("cannot read the password")?;
    let password = text.strip_suffix('\n');
    password.map(str::to_owned).context("the waiting process is gone")
}

/// Runs the same command line in a process of another session, and copies its output until
/// the end. If this process is interrupted, the other one gets an error from the closed
/// pipe and stops. Returns its exit code if it has ended: then it has printed the reason.
async fn detach(args: &UpArgs, command_line: &[OsString]) -> anyhow::Result<ExitCode> {
    // The other process would print the reason, too, if the name cannot be used.
    ControlClient::find(&args.named.name).await?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut child = tokio::process::Command::new(program)
        .args(detached(command_line))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start a process")?;
    let input = child.stdin.take().context("standard input is piped")?;
    if let Some(password) = &args.password {
        // If the other process has ended, its output has the reason.
        let _it_has_ended = send_password(input, password).await;
    } else {
        drop(input);
    }
    let output = child.stdout.take().context("standard output is piped")?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        print_line(line);
    }
    // A cluster of this name may be another one, which was up before.
    let pid = child.id();
    tokio::select! {
        status = child.wait() => {
            let status = status.context("cannot wait for the process")?;
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            match code {
                None | Some(0) => bail!("the cluster did not start: {status}"),
                Some(code) => Ok(ExitCode::from(code)),
            }
        }
        found = until_up(&args.named.name, pid) => found.map(|()| ExitCode::SUCCESS),
    }
}

/// Waits until the launcher with this process id answers for the name.
async fn until_up(name: &str, pid: Option<u32>) -> anyhow::Result<()> {
    loop {
        let found = ControlClient::find(name).await?;
        if found.is_some_and(|found| Some(found.launcher_pid()) == pid) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Redirects the output to /dev/null, so that a reader of the output sees its end.
fn detach_output() -> anyhow::Result<()> {
    let nowhere = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .context("cannot open /dev/null")?;
    nix::unistd::dup2_stdout(&nowhere).context("cannot redirect standard output")?;
    nix::unistd::dup2_stderr(&nowhere).context("cannot redirect standard error")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detached_command_line_contains_no_password() {
        let follows = ["up", "--detached", "--password-follows"];
        for (given, expected) in [
            (vec!["up", "--detach"], vec!["up", "--detached"]),
            (vec!["up", "--password", "x y", "--detach"], follows.to_vec()),
            (vec!["up", "--detach", "--password=x"], follows.to_vec()),
            (
                vec!["up", "--detach", "--password=", "--", "--password", "x"],
                [&follows[..], &["--", "--password", "x"]].concat(),
            ),
        ] {
            let given: Vec<_> = given.iter().map(OsString::from).collect();
            let made = detached(&given);
            assert_eq!(made, expected, "{given:?}");
        }
    }

    #[test]
    fn incomplete_password_is_refused() {
        for password in ["x", "", "x\ny"] {
            let sent = format!("{password}\n");
            assert_eq!(receive_password(sent.as_bytes()).unwrap(), password);
        }
        for sent in ["", "x"] {
            assert!(receive_password(sent.as_bytes()).is_err(), "{sent}");
        }
    }
}

//! `lab up`: starts a cluster.

mod introduction;
mod tls;

use crate::commands::{Named, program};
use crate::screen::print_line;
use anyhow::{Context, bail};
use api_contract::secret::Secret;
use clap::Args;
use cluster::control::client::ControlClient;
use cluster::control::server::ControlServer;
use cluster::{Backing, Cluster, Files, Reach, RunDir, ServerKind, Topology, Users};
use http_edge::log::{self, LogFormat};
use http_edge::stop;
use introduction::introduction;
use load_balancer::config::Policy;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use tls::TlsArgs;
use tokio::io::{AsyncBufReadExt, BufReader};

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

    /// Start members again when they die, with increasing delays
    #[arg(long)]
    supervise: bool,

    /// Return when the cluster is up; stop it with `cargo lab down`
    #[arg(long)]
    detach: bool,

    /// The process that `--detach` starts
    #[arg(long, hide = true)]
    detached: bool,

    #[command(flatten)]
    named: Named,

    /// Flags for each replica, after `--`, such as -- --idle-timeout-ms 5000
    #[arg(last = true, value_name = "FLAGS")]
    replica_args: Vec<OsString>,
}

pub(crate) async fn run(args: UpArgs) -> anyhow::Result<()> {
    if args.detach {
        return detach(&args.named.name).await;
    }
    if args.detached {
        // Before the first child: Ctrl-C in that terminal must not reach this cluster.
        nix::unistd::setsid().context("cannot leave the terminal")?;
    }
    log::init(LogFormat::Text);
    let (name, detached) = (args.named.name.clone(), args.detached);
    let topology = topology(args)?;
    let run_dir = RunDir::create(&topology.program)?;
    let control = ControlServer::bind(&name, &run_dir).await?;
    let stop = stop::shutdown_signal();
    let mut stop = std::pin::pin!(stop);
    let cluster = tokio::select! {
        started = Cluster::start_in(run_dir, topology) => Arc::new(started?),
        () = &mut stop => return Ok(()),
    };
    let printed = print(&introduction(&cluster, detached).await);
    if detached {
        if printed.is_err() {
            cluster.down().await;
            bail!("the waiting process is gone: the cluster is stopped again");
        }
        detach_output()?;
    }
    control.serve(Arc::clone(&cluster), stop).await;
    cluster.down().await;
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

/// Runs the same command line in a process of another session, and copies its output until
/// the end. If this process is interrupted, the other one gets an error from the closed
/// pipe and stops.
async fn detach(name: &str) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut args: Vec<OsString> =
        std::env::args_os().skip(1).filter(|arg| arg != "--detach").collect();
    // After `--`, flags belong to the replicas.
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    args.insert(end, "--detached".into());
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start a process")?;
    let output = child.stdout.take().context("standard output is piped")?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        print_line(line);
    }
    if ControlClient::find(name).await?.is_none() {
        bail!("the cluster did not start");
    }
    Ok(())
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

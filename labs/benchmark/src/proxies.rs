//! Two balancers in front of the same servers: ours, and HAProxy where it is installed.

use crate::child::ChildProcess;
use crate::connection::Connection;
use crate::request;
use anyhow::{Context, ensure};
use api_contract::paths;
use process::Process;
use std::ffi::OsString;
use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

/// The time within which a balancer must find its servers up.
const READY_TIMEOUT: Duration = Duration::from_secs(10);

/// Starts our balancer in front of these.
pub(crate) async fn start_balancer(
    backends: &[SocketAddr],
) -> anyhow::Result<ChildProcess> {
    let mut args: Vec<OsString> = vec!["balancer".into()];
    for (at, backend) in backends.iter().enumerate() {
        args.extend(["--backend".into(), format!("r{}={backend}", at + 1).into()]);
    }
    let balancer = ChildProcess::role(args, &[]).await?;
    wait_until_ready(balancer.address).await?;
    Ok(balancer)
}

/// The balancer reports ready when one of its servers is up.
async fn wait_until_ready(balancer: SocketAddr) -> anyhow::Result<()> {
    let probe = request::get(paths::READYZ, &[]);
    let deadline = Instant::now() + READY_TIMEOUT;
    while Connection::open(balancer).await?.round_trip(&probe).await? != 200 {
        ensure!(Instant::now() < deadline, "the balancer finds no server up");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// A running HAProxy. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct HaProxy {
    pub(crate) address: SocketAddr,
    process: Process,
}

impl HaProxy {
    /// Its process id.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        ensure!(!self.process.has_ended(), "HAProxy has ended");
        Ok(self.process.pid().cast_unsigned())
    }

    /// Starts it in front of these, with the health checks of our balancer, and without a log.
    pub(crate) async fn start(
        folder: &Path,
        backends: &[SocketAddr],
    ) -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let file = folder.join("haproxy.cfg");
        std::fs::write(&file, configuration(address, backends))?;
        let accepts = async || tokio::net::TcpStream::connect(address).await.is_ok();
        let process = backing_services::haproxy(&[&file], &[], accepts).await?;
        Ok(Self { address, process: process.context("HAProxy does not start")? })
    }
}

fn configuration(address: SocketAddr, backends: &[SocketAddr]) -> String {
    let mut text = format!(
        "defaults\n    mode http\n    timeout connect 1s\n    timeout client 60s\n    \
         timeout server 60s\n    option httpchk GET /readyz\n    \
         default-server check inter 250ms fall 2 rise 1\n\
         frontend clients\n    bind {address}\n    default_backend replicas\n\
         backend replicas\n    balance roundrobin\n"
    );
    for (at, backend) in backends.iter().enumerate() {
        let _infallible = writeln!(text, "    server r{} {backend}", at + 1);
    }
    text
}

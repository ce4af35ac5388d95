//! The cost of authenticating a caller: the same request to every server, in rounds.

use crate::child::ChildProcess;
use crate::closed_loop;
use crate::plan::Plan;
use crate::proxies::HaProxy;
use crate::rounds::{MeasuredServer, RoundPlan, ServerRounds, run_rounds};
use crate::testbed::{self, Testbed};
use anyhow::{Context, ensure};
use report::figure::{Figure, rounded};
use report::latency::quantile_ms;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use tokio::process::Command;

/// The first row of the table, which the others are divided by.
pub const REFERENCE: &str = "hello";

/// Servers behind each balancer.
const SERVERS_BEHIND_BALANCER: usize = 3;

/// Runs of `redis-benchmark`, and requests of each.
const REDIS_BENCHMARK_RUNS: usize = 5;
const REDIS_BENCHMARK_REQUESTS: &str = "40000";

/// One row of the table.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RequestCost {
    /// A short name for programs.
    pub name: String,
    /// A title for readers.
    pub title: String,
    /// Replies per second.
    pub per_second: Figure,
    /// The same, divided by the reference measured next to it.
    pub ratio: Figure,
    /// The median latency in milliseconds.
    pub p50_ms: Option<f64>,
    /// The 99th percentile in milliseconds.
    pub p99_ms: Option<f64>,
    /// Processor time of the server per reply, in microseconds.
    pub processor_us: Option<f64>,
    /// Processor time of the client, in percent of one core.
    pub client_percent: Figure,
}

impl RequestCost {
    fn of(server: &MeasuredServer, rounds: &ServerRounds) -> Self {
        let ms = |quantile| quantile_ms(&rounds.latencies, quantile);
        Self {
            name: server.name.to_owned(),
            title: server.title.clone(),
            per_second: Figure::of_all(&rounds.per_second),
            ratio: Figure::of_all(&rounds.ratio),
            p50_ms: Some(ms(0.50)),
            p99_ms: Some(ms(0.99)),
            processor_us: Some(rounded(rounds.processor_us())),
            client_percent: Figure::of_all(&rounds.client_percent),
        }
    }

    fn absent(name: &str, title: &str, reason: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            per_second: Figure::absent(reason),
            ratio: Figure::absent(reason),
            p50_ms: None,
            p99_ms: None,
            processor_us: None,
            client_percent: Figure::absent(reason),
        }
    }
}

/// All servers, running.
#[derive(Default)]
struct RunningServers {
    measured: Vec<MeasuredServer>,
    children: Vec<ChildProcess>,
    haproxy: Option<HaProxy>,
}

impl RunningServers {
    fn add(
        &mut self,
        name: &'static str,
        title: &str,
        child: ChildProcess,
        workload: closed_loop::Workload,
    ) -> anyhow::Result<()> {
        let (address, pids) = (child.address, vec![child.pid()?]);
        let title = title.to_owned();
        self.measured.push(MeasuredServer { name, title, address, workload, pids });
        self.children.push(child);
        Ok(())
    }
}

/// Measures all servers; the reference is the first row.
///
/// # Errors
/// When a server does not start, or sends a wrong reply.
pub(crate) async fn measure(
    testbed: &Testbed,
    plan: &Plan,
    step: &impl Fn(&str),
) -> anyhow::Result<Vec<RequestCost>> {
    step("starting all servers");
    let (servers, reference) = start(testbed).await?;
    let round_plan = RoundPlan {
        rounds: plan.rounds,
        duration: plan.round_length,
        connections: plan.connections,
    };
    let rounds = run_rounds(&reference, &servers.measured, round_plan, step).await?;
    let all = std::iter::once(&reference).chain(&servers.measured);
    let mut rows: Vec<_> = all
        .zip(&rounds)
        .map(|(server, rounds)| RequestCost::of(server, rounds))
        .collect();
    if servers.haproxy.is_none() {
        let reason = "HAProxy is not installed";
        rows.push(RequestCost::absent("haproxy", "hello through HAProxy", reason));
    }
    rows.push(redis_benchmark(testbed, &reference, plan).await?);
    Ok(rows)
}

async fn start(testbed: &Testbed) -> anyhow::Result<(RunningServers, MeasuredServer)> {
    let mut servers = RunningServers::default();
    start_phase_1(testbed, &mut servers).await?;
    start_phase_2(testbed, &mut servers).await?;
    for (name, pool, title) in [
        ("tower-sessions-1", "1", "tower-sessions on Redis, one connection"),
        ("tower-sessions-6", "6", "tower-sessions on Redis, six connections"),
    ] {
        let args = ["tower-sessions", "--pool", pool].map(Into::into);
        let peer = ChildProcess::peer(args, &[("REDIS_URL", testbed.redis.url.as_str())])
            .await?;
        let workload = testbed::tower_session_workload(peer.address).await?;
        servers.add(name, title, peer, workload)?;
    }
    let reference_address = start_balancers(testbed, &mut servers).await?;
    let reference = MeasuredServer {
        name: REFERENCE,
        title: "axum and one word".to_owned(),
        address: reference_address,
        workload: testbed::reference_workload(),
        pids: vec![servers.children.last().context("a child")?.pid()?],
    };
    Ok((servers, reference))
}

async fn start_phase_1(
    testbed: &Testbed,
    servers: &mut RunningServers,
) -> anyhow::Result<()> {
    let server = testbed.server("stateful", "stateful", &[]).await?;
    let read = testbed::authenticated_workload(&testbed.session(server.address).await?);
    servers.add("stateful", "Phase 1: session in memory", server, read)?;
    let server = testbed.server("stateless", "stateless", &[]).await?;
    let check = testbed::authenticated_workload(&testbed.token(server.address).await?);
    servers.add("stateless", "Phase 1: token", server, check)
}

async fn start_phase_2(
    testbed: &Testbed,
    servers: &mut RunningServers,
) -> anyhow::Result<()> {
    for (name, design, title) in [
        ("memory", "memory", "Phase 2: session in memory"),
        ("central", "central", "Phase 2: session in Redis"),
    ] {
        let server = testbed.upload_server(design, name, &[]).await?;
        let read =
            testbed::authenticated_workload(&testbed.session(server.address).await?);
        servers.add(name, title, server, read)?;
    }
    for (name, revocation, title) in [
        ("token", "none", "Phase 2: token without a look-up"),
        ("token-looked-up", "combined", "Phase 2: token with a look-up in Redis"),
    ] {
        let flags = ["--revocation", revocation];
        let server = testbed.upload_server("token", name, &flags).await?;
        let check =
            testbed::authenticated_workload(&testbed.token(server.address).await?);
        servers.add(name, title, server, check)?;
    }
    Ok(())
}

/// The same three servers behind each balancer; returns the address of the last one.
async fn start_balancers(
    testbed: &Testbed,
    servers: &mut RunningServers,
) -> anyhow::Result<SocketAddr> {
    let mut hellos = Vec::new();
    for _ in 0..SERVERS_BEHIND_BALANCER {
        hellos.push(ChildProcess::peer(["hello".into()], &[]).await?);
    }
    let backends: Vec<_> = hellos.iter().map(|one| one.address).collect();
    let ours = testbed::start_balancer(&backends).await?;
    servers.add(
        "balancer",
        "hello through our balancer",
        ours,
        testbed::reference_workload(),
    )?;
    if backing_services::haproxy_version().is_some() {
        let haproxy = testbed.haproxy(&backends).await?;
        servers.measured.push(MeasuredServer {
            name: "haproxy",
            title: "hello through HAProxy".to_owned(),
            address: haproxy.address,
            workload: testbed::reference_workload(),
            pids: vec![haproxy.pid()?],
        });
        servers.haproxy = Some(haproxy);
    }
    let reference = hellos.last().context("one at least")?.address;
    servers.children.extend(hellos);
    Ok(reference)
}

/// The rate of Redis itself over a socket, as its own tool measures it.
async fn redis_benchmark(
    testbed: &Testbed,
    reference: &MeasuredServer,
    plan: &Plan,
) -> anyhow::Result<RequestCost> {
    let (name, title) = ("redis-benchmark", "redis-benchmark, GET");
    let version = Command::new("redis-benchmark").arg("--version").output().await;
    if !version.is_ok_and(|message| message.status.success()) {
        return Ok(RequestCost::absent(name, title, "redis-benchmark is not installed"));
    }
    let (mut per_second, mut ratio) = (Vec::new(), Vec::new());
    for _ in 0..REDIS_BENCHMARK_RUNS {
        let before = closed_loop::run(
            reference.address,
            &reference.workload,
            plan.connections,
            plan.round_length,
        );
        let before = before.await?.per_second();
        let once =
            redis_benchmark_once(testbed.redis.url.as_str(), plan.connections).await?;
        per_second.push(once);
        ratio.push(once / before.max(1e-9));
    }
    Ok(RequestCost {
        per_second: Figure::of_all(&per_second),
        ratio: Figure::of_all(&ratio),
        ..RequestCost::absent(name, title, "its own client")
    })
}

async fn redis_benchmark_once(url: &str, connections: usize) -> anyhow::Result<f64> {
    // redis://:PASSWORD@HOST:PORT, as backing services write it.
    let rest = url.strip_prefix("redis://").context("a Redis without TLS")?;
    let (secret, host) = rest.split_once('@').unwrap_or((":", rest));
    let (host, port) = host.trim_end_matches('/').rsplit_once(':').context("a port")?;
    let mut command = Command::new("redis-benchmark");
    command.args(["-h", host, "-p", port, "-t", "get", "-d", "300", "--csv"]);
    command.args(["-n", REDIS_BENCHMARK_REQUESTS, "-c", &connections.to_string()]);
    if let Some(password) = secret.split_once(':').map(|parts| parts.1) {
        command.args(["-a", password]);
    }
    let message = command.output().await?;
    let text = String::from_utf8_lossy(&message.stdout).into_owned();
    ensure!(message.status.success(), "redis-benchmark failed: {text}");
    per_second(&text).with_context(|| format!("redis-benchmark said {text}"))
}

/// The second column of the last line: `"GET","81234.56","0.2",…`
fn per_second(csv: &str) -> Option<f64> {
    let line = csv.lines().rev().find(|line| line.starts_with("\"GET\""))?;
    line.split(',').nth(1)?.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_of_redis_is_read_from_redis_benchmark() {
        let csv = "\"test\",\"rps\",\"avg\"\n\"GET\",\"81234.50\",\"0.2\"\n";
        assert_eq!(per_second(csv), Some(81_234.5));
        assert_eq!(per_second("ERROR"), None);
    }
}

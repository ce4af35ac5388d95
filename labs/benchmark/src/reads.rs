//! The cost of authenticating a caller: the same request to every server, in rounds.

use crate::child::Child;
use crate::load;
use crate::plan::Plan;
use crate::proxies::{HaProxy, haproxy_version};
use crate::rounds::{Contestant, RoundLength, ServerRounds, play};
use crate::testbed::{self, Testbed};
use anyhow::{Context, ensure};
use comparison::figure::{Figure, rounded};
use comparison::latency::quantile_ms;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use tokio::process::Command;

/// The first row of the table, which the others are divided by.
pub const REFERENCE: &str = "hello";

/// Servers behind each balancer.
const BEHIND: usize = 3;

/// Runs of `redis-benchmark`, and requests of each.
const WIRE_RUNS: usize = 5;
const WIRE_REQUESTS: &str = "40000";

/// One row of the table.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Read {
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

impl Read {
    fn of(who: &Contestant, turns: &ServerRounds) -> Self {
        let figure = |values: &[f64]| {
            Figure::of(&values.iter().map(|one| Ok(*one)).collect::<Vec<_>>())
        };
        let ms = |quantile| quantile_ms(&turns.waits, quantile);
        Self {
            name: who.name.to_owned(),
            title: who.title.clone(),
            per_second: figure(&turns.per_second),
            ratio: figure(&turns.ratio),
            p50_ms: Some(ms(0.50)),
            p99_ms: Some(ms(0.99)),
            processor_us: Some(rounded(turns.processor_us())),
            client_percent: figure(&turns.client_percent),
        }
    }

    fn absent(name: &str, title: &str, why: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            per_second: Figure::absent(why),
            ratio: Figure::absent(why),
            p50_ms: None,
            p99_ms: None,
            processor_us: None,
            client_percent: Figure::absent(why),
        }
    }
}

/// All servers, running.
#[derive(Default)]
struct Cast {
    contestants: Vec<Contestant>,
    children: Vec<Child>,
    haproxy: Option<HaProxy>,
}

impl Cast {
    fn add(
        &mut self,
        name: &'static str,
        title: &str,
        child: Child,
        question: load::Question,
    ) -> anyhow::Result<()> {
        let (address, pids) = (child.address, vec![child.pid()?]);
        let title = title.to_owned();
        self.contestants.push(Contestant { name, title, address, question, pids });
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
) -> anyhow::Result<Vec<Read>> {
    step("starting all servers");
    let (cast, reference) = start(testbed).await?;
    let round_length = RoundLength {
        rounds: plan.rounds,
        duration: plan.round_length,
        connections: plan.connections,
    };
    let turns = play(&reference, &cast.contestants, round_length, step).await?;
    let everybody = std::iter::once(&reference).chain(&cast.contestants);
    let mut rows: Vec<_> =
        everybody.zip(&turns).map(|(who, turns)| Read::of(who, turns)).collect();
    if cast.haproxy.is_none() {
        let why = "HAProxy is not installed";
        rows.push(Read::absent("haproxy", "hello through HAProxy", why));
    }
    rows.push(wire(testbed, &reference, plan).await?);
    Ok(rows)
}

async fn start(testbed: &Testbed) -> anyhow::Result<(Cast, Contestant)> {
    let mut cast = Cast::default();
    phase_1(testbed, &mut cast).await?;
    phase_2(testbed, &mut cast).await?;
    for (name, pool, title) in [
        ("tower-sessions-1", "1", "tower-sessions on Redis, one connection"),
        ("tower-sessions-6", "6", "tower-sessions on Redis, six connections"),
    ] {
        let args = ["tower-sessions", "--pool", pool].map(Into::into);
        let peer =
            Child::peer(args, &[("REDIS_URL", testbed.redis.url.as_str())]).await?;
        let question = testbed::tower_session(peer.address).await?;
        cast.add(name, title, peer, question)?;
    }
    let backends = balancers(testbed, &mut cast).await?;
    let reference = Contestant {
        name: REFERENCE,
        title: "axum and one word".to_owned(),
        address: backends,
        question: testbed::hello(),
        pids: vec![cast.children.last().context("a child")?.pid()?],
    };
    Ok((cast, reference))
}

async fn phase_1(testbed: &Testbed, cast: &mut Cast) -> anyhow::Result<()> {
    let server = testbed.server("stateful", "stateful", &[]).await?;
    let read = testbed::who_is_calling(&testbed.session(server.address).await?);
    cast.add("stateful", "Phase 1: session in memory", server, read)?;
    let server = testbed.server("stateless", "stateless", &[]).await?;
    let check = testbed::who_is_calling(&testbed.token(server.address).await?);
    cast.add("stateless", "Phase 1: token", server, check)
}

async fn phase_2(testbed: &Testbed, cast: &mut Cast) -> anyhow::Result<()> {
    for (name, design, title) in [
        ("memory", "memory", "Phase 2: session in memory"),
        ("central", "central", "Phase 2: session in Redis"),
    ] {
        let server = testbed.upload_server(design, name, &[]).await?;
        let read = testbed::who_is_calling(&testbed.session(server.address).await?);
        cast.add(name, title, server, read)?;
    }
    for (name, revocation, title) in [
        ("token", "none", "Phase 2: token without a look-up"),
        ("token-looked-up", "combined", "Phase 2: token with a look-up in Redis"),
    ] {
        let flags = ["--revocation", revocation];
        let server = testbed.upload_server("token", name, &flags).await?;
        let check = testbed::who_is_calling(&testbed.token(server.address).await?);
        cast.add(name, title, server, check)?;
    }
    Ok(())
}

/// The same three servers behind each balancer; returns the address of the last one.
async fn balancers(testbed: &Testbed, cast: &mut Cast) -> anyhow::Result<SocketAddr> {
    let mut hellos = Vec::new();
    for _ in 0..BEHIND {
        hellos.push(Child::peer(["hello".into()], &[]).await?);
    }
    let behind: Vec<_> = hellos.iter().map(|one| one.address).collect();
    let ours = testbed::our_balancer(&behind).await?;
    cast.add("balancer", "hello through our balancer", ours, testbed::hello())?;
    if haproxy_version().await.is_some() {
        let haproxy = testbed.haproxy(&behind).await?;
        cast.contestants.push(Contestant {
            name: "haproxy",
            title: "hello through HAProxy".to_owned(),
            address: haproxy.address,
            question: testbed::hello(),
            pids: vec![haproxy.pid()?],
        });
        cast.haproxy = Some(haproxy);
    }
    let reference = hellos.last().context("one at least")?.address;
    cast.children.extend(hellos);
    Ok(reference)
}

/// The rate of Redis itself over a socket, as its own tool measures it.
async fn wire(
    testbed: &Testbed,
    reference: &Contestant,
    plan: &Plan,
) -> anyhow::Result<Read> {
    let (name, title) = ("redis-benchmark", "redis-benchmark, GET");
    let asked = Command::new("redis-benchmark").arg("--version").output().await;
    if !asked.is_ok_and(|message| message.status.success()) {
        return Ok(Read::absent(name, title, "redis-benchmark is not installed"));
    }
    let (mut per_second, mut ratio) = (Vec::new(), Vec::new());
    for _ in 0..WIRE_RUNS {
        let before = load::full(
            reference.address,
            &reference.question,
            plan.connections,
            plan.round_length,
        );
        let before = before.await?.per_second();
        let once = wire_once(testbed.redis.url.as_str(), plan.connections).await?;
        per_second.push(Ok(once));
        ratio.push(Ok(once / before.max(1e-9)));
    }
    Ok(Read {
        per_second: Figure::of(&per_second),
        ratio: Figure::of(&ratio),
        ..Read::absent(name, title, "its own client")
    })
}

async fn wire_once(url: &str, connections: usize) -> anyhow::Result<f64> {
    // redis://:PASSWORD@HOST:PORT, as backing services write it.
    let rest = url.strip_prefix("redis://").context("a Redis without TLS")?;
    let (secret, host) = rest.split_once('@').unwrap_or((":", rest));
    let (host, port) = host.trim_end_matches('/').rsplit_once(':').context("a port")?;
    let mut command = Command::new("redis-benchmark");
    command.args(["-h", host, "-p", port, "-t", "get", "-d", "300", "--csv"]);
    command.args(["-n", WIRE_REQUESTS, "-c", &connections.to_string()]);
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

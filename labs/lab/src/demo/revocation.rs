//! `lab demo revoke-a-token`: five revocation methods, and the cost of each.
//!
//! In each trial alice logs in, uses her token on both replicas, revokes it, and keeps using
//! it. The demo measures how long the token is accepted, and counts round trips to a store.

use crate::demo::latency::Latencies;
use crate::demo::progress::ProgressStep;
use crate::demo::trials::{
    Trial, TrialCheck, TrialPredictions, TrialReport, cluster_for_alice,
};
use crate::demo::{DemoArgs, DemoResult};
use anyhow::Context;
use api_contract::files::ListQuery;
use api_contract::paths;
use api_contract::tokens::TokenIssued;
use client::{CallResult, Client, Credential};
use futures_util::future::try_join_all;
use http::StatusCode;
use launcher::{Cluster, Design};
use report::statistics::whole_micros;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Requests over which round trips are counted.
const COUNTED_REQUESTS: u32 = 20;

/// Time beyond the lifetime of a token during which it is still tried.
const EXTRA_OBSERVATION: Duration = Duration::from_secs(10);

/// A revocation method, and the lifetime of tokens in the demo: minutes would be too long
/// to watch.
struct RevocationMethod {
    name: &'static str,
    token_ttl_ms: u64,
    /// Whether a revoked token is rejected before it expires.
    revokes: bool,
}

const METHODS: [RevocationMethod; 5] = [
    RevocationMethod { name: "none", token_ttl_ms: 8_000, revokes: false },
    RevocationMethod { name: "short-lived", token_ttl_ms: 3_000, revokes: false },
    RevocationMethod { name: "deny-list", token_ttl_ms: 60_000, revokes: true },
    RevocationMethod { name: "token-version", token_ttl_ms: 60_000, revokes: true },
    RevocationMethod { name: "combined", token_ttl_ms: 60_000, revokes: true },
];

/// The result of one revocation method.
#[derive(Debug, Serialize)]
pub(crate) struct RevocationResult {
    pub(crate) revocation: &'static str,
    /// Lifetime of a token in seconds.
    pub(crate) lifetime_s: u64,
    /// Requests accepted after the answer to the revocation.
    pub(crate) accepted_after: u32,
    /// Seconds from that answer until every replica rejected the token; `null` if that did
    /// not happen.
    pub(crate) rejected_after_s: Option<f64>,
    /// Round trips to a store for each read request.
    pub(crate) round_trips_per_request: f64,
    /// Whether the refresh token was rejected afterwards.
    pub(crate) refresh_refused: bool,
    /// Whether the token expired before its revocation: then the trial shows nothing.
    pub(crate) too_late: bool,
    /// Latencies of the requests before the revocation.
    pub(crate) latency_before: Latencies,
    /// Latencies of the requests after it, accepted or rejected.
    pub(crate) latency_since: Latencies,
}

impl Trial for RevocationResult {
    const COLUMNS: &'static [&'static str] = &[
        "--revocation",
        "life-time",
        "uses after logout",
        "rejected after",
        "store trips each",
        "p50 / p99 before, ms",
        "p50 / p99 since, ms",
    ];

    fn row(&self) -> Vec<String> {
        let rejected = |seconds: f64| match seconds < 0.1 {
            true => "at once".to_owned(),
            false => format!("{seconds:.1} s"),
        };
        vec![
            self.revocation.to_owned(),
            format!("{} s", self.lifetime_s),
            self.accepted_after.to_string(),
            self.rejected_after_s.map_or_else(|| "never".to_owned(), rejected),
            format!("{:.1}", self.round_trips_per_request),
            self.latency_before.cell(),
            self.latency_since.cell(),
        ]
    }

    fn answer(&self) -> bool {
        self.accepted_after > 0
    }
}

/// The question before the demo.
const QUESTION: &str = "A token is stolen, and its owner logs out. Is it accepted once more \
     after the logout,\nif the servers use this revocation method?";

/// The demo.
pub(crate) async fn run(args: &DemoArgs, seed: u64) -> DemoResult {
    let names = METHODS.map(|method| method.name);
    let predictions = TrialPredictions::ask(args, QUESTION, &names).await;
    let started_at = Instant::now();
    let step =
        ProgressStep::start(1, 2, "starting two replicas for each revocation method");
    let clusters = try_join_all(METHODS.iter().map(|method| {
        let flags = [
            format!("--revocation={}", method.name),
            format!("--token-ttl-ms={}", method.token_ttl_ms),
        ];
        async move { cluster_for_alice(Design::Token, 2, &flags).await }
    }));
    let clusters = clusters.await?;
    step.finish(&format!("{} processes", clusters.len() * 3));
    let step = ProgressStep::start(2, 2, "revoking the token, and using it again");
    let mut trials = Vec::new();
    for (method, (cluster, alice)) in METHODS.iter().zip(&clusters) {
        trials.push(method.measure(cluster, alice).await.context(method.name)?);
    }
    for (cluster, _) in &clusters {
        cluster.down().await;
    }
    // Removes their folders before the message below.
    drop(clusters);
    step.finish("nothing is left running");
    let checks = METHODS.iter().zip(&trials).flat_map(|(method, one)| method.checks(one));
    let report = TrialReport::new("revoke-a-token", seed, started_at).with_results(
        checks.collect(),
        trials.iter().filter_map(inconclusive_reason).collect(),
        trials,
    );
    report.print(args, &LESSONS, &predictions)
}

const LESSONS: [&str; 5] = [
    "Without a revocation check no store is read, so a replica cannot reject the token: it \
     is valid until it expires, also for a thief. A short lifetime makes that time short, \
     and refreshes frequent.",
    "Such a token is accepted two to three seconds beyond its lifetime, because the servers \
     allow two seconds of clock skew and count whole seconds. A lifetime of 3 s means up to \
     6 s.",
    "A deny list revokes single tokens; a token version revokes all tokens of a user at \
     once. Either costs one round trip for each request, and both together cost one, too: \
     the saving of the signature is gone.",
    "The price of a round trip is in the latencies. They include the time of this machine, \
     and a store elsewhere takes longer than one on the same machine.",
    "In the demo tokens live for seconds, so that you can watch. The server's defaults are \
     15 minutes, and one minute for short-lived.",
];

fn inconclusive_reason(trial: &RevocationResult) -> Option<String> {
    let why = "the token expired before its revocation: the machine is too busy";
    trial.too_late.then(|| format!("{}: {why}", trial.revocation))
}

impl RevocationMethod {
    async fn measure(
        &self,
        cluster: &Cluster,
        alice: &api_contract::LoginRequest,
    ) -> anyhow::Result<RevocationResult> {
        let replicas = replicas(cluster).await;
        let first = replicas.first().context("two replicas were started")?;
        let issued: TokenIssued = first.client.token(alice).await.done()?.body;
        let issued_at = Instant::now();
        let credential = Credential::Bearer(issued.access_token.clone());
        let before = round_trips(&replicas).await?;
        let latencies_us = send_requests(&replicas, &credential).await?;
        let round_trips = round_trips(&replicas).await? - before;
        first.client.revoke(&issued.access_token).await.done()?;
        let (revoked, token_ttl) =
            (Instant::now(), Duration::from_millis(self.token_ttl_ms));
        let too_late = issued_at.elapsed() >= token_ttl;
        let Refusal { accepted_after, rejected_at, latencies_us: latencies_since } =
            observe_refusal(&replicas, &credential, token_ttl).await?;
        let refresh_token = issued.refresh_token.context("it comes with the token")?;
        let refreshed = first.client.refresh(&refresh_token).await;
        Ok(RevocationResult {
            revocation: self.name,
            lifetime_s: self.token_ttl_ms / 1000,
            accepted_after,
            rejected_after_s: rejected_at.map(|at| (at - revoked).as_secs_f64()),
            round_trips_per_request: round_trips / f64::from(COUNTED_REQUESTS),
            refresh_refused: refreshed.status()? == StatusCode::UNAUTHORIZED,
            too_late,
            latency_before: Latencies::of(latencies_us),
            latency_since: Latencies::of(latencies_since),
        })
    }

    fn checks(&self, trial: &RevocationResult) -> Vec<TrialCheck> {
        let name = self.name;
        let used = trial.accepted_after > 0;
        let title = match self.revokes {
            true => "the token is rejected after the answer to the logout",
            false => "the token is accepted after the logout, because no store is read",
        };
        let trips = trial.round_trips_per_request.round();
        let expected = if self.revokes { 1.0 } else { 0.0 };
        let price = match self.revokes {
            true => "a request costs one round trip to a store",
            false => "a request costs no round trip",
        };
        let rejected = trial.rejected_after_s.is_some();
        vec![
            TrialCheck::equal(name, title, (&!self.revokes, &used)),
            TrialCheck::equal(
                name,
                "the token is rejected in the end",
                (&true, &rejected),
            ),
            TrialCheck::equal(name, price, (&expected, &trips)),
            TrialCheck::equal(
                name,
                "the refresh token is rejected after the logout",
                (&true, &trial.refresh_refused),
            ),
        ]
    }
}

/// Sends [`COUNTED_REQUESTS`] to all replicas in turn. Returns their latencies in
/// microseconds.
async fn send_requests(
    replicas: &[Replica],
    credential: &Credential,
) -> anyhow::Result<Vec<u64>> {
    let mut latencies_us = Vec::new();
    for number in 0..COUNTED_REQUESTS {
        let replica = &replicas[number as usize % replicas.len()];
        let sent = Instant::now();
        replica.client.list(credential, &ListQuery::default()).await.done()?;
        latencies_us.push(whole_micros(sent.elapsed()));
    }
    Ok(latencies_us)
}

/// A replica, reached directly, because the balancer would choose another one.
struct Replica {
    client: Client,
    admin: Option<std::net::SocketAddr>,
}

async fn replicas(cluster: &Cluster) -> Vec<Replica> {
    let members = cluster.status().await.members.into_iter().skip(1);
    let replica = |member: launcher::status::MemberStatus| {
        let client = Client::new(&format!("http://{}", member.address?));
        Some(Replica { client, admin: member.admin })
    };
    members.filter_map(replica).collect()
}

/// The uses of a token after its revocation.
#[derive(Default)]
struct Refusal {
    accepted_after: u32,
    /// When every replica rejected the token.
    rejected_at: Option<Instant>,
    latencies_us: Vec<u64>,
}

/// Uses a token on every replica until all reject it, or its lifetime and [`EXTRA_OBSERVATION`]
/// are over.
async fn observe_refusal(
    replicas: &[Replica],
    credential: &Credential,
    token_ttl: Duration,
) -> anyhow::Result<Refusal> {
    let deadline = Instant::now() + token_ttl + EXTRA_OBSERVATION;
    let mut refusal = Refusal::default();
    while Instant::now() < deadline {
        let sent = Instant::now();
        let mut refused = 0;
        for replica in replicas {
            let started = Instant::now();
            let answer = replica.client.list(credential, &ListQuery::default()).await;
            refusal.latencies_us.push(whole_micros(started.elapsed()));
            match answer {
                CallResult::Done(_) => refusal.accepted_after += 1,
                CallResult::Refused(no) if no.status == StatusCode::UNAUTHORIZED => {
                    refused += 1
                }
                other => drop(other.done()?),
            }
        }
        if refused == replicas.len() {
            refusal.rejected_at = Some(sent);
            return Ok(refusal);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(refusal)
}

/// Round trips to a store that the replicas made for tokens.
async fn round_trips(replicas: &[Replica]) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for replica in replicas {
        let admin = replica.admin.context("every replica shows its metrics")?;
        let client = Client::new(&format!("http://{admin}"));
        let page =
            client.send(client.request(http::Method::GET, paths::METRICS)).await?.body;
        let page = String::from_utf8_lossy(&page);
        let lines = page.lines().filter(|line| line.starts_with(ROUND_TRIPS));
        let values =
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        sum += values.sum::<f64>();
    }
    Ok(sum)
}

/// The metric of the server.
const ROUND_TRIPS: &str = "upload_server_token_revocation_round_trips_total";

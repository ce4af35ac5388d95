//! `lab demo revoke-a-token`: five ways of taking a token back, and what each costs.
//!
//! In each trial alice logs in, uses her token on both replicas, revokes it, and goes on
//! using it. How long that works, and how often a store was asked, is counted.

use crate::demo::DemoArgs;
use crate::demo::progress::Step;
use crate::demo::story::{Statement, Story, Trial, cluster_for_alice};
use crate::demo::verdict::Verdict;
use crate::screen::counted;
use anyhow::Context;
use api_conformance::client::Client;
use api_conformance::outcome::Outcome;
use api_conformance::proof::Proof;
use api_contract::Message;
use api_contract::files::ListQuery;
use api_contract::paths;
use api_contract::tokens::{RefreshRequest, RevokeRequest, TokenIssued};
use cluster::{Cluster, Design};
use futures_util::future::try_join_all;
use http::{Method, StatusCode};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Requests that the price is counted over.
const COUNTED: u32 = 20;

/// How much longer than its life a token may be watched.
const PATIENCE: Duration = Duration::from_secs(10);

/// A way of taking tokens back, and how long they live in the demo: minutes would be too
/// long to watch.
struct Way {
    name: &'static str,
    life_ms: u64,
    /// Whether a revoked token is dead before it expires.
    ends: bool,
}

const WAYS: [Way; 5] = [
    Way { name: "none", life_ms: 8_000, ends: false },
    Way { name: "short-lived", life_ms: 3_000, ends: false },
    Way { name: "deny-list", life_ms: 60_000, ends: true },
    Way { name: "token-version", life_ms: 60_000, ends: true },
    Way { name: "combined", life_ms: 60_000, ends: true },
];

/// What came of one way.
#[derive(Debug, Serialize)]
pub(crate) struct Revoked {
    pub(crate) revocation: &'static str,
    /// Seconds that a token lives if nobody ends it.
    pub(crate) life_s: u64,
    /// Requests that were accepted after the answer to the revocation.
    pub(crate) accepted_after: u32,
    /// Seconds from that answer until no replica accepted the token any more; `null` if
    /// that did not happen.
    pub(crate) dead_after_s: Option<f64>,
    /// Round trips to a store for each request that only reads.
    pub(crate) round_trips_per_request: f64,
    /// Whether the refresh token was refused afterwards.
    pub(crate) refresh_refused: bool,
    /// Whether the token had expired before it was revoked: then nothing was shown.
    pub(crate) too_late: bool,
}

impl Trial for Revoked {
    const COLUMNS: &'static [&'static str] = &[
        "--revocation",
        "token lives",
        "used after logout",
        "dead after",
        "round trips a request",
    ];

    fn row(&self) -> Vec<String> {
        let dead = |seconds: f64| match seconds < 0.1 {
            true => "at once".to_owned(),
            false => format!("{seconds:.1} s"),
        };
        vec![
            self.revocation.to_owned(),
            format!("{} s", self.life_s),
            counted(self.accepted_after as usize, "time"),
            self.dead_after_s.map_or_else(|| "never".to_owned(), dead),
            format!("{:.1}", self.round_trips_per_request),
        ]
    }
}

/// The demo.
pub(crate) async fn tell(args: &DemoArgs) -> anyhow::Result<Verdict> {
    let began = Instant::now();
    let step = Step::begin(1, 2, "starting two replicas for each way of revoking");
    let clusters = try_join_all(WAYS.iter().map(|way| {
        let flags = [
            format!("--revocation={}", way.name),
            format!("--token-ttl-ms={}", way.life_ms),
        ];
        async move { cluster_for_alice(Design::Token, 2, &flags).await }
    }));
    let clusters = clusters.await?;
    step.end(&format!("{} processes", clusters.len() * 3));
    let step = Step::begin(2, 2, "logging out, and going on with the token");
    let mut trials = Vec::new();
    for (way, (cluster, alice)) in WAYS.iter().zip(&clusters) {
        trials.push(way.try_out(cluster, alice).await.context(way.name)?);
    }
    for (cluster, _) in &clusters {
        cluster.down().await;
    }
    // Their folders go with them, before anybody is told that nothing is left.
    drop(clusters);
    step.end("nothing is left running");
    let story = Story {
        scenario: "revoke-a-token",
        seed: args.seed,
        statements: WAYS
            .iter()
            .zip(&trials)
            .flat_map(|(way, one)| way.claims(one))
            .collect(),
        reasons: trials.iter().filter_map(doubt).collect(),
        trials,
        verdict: Verdict::CouldNotTell,
        seconds: began.elapsed().as_secs_f64(),
    }
    .judge();
    story.show(args, &LESSONS)?;
    Ok(story.verdict)
}

const LESSONS: [&str; 4] = [
    "Without a lookup nobody is asked, so nobody can say no: the token is good until it \
     expires, whoever has it. Short lives make that time short, and refreshing frequent.",
    "Such a token is taken for two to three seconds longer than it lives, because the servers \
     allow two seconds for clocks that differ, and count whole seconds. Who names 3 s has to \
     reckon with 6.",
    "A deny list names single tokens; a version names the user, and ends all of theirs at \
     once. Either costs one round trip a request, and so do both together: what the \
     signature had saved.",
    "In the demo tokens live for seconds, so that you can watch; the server's own defaults \
     are 15 minutes, and one minute for short-lived.",
];

fn doubt(trial: &Revoked) -> Option<String> {
    let why = "the token had expired before it was revoked: the machine is too busy";
    trial.too_late.then(|| format!("{}: {why}", trial.revocation))
}

impl Way {
    async fn try_out(
        &self,
        cluster: &Cluster,
        alice: &api_contract::Credentials,
    ) -> anyhow::Result<Revoked> {
        let replicas = replicas(cluster).await;
        let first = replicas.first().context("two replicas were started")?;
        let issued: TokenIssued = first.client.token(alice).await.done()?.body;
        let born = Instant::now();
        let proof = Proof::Bearer(issued.access_token.clone());
        let before = round_trips(&replicas).await?;
        for turn in 0..COUNTED {
            let replica = &replicas[turn as usize % replicas.len()];
            replica.client.list(&proof, &ListQuery::default()).await.done()?;
        }
        let round_trips = round_trips(&replicas).await? - before;
        let revoke = RevokeRequest { token: issued.access_token.clone() };
        let call = first.client.request(Method::POST, paths::TOKEN_REVOKE).json(&revoke);
        first.client.json::<Message>(call).await.done()?;
        let (revoked, life) = (Instant::now(), Duration::from_millis(self.life_ms));
        let too_late = born.elapsed() >= life;
        let (accepted_after, dead_after) = watch(&replicas, &proof, life).await?;
        let refresh = RefreshRequest {
            refresh_token: issued.refresh_token.context("it comes with the token")?,
        };
        let call =
            first.client.request(Method::POST, paths::TOKEN_REFRESH).json(&refresh);
        let refreshed = first.client.json::<TokenIssued>(call).await;
        Ok(Revoked {
            revocation: self.name,
            life_s: self.life_ms / 1000,
            accepted_after,
            dead_after_s: dead_after.map(|at| (at - revoked).as_secs_f64()),
            round_trips_per_request: round_trips / f64::from(COUNTED),
            refresh_refused: refreshed.status()? == StatusCode::UNAUTHORIZED,
            too_late,
        })
    }

    fn claims(&self, trial: &Revoked) -> Vec<Statement> {
        let name = self.name;
        let used = trial.accepted_after > 0;
        let says = match self.ends {
            true => "after the answer to the logout nobody gets in with the token",
            false => "the token gets in after the logout, because nobody is asked",
        };
        let trips = trial.round_trips_per_request.round();
        let expected = if self.ends { 1.0 } else { 0.0 };
        let price = match self.ends {
            true => "a request costs one round trip to a store",
            false => "nobody is asked with a request",
        };
        let dead = trial.dead_after_s.is_some();
        vec![
            Statement::equal(name, says, (&!self.ends, &used)),
            Statement::equal(name, "in the end the token is dead", (&true, &dead)),
            Statement::equal(name, price, (&expected, &trips)),
            Statement::equal(
                name,
                "the refresh token is dead after the logout",
                (&true, &trial.refresh_refused),
            ),
        ]
    }
}

/// A replica, asked directly: which one answers must not be left to a balancer.
struct Replica {
    client: Client,
    admin: Option<std::net::SocketAddr>,
}

async fn replicas(cluster: &Cluster) -> Vec<Replica> {
    let members = cluster.status().await.members.into_iter().skip(1);
    let replica = |member: cluster::status::MemberStatus| {
        let client = Client::new(&format!("http://{}", member.address?));
        Some(Replica { client, admin: member.admin })
    };
    members.filter_map(replica).collect()
}

/// Uses a token on every replica until none accepts it, or it is long past its life.
/// Returns how often it was accepted, and when it was refused for good.
async fn watch(
    replicas: &[Replica],
    proof: &Proof,
    life: Duration,
) -> anyhow::Result<(u32, Option<Instant>)> {
    let deadline = Instant::now() + life + PATIENCE;
    let mut accepted = 0;
    while Instant::now() < deadline {
        let asked = Instant::now();
        let mut refused = 0;
        for replica in replicas {
            match replica.client.list(proof, &ListQuery::default()).await {
                Outcome::Done(_) => accepted += 1,
                Outcome::Refused(no) if no.status == StatusCode::UNAUTHORIZED => {
                    refused += 1
                }
                other => drop(other.done()?),
            }
        }
        if refused == replicas.len() {
            return Ok((accepted, Some(asked)));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok((accepted, None))
}

/// How often the replicas have waited for a store to hear about a token.
async fn round_trips(replicas: &[Replica]) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for replica in replicas {
        let admin = replica.admin.context("every replica shows its metrics")?;
        let client = Client::new(&format!("http://{admin}"));
        let page = client.send(client.request(Method::GET, paths::METRICS)).await?.body;
        let page = String::from_utf8_lossy(&page);
        let lines = page.lines().filter(|line| line.starts_with(ROUND_TRIPS));
        let values =
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        sum += values.sum::<f64>();
    }
    Ok(sum)
}

/// What the server calls the figure.
const ROUND_TRIPS: &str = "upload_server_token_revocation_round_trips_total";

//! `lab demo upload-survives-a-kill`: a replica dies in the middle of a large upload.
//!
//! The client uploads a file twice: in one request, and in pieces (tus 1.0). Each time the
//! demo kills the replica half-way, and the client repeats or resumes the upload.

mod sending;

use crate::demo::latency::Latencies;
use crate::demo::progress::ProgressStep;
use crate::demo::trials::{
    Trial, TrialCheck, TrialPredictions, TrialReport, cluster_for_alice,
};
use crate::demo::{DemoArgs, DemoResult};
use anyhow::{Context, bail};
use api_conformance::eventually::eventually;
use api_contract::files::{FileEntry, ListQuery};
use bytes::Bytes;
use client::digest::sha256;
use client::{Client, Credential, Options};
use launcher::commands::MemberAction;
use launcher::{Cluster, Design};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use report::statistics::whole_micros;
use sending::{ChunkedUpload, SentBytes, UploadFile, WholeUpload};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Bytes of the file: large enough to take a few seconds.
const FILE_BYTES: usize = 12 * 1024 * 1024;

/// The names of the two upload methods.
const WHOLE: &str = "in one request";
const IN_PIECES: &str = "in pieces";

/// Time limit of each wait.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);

/// The result of one upload method.
#[derive(Debug, Serialize)]
pub(crate) struct InterruptedUpload {
    pub(crate) method: &'static str,
    /// The replica that was killed.
    pub(crate) target: String,
    /// Bytes that the client had sent before the kill.
    #[serde(rename = "sent_before")]
    pub(crate) sent_before_kill: usize,
    /// The offset at which the client resumed.
    pub(crate) resumed_from: usize,
    /// All bytes that the client sent.
    pub(crate) sent: usize,
    /// Whether the file is present once, with the bytes that were sent.
    #[serde(rename = "whole")]
    pub(crate) stored_once: bool,
    pub(crate) seconds: f64,
    /// Latencies of the requests that were answered before the kill.
    pub(crate) latency_before: Latencies,
    /// Latencies of the requests since the kill, answered or not.
    pub(crate) latency_since: Latencies,
}

impl Trial for InterruptedUpload {
    const COLUMNS: &'static [&'static str] = &[
        "upload",
        "killed",
        "sent before",
        "resumed from",
        "sent in total",
        "com-plete",
        "sec-onds",
        "p50 / p99 before, ms",
        "p50 / p99 since, ms",
    ];

    fn row(&self) -> Vec<String> {
        vec![
            self.method.to_owned(),
            self.target.clone(),
            mib(self.sent_before_kill),
            mib(self.resumed_from),
            mib(self.sent),
            if self.stored_once { "yes" } else { "NO" }.to_owned(),
            format!("{:.1}", self.seconds),
            self.latency_before.cell(),
            self.latency_since.cell(),
        ]
    }

    fn answer(&self) -> bool {
        self.resumed_from > 0
    }
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn mib(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

/// The question before the demo.
const QUESTION: &str = "The replica that receives an upload is killed half-way. Does another \
     replica continue\nwith the bytes that were sent already?";

/// The demo.
pub(crate) async fn run(args: &DemoArgs, seed: u64) -> DemoResult {
    let predictions = TrialPredictions::ask(args, QUESTION, &[WHOLE, IN_PIECES]).await;
    let started_at = Instant::now();
    let step = ProgressStep::start(1, 3, "starting three replicas and a balancer");
    let (cluster, alice) = cluster_for_alice(Design::Central, 3, &[]).await?;
    let options = Options { timeout: STEP_TIMEOUT, ..Options::default() };
    let client = Client::with(&cluster.url(), options);
    let session = client.log_in_session(&alice).await.done()?.body.session_id;
    let fixture = Fixture { cluster, client, alice: Credential::Session(session) };
    step.finish(&mib(FILE_BYTES));
    let step = ProgressStep::start(2, 3, "upload in one request, with a kill half-way");
    let plain = fixture.upload_whole(&file(seed, "plain")).await?;
    step.finish(&format!("{} sent in total", mib(plain.sent)));
    let step = ProgressStep::start(3, 3, "upload in pieces, with a kill half-way");
    let chunked = fixture.upload_in_chunks(&file(seed, "pieces")).await?;
    fixture.cluster.down().await;
    drop(fixture);
    step.finish(&format!("{} sent in total", mib(chunked.sent)));
    let report = TrialReport::new("upload-survives-a-kill", seed, started_at)
        .with_results(checks(&plain, &chunked), Vec::new(), vec![plain, chunked]);
    report.print(args, &LESSONS, &predictions)
}

const LESSONS: [&str; 3] = [
    "An upload in one request dies with its replica: the replica acknowledged nothing, so \
     nothing is kept, and the client repeats the request. Its Idempotency-Key makes sure \
     that there is one file in the end.",
    "In pieces, each mebibyte is in the store and its offset in the database before the \
     next one is read. Any replica reports the offset (HEAD) and continues from it.",
    "Bytes in flight when the replica died are sent again: only the offset in the database \
     counts.",
];

fn checks(plain: &InterruptedUpload, chunked: &InterruptedUpload) -> Vec<TrialCheck> {
    let mut all = Vec::new();
    for trial in [plain, chunked] {
        let title = "the file is present once, with the bytes that were sent";
        all.push(TrialCheck::equal(trial.method, title, (&true, &trial.stored_once)));
    }
    let title = "the upload starts again at offset 0";
    all.push(TrialCheck::equal(plain.method, title, (&0, &plain.resumed_from)));
    let holds =
        chunked.resumed_from > 0 && chunked.resumed_from <= chunked.sent_before_kill;
    all.push(TrialCheck {
        trial: chunked.method,
        title: "the upload resumes at the stored offset",
        expected: format!("more than 0, at most {}", chunked.sent_before_kill),
        measured: chunked.resumed_from.to_string(),
        holds,
    });
    all.push(TrialCheck {
        trial: chunked.method,
        title: "fewer bytes are sent than in one request",
        expected: format!("less than {}", plain.sent),
        measured: chunked.sent.to_string(),
        holds: chunked.sent < plain.sent,
    });
    all
}

/// A file with random bytes, so that no store has it yet.
fn file(seed: u64, name: &'static str) -> UploadFile {
    let mut bytes = vec![0; FILE_BYTES];
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(name.len() as u64);
    rng.fill_bytes(&mut bytes);
    UploadFile { name, bytes: Bytes::from(bytes) }
}

/// A cluster, and the session of alice.
struct Fixture {
    cluster: Cluster,
    client: Client,
    alice: Credential,
}

impl Fixture {
    async fn upload_whole(&self, file: &UploadFile) -> anyhow::Result<InterruptedUpload> {
        let (started_at, sent) = (Instant::now(), SentBytes::default());
        let upload = WholeUpload::new(&self.client, &self.alice, file, &sent);
        let target = self.kill_half_way(upload.send(), &sent).await?;
        let sent_before_kill = sent.bytes();
        let repeat = async || upload.send().await;
        let since = self.retry_until_served("the repeated upload", repeat).await?;
        self.cluster.execute(&target, MemberAction::Restart).await?;
        Ok(InterruptedUpload {
            method: WHOLE,
            target,
            sent_before_kill,
            resumed_from: 0,
            sent: sent.bytes(),
            stored_once: self.is_stored_once(file).await?,
            seconds: started_at.elapsed().as_secs_f64(),
            latency_before: Latencies::default(),
            latency_since: Latencies::of(since),
        })
    }

    async fn upload_in_chunks(
        &self,
        file: &UploadFile,
    ) -> anyhow::Result<InterruptedUpload> {
        let (started_at, sent) = (Instant::now(), SentBytes::default());
        let upload =
            ChunkedUpload::create(&self.client, &self.alice, file, &sent).await?;
        let created_us = whole_micros(started_at.elapsed());
        let target = self.kill_half_way(upload.send_from(0), &sent).await?;
        let sent_before_kill = sent.bytes();
        let mut resumed_from = None;
        let resume = async || {
            let offset = upload.offset().await?;
            resumed_from.get_or_insert(offset);
            if offset < FILE_BYTES { upload.send_from(offset).await } else { Ok(()) }
        };
        let since = self.retry_until_served("the rest of the upload", resume).await?;
        Ok(InterruptedUpload {
            method: IN_PIECES,
            target,
            sent_before_kill,
            resumed_from: resumed_from.context("a replica reported the offset")?,
            sent: sent.bytes(),
            stored_once: self.is_stored_once(file).await?,
            seconds: started_at.elapsed().as_secs_f64(),
            latency_before: Latencies::of([created_us]),
            latency_since: Latencies::of(since),
        })
    }

    /// Runs an upload until half of it is sent, and kills the replica that receives it.
    /// Returns the replica.
    async fn kill_half_way(
        &self,
        upload: impl Future<Output = anyhow::Result<()>>,
        sent: &SentBytes,
    ) -> anyhow::Result<String> {
        let kill = async {
            let receiving = eventually(
                STEP_TIMEOUT,
                "a replica with half of the upload",
                async || {
                    Ok(if sent.bytes() < FILE_BYTES / 2 {
                        None
                    } else {
                        self.receiving_replica().await
                    })
                },
            );
            let receiving = receiving.await?;
            self.cluster.execute(&receiving, MemberAction::Kill).await?;
            anyhow::Ok(receiving)
        };
        let (answer, target) = tokio::join!(upload, kill);
        if answer.is_ok() {
            bail!("the upload was acknowledged although its replica was killed half-way");
        }
        target
    }

    /// The replica with a request in flight. Health checks do not count.
    async fn receiving_replica(&self) -> Option<String> {
        let members = self.cluster.status().await.members;
        let receiving = |member: &&launcher::status::MemberStatus| {
            member.balancer.as_ref().is_some_and(|seen| seen.in_flight > 0)
        };
        members.iter().find(receiving).map(|member| member.id.clone())
    }

    /// Retries until a replica answers: the balancer has to notice the kill first. Returns
    /// the microseconds that each attempt took.
    async fn retry_until_served(
        &self,
        what: &str,
        mut attempt: impl AsyncFnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Vec<u64>> {
        let deadline = Instant::now() + STEP_TIMEOUT;
        let mut attempts_us = Vec::new();
        loop {
            let started = Instant::now();
            let answer = attempt().await;
            attempts_us.push(whole_micros(started.elapsed()));
            match answer {
                Ok(()) => return Ok(attempts_us),
                Err(error) if Instant::now() >= deadline => {
                    return Err(error.context(what.to_owned()));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn is_stored_once(&self, file: &UploadFile) -> anyhow::Result<bool> {
        let listing = self.client.list(&self.alice, &ListQuery::default()).await;
        let named = |one: &&FileEntry| one.name == file.name;
        let listing = listing.done()?.body;
        let own: Vec<_> = listing.files.iter().filter(named).collect();
        let [one] = own[..] else {
            return Ok(false);
        };
        let content = self.client.content(&self.alice, &one.file_id).await.done()?.body;
        Ok(sha256(&content) == sha256(&file.bytes))
    }
}

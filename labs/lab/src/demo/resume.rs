//! `lab demo upload-survives-a-kill`: a replica dies in the middle of a large upload.
//!
//! The client uploads a file twice: in one request, and in pieces (tus 1.0). Each time the
//! demo kills the replica half-way, and the client repeats or resumes the upload.

mod sending;

use crate::demo::progress::Step;
use crate::demo::trials::{Trial, TrialCheck, TrialReport, cluster_for_alice};
use crate::demo::{DemoArgs, Judgement};
use anyhow::{Context, bail};
use api_conformance::client::{Client, Options};
use api_conformance::credential::Credential;
use api_conformance::digest::sha256;
use api_conformance::eventually::eventually;
use api_contract::files::{FileEntry, ListQuery};
use bytes::Bytes;
use cluster::commands::MemberCommand;
use cluster::{Cluster, Design};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sending::{InOneRequest, PieceByPiece, Sent};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Bytes of the file: large enough to take a few seconds.
const SIZE: usize = 12 * 1024 * 1024;

/// Time limit of each wait.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);

/// The result of one upload method.
#[derive(Debug, Serialize)]
pub(crate) struct Survived {
    pub(crate) method: &'static str,
    /// The replica that was killed.
    pub(crate) target: String,
    /// Bytes that the client had sent before the kill.
    pub(crate) sent_before: usize,
    /// The offset at which the client resumed.
    pub(crate) resumed_from: usize,
    /// All bytes that the client sent.
    pub(crate) sent: usize,
    /// Whether the file is present once, with the bytes that were sent.
    pub(crate) whole: bool,
    pub(crate) seconds: f64,
}

impl Trial for Survived {
    const COLUMNS: &'static [&'static str] = &[
        "upload",
        "killed",
        "sent before",
        "resumed from",
        "sent in total",
        "complete",
        "seconds",
    ];

    fn row(&self) -> Vec<String> {
        vec![
            self.method.to_owned(),
            self.target.clone(),
            mib(self.sent_before),
            mib(self.resumed_from),
            mib(self.sent),
            if self.whole { "yes" } else { "NO" }.to_owned(),
            format!("{:.1}", self.seconds),
        ]
    }
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn mib(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

/// The demo.
pub(crate) async fn run(args: &DemoArgs) -> Judgement {
    let began = Instant::now();
    let step = Step::begin(1, 3, "starting three replicas and a balancer");
    let (cluster, alice) = cluster_for_alice(Design::Central, 3, &[]).await?;
    let options = Options { timeout: STEP_TIMEOUT, ..Options::default() };
    let client = Client::with(&cluster.url(), options);
    let session = client.log_in_session(&alice).await.done()?.body.session_id;
    let fixture = Fixture { cluster, client, alice: Credential::Session(session) };
    step.end(&mib(SIZE));
    let step = Step::begin(2, 3, "upload in one request, with a kill half-way");
    let plain = fixture.in_one_request(&file(args.seed, "plain")).await?;
    step.end(&format!("{} sent in total", mib(plain.sent)));
    let step = Step::begin(3, 3, "upload in pieces, with a kill half-way");
    let pieces = fixture.piece_by_piece(&file(args.seed, "pieces")).await?;
    fixture.cluster.down().await;
    drop(fixture);
    step.end(&format!("{} sent in total", mib(pieces.sent)));
    let report = TrialReport::new("upload-survives-a-kill", args.seed, began).judge(
        checks(&plain, &pieces),
        Vec::new(),
        vec![plain, pieces],
    );
    report.show(args, &LESSONS)
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

fn checks(plain: &Survived, pieces: &Survived) -> Vec<TrialCheck> {
    let mut all = Vec::new();
    for trial in [plain, pieces] {
        let title = "the file is present once, with the bytes that were sent";
        all.push(TrialCheck::equal(trial.method, title, (&true, &trial.whole)));
    }
    let title = "the upload starts again at offset 0";
    all.push(TrialCheck::equal(plain.method, title, (&0, &plain.resumed_from)));
    let holds = pieces.resumed_from > 0 && pieces.resumed_from <= pieces.sent_before;
    all.push(TrialCheck {
        trial: pieces.method,
        title: "the upload resumes at the stored offset",
        expected: format!("more than 0, at most {}", pieces.sent_before),
        measured: pieces.resumed_from.to_string(),
        holds,
    });
    all.push(TrialCheck {
        trial: pieces.method,
        title: "fewer bytes are sent than in one request",
        expected: format!("less than {}", plain.sent),
        measured: pieces.sent.to_string(),
        holds: pieces.sent < plain.sent,
    });
    all
}

/// A file with random bytes, so that no store has it yet.
fn file(seed: u64, name: &'static str) -> File {
    let mut bytes = vec![0; SIZE];
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    dice.set_stream(name.len() as u64);
    dice.fill_bytes(&mut bytes);
    File { name, bytes: Bytes::from(bytes) }
}

/// A file to upload.
struct File {
    name: &'static str,
    bytes: Bytes,
}

/// A cluster, and the session of alice.
struct Fixture {
    cluster: Cluster,
    client: Client,
    alice: Credential,
}

impl Fixture {
    async fn in_one_request(&self, file: &File) -> anyhow::Result<Survived> {
        let (began, sent) = (Instant::now(), Sent::default());
        let upload = InOneRequest::new(&self.client, &self.alice, file, &sent);
        let target = self.kill_half_way(upload.send(), &sent).await?;
        let sent_before = sent.bytes();
        self.until_served("the repeated upload", async || upload.send().await).await?;
        self.cluster.execute(&target, MemberCommand::Restart).await?;
        Ok(Survived {
            method: "in one request",
            target,
            sent_before,
            resumed_from: 0,
            sent: sent.bytes(),
            whole: self.is_whole(file).await?,
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    async fn piece_by_piece(&self, file: &File) -> anyhow::Result<Survived> {
        let (began, sent) = (Instant::now(), Sent::default());
        let upload = PieceByPiece::create(&self.client, &self.alice, file, &sent).await?;
        let target = self.kill_half_way(upload.send_from(0), &sent).await?;
        let sent_before = sent.bytes();
        let mut resumed_from = None;
        self.until_served("the rest of the upload", async || {
            let offset = upload.offset().await?;
            resumed_from.get_or_insert(offset);
            if offset < SIZE { upload.send_from(offset).await } else { Ok(()) }
        })
        .await?;
        Ok(Survived {
            method: "in pieces",
            target,
            sent_before,
            resumed_from: resumed_from.context("a replica reported the offset")?,
            sent: sent.bytes(),
            whole: self.is_whole(file).await?,
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    /// Runs an upload until half of it is sent, and kills the replica that receives it.
    /// Returns the replica.
    async fn kill_half_way(
        &self,
        upload: impl Future<Output = anyhow::Result<()>>,
        sent: &Sent,
    ) -> anyhow::Result<String> {
        let kill = async {
            let busy = eventually(
                STEP_TIMEOUT,
                "a replica with half of the upload",
                async || {
                    Ok(if sent.bytes() < SIZE / 2 {
                        None
                    } else {
                        self.busy_replica().await
                    })
                },
            );
            let busy = busy.await?;
            self.cluster.execute(&busy, MemberCommand::Kill).await?;
            anyhow::Ok(busy)
        };
        let (answer, target) = tokio::join!(upload, kill);
        if answer.is_ok() {
            bail!("the upload was acknowledged although its replica was killed half-way");
        }
        target
    }

    /// The replica with a request in flight. Health checks do not count.
    async fn busy_replica(&self) -> Option<String> {
        let members = self.cluster.status().await.members;
        let busy = |member: &&cluster::status::MemberStatus| {
            member.balancer.as_ref().is_some_and(|seen| seen.in_flight > 0)
        };
        members.iter().find(busy).map(|member| member.id.clone())
    }

    /// Retries until a replica answers: the balancer has to notice the kill first.
    async fn until_served(
        &self,
        what: &str,
        mut attempt: impl AsyncFnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + STEP_TIMEOUT;
        loop {
            match attempt().await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => {
                    return Err(error.context(what.to_owned()));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn is_whole(&self, file: &File) -> anyhow::Result<bool> {
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

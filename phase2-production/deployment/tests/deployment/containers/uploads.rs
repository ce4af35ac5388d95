//! What was acknowledged is there, whatever broke since; and an upload that was cut goes on
//! where it stopped.

use super::callers::{Caller, all_are_logged_in};
use super::fleet::{DEADLINE, Fleet, Front, Plan, REPLICAS};
use super::parts::Part;
use anyhow::{Context, ensure};
use api_conformance::digest::sha256;
use api_conformance::eventually::eventually;
use api_contract::paths;
use api_contract::uploads::{TUS_MEDIA_TYPE, TUS_VERSION, headers};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt};
use http::Method;
use http::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Body, RequestBuilder};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

behind_both!(
    a_killed_postgres_comes_back_with_every_acknowledged_upload,
    a_paused_postgres_costs_no_login_and_uploads_go_on_when_it_does,
    an_upload_cut_by_the_death_of_its_replica_goes_on_at_another,
    an_upload_whose_replica_hangs_goes_on_at_another,
    an_upload_whose_replica_is_cut_off_goes_on_at_another,
);

/// Between two uploads of one caller: a load, not a siege.
const BREATH: Duration = Duration::from_millis(50);

async fn a_killed_postgres_comes_back_with_every_acknowledged_upload(
    front: Front,
) -> anyhow::Result<()> {
    let fleet = Fleet::start(Plan::central(front)).await?;
    let callers = Caller::all(&fleet).await?;
    let (enough, tally) = (CancellationToken::new(), Arc::new(Tally::default()));
    let keep_uploading = |caller: &Caller| {
        tokio::spawn(keep_uploading(caller.clone(), enough.clone(), Arc::clone(&tally)))
    };
    let uploading: Vec<_> = callers.iter().map(keep_uploading).collect();
    let some = 3 * callers.len();
    tally.acknowledged.grows_by(some, "uploads are acknowledged").await?;
    fleet.part("postgres").kill().await?;
    tally.refused.grows_by(callers.len(), "uploads are refused").await?;
    fleet.part("postgres").start_again().await?;
    let uploads_again = async || Ok(callers[0].upload("after", 10).await.done().ok());
    eventually(DEADLINE, "uploads are taken again", uploads_again).await?;
    enough.cancel();
    all_are_logged_in(&callers, &REPLICAS).await?;
    for (caller, acknowledged) in callers.iter().zip(try_join_all(uploading).await?) {
        ensure!(!acknowledged.is_empty(), "{} had nothing to lose", caller.name);
        let listed = caller.files().await?;
        for (id, hash) in acknowledged {
            ensure!(listed.get(&id) == Some(&hash), "{id} was acknowledged and is gone");
            let content = caller.client.content(&caller.proof, &id).await.done()?;
            ensure!(sha256(&content.body) == hash, "{id} has other bytes");
        }
    }
    fleet.promise_kept()
}

/// Whose session is in Redis is known without the records; an upload needs them.
async fn a_paused_postgres_costs_no_login_and_uploads_go_on_when_it_does(
    front: Front,
) -> anyhow::Result<()> {
    let fleet = Fleet::start(Plan::central(front)).await?;
    let callers = Caller::all(&fleet).await?;
    all_are_logged_in(&callers, &REPLICAS).await?;
    fleet.part("postgres").pause().await?;
    all_are_logged_in(&callers, &REPLICAS).await?;
    let meanwhile = callers[0].upload("meanwhile", 10).await;
    ensure!(meanwhile.done().is_err(), "nobody could write it down");
    fleet.part("postgres").resume().await?;
    let uploads_again = async || Ok(callers[0].upload("after", 10).await.done().ok());
    eventually(DEADLINE, "uploads are taken again", uploads_again).await?;
    all_are_logged_in(&callers, &REPLICAS).await?;
    fleet.promise_kept()
}

/// How many uploads ended in which way, of all callers.
#[derive(Default)]
struct Tally {
    acknowledged: Count,
    refused: Count,
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    async fn grows_by(&self, many: usize, what: &str) -> anyhow::Result<()> {
        let goal = self.0.load(Ordering::Relaxed) + many;
        let there = async || Ok((self.0.load(Ordering::Relaxed) >= goal).then_some(()));
        eventually(DEADLINE, what, there).await
    }
}

/// Uploads one file after the other, and remembers which were acknowledged.
async fn keep_uploading(
    caller: Caller,
    enough: CancellationToken,
    tally: Arc<Tally>,
) -> BTreeMap<String, String> {
    let mut acknowledged = BTreeMap::new();
    let mut number = 0;
    while !enough.is_cancelled() {
        number += 1;
        let size = 1_000 * number;
        match caller.upload(&format!("file-{number}"), size).await.done() {
            Ok(created) => {
                acknowledged.insert(created.body.file_id, created.body.sha256);
                tally.acknowledged.one_more();
            }
            Err(_) => tally.refused.one_more(),
        }
        tokio::time::sleep(BREATH).await;
    }
    acknowledged
}

const SIZE: usize = 3_000_000;

async fn an_upload_cut_by_the_death_of_its_replica_goes_on_at_another(
    front: Front,
) -> anyhow::Result<()> {
    an_upload_goes_on_at_another(front, Cut::Death).await
}

async fn an_upload_whose_replica_hangs_goes_on_at_another(
    front: Front,
) -> anyhow::Result<()> {
    an_upload_goes_on_at_another(front, Cut::Pause).await
}

async fn an_upload_whose_replica_is_cut_off_goes_on_at_another(
    front: Front,
) -> anyhow::Result<()> {
    an_upload_goes_on_at_another(front, Cut::Cable).await
}

/// What becomes of the replica that takes an upload.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Death,
    Pause,
    Cable,
}

impl Cut {
    async fn strike(self, home: &Part) -> anyhow::Result<()> {
        match self {
            Self::Death => home.kill().await,
            Self::Pause => home.pause().await,
            Self::Cable => home.cut_off().await,
        }
    }

    async fn mend(self, home: &Part) -> anyhow::Result<()> {
        match self {
            Self::Death => home.start_again().await,
            Self::Pause => home.resume().await,
            Self::Cable => home.reconnect().await,
        }
    }
}

/// The client sticks to its replica, so that it is known whose end cuts the upload; the
/// sessions are central, so that it is at home everywhere.
async fn an_upload_goes_on_at_another(front: Front, cut: Cut) -> anyhow::Result<()> {
    let plan = Plan { front, design: "central", policy: "sticky" };
    let fleet = Fleet::start(plan).await?;
    let caller = Caller::log_in(&fleet, &fleet.accounts[0]).await?;
    let home = caller.is_logged_in().await?;
    let bytes: Vec<u8> = (0..SIZE).map(|at| (at * 31 % 251) as u8).collect();
    let pieces = Pieces::begin(&caller).await?;
    ensure!(pieces.send(0, &bytes[..SIZE / 3]).await?.0 == home, "a stranger took it");

    let (sending, half) = endless(&bytes[SIZE / 3..SIZE / 2]);
    let sent = tokio::spawn(pieces.patch(SIZE / 3).body(sending).send());
    half.await.context("half of the piece is under way")?;
    cut.strike(fleet.part(&home)).await?;
    if cut == Cut::Death {
        let sent = sent.await?;
        ensure!(!sent.is_ok_and(|reply| reply.status().is_success()), "nothing was cut");
    } else {
        // Nobody tells the client, who has waited for long enough.
        sent.abort();
    }

    let pieces = &pieces;
    let offset = eventually(DEADLINE, "somebody knows the offset", async || {
        Ok(pieces.offset().await.ok())
    });
    let offset = offset.await?;
    ensure!((SIZE / 3..=SIZE / 2).contains(&offset), "{offset} bytes are there");
    let (replica, file) = pieces.send(offset, &bytes[offset..]).await?;
    ensure!(replica != home, "the dead do not answer");
    let file = file.context("the last piece makes it a file")?;
    let content = caller.client.content(&caller.proof, &file).await.done()?;
    ensure!(sha256(&content.body) == sha256(&bytes), "other bytes");
    // What it had in hand when it was cut, it must not write now.
    cut.mend(fleet.part(&home)).await?;
    fleet.until_served_by(&REPLICAS).await?;
    let content = caller.client.content(&caller.proof, &file).await.done()?;
    ensure!(sha256(&content.body) == sha256(&bytes), "other bytes, when it was back");
    fleet.promise_kept()
}

/// A body that gives these bytes and then neither more nor its end; and when it has.
fn endless(bytes: &[u8]) -> (Body, tokio::sync::oneshot::Receiver<()>) {
    let (sent, is_sent) = tokio::sync::oneshot::channel();
    let given = stream::iter(
        bytes
            .chunks(64 * 1024)
            .map(<[u8]>::to_vec)
            .map(io::Result::Ok)
            .collect::<Vec<_>>(),
    );
    let silence = stream::once(async move {
        // Asked for more: what was given is on its way.
        let _somebody_waits = sent.send(());
        std::future::pending().await
    });
    (Body::wrap_stream(given.chain(silence)), is_sent)
}

/// An upload in pieces (tus).
struct Pieces<'a> {
    caller: &'a Caller,
    path: String,
}

impl<'a> Pieces<'a> {
    async fn begin(caller: &'a Caller) -> anyhow::Result<Self> {
        let request = caller.client.proven(&caller.proof, Method::POST, paths::TUS);
        let request = request
            .header(headers::TUS_RESUMABLE, TUS_VERSION)
            .header(headers::UPLOAD_LENGTH, SIZE)
            .header(
                headers::UPLOAD_METADATA,
                format!("filename {}", STANDARD.encode("cut")),
            );
        let reply = caller.client.send(request).await?;
        let path = reply.header(LOCATION).context("a place for the pieces")?;
        let path = path.trim_start_matches(caller.client.base_url()).to_owned();
        Ok(Self { caller, path })
    }

    fn ask(&self, method: Method) -> RequestBuilder {
        let request = self.caller.client.proven(&self.caller.proof, method, &self.path);
        request.header(headers::TUS_RESUMABLE, TUS_VERSION)
    }

    fn patch(&self, offset: usize) -> RequestBuilder {
        self.ask(Method::PATCH)
            .header(headers::UPLOAD_OFFSET, offset)
            .header(CONTENT_TYPE, TUS_MEDIA_TYPE)
    }

    /// Sends a piece; says who took it, and the file that it has become.
    async fn send(
        &self,
        offset: usize,
        bytes: &[u8],
    ) -> anyhow::Result<(String, Option<String>)> {
        let request = self.patch(offset).body(bytes.to_vec());
        let reply = self.caller.client.send(request).await?;
        ensure!(reply.status.is_success(), "{}: {:?}", reply.status, reply.body);
        let replica = reply.served_by().context("a name")?.to_owned();
        Ok((replica, reply.header(headers::FILE_ID).map(str::to_owned)))
    }

    async fn offset(&self) -> anyhow::Result<usize> {
        let reply = self.caller.client.send(self.ask(Method::HEAD)).await?;
        ensure!(reply.status.is_success(), "{}", reply.status);
        Ok(reply.header(headers::UPLOAD_OFFSET).context("an offset")?.parse()?)
    }
}

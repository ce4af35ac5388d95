//! Clients that are slow on purpose.

use crate::on::Stores;
use crate::security::people::Town;
use crate::security::wire::{connect, head};
use anyhow::{Context, ensure};
use api_conformance::expect::equal;
use api_conformance::form::{Form, Upload};
use api_conformance::proof::Proof;
use api_contract::files::ListQuery;
use api_contract::paths;
use futures_util::future::{join_all, try_join_all};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

/// Of each kind, and not five hundred: the two cores are the client's, too.
const OF_EACH: usize = 60;

/// How long a connection may be held up.
const LONGEST: Duration = Duration::from_secs(30);

/// A byte every so often.
const DRIP: Duration = Duration::from_secs(1);

/// Sends a byte of `rest` now and then until the other side closes. Returns after how
/// long it did.
async fn drip(url: &str, first: &[u8], rest: u8) -> anyhow::Result<Duration> {
    let mut stream = connect(url).await?;
    let began = Instant::now();
    stream.write_all(first).await?;
    let mut heard = [0; 1024];
    loop {
        match timeout(DRIP, stream.read(&mut heard)).await {
            Ok(Ok(0) | Err(_)) => return Ok(began.elapsed()),
            Ok(Ok(_)) => {}
            Err(_nothing_said) if rest != 0 => {
                if stream.write_all(&[rest]).await.is_err() {
                    return Ok(began.elapsed());
                }
            }
            Err(_nothing_said) => {}
        }
    }
}

/// Reads a reply a byte at a time, until it is told to stop by being dropped.
async fn sip(url: &str, request: String) -> anyhow::Result<()> {
    let mut stream = connect(url).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut byte = [0; 1];
    while stream.read(&mut byte).await? > 0 {
        sleep(DRIP).await;
    }
    anyhow::bail!("the reply has ended")
}

/// What an ordinary caller waits for, meanwhile: the times of their requests, sorted.
async fn ordinary(
    town: &Town,
    proof: &Proof,
    span: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let (client, began, mut times) = (town.client(), Instant::now(), Vec::new());
    while began.elapsed() < span {
        let asked = Instant::now();
        client.list(proof, &ListQuery::default()).await.done()?;
        times.push(asked.elapsed());
        sleep(Duration::from_millis(50)).await;
    }
    times.sort();
    Ok(times)
}

/// What a slow client is, how it begins, and what it then sends now and then, if anything.
type Kind = (&'static str, Vec<u8>, u8);

fn kinds(url: &str, alice: &Proof) -> anyhow::Result<[Kind; 5]> {
    let form = Form::of(&Upload::new("slow.bin", "slow"));
    let media_type = format!("Content-Type: {}", form.media_type());
    let post = format!("POST {}", paths::UPLOAD);
    let upload = head(url, alice, &post, &["Content-Length: 100000", &media_type])?;
    let begun = [upload.as_bytes(), &form.body()[..60]].concat();
    let line = b"GET /api/files HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_vec();
    Ok([
        ("a silent connection", Vec::new(), 0),
        ("a header byte by byte", line, b'x'),
        ("a first line byte by byte", b"G".to_vec(), b'G'),
        ("a body that stops", begun, 0),
        ("a body that does not begin", upload.into_bytes(), 0),
    ])
}

/// Item 35. Connections that say nothing, headers and bodies that come byte by byte or
/// stop, readers that hardly read: sixty of each, at once, through the balancer. Headers
/// are cut off after ten seconds, a silent body after fifteen, and nobody else waits
/// for that meanwhile. (A body of one byte a second is cut off for its rate after thirty, and
/// a reader who takes nothing after thirty; that takes too long for here and is tested in
/// `http-edge`. A reader who takes a byte now and then is let be.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_are_cut_off_and_slow_nobody_else_down() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let (url, alice) = (&town.farm.url, town.sign_in(&town.alice).await?);
    let bob = town.sign_in(&town.bob).await?;
    let large = Upload::of_size("large.bin", town.target().max_upload);
    let id = town.client().upload(&bob, &large).await.done()?.body.file_id;
    let download = head(url, &bob, &format!("GET {}", paths::file_content(&id)), &[])?;
    let kinds = kinds(url, &alice)?;
    let cut_off = kinds.iter().map(|(what, first, rest)| async move {
        let all = (0..OF_EACH).map(|_| drip(url, first, *rest));
        for lasted in join_all(all).await {
            let lasted = lasted.context(*what)?;
            ensure!(lasted < LONGEST, "{what} lasted {lasted:?}");
        }
        anyhow::Ok(())
    });
    let readers = join_all((0..OF_EACH).map(|_| sip(url, download.clone())));
    let meanwhile = async {
        let times = ordinary(&town, &bob, Duration::from_secs(12)).await?;
        let p99 = times[times.len() * 99 / 100];
        ensure!(p99 < Duration::from_secs(5), "an ordinary request takes {p99:?}");
        anyhow::Ok(())
    };
    tokio::select! {
        _ = readers => anyhow::bail!("the slow readers have ended"),
        outcome = async { tokio::try_join!(try_join_all(cut_off), meanwhile) } => drop(outcome?),
    }
    let listed = town.client().list(&alice, &ListQuery::default()).await.done()?;
    equal("files of slow uploads", listed.body.files.len(), 0)
}

//! Clients that are slow on purpose (Slowloris).

use crate::security::raw_connection::{connect, head};
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, ensure};
use api_contract::files::ListQuery;
use api_contract::paths;
use client::expect::equal;
use client::{Credential, Form, Upload};
use futures_util::future::{join_all, try_join_all};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

/// Connections per kind. Not five hundred, because the client shares the two cores.
const CONNECTIONS_PER_KIND: usize = 60;

/// Time limit for the server to close a slow connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Interval between the bytes of a slow client.
const BYTE_INTERVAL: Duration = Duration::from_secs(1);

/// Sends one byte `rest` per interval until the server closes the connection; none if
/// `rest` is 0. Returns the duration.
async fn send_slowly(url: &str, first: &[u8], rest: u8) -> anyhow::Result<Duration> {
    let mut stream = connect(url).await?;
    let began = Instant::now();
    stream.write_all(first).await?;
    let mut received = [0; 1024];
    loop {
        match timeout(BYTE_INTERVAL, stream.read(&mut received)).await {
            Ok(Ok(0) | Err(_)) => return Ok(began.elapsed()),
            Ok(Ok(_)) => {}
            Err(_timeout) if rest != 0 => {
                if stream.write_all(&[rest]).await.is_err() {
                    return Ok(began.elapsed());
                }
            }
            Err(_timeout) => {}
        }
    }
}

/// Reads a response one byte per interval, until the future is dropped.
async fn read_slowly(url: &str, request: String) -> anyhow::Result<()> {
    let mut stream = connect(url).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut byte = [0; 1];
    while stream.read(&mut byte).await? > 0 {
        sleep(BYTE_INTERVAL).await;
    }
    anyhow::bail!("the reply has ended")
}

/// Response times of an ordinary client in the meantime, sorted.
async fn ordinary_times(
    app: &TestApp,
    credential: &Credential,
    span: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let (client, began, mut times) = (app.client(), Instant::now(), Vec::new());
    while began.elapsed() < span {
        let sent_at = Instant::now();
        client.list(credential, &ListQuery::default()).await.done()?;
        times.push(sent_at.elapsed());
        sleep(Duration::from_millis(50)).await;
    }
    times.sort();
    Ok(times)
}

/// A kind of slow client: name, first bytes, and the byte to repeat (0: none).
type Kind = (&'static str, Vec<u8>, u8);

fn kinds(url: &str, alice: &Credential) -> anyhow::Result<[Kind; 5]> {
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

/// Item 35. Sixty of each kind at once through the balancer: silent connections, headers
/// and bodies that arrive byte by byte or stop, and slow readers. The server closes the
/// connection after ten seconds without a complete header, and after fifteen seconds
/// without a byte of the body. Other clients are not slowed down. (The limits for a body
/// of one byte a second and for a reader that reads nothing are thirty seconds, too long
/// for this test; `http-edge` tests them. A reader of one byte now and then is allowed.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_are_disconnected_without_slowing_others() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let (url, alice) = (&app.cluster.url, app.sign_in(&app.alice).await?);
    let bob = app.sign_in(&app.bob).await?;
    let large = Upload::of_size("large.bin", app.target().max_upload);
    let id = app.client().upload(&bob, &large).await.done()?.body.file_id;
    let download = head(url, &bob, &format!("GET {}", paths::file_content(&id)), &[])?;
    let kinds = kinds(url, &alice)?;
    let cut_off = kinds.iter().map(|(kind, first, rest)| async move {
        let all = (0..CONNECTIONS_PER_KIND).map(|_| send_slowly(url, first, *rest));
        for lasted in join_all(all).await {
            let lasted = lasted.context(*kind)?;
            ensure!(lasted < CLOSE_TIMEOUT, "{kind} lasted {lasted:?}");
        }
        anyhow::Ok(())
    });
    let readers =
        join_all((0..CONNECTIONS_PER_KIND).map(|_| read_slowly(url, download.clone())));
    let meanwhile = async {
        let times = ordinary_times(&app, &bob, Duration::from_secs(12)).await?;
        let p99 = times[times.len() * 99 / 100];
        ensure!(p99 < Duration::from_secs(5), "an ordinary request takes {p99:?}");
        anyhow::Ok(())
    };
    tokio::select! {
        _ = readers => anyhow::bail!("the slow readers have ended"),
        outcome = async { tokio::try_join!(try_join_all(cut_off), meanwhile) } => drop(outcome?),
    }
    let listed = app.client().list(&alice, &ListQuery::default()).await.done()?;
    equal("files of slow uploads", listed.body.files.len(), 0)
}

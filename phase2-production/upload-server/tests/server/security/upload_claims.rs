//! Uploads are charged and claimed before the work. `upload_authority` has the tests of
//! their authorisation.

use crate::account_client::{AccountClient, blobs, blobs_below, bytes_of, slug};
use crate::security::raw_connection::{connect, head};
use crate::stores::{StoreKind, TestStores};
use anyhow::{Context, ensure};
use api_conformance::eventually::{eventually, wait_idle};
use api_conformance::fixture::{Fixture, Started};
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::paths;
use api_contract::uploads::{
    TUS_MEDIA_TYPE, TUS_VERSION, UploadStarted, headers as names,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::expect::equal;
use client::{Credential, Upload};
use futures_util::future::try_join_all;
use http::{Method, StatusCode};
use sha1::{Digest, Sha1};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const QUOTA: u64 = 1_000_000;
const FLAGS: [&str; 4] = ["--quota", "1000000", "--max-upload", "8388608"];

/// Less than the server's limit for a body without bytes, which ends the requests.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(8);

/// Bytes of all blobs on disk, unfinished ones included.
fn bytes_on_disk(fixture: &Fixture) -> u64 {
    let root = fixture.data_dir().join("blobs");
    let sizes = blobs(fixture).into_iter().map(|blob| root.join(blob).metadata());
    sizes.filter_map(Result::ok).map(|metadata| metadata.len()).sum()
}

/// Sends the head and the first bytes of a body; the connection stays open.
async fn unfinished(
    server: &Started,
    credential: &Credential,
    call: &str,
    lines: &[&str],
    first: &[u8],
) -> anyhow::Result<TcpStream> {
    let head = head(&server.base_url, credential, call, lines)?;
    let mut stream = connect(&server.base_url).await?;
    let sent = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(first).await
    };
    // A refused request may be closed while its bytes are sent.
    let _refused_early = timeout(SETTLE_TIMEOUT, sent).await;
    Ok(stream)
}

fn begun_form(bytes: usize) -> Vec<u8> {
    let mut body =
        b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\
                     \r\n\r\n"
            .to_vec();
    body.extend(bytes_of(bytes));
    body
}

fn chunked(bytes: &[u8]) -> Vec<u8> {
    let mut body = format!("{:x}\r\n", bytes.len()).into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n");
    body
}

/// Twelve forms of 4 MB each, half of each sent, under a quota of 1 MB.
#[tokio::test]
async fn unfinished_forms_hold_no_more_than_the_quota() -> anyhow::Result<()> {
    let form = begun_form(2_000_000);
    for (framing, body) in [
        ("Content-Length: 4000000", form.clone()),
        ("Transfer-Encoding: chunked", chunked(&form)),
    ] {
        let stores = TestStores::new(StoreKind::Embedded, false).await?;
        let server = stores.replica("token", &FLAGS).await?;
        let alice = AccountClient::alice(&server).await?;
        let lines = ["Content-Type: multipart/form-data; boundary=b", framing];
        let call = format!("POST {}", paths::UPLOAD);
        let open =
            (0..12).map(|_| unfinished(&server, &alice.credential, &call, &lines, &body));
        let open = try_join_all(open).await?;
        for _ in 0..10 {
            let held = bytes_on_disk(&stores.fixture);
            ensure!(held <= QUOTA, "{framing}: {held} bytes are on disk");
            wait_idle(Duration::from_millis(50)).await;
        }
        drop(open);
        // The reservations of broken requests are released.
        let file = Upload::of_size("a", 999_999);
        let stored =
            async || Ok(alice.client.upload(&alice.credential, &file).await.done().ok());
        eventually(PROCESS_TIMEOUT, "free quota for a file", stored).await?;
    }
    Ok(())
}

/// A request that holds a file reserves exactly its bytes, so that two requests at once
/// fill the quota to the last byte.
#[tokio::test]
async fn concurrent_forms_fill_the_quota_exactly() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let server = stores.replica("token", &FLAGS).await?;
    let alice = AccountClient::alice(&server).await?;
    let sizes = [400_000, 300_000, 300_000];
    let stored = sizes.map(|size| {
        let alice = alice.clone();
        async move {
            let file = Upload::of_size("a", size);
            alice.client.upload(&alice.credential, &file).await.done().map(drop)
        }
    });
    try_join_all(stored).await?;
    let over = Upload::of_size("a", 1);
    let over = alice.client.upload(&alice.credential, &over).await;
    over.refused_as(api_contract::problem::ProblemKind::QuotaExceeded)?;
    Ok(())
}

/// The answer to a lost response needs no free quota.
#[tokio::test]
async fn repeated_key_needs_no_quota() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let server = stores.replica("token", &FLAGS).await?;
    let alice = AccountClient::alice(&server).await?;
    let file = Upload::of_size("a", 800_000);
    let send = async || {
        let sent = alice.client.upload_with_key(&alice.credential, &file, "once");
        anyhow::Ok(sent.await.done()?.body)
    };
    let first = send().await?;
    equal("the repeated reply", send().await?, first)?;
    let other = Upload::of_size("b", 800_000);
    let other = alice.client.upload_with_key(&alice.credential, &other, "once").await;
    other.refused_as(api_contract::problem::ProblemKind::IdempotencyKeyReused)?;
    equal("files", alice.files().await?.len(), 1)
}

pub(super) async fn start_signed(
    alice: &AccountClient,
    size: usize,
) -> anyhow::Result<UploadStarted> {
    let reply = alice.start_upload("a", size).await.done()?;
    ensure!(reply.status == StatusCode::CREATED, "{reply:?}");
    Ok(reply.body)
}

/// One upload is reserved once, so its bytes are on disk once: of twelve requests that
/// write it at the same time, one goes on.
#[tokio::test]
async fn concurrent_writers_of_one_upload_hold_its_bytes_once() -> anyhow::Result<()> {
    let size = 900_000;
    let sent = bytes_of(size - 1_000);
    let checksum = STANDARD.encode(Sha1::digest(bytes_of(size)));
    for is_tus in [false, true] {
        let stores = TestStores::new(StoreKind::Embedded, false).await?;
        let server = stores.replica("token", &FLAGS).await?;
        let alice = AccountClient::alice(&server).await?;
        let length = format!("Content-Length: {size}");
        let checksum = format!("{}: sha1 {checksum}", names::UPLOAD_CHECKSUM);
        let version = format!("{}: {TUS_VERSION}", names::TUS_RESUMABLE);
        let offset = format!("{}: 0", names::UPLOAD_OFFSET);
        let media_type = format!("Content-Type: {TUS_MEDIA_TYPE}");
        let (call, lines) = if is_tus {
            let path = alice.create("a", size).await?;
            let lines = vec![&length, &checksum, &version, &offset, &media_type];
            (format!("PATCH {path}"), lines)
        } else {
            let started = start_signed(&alice, size).await?;
            (format!("PUT {}", started.url), vec![&length])
        };
        let lines: Vec<_> = lines.into_iter().map(String::as_str).collect();
        let open =
            (0..12).map(|_| unfinished(&server, &alice.credential, &call, &lines, &sent));
        let open = try_join_all(open).await?;
        // The bytes are in the sockets now; the server needs a moment to take them.
        wait_idle(Duration::from_secs(1)).await;
        let settled =
            async || Ok((bytes_on_disk(&stores.fixture) <= QUOTA).then_some(()));
        eventually(SETTLE_TIMEOUT, "the bytes of one writer only", settled).await?;
        drop(open);
    }
    Ok(())
}

/// A caller may have a hundred requests with bytes under way at one replica.
#[tokio::test]
async fn uploads_under_way_of_one_caller_are_limited() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let server = stores.replica("token", &[]).await?;
    let alice = AccountClient::alice(&server).await?;
    let bob = AccountClient::bob(&server).await?;
    let call = format!("POST {}", paths::UPLOAD);
    let lines = [
        "Content-Type: multipart/form-data; boundary=b",
        "Content-Length: 1000",
        "Expect: 100-continue",
    ];
    let open = async |account: AccountClient| {
        let mut stream =
            unfinished(&server, &account.credential, &call, &lines, b"").await?;
        let mut line = [0; 12];
        stream.read_exact(&mut line).await?;
        anyhow::Ok((String::from_utf8_lossy(&line[9..]).into_owned(), stream))
    };
    let all = try_join_all((0..120).map(|_| open(alice.clone()))).await?;
    let statuses: Vec<_> = all.iter().map(|(status, _)| status.as_str()).collect();
    let refused = statuses.iter().filter(|status| **status == "429").count();
    ensure!((20..=60).contains(&refused), "{refused} refused of {statuses:?}");
    equal("another caller", open(bob).await?.0.as_str(), "100")?;
    drop(all);
    let again = async || {
        let (status, _stream) = open(alice.clone()).await?;
        Ok((status == "100").then_some(()))
    };
    eventually(PROCESS_TIMEOUT, "a free permit", again).await
}

const LARGE: usize = 40 * 1024 * 1024;

/// Twenty-four requests ask for the file of one upload whose bytes are all there.
#[tokio::test]
async fn one_of_many_requests_makes_the_file() -> anyhow::Result<()> {
    let large = ["--max-upload", "50000000"];
    for is_tus in [true, false] {
        let stores = TestStores::new(StoreKind::Embedded, false).await?;
        let servers = [
            stores.replica("token", &large).await?,
            stores.replica("token", &large).await?,
        ];
        let alice = AccountClient::alice(&servers[0]).await?;
        let bytes = bytes_of(LARGE);
        let (id, path) = if is_tus {
            let path = alice.create("a", LARGE).await?;
            let some = alice.append(&path, 0, &bytes[..LARGE - 1]).await?;
            ensure!(some.status == StatusCode::NO_CONTENT, "{}", slug(&some));
            (String::new(), path)
        } else {
            let started = start_signed(&alice, LARGE).await?;
            let put = alice.client.request(Method::PUT, &started.url).body(bytes.clone());
            ensure!(alice.client.send(put).await?.status == StatusCode::OK);
            (started.upload_id, String::new())
        };
        let fixture = &stores.fixture;
        let folder = fixture.data_dir().join("blobs").join("files");
        let most = Arc::new(AtomicUsize::new(0));
        let sampler = tokio::spawn(count_copies(folder, Arc::clone(&most)));
        let requests = (0..24).map(|n| {
            let alice = alice.at(&servers[n % 2]);
            let (id, path, last) = (id.clone(), path.clone(), &bytes[LARGE - 1..]);
            async move { file_of(&alice, is_tus, &id, &path, last).await }
        });
        let files = try_join_all(requests).await?;
        sampler.abort();
        let most = most.load(Ordering::SeqCst);
        ensure!(files.iter().all(|file| *file == files[0]), "{files:?}");
        ensure!(most == 1, "tus: {is_tus}, {most} copies at once");
        equal("files", alice.files().await?, vec![files[0].clone()])?;
    }
    Ok(())
}

/// Keeps the largest number of files in a folder, until it is aborted.
async fn count_copies(folder: PathBuf, most: Arc<AtomicUsize>) {
    loop {
        most.fetch_max(blobs_below(&folder).len(), Ordering::SeqCst);
        wait_idle(Duration::from_millis(2)).await;
    }
}

/// Asks until there is a file; returns its id.
async fn file_of(
    alice: &AccountClient,
    is_tus: bool,
    id: &str,
    path: &str,
    last: &[u8],
) -> anyhow::Result<String> {
    if is_tus {
        let _one_wins = alice.append(path, LARGE - 1, last).await?;
        let reply = alice.head(path).await?;
        ensure!(reply.status == StatusCode::OK, "{reply:?}");
        let id = reply.header(names::FILE_ID).context("a file id")?;
        return Ok(id.to_owned());
    }
    let reply = alice.complete_upload(id).await.done()?;
    ensure!(reply.status == StatusCode::CREATED, "{reply:?}");
    Ok(reply.body.file_id)
}

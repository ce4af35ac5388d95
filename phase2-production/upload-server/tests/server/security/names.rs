//! Hostile file names and contents: against the disk of the server, the headers of a
//! response, and the browser of a reader.

use crate::account_client::{AccountClient, blobs};
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, ensure};
use api_contract::files::{FileCreated, ListQuery};
use api_contract::paths;
use bytes::Bytes;
use client::expect::equal;
use client::{Reply, Upload};
use http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RANGE, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, StatusCode};
use std::path::{Path, PathBuf};

async fn alice(app: &TestApp) -> anyhow::Result<AccountClient> {
    Ok(AccountClient { client: app.client(), credential: app.sign_in(&app.alice).await? })
}

/// All files below a folder.
fn below(root: &Path) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Item 27. A file name is display text only: the bytes are stored under a key that the
/// server generates, and no file appears elsewhere.
#[tokio::test]
async fn file_name_never_determines_the_storage_path() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let alice = alice(&app).await?;
    // A unique marker: any file with this name comes from this test.
    let marker = format!("m{}", uuid::Uuid::new_v4().simple());
    let store = app.stores.fixture.data_dir().join("blobs");
    let outside = || {
        let all = below(app.stores.fixture.folder()).into_iter();
        all.filter(|path| !path.starts_with(&store)).collect::<Vec<_>>()
    };
    let before = outside();
    let names = hostile_names(&marker);
    for name in &names {
        let stored =
            alice.client.upload(&alice.credential, &Upload::new(name, "x")).await;
        let shown = stored.done().with_context(|| format!("{name:?}"))?.body.name;
        let fits = (1..=255).contains(&shown.len());
        ensure!(fits, "{name:?} is shown with {} bytes", shown.len());
        let has_path = shown.contains(['/', '\\', '\0', '\u{202e}']);
        let only_dots = shown.chars().all(|c| c == '.');
        ensure!(!has_path && !only_dots, "{name:?} is shown as {shown:?}");
    }
    equal("files outside the store", outside(), before)?;
    for path in ["/", "/tmp", "..", "."].map(|folder| Path::new(folder).join(&marker)) {
        ensure!(!path.exists(), "{} was written", path.display());
    }
    let keys = blobs(&app.stores.fixture);
    equal("blobs", keys.len(), names.len())?;
    for key in keys {
        let last = key.rsplit('/').next().unwrap_or_default();
        ensure!(uuid::Uuid::parse_str(last).is_ok(), "{key} is not a generated key");
    }
    let listed =
        alice.client.list(&alice.credential, &ListQuery::default()).await.done()?;
    let variants = listed.body.files.iter().filter(|file| file.name.starts_with(&marker));
    ensure!(variants.count() >= 2, "normalisation variants are two files");
    Ok(())
}

/// Names with a special meaning for file systems or programs.
fn hostile_names(marker: &str) -> Vec<String> {
    vec![
        format!("../../{marker}"),
        format!("../../../../../../../../{marker}"),
        format!("..%2f..%2f{marker}"),
        format!("..\\..\\{marker}"),
        format!("/{marker}"),
        format!("/tmp/{marker}"),
        format!("C:\\{marker}"),
        format!("{marker}%00.txt"),
        format!("....//{marker}"),
        format!("{marker}/"),
        format!("\u{202e}{marker}"),
        format!("{marker}\u{e9}"),
        format!("{marker}e\u{301}"),
        "CON".to_owned(),
        ".".to_owned(),
        "..".to_owned(),
        String::new(),
        " ".to_owned(),
        format!("{marker}{}", "x".repeat(300)),
        "\u{df}".repeat(300),
    ]
}

/// Uploads with the name as a JSON string, which can contain every character.
async fn by_json(alice: &AccountClient, name: &str) -> anyhow::Result<FileCreated> {
    let started = alice.start_upload(name, 1).await.done()?.body;
    let put = alice.client.request(Method::PUT, &started.url).body("x");
    equal("the PUT", alice.client.send(put).await?.status, StatusCode::OK)?;
    Ok(alice.complete_upload(&started.upload_id).await.done()?.body)
}

/// Uploads with the name in base64, which can contain any bytes.
async fn by_tus(alice: &AccountClient, name: &str) -> anyhow::Result<String> {
    let path = alice.create(name, 1).await?;
    let reply = alice.append(&path, 0, b"x").await?;
    Ok(reply.header("x-file-id").context("X-File-Id")?.to_owned())
}

/// Item 28. Quotes, line ends, zero bytes and emoji in a name are returned in one
/// well-formed header, for all three upload methods. A name that no header can contain
/// would make every download fail.
#[tokio::test]
async fn hostile_file_name_returns_in_one_safe_header() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let alice = alice(&app).await?;
    for name in [
        "a\"b.txt",
        "a\\b.txt",
        "a\\\"; filename=\"evil.exe",
        "a;b=c.txt",
        "a\r\nX-Injected: 1",
        "a\nX-Injected: 1\n\n<script>",
        "a%0d%0aX-Injected: 1",
        "a\0b",
        "a\u{7f}\u{85}\u{2028}b",
        "\u{1f600}.png",
        "\u{feff}\u{202e}gpj.exe",
        "'; DROP TABLE files; --",
        "UTF-8''%41",
    ] {
        let mut ids = vec![
            by_json(&alice, name).await.with_context(|| format!("{name:?}"))?.file_id,
            by_tus(&alice, name).await.with_context(|| format!("{name:?}"))?,
        ];
        // In a form, a line end terminates a header, so this may be refused.
        let form = alice.client.upload(&alice.credential, &Upload::new(name, "x")).await;
        let status = form.status()?;
        let expected = [StatusCode::CREATED, StatusCode::BAD_REQUEST];
        ensure!(expected.contains(&status), "{name:?}: the status is {status}");
        ids.extend(form.done().ok().map(|reply| reply.body.file_id));
        for id in ids {
            let reply = alice.client.content(&alice.credential, &id).await.done()?;
            check_content_disposition(&reply)
                .with_context(|| format!("{name:?}: {reply:?}"))?;
        }
    }
    alice.client.list(&alice.credential, &ListQuery::default()).await.done()?;
    Ok(())
}

fn check_content_disposition(reply: &Reply<Bytes>) -> anyhow::Result<()> {
    let headers = reply.headers.get_all(CONTENT_DISPOSITION);
    equal("Content-Disposition headers", headers.iter().count(), 1)?;
    let value = reply.header(CONTENT_DISPOSITION).context("plain ASCII")?;
    let rest = value.strip_prefix("attachment; filename=\"").context("attachment")?;
    let (plain, exact) = rest.split_once("\"; filename*=UTF-8''").context("two forms")?;
    let printable = plain.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    ensure!(printable && !plain.contains(['"', '\\']), "filename is {plain}");
    let token = exact
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~%".contains(&byte));
    ensure!(token && !exact.is_empty(), "filename* is {exact}");
    let injected = reply.headers.contains_key("x-injected");
    ensure!(!injected && reply.header(SET_COOKIE).is_none(), "a header was injected");
    Ok(())
}

/// Item 29. An uploaded page is a download and never runs as a page of this site: neither
/// as HTML, nor as SVG, nor under another type, nor in a range, nor through its name. (No
/// page of this server shows file names; the listing is JSON with `nosniff`.)
#[tokio::test]
async fn stored_page_is_served_as_an_inert_download() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let alice = alice(&app).await?;
    let script = "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";
    let polyglot = format!("GIF89a/*{script}*/=alert(1)");
    for (name, declared, bytes) in [
        ("page.html", "text/html", "<script>alert(1)</script>"),
        ("page.xhtml", "application/xhtml+xml", script),
        ("picture.svg", "image/svg+xml", script),
        ("picture.png", "image/png", &polyglot),
        ("code.js", "text/javascript; charset=utf-8", "alert(1)"),
        ("<img src=x onerror=alert(1)>.txt", "text/plain", "x"),
    ] {
        let mut file = Upload::new(name, bytes.to_owned());
        file.content_type = declared.to_owned();
        let id = alice.client.upload(&alice.credential, &file).await.done()?.body.file_id;
        let path = paths::file_content(&id);
        for request in [
            alice.request(Method::GET, &path),
            alice.request(Method::HEAD, &path),
            alice.request(Method::GET, &path).header(RANGE, "bytes=0-3"),
            alice.request(Method::GET, &path).header("accept", "text/html"),
        ] {
            let reply = alice.client.send(request).await?;
            ensure!(reply.status.is_success(), "{name}: {}", reply.status);
            check_inert(&reply)
                .with_context(|| format!("{name}: {:?}", reply.headers))?;
        }
    }
    for path in [paths::FILES, paths::SESSION] {
        let reply = alice.client.send(alice.request(Method::GET, path)).await?;
        equal("the type", reply.header(CONTENT_TYPE), Some("application/json"))?;
        equal("sniffing", reply.header(X_CONTENT_TYPE_OPTIONS), Some("nosniff"))?;
    }
    Ok(())
}

fn check_inert(reply: &Reply<Bytes>) -> anyhow::Result<()> {
    equal("the type", reply.header(CONTENT_TYPE), Some("application/octet-stream"))?;
    equal("sniffing", reply.header(X_CONTENT_TYPE_OPTIONS), Some("nosniff"))?;
    let policy = reply.header(CONTENT_SECURITY_POLICY);
    equal("the policy", policy, Some("default-src 'none'; sandbox"))?;
    let shown = reply.header(CONTENT_DISPOSITION).unwrap_or_default();
    ensure!(shown.starts_with("attachment;"), "displayed inline: {shown}");
    Ok(())
}

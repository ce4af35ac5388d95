//! Hostile file names. A name is for display only, so the upload is accepted, but the returned
//! name must be safe to display and safe in a header (ASVS 5.4.1).

use crate::checks::listing;
use crate::target::Target;
use anyhow::{Context, ensure};
use client::expect::equal;
use client::{Client, Credential, Upload};
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, SET_COOKIE};

/// Path traversal, if a name were used as a path.
pub async fn path_as_file_name_is_neutralized(target: &Target) -> anyhow::Result<()> {
    for name in
        ["../../x", "..%2f..%2fx", "/etc/passwd", "C:\\windows\\x", "%00", ".", ".."]
    {
        let shown = upload_and_check_name(target, name).await?;
        let is_path = shown.contains(['/', '\\']) || shown == ".." || shown == ".";
        equal("the name is still a path", is_path, false).context(shown)?;
    }
    Ok(())
}

/// Unescaped quotes and semicolons would end a header value.
pub async fn quotes_in_a_file_name_are_escaped(target: &Target) -> anyhow::Result<()> {
    for name in ["a\"b.txt", "a;b.txt", "x\"; filename=\"evil.exe", "50%.txt", "a'b"] {
        let shown = upload_and_check_name(target, name).await?;
        equal("the name", shown.as_str(), name)?;
    }
    Ok(())
}

/// Letters of all scripts and emoji are preserved (RFC 8187).
pub async fn unicode_file_name_is_preserved(target: &Target) -> anyhow::Result<()> {
    for name in ["Größe.txt", "文件.pdf", "😀.png", "e\u{301}.txt", "مستند.doc"]
    {
        let shown = upload_and_check_name(target, name).await?;
        equal("the name", shown.as_str(), name)?;
    }
    Ok(())
}

/// `gnp.exe` is displayed as `exe.png` from right to left.
pub async fn bidi_controls_are_removed_from_file_names(
    target: &Target,
) -> anyhow::Result<()> {
    for name in ["\u{202e}gnp.exe", "a\u{2066}b\u{2069}", "a\u{200f}.txt"] {
        let shown = upload_and_check_name(target, name).await?;
        let has_bidi_control =
            shown.contains(['\u{202e}', '\u{2066}', '\u{2069}', '\u{200f}']);
        equal("it has a bidi control", has_bidi_control, false).context(name)?;
    }
    Ok(())
}

/// No name, and names longer than any file system allows.
pub async fn missing_or_long_file_name_is_accepted(
    target: &Target,
) -> anyhow::Result<()> {
    let (ascii, wide) = ("x".repeat(300), "ß".repeat(300));
    for name in ["", "   ", &ascii, &wide] {
        let shown = upload_and_check_name(target, name).await?;
        ensure!(
            (1..=255).contains(&shown.len()),
            "expected: 1 to 255 bytes\n  actual:   {}",
            shown.len()
        );
    }
    Ok(())
}

/// A line break in a name adds a header to the part, and a zero byte is never allowed. The
/// upload may be accepted or refused, but must not add a header to the reply.
pub async fn line_break_in_a_file_name_adds_no_header(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    for name in
        ["a\r\nSet-Cookie: x=y", "a\nSet-Cookie: x=y", "a\0b", "a%0D%0ASet-Cookie: x=y"]
    {
        let outcome = client.upload(&alice, &Upload::new(name, "x")).await;
        let status = outcome.status()?;
        ensure!(
            [StatusCode::CREATED, StatusCode::BAD_REQUEST].contains(&status),
            "{name:?}: status {status}"
        );
        if let Ok(created) = outcome.done() {
            check_disposition(&client, &alice, &created.body.file_id).await?;
        }
    }
    Ok(())
}

/// Uploads a file with this name, and returns the name that the server displays.
async fn upload_and_check_name(target: &Target, name: &str) -> anyhow::Result<String> {
    let (client, alice) = target.as_alice().await?;
    let created = client.upload(&alice, &Upload::new(name, "x")).await.done();
    let created = created.with_context(|| format!("{name:?}"))?.body;
    let shown = created.name;
    ensure!(
        !shown.contains(char::is_control),
        "{name:?} is returned with control characters: {shown:?}"
    );
    check_disposition(&client, &alice, &created.file_id)
        .await
        .with_context(|| format!("{name:?}, returned as {shown:?}"))?;
    let files = listing(&client, &alice).await?.files;
    equal("the name in the listing", files[0].name.as_str(), shown.as_str())?;
    Ok(shown)
}

/// Checks that there is one `Content-Disposition` header, of the expected form.
async fn check_disposition(
    client: &Client,
    credential: &Credential,
    id: &str,
) -> anyhow::Result<()> {
    let described = client.file_json(credential, id).await.done()?.body;
    let reply = client.content(credential, id).await.done()?;
    let headers = reply.headers.get_all(CONTENT_DISPOSITION);
    equal("Content-Disposition headers", headers.iter().count(), 1)?;
    equal("Set-Cookie", reply.header(SET_COOKIE), None)?;
    let value = reply.header(CONTENT_DISPOSITION);
    let value = value.context("Content-Disposition is not plain ASCII")?;
    let exact = exact_name(value).with_context(|| {
        format!(
            "expected: attachment; filename=\"...\"; filename*=UTF-8''...\n  \
             actual:   {value}"
        )
    })?;
    equal("the name in filename*", exact, described.name)
}

/// The name in `filename*`, if the header has exactly the expected form.
fn exact_name(value: &str) -> Option<String> {
    let rest = value.strip_prefix("attachment; filename=\"")?;
    let (plain, rest) = rest.split_once("\"; filename*=UTF-8''")?;
    let is_plain = plain.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    let is_one_token = !rest.contains([' ', '"', ';', ',']);
    (is_plain && !plain.contains('"') && is_one_token).then(|| percent_decoded(rest))?
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        if *first == b'%' {
            let (digits, after) = others.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = others;
        }
    }
    String::from_utf8(bytes).ok()
}

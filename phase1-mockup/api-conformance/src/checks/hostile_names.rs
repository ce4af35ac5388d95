//! Names of uploads that were chosen to do harm. A name is for display only, so the
//! upload is taken; what comes back is safe to show and safe in a header (ASVS 5.4.1).

use crate::checks::listing;
use crate::client::Client;
use crate::expect::equal;
use crate::form::Upload;
use crate::proof::Proof;
use crate::target::Target;
use anyhow::{Context, ensure};
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, SET_COOKIE};

/// Paths that would leave the folder, were a name ever used as one.
pub async fn a_name_that_is_a_path_leads_nowhere(target: &Target) -> anyhow::Result<()> {
    for name in
        ["../../x", "..%2f..%2fx", "/etc/passwd", "C:\\windows\\x", "%00", ".", ".."]
    {
        let shown = is_taken_and_sent_back_safely(target, name).await?;
        let climbs = shown.contains(['/', '\\']) || shown == ".." || shown == ".";
        equal("it is still a path", climbs, false).context(shown)?;
    }
    Ok(())
}

/// Quotes and semicolons end a value in a header that was put together carelessly.
pub async fn a_name_with_quotes_stays_inside_its_quotes(
    target: &Target,
) -> anyhow::Result<()> {
    for name in ["a\"b.txt", "a;b.txt", "x\"; filename=\"evil.exe", "50%.txt", "a'b"] {
        let shown = is_taken_and_sent_back_safely(target, name).await?;
        equal("the name", shown.as_str(), name)?;
    }
    Ok(())
}

/// Letters of all scripts, and pictures, come back as they are (RFC 8187).
pub async fn a_name_in_any_script_comes_back_exactly(
    target: &Target,
) -> anyhow::Result<()> {
    for name in ["Größe.txt", "文件.pdf", "😀.png", "e\u{301}.txt", "مستند.doc"]
    {
        let shown = is_taken_and_sent_back_safely(target, name).await?;
        equal("the name", shown.as_str(), name)?;
    }
    Ok(())
}

/// `gnp.exe`, shown from right to left, is `exe.png`.
pub async fn a_name_cannot_turn_its_direction(target: &Target) -> anyhow::Result<()> {
    for name in ["\u{202e}gnp.exe", "a\u{2066}b\u{2069}", "a\u{200f}.txt"] {
        let shown = is_taken_and_sent_back_safely(target, name).await?;
        let turns = shown.contains(['\u{202e}', '\u{2066}', '\u{2069}', '\u{200f}']);
        equal("it turns", turns, false).context(name)?;
    }
    Ok(())
}

/// No name, and one longer than any file system would take.
pub async fn a_name_may_be_missing_or_too_long(target: &Target) -> anyhow::Result<()> {
    let (ascii, wide) = ("x".repeat(300), "ß".repeat(300));
    for name in ["", "   ", &ascii, &wide] {
        let shown = is_taken_and_sent_back_safely(target, name).await?;
        ensure!(
            (1..=255).contains(&shown.len()),
            "expected: 1 to 255 bytes\n  actual:   {}",
            shown.len()
        );
    }
    Ok(())
}

/// A line break in a name writes a header of the form's part, and a zero byte is allowed
/// in none. Taken or refused, it must not become a header of the reply, ever.
pub async fn a_name_with_a_line_break_adds_no_header(
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
            "{name:?} is answered with {status}"
        );
        if let Ok(created) = outcome.done() {
            sent_back_safely(&client, &alice, &created.body.file_id).await?;
        }
    }
    Ok(())
}

/// Uploads under this name; returns the name that the server shows.
async fn is_taken_and_sent_back_safely(
    target: &Target,
    name: &str,
) -> anyhow::Result<String> {
    let (client, alice) = target.as_alice().await?;
    let created = client.upload(&alice, &Upload::new(name, "x")).await.done();
    let created = created.with_context(|| format!("{name:?}"))?.body;
    let shown = created.name;
    ensure!(
        !shown.contains(char::is_control),
        "{name:?} is shown with control characters: {shown:?}"
    );
    sent_back_safely(&client, &alice, &created.file_id)
        .await
        .with_context(|| format!("{name:?}, shown as {shown:?}"))?;
    let files = listing(&client, &alice).await?.files;
    equal("the name in the listing", files[0].name.as_str(), shown.as_str())?;
    Ok(shown)
}

/// One header, of one form, whatever the name.
async fn sent_back_safely(
    client: &Client,
    proof: &Proof,
    id: &str,
) -> anyhow::Result<()> {
    let described = client.file_json(proof, id).await.done()?.body;
    let reply = client.content(proof, id).await.done()?;
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

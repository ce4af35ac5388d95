//! Listings and their pages.

use crate::checks::listing;
use crate::target::Target;
use anyhow::Context;
use api_contract::files::{FileList, ListQuery};
use api_contract::paths;
use api_contract::problem::ProblemKind;
use client::expect::equal;
use client::{CallResult, Client, Credential, Upload};
use http::Method;

/// The newest file is first, and a row has the values of the upload reply.
pub async fn listing_is_newest_first(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let mut file = Upload::new("described.txt", "some text");
    file.content_type = "text/plain".to_owned();
    let described = client.upload(&alice, &file).await.done()?.body;
    let mut expected = upload_numbered(&client, &alice, 3).await?;
    expected.insert(0, described.file_id.clone());
    expected.reverse();

    let files = listing(&client, &alice).await?.files;
    let ids: Vec<_> = files.iter().take(4).map(|file| &file.file_id).collect();
    equal("the newest ids", ids, expected.iter().collect::<Vec<_>>())?;
    let times: Vec<_> = files.iter().map(|file| file.uploaded_at).collect();
    equal("the times are descending", times.is_sorted_by(|new, old| new >= old), true)?;
    let row = &files[3];
    equal("the name", row.name.as_str(), "described.txt")?;
    equal("the size", row.size, described.size)?;
    equal("the type", row.content_type.as_str(), "text/plain")?;
    equal("the hash", &row.sha256, &described.sha256)
}

/// A page has `limit` files if there are enough.
pub async fn page_has_the_requested_size(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    upload_numbered(&client, &alice, 4).await?;
    for limit in [1, 3, 4] {
        let page = page(&client, &alice, limit, None).await?;
        equal("files on the page", page.files.len(), limit)?;
    }
    let everything = listing(&client, &alice).await?;
    equal("a cursor on the last page", everything.next_cursor, None)
}

/// All pages together have every file once.
pub async fn pages_have_no_gap_and_no_duplicate(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    upload_numbered(&client, &alice, 7).await?;
    let whole = listing(&client, &alice).await?.files;
    for limit in [1, 2, 3, 7] {
        let (mut files, mut cursor) = (Vec::new(), None);
        loop {
            let page = page(&client, &alice, limit, cursor).await?;
            files.extend(page.files);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        equal("all pages together", &files, &whole)?;
    }
    Ok(())
}

/// A file that is uploaded between two pages does not change the second one.
pub async fn new_file_does_not_shift_the_next_page(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let ids = upload_numbered(&client, &alice, 4).await?;
    let first = page(&client, &alice, 2, None).await?;
    upload_numbered(&client, &alice, 3).await?;
    let second = page(&client, &alice, 2, first.next_cursor).await?;
    let ids_on_page: Vec<_> = second.files.iter().map(|file| &file.file_id).collect();
    equal("the second page", ids_on_page, vec![&ids[1], &ids[0]])
}

/// The file at the cursor may be deleted between two pages.
pub async fn cursor_survives_deletion_of_its_file(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let ids = upload_numbered(&client, &alice, 4).await?;
    let first = page(&client, &alice, 2, None).await?;
    client.delete(&alice, &ids[2]).await.done()?;
    let second = page(&client, &alice, 2, first.next_cursor).await?;
    let ids_on_page: Vec<_> = second.files.iter().map(|file| &file.file_id).collect();
    equal("the second page", ids_on_page, vec![&ids[1], &ids[0]])
}

/// Zero, numbers above the maximum, and other text are refused.
pub async fn limit_out_of_bounds_is_refused(target: &Target) -> anyhow::Result<()> {
    for limit in ["0", "201", "-1", "1.5", "ten", "", "99999999999999999999"] {
        refused(target, &format!("limit={limit}")).await?;
    }
    Ok(())
}

/// Only a cursor from a previous page is valid.
pub async fn forged_cursor_is_refused(target: &Target) -> anyhow::Result<()> {
    let long = "x".repeat(2_000);
    for cursor in ["", "0", "..%2f..%2fetc", "%00", "%ff%fe", "'%20OR%201=1", &long] {
        refused(target, &format!("cursor={cursor}")).await?;
    }
    Ok(())
}

async fn refused(target: &Target, query: &str) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let path = format!("{}?{query}", paths::FILES);
    let request = client.authenticated(&alice, Method::GET, &path);
    let outcome: CallResult<FileList> = client.json(request).await;
    outcome.refused_as(ProblemKind::MalformedRequest).context(path)?;
    Ok(())
}

async fn page(
    client: &Client,
    credential: &Credential,
    limit: usize,
    cursor: Option<String>,
) -> anyhow::Result<FileList> {
    let query = ListQuery { limit: Some(limit), cursor };
    Ok(client.list(credential, &query).await.done()?.body)
}

/// Uploads files one after the other, and returns their ids, oldest first.
async fn upload_numbered(
    client: &Client,
    credential: &Credential,
    count: usize,
) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    for number in 0..count {
        let file = Upload::new(format!("{number}.txt"), format!("file {number}"));
        ids.push(client.upload(credential, &file).await.done()?.body.file_id);
    }
    Ok(ids)
}

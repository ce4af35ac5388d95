//! Deletions: what is gone stays gone.

use crate::checks::{listing, made_up_id};
use crate::client::Client;
use crate::expect::equal;
use crate::form::Upload;
use crate::proof::Proof;
use crate::target::Target;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use http::{Method, StatusCode};

/// From every call, and however often it is asked for.
pub async fn a_deleted_file_is_gone_for_ever(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let id = uploaded(&client, &alice, "doomed").await?;
    client.delete(&alice, &id).await.done()?;
    for _ in 0..2 {
        is_gone(&client, &alice, &id).await?;
    }
    let files = listing(&client, &alice).await?.files;
    let listed = files.iter().any(|file| file.file_id == id);
    equal("it is still listed", listed, false)
}

/// The second deletion finds nothing, as the first of a made-up id does.
pub async fn a_file_is_deleted_once(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let id = uploaded(&client, &alice, "doomed").await?;
    client.delete(&alice, &id).await.done()?;
    for id in [id.as_str(), &made_up_id()] {
        let again = client.delete(&alice, id).await;
        again.refused_as(ProblemKind::FileNotFound)?;
    }
    Ok(())
}

/// Ten at once: one of them deletes the file, the others find nothing, none fails.
pub async fn ten_deletions_at_once_are_one(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let id = uploaded(&client, &alice, "doomed").await?;
    let attempts = (0..10).map(|_| client.delete(&alice, &id));
    let mut done = 0;
    for outcome in futures_util::future::join_all(attempts).await {
        match outcome.status()? {
            StatusCode::OK => done += 1,
            _ => drop(outcome.refused_as(ProblemKind::FileNotFound)?),
        }
    }
    equal("deletions that were done", done, 1)
}

/// A file of the same name and the same bytes is another file.
pub async fn a_deletion_spares_all_other_files(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let doomed = uploaded(&client, &alice, "twin").await?;
    let spared = uploaded(&client, &alice, "twin").await?;
    client.delete(&alice, &doomed).await.done()?;
    let content = client.content(&alice, &spared).await.done()?;
    equal("the bytes", &content.body[..], b"twin")
}

/// A retry that comes after the deletion must not undo it.
pub async fn a_late_retry_does_not_bring_a_file_back(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let (file, key) = (Upload::new("late", "late"), uuid::Uuid::new_v4().to_string());
    let first = client.upload_with_key(&alice, &file, &key).await.done()?;
    let id = first.body.file_id;
    client.delete(&alice, &id).await.done()?;
    let before = listing(&client, &alice).await?;
    let retried = client.upload_with_key(&alice, &file, &key).await.done()?;
    equal("the retried upload's id", retried.body.file_id, id.as_str())?;
    is_gone(&client, &alice, &id).await?;
    equal("the listing", listing(&client, &alice).await?, before)
}

async fn uploaded(client: &Client, proof: &Proof, name: &str) -> anyhow::Result<String> {
    let file = Upload::new(name, name.to_owned());
    Ok(client.upload(proof, &file).await.done()?.body.file_id)
}

async fn is_gone(client: &Client, proof: &Proof, id: &str) -> anyhow::Result<()> {
    let gone = ProblemKind::FileNotFound;
    client.file_json(proof, id).await.refused_as(gone)?;
    client.content(proof, id).await.refused_as(gone)?;
    let range = client.content_range(proof, id, "bytes=0-0").await;
    range.refused_as(gone)?;
    for path in [paths::file(id), paths::file_content(id)] {
        let head = client.send(client.proven(proof, Method::HEAD, &path)).await?;
        equal("HEAD", head.status, StatusCode::NOT_FOUND)?;
    }
    Ok(())
}

//! A client with the credential of one account, for uploads in several steps; and helpers
//! that list the blobs on the server's disk.

use crate::stores::{StoreKind, TestStores};
use anyhow::Context;
use api_conformance::fixture::{Fixture, Started};
use api_contract::files::FileCreated;
use api_contract::uploads::{UploadStart, UploadStarted};
use bytes::Bytes;
use client::digest::sha256;
use client::{CallResult, Client, Credential, Reply};
use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use std::path::Path;

/// An account at one replica. Other replicas accept the credential too.
#[derive(Clone)]
pub(crate) struct AccountClient {
    pub(crate) client: Client,
    pub(crate) credential: Credential,
}

impl AccountClient {
    pub(crate) async fn alice(replica: &Started) -> anyhow::Result<Self> {
        let (client, credential) = replica.as_alice().await?;
        Ok(Self { client, credential })
    }

    pub(crate) async fn bob(replica: &Started) -> anyhow::Result<Self> {
        Ok(Self {
            client: replica.client(),
            credential: replica.sign_in(&replica.bob).await?,
        })
    }

    /// The same account at another replica.
    pub(crate) fn at(&self, other: &Started) -> Self {
        Self { client: other.client(), credential: self.credential.clone() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.authenticated(&self.credential, method, path)
    }

    /// Starts an upload of a text file to a signed URL.
    pub(crate) async fn start_upload(
        &self,
        name: &str,
        size: usize,
    ) -> CallResult<UploadStarted> {
        let file = UploadStart {
            name: name.to_owned(),
            content_type: "text/plain".to_owned(),
            size: size as u64,
        };
        self.client.start_upload(&self.credential, &file).await
    }

    pub(crate) async fn complete_upload(
        &self,
        upload_id: &str,
    ) -> CallResult<FileCreated> {
        self.client.complete_upload(&self.credential, upload_id).await
    }

    /// A tus request.
    pub(crate) fn tus(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.tus(&self.credential, method, path)
    }

    /// Creates a tus upload of `size` bytes; returns its path.
    pub(crate) async fn create(&self, name: &str, size: usize) -> anyhow::Result<String> {
        let request = self.client.tus_creation(&self.credential, name, size);
        let reply = self.client.send(request).await?;
        anyhow::ensure!(reply.status == StatusCode::CREATED, "{reply:?}");
        Ok(self.client.tus_path(&reply).unwrap_or_default())
    }

    pub(crate) fn patch(&self, path: &str, offset: usize) -> RequestBuilder {
        self.client.tus_chunk(&self.credential, path, offset)
    }

    /// Sends the next bytes of an upload.
    pub(crate) async fn append(
        &self,
        path: &str,
        offset: usize,
        bytes: &[u8],
    ) -> anyhow::Result<Reply<Bytes>> {
        let request = self.patch(path, offset).body(bytes.to_vec());
        Ok(self.client.send(request).await?)
    }

    /// Requests the offset of an upload.
    pub(crate) async fn head(&self, path: &str) -> anyhow::Result<Reply<Bytes>> {
        Ok(self.client.send(self.client.tus_offset(&self.credential, path)).await?)
    }

    pub(crate) async fn offset(&self, path: &str) -> anyhow::Result<usize> {
        let reply = self.head(path).await?;
        anyhow::ensure!(reply.status == StatusCode::OK, "{reply:?}");
        reply.tus_offset().context("the offset")
    }

    /// The SHA-256 of the downloaded bytes of a file, in hex.
    pub(crate) async fn hash_of(&self, file_id: &str) -> anyhow::Result<String> {
        let content = self.client.content(&self.credential, file_id).await.done()?;
        Ok(sha256(&content.body))
    }

    pub(crate) async fn files(&self) -> anyhow::Result<Vec<String>> {
        let page = api_contract::files::ListQuery::default();
        let listed = self.client.list(&self.credential, &page).await.done()?;
        Ok(listed.body.files.into_iter().map(|file| file.file_id).collect())
    }
}

/// Starts one replica of the design with the fewest stores; returns it with alice.
pub(crate) async fn single_replica(
    more: &[&str],
) -> anyhow::Result<(Started, AccountClient)> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let started = stores.replica("token", more).await?;
    let alice = AccountClient::alice(&started).await?;
    Ok((started, alice))
}

/// Bytes that differ between any two parts, so that a misplaced part changes the hash.
pub(crate) fn bytes_of(size: usize) -> Vec<u8> {
    (0..size).map(|at| ((at * 7 + at / 251 + at / 65_537) % 256) as u8).collect()
}

pub(crate) fn slug(reply: &Reply<Bytes>) -> String {
    let problem: Result<api_contract::problem::Problem, _> =
        serde_json::from_slice(&reply.body);
    problem.map(|problem| problem.slug().to_owned()).unwrap_or_default()
}

/// All blobs on a server's disk, complete or not, as paths below the folder of blobs.
pub(crate) fn blobs(fixture: &Fixture) -> Vec<String> {
    blobs_below(&fixture.data_dir().join("blobs"))
}

/// All blobs below this folder; hidden files are the store's own.
pub(crate) fn blobs_below(root: &Path) -> Vec<String> {
    let (mut folders, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                found.push(below(root, &path));
            }
        }
    }
    found.sort();
    found
}

fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

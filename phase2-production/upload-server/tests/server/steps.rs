//! Somebody who uploads in steps: tus calls, and what is left on the server's disk.

use crate::on::{Stores, World};
use api_conformance::client::Client;
use api_conformance::fixture::{Fixture, Started};
use api_conformance::outcome::Reply;
use api_conformance::proof::Proof;
use api_contract::paths;
use api_contract::uploads::{TUS_MEDIA_TYPE, TUS_VERSION, headers as names};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use sha2::{Digest, Sha256};
use std::path::Path;

/// A person at one replica. The proof is good at every other, too.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) proof: Proof,
}

impl Person {
    pub(crate) async fn alice(at: &Started) -> anyhow::Result<Self> {
        let (client, proof) = at.as_alice().await?;
        Ok(Self { client, proof })
    }

    pub(crate) async fn bob(at: &Started) -> anyhow::Result<Self> {
        Ok(Self { client: at.client(), proof: at.sign_in(&at.bob).await? })
    }

    /// The same person at another replica.
    pub(crate) fn at(&self, other: &Started) -> Self {
        Self { client: other.client(), proof: self.proof.clone() }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.proven(&self.proof, method, path)
    }

    /// A tus call.
    pub(crate) fn tus(&self, method: Method, path: &str) -> RequestBuilder {
        self.ask(method, path).header(names::TUS_RESUMABLE, TUS_VERSION)
    }

    /// Begins an upload of `size` bytes; returns its path.
    pub(crate) async fn create(&self, name: &str, size: usize) -> anyhow::Result<String> {
        let metadata = format!("filename {}", STANDARD.encode(name));
        let request = self
            .tus(Method::POST, paths::TUS)
            .header(names::UPLOAD_LENGTH, size)
            .header(names::UPLOAD_METADATA, metadata);
        let reply = self.client.send(request).await?;
        anyhow::ensure!(reply.status == StatusCode::CREATED, "{reply:?}");
        Ok(reply.header(LOCATION).unwrap_or_default().to_owned())
    }

    pub(crate) fn patch(&self, path: &str, offset: usize) -> RequestBuilder {
        self.tus(Method::PATCH, path)
            .header(CONTENT_TYPE, TUS_MEDIA_TYPE)
            .header(names::UPLOAD_OFFSET, offset)
    }

    /// Sends some of it.
    pub(crate) async fn append(
        &self,
        path: &str,
        offset: usize,
        bytes: &[u8],
    ) -> anyhow::Result<Reply<Bytes>> {
        let request = self.patch(path, offset).body(bytes.to_vec());
        Ok(self.client.send(request).await?)
    }

    /// Asks how much is there.
    pub(crate) async fn head(&self, path: &str) -> anyhow::Result<Reply<Bytes>> {
        Ok(self.client.send(self.tus(Method::HEAD, path)).await?)
    }

    pub(crate) async fn offset(&self, path: &str) -> anyhow::Result<usize> {
        let reply = self.head(path).await?;
        anyhow::ensure!(reply.status == StatusCode::OK, "{reply:?}");
        Ok(reply.header(names::UPLOAD_OFFSET).unwrap_or_default().parse()?)
    }

    /// The hash of a file's bytes, as they come back.
    pub(crate) async fn hash_of(&self, file_id: &str) -> anyhow::Result<String> {
        let content = self.client.content(&self.proof, file_id).await.done()?;
        Ok(sha256(&content.body))
    }

    pub(crate) async fn files(&self) -> anyhow::Result<Vec<String>> {
        let page = api_contract::files::ListQuery::default();
        let listed = self.client.list(&self.proof, &page).await.done()?;
        Ok(listed.body.files.into_iter().map(|file| file.file_id).collect())
    }
}

/// One replica of the design that needs the least, and alice.
pub(crate) async fn alone(more: &[&str]) -> anyhow::Result<(Started, Person)> {
    let world = World::new(Stores::Embedded, false).await?;
    let started = world.replica("token", more).await?;
    let alice = Person::alice(&started).await?;
    Ok((started, alice))
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    upload_domain::hex::hex(&Sha256::digest(bytes))
}

/// Bytes of which no two pieces are alike.
pub(crate) fn bytes_of(size: usize) -> Vec<u8> {
    (0..size).map(|at| ((at * 7 + at / 251 + at / 65_537) % 256) as u8).collect()
}

pub(crate) fn slug(reply: &Reply<Bytes>) -> String {
    let problem: Result<api_contract::problem::Problem, _> =
        serde_json::from_slice(&reply.body);
    problem.map(|problem| problem.slug().to_owned()).unwrap_or_default()
}

/// All blobs on a server's disk, finished or not, as paths below the folder of blobs.
pub(crate) fn blobs(fixture: &Fixture) -> Vec<String> {
    blobs_below(&fixture.data_dir().join("blobs"))
}

/// The same, of a folder of blobs.
pub(crate) fn blobs_below(root: &Path) -> Vec<String> {
    let (mut folders, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
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

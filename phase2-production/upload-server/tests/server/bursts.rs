//! Many at once, on the smallest machine that the server is for: one replica, one SQLite
//! file, no Redis. What there is room for is served, and nobody is told to come back for
//! having come together.

use crate::on::{Stores, World};
use api_conformance::client::{Client, Options};
use api_conformance::form::Upload;
use api_contract::files::ListQuery;
use futures_util::future::join_all;
use std::time::Duration;

/// Uploads at once.
const AT_ONCE: usize = 64;

/// Bytes of each: enough to keep disk and processors busy while others arrive.
const SIZE: usize = 8_000_000;

#[tokio::test]
async fn sixty_four_uploads_at_once_with_a_token_are_all_taken() -> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, false).await?;
    let server = world.replica("token", &["--max-upload", "10000000"]).await?;
    let (_, proof) = server.as_alice().await?;
    let patient = Options { timeout: Duration::from_secs(120), ..Options::default() };
    let client = Client::with(&server.base_url, patient);
    let file = Upload::new("many.bin", vec![b'x'; SIZE]);
    let uploads = (0..AT_ONCE).map(|_| client.upload(&proof, &file));
    let refused: Vec<_> = join_all(uploads)
        .await
        .into_iter()
        .filter_map(|outcome| outcome.done().err().map(|error| error.to_string()))
        .collect();
    assert_eq!(refused, Vec::<String>::new());
    let page = ListQuery { limit: Some(200), ..ListQuery::default() };
    let listed = client.list(&proof, &page).await.done()?.body.files;
    assert_eq!(listed.len(), AT_ONCE);
    Ok(())
}

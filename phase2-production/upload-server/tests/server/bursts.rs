//! A burst of uploads on the smallest supported setup: one replica, one SQLite file, no
//! Redis. The server queues the burst and refuses no upload of it.

use crate::stores::{StoreKind, TestStores};
use api_contract::files::ListQuery;
use client::{Client, Options, Upload};
use futures_util::future::join_all;
use std::time::Duration;

/// Concurrent uploads.
const CONCURRENT_UPLOADS: usize = 64;

/// Bytes per upload: enough to keep the processors busy while others arrive. Much more would
/// measure the disk: a commit waits until the system has written the files before it.
const UPLOAD_SIZE: usize = 2_000_000;

#[tokio::test]
async fn sixty_four_concurrent_token_uploads_all_succeed() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let server = stores.replica("token", &["--max-upload", "10000000"]).await?;
    let (_, credential) = server.as_alice().await?;
    let options = Options { timeout: Duration::from_secs(120), ..Options::default() };
    let client = Client::with(&server.base_url, options);
    let file = Upload::new("many.bin", vec![b'x'; UPLOAD_SIZE]);
    let uploads = (0..CONCURRENT_UPLOADS).map(|_| client.upload(&credential, &file));
    let refused: Vec<_> = join_all(uploads)
        .await
        .into_iter()
        .filter_map(|outcome| outcome.done().err().map(|error| error.to_string()))
        .collect();
    assert_eq!(refused, Vec::<String>::new());
    let page = ListQuery { limit: Some(200), ..ListQuery::default() };
    let listed = client.list(&credential, &page).await.done()?.body.files;
    assert_eq!(listed.len(), CONCURRENT_UPLOADS);
    Ok(())
}

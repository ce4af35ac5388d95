//! The file store: acknowledged uploads are durable, failed ones leave nothing.

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;
use upload_domain::file_store::{FileMeta, FileStore, StoreError};
use upload_domain::idempotency::IdempotencyKey;
use upload_domain::incoming::NewFile;
use upload_domain::receive_error::ReceiveError;
use upload_domain::username::Username;

fn user(name: &str) -> Username {
    Username::parse(name).expect("a test's name is valid")
}

fn new_file(key: Option<&str>) -> NewFile {
    NewFile {
        owner: user("alice"),
        name: DisplayName::from_client("notes.txt"),
        content_type: "text/plain".to_owned(),
        key: key.and_then(IdempotencyKey::parse),
        limit: 1000,
    }
}

fn body(text: &'static str) -> impl Stream<Item = io::Result<Bytes>> + Unpin {
    stream::iter([Ok(Bytes::from_static(text.as_bytes()))])
}

async fn receive(
    store: &FileStore,
    new: NewFile,
    body: impl Stream<Item = io::Result<Bytes>> + Unpin,
) -> Result<FileMeta, ReceiveError> {
    let published = store.stage(new, body).await?.publish().await?;
    Ok(published.meta)
}

async fn meta_of(
    store: &FileStore,
    owner: &Username,
    id: FileId,
) -> Result<FileMeta, StoreError> {
    store.read(owner, id).await.map(|(meta, _content)| meta)
}

fn count_incoming(root: &Path) -> usize {
    std::fs::read_dir(root.join("incoming")).expect("the folder exists").count()
}

/// Waits for a condition. A dropped upload is removed by another thread, a little later.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    process::until(what, Duration::from_secs(20), async || condition()).await;
}

#[tokio::test]
async fn acknowledged_upload_is_visible_to_every_replica() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).unwrap();
    let meta = receive(&store, new_file(None), body("hello")).await.unwrap();

    let second = FileStore::open(dir.path()).unwrap();
    assert_eq!(meta_of(&second, &user("alice"), meta.file_id).await.unwrap(), meta);
    let (_, mut file) = second.read(&user("alice"), meta.file_id).await.unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "hello");
    assert_eq!(count_incoming(dir.path()), 0);
}

#[tokio::test]
async fn foreign_file_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).unwrap();
    let id = receive(&store, new_file(None), body("hello")).await.unwrap().file_id;
    let bob = user("bob");
    assert!(matches!(meta_of(&store, &bob, id).await, Err(StoreError::NotFound)));
    assert!(matches!(store.delete(&bob, id).await, Err(StoreError::NotFound)));
    assert!(store.list(&bob, None, 10).await.unwrap().files.is_empty());
    assert!(meta_of(&store, &user("alice"), id).await.is_ok());
}

#[tokio::test]
async fn large_or_truncated_upload_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).unwrap();
    let large = stream::iter((0..11).map(|_| io::Result::Ok(Bytes::from(vec![0; 100]))));
    let refused = receive(&store, new_file(None), large).await;
    assert!(matches!(refused, Err(ReceiveError::TooLarge { limit: 1000 })));

    let broken = body("hel").chain(stream::iter([Err(io::Error::other("disconnected"))]));
    let refused = receive(&store, new_file(None), broken).await;
    assert!(matches!(refused, Err(ReceiveError::BrokenBody(_))));

    assert_eq!(count_incoming(dir.path()), 0);
    assert!(store.list(&user("alice"), None, 10).await.unwrap().files.is_empty());
}

#[tokio::test]
async fn upload_of_a_disconnected_client_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).unwrap();
    let half = body("half").chain(stream::pending());
    let mut upload = Box::pin(receive(&store, new_file(None), half));
    until("the upload has started", || {
        assert!((&mut upload).now_or_never().is_none());
        count_incoming(dir.path()) == 1
    })
    .await;
    drop(upload);
    until("the upload is removed", || count_incoming(dir.path()) == 0).await;
}

#[tokio::test]
async fn repeated_idempotency_key_creates_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).unwrap();
    let attempts = (0..20).map(|_| receive(&store, new_file(Some("k1")), body("hello")));
    let results = futures_util::future::join_all(attempts).await;
    let first = results[0].as_ref().unwrap();
    assert!(results.iter().all(|meta| meta.as_ref().unwrap() == first));
    assert_eq!(store.list(&user("alice"), None, 100).await.unwrap().files.len(), 1);

    let other = receive(&store, new_file(Some("k1")), body("other")).await;
    assert!(matches!(other, Err(ReceiveError::KeyReused)));
}

#[tokio::test]
async fn locked_idempotency_key_is_refused_after_a_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).unwrap();
    receive(&store, new_file(Some("k1")), body("hello")).await.unwrap();
    let keys = std::fs::read_dir(dir.path().join("keys/alice")).unwrap();
    let lock =
        keys.flatten().find(|file| file.path().extension() == Some("lock".as_ref()));
    let lock_holder = std::fs::File::open(lock.unwrap().path()).unwrap();
    lock_holder.lock().unwrap();
    let refused = receive(&store, new_file(Some("k1")), body("hello")).await;
    assert!(matches!(refused, Err(ReceiveError::KeyInUse)));
    let other = receive(&store, new_file(Some("k2")), body("hello")).await;
    assert!(other.is_ok(), "other keys are not affected");
}

#[tokio::test]
async fn idempotency_key_does_not_restore_a_deleted_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).unwrap();
    let alice = user("alice");
    let first = receive(&store, new_file(Some("k1")), body("hello")).await.unwrap();
    store.delete(&alice, first.file_id).await.unwrap();
    let again = receive(&store, new_file(Some("k1")), body("hello")).await.unwrap();
    assert_eq!(again, first);
    let deleted = meta_of(&store, &alice, first.file_id).await;
    assert!(matches!(deleted, Err(StoreError::NotFound)));
}

#[tokio::test]
async fn pages_are_newest_first_without_gap_or_duplicate() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).unwrap();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(receive(&store, new_file(None), body("x")).await.unwrap().file_id);
    }
    ids.reverse();
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = store.list(&user("alice"), after, 2).await.unwrap();
        listed.extend(page.files.iter().map(|meta| meta.file_id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, ids);
}

#[test]
fn sweep_removes_abandoned_uploads_and_keeps_active_ones() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(600);
    let upload = |name: &str| {
        let path = dir.path().join("incoming").join(name);
        std::fs::create_dir(&path).unwrap();
        let content = std::fs::File::create(path.join("content")).unwrap();
        std::fs::File::open(&path).unwrap().set_modified(long_ago).unwrap();
        content
    };
    let _abandoned = upload("abandoned");
    let active = upload("active");
    active.lock().unwrap();
    store.sweep();
    assert!(!dir.path().join("incoming/abandoned").exists());
    assert!(dir.path().join("incoming/active").exists());
}

#[test]
fn unwritable_folder_is_refused_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = FileStore::open(&file.join("data")).unwrap_err();
    assert!(refused.to_string().contains("--data-dir"), "{refused}");
}

//! Tests of the database: an installed Postgres, a container with Postgres, and SQLite.

use crate::support::{assert_no_reply, descendants, is_available, query_database};
use backing_services::{Backing, Kind, Service, ServiceType, State, database};

async fn started(kind: Kind, backing: Backing) -> Option<(tempfile::TempDir, Service)> {
    if !is_available(ServiceType::Database, kind).await {
        return None;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let service = database(backing, dir.path()).await.expect("it starts");
    assert_eq!((service.kind, service.state()), (kind, State::Up));
    Some((dir, service))
}

async fn keeps_data_after_kill(service: &Service) {
    let url = &service.url;
    query_database(url, "CREATE TABLE kept (word TEXT)").await.expect("a table");
    query_database(url, "INSERT INTO kept VALUES ('here')").await.expect("a table");
    service.kill9().await.expect("the command succeeds");
    assert_eq!(service.state(), State::Down);
    assert_eq!(query_database(url, "SELECT word FROM kept").await, None, "it is down");
    service.restart().await.expect("the command succeeds");
    let word = query_database(url, "SELECT word FROM kept").await;
    assert_eq!(word.as_deref(), Some("here"));
}

async fn does_not_reply_while_paused(service: &Service) {
    use sqlx::Connection;
    let mut open = sqlx::PgConnection::connect(&service.url).await.expect("it exists");
    service.pause().await.expect("the command succeeds");
    assert_eq!(service.state(), State::Paused);
    assert_no_reply(query_database(&service.url, "SELECT 'new'")).await;
    assert_no_reply(open.ping()).await;
    service.resume().await.expect("the command succeeds");
    let answer = query_database(&service.url, "SELECT 'again'").await;
    assert_eq!(answer.as_deref(), Some("again"));
    drop(open);
}

async fn restarts_in_order_and_requires_a_password(service: &Service) {
    service.pause().await.expect("the command succeeds");
    service.restart().await.expect("the command succeeds");
    service.stop().await.expect("the command succeeds");
    assert_eq!(service.state(), State::Down);
    service.restart().await.expect("the command succeeds");
    let answer = query_database(&service.url, "SELECT 'up'").await;
    assert_eq!(answer.as_deref(), Some("up"));
    let (_, address) = service.url.split_once('@').expect("a URL with a password");
    for user in ["lab:wrong", "lab", "postgres"] {
        let url = format!("postgres://{user}@{address}");
        assert_eq!(query_database(&url, "SELECT 'in'").await, None, "{user}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn private_postgres_keeps_data_after_kill_and_pause() {
    let Some((dir, service)) = started(Kind::Local, Backing::Local).await else { return };
    let password = service.url.split(&[':', '@'][..]).nth(2).unwrap().to_owned();
    let children = descendants(std::process::id() as i32);
    assert!(children.iter().all(|child| !child.command_line.contains(&password)));
    keeps_data_after_kill(&service).await;
    does_not_reply_while_paused(&service).await;
    restarts_in_order_and_requires_a_password(&service).await;
    let url = service.url.clone();
    drop(service);
    assert_eq!(query_database(&url, "SELECT 'up'").await, None);
    assert_eq!(dir.path().read_dir().unwrap().count(), 0, "its folder is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_in_container_keeps_data_after_kill_and_pause() {
    let Some((_dir, service)) = started(Kind::Container, Backing::Container).await else {
        return;
    };
    keeps_data_after_kill(&service).await;
    does_not_reply_while_paused(&service).await;
    restarts_in_order_and_requires_a_password(&service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_file_is_in_the_given_folder() {
    let dir = tempfile::Builder::new().prefix("a folder? ü 100% #").tempdir().unwrap();
    let service = database(Backing::Embedded, dir.path()).await.unwrap();
    query_database(&service.url, "CREATE TABLE kept (word TEXT)").await.unwrap();
    assert_eq!(service.state(), State::External);
    service.kill9().await.expect_err("a file has no process");
    let file = service.sqlite_file().expect("a file");
    drop(service);
    assert!(dir.path().join("records.sqlite").is_file());
    assert!(file.is_file(), "{}", file.display());
}

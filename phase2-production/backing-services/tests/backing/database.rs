//! The database: Postgres of this machine, in a container, and SQLite.

use crate::support::{ask_database, descendants, is_offered};
use backing_services::{Backing, Kind, Service, State, What, database};

async fn started(kind: Kind, backing: Backing) -> Option<(tempfile::TempDir, Service)> {
    if !is_offered(What::Database, kind).await {
        return None;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let service = database(backing, dir.path()).await.expect("it starts");
    assert_eq!((service.kind, service.state()), (kind, State::Up));
    Some((dir, service))
}

async fn keeps_its_data_through_a_kill(service: &Service) {
    let url = &service.url;
    ask_database(url, "CREATE TABLE kept (word TEXT)").await.expect("a table");
    ask_database(url, "INSERT INTO kept VALUES ('here')").await.expect("a table");
    service.kill9().await.expect("it obeys");
    assert_eq!(service.state(), State::Down);
    assert_eq!(ask_database(url, "SELECT word FROM kept").await, None, "it is dead");
    service.restart().await.expect("it obeys");
    let word = ask_database(url, "SELECT word FROM kept").await;
    assert_eq!(word.as_deref(), Some("here"));
}

async fn hangs_while_it_is_paused(service: &Service) {
    use sqlx::Connection;
    let mut open = sqlx::PgConnection::connect(&service.url).await.expect("it is there");
    service.pause().await.expect("it obeys");
    assert_eq!(service.state(), State::Paused);
    assert_eq!(ask_database(&service.url, "SELECT 'new'").await, None, "it hangs");
    let limit = std::time::Duration::from_millis(300);
    let hangs = tokio::time::timeout(limit, open.ping()).await;
    assert!(hangs.is_err(), "a connection that was open hangs, too");
    service.resume().await.expect("it obeys");
    let answer = ask_database(&service.url, "SELECT 'again'").await;
    assert_eq!(answer.as_deref(), Some("again"));
    drop(open);
}

async fn is_restarted_in_order_and_asks_for_a_password(service: &Service) {
    service.pause().await.expect("it obeys");
    service.restart().await.expect("it obeys");
    service.stop().await.expect("it obeys");
    assert_eq!(service.state(), State::Down);
    service.restart().await.expect("it obeys");
    let answer = ask_database(&service.url, "SELECT 'up'").await;
    assert_eq!(answer.as_deref(), Some("up"));
    let (_, address) = service.url.split_once('@').expect("a URL with a password");
    for stranger in ["lab:wrong", "lab", "postgres"] {
        let url = format!("postgres://{stranger}@{address}");
        assert_eq!(ask_database(&url, "SELECT 'in'").await, None, "{stranger}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_postgres_keeps_its_data_through_kills_and_hangs() {
    let Some((dir, service)) = started(Kind::Local, Backing::Local).await else { return };
    let password = service.url.split(&[':', '@'][..]).nth(2).unwrap().to_owned();
    let ours = descendants(std::process::id() as i32);
    assert!(ours.iter().all(|one| !one.command_line.contains(&password)));
    keeps_its_data_through_a_kill(&service).await;
    hangs_while_it_is_paused(&service).await;
    is_restarted_in_order_and_asks_for_a_password(&service).await;
    let url = service.url.clone();
    drop(service);
    assert_eq!(ask_database(&url, "SELECT 'up'").await, None);
    assert_eq!(dir.path().read_dir().unwrap().count(), 0, "its folder is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_in_a_container_keeps_its_data_through_kills_and_hangs() {
    let Some((_dir, service)) = started(Kind::Container, Backing::Container).await else {
        return;
    };
    keeps_its_data_through_a_kill(&service).await;
    hangs_while_it_is_paused(&service).await;
    is_restarted_in_order_and_asks_for_a_password(&service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_is_a_file_in_the_folder_that_was_given() {
    let dir = tempfile::Builder::new().prefix("a folder? 100% #").tempdir().unwrap();
    let service = database(Backing::Embedded, dir.path()).await.unwrap();
    ask_database(&service.url, "CREATE TABLE kept (word TEXT)").await.unwrap();
    assert_eq!(service.state(), State::External);
    service.kill9().await.expect_err("there is no process");
    drop(service);
    assert!(dir.path().join("records.sqlite").is_file());
}

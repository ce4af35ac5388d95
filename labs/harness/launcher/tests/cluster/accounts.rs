//! The generated accounts of a data folder: no failure loses their passwords, and they are shown
//! once.

use crate::support::topology;
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::LoginRequest;
use api_contract::secret::Secret;
use client::Client;
use http::StatusCode;
use launcher::{Backing, Cluster, Design, Files, ServerKind, Topology, Users};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use upload_domain::accounts::GeneratedAccount;

/// A cluster of one replica with generated accounts, and its data in `folder`.
fn persistent(server: impl Into<ServerKind>, folder: &Path) -> Topology {
    let server = server.into();
    let backing = match server.has_records() {
        true => Backing::Embedded,
        false => Backing::Auto,
    };
    Topology {
        users: Users::Generated,
        data_dir: Some(folder.to_owned()),
        backing,
        ..topology(server, 1)
    }
}

async fn assert_logs_in(cluster: &Cluster, account: &GeneratedAccount) {
    let client = Client::new(&cluster.url());
    let given = LoginRequest {
        username: account.username.clone(),
        password: Secret::new(account.password.clone()),
    };
    // A machine that has just started several processes may answer 503 at first.
    let attempt = async || {
        let status = client.token(&given).await.status()?;
        Ok((status != StatusCode::SERVICE_UNAVAILABLE).then_some(status))
    };
    let status = eventually(PROCESS_TIMEOUT, "a login", attempt).await;
    let status = status.expect("an answer");
    assert!(status.is_success(), "{account:?}: {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_a_failed_start_are_shown_by_the_next() {
    for server in [ServerKind::Stateless, Design::Token.into()] {
        let folder = tempfile::tempdir().unwrap();
        let mut unknown_flag = persistent(server, folder.path());
        unknown_flag.replica_args = vec!["--bogus".into()];
        Cluster::start(unknown_flag).await.expect_err("no server has this flag");
        let cluster = Cluster::start(persistent(server, folder.path())).await.unwrap();
        assert_eq!(cluster.generated_accounts().len(), 3, "{server:?}");
        for account in cluster.generated_accounts() {
            assert_logs_in(&cluster, account).await;
        }
        cluster.down().await;
    }
}

/// The output of the first start is lost, and its replica has stored the hashes in the database.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_returned_until_they_were_shown() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || Cluster::start(persistent(Design::Token, folder.path())).await;
    let first = start().await.unwrap();
    let accounts = first.generated_accounts().to_vec();
    first.down().await;
    drop(first);
    let unshown = folder.path().join("users.unshown.json");
    let mode = unshown.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let second = start().await.unwrap();
    assert_eq!(second.generated_accounts(), accounts);
    assert_logs_in(&second, &accounts[0]).await;
    second.accounts_shown();
    assert!(!unshown.exists(), "the passwords are removed as soon as they were shown");
    second.down().await;
    drop(second);

    let third = start().await.unwrap();
    assert!(third.generated_accounts().is_empty(), "the passwords are shown once");
    assert_logs_in(&third, &accounts[0]).await;
    third.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn start_without_a_database_creates_no_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let mut private_postgres = persistent(Design::Token, folder.path());
    private_postgres.backing = Backing::Local;
    let error = Cluster::start(private_postgres).await.unwrap_err().to_string();
    assert!(error.contains("--backing embedded"), "{error}");
    assert!(!folder.path().join("users.json").exists());
}

/// The accounts of a database stay as they are, so a start neither shows nor accepts passwords
/// that would not work.
#[tokio::test(flavor = "multi_thread")]
async fn earlier_accounts_keep_their_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let start = async |users| {
        let topology = persistent(Design::Token, folder.path());
        Cluster::start(Topology { users, ..topology }).await
    };
    let given = |password: &str| Users::WithPassword(Secret::new(password));
    let alice = |password: &str| GeneratedAccount {
        username: "alice".to_owned(),
        password: password.to_owned(),
    };
    for _first_and_again in 0..2 {
        let cluster = start(given("correct-horse")).await.unwrap();
        assert_logs_in(&cluster, &alice("correct-horse")).await;
        cluster.down().await;
    }
    let error = start(given("another-horse")).await.expect_err("it would not work");
    assert!(format!("{error:#}").contains("leave out --password"), "{error:#}");
    let cluster = start(Users::Generated).await.unwrap();
    assert!(cluster.generated_accounts().is_empty() && cluster.keeps_earlier_accounts());
    assert_logs_in(&cluster, &alice("correct-horse")).await;
    cluster.down().await;
}

/// The uploads would end with the store, and the records would still list them.
#[tokio::test(flavor = "multi_thread")]
async fn private_s3_store_is_refused_with_a_lasting_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let topology = persistent(Design::Token, folder.path());
    let error = Cluster::start(Topology { files: Files::S3, ..topology }).await;
    let error = format!("{:#}", error.expect_err("FILES_URL is not set"));
    assert!(error.contains("FILES_URL"), "{error}");
}

//! The password of the servers' role: random if the owner's URL has none.

use crate::schema::eight_at_once;
use crate::store::private_postgres;
use backing_services::Service;
use hmac::{Hmac, KeyInit, Mac};
use records::{PoolLimits, Records};
use sha2::Sha256;
use sqlx::{AnyConnection, Connection, Executor};
use upload_domain::hex::hex;
use url::Url;

/// A Postgres that trusts its owner without a password and asks every other role for one.
async fn trusting_its_owner() -> Option<(Service, String)> {
    let server = private_postgres().await?;
    let mut url = Url::parse(&server.url).unwrap();
    let mut owner = AnyConnection::connect(&server.url).await.unwrap();
    let file: String = sqlx::query_scalar("SELECT current_setting('hba_file')")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    let rules = std::fs::read_to_string(&file).unwrap();
    let user = url.username().to_owned();
    std::fs::write(&file, format!("host all {user} 127.0.0.1/32 trust\n{rules}"))
        .unwrap();
    owner.execute("SELECT pg_reload_conf()").await.unwrap();
    url.set_password(None).unwrap();
    for _ in 0..200 {
        if AnyConnection::connect(url.as_str()).await.is_ok() {
            return Some((server, url.to_string()));
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the server did not reload its rules");
}

/// The password that older programs derived from the server's identifier alone, which every
/// role can read.
async fn guessed(server: &Service) -> String {
    let mut owner = AnyConnection::connect(&server.url).await.unwrap();
    let identifier = "SELECT system_identifier::text FROM pg_control_system()";
    let identifier: String =
        sqlx::query_scalar(identifier).fetch_one(&mut owner).await.unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"").unwrap();
    mac.update(format!("upload_app on {identifier}").as_bytes());
    hex(&mac.finalize().into_bytes())
}

fn password(url: &str) -> String {
    Url::parse(url).unwrap().password().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn role_of_a_passwordless_owner_gets_random_password() {
    let Some((server, owner_url)) = trusting_its_owner().await else { return };
    let first = Records::migrate(&owner_url).await.unwrap().app_url;
    let guess = guessed(&server).await;
    assert_ne!(password(&first), guess);
    assert_eq!(password(&first).len(), 64, "32 bytes in hexadecimal");
    let mut guessed_url = Url::parse(&first).unwrap();
    guessed_url.set_password(Some(&guess)).unwrap();
    assert!(AnyConnection::connect(guessed_url.as_str()).await.is_err());
    let records = Records::open(&first, PoolLimits::default()).await.unwrap();
    // A second migration does not change the password of running programs.
    assert_eq!(Records::migrate(&owner_url).await.unwrap().app_url, first);
    records.now().await.unwrap();
    // The servers' role cannot read it.
    let mut app = AnyConnection::connect(&first).await.unwrap();
    let read = app.fetch_all("SELECT value FROM owner_secrets").await;
    assert!(read.is_err_and(|error| error.to_string().contains("permission denied")));
}

/// Postgres logs a statement that fails, and with `log_statement` every statement.
#[tokio::test(flavor = "multi_thread")]
async fn log_of_postgres_contains_no_password_of_the_role() {
    let Some(server) = private_postgres().await else { return };
    let mut owner = AnyConnection::connect(&server.url).await.unwrap();
    owner.execute("ALTER SYSTEM SET log_statement = 'all'").await.unwrap();
    owner.execute("SELECT pg_reload_conf()").await.unwrap();
    owner.close().await.unwrap();
    let app_url = Records::migrate(&server.url).await.unwrap().app_url;
    AnyConnection::connect(&app_url).await.unwrap();
    let log = std::fs::read_to_string(server.log().unwrap()).unwrap();
    assert!(log.contains("CREATE ROLE upload_app"), "the statement is logged");
    assert!(!log.contains(&password(&app_url)), "its password is not");
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_migrations_without_password_agree_on_one() {
    let Some((_server, owner_url)) = trusting_its_owner().await else { return };
    eight_at_once(&owner_url).await;
}

/// The role belongs to the server and the password to one database: a second database must
/// not change it under the programs of the first.
#[tokio::test(flavor = "multi_thread")]
async fn second_database_without_password_is_refused_with_a_remedy() {
    let Some((server, owner_url)) = trusting_its_owner().await else { return };
    let first = Records::migrate(&owner_url).await.unwrap().app_url;
    let mut owner = AnyConnection::connect(&server.url).await.unwrap();
    owner.execute("CREATE DATABASE another").await.unwrap();
    let other = owner_url.replace("/postgres", "/another");
    let error = Records::migrate(&other).await.unwrap_err().to_string();
    assert!(error.contains("upload_app") && error.contains("password"), "{error}");
    AnyConnection::connect(&first).await.unwrap();
}

/// A program before this rule gave the role the password that can be computed.
#[tokio::test(flavor = "multi_thread")]
async fn computable_password_of_an_older_program_is_replaced() {
    let Some((server, owner_url)) = trusting_its_owner().await else { return };
    let guess = guessed(&server).await;
    let mut owner = AnyConnection::connect(&server.url).await.unwrap();
    let create = format!("CREATE ROLE upload_app LOGIN PASSWORD '{guess}'");
    owner.execute(sqlx::AssertSqlSafe(create)).await.unwrap();
    let url = Records::migrate(&owner_url).await.unwrap().app_url;
    assert_ne!(password(&url), guess);
    AnyConnection::connect(&url).await.unwrap();
}

//! The images themselves, started by somebody else's library: they behave like the ones
//! whose names they have, so whoever has a registry may pull those instead.
//!
//! Behind the feature `containers`, which `.ci/run` turns on: it needs a Docker engine, the
//! images of `scripts/images`, and a client that takes a while to build.

use crate::support::{DEADLINE, ask_database, ask_redis};
use std::time::Instant;
use testcontainers::core::{ContainerPort, IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};

/// Where it is reached now: a new start takes a new port.
async fn address(
    container: &ContainerAsync<GenericImage>,
    port: ContainerPort,
) -> String {
    let port = container.get_host_port_ipv4(port).await.expect("a published port");
    format!("127.0.0.1:{port}")
}

/// Asks until there is an answer.
async fn eventually(mut ask: impl AsyncFnMut() -> Option<String>) -> String {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "it never answered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_of_redis_is_paused_crashed_and_started_again_with_its_data() {
    let port = 6379.tcp();
    let ready = WaitFor::message_on_stdout("Ready to accept connections");
    let image = GenericImage::new("redis", "7-bookworm");
    let image = image.with_exposed_port(port).with_wait_for(ready);
    let command = "redis-server --bind 0.0.0.0 --protected-mode no --appendonly yes";
    let redis = image.with_cmd(command.split(' ')).start().await.unwrap();
    let url = format!("redis://{}", address(&redis, port).await);
    eventually(async || ask_redis(&url, &["SET", "a", "1"]).await).await;
    redis.pause().await.unwrap();
    assert_eq!(ask_redis(&url, &["PING"]).await, None, "it hangs");
    redis.unpause().await.unwrap();
    eventually(async || ask_redis(&url, &["PING"]).await).await;
    redis.stop_with_timeout(Some(0)).await.unwrap();
    assert_eq!(ask_redis(&url, &["PING"]).await, None, "it is dead");
    redis.start().await.unwrap();
    let url = format!("redis://{}", address(&redis, port).await);
    assert_eq!(eventually(async || ask_redis(&url, &["GET", "a"]).await).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_of_postgres_is_paused_crashed_and_started_again_with_its_data() {
    let port = 5432.tcp();
    let ready = WaitFor::message_on_stderr("ready to accept connections");
    let image = GenericImage::new("postgres", "15-bookworm");
    let image = image.with_exposed_port(port).with_wait_for(ready);
    let image = image.with_env_var("POSTGRES_USER", "lab");
    let image = image.with_env_var("POSTGRES_DB", "records");
    let image = image.with_env_var("POSTGRES_PASSWORD", "correct-horse");
    let postgres = image.start().await.unwrap();
    let url_at = |address| format!("postgres://lab:correct-horse@{address}/records");
    let url = url_at(address(&postgres, port).await);
    let ask = async |url: &str, sql: &str| ask_database(url, sql).await;
    eventually(async || ask(&url, "CREATE TABLE IF NOT EXISTS kept (word TEXT)").await)
        .await;
    ask(&url, "INSERT INTO kept VALUES ('here')").await.unwrap();
    postgres.pause().await.unwrap();
    assert_eq!(ask(&url, "SELECT word FROM kept").await, None, "it hangs");
    postgres.unpause().await.unwrap();
    postgres.stop_with_timeout(Some(0)).await.unwrap();
    assert_eq!(ask(&url, "SELECT word FROM kept").await, None, "it is dead");
    postgres.start().await.unwrap();
    let url = url_at(address(&postgres, port).await);
    assert_eq!(
        eventually(async || ask(&url, "SELECT word FROM kept").await).await,
        "here"
    );
    let stranger = url.replace("correct-horse", "wrong");
    assert_eq!(ask(&stranger, "SELECT 'in'").await, None, "it asks for a password");
}

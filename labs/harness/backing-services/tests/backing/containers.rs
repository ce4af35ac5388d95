//! Tests of the images with the testcontainers library: the built images behave like the
//! official images with the same names, which can be pulled instead.
//!
//! They need the feature `containers`, which `.ci/run` enables, because they need a Docker
//! engine, the images of `scripts/images`, and a client that takes long to build.

use crate::support::{EVENT_TIMEOUT, assert_no_reply, query_database, query_redis};
use std::time::Instant;
use testcontainers::core::{ContainerPort, IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};

/// The current address: every start gets a new port.
async fn address(
    container: &ContainerAsync<GenericImage>,
    port: ContainerPort,
) -> String {
    let port = container.get_host_port_ipv4(port).await.expect("a published port");
    format!("127.0.0.1:{port}")
}

/// Repeats a query until it gets a reply.
async fn eventually(mut query: impl AsyncFnMut() -> Option<String>) -> String {
    let deadline = Instant::now() + EVENT_TIMEOUT;
    loop {
        if let Some(reply) = query().await {
            return reply;
        }
        assert!(Instant::now() < deadline, "no reply in time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_container_keeps_data_after_pause_and_crash() {
    let port = 6379.tcp();
    let ready = WaitFor::message_on_stdout("Ready to accept connections");
    let image = GenericImage::new("redis", "7-bookworm");
    let image = image.with_exposed_port(port).with_wait_for(ready);
    let command = "redis-server --bind 0.0.0.0 --protected-mode no --appendonly yes";
    let redis = image.with_cmd(command.split(' ')).start().await.unwrap();
    let url = format!("redis://{}", address(&redis, port).await);
    eventually(async || query_redis(&url, &["SET", "a", "1"]).await).await;
    redis.pause().await.unwrap();
    assert_no_reply(query_redis(&url, &["PING"])).await;
    redis.unpause().await.unwrap();
    eventually(async || query_redis(&url, &["PING"]).await).await;
    redis.stop_with_timeout(Some(0)).await.unwrap();
    assert_eq!(query_redis(&url, &["PING"]).await, None, "it is down");
    redis.start().await.unwrap();
    let url = format!("redis://{}", address(&redis, port).await);
    assert_eq!(eventually(async || query_redis(&url, &["GET", "a"]).await).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_container_keeps_data_after_pause_and_crash() {
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
    let query = async |url: &str, sql: &str| query_database(url, sql).await;
    eventually(async || query(&url, "CREATE TABLE IF NOT EXISTS kept (word TEXT)").await)
        .await;
    query(&url, "INSERT INTO kept VALUES ('here')").await.unwrap();
    postgres.pause().await.unwrap();
    assert_no_reply(query(&url, "SELECT word FROM kept")).await;
    postgres.unpause().await.unwrap();
    postgres.stop_with_timeout(Some(0)).await.unwrap();
    assert_eq!(query(&url, "SELECT word FROM kept").await, None, "it is down");
    postgres.start().await.unwrap();
    let url = url_at(address(&postgres, port).await);
    assert_eq!(
        eventually(async || query(&url, "SELECT word FROM kept").await).await,
        "here"
    );
    let wrong_password = url.replace("correct-horse", "wrong");
    let reply = query(&wrong_password, "SELECT 'in'").await;
    assert_eq!(reply, None, "it requires the password");
}

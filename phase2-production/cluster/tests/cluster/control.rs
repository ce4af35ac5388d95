//! Orders from another terminal.

use crate::support::{member, program, start};
use cluster::control::client::ControlClient;
use cluster::control::server::ControlServer;
use cluster::orders::Order;
use cluster::status::ProcessState;
use cluster::{Design, RunDir};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A name that no other test has.
fn name() -> String {
    format!("test-{}", &uuid::Uuid::new_v4().simple().to_string()[..12])
}

#[tokio::test]
async fn orders_reach_the_cluster_by_its_name() {
    let (name, cluster) = (name(), Arc::new(start(Design::Stateful, 1).await));
    let folder = RunDir::create(&program()).unwrap();
    let server = ControlServer::bind(&name, &folder).await.unwrap();
    let launcher = {
        let cluster = Arc::clone(&cluster);
        tokio::spawn(async move {
            server.obey(Arc::clone(&cluster), std::future::pending()).await;
            cluster.down().await;
        })
    };
    let client = ControlClient::find(&name).await.unwrap().expect("it is up");
    client.order("r1", Order::Kill).await.unwrap();
    assert_eq!(member(&client.status().await.unwrap(), "r1").state, ProcessState::Down);
    assert_eq!(client.add().await.unwrap(), "r2");
    let refused = client.order("r9", Order::Kill).await.unwrap_err().to_string();
    assert!(refused.contains("there is no r9"), "{refused}");

    drop(cluster);
    client.down().await.unwrap();
    launcher.await.unwrap();
    assert!(ControlClient::find(&name).await.unwrap().is_none());
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let (name, cluster) = (name(), Arc::new(start(Design::Stateful, 1).await));
    let folder = RunDir::create(&program()).unwrap();
    let server = ControlServer::bind(&name, &folder).await.unwrap();
    let launcher =
        tokio::spawn(server.obey(Arc::clone(&cluster), std::future::pending()));
    let refused = ControlServer::bind(&name, &folder).await.unwrap_err().to_string();
    assert!(refused.contains("lab down"), "{refused}");
    launcher.abort();
    cluster.down().await;
}

#[tokio::test]
async fn a_launcher_that_is_there_and_silent_is_not_taken_for_absent() {
    let name = name();
    let folder = RunDir::create(&program()).unwrap();
    // It takes connections, like a launcher that was stopped, and obeys nobody.
    let silent = ControlServer::bind(&name, &folder).await.unwrap();
    let asked = Instant::now();
    let pid = std::process::id();
    let Err(error) = ControlClient::find(&name).await else {
        panic!("it was not noticed");
    };
    let says = format!("the launcher of {name} (process {pid}) does not answer");
    assert!(error.to_string().contains(&says), "{error}");
    assert!(asked.elapsed() < Duration::from_secs(10));
    let second = ControlServer::bind(&name, &folder).await.unwrap_err().to_string();
    assert!(second.contains(&says), "{second}");
    drop(silent);
    assert!(ControlClient::find(&name).await.unwrap().is_none());
}

#[tokio::test]
async fn whoever_does_not_know_the_token_or_comes_under_another_name_is_refused() {
    let (name, cluster) = (name(), Arc::new(start(Design::Stateful, 1).await));
    let folder = RunDir::create(&program()).unwrap();
    let server = ControlServer::bind(&name, &folder).await.unwrap();
    let (url, token) = server.address_and_token();
    let stop = tokio_util::sync::CancellationToken::new();
    let launcher = {
        let (cluster, stop) = (Arc::clone(&cluster), stop.clone());
        tokio::spawn(async move { server.obey(cluster, stop.cancelled_owned()).await })
    };
    http_edge::crypto::choose();
    let http = reqwest::Client::new();
    let status = format!("{url}/status");
    let bare = http.get(&status).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    json_schemas::assert_valid(&bare.json().await.unwrap());
    let guess = http.get(&status).bearer_auth("guess").send().await.unwrap();
    assert_eq!(guess.status(), 401);
    let rebound = http.get(&status).bearer_auth(&token).header("host", "evil.example");
    assert_eq!(rebound.send().await.unwrap().status(), 401);
    let ours = http.get(&status).bearer_auth(&token).send().await.unwrap();
    assert_eq!(ours.status(), 200);
    json_schemas::assert_valid(&ours.json().await.unwrap());
    let down = http.post(format!("{url}/down")).bearer_auth(&token).send().await.unwrap();
    json_schemas::assert_valid(&down.json().await.unwrap());
    stop.cancel();
    launcher.await.unwrap();
    cluster.down().await;
}

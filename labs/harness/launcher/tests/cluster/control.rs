//! The control API: commands from another terminal.

use crate::support::{member, start};
use launcher::commands::MemberAction;
use launcher::control::client::ControlClient;
use launcher::control::server::ControlServer;
use launcher::status::ProcessState;
use launcher::{RunDir, ServerKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A unique cluster name.
fn unique_name() -> String {
    format!("test-{}", &uuid::Uuid::new_v4().simple().to_string()[..12])
}

#[tokio::test]
async fn commands_reach_the_cluster_by_its_name() {
    let (name, cluster) = (unique_name(), Arc::new(start(ServerKind::Stateful, 1).await));
    let folder = RunDir::create().unwrap();
    let server = ControlServer::bind(&name, &folder).await.unwrap();
    let launcher = {
        let cluster = Arc::clone(&cluster);
        tokio::spawn(async move {
            server.serve(Arc::clone(&cluster), std::future::pending()).await;
            cluster.down().await;
        })
    };
    let client = ControlClient::find(&name).await.unwrap().expect("the cluster is up");
    client.execute("r1", MemberAction::Kill).await.unwrap();
    assert_eq!(member(&client.status().await.unwrap(), "r1").state, ProcessState::Down);
    assert_eq!(client.add().await.unwrap(), "r2");
    let refused = client.execute("r9", MemberAction::Kill).await.unwrap_err().to_string();
    assert!(refused.contains("there is no r9"), "{refused}");

    drop(cluster);
    client.down().await.unwrap();
    launcher.await.unwrap();
    assert!(ControlClient::find(&name).await.unwrap().is_none());
}

#[tokio::test]
async fn second_launcher_of_a_name_is_refused() {
    let (name, cluster) = (unique_name(), Arc::new(start(ServerKind::Stateful, 1).await));
    let folder = RunDir::create().unwrap();
    let server = ControlServer::bind(&name, &folder).await.unwrap();
    let launcher =
        tokio::spawn(server.serve(Arc::clone(&cluster), std::future::pending()));
    let refused = ControlServer::bind(&name, &folder).await.unwrap_err().to_string();
    assert!(refused.contains("lab down"), "{refused}");
    launcher.abort();
    cluster.down().await;
}

#[tokio::test]
async fn unresponsive_launcher_is_not_treated_as_absent() {
    let name = unique_name();
    let folder = RunDir::create().unwrap();
    // It accepts connections without an answer, like a launcher after SIGSTOP.
    let unresponsive = ControlServer::bind(&name, &folder).await.unwrap();
    let began = Instant::now();
    let pid = std::process::id();
    let Err(error) = ControlClient::find(&name).await else {
        panic!("the unresponsive launcher was not detected");
    };
    let expected = format!("the launcher of {name} (process {pid}) does not answer");
    assert!(error.to_string().contains(&expected), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
    let second = ControlServer::bind(&name, &folder).await.unwrap_err().to_string();
    assert!(second.contains(&expected), "{second}");
    drop(unresponsive);
    assert!(ControlClient::find(&name).await.unwrap().is_none());
}

/// The connection is accepted and closed: this shows no end of the launcher.
#[tokio::test]
async fn launcher_that_answers_nothing_is_not_treated_as_absent() {
    let (name, folder) = (unique_name(), RunDir::create().unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let control = serde_json::json!({
        "name": name, "pid": 4711, "address": address, "token": "x"
    });
    folder.write_private("control.json", control.to_string().as_bytes()).unwrap();
    let launcher = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(connection);
        }
    });
    let Err(error) = ControlClient::find(&name).await else {
        panic!("a launcher without an answer counts as found or as absent");
    };
    let expected = format!("cannot ask the launcher of {name} (process 4711)");
    assert!(error.to_string().contains(&expected), "{error:#}");
    launcher.abort();
    launcher.await.unwrap_err();
    assert!(ControlClient::find(&name).await.unwrap().is_none());
}

#[tokio::test]
async fn missing_token_and_foreign_host_are_refused() {
    let (name, cluster) = (unique_name(), Arc::new(start(ServerKind::Stateful, 1).await));
    let folder = RunDir::create().unwrap();
    let server = ControlServer::bind(&name, &folder).await.unwrap();
    let (url, token) = server.address_and_token();
    let stop = tokio_util::sync::CancellationToken::new();
    let launcher = {
        let (cluster, stop) = (Arc::clone(&cluster), stop.clone());
        tokio::spawn(async move { server.serve(cluster, stop.cancelled_owned()).await })
    };
    let http = client::Options::default().build();
    let status = format!("{url}/status");
    let without_token = http.get(&status).send().await.unwrap();
    assert_eq!(without_token.status(), 401);
    json_schemas::assert_valid(&without_token.json().await.unwrap());
    let wrong_token = http.get(&status).bearer_auth("guess").send().await.unwrap();
    assert_eq!(wrong_token.status(), 401);
    let foreign_host =
        http.get(&status).bearer_auth(&token).header("host", "evil.example");
    assert_eq!(foreign_host.send().await.unwrap().status(), 401);
    let valid = http.get(&status).bearer_auth(&token).send().await.unwrap();
    assert_eq!(valid.status(), 200);
    json_schemas::assert_valid(&valid.json().await.unwrap());
    let down = http.post(format!("{url}/down")).bearer_auth(&token).send().await.unwrap();
    json_schemas::assert_valid(&down.json().await.unwrap());
    stop.cancel();
    launcher.await.unwrap();
    cluster.down().await;
}

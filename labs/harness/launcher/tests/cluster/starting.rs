//! Starting a cluster: all processes start, or none remains and the error is clear.

use crate::support::{alice, member, seen_as, start, topology, until};
use api_contract::files::ListQuery;
use api_contract::paths;
use client::{AuthScheme, Client};
use http::Method;
use launcher::{Cluster, ServerKind, Users};
use load_balancer::status::BackendState;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

#[tokio::test]
async fn started_cluster_answers_through_its_balancer() {
    for design in [ServerKind::Stateful, ServerKind::Stateless] {
        let cluster = start(design, 2).await;
        let client = Client::new(&cluster.url());
        let readyz = client.request(Method::GET, paths::READYZ);
        assert_eq!(client.send(readyz).await.unwrap().status, 200);
        let status = cluster.status().await;
        assert!(seen_as(&status, "r1", BackendState::Up));
        assert!(seen_as(&status, "r2", BackendState::Up));
        cluster.down().await;
    }
}

#[tokio::test]
async fn added_replica_gets_the_next_id_and_requests() {
    let cluster = start(ServerKind::Stateless, 1).await;
    assert_eq!(cluster.add().await.unwrap(), "r2");
    let client = Client::new(&cluster.url());
    for _ in 0..4 {
        client.send(client.request(Method::GET, paths::READYZ)).await.unwrap();
    }
    until(&cluster, "both replicas have served requests", |status| {
        ["r1", "r2"]
            .iter()
            .all(|id| member(status, id).balancer.is_some_and(|seen| seen.served >= 2))
    })
    .await;
    cluster.down().await;
}

#[tokio::test]
async fn replica_ids_are_never_reused() {
    let folder = tempfile::tempdir().unwrap();
    let (users, aside) = (folder.path().join("users.json"), folder.path().join("aside"));
    let given = [("alice", "correct-horse")];
    users_file::write(&users, &given, HashCost::Owasp).unwrap();
    let mut topology = topology(ServerKind::Stateful, 1);
    topology.users = Users::File(users.clone());
    let cluster = Cluster::start(topology).await.unwrap();
    std::fs::rename(&users, &aside).unwrap();
    assert!(cluster.add().await.is_err());
    std::fs::rename(&aside, &users).unwrap();
    assert_eq!(
        cluster.add().await.unwrap(),
        "r3",
        "the id r2 was used by the failed start"
    );
    assert_eq!(cluster.replica_ids(), ["r1", "r3"]);
    cluster.down().await;
}

#[tokio::test]
async fn replicas_share_the_key_that_signs_tokens() {
    let cluster = start(ServerKind::Stateless, 2).await;
    let client = Client::new(&cluster.url());
    let login = client.log_in(AuthScheme::Token, &alice()).await.done().unwrap();
    for _ in 0..4 {
        let list = client.list(&login.body.credential, &ListQuery::default()).await;
        assert_eq!(list.status().unwrap(), 200);
    }
    cluster.down().await;
}

#[tokio::test]
async fn failed_start_reports_the_error_of_the_replica() {
    let mut topology = topology(ServerKind::Stateful, 2);
    topology.users = Users::File("/nonexistent/users.json".into());
    let error = Cluster::start(topology).await.unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("cannot read the users file"), "{text}");
}

#[tokio::test]
async fn taken_port_is_reported_with_a_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut topology = topology(ServerKind::Stateful, 1);
    topology.listen = taken.local_addr().unwrap();
    let text = format!("{:#}", Cluster::start(topology).await.unwrap_err());
    assert!(text.contains("another program has this port"), "{text}");
}

//! The sticky design behind its balancer, for a client that keeps cookies.

use crate::cluster::TestCluster;
use crate::stores::{StoreKind, TestStores};
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use client::{Client, Credential, Options, Upload};

fn browser(cluster: &TestCluster) -> Client {
    let options = Options { keep_cookies: true, ..Options::default() };
    Client::with(&cluster.url, options)
}

#[tokio::test]
async fn browser_returns_to_the_replica_of_its_session() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let mut cluster = TestCluster::start(&stores, "sticky", &[]).await?;
    let browser = browser(&cluster);
    let started = browser.log_in_session(&stores.fixture.alice).await.done()?;
    let replica_id = started.served_by().map(str::to_owned);
    let alice = Credential::Session(started.body.session_id);
    for number in 0..6 {
        let file = Upload::new(format!("{number}.txt"), "on the same replica");
        let reply = browser.upload(&alice, &file).await.done()?;
        assert_eq!(reply.served_by().map(str::to_owned), replica_id);
    }
    let owner = cluster
        .replicas
        .iter_mut()
        .find(|replica| Some(&replica.server.ready().replica_id) == replica_id.as_ref());
    owner.expect("a replica of that name").server.kill_9()?;
    let refused = loop {
        let listing = browser.list(&alice, &ListQuery::default()).await;
        // Before the balancer notices the failure, it may send the request to the dead
        // replica.
        match listing.status()?.as_u16() {
            502 | 503 => tokio::task::yield_now().await,
            _ => break listing,
        }
    };
    refused.refused_as(ProblemKind::SessionUnknown)?;
    Ok(())
}

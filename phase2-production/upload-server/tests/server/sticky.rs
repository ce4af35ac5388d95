//! The sticky design behind its balancer: for a client that keeps its cookies.

use crate::farm::Farm;
use crate::on::{Stores, World};
use api_conformance::client::{Client, Options};
use api_conformance::form::Upload;
use api_conformance::proof::Proof;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;

fn browser(farm: &Farm) -> Client {
    let options = Options { keep_cookies: true, ..Options::default() };
    Client::with(&farm.url, options)
}

#[tokio::test]
async fn a_browser_comes_back_to_the_replica_that_knows_it() -> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, false).await?;
    let mut farm = Farm::start(&world, "sticky", &[]).await?;
    let browser = browser(&farm);
    let started = browser.log_in_session(&world.fixture.alice).await.done()?;
    let home = started.served_by().map(str::to_owned);
    let alice = Proof::Session(started.body.session_id);
    for number in 0..6 {
        let file = Upload::new(format!("{number}.txt"), "by the same replica");
        let reply = browser.upload(&alice, &file).await.done()?;
        assert_eq!(reply.served_by().map(str::to_owned), home);
    }
    let known = farm
        .replicas
        .iter_mut()
        .find(|replica| Some(&replica.server.ready().replica_id) == home.as_ref());
    known.expect("a replica of that name").server.kill_9()?;
    let refused = loop {
        let listing = browser.list(&alice, &ListQuery::default()).await;
        // Until the balancer has noticed, the request may meet the dead one.
        match listing.status()?.as_u16() {
            502 | 503 => tokio::task::yield_now().await,
            _ => break listing,
        }
    };
    refused.refused_as(ProblemKind::SessionUnknown)?;
    Ok(())
}

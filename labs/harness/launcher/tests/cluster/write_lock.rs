//! SQLite has one writer at a time: a replica that is paused with the write lock would stop the
//! writes of all others.

use crate::support::{alice, start_with};
use client::{AuthScheme, Client, Credential, Upload};
use http::StatusCode;
use launcher::commands::MemberAction;
use launcher::{Backing, Cluster, Design};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PAUSES: usize = 15;

/// The longest time until another replica has stored a file. A busy machine is slow, but a lock
/// that a paused replica holds is never released.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// The replicas, and a token that all of them accept.
struct Target {
    replicas: Vec<Client>,
    token: Credential,
}

impl Target {
    async fn of(cluster: &Cluster) -> Self {
        let balancer = Client::new(&cluster.url());
        let login = balancer.log_in(AuthScheme::Token, &alice()).await.done();
        let token = login.expect("a token").body.credential;
        let members = cluster.status().await.members;
        let replicas = members.iter().skip(1).filter_map(|one| one.address);
        let replicas = replicas.map(|address| Client::new(&format!("http://{address}")));
        Self { replicas: replicas.collect(), token }
    }

    async fn upload(&self, replica: usize) -> Option<StatusCode> {
        let file = Upload::new("a.txt", "text");
        self.replicas[replica].upload(&self.token, &file).await.status().ok()
    }

    /// Whether a replica stores a file, at the first attempt or at a later one.
    async fn stores(&self, replica: usize) -> bool {
        let deadline = Instant::now() + WRITE_TIMEOUT;
        while Instant::now() < deadline {
            if self.upload(replica).await == Some(StatusCode::CREATED) {
                return true;
            }
        }
        false
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_replica_never_blocks_the_writes_of_others() {
    let cluster = start_with(Design::Token, 3, Backing::Embedded).await;
    let target = Arc::new(Target::of(&cluster).await);
    let ended = Arc::new(AtomicBool::default());
    let load: Vec<_> = [0, 1, 1, 1, 2]
        .map(|replica| {
            let (target, ended) = (Arc::clone(&target), Arc::clone(&ended));
            tokio::spawn(async move {
                while !ended.load(Ordering::Relaxed) {
                    target.upload(replica).await;
                }
            })
        })
        .into();
    let mut blocked = 0;
    for _ in 0..PAUSES {
        tokio::time::sleep(Duration::from_millis(150)).await;
        cluster.execute("r2", MemberAction::Pause).await.unwrap();
        for replica in [0, 2] {
            blocked += usize::from(!target.stores(replica).await);
        }
        cluster.execute("r2", MemberAction::Resume).await.unwrap();
    }
    ended.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
    assert_eq!(blocked, 0, "blocked writes in {PAUSES} pauses");
    cluster.down().await;
}

//! Whatever way a cluster ends, nothing of it is left. (That a launcher killed with
//! SIGKILL leaves nothing either is tested where the launcher is a process: `lab`.)

use crate::support::{pids, start, topology, until_gone};
use cluster::orders::Order;
use cluster::{Cluster, Design, Users};

#[tokio::test]
async fn an_orderly_end_leaves_no_process_and_no_folder() {
    let cluster = start(Design::Stateful, 2).await;
    let (pids, folder) = (pids(&cluster.status().await), cluster.run_dir().to_owned());
    assert_eq!(pids.len(), 3);
    cluster.down().await;
    drop(cluster);
    until_gone(&pids, &folder).await;
}

#[tokio::test]
async fn a_cluster_that_is_dropped_takes_even_its_paused_replicas_with_it() {
    let cluster = start(Design::Stateless, 2).await;
    let (pids, folder) = (pids(&cluster.status().await), cluster.run_dir().to_owned());
    cluster.order("r1", Order::Pause).await.unwrap();
    drop(cluster);
    until_gone(&pids, &folder).await;
}

#[tokio::test]
async fn data_in_a_folder_that_was_given_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let mut topology = topology(Design::Stateful, 1);
    topology.data_dir = Some(data.path().to_owned());
    topology.users = Users::Fresh;
    let first = Cluster::start(topology.clone()).await.unwrap();
    assert_eq!(first.fresh_accounts().len(), 3);
    first.down().await;
    drop(first);
    assert!(data.path().join("files").exists());

    let second = Cluster::start(topology).await.unwrap();
    assert!(second.fresh_accounts().is_empty(), "the accounts are those of before");
    second.down().await;
}

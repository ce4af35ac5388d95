//! Tests of whole clusters of containers: three replicas, a balancer, Redis and Postgres on a
//! private network, with the faults of machines and networks.
//!
//! `engine` controls Docker, `images` makes the images of the programs, `container` is one
//! container, `test_cluster` a cluster of them, `virtual_users` its users. Then one file for
//! each guarantee: `logins`, `uploads`, `updates`. Every test runs with the lab's balancer and
//! with HAProxy and the shipped configuration.

mod container;
mod engine;
mod images;
mod test_cluster;
mod virtual_users;

/// Makes two tests of each function: with the lab's balancer, and with HAProxy.
macro_rules! behind_both {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            use $crate::containers::test_cluster::Balancer;
            use $crate::containers::images;

            #[tokio::test(flavor = "multi_thread")]
            async fn behind_lab_balancer() -> anyhow::Result<()> {
                if !images::are_available().await {
                    return Ok(());
                }
                super::$test(Balancer::Lab).await
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn behind_haproxy() -> anyhow::Result<()> {
                if !images::are_available().await {
                    return Ok(());
                }
                super::$test(Balancer::HaProxy).await
            }
        }
    )+};
}

mod logins;
mod updates;
mod uploads;

//! Whole systems of containers: three replicas, a balancer, Redis and Postgres on a private
//! network, broken the way machines break.
//!
//! `engine` talks to Docker, `images` makes sure of the programs, `parts` are the
//! containers, `fleet` is a system of them, `callers` are the people who use it. Then one
//! file for each thing that is promised: `sessions`, `uploads`, `updates`. Every promise is
//! tried behind our balancer and behind HAProxy with the configuration that is shipped.

mod callers;
mod engine;
mod fleet;
mod images;
mod parts;

/// Makes two tests of each promise: behind our balancer, and behind HAProxy.
macro_rules! behind_both {
    ($($promise:ident),+ $(,)?) => {$(
        mod $promise {
            use $crate::containers::fleet::Front;
            use $crate::containers::images;

            #[tokio::test(flavor = "multi_thread")]
            async fn behind_ours() -> anyhow::Result<()> {
                if !images::are_here().await {
                    return Ok(());
                }
                super::$promise(Front::Ours).await
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn behind_haproxy() -> anyhow::Result<()> {
                if !images::are_here().await {
                    return Ok(());
                }
                super::$promise(Front::HaProxy).await
            }
        }
    )+};
}

mod sessions;
mod updates;
mod uploads;

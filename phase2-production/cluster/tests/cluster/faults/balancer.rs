//! The one thing that everybody passes: fault 7 of the matrix.

use crate::stage::on_stage;
use cluster::Design;
use cluster::orders::Order;

/// Fault 7: requests that were under way are lost with it, and nothing else is.
#[test]
fn a_crowd_goes_on_as_if_nothing_had_been_when_its_balancer_is_back() -> anyhow::Result<()>
{
    on_stage(Design::Central, async |scene| {
        let trial = scene.trial("a_crowd_goes_on", 7, 4);
        let crowd = trial.crowd(&scene.cluster.url());
        for _ in 0..2 {
            trial.until_all_are_served().await;
            let fault = trial.strike(scene, "lb", Order::Kill).await?;
            trial.mend(scene, fault, ("lb", Order::Restart)).await?;
        }
        let left = trial.finish(crowd).await;
        trial.judge(scene, &left).await.map(drop)
    })
}

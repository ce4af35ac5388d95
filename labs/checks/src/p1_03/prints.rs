//! Task 4: the queue in the process.

use super::shop::Shop;
use grader::{CheckContext, CheckError, CheckResult, Reply, require};
use serde_json::json;
use std::time::{Duration, Instant};

/// A printing time long enough to detect a reply that waits for it.
const LONG_PRINT_DURATION: Duration = Duration::from_millis(1500);

/// Printing time of a job that is interrupted by a kill.
const PRINT_DURATION: Duration = Duration::from_millis(600);

/// Maximum time to finish all jobs after a kill. The README promises less.
const READY_TIMEOUT: Duration = Duration::from_secs(8);

/// An accepted print job.
struct PrintJob {
    drawing: String,
    path: String,
    reply: Reply,
}

impl PrintJob {
    async fn new(shop: &Shop<'_>, url: &str) -> Result<Self, CheckError> {
        let drawing = format!("{} {}", shop.ctx.random_word(), shop.ctx.random_word());
        let reply = shop.post(url, "/api/prints", &json!({ "drawing": drawing })).await?;
        let reply = reply.expect(202, "`order` must return the number of the print")?;
        let path = format!("/api/prints/{}", reply.json()["print"]);
        Ok(Self { drawing, path, reply })
    }

    /// Polls until the print is finished.
    async fn wait_until_printed(
        &self,
        shop: &Shop<'_>,
        url: &str,
        help: &str,
    ) -> CheckResult {
        let deadline = Instant::now() + READY_TIMEOUT;
        let expected = format!("print of {}", self.drawing);
        shop.ctx.transcript().quiet(true);
        let mut last = shop.ctx.get(url, &self.path).send().await;
        while let Ok(reply) = &last
            && reply.json()["state"] == "waiting"
            && Instant::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
            last = shop.ctx.get(url, &self.path).send().await;
        }
        shop.ctx.transcript().quiet(false);
        let reply = last?;
        shop.ctx.note(format!("last reply to {} at {url}:", self.path));
        shop.ctx.note(format!("  {}", reply.shown()));
        let made = reply.json()["print"] == expected;
        let wanted = format!("{expected:?} within {} s", READY_TIMEOUT.as_secs());
        require(made, wanted, reply.shown(), help)
    }
}

pub(super) async fn print_is_accepted_immediately(ctx: &CheckContext) -> CheckResult {
    let shop = Shop::with_work(ctx, 2, LONG_PRINT_DURATION).await?;
    let [here, there] = [0, 1].map(|at: usize| shop.replicas[at].url());
    let job = PrintJob::new(&shop, &here).await?;
    let polled = ctx.get(&there, &job.path).send().await?;
    let (sent, accepted) = job.reply.at;
    if accepted - sent >= LONG_PRINT_DURATION {
        let expected = format!(
            "a reply within the {} ms that the print takes",
            LONG_PRINT_DURATION.as_millis()
        );
        let actual = "a later reply".to_owned();
        let help =
            "the customer must not wait for the print: which task makes it, and when?";
        return Err(CheckError::timed_out(expected, actual, help));
    }
    if polled.at.1 - sent >= LONG_PRINT_DURATION {
        return Err(CheckError::inconclusive(
            "this machine was too busy: the print may be finished already",
        ));
    }
    let help = "the other replica must know a print that is waiting or in progress";
    let polled = polled.expect(200, help)?;
    require(polled.json()["state"] == "waiting", "state waiting", polled.shown(), help)?;
    let help = "does a task process the print jobs?";
    job.wait_until_printed(&shop, &there, help).await
}

pub(super) async fn accepted_prints_outlive_their_replica(
    ctx: &CheckContext,
) -> CheckResult {
    let mut shop = Shop::with_work(ctx, 1, PRINT_DURATION).await?;
    let target = shop.any().clone();
    let first = PrintJob::new(&shop, &target.url()).await?;
    let last = PrintJob::new(&shop, &target.url()).await?;
    // One print is in progress and one is waiting. A design that processes them in
    // another way must not lose one either.
    let moment = Duration::from_millis(ctx.random_number(150, 300));
    tokio::time::sleep(moment).await;
    ctx.note(format!("… {} ms later", moment.as_millis()));
    target.kill().await;
    if last.reply.at.0.elapsed() >= PRINT_DURATION {
        return Err(CheckError::inconclusive(
            "this machine was too busy: the prints may be finished already",
        ));
    }
    let other = shop.add(PRINT_DURATION).await?;
    let help = "202 confirms that the print will be made, and the replica that sent it \
                is dead. Where were the waiting job and the job in progress stored? How \
                does another replica detect that a job has no worker?";
    for job in [first, last] {
        job.wait_until_printed(&shop, &other.url(), help).await?;
    }
    Ok(())
}

//! Task 4: the queue in the process.

use super::shop::Shop;
use grader::client::Reply;
use grader::{Exam, Outcome, Stop, require};
use serde_json::json;
use std::time::{Duration, Instant};

/// A print that takes so long that a reply which waits for it is seen.
const LONG: Duration = Duration::from_millis(1500);

/// A print in the middle of which a replica is killed.
const WORK: Duration = Duration::from_millis(600);

/// How long after a kill everything may take. The README promises less.
const PATIENCE: Duration = Duration::from_secs(8);

/// A print that was accepted.
struct Ordered {
    drawing: String,
    path: String,
    reply: Reply,
}

impl Ordered {
    async fn new(shop: &Shop<'_>, url: &str) -> Result<Self, Stop> {
        let drawing = format!("{} {}", shop.exam.word(), shop.exam.word());
        let reply = shop.post(url, "/api/prints", &json!({ "drawing": drawing })).await?;
        let reply = reply.expect(202, "`order` returns the number of the print")?;
        let path = format!("/api/prints/{}", reply.json()["print"]);
        Ok(Self { drawing, path, reply })
    }

    /// Asks until the print is there.
    async fn is_made(&self, shop: &Shop<'_>, url: &str, help: &str) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        let expected = format!("print of {}", self.drawing);
        shop.exam.transcript().quiet(true);
        let mut last = shop.exam.get(url, &self.path).send().await;
        while let Ok(reply) = &last
            && reply.json()["state"] == "waiting"
            && Instant::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
            last = shop.exam.get(url, &self.path).send().await;
        }
        shop.exam.transcript().quiet(false);
        let reply = last?;
        shop.exam.say(format!("{} of {url} says at last:", self.path));
        shop.exam.say(format!("  {}", reply.shown()));
        let made = reply.json()["print"] == expected;
        let wanted = format!("{expected:?} within {} s", PATIENCE.as_secs());
        require(made, wanted, reply.shown(), help)
    }
}

pub(super) async fn a_print_is_accepted_at_once(exam: &Exam) -> Outcome {
    let shop = Shop::with_work(exam, 2, LONG).await?;
    let [here, there] = [0, 1].map(|at: usize| shop.replicas[at].url());
    let ordered = Ordered::new(&shop, &here).await?;
    let look = exam.get(&there, &ordered.path).send().await?;
    let (sent, accepted) = ordered.reply.at;
    if accepted - sent >= LONG {
        let expected = format!("a reply before the {} ms of the print", LONG.as_millis());
        let actual = "a reply after that".to_owned();
        let help = "the customer does not wait for the print: who makes it, and when?";
        return Err(Stop::too_slow(expected, actual, help));
    }
    if look.at.1 - sent >= LONG {
        return Err(Stop::unsure("this machine was too busy: the print may be made"));
    }
    let help = "the other replica is asked, while the print is waiting or being made";
    let look = look.expect(200, help)?;
    require(look.json()["state"] == "waiting", "state waiting", look.shown(), help)?;
    let help = "is somebody making the prints?";
    ordered.is_made(&shop, &there, help).await
}

pub(super) async fn accepted_prints_outlive_their_replica(exam: &Exam) -> Outcome {
    let mut shop = Shop::with_work(exam, 1, WORK).await?;
    let victim = shop.any().clone();
    let first = Ordered::new(&shop, &victim.url()).await?;
    let last = Ordered::new(&shop, &victim.url()).await?;
    // One is being made, and one is waiting. Whoever makes them otherwise loses nothing
    // either.
    let moment = Duration::from_millis(exam.number(150, 300));
    tokio::time::sleep(moment).await;
    exam.say(format!("… {} ms later", moment.as_millis()));
    victim.kill().await;
    if last.reply.at.0.elapsed() >= WORK {
        return Err(Stop::unsure("this machine was too busy: the prints may be made"));
    }
    let other = shop.add(WORK).await?;
    let help = "202 was a promise, and the replica that made it is dead. Where was the order \
                at that moment: waiting, and being made? Who knows that nobody works on it?";
    for ordered in [first, last] {
        ordered.is_made(&shop, &other.url(), help).await?;
    }
    Ok(())
}

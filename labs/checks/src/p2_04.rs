//! p2-04, caches that disagree: a bound, a time, a cache for all, and messages.

mod bound;
mod lives;
mod near;
mod races;
mod shared;

use bound::{the_cache_is_bounded, what_is_used_stays};
use grader::client::Reply;
use grader::{Exam, Outcome, Replica, Stop, Suite, require, suite};
use lives::{an_old_price_has_an_end, what_nobody_was_told_has_an_end};
use near::{
    a_lost_message_is_survived, a_slow_reader_forgets_what_it_read,
    a_write_reaches_the_other_replicas,
};
use races::{
    a_slow_reader_fills_no_old_price, a_slow_write_leaves_no_old_price,
    of_two_writers_the_last_wins,
};
use serde_json::json;
use shared::{
    a_cache_that_is_gone_is_no_outage, nothing_in_redis_is_for_ever,
    what_one_reads_all_know,
};
use std::time::{Duration, Instant};

pub(crate) const SUITE: Suite = suite!("p2-04-caches-that-disagree":
    the_cache_is_bounded,
    what_is_used_stays,
    an_old_price_has_an_end,
    what_one_reads_all_know,
    a_slow_write_leaves_no_old_price,
    of_two_writers_the_last_wins,
    a_slow_reader_fills_no_old_price,
    a_cache_that_is_gone_is_no_outage,
    a_write_reaches_the_other_replicas,
    a_slow_reader_forgets_what_it_read,
    a_lost_message_is_survived,
    what_nobody_was_told_has_an_end,
    nothing_in_redis_is_for_ever,
);

/// Long enough to be no part of what is checked.
const FOR_EVER: &str = "600000";

/// How long a change may take to be heard of.
const PATIENCE: Duration = Duration::from_secs(5);

async fn start(exam: &Exam, mode: &str, more: &[&str]) -> Result<Replica, Stop> {
    let args = [&["--cache", mode, "--ttl-ms", FOR_EVER], more].concat();
    exam.start(&args).await
}

/// Somebody who changes the database, and knows nothing of any cache.
async fn editor(exam: &Exam) -> Result<Replica, Stop> {
    exam.start(&["--cache", "none"]).await
}

async fn read(exam: &Exam, at: &Replica, item: &str) -> Result<Reply, Stop> {
    exam.get(&at.url(), &format!("/api/prices/{item}")).send().await
}

async fn write(exam: &Exam, at: &Replica, item: &str, cents: u64) -> Result<Reply, Stop> {
    let path = format!("/api/prices/{item}");
    let call = exam.call(http::Method::PUT, &at.url(), &path);
    let reply = call.json(&json!({ "cents": cents })).send().await?;
    reply.expect(204, "a price that is in the database is written")
}

/// A read that must give this price.
async fn costs(
    exam: &Exam,
    at: &Replica,
    item: &str,
    cents: u64,
    help: &str,
) -> Result<Reply, Stop> {
    let reply = read(exam, at, item).await?.expect(200, help)?;
    let seen = reply.json()["cents"].as_u64();
    require(seen == Some(cents), format!("{cents} cents"), reply.shown(), help)?;
    Ok(reply)
}

/// Waits until a replica gives this price. When it should have heard is not known exactly,
/// so that it never does is believed only if it happens twice.
async fn comes_to_cost(
    exam: &Exam,
    at: &Replica,
    item: &str,
    cents: u64,
    help: &str,
) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    exam.transcript().quiet(true);
    let last = loop {
        let reply = read(exam, at, item).await;
        let is_new = |reply: &Reply| reply.json()["cents"].as_u64() == Some(cents);
        if !reply.as_ref().is_ok_and(|reply| !is_new(reply)) || Instant::now() > deadline
        {
            break reply;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    exam.transcript().quiet(false);
    let last = last?;
    exam.say(format!("{}: {item} is asked for until it is new", at.name()));
    exam.say(format!("  {}", last.shown()));
    let last = last.expect(200, help)?;
    if last.json()["cents"].as_u64() == Some(cents) {
        return Ok(());
    }
    let expected = format!("{cents} cents within {} s", PATIENCE.as_secs());
    Err(Stop::too_slow(expected, last.shown(), help))
}

/// How often a replica has read the database.
async fn database_reads(exam: &Exam, at: &Replica) -> Result<u64, Stop> {
    Ok(figure(&cache(exam, at).await?, "database_reads"))
}

/// How often it has read the database since it had done so `before` times.
async fn reads_since(exam: &Exam, at: &Replica, before: u64) -> Result<u64, Stop> {
    let reply = cache(exam, at).await?;
    let more = figure(&reply, "database_reads").checked_sub(before);
    more.ok_or_else(|| {
        let help = "the finished part counts this: was it changed?";
        Stop::failed(format!("at least {before} database reads"), reply.shown(), help)
    })
}

async fn cache(exam: &Exam, at: &Replica) -> Result<Reply, Stop> {
    let reply = exam.get(&at.url(), "/api/cache").send().await?;
    reply.expect(200, "the finished part answers this")
}

fn figure(reply: &Reply, name: &str) -> u64 {
    reply.json()[name].as_u64().unwrap_or_default()
}

/// Two different prices.
fn two_prices(exam: &Exam) -> (u64, u64) {
    (exam.number(100, 500), exam.number(500, 1000))
}

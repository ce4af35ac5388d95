//! Retries of a request: sequential, concurrent, and during a restart.

use super::fixture::{Cart, total};
use crate::redis_probe::RedisProbe;
use futures_util::future::{join, join_all};
use grader::balancer::BalancerProxy;
use grader::{Call, CheckContext, CheckError, CheckResult, Policy, Replica, require};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Number of concurrent customers.
const CUSTOMERS: usize = 3;

/// Maximum time to retry one request until it returns 201.
const RETRY_TIMEOUT: Duration = Duration::from_secs(15);

/// Pause between a failed attempt and the next.
const PAUSE: Duration = Duration::from_millis(20);

/// Sends an attempt and requires 201.
async fn sent(attempt: Call) -> CheckResult {
    let help = "a retry must return 201 to its client, because the item is in the cart";
    attempt.send().await?.expect(201, help).map(drop)
}

pub(super) async fn a_retry_adds_nothing(ctx: &CheckContext) -> CheckResult {
    let (r1, r2) = (ctx.start(&[]).await?, ctx.start(&[]).await?);
    let (mut mine, mut yours) = (Cart::new(ctx), Cart::new(ctx));
    let (item, key) = (ctx.random_word(), ctx.random_word());
    let quantity = ctx.random_number(2, 9);
    for replica in [&r1, &r1, &r2] {
        sent(mine.add_request(&replica.url(), &item, quantity, &key)).await?;
    }
    mine.note(&item, quantity);
    mine.is_complete(
        &r1,
        "a known key means that the request has been processed already",
    )
    .await?;
    r2.kill().await;
    r2.restart().await?;
    sent(mine.add_request(&r2.url(), &item, quantity, &key)).await?;
    mine.is_complete(&r2, "where is the key stored when the process is restarted?")
        .await?;
    RedisProbe::of(ctx)?.empty().await?;
    sent(mine.add_request(&r1.url(), &item, quantity, &key)).await?;
    let help = "where is the key stored when Redis loses its data? A key must be known for \
                as long as its item is in the cart";
    mine.is_complete(&r1, help).await?;

    sent(mine.add_request(&r1.url(), &item, quantity, &ctx.random_word())).await?;
    mine.note(&item, quantity);
    mine.is_complete(&r1, "another key means another request, even for the same item")
        .await?;
    sent(yours.add_request(&r1.url(), &item, quantity, &key)).await?;
    yours.note(&item, quantity);
    let help = "clients choose their keys, and two clients may choose the same one: a \
                key belongs to a cart";
    yours.is_complete(&r2, help).await
}

pub(super) async fn concurrent_retries_add_once(ctx: &CheckContext) -> CheckResult {
    let (r1, r2) = (ctx.start(&[]).await?, ctx.start(&[]).await?);
    let mut cart = Cart::new(ctx);
    let requests: Vec<_> =
        (0..10).map(|_| (ctx.random_word(), ctx.random_word())).collect();
    ctx.note(format!(
        "{} items, each four times with the same key, concurrently at r1 and r2",
        requests.len()
    ));
    for (item, key) in &requests {
        let tries = [&r1, &r2, &r1, &r2];
        let tries =
            tries.map(|to| sent(cart.add_request(&to.url(), item, 1, key).quiet()));
        join_all(tries).await.into_iter().collect::<CheckResult>()?;
        cart.note(item, 1);
    }
    let help = "what can the other replica do between this replica's lookup of the key \
                and its write?";
    let (seen, _) = cart.seen(&r1, help).await?;
    let expected = format!("{} items", requests.len());
    let actual = total(&seen);
    require(expected == actual, expected, actual, help)?;
    cart.is_complete(&r2, help).await
}

pub(super) async fn rolling_restart_loses_and_duplicates_nothing(
    ctx: &CheckContext,
) -> CheckResult {
    let (r1, r2) = (ctx.start(&[]).await?, ctx.start(&[]).await?);
    let balanced = ctx.balance(&[&r1, &r2], Policy::RoundRobin).await?;
    let (mut carts, done) = (Vec::new(), AtomicBool::new(false));
    carts.resize_with(CUSTOMERS, || Cart::new(ctx));
    ctx.note(format!(
        "{CUSTOMERS} customers send requests through the load balancer during a rolling \
         restart:"
    ));
    let shopping = carts.iter_mut().map(|cart| shop(cart, balanced.url(), &done));
    let restarts = async {
        let restarted = restart_each(&[&r1, &r2], &balanced).await;
        done.store(true, Ordering::Relaxed);
        restarted
    };
    let (restarted, shopped) = join(restarts, join_all(shopping)).await;
    restarted?;
    shopped.into_iter().collect::<CheckResult>()?;
    let requests: usize = carts.iter().map(|cart| cart.items.len()).sum();
    ctx.note(format!("the customers added {requests} items, each once"));
    let help = "each item was sent until it was answered with 201, always with the same \
                key. What was a replica doing when it got SIGTERM?";
    for cart in &carts {
        let (seen, _) = cart.seen(ctx.choose(&[r1.clone(), r2.clone()]), help).await?;
        let lost = cart.items.keys().filter(|item| !seen.contains_key(*item)).count();
        let doubled = seen.values().filter(|quantity| **quantity != 1).count();
        let actual = format!("{lost} lost, {doubled} with another quantity");
        require(seen == cart.items, "each item once", actual, help)?;
    }
    Ok(())
}

/// Restarts one replica after the other, like a rolling update.
async fn restart_each(replicas: &[&Replica], balanced: &BalancerProxy) -> CheckResult {
    for replica in replicas {
        replica.terminate().await?;
        replica.restart().await?;
        balanced.put(replica)?;
        balanced.wait_until_all_up().await?;
    }
    Ok(())
}

/// Adds new items one after the other, each until it is acknowledged.
async fn shop(cart: &mut Cart<'_>, url: String, done: &AtomicBool) -> CheckResult {
    while !done.load(Ordering::Relaxed) {
        let (item, key) = (cart.ctx.random_word(), cart.ctx.random_word());
        let deadline = Instant::now() + RETRY_TIMEOUT;
        loop {
            let reply = cart.add_request(&url, &item, 1, &key).quiet().try_send().await?;
            if reply.is_ok_and(|reply| reply.status == 201) {
                break;
            }
            if Instant::now() > deadline {
                let expected = "201 while one of two replicas is up";
                let help = "look at the program's log: why does `add` fail?";
                return Err(CheckError::timed_out(expected, "no 201", help));
            }
            tokio::time::sleep(PAUSE).await;
        }
        cart.note(&item, 1);
        tokio::time::sleep(PAUSE / 4).await;
    }
    Ok(())
}

//! p2-01, the cart that survives: restarts, crashes, an emptied Redis, and retries.

mod fixture;
mod retries;
mod survival;

use fixture::{Cart, total};
use futures_util::future::join_all;
use grader::{CheckContext, CheckResult, Suite, require, suite};
use retries::{
    a_retry_adds_nothing, concurrent_retries_add_once,
    rolling_restart_loses_and_duplicates_nothing,
};
use survival::{
    a_restart_of_every_replica_loses_nothing, acknowledged_items_survive_a_crash,
    an_empty_redis_loses_nothing, carts_are_in_the_database, every_redis_key_expires,
    redis_outage_does_not_stop_requests,
};

pub(crate) const SUITE: Suite = suite!("p2-01-the-cart-that-survives":
    a_cart_adds_up,
    carts_are_separate,
    every_replica_shows_the_same_cart,
    a_restart_of_every_replica_loses_nothing,
    concurrent_items_are_all_kept,
    every_redis_key_expires,
    an_empty_redis_loses_nothing,
    acknowledged_items_survive_a_crash,
    redis_outage_does_not_stop_requests,
    a_retry_adds_nothing,
    concurrent_retries_add_once,
    rolling_restart_loses_and_duplicates_nothing,
    carts_are_in_the_database,
);

async fn a_cart_adds_up(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    let mut cart = Cart::new(ctx);
    cart.is_complete(&server, "a new cart is empty").await?;
    let help = "each request without an idempotency key is a separate one: adding the \
                same item twice increases its quantity";
    let (tea, other) = (ctx.random_word(), ctx.random_word());
    for item in [&tea, &other, &tea] {
        cart.add(&server, item, help).await?;
    }
    cart.is_complete(&server, help).await
}

async fn carts_are_separate(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    let (mut mine, mut yours) = (Cart::new(ctx), Cart::new(ctx));
    let help = "the id that `add` and `look` get identifies the cart";
    let item = ctx.random_word();
    mine.add(&server, &item, help).await?;
    yours.is_complete(&server, help).await?;
    yours.add(&server, &item, help).await?;
    yours.add(&server, &ctx.random_word(), help).await?;
    mine.is_complete(&server, help).await?;
    yours.is_complete(&server, help).await
}

async fn every_replica_shows_the_same_cart(ctx: &CheckContext) -> CheckResult {
    let (r1, r2) = (ctx.start(&[]).await?, ctx.start(&[]).await?);
    let mut cart = Cart::new(ctx);
    let help = "where was the item stored, and can the other process read that location?";
    for replica in [&r1, &r2, &r1] {
        cart.add(replica, &ctx.random_word(), help).await?;
        cart.is_complete(&r2, help).await?;
        cart.is_complete(&r1, help).await?;
    }
    Ok(())
}

async fn concurrent_items_are_all_kept(ctx: &CheckContext) -> CheckResult {
    let (r1, r2) = (ctx.start(&[]).await?, ctx.start(&[]).await?);
    let mut cart = Cart::new(ctx);
    let some: Vec<_> = (0..3).map(|_| ctx.random_word()).collect();
    let requests: Vec<_> = (0..ctx.random_number(30, 45))
        .map(|n| {
            (if n % 2 == 0 { &r1 } else { &r2 }, ctx.choose(&some), ctx.random_word())
        })
        .collect();
    ctx.note(format!("{} items at the same time, at r1 and r2", requests.len()));
    let adds =
        requests.iter().map(|(to, item, key)| cart.add_request(&to.url(), item, 1, key));
    let replies = join_all(adds.map(|add| add.quiet().send())).await;
    let help = "two requests can both read the cart before one of them writes. Which \
                store can add without reading first?";
    for reply in replies {
        reply?.expect(201, help)?;
    }
    requests.iter().for_each(|(_, item, _)| cart.note(item, 1));
    let (seen, _) = cart.seen(&r1, help).await?;
    let (expected, actual) = (total(&cart.items), total(&seen));
    require(expected == actual, expected, actual, help)?;
    cart.is_complete(&r2, help).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cart_sum_does_not_overflow() {
        let claimed = [("tea", u64::MAX), ("milk", 2)];
        let items = claimed.map(|(item, many)| (item.to_owned(), many)).into();
        assert_eq!(total(&items), format!("{} items", u64::MAX));
    }
}

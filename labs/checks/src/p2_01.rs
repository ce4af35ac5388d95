//! p2-01, the cart that survives: restarts, crashes, an emptied Redis, and retries.

mod retries;
mod survival;

use futures_util::future::join_all;
use grader::{
    Call, CheckContext, CheckError, CheckResult, Replica, Reply, Suite, require, suite,
};
use retries::{
    a_retry_adds_nothing, concurrent_retries_add_once,
    rolling_restart_loses_and_duplicates_nothing,
};
use serde_json::json;
use std::collections::BTreeMap;
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

type Items = BTreeMap<String, u64>;

/// A cart and its expected items. Only this client changes it.
#[derive(Debug)]
struct Cart<'a> {
    ctx: &'a CheckContext,
    id: String,
    items: Items,
}

impl<'a> Cart<'a> {
    fn new(ctx: &'a CheckContext) -> Self {
        Self { ctx, id: ctx.random_user(), items: Items::new() }
    }

    /// One attempt to add items, with an idempotency key.
    fn add_request(&self, url: &str, item: &str, quantity: u64, key: &str) -> Call {
        let body = json!({ "item": item, "quantity": quantity });
        let call = self.ctx.post(url, "/api/cart/items").header("X-Cart-ID", &self.id);
        call.header("Idempotency-Key", key).json(&body)
    }

    /// Adds items, requires success, and adds them to the expected items.
    async fn add(&mut self, replica: &Replica, item: &str, help: &str) -> CheckResult {
        let quantity = self.ctx.random_number(1, 9);
        let body = json!({ "item": item, "quantity": quantity });
        let call = self.ctx.post(&replica.url(), "/api/cart/items");
        let call = call.header("X-Cart-ID", &self.id).json(&body);
        call.send().await?.expect(201, help)?;
        self.note(item, quantity);
        Ok(())
    }

    fn note(&mut self, item: &str, quantity: u64) {
        *self.items.entry(item.to_owned()).or_default() += quantity;
    }

    /// The cart's items as a replica returns them.
    async fn seen(
        &self,
        replica: &Replica,
        help: &str,
    ) -> Result<(Items, Reply), CheckError> {
        let call = self.ctx.get(&replica.url(), "/api/cart");
        let reply = call.header("X-Cart-ID", &self.id).send().await?.expect(200, help)?;
        let items = serde_json::from_value(reply.json()["items"].clone());
        Ok((items.unwrap_or_default(), reply))
    }

    /// Requires that a replica returns exactly the expected items.
    async fn is_complete(&self, replica: &Replica, help: &str) -> CheckResult {
        let (seen, reply) = self.seen(replica, help).await?;
        let expected = json!({ "items": self.items }).to_string();
        require(seen == self.items, expected, reply.shown(), help)
    }
}

/// The total quantity. A program can return any numbers, so the sum saturates.
fn total(items: &Items) -> String {
    let sum = items.values().fold(0, |sum: u64, quantity| sum.saturating_add(*quantity));
    format!("{sum} items")
}

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

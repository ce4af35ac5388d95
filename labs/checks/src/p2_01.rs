//! p2-01, the cart that survives: restarts, crashes, a Redis that forgets, and retries.

mod retries;
mod survival;

use futures_util::future::join_all;
use grader::client::{Call, Reply};
use grader::{Exam, Outcome, Replica, Stop, Suite, require, suite};
use retries::{
    a_retry_adds_nothing, a_rolling_restart_under_load_loses_and_doubles_nothing,
    retries_at_once_add_once,
};
use serde_json::json;
use std::collections::BTreeMap;
use survival::{
    a_dead_redis_stops_nobody, a_restart_of_every_replica_loses_nothing,
    an_empty_redis_loses_nothing, nothing_in_redis_stays_for_ever,
    the_truth_is_in_the_database, what_was_acknowledged_survives_a_crash,
};

pub(crate) const SUITE: Suite = suite!("p2-01-the-cart-that-survives":
    a_cart_adds_up,
    carts_are_apart,
    every_replica_shows_the_same_cart,
    a_restart_of_every_replica_loses_nothing,
    items_added_at_once_are_all_kept,
    nothing_in_redis_stays_for_ever,
    an_empty_redis_loses_nothing,
    what_was_acknowledged_survives_a_crash,
    a_dead_redis_stops_nobody,
    a_retry_adds_nothing,
    retries_at_once_add_once,
    a_rolling_restart_under_load_loses_and_doubles_nothing,
    the_truth_is_in_the_database,
);

type Items = BTreeMap<String, u64>;

/// Somebody's cart: what it should hold is known because only this puts anything into it.
#[derive(Debug)]
struct Cart<'a> {
    exam: &'a Exam,
    id: String,
    items: Items,
}

impl<'a> Cart<'a> {
    fn new(exam: &'a Exam) -> Self {
        Self { exam, id: exam.user(), items: Items::new() }
    }

    /// One try to put something in, with the key of the wish.
    fn wish(&self, url: &str, item: &str, quantity: u64, key: &str) -> Call {
        let body = json!({ "item": item, "quantity": quantity });
        let call = self.exam.post(url, "/api/cart/items").header("X-Cart-ID", &self.id);
        call.header("Idempotency-Key", key).json(&body)
    }

    /// Puts something in and expects that to work; it belongs to the cart from then on.
    async fn add(&mut self, replica: &Replica, item: &str, help: &str) -> Outcome {
        let quantity = self.exam.number(1, 9);
        let body = json!({ "item": item, "quantity": quantity });
        let call = self.exam.post(&replica.url(), "/api/cart/items");
        let call = call.header("X-Cart-ID", &self.id).json(&body);
        call.send().await?.expect(201, help)?;
        self.note(item, quantity);
        Ok(())
    }

    fn note(&mut self, item: &str, quantity: u64) {
        *self.items.entry(item.to_owned()).or_default() += quantity;
    }

    /// What is in it, according to a replica.
    async fn seen(&self, replica: &Replica, help: &str) -> Result<(Items, Reply), Stop> {
        let call = self.exam.get(&replica.url(), "/api/cart");
        let reply = call.header("X-Cart-ID", &self.id).send().await?.expect(200, help)?;
        let items = serde_json::from_value(reply.json()["items"].clone());
        Ok((items.unwrap_or_default(), reply))
    }

    /// A replica shows what was put in, and nothing else.
    async fn is_whole(&self, replica: &Replica, help: &str) -> Outcome {
        let (seen, reply) = self.seen(replica, help).await?;
        let expected = json!({ "items": self.items }).to_string();
        require(seen == self.items, expected, reply.shown(), help)
    }
}

/// How much is in a cart. A program can say that it is any number.
fn in_all(items: &Items) -> String {
    let sum = items.values().fold(0, |sum: u64, quantity| sum.saturating_add(*quantity));
    format!("{sum} items")
}

async fn a_cart_adds_up(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    let mut cart = Cart::new(exam);
    cart.is_whole(&server, "a cart that nobody put anything into is empty").await?;
    let help = "each request without an idempotency key is a wish of its own: the same \
                item twice is more of it";
    let (tea, other) = (exam.word(), exam.word());
    for item in [&tea, &other, &tea] {
        cart.add(&server, item, help).await?;
    }
    cart.is_whole(&server, help).await
}

async fn carts_are_apart(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    let (mut mine, mut yours) = (Cart::new(exam), Cart::new(exam));
    let help = "whose cart it is says the id that `add` and `look` are given";
    let item = exam.word();
    mine.add(&server, &item, help).await?;
    yours.is_whole(&server, help).await?;
    yours.add(&server, &item, help).await?;
    yours.add(&server, &exam.word(), help).await?;
    mine.is_whole(&server, help).await?;
    yours.is_whole(&server, help).await
}

async fn every_replica_shows_the_same_cart(exam: &Exam) -> Outcome {
    let (r1, r2) = (exam.start(&[]).await?, exam.start(&[]).await?);
    let mut cart = Cart::new(exam);
    let help = "where was the item put, and can the other process look there?";
    for replica in [&r1, &r2, &r1] {
        cart.add(replica, &exam.word(), help).await?;
        cart.is_whole(&r2, help).await?;
        cart.is_whole(&r1, help).await?;
    }
    Ok(())
}

async fn items_added_at_once_are_all_kept(exam: &Exam) -> Outcome {
    let (r1, r2) = (exam.start(&[]).await?, exam.start(&[]).await?);
    let mut cart = Cart::new(exam);
    let some: Vec<_> = (0..3).map(|_| exam.word()).collect();
    let wishes: Vec<_> = (0..exam.number(30, 45))
        .map(|n| (if n % 2 == 0 { &r1 } else { &r2 }, exam.one_of(&some), exam.word()))
        .collect();
    exam.say(format!("{} items, all at the same time, at r1 and r2", wishes.len()));
    let adds = wishes.iter().map(|(to, item, key)| cart.wish(&to.url(), item, 1, key));
    let replies = join_all(adds.map(|add| add.unseen().send())).await;
    let help = "two requests can read the cart before either of them has written it. Which \
                store can add without reading first?";
    for reply in replies {
        reply?.expect(201, help)?;
    }
    wishes.iter().for_each(|(_, item, _)| cart.note(item, 1));
    let (seen, _) = cart.seen(&r1, help).await?;
    let (expected, actual) = (in_all(&cart.items), in_all(&seen));
    require(expected == actual, expected, actual, help)?;
    cart.is_whole(&r2, help).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_claims_to_hold_can_be_added_up() {
        let claimed = [("tea", u64::MAX), ("milk", 2)];
        let items = claimed.map(|(item, many)| (item.to_owned(), many)).into();
        assert_eq!(in_all(&items), format!("{} items", u64::MAX));
    }
}

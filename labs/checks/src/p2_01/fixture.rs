//! A cart, as the checks use it.

use grader::{Call, CheckContext, CheckError, CheckResult, Replica, Reply, require};
use serde_json::json;
use std::collections::BTreeMap;

pub(super) type Items = BTreeMap<String, u64>;

/// A cart and its expected items. Only this client changes it.
#[derive(Debug)]
pub(super) struct Cart<'a> {
    pub(super) ctx: &'a CheckContext,
    pub(super) id: String,
    pub(super) items: Items,
}

impl<'a> Cart<'a> {
    pub(super) fn new(ctx: &'a CheckContext) -> Self {
        Self { ctx, id: ctx.random_user(), items: Items::new() }
    }

    /// One attempt to add items, with an idempotency key.
    pub(super) fn add_request(
        &self,
        url: &str,
        item: &str,
        quantity: u64,
        key: &str,
    ) -> Call {
        let body = json!({ "item": item, "quantity": quantity });
        let call = self.ctx.post(url, "/api/cart/items").header("X-Cart-ID", &self.id);
        call.header("Idempotency-Key", key).json(&body)
    }

    /// Adds items, requires success, and adds them to the expected items.
    pub(super) async fn add(
        &mut self,
        replica: &Replica,
        item: &str,
        help: &str,
    ) -> CheckResult {
        let quantity = self.ctx.random_number(1, 9);
        let body = json!({ "item": item, "quantity": quantity });
        let call = self.ctx.post(&replica.url(), "/api/cart/items");
        let call = call.header("X-Cart-ID", &self.id).json(&body);
        call.send().await?.expect(201, help)?;
        self.note(item, quantity);
        Ok(())
    }

    pub(super) fn note(&mut self, item: &str, quantity: u64) {
        *self.items.entry(item.to_owned()).or_default() += quantity;
    }

    /// The cart's items as a replica returns them.
    pub(super) async fn seen(
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
    pub(super) async fn is_complete(&self, replica: &Replica, help: &str) -> CheckResult {
        let (seen, reply) = self.seen(replica, help).await?;
        let expected = json!({ "items": self.items }).to_string();
        require(seen == self.items, expected, reply.shown(), help)
    }
}

/// The total quantity. A program can return any numbers, so the sum saturates.
pub(super) fn total(items: &Items) -> String {
    let sum = items.values().fold(0, |sum: u64, quantity| sum.saturating_add(*quantity));
    format!("{sum} items")
}

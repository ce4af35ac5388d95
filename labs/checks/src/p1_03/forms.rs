//! Task 3: the steps of a form.

use super::shop::Shop;
use grader::{CheckContext, CheckError, CheckResult, Reply, require};
use serde_json::json;

/// A customer who fills in the form, and the form text for the next request.
struct Customer {
    name: String,
    address: String,
    form: String,
}

impl Customer {
    async fn start(shop: &Shop<'_>, url: &str) -> Result<Self, CheckError> {
        let (name, address) =
            (shop.ctx.random_user(), format!("{} Road", shop.ctx.random_word()));
        let body = json!({ "name": name });
        let reply = shop.post(url, "/api/forms/start", &body).await?;
        let form = reply.expect(201, "every client may start a form")?.field("form")?;
        Ok(Self { name, address, form })
    }

    async fn give_address(
        &mut self,
        shop: &Shop<'_>,
        url: &str,
        help: &str,
    ) -> CheckResult {
        let body = json!({ "form": self.form, "address": self.address });
        let reply = shop.post(url, "/api/forms/address", &body).await?;
        self.form = reply.expect(200, help)?.field("form")?;
        Ok(())
    }

    async fn confirm(&self, shop: &Shop<'_>, url: &str) -> Result<Reply, CheckError> {
        shop.post(url, "/api/forms/confirm", &json!({ "form": self.form })).await
    }

    /// Requires that the confirmation contains this customer's data.
    async fn is_done(&self, shop: &Shop<'_>, url: &str, help: &str) -> CheckResult {
        let reply = self.confirm(shop, url).await?.expect(201, help)?;
        let expected = json!({ "name": self.name, "address": self.address });
        require(reply.json() == expected, expected.to_string(), reply.shown(), help)
    }
}

pub(super) async fn form_continues_at_any_replica(ctx: &CheckContext) -> CheckResult {
    let shop = Shop::open(ctx, 2).await?;
    let balanced = shop.balance().await?;
    let url = balanced.url();
    let help = "this customer has completed the preceding step. Which replica stored \
                that, and which one got this request?";
    let mut one = Customer::start(&shop, &url).await?;
    one.give_address(&shop, &url, help).await?;
    one.is_done(&shop, &url, help).await?;
    let mut customers = Vec::new();
    // An odd number, so that the balancer sends each customer's next request to the other
    // replica.
    for _ in 0..*ctx.choose(&[3, 5]) {
        customers.push(Customer::start(&shop, &url).await?);
    }
    for customer in &mut customers {
        customer.give_address(&shop, &url, help).await?;
    }
    let help = "several customers fill in forms at the same time: each has its own form";
    for customer in customers.iter().rev() {
        customer.is_done(&shop, &url, help).await?;
    }
    Ok(())
}

pub(super) async fn steps_cannot_be_skipped(ctx: &CheckContext) -> CheckResult {
    let shop = Shop::open(ctx, 2).await?;
    let [here, there] = [0, 1].map(|at: usize| shop.replicas[at].url());
    let mut customer = Customer::start(&shop, &here).await?;
    let help = "this customer has not given an address yet. How does the server check which \
         steps are done?";
    customer.confirm(&shop, &here).await?.expect(409, help)?;
    customer.confirm(&shop, &there).await?.expect(409, help)?;
    let nonsense =
        Customer { form: ctx.random_word(), ..Customer::start(&shop, &here).await? };
    let help = "a client can send any text as the form";
    nonsense.confirm(&shop, &there).await?.expect(409, help)?;
    let body = json!({ "form": "", "address": nonsense.address });
    shop.post(&here, "/api/forms/address", &body).await?.expect(409, help)?;
    let help = "a step that came too early must not break the form";
    customer.give_address(&shop, &there, help).await?;
    customer.is_done(&shop, &here, help).await
}

pub(super) async fn form_survives_restarts_of_all_replicas(
    ctx: &CheckContext,
) -> CheckResult {
    let shop = Shop::open(ctx, 2).await?;
    let help = "the customer completed the preceding step, and every process is new. \
                Where is the customer's data?";
    let mut early = Customer::start(&shop, &shop.any().url()).await?;
    let mut late = Customer::start(&shop, &shop.any().url()).await?;
    late.give_address(&shop, &shop.any().url(), help).await?;
    shop.restart_all().await?;
    late.is_done(&shop, &shop.any().url(), help).await?;
    early.give_address(&shop, &shop.any().url(), help).await?;
    early.is_done(&shop, &shop.any().url(), help).await
}

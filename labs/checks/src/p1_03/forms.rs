//! Task 3: the order of steps.

use super::shop::Shop;
use grader::{Exam, Outcome, Reply, Stop, require};
use serde_json::json;

/// Somebody who fills in the form, and the text that they have to send along next.
struct Customer {
    name: String,
    address: String,
    form: String,
}

impl Customer {
    async fn start(shop: &Shop<'_>, url: &str) -> Result<Self, Stop> {
        let (name, address) = (shop.exam.user(), format!("{} Road", shop.exam.word()));
        let body = json!({ "name": name });
        let reply = shop.post(url, "/api/forms/start", &body).await?;
        let form = reply.expect(201, "everybody may begin")?.field("form")?;
        Ok(Self { name, address, form })
    }

    async fn give_address(&mut self, shop: &Shop<'_>, url: &str, help: &str) -> Outcome {
        let body = json!({ "form": self.form, "address": self.address });
        let reply = shop.post(url, "/api/forms/address", &body).await?;
        self.form = reply.expect(200, help)?.field("form")?;
        Ok(())
    }

    async fn confirm(&self, shop: &Shop<'_>, url: &str) -> Result<Reply, Stop> {
        shop.post(url, "/api/forms/confirm", &json!({ "form": self.form })).await
    }

    /// The confirmation says what this customer said.
    async fn is_done(&self, shop: &Shop<'_>, url: &str, help: &str) -> Outcome {
        let reply = self.confirm(shop, url).await?.expect(201, help)?;
        let expected = json!({ "name": self.name, "address": self.address });
        require(reply.json() == expected, expected.to_string(), reply.shown(), help)
    }
}

pub(super) async fn a_form_goes_on_at_any_replica(exam: &Exam) -> Outcome {
    let shop = Shop::open(exam, 2).await?;
    let balanced = shop.balance().await?;
    let url = balanced.url();
    let help = "this customer has done the step before. Who remembers that, and who was \
                asked?";
    let mut one = Customer::start(&shop, &url).await?;
    one.give_address(&shop, &url, help).await?;
    one.is_done(&shop, &url, help).await?;
    let mut customers = Vec::new();
    // An odd number, so that the balancer sends each of them to the other replica next.
    for _ in 0..*exam.one_of(&[3, 5]) {
        customers.push(Customer::start(&shop, &url).await?);
    }
    for customer in &mut customers {
        customer.give_address(&shop, &url, help).await?;
    }
    let help =
        "several customers are at it at the same time: each has a form of their own";
    for customer in customers.iter().rev() {
        customer.is_done(&shop, &url, help).await?;
    }
    Ok(())
}

pub(super) async fn a_step_cannot_be_left_out(exam: &Exam) -> Outcome {
    let shop = Shop::open(exam, 2).await?;
    let [here, there] = [0, 1].map(|at: usize| shop.replicas[at].url());
    let mut customer = Customer::start(&shop, &here).await?;
    let help =
        "this customer has not given an address yet. What says which steps were done?";
    customer.confirm(&shop, &here).await?.expect(409, help)?;
    customer.confirm(&shop, &there).await?.expect(409, help)?;
    let nonsense = Customer { form: exam.word(), ..Customer::start(&shop, &here).await? };
    let help = "what comes back from a client may be anything";
    nonsense.confirm(&shop, &there).await?.expect(409, help)?;
    let body = json!({ "form": "", "address": nonsense.address });
    shop.post(&here, "/api/forms/address", &body).await?.expect(409, help)?;
    let help = "a step that came too early spoils nothing";
    customer.give_address(&shop, &there, help).await?;
    customer.is_done(&shop, &here, help).await
}

pub(super) async fn a_form_outlives_every_replica(exam: &Exam) -> Outcome {
    let shop = Shop::open(exam, 2).await?;
    let help = "the customer did the step before, and every process is a new one: where is \
                what they said?";
    let mut early = Customer::start(&shop, &shop.any().url()).await?;
    let mut late = Customer::start(&shop, &shop.any().url()).await?;
    late.give_address(&shop, &shop.any().url(), help).await?;
    shop.lose_every_process().await?;
    late.is_done(&shop, &shop.any().url(), help).await?;
    early.give_address(&shop, &shop.any().url(), help).await?;
    early.is_done(&shop, &shop.any().url(), help).await
}

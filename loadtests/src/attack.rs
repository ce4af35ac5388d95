//! Configures goose, which starts the users, gives them clients, counts their requests and
//! writes its page.

use crate::life::live;
use crate::stage::Stage;
use anyhow::Context;
use goose::GooseAttack;
use goose::config::GooseConfiguration;
use goose::prelude::{Scenario, Transaction, TransactionFunction};
use std::sync::Arc;

/// Runs all users to completion.
pub(crate) async fn attack(stage: &Arc<Stage>, url: &str) -> anyhow::Result<()> {
    let life = Transaction::new(life(Arc::clone(stage))).set_name("a user's life");
    let scenario = Scenario::new(stage.story.name).register_transaction(life);
    GooseAttack::initialize_with_config(configuration(stage, url))?
        .register_scenario(scenario)
        .execute()
        .await
        .context("goose broke")?;
    Ok(())
}

fn life(stage: Arc<Stage>) -> TransactionFunction {
    Arc::new(move |goose| {
        let stage = Arc::clone(&stage);
        Box::pin(async move {
            live(&stage, goose).await;
            Ok(())
        })
    })
}

/// A user's whole run is one goose transaction, so goose's tables of transactions and
/// scenarios contain only the length of the run and are left out.
fn configuration(stage: &Stage, url: &str) -> GooseConfiguration {
    let mut asked = GooseConfiguration::default();
    asked.host = Some(url.to_owned());
    asked.users = Some(stage.settings.users);
    // All users start within a second and then wait for each other before the load starts.
    asked.increase_rate = Some(stage.settings.users.to_string());
    asked.iterations = Some(1);
    let page = stage.settings.html.as_ref();
    asked.report_file = page.map(|path| path.display().to_string()).into_iter().collect();
    asked.no_transaction_metrics = true;
    asked.no_scenario_metrics = true;
    asked.no_print_metrics = true;
    asked.no_telnet = true;
    asked.quiet = 1;
    asked
}

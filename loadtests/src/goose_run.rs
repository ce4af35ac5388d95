//! Configures goose, which starts the users, gives them clients, counts their requests and
//! writes its page.

use crate::run_state::RunState;
use crate::virtual_user::run_virtual_user;
use anyhow::Context;
use goose::GooseAttack;
use goose::config::GooseConfiguration;
use goose::prelude::{Scenario, Transaction, TransactionFunction};
use std::sync::Arc;

/// Runs all users to completion.
pub(crate) async fn run_goose(
    run_state: &Arc<RunState>,
    url: &str,
) -> anyhow::Result<()> {
    let transaction = Transaction::new(user_transaction(Arc::clone(run_state)))
        .set_name("virtual user");
    let scenario =
        Scenario::new(run_state.load_test.name).register_transaction(transaction);
    GooseAttack::initialize_with_config(configuration(run_state, url))?
        .register_scenario(scenario)
        .execute()
        .await
        .context("goose broke")?;
    Ok(())
}

fn user_transaction(run_state: Arc<RunState>) -> TransactionFunction {
    Arc::new(move |goose| {
        let run_state = Arc::clone(&run_state);
        Box::pin(async move {
            run_virtual_user(&run_state, goose).await;
            Ok(())
        })
    })
}

/// A user's whole run is one goose transaction, so goose's tables of transactions and
/// scenarios contain only the length of the run and are left out.
fn configuration(run_state: &RunState, url: &str) -> GooseConfiguration {
    let mut goose = GooseConfiguration::default();
    goose.host = Some(url.to_owned());
    goose.users = Some(run_state.settings.users);
    // All users start within a second and then wait for each other before the load starts.
    goose.increase_rate = Some(run_state.settings.users.to_string());
    goose.iterations = Some(1);
    let page = run_state.settings.html.as_ref();
    goose.report_file = page.map(|path| path.display().to_string()).into_iter().collect();
    goose.no_transaction_metrics = true;
    goose.no_scenario_metrics = true;
    goose.no_print_metrics = true;
    goose.no_telnet = true;
    goose.quiet = 1;
    goose
}

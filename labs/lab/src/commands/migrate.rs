//! `lab migrate`: brings a database's schema up to date.

use crate::screen::say;
use api_contract::secret::Secret;
use clap::Args;
use records::Records;

/// Bring the database of your own servers up to date
///
/// As its owner: tables, row level security, and the role that servers connect as. Several
/// may do it at once. `cargo lab up` does it by itself. Afterwards, start servers with
/// DATABASE_URL set to what --show-url prints.
#[derive(Args, Debug)]
pub(crate) struct MigrateArgs {
    /// The owner's URL: postgres://... or sqlite://FILE. Better given by environment, as a
    /// command line can be read by everybody
    #[arg(long, env = "DATABASE_OWNER_URL", hide_env_values = true, value_name = "URL")]
    database_url: Secret,

    /// Print the URL with which servers connect, password included
    #[arg(long)]
    show_url: bool,
}

pub(crate) async fn run(args: MigrateArgs) -> anyhow::Result<()> {
    let migrated = Records::migrate(args.database_url.expose()).await?;
    if args.show_url {
        say(migrated.app_url);
    } else {
        say(format_args!("the schema is at version {}", migrated.version));
    }
    Ok(())
}

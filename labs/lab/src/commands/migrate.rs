//! `lab migrate`: updates the schema of a database.

use crate::screen::print_line;
use api_contract::secret::Secret;
use clap::Args;
use records::Records;

/// Update the database schema of your own servers
///
/// Connects as the owner, and creates tables, row level security, and the role of the
/// servers. Several processes may migrate at once. `cargo lab up` migrates by itself.
/// Afterwards start the servers with the DATABASE_URL that --show-url prints.
#[derive(Args, Debug)]
pub(crate) struct MigrateArgs {
    /// The owner's URL: postgres://... or sqlite://FILE. Prefer the environment, because
    /// all users of a machine can read its command lines
    #[arg(long, env = "DATABASE_OWNER_URL", hide_env_values = true, value_name = "URL")]
    database_url: Secret,

    /// Print the URL for the servers, including the password
    #[arg(long)]
    show_url: bool,
}

pub(crate) async fn run(args: MigrateArgs) -> anyhow::Result<()> {
    let migrated = Records::migrate(args.database_url.expose()).await?;
    if args.show_url {
        print_line(migrated.app_url);
    } else {
        print_line(format_args!("the schema is at version {}", migrated.version));
    }
    Ok(())
}

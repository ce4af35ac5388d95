//! The text after the start of a cluster.

use crate::commands::{Named, status};
use launcher::Cluster;

/// The members, the demo accounts, and commands to try.
pub(super) async fn introduction(
    cluster: &Cluster,
    named: &Named,
    detached: bool,
) -> String {
    let status = cluster.status().await;
    let mut text = status::text(&status) + "\n";
    let accounts = cluster.generated_accounts();
    if !accounts.is_empty() {
        text += "\nDemo accounts (shown once):\n";
        for account in accounts {
            text += &format!("  {:6} {}\n", account.username, account.password);
        }
    }
    if accounts.is_empty() && cluster.keeps_earlier_accounts() {
        text += "\nThe accounts are those in the database, with their passwords.\n";
    }
    let call = match status.design.has_sessions() {
        true => "session/start",
        false => "token",
    };
    let trust = status.certificate.as_deref().map_or_else(String::new, |file| {
        format!("--cacert {} \\\n            ", file.display())
    });
    let down = named.hint("down");
    let end = match detached {
        true => down,
        false => format!("Ctrl-C here, or {down}"),
    };
    text + &format!(
        "
Log in:   curl -i {trust}{}/api/{call} \\
            -H 'Content-Type: application/json' \\
            -d '{{\"username\": \"alice\", \"password\": \"...\"}}'
Break it: {}
Look:     {}
Stop it:  {end}
",
        status.url,
        named.hint("kill r1"),
        named.hint("status"),
    )
}

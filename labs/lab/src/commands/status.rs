//! `lab status`: the members of a cluster, as the launcher and the balancer see them.

use crate::commands::Named;
use crate::screen::{print_line, table};
use anyhow::Context;
use clap::Args;
use launcher::status::{ClusterStatus, MemberStatus, ServiceStatus};

/// Show the members of the cluster
///
/// "process" is the state of the process (up, paused, down), "balancer" the result of the
/// balancer's health checks. They differ briefly after a fault, and requests fail in that
/// time. "why" names the Redis and the database in use.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    named: Named,

    /// Print JSON: docs/json.md
    #[arg(long)]
    json: bool,

    /// Print only the address for clients
    #[arg(long, conflicts_with = "json")]
    url: bool,

    /// Print only the certificate file of --tls self-signed, for curl --cacert FILE
    #[arg(long, conflicts_with_all = ["json", "url"])]
    certificate: bool,
}

pub(crate) async fn run(args: StatusArgs) -> anyhow::Result<()> {
    let status = args.named.find().await?.status().await?;
    if args.json {
        print_line(serde_json::to_string_pretty(&status.document())?);
    } else if args.url {
        print_line(&status.url);
    } else if args.certificate {
        let file = status.certificate.as_deref().with_context(|| {
            let up = args.named.hint("up --tls self-signed");
            format!("no certificate was made for this cluster: {up}")
        })?;
        print_line(file.display());
    } else {
        print_line(text(&status));
    }
    Ok(())
}

/// The members as a table, with the addresses.
pub(crate) fn text(status: &ClusterStatus) -> String {
    let rows = status.members.iter().map(row);
    let header = ["member", "process", "pid", "balancer", "served", "restarts"];
    let members = table(&header, rows.collect());
    let services = match status.services.as_slice() {
        [] => String::new(),
        services => {
            let rows = services.iter().map(service_row).collect();
            format!("\n{}", table(&["service", "process", "kind", "why"], rows))
        }
    };
    let trusting = status.certificate.as_deref().map_or_else(String::new, |file| {
        format!("\ntrust:   {} (curl --cacert FILE)", file.display())
    });
    let (url, logs) = (&status.url, status.run_dir.display());
    format!("{members}{services}\nclients: {url}{trusting}\nlogs:    {logs}")
}

fn service_row(service: &ServiceStatus) -> Vec<String> {
    let kind = service.kind.map_or("none", launcher::Kind::as_str);
    vec![
        service.id.clone(),
        service.state.as_str().to_owned(),
        kind.to_owned(),
        service.why.clone(),
    ]
}

fn row(member: &MemberStatus) -> Vec<String> {
    let seen = member.balancer.as_ref();
    let word = |seen: &load_balancer::status::BackendStatus| {
        format!("{:?}", seen.state).to_lowercase()
    };
    vec![
        member.id.clone(),
        member.state.as_str().to_owned(),
        member.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        seen.map_or_else(|| "-".to_owned(), word),
        seen.map_or_else(|| "-".to_owned(), |seen| seen.served.to_string()),
        member.restarts.to_string(),
    ]
}

//! No secret is on a command line, which every user of the machine can read.

use crate::support::topology;
use launcher::{Backing, Cluster, Design, Files, Kind, ServerKind};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A process below this one, with its command line.
struct Descendant {
    pid: i32,
    command_line: String,
}

/// The parent of a process; its name in parentheses may contain spaces (proc(5)).
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn descendants() -> Vec<Descendant> {
    let all = fs::read_dir("/proc").expect("a Linux system").flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parents: Vec<(i32, i32)> =
        all.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut ids = vec![i32::try_from(std::process::id()).expect("an id")];
    let mut next = 0;
    while let Some(parent) = ids.get(next).copied() {
        ids.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    let read = |pid: i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command_line = String::from_utf8_lossy(&line).replace('\0', " ");
        Descendant { pid, command_line }
    };
    ids.into_iter().skip(1).map(read).collect()
}

/// The passwords in the URLs of a replica's environment.
fn passwords(pid: i32) -> BTreeSet<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    let urls = environment.split('\0').filter(|one| one.contains("_URL="));
    let password =
        |url: &str| Some(url.rsplit_once('@')?.0.rsplit_once(':')?.1.to_owned());
    urls.filter_map(password).collect()
}

fn content(run_dir: &Path, name: &str) -> Option<String> {
    fs::read_to_string(run_dir.join(name)).ok().map(|text| text.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_line_of_a_cluster_contains_a_secret() {
    let phase_2 = |backing, files| (ServerKind::from(Design::Central), backing, files);
    let local = backing_services::offers(backing_services::ServiceType::Redis).await;
    let has_redis = local.iter().any(|one| one.kind == Kind::Local && one.found.is_ok());
    let mut configurations = vec![
        (ServerKind::Stateless, Backing::Auto, Files::Folder),
        phase_2(Backing::Embedded, Files::S3),
    ];
    if has_redis {
        configurations.push(phase_2(Backing::Local, Files::S3));
    }
    for (server, backing, files) in configurations {
        let mut topology = topology(server, 2);
        (topology.backing, topology.files) = (backing, files);
        let cluster = Cluster::start(topology).await.unwrap();
        let status = cluster.status().await;
        let replica = status.member("r1").and_then(|replica| replica.pid).unwrap();
        let mut secrets = passwords(replica);
        let services = status.services.iter().filter(|one| one.log.is_some());
        assert!(secrets.len() >= services.count(), "a URL has no password");
        let files = ["token.key", "balancer.token"];
        secrets.extend(files.iter().filter_map(|name| content(cluster.run_dir(), name)));
        secrets.insert("correct-horse".to_owned());
        for process in descendants() {
            for secret in &secrets {
                assert!(
                    !process.command_line.contains(secret),
                    "{server:?}, {backing:?}: a secret is on the command line of {}: {}",
                    process.pid,
                    process.command_line.replace(secret, "SECRET")
                );
            }
        }
        cluster.down().await;
    }
}

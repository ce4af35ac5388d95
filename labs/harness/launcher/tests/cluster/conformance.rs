//! The conformance suite against clusters of three replicas: each design on local services, and
//! the designs that need services on the other kinds, too. The nightly run has all pairs.
//!
//! All checks of one test share a cluster. Each check has two accounts of its own, so it never
//! sees the uploads of another check.

use crate::support::{is_offered, topology};
use api_conformance::every_check::every_check;
use api_conformance::target::Target;
use api_contract::secret::Secret;
use api_contract::{LoginRequest, paths};
use client::{AuthScheme, CookieJar};
use futures_util::StreamExt;
use futures_util::stream;
use http::Method;
use launcher::commands::MemberAction;
use launcher::{Backing, Cluster, Design, Kind, Topology, Users};
use upload_domain::accounts::random_password;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

/// The number of checks that run concurrently.
const CONCURRENT_CHECKS: usize = 4;

/// The session affinity cookie of the balancer.
const AFFINITY_COOKIE: &str = "lab_replica";

/// In bytes, more than the limit for content inside JSON, which the checks test.
const MAX_UPLOAD: usize = 2 * 1024 * 1024;

/// Raised rate limits, because all checks come from one address and many try passwords.
const FLAGS: [&str; 6] = [
    "--max-upload",
    "2097152",
    "--attempts-per-address",
    "1000000",
    "--requests-per-second",
    "1000000",
];

macro_rules! designs_on {
    ($backing:expr, $kind:expr; $($(#[$attribute:meta])* $test:ident: $design:expr,)*) => {
        $(
            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::check_contract($design, $backing, $kind).await;
            }
        )*
    };
}

mod on_local_services {
    use launcher::{Backing, Design, Kind};

    designs_on! { Backing::Local, Kind::Local;
        memory: Design::Memory,
        sticky: Design::Sticky,
        replicated: Design::Replicated,
        central: Design::Central,
        token: Design::Token,
    }
}

mod on_embedded_services {
    use launcher::{Backing, Design, Kind};

    designs_on! { Backing::Embedded, Kind::Embedded;
        #[ignore = "long: a part of the nightly run"] memory: Design::Memory,
        #[ignore = "long: a part of the nightly run"] sticky: Design::Sticky,
        #[ignore = "long: a part of the nightly run"] replicated: Design::Replicated,
        central: Design::Central,
        token: Design::Token,
    }
}

mod on_containers {
    use launcher::{Backing, Design, Kind};

    designs_on! { Backing::Container, Kind::Container;
        #[ignore = "long: a part of the nightly run"] memory: Design::Memory,
        #[ignore = "long: a part of the nightly run"] sticky: Design::Sticky,
        #[ignore = "long: a part of the nightly run"] replicated: Design::Replicated,
        central: Design::Central,
        token: Design::Token,
    }
}

async fn check_contract(design: Design, backing: Backing, kind: Kind) {
    if !is_offered(kind).await {
        return;
    }
    let auth_scheme = AuthScheme::from(design);
    let checks = every_check(auth_scheme);
    let accounts: Vec<_> = (0..checks.len()).map(|at| pair(design, at)).collect();
    let cluster = start_cluster(design, backing, &accounts).await;
    assert_services(&cluster, kind).await;
    let url = cluster.url();
    let runs = checks.iter().zip(accounts).map(|(check, [alice, bob])| {
        let cookies =
            (design == Design::Sticky).then(|| CookieJar::only(AFFINITY_COOKIE));
        let base_url = url.clone();
        let target =
            Target { base_url, alice, bob, auth_scheme, max_upload: MAX_UPLOAD, cookies };
        async move {
            let result = async {
                // A first request, so that the client has the affinity cookie, as browsers do.
                let livez = target.client().request(Method::GET, paths::LIVEZ);
                target.client().send(livez).await?;
                (check.run)(&target).await
            };
            Some(format!("{}: {:#}", check.name, result.await.err()?))
        }
    });
    let failed = stream::iter(runs).buffer_unordered(CONCURRENT_CHECKS);
    let failed: Vec<_> = failed.filter_map(async |one| one).collect().await;
    let (total, count) = (checks.len(), failed.len());
    let text = failed.join("\n");
    assert!(failed.is_empty(), "{design:?}: {count} of {total} checks failed:\n{text}");
    cluster.down().await;
}

/// A cluster of three replicas with these accounts, in which every request can be served.
async fn start_cluster(
    design: Design,
    backing: Backing,
    accounts: &[[LoginRequest; 2]],
) -> Cluster {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let users = folder.path().join("users.json");
    let pairs = accounts.iter().flatten();
    let pairs: Vec<_> =
        pairs.map(|one| (one.username.as_str(), one.password.expose())).collect();
    users_file::write(&users, &pairs, HashCost::Minimal).expect("a users file");
    let cluster = Cluster::start(Topology {
        backing,
        users: Users::File(users),
        replica_args: FLAGS.map(Into::into).to_vec(),
        ..topology(design, 3)
    });
    let cluster = cluster.await.expect("the cluster starts");
    if design == Design::Memory {
        // A session exists on one of three replicas, which `services` tests. The contract
        // itself holds for a single replica.
        for id in ["r2", "r3"] {
            cluster.execute(id, MemberAction::Stop).await.expect("it stops");
        }
    }
    cluster
}

async fn assert_services(cluster: &Cluster, kind: Kind) {
    let status = cluster.status().await;
    for id in ["database", "redis"] {
        let service = status.service(id).expect("the service exists");
        assert_eq!(service.kind, Some(kind), "{service:?}");
    }
}

/// Two accounts for one check. Their names differ from design to design, which tells logs
/// apart.
fn pair(design: Design, at: usize) -> [LoginRequest; 2] {
    ["alice", "bob"].map(|name| LoginRequest {
        username: format!("{name}-{}-{at}", design.as_str()),
        password: Secret::new(random_password()),
    })
}

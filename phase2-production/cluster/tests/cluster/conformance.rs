//! The whole contract, before a cluster as `lab up` starts it: three replicas of each design
//! on each kind of services.
//!
//! One cluster for all checks of a row. Each check has two people of its own, so what the
//! others have uploaded is not there for it.

use crate::support::{is_offered, topology};
use api_conformance::cookies::CookieJar;
use api_conformance::every_check::every_check;
use api_conformance::target::{Target, Way};
use api_contract::secret::Secret;
use api_contract::{Credentials, paths};
use cluster::orders::Order;
use cluster::{Backing, Cluster, Design, Kind, Topology, Users};
use futures_util::StreamExt;
use futures_util::stream;
use http::Method;
use upload_domain::accounts::random_password;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

/// Checks under way at the same moment.
const AT_ONCE: usize = 4;

/// The balancer's cookie: which replica a client belongs to.
const BALANCERS: &str = "lab_replica";

/// More than fits into JSON, which the checks want to see refused.
const MAX_UPLOAD: usize = 2 * 1024 * 1024;

/// All checks come from one address, and many of them guess passwords.
const FLAGS: [&str; 6] = [
    "--max-upload",
    "2097152",
    "--attempts-per-address",
    "1000000",
    "--requests-per-second",
    "1000000",
];

macro_rules! designs_on {
    ($module:ident: $backing:expr, $kind:expr) => {
        mod $module {
            use super::the_contract_holds;
            use cluster::{Backing, Design, Kind};

            designs_on! { $backing, $kind,
                memory: Design::Memory,
                sticky: Design::Sticky,
                replicated: Design::Replicated,
                central: Design::Central,
                token: Design::Token,
            }
        }
    };
    ($backing:expr, $kind:expr, $($design:ident: $value:expr,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $design() {
                the_contract_holds($value, $backing, $kind).await;
            }
        )*
    };
}

designs_on!(on_what_needs_no_installation: Backing::Embedded, Kind::Embedded);
designs_on!(on_the_servers_of_this_machine: Backing::Local, Kind::Local);
designs_on!(on_containers: Backing::Container, Kind::Container);

async fn the_contract_holds(design: Design, backing: Backing, kind: Kind) {
    if !is_offered(kind).await {
        return;
    }
    let way = if design.has_sessions() { Way::Session } else { Way::Token };
    let checks = every_check(way);
    let people: Vec<_> = (0..checks.len()).map(|at| pair(design, at)).collect();
    let cluster = with_people(design, backing, &people).await;
    the_services_are(&cluster, kind).await;
    let url = cluster.url();
    let hold = checks.iter().zip(people).map(|(check, [alice, bob])| {
        let cookies = (design == Design::Sticky).then(|| CookieJar::only(BALANCERS));
        let base_url = url.clone();
        let target =
            Target { base_url, alice, bob, way, max_upload: MAX_UPLOAD, cookies };
        async move {
            let held = async {
                // Like a browser that has been here before, and has its replica's cookie.
                let alive = target.client().request(Method::GET, paths::LIVEZ);
                target.client().send(alive).await?;
                (check.run)(&target).await
            };
            Some(format!("{}: {:#}", check.name, held.await.err()?))
        }
    });
    let broken = stream::iter(hold).buffer_unordered(AT_ONCE);
    let broken: Vec<_> = broken.filter_map(async |one| one).collect().await;
    let (of, broken_ones) = (checks.len(), broken.len());
    let text = broken.join("\n");
    assert!(broken.is_empty(), "{design:?}: {broken_ones} of {of} broken:\n{text}");
    cluster.down().await;
}

/// Three replicas whose users are these, and of which every request can be served.
async fn with_people(
    design: Design,
    backing: Backing,
    people: &[[Credentials; 2]],
) -> Cluster {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let users = folder.path().join("users.json");
    let named = people.iter().flatten();
    let named: Vec<_> =
        named.map(|one| (one.username.as_str(), one.password.expose())).collect();
    users_file::write(&users, &named, HashCost::Least).expect("a users file");
    let cluster = Cluster::start(Topology {
        backing,
        users: Users::File(users),
        replica_args: FLAGS.map(Into::into).to_vec(),
        ..topology(design, 3)
    });
    let cluster = cluster.await.expect("the cluster starts");
    if design == Design::Memory {
        // Whoever logs in to one of three is a stranger to two: that is this design's own
        // contract, and `services` has a test of it. The other one holds for each alone.
        for id in ["r2", "r3"] {
            cluster.order(id, Order::Stop).await.expect("it stops");
        }
    }
    cluster
}

async fn the_services_are(cluster: &Cluster, kind: Kind) {
    let status = cluster.status().await;
    for id in ["database", "redis"] {
        let service = status.service(id).expect("it is there");
        assert_eq!(service.kind, Some(kind), "{service:?}");
    }
}

/// Two people for one check. Their names differ from design to design, which tells logs
/// apart.
fn pair(design: Design, at: usize) -> [Credentials; 2] {
    ["alice", "bob"].map(|name| Credentials {
        username: format!("{name}-{}-{at}", design.as_str()),
        password: Secret::new(random_password()),
    })
}

//! Item 39: who reaches what is for admins. What listens where is in `listening`.

use super::deeds::{disabled, role};
use super::people::Town;
use crate::on::Stores;
use anyhow::Context;
use api_conformance::expect::equal;
use api_conformance::proof::Proof;
use api_contract::people::{Audit, People, PersonRole};
use api_contract::problem::ProblemKind;
use api_contract::{Message, paths};
use http::Method;

/// Every call for admins.
const CALLS: [(Method, &str); 5] = [
    (Method::GET, paths::ADMIN_USERS),
    (Method::PATCH, "/api/admin/users/bob"),
    (Method::POST, "/api/admin/users/bob/sign-out"),
    (Method::GET, paths::ADMIN_AUDIT),
    (Method::POST, paths::ADMIN_KEYS_ROTATE),
];

/// Item 39. What is for admins is for admins: 401 for nobody, 403 for everybody else, and no
/// header or body makes one an admin.
#[tokio::test]
async fn only_admins_reach_what_is_for_admins() -> anyhow::Result<()> {
    for design in ["central", "token"] {
        let town = Town::new(Stores::Embedded, design, &[]).await?;
        let client = town.client();
        let (alice, bob) =
            (town.sign_in(&town.alice).await?, town.sign_in(&town.bob).await?);
        let calls = CALLS
            .iter()
            .filter(|(_, path)| design == "token" || *path != paths::ADMIN_KEYS_ROTATE);
        for (method, path) in calls {
            let call =
                |proof| client.proven(proof, method.clone(), path).json(&disabled(true));
            let nobody = client.json::<Message>(call(&Proof::None)).await;
            equal(path, nobody.status()?.as_u16(), 401)?;
            for claim in ["x-role", "x-admin", "x-forwarded-user", "x-original-url"] {
                let claimed = call(&alice).header(claim, "admin");
                let refused = client.json::<Message>(claimed).await;
                refused.refused_as(ProblemKind::Forbidden).context(*path)?;
            }
        }
        town.accept(&bob).await?;
    }
    Ok(())
}

/// Item 39. An admin's people are those of the own organisation; others do not exist, and
/// what was done to whom is written down with the request that did it.
#[tokio::test]
async fn an_admin_reaches_the_own_organisation_and_leaves_a_trace() -> anyhow::Result<()>
{
    let town = Town::new(Stores::Real, "central", &[]).await?;
    let (root, carol) =
        (town.sign_in(&town.root).await?, town.sign_in(&town.carol).await?);
    let client = town.client();
    let users = client.proven(&root, Method::GET, paths::ADMIN_USERS);
    let users = client.json::<People>(users).await.done()?.body.users;
    let names: Vec<_> = users.iter().map(|user| user.username.as_str()).collect();
    equal("people of t1", names, ["alice", "bob", "root"])?;

    for stranger in ["carol", "nobody", "..%2Falice", "CAROL"] {
        let unknown = ProblemKind::UserNotFound;
        let signed_out = town.sign_out_as(&root, stranger).await;
        signed_out.refused_as(unknown).context(stranger)?;
        for change in [disabled(true), role(PersonRole::Admin)] {
            let changed = town.change_person(&root, stranger, &change).await;
            changed.refused_as(unknown).context(stranger)?;
        }
    }
    town.accept(&carol).await?;

    let done = town.sign_out_as(&root, "bob").await.done()?;
    let id = done.request_id().context("an id")?;
    let audit = format!("{}?request_id={id}", paths::ADMIN_AUDIT);
    let audit = client.json::<Audit>(client.proven(&root, Method::GET, &audit)).await;
    let entries = audit.done()?.body.entries;
    let rows: Vec<_> = entries
        .iter()
        .map(|row| [row.actor.as_str(), row.action.as_str(), row.subject.as_str()])
        .collect();
    equal("what is written down", rows, [["root", "user.signed-out", "bob"]])
}

/// Item 39. Metrics and the balancer's orders are on listeners of their own: through the door
/// for everybody, or by any other name for it, there is nothing of the kind.
#[tokio::test]
async fn no_admin_surface_shows_through_the_public_door() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let root = town.sign_in(&town.root).await?;
    for client in [town.client(), town.replica(0).client()] {
        for path in [
            paths::METRICS,
            "/status",
            "/backends/r1",
            "/backends/r1/drain",
            "/admin",
            "/admin/",
            "/dashboard",
            "/debug",
            "/actuator",
            "/api/admin",
            "/.env",
            "/.git/HEAD",
        ] {
            let request = client.proven(&root, Method::GET, path);
            let refused = client.json::<Message>(request).await;
            refused.refused_as(ProblemKind::NotFound).context(path)?;
        }
    }
    Ok(())
}

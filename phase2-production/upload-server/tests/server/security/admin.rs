//! Item 39: access to the admin calls. `listening` tests the listeners.

use super::audited_actions::{disabled, role};
use super::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::Context;
use api_conformance::credential::Credential;
use api_conformance::expect::equal;
use api_contract::accounts::{AccountRole, Accounts, Audit};
use api_contract::problem::ProblemKind;
use api_contract::{Message, paths};
use http::Method;

/// All admin calls.
const CALLS: [(Method, &str); 5] = [
    (Method::GET, paths::ADMIN_USERS),
    (Method::PATCH, "/api/admin/users/bob"),
    (Method::POST, "/api/admin/users/bob/sign-out"),
    (Method::GET, paths::ADMIN_AUDIT),
    (Method::POST, paths::ADMIN_KEYS_ROTATE),
];

/// Item 39. Admin calls return 401 to anonymous callers and 403 to members. No header and
/// no body grants the admin role.
#[tokio::test]
async fn admin_calls_are_refused_to_other_callers() -> anyhow::Result<()> {
    for design in ["central", "token"] {
        let app = TestApp::new(StoreKind::Embedded, design, &[]).await?;
        let client = app.client();
        let (alice, bob) = (app.sign_in(&app.alice).await?, app.sign_in(&app.bob).await?);
        let calls = CALLS
            .iter()
            .filter(|(_, path)| design == "token" || *path != paths::ADMIN_KEYS_ROTATE);
        for (method, path) in calls {
            let call = |credential| {
                client
                    .authenticated(credential, method.clone(), path)
                    .json(&disabled(true))
            };
            let anonymous = client.json::<Message>(call(&Credential::None)).await;
            equal(path, anonymous.status()?.as_u16(), 401)?;
            for claim in ["x-role", "x-admin", "x-forwarded-user", "x-original-url"] {
                let claimed = call(&alice).header(claim, "admin");
                let refused = client.json::<Message>(claimed).await;
                refused.refused_as(ProblemKind::Forbidden).context(*path)?;
            }
        }
        app.all_accept(&bob).await?;
    }
    Ok(())
}

/// Item 39. An admin sees and changes only accounts of their own organisation; others do
/// not exist for them. Every action is in the audit log, with the id of its request.
#[tokio::test]
async fn admin_actions_are_scoped_to_the_organisation_and_audited() -> anyhow::Result<()>
{
    let app = TestApp::new(StoreKind::Real, "central", &[]).await?;
    let (root, carol) = (app.sign_in(&app.root).await?, app.sign_in(&app.carol).await?);
    let client = app.client();
    let users = client.authenticated(&root, Method::GET, paths::ADMIN_USERS);
    let users = client.json::<Accounts>(users).await.done()?.body.users;
    let names: Vec<_> = users.iter().map(|user| user.username.as_str()).collect();
    equal("accounts of t1", names, ["alice", "bob", "root"])?;

    for unknown_user in ["carol", "nobody", "..%2Falice", "CAROL"] {
        let not_found = ProblemKind::UserNotFound;
        let signed_out = app.sign_out_as(&root, unknown_user).await;
        signed_out.refused_as(not_found).context(unknown_user)?;
        for change in [disabled(true), role(AccountRole::Admin)] {
            let changed = app.change_account(&root, unknown_user, &change).await;
            changed.refused_as(not_found).context(unknown_user)?;
        }
    }
    app.all_accept(&carol).await?;

    let done = app.sign_out_as(&root, "bob").await.done()?;
    let id = done.request_id().context("an id")?;
    let audit = format!("{}?request_id={id}", paths::ADMIN_AUDIT);
    let audit =
        client.json::<Audit>(client.authenticated(&root, Method::GET, &audit)).await;
    let entries = audit.done()?.body.entries;
    let rows: Vec<_> = entries
        .iter()
        .map(|row| [row.actor.as_str(), row.action.as_str(), row.subject.as_str()])
        .collect();
    equal("the audit entries", rows, [["root", "user.signed-out", "bob"]])
}

/// Item 39. Metrics and the control API of the balancer have listeners of their own; the
/// public listener does not serve them under any path.
#[tokio::test]
async fn admin_paths_return_404_on_the_public_listener() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let root = app.sign_in(&app.root).await?;
    for client in [app.client(), app.replica(0).client()] {
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
            let request = client.authenticated(&root, Method::GET, path);
            let refused = client.json::<Message>(request).await;
            refused.refused_as(ProblemKind::NotFound).context(path)?;
        }
    }
    Ok(())
}

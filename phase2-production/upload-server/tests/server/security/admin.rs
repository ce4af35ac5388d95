//! Item 39: access to the admin calls. `listening` tests the listeners.

use super::audited_actions::{disabled, operator, role};
use super::test_app::{TestApp, with_password};
use crate::stores::StoreKind;
use anyhow::Context;
use api_contract::accounts::{AccountRole, AccountUpdate, Accounts, Audit};
use api_contract::problem::ProblemKind;
use api_contract::{Message, paths};
use client::Credential;
use client::expect::equal;
use http::Method;
use serde_json::json;
use sqlx::Executor;

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
    let operators = users.iter().filter(|user| user.operator).count();
    equal("operators of t1", operators, 0)?;
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

/// Item 39. Text for the database has no null byte, which Postgres cannot store: in the query, the
/// path, a header or a body it is a client's error, and on SQLite as well.
#[tokio::test]
async fn null_bytes_in_any_text_are_client_errors() -> anyhow::Result<()> {
    for kind in [StoreKind::Real, StoreKind::Embedded] {
        let app = TestApp::new(kind, "central", &[]).await?;
        let (client, root) = (app.client(), app.sign_in(&app.root).await?);
        let at = |method: &Method, path: &str| {
            client.authenticated(&root, method.clone(), path)
        };
        let audit = |query: &str| format!("{}?{query}", paths::ADMIN_AUDIT);
        for query in ["request_id=%00", "request_id=a%00b"] {
            let refused = client.json::<Message>(at(&Method::GET, &audit(query))).await;
            refused.refused_as(ProblemKind::MalformedRequest).context(query)?;
        }
        for query in ["request_id=+", "request_id=%ff"] {
            let unknown = client.json::<Audit>(at(&Method::GET, &audit(query))).await;
            equal(query, unknown.done()?.body.entries.len(), 0)?;
        }
        for path in ["/api/admin/users/%00/sign-out", "/api/admin/users/bob%00/sign-out"]
        {
            let refused = client.json::<Message>(at(&Method::POST, path)).await;
            refused.refused_as(ProblemKind::UserNotFound).context(path)?;
        }
        for (name, content_type, status) in [
            ("a", "text/\0", 400),
            ("a\0b", "text/plain", 201),
            ("\0", "text/plain", 201),
        ] {
            let start = json!({ "name": name, "content_type": content_type, "size": 1 });
            let request = at(&Method::POST, paths::UPLOADS_START).json(&start);
            let found = client.send(request).await?.status.as_u16();
            equal(&format!("{start}"), found, status)?;
        }
        for body in [json!({ "upload_id": "\0" }), json!({ "upload_id": "a\0" })] {
            let request = at(&Method::POST, paths::UPLOADS_COMPLETE).json(&body);
            equal("the status", client.send(request).await?.status.as_u16(), 404)?;
        }
        let nul = with_password("alice\0", "x\0");
        let refused = client.log_in_session(&nul).await;
        refused.refused_as(ProblemKind::InvalidCredentials)?;
    }
    Ok(())
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

/// A signing key belongs to the whole service, and an admin to one organisation.
#[tokio::test]
async fn admin_of_an_organisation_rotates_no_signing_key() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "token", &[]).await?;
    let client = app.client();
    let root = app.sign_in(&app.root).await?;
    let request = client.authenticated(&root, Method::POST, paths::ADMIN_KEYS_ROTATE);
    let rotated = client.json::<Message>(request).await;
    rotated.refused_as(ProblemKind::Forbidden)?;
    Ok(())
}

/// An operator rotates the keys of all organisations, and needs no other role. The audit
/// row is in the operator's organisation.
#[tokio::test]
async fn operator_rotates_the_signing_key() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "token", &[]).await?;
    let client = app.client();
    let oskar = app.sign_in(&app.oskar).await?;
    let rotate = client.authenticated(&oskar, Method::POST, paths::ADMIN_KEYS_ROTATE);
    client.json::<Message>(rotate).await.done()?;
    let audit = "SELECT organisation, actor FROM audit WHERE action = 'key.rotated'";
    let mut owner = app.stores.owner().await?;
    let rows: Vec<(String, String)> = sqlx::query_as(audit).fetch_all(&mut owner).await?;
    equal("the audit rows", rows, [("t2".to_owned(), "oskar".to_owned())])?;
    let list = client.authenticated(&oskar, Method::GET, paths::ADMIN_USERS);
    let listed = client.json::<Accounts>(list).await;
    listed.refused_as(ProblemKind::Forbidden).context("an operator is no admin")?;
    Ok(())
}

/// Only an operator makes another account of its organisation one, and the service keeps one.
#[tokio::test]
async fn last_operator_of_the_service_stays_one() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "token", &[]).await?;
    let root = app.sign_in(&app.root).await?;
    let granted = app.change_account(&root, "bob", &operator(true)).await;
    granted.refused_as(ProblemKind::Forbidden).context("an admin grants it")?;

    let mut owner = app.stores.owner().await?;
    owner.execute("UPDATE users SET operator = 1 WHERE username = 'root'").await?;
    owner.execute("UPDATE users SET role = 'admin' WHERE username = 'oskar'").await?;
    app.change_account(&root, "bob", &operator(true)).await.done()?;
    app.change_account(&root, "bob", &operator(false)).await.done()?;
    app.change_account(&root, "root", &operator(false)).await.done()?;
    let oskar = app.sign_in(&app.oskar).await?;
    app.change_account(&oskar, "carol", &role(AccountRole::Admin)).await.done()?;
    for change in [operator(false), disabled(true)] {
        let refused = app.change_account(&oskar, "oskar", &change).await;
        refused.refused_as(ProblemKind::LastOperator)?;
    }
    let carol = app.sign_in(&app.carol).await?;
    let refused = app.change_account(&carol, "oskar", &disabled(true)).await;
    refused.refused_as(ProblemKind::LastOperator).context("another admin")?;
    Ok(())
}

/// An organisation keeps an admin with a login: nothing in it could be changed otherwise.
#[tokio::test]
async fn last_admin_is_neither_disabled_nor_demoted() -> anyhow::Result<()> {
    for design in ["central", "token"] {
        let app = TestApp::new(StoreKind::Embedded, design, &[]).await?;
        let root = app.sign_in(&app.root).await?;
        let changes = [
            disabled(true),
            role(AccountRole::Member),
            AccountUpdate { disabled: Some(true), ..role(AccountRole::Member) },
        ];
        for change in &changes {
            let refused = app.change_account(&root, "root", change).await;
            refused.refused_as(ProblemKind::LastAdmin)?;
            app.all_accept(&root).await.context("a refusal changes nothing")?;
        }
        app.change_account(&root, "bob", &role(AccountRole::Admin)).await.done()?;
        app.change_account(&root, "root", &role(AccountRole::Member)).await.done()?;
        let bob = app.sign_in(&app.bob).await?;
        let refused = app.change_account(&bob, "bob", &disabled(true)).await;
        refused.refused_as(ProblemKind::LastAdmin)?;
    }
    Ok(())
}

/// A disabled admin is none: the other one is the last.
#[tokio::test]
async fn disabled_admin_does_not_count_as_an_admin() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let root = app.sign_in(&app.root).await?;
    app.change_account(&root, "bob", &role(AccountRole::Admin)).await.done()?;
    app.change_account(&root, "bob", &disabled(true)).await.done()?;
    let refused = app.change_account(&root, "root", &disabled(true)).await;
    refused.refused_as(ProblemKind::LastAdmin)?;
    Ok(())
}

/// Two admins demote each other at the same moment, on two replicas.
#[tokio::test]
async fn racing_admins_leave_one_admin() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "central", &[]).await?;
    let mut admin = app.sign_in(&app.root).await?;
    for round in 0..10 {
        for name in ["root", "bob"] {
            let _unchanged =
                app.change_account(&admin, name, &role(AccountRole::Admin)).await;
            admin = app.sign_in(&app.root).await?;
        }
        let bob = app.sign_in(&app.bob).await?;
        let demoted = role(AccountRole::Member);
        let (one, two) = tokio::join!(
            app.change_account(&admin, "bob", &demoted),
            app.change_account(&bob, "root", &demoted),
        );
        let done = [one.status()?, two.status()?].map(|status| status.is_success());
        equal("changes that were made", done.iter().filter(|done| **done).count(), 1)
            .with_context(|| format!("round {round}"))?;
        if done[1] {
            // Bob is the admin: he makes root one again.
            let bob = app.sign_in(&app.bob).await?;
            app.change_account(&bob, "root", &role(AccountRole::Admin)).await.done()?;
        }
        admin = app.sign_in(&app.root).await?;
    }
    Ok(())
}

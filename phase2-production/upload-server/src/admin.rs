//! Calls for admins (the accounts of their organisation and its audit log) and for operators
//! (the keys of the service).

use crate::account_change::{AccountChange, apply};
use crate::error::Error;
use crate::identity::{Caller, Identity};
use crate::state::AppState;
use api_contract::Message;
use api_contract::accounts::{
    Account, AccountRole, AccountUpdate, Accounts, Audit, AuditEntry,
};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use http::request::Parts;
use http_edge::json_body::JsonBody;
use records::{Member, Role, Scope, audit, users};
use serde::Deserialize;
use upload_domain::username::Username;

/// Most rows of the audit log in one reply.
const MAX_AUDIT_ROWS: i64 = 200;

/// An authenticated caller with the admin role.
pub(crate) struct Admin(Caller);

impl Admin {
    fn scope(&self) -> Scope {
        Scope::Organisation(self.0.member.organisation.clone())
    }
}

impl FromRequestParts<AppState> for Admin {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &AppState,
    ) -> Result<Self, Error> {
        let caller = Caller::from_request_parts(parts, app).await?;
        match caller.member.role {
            Role::Admin => Ok(Self(caller)),
            Role::Member => Err(Error::Forbidden),
        }
    }
}

/// `GET /api/admin/users`
pub(crate) async fn list(
    State(app): State<AppState>,
    admin: Admin,
) -> Result<Json<Accounts>, Error> {
    let organisation = admin.0.member.organisation.clone();
    let found = app.records.read(admin.scope(), move |tx| {
        Box::pin(async move { users::list(tx, &organisation).await })
    });
    let users = found.await?.into_iter().map(to_account).collect();
    Ok(Json(Accounts { users }))
}

/// `PATCH /api/admin/users/{username}`: a change of the role or of `disabled` revokes
/// every session and token of the account.
pub(crate) async fn change_account(
    State(app): State<AppState>,
    admin: Admin,
    Path(username): Path<String>,
    JsonBody(wanted): JsonBody<AccountUpdate>,
) -> Result<Json<Account>, Error> {
    let username = find_username(&app, &admin, &username).await?;
    let role = wanted.role.map(|role| match role {
        AccountRole::Admin => AccountChange::Role(Role::Admin),
        AccountRole::Member => AccountChange::Role(Role::Member),
    });
    let disabled = wanted.disabled.map(AccountChange::Disabled);
    let operator = wanted.operator.map(AccountChange::Operator);
    let changes: Vec<_> = role.into_iter().chain(disabled).chain(operator).collect();
    if !changes.is_empty() {
        apply(&app, &admin.0, &username, changes).await?;
    }
    Ok(Json(to_account(find(&app, &admin, username).await?)))
}

/// `POST /api/admin/users/{username}/sign-out`: revokes every session and token of the
/// account.
pub(crate) async fn sign_out(
    State(app): State<AppState>,
    admin: Admin,
    Path(username): Path<String>,
) -> Result<Json<Message>, Error> {
    let username = find_username(&app, &admin, &username).await?;
    apply(&app, &admin.0, &username, vec![AccountChange::SignOut]).await?;
    Ok(Json(Message { message: format!("{username} is signed out everywhere.") }))
}

/// Filter for the audit log.
#[derive(Clone, Deserialize)]
pub(crate) struct AuditQuery {
    request_id: Option<String>,
}

/// `GET /api/admin/audit`
pub(crate) async fn audit_log(
    State(app): State<AppState>,
    admin: Admin,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<Audit>, Error> {
    let Query(query) = query.map_err(|_unreadable| Error::BadFilter)?;
    // Postgres stores no null byte. No request has such an id.
    if query.request_id.as_ref().is_some_and(|id| id.contains('\0')) {
        return Err(Error::BadFilter);
    }
    let organisation = admin.0.member.organisation.clone();
    let found = app.records.read(admin.scope(), move |tx| {
        Box::pin(async move {
            audit::list(tx, &organisation, MAX_AUDIT_ROWS, query.request_id.as_deref())
                .await
        })
    });
    let entries = found.await?.into_iter().map(|row| AuditEntry {
        at: row.at.try_into().unwrap_or_default(),
        request_id: row.request_id,
        actor: row.actor,
        action: row.action,
        subject: row.subject,
    });
    Ok(Json(Audit { entries: entries.collect() }))
}

/// `POST /api/admin/keys/rotate`: for operators, because the keys belong to the whole
/// service and an admin to one organisation.
pub(crate) async fn rotate_keys(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<Message>, Error> {
    let Identity::Tokens(tokens) = &app.identity else {
        return Err(Error::NotFound);
    };
    // The transaction that adds the key checks this again. Here it keeps other accounts
    // from having keys made, which takes seconds of CPU time.
    if !is_operator(&app, &caller.member).await? {
        return Err(Error::Forbidden);
    }
    let rotated = tokens.rotate(&caller.member, &caller.audit).await?;
    let kid = rotated.ok_or(Error::Forbidden)?;
    let message = format!(
        "The key {kid} is published. It signs after all replicas have loaded it."
    );
    Ok(Json(Message { message }))
}

/// The credential does not say it, because operators are few and rotate rarely.
async fn is_operator(app: &AppState, member: &Member) -> Result<bool, Error> {
    let Member { organisation, username, .. } = member.clone();
    let scope = Scope::Organisation(organisation.clone());
    let found = app.records.read(scope, move |tx| {
        Box::pin(async move { users::is_operator(tx, &organisation, &username).await })
    });
    Ok(found.await?)
}

/// Checks that the account is in the admin's organisation. An account of another
/// organisation is reported as not found.
async fn find_username(
    app: &AppState,
    admin: &Admin,
    username: &str,
) -> Result<Username, Error> {
    let username = Username::parse(username).map_err(|_malformed| Error::UserNotFound)?;
    find(app, admin, username).await.map(|found| found.member.username)
}

async fn find(
    app: &AppState,
    admin: &Admin,
    username: Username,
) -> Result<users::Account, Error> {
    let found = app.records.read(admin.scope(), move |tx| {
        Box::pin(async move { users::find(tx, &username).await })
    });
    let organisation = &admin.0.member.organisation;
    found
        .await?
        .filter(|found| found.member.organisation == *organisation)
        .ok_or(Error::UserNotFound)
}

fn to_account(account: users::Account) -> Account {
    let Member { username, role, .. } = account.member;
    Account {
        username: username.to_string(),
        role: match role {
            Role::Admin => AccountRole::Admin,
            Role::Member => AccountRole::Member,
        },
        disabled: account.disabled_at.is_some(),
        operator: account.operator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account_change::tests::{alice, server};
    use crate::audit::AuditContext;
    use crate::clock::now;
    use crate::faults::WriteLock;
    use crate::identity::AuthMethod;
    use records::signing_keys;
    use std::time::Duration;

    async fn stored_keys(app: &AppState) -> Vec<signing_keys::SigningKey> {
        let keys = app.records.read(Scope::Housekeeping, |tx| {
            Box::pin(async move { signing_keys::list(tx).await })
        });
        keys.await.unwrap()
    }

    async fn set_operator(
        tx: &mut records::AnyConnection,
        operator: bool,
    ) -> Result<(), records::RecordsError> {
        let Member { organisation, username, .. } = alice();
        let set = users::set_operator(tx, &organisation, &username, operator, now());
        set.await.map(drop)
    }

    /// The account loses its role after the first check, while the rotation waits for the
    /// database.
    #[tokio::test]
    async fn operator_that_loses_its_role_rotates_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let app = server(&folder, "token").await;
        let scope = Scope::Organisation(alice().organisation);
        let granted = app.records.run(scope, |tx| Box::pin(set_operator(tx, true)));
        granted.await.unwrap();
        let before = stored_keys(&app).await;
        let lock =
            WriteLock::hold_before(&app.records, |tx| Box::pin(set_operator(tx, false)));
        let lock = lock.await;
        let audit = AuditContext { request_id: "test".to_owned(), at: now() };
        let auth = AuthMethod::Password { epoch: 1 };
        let caller = Caller { member: alice(), auth, audit };
        let rotating = tokio::spawn(rotate_keys(State(app.clone()), caller));
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!rotating.is_finished(), "the database is locked");
        lock.release().await;
        let refused = rotating.await.unwrap().err();
        assert!(matches!(refused, Some(Error::Forbidden)), "{refused:?}");
        assert_eq!(stored_keys(&app).await, before);
    }
}

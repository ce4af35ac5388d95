//! Calls for admins: manage the accounts of their organisation and read its audit log.

use crate::account_change::{AccountChange, apply};
use crate::app::AppState;
use crate::error::Error;
use crate::identity::{Caller, Identity};
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
    for one in role.into_iter().chain(disabled) {
        apply(&app, &admin.0, &username, one).await?;
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
    apply(&app, &admin.0, &username, AccountChange::SignOut).await?;
    Ok(Json(Message { message: format!("{username} is signed out everywhere.") }))
}

/// Filter for the audit log.
#[derive(Deserialize)]
pub(crate) struct AuditQuery {
    request_id: Option<String>,
}

/// `GET /api/admin/audit`
pub(crate) async fn audit_log(
    State(app): State<AppState>,
    admin: Admin,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<Audit>, Error> {
    let Query(query) = query.map_err(|_unreadable| Error::BadPage)?;
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

/// `POST /api/admin/keys/rotate`
pub(crate) async fn rotate_keys(
    State(app): State<AppState>,
    admin: Admin,
) -> Result<Json<Message>, Error> {
    let Identity::Tokens(tokens) = &app.identity else {
        return Err(Error::NotFound);
    };
    let kid = tokens.rotate(&admin.0.member, &admin.0.audit).await?;
    let message = format!(
        "The key {kid} is published. It signs after all replicas have loaded it."
    );
    Ok(Json(Message { message }))
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
    }
}

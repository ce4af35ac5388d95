//! Accounts.

mod changes;

mod roles;

pub use changes::{
    SignedOut, change_password, revoke_more, set_disabled, set_operator, set_role,
    sign_out_at_epoch, sign_out_everywhere,
};
pub use roles::{is_operator, lock_admins, operators};

use crate::error::RecordsError;
use crate::ids::{Member, OrgId};
use crate::{row, scope};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::fmt;
use upload_domain::username::Username;

/// An account to import.
#[derive(Clone)]
pub struct NewAccount {
    /// The identity.
    pub member: Member,
    /// Argon2id, in PHC form.
    pub password_hash: String,
    /// Whether it may rotate the signing keys of the service.
    pub operator: bool,
}

/// An account with the data for a login.
#[derive(Clone)]
pub struct Account {
    /// The identity.
    pub member: Member,
    /// Argon2id, in PHC form.
    pub password_hash: String,
    /// Tokens and sessions carry this number; those with a lower one are invalid.
    pub epoch: i64,
    /// Since when login is disabled.
    pub disabled_at: Option<i64>,
    /// Whether it may rotate the signing keys of the service.
    pub operator: bool,
}

impl fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewAccount({})", self.member.username)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({}, epoch {})", self.member.username, self.epoch)
    }
}

/// Adds missing accounts and their organisations. Existing accounts stay unchanged, even
/// in another organisation. Returns how many were added. Several programs may call it at
/// once.
///
/// # Errors
/// When the database fails.
pub async fn import(
    tx: &mut AnyConnection,
    accounts: &[NewAccount],
    now: i64,
) -> Result<u64, RecordsError> {
    let mut accounts: Vec<_> = accounts.iter().collect();
    // All importers take the locks in the same order, to avoid a deadlock.
    accounts.sort_by_key(|new| (&new.member.organisation, &new.member.username));
    let mut added = 0;
    let mut entered = None;
    for new in accounts {
        let organisation = &new.member.organisation;
        if entered != Some(organisation) {
            scope::enter(tx, organisation).await?;
            sqlx::query(
                "INSERT INTO organisations (name, created_at) VALUES ($1, $2) \
                 ON CONFLICT DO NOTHING",
            )
            .bind(organisation.as_str())
            .bind(now)
            .execute(&mut *tx)
            .await?;
            entered = Some(organisation);
        }
        let inserted = sqlx::query(
            "INSERT INTO users (username, organisation, role, password_hash, created_at, \
               operator) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(new.member.username.as_str())
        .bind(new.member.organisation.as_str())
        .bind(new.member.role.as_str())
        .bind(&new.password_hash)
        .bind(now)
        .bind(i64::from(new.operator))
        .execute(&mut *tx)
        .await?;
        added += inserted.rows_affected();
    }
    Ok(added)
}

/// Finds an account by name in any organisation: for [`crate::Scope::Login`], and for
/// names from a verified credential. Use [`list`] for a name from a request.
///
/// # Errors
/// When the database fails.
pub async fn find(
    tx: &mut AnyConnection,
    username: &Username,
) -> Result<Option<Account>, RecordsError> {
    let row = sqlx::query(
        "SELECT username, organisation, role, password_hash, epoch, disabled_at, \
           operator FROM users WHERE username = $1",
    )
    .bind(username.as_str())
    .fetch_optional(tx)
    .await?;
    row.as_ref().map(account).transpose()
}

/// All accounts of an organisation, by name.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut AnyConnection,
    organisation: &OrgId,
) -> Result<Vec<Account>, RecordsError> {
    let rows = sqlx::query(
        "SELECT username, organisation, role, password_hash, epoch, disabled_at, \
           operator FROM users WHERE organisation = $1 ORDER BY username",
    )
    .bind(organisation.as_str())
    .fetch_all(tx)
    .await?;
    rows.iter().map(account).collect()
}

fn account(row: &AnyRow) -> Result<Account, RecordsError> {
    Ok(Account {
        member: row::member(row)?,
        password_hash: row.try_get("password_hash")?,
        epoch: row.try_get("epoch")?,
        disabled_at: row.try_get("disabled_at")?,
        operator: row.try_get::<i64, _>("operator")? == 1,
    })
}

/// Locks the user's row until the transaction ends. Returns `false` if the account
/// changed since the login's password check: it was disabled or signed out everywhere. A
/// later sign-out or session count waits for the lock and then sees the rows created
/// under it.
pub(crate) async fn lock_account(
    tx: &mut AnyConnection,
    member: &Member,
    epoch: i64,
    now: i64,
) -> Result<bool, RecordsError> {
    let locked = sqlx::query(
        "UPDATE users SET last_login_at = $1 WHERE username = $2 AND organisation = $3 \
         AND epoch = $4 AND disabled_at IS NULL",
    )
    .bind(now)
    .bind(member.username.as_str())
    .bind(member.organisation.as_str())
    .bind(epoch)
    .execute(tx)
    .await?;
    Ok(locked.rows_affected() == 1)
}

//! People.

mod changes;

pub use changes::{
    SignedOut, change_password, set_disabled, set_role, sign_out_everywhere,
};

use crate::error::RecordsError;
use crate::ids::{Member, OrgId};
use crate::{row, scope};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::fmt;
use upload_domain::username::Username;

/// Somebody who may be missing still.
#[derive(Clone)]
pub struct NewAccount {
    /// Who.
    pub member: Member,
    /// Argon2id, in PHC form.
    pub password_hash: String,
}

/// Somebody as the login needs them.
#[derive(Clone)]
pub struct Account {
    /// Who.
    pub member: Member,
    /// Argon2id, in PHC form.
    pub password_hash: String,
    /// What is signed now must carry this, or it is not believed.
    pub epoch: i64,
    /// Since when they may not log in.
    pub disabled_at: Option<i64>,
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

/// Adds those who are missing, and their organisations; those who are there stay as they
/// are, also when they belong to another organisation. Returns how many were added.
/// Several programs may do it at once.
///
/// # Errors
/// When the database fails.
pub async fn import(
    tx: &mut AnyConnection,
    accounts: &[NewAccount],
    now: i64,
) -> Result<u64, RecordsError> {
    let mut accounts: Vec<_> = accounts.iter().collect();
    // All importers take locks in the same order: none waits for one that waits for it.
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
            "INSERT INTO users (username, organisation, role, password_hash, created_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(new.member.username.as_str())
        .bind(new.member.organisation.as_str())
        .bind(new.member.role.as_str())
        .bind(&new.password_hash)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        added += inserted.rows_affected();
    }
    Ok(added)
}

/// The account of this name, whatever its organisation: for [`crate::Scope::Login`], and
/// for names that come from a proof. A name that a caller chose is looked for in [`list`].
///
/// # Errors
/// When the database fails.
pub async fn find(
    tx: &mut AnyConnection,
    username: &Username,
) -> Result<Option<Account>, RecordsError> {
    let row = sqlx::query(
        "SELECT username, organisation, role, password_hash, epoch, disabled_at \
         FROM users WHERE username = $1",
    )
    .bind(username.as_str())
    .fetch_optional(tx)
    .await?;
    row.as_ref().map(account).transpose()
}

/// Everybody of an organisation, by name.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut AnyConnection,
    organisation: &OrgId,
) -> Result<Vec<Account>, RecordsError> {
    let rows = sqlx::query(
        "SELECT username, organisation, role, password_hash, epoch, disabled_at \
         FROM users WHERE organisation = $1 ORDER BY username",
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
    })
}

/// Locks the user's row until the transaction ends, unless the account is no longer what
/// the login saw: disabled, or signed out everywhere since. Whatever is created under
/// this lock is seen by the next who ends everything, and counts for the next who counts.
pub(crate) async fn hold(
    tx: &mut AnyConnection,
    member: &Member,
    epoch: i64,
    now: i64,
) -> Result<bool, RecordsError> {
    let held = sqlx::query(
        "UPDATE users SET last_login_at = $1 WHERE username = $2 AND organisation = $3 \
         AND epoch = $4 AND disabled_at IS NULL",
    )
    .bind(now)
    .bind(member.username.as_str())
    .bind(member.organisation.as_str())
    .bind(epoch)
    .execute(tx)
    .await?;
    Ok(held.rows_affected() == 1)
}

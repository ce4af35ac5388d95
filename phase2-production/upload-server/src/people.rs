//! Who has an account, and whether a password is theirs.

use crate::limits::{ClientAddress, Limits, TooMany};
use records::{Member, OrgId, Records, RecordsError, Role, Scope, users};
use std::path::Path;
use std::sync::Arc;
use upload_domain::incoming::now_ms;
use upload_domain::passwords::{self, Busy, HashCost, PasswordChecks};
use upload_domain::username::Username;
use upload_domain::users_file;

/// The organisation of users whose file names none.
pub(crate) const DEFAULT_ORGANISATION: &str = "main";

/// Somebody who has just proved who they are.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) member: Member,
    /// The version of the user that sessions and tokens are bound to.
    pub(crate) epoch: i64,
}

/// Why somebody was not let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// Unknown name, wrong password or disabled; callers never learn which.
    #[error("wrong user name or password")]
    Wrong,
    /// Nothing was checked: too many checks are under way.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// Nothing was checked: too many wrong passwords before.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Nothing could be checked.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// All accounts, in the records: the same on every replica.
#[derive(Clone)]
pub(crate) struct People {
    records: Records,
    limits: Limits,
    checks: PasswordChecks,
    /// Checked for unknown names, so that they take as long as known ones do.
    decoy: Arc<str>,
}

impl People {
    /// Everybody in the records.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(crate) fn new(
        records: Records,
        limits: Limits,
        cost: HashCost,
    ) -> anyhow::Result<Self> {
        let decoy = passwords::hash("nobody has this password", cost)?;
        let checks = PasswordChecks::default();
        Ok(Self { records, limits, checks, decoy: Arc::from(decoy) })
    }

    /// Whose password this is. Every attempt counts until it turns out to be right.
    ///
    /// # Errors
    /// When it is nobody's, too many are asking, or the records do not answer.
    pub(crate) async fn log_in(
        &self,
        username: &str,
        password: &str,
        from: ClientAddress,
    ) -> Result<Known, LoginError> {
        let attempt = self.limits.attempt(username, from.0).await?;
        let checked = self.check(username, password).await;
        // What was right, or not looked at, was no guess.
        if !matches!(checked, Err(LoginError::Wrong)) {
            attempt.succeeded().await;
        }
        checked
    }

    async fn check(&self, username: &str, password: &str) -> Result<Known, LoginError> {
        let account = self.find(username).await?;
        let hash = account.as_ref().map_or(&*self.decoy, |known| &known.password_hash);
        let matches = self.checks.check(password, hash).await?;
        match account {
            Some(account) if matches && account.disabled_at.is_none() => {
                Ok(Known { member: account.member, epoch: account.epoch })
            }
            _ => Err(LoginError::Wrong),
        }
    }

    async fn find(&self, username: &str) -> Result<Option<users::Account>, RecordsError> {
        let Ok(name) = Username::parse(username) else {
            return Ok(None);
        };
        let scope = Scope::Login(name.clone());
        let found = self
            .records
            .run(scope, move |tx| Box::pin(async move { users::find(tx, &name).await }));
        found.await
    }

    /// Imports a users file. Whoever is known already stays as they are: a password that
    /// was changed is not changed back by a restart.
    ///
    /// # Errors
    /// When the file is not valid, or the records do not answer.
    pub(crate) async fn import(records: &Records, file: &Path) -> anyhow::Result<u64> {
        let now = i64::try_from(now_ms())?;
        let users = users_file::read(file)?;
        let accounts = users.into_iter().map(|user| {
            let organisation = user.organisation.as_deref();
            let organisation =
                OrgId::parse(organisation.unwrap_or(DEFAULT_ORGANISATION))?;
            let role = if user.admin { Role::Admin } else { Role::Member };
            let member = Member { organisation, username: user.username, role };
            Ok(users::NewAccount { member, password_hash: user.password_hash })
        });
        let accounts = accounts.collect::<anyhow::Result<Vec<_>>>()?;
        let imported = records.run(Scope::Housekeeping, move |tx| {
            Box::pin(async move { users::import(tx, &accounts, now).await })
        });
        Ok(imported.await?)
    }
}

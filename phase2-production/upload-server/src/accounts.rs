//! Accounts: password checks and import.

use crate::clock;
use crate::concurrency_limit::ConcurrencyLimit;
use crate::limits::{ClientAddress, Limits, TooMany};
use crate::run_to_completion::run_to_completion;
use api_contract::secret::Secret;
use records::{Member, OrgId, Records, RecordsError, Role, Scope, users};
use std::path::Path;
use std::sync::Arc;
use upload_domain::passwords::{
    self, Busy, HashCost, HashError, HashPermit, PasswordChecks,
};
use upload_domain::username::Username;
use upload_domain::users_file;

/// Organisation of users without one in their entry.
pub(crate) const DEFAULT_ORGANISATION: &str = "main";

/// Concurrent account lookups for logins: half of a replica's connections.
const MAX_CONCURRENT_LOOKUPS: usize = 4;

/// Accounts in one import transaction. Other replicas wait for the whole transaction, and
/// no statement may wait for seconds.
const IMPORT_BATCH_SIZE: usize = 32;

/// Attempts at an import. The first connection to a database that has just started may be
/// slower than any later one.
const MAX_IMPORT_ATTEMPTS: u32 = 5;

/// An account after verification of its password.
#[derive(Clone, Debug)]
pub(crate) struct Authenticated {
    pub(crate) member: Member,
    /// Version of the account; sessions and tokens are bound to it.
    pub(crate) epoch: i64,
}

/// Reasons for a failed login.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// Unknown name, wrong password or disabled account; the caller never learns which.
    #[error("wrong user name or password")]
    Wrong,
    /// Not checked: too many concurrent password checks.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// Not checked: too many wrong passwords before.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Not checked: the database does not answer.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The operating system gives no random numbers for a new hash.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// All accounts, in the database; the same on every replica.
#[derive(Clone)]
pub(crate) struct Accounts {
    records: Records,
    limits: Limits,
    checks: PasswordChecks,
    lookups: Arc<ConcurrencyLimit>,
    /// Cost of hashing a new password.
    cost: HashCost,
    /// Hash that is checked for unknown names, so that they take as long as known ones.
    decoy: Arc<str>,
}

impl Accounts {
    /// The accounts in the database.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub(crate) fn new(
        records: Records,
        limits: Limits,
        cost: HashCost,
    ) -> anyhow::Result<Self> {
        let decoy = passwords::hash("decoy password of unknown accounts", cost)?;
        let checks = PasswordChecks::default();
        let lookups = Arc::new(ConcurrencyLimit::new(MAX_CONCURRENT_LOOKUPS));
        Ok(Self { records, limits, checks, lookups, cost, decoy: Arc::from(decoy) })
    }

    /// Verifies a password. Every attempt counts until the password is found right.
    ///
    /// # Errors
    /// When name or password is wrong, too many are being checked, or the database does
    /// not answer.
    pub(crate) async fn log_in(
        &self,
        username: &str,
        password: &str,
        from: ClientAddress,
    ) -> Result<Authenticated, LoginError> {
        self.log_in_and(username, password, from, async |_place| ())
            .await
            .map(|(known, ())| known)
    }

    /// Verifies a password, and hashes its replacement.
    ///
    /// # Errors
    /// As [`Accounts::log_in`], and when the operating system gives no random numbers.
    pub(crate) async fn log_in_and_hash(
        &self,
        username: &str,
        password: &str,
        replacement: &str,
        from: ClientAddress,
    ) -> Result<(Authenticated, String), LoginError> {
        let hash = async |place: &HashPermit| place.hash(replacement, self.cost).await;
        let (known, hashed) = self.log_in_and(username, password, from, hash).await?;
        Ok((known, hashed?))
    }

    /// Whether the account is unchanged since its password was verified: neither disabled
    /// nor signed out everywhere.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn is_unchanged(
        &self,
        known: &Authenticated,
    ) -> Result<bool, RecordsError> {
        let account = self.find(known.member.username.as_str()).await?;
        Ok(account.is_some_and(|account| {
            account.epoch == known.epoch && account.disabled_at.is_none()
        }))
    }

    /// Runs `then` in the same slot of the hashing queue after a successful check.
    async fn log_in_and<T>(
        &self,
        username: &str,
        password: &str,
        from: ClientAddress,
        then: impl AsyncFnOnce(&HashPermit) -> T,
    ) -> Result<(Authenticated, T), LoginError> {
        let attempt = self.limits.attempt(username, from.0).await?;
        let (accounts, username) = (self.clone(), username.to_owned());
        let password = Secret::new(password);
        // A client that leaves now would otherwise make a right password count as a wrong one.
        let checked = run_to_completion(async move {
            let checked = accounts.check_in_place(&username, password.expose()).await;
            // Only a wrong password counts as an attempt.
            if !matches!(checked, Err(LoginError::Wrong)) {
                attempt.succeeded().await;
            }
            checked
        });
        let (known, place) = checked.await?;
        Ok((known, then(&place).await))
    }

    /// Verifies a password in a place of the hashing queue, which the caller keeps.
    async fn check_in_place(
        &self,
        username: &str,
        password: &str,
    ) -> Result<(Authenticated, HashPermit), LoginError> {
        let place = self.checks.permit()?;
        let known = self.check(&place, username, password).await?;
        Ok((known, place))
    }

    /// Verifies a password. Few account lookups run at once, so a burst of logins leaves
    /// database connections for authenticated requests.
    async fn check(
        &self,
        place: &HashPermit,
        username: &str,
        password: &str,
    ) -> Result<Authenticated, LoginError> {
        let account = self.find(username).await?;
        let hash = account.as_ref().map_or(&*self.decoy, |known| &known.password_hash);
        let matches = place.check(password, hash).await;
        match account {
            Some(account) if matches && account.disabled_at.is_none() => {
                Ok(Authenticated { member: account.member, epoch: account.epoch })
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
            .read(scope, move |tx| Box::pin(async move { users::find(tx, &name).await }));
        self.lookups.run(found).await
    }

    /// Whether the default organisation has accounts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn exist(records: &Records) -> anyhow::Result<bool> {
        let main = OrgId::parse(DEFAULT_ORGANISATION)?;
        let accounts = records.read(Scope::Organisation(main.clone()), move |tx| {
            Box::pin(async move { users::list(tx, &main).await })
        });
        Ok(!accounts.await?.is_empty())
    }

    /// Imports a users file. Existing accounts stay unchanged, so a restart does not
    /// revert a changed password.
    ///
    /// # Errors
    /// When the file is not valid, or the database does not answer.
    pub(crate) async fn import(records: &Records, file: &Path) -> anyhow::Result<u64> {
        let now = clock::now();
        let users = users_file::read(file)?;
        let accounts = users.into_iter().map(|user| {
            let organisation = user.organisation.as_deref();
            let organisation =
                OrgId::parse(organisation.unwrap_or(DEFAULT_ORGANISATION))?;
            let role = if user.admin { Role::Admin } else { Role::Member };
            let member = Member { organisation, username: user.username, role };
            let (password_hash, operator) = (user.password_hash, user.operator);
            Ok(users::NewAccount { member, password_hash, operator })
        });
        let accounts = accounts.collect::<anyhow::Result<Vec<_>>>()?;
        let mut imported = 0;
        for some in accounts.chunks(IMPORT_BATCH_SIZE) {
            imported += import_batch(records, some, now).await?;
        }
        Ok(imported)
    }
}

/// Imports one batch. Replicas that start together import the same accounts and wait for
/// each other's locks. The import is idempotent, so it is retried after a timeout.
async fn import_batch(
    records: &Records,
    accounts: &[users::NewAccount],
    now: i64,
) -> Result<u64, RecordsError> {
    let mut attempts_left = MAX_IMPORT_ATTEMPTS;
    loop {
        attempts_left -= 1;
        let accounts = accounts.to_vec();
        let imported = records.run(Scope::Housekeeping, move |tx| {
            Box::pin(async move { users::import(tx, &accounts, now).await })
        });
        match imported.await {
            Err(RecordsError::Unavailable(why)) if attempts_left > 0 => {
                tracing::warn!(%why, attempts_left, "retrying the import");
            }
            ended => return ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::limits::LimitArgs;
    use records::PoolLimits;
    use std::net::{IpAddr, Ipv4Addr};

    const HERE: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));

    /// The accounts of a closed database.
    async fn accounts_without_database(folder: &Path) -> Accounts {
        let url = format!("sqlite://{}/a.sqlite?mode=rwc", folder.display());
        Records::migrate(&url).await.unwrap();
        let records = Records::open(&url, PoolLimits::default()).await.unwrap();
        records.close().await;
        let args = LimitArgs {
            attempts_per_account: 1_000,
            attempts_per_address: 1_000,
            attempts_window_ms: 60_000,
            refreshes_per_login: 60,
            requests_per_second: 1_000,
            trusted_proxies: Vec::new(),
        };
        Accounts::new(records, Limits::new(None, &args), HashCost::Minimal).unwrap()
    }

    #[tokio::test]
    async fn login_without_hashing_slot_reads_no_account() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = accounts_without_database(folder.path()).await;
        let log_in = || accounts.log_in("alice", "secret", HERE);
        assert!(
            matches!(log_in().await, Err(LoginError::Records(_))),
            "the account is read"
        );
        let places: Vec<_> =
            std::iter::from_fn(|| accounts.checks.permit().ok()).collect();
        assert!(matches!(log_in().await, Err(LoginError::Busy(_))));
        drop(places);
        assert!(matches!(log_in().await, Err(LoginError::Records(_))));
    }
}

//! Who has an account, and whether a password is theirs.

use crate::clock;
use crate::error::Error;
use crate::limits::{ClientAddress, Limits, TooMany};
use crate::turns::Turns;
use records::{Member, OrgId, Records, RecordsError, Role, Scope, users};
use std::path::Path;
use std::sync::Arc;
use upload_domain::passwords::{self, Busy, HashCost, PasswordChecks, Place};
use upload_domain::username::Username;
use upload_domain::users_file;

/// The organisation of users whose file names none.
pub(crate) const DEFAULT_ORGANISATION: &str = "main";

/// Accounts that are looked up at once for a login: half of a replica's connections.
const LOOKED_UP_AT_ONCE: usize = 4;

/// Accounts that are imported in one transaction: another replica waits for all of it, and
/// no statement may wait for seconds.
const IMPORTED_AT_ONCE: usize = 32;

/// How often that is tried: the first connection to a database that has just started may
/// take longer than any later one.
const IMPORT_TRIES: u32 = 5;

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
    turns: Arc<Turns>,
    /// How expensive a guess at a new password is.
    cost: HashCost,
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
        let turns = Arc::new(Turns::new(LOOKED_UP_AT_ONCE));
        Ok(Self { records, limits, checks, turns, cost, decoy: Arc::from(decoy) })
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
        self.log_in_and(username, password, from, async |_place| ())
            .await
            .map(|(known, ())| known)
    }

    /// Whose password this is, and the hash of the one that they want from now on.
    ///
    /// # Errors
    /// As [`People::log_in`], and when the system gives no random numbers.
    pub(crate) async fn log_in_with_another(
        &self,
        username: &str,
        password: &str,
        another: &str,
        from: ClientAddress,
    ) -> Result<(Known, String), Error> {
        let hash = async |place: &Place| place.hash(another, self.cost).await;
        let (known, hashed) = self.log_in_and(username, password, from, hash).await?;
        Ok((known, hashed.map_err(Error::broken)?))
    }

    /// Whether they are still what they were when they proved who they are: neither
    /// disabled nor signed out everywhere since.
    ///
    /// # Errors
    /// When the records do not answer.
    pub(crate) async fn is_unchanged(&self, known: &Known) -> Result<bool, RecordsError> {
        let account = self.find(known.member.username.as_str()).await?;
        Ok(account.is_some_and(|account| {
            account.epoch == known.epoch && account.disabled_at.is_none()
        }))
    }

    /// `then` is done in the same place in the queue, for whoever is who they say.
    async fn log_in_and<T>(
        &self,
        username: &str,
        password: &str,
        from: ClientAddress,
        then: impl AsyncFnOnce(&Place) -> T,
    ) -> Result<(Known, T), LoginError> {
        let attempt = self.limits.attempt(username, from.0).await?;
        let checked = async {
            let place = self.checks.place()?;
            let known = self.check(&place, username, password).await?;
            Ok((known, then(&place).await))
        };
        let checked = checked.await;
        // What was right, or not looked at, was no guess.
        if !matches!(checked, Err(LoginError::Wrong)) {
            attempt.succeeded().await;
        }
        checked
    }

    /// The account is looked up by few at a time: a flood of logins leaves connections to
    /// those who have a proof already.
    async fn check(
        &self,
        place: &Place,
        username: &str,
        password: &str,
    ) -> Result<Known, LoginError> {
        let account = self.find(username).await?;
        let hash = account.as_ref().map_or(&*self.decoy, |known| &known.password_hash);
        let matches = place.check(password, hash).await;
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
            .look(scope, move |tx| Box::pin(async move { users::find(tx, &name).await }));
        self.turns.ask(found).await
    }

    /// Whether anybody is in the organisation of those whose file names none.
    ///
    /// # Errors
    /// When the records do not answer.
    pub(crate) async fn are_there(records: &Records) -> anyhow::Result<bool> {
        let main = OrgId::parse(DEFAULT_ORGANISATION)?;
        let there = records.look(Scope::Organisation(main.clone()), move |tx| {
            Box::pin(async move { users::list(tx, &main).await })
        });
        Ok(!there.await?.is_empty())
    }

    /// Imports a users file. Whoever is known already stays as they are: a password that
    /// was changed is not changed back by a restart.
    ///
    /// # Errors
    /// When the file is not valid, or the records do not answer.
    pub(crate) async fn import(records: &Records, file: &Path) -> anyhow::Result<u64> {
        let now = clock::now();
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
        let mut imported = 0;
        for some in accounts.chunks(IMPORTED_AT_ONCE) {
            imported += import_some(records, some, now).await?;
        }
        Ok(imported)
    }
}

/// Replicas that start together import the same people, and each waits for who came first.
/// Doing it again changes nothing, so a wait that was too long is no reason to give up.
async fn import_some(
    records: &Records,
    accounts: &[users::NewAccount],
    now: i64,
) -> Result<u64, RecordsError> {
    let mut tries_left = IMPORT_TRIES;
    loop {
        tries_left -= 1;
        let accounts = accounts.to_vec();
        let imported = records.run(Scope::Housekeeping, move |tx| {
            Box::pin(async move { users::import(tx, &accounts, now).await })
        });
        match imported.await {
            Err(RecordsError::Unavailable(why)) if tries_left > 0 => {
                tracing::warn!(%why, tries_left, "people could not be imported yet");
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

    /// Everybody of a database that is gone.
    async fn people_without_records(folder: &Path) -> People {
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
        People::new(records, Limits::new(None, &args), HashCost::Least).unwrap()
    }

    #[tokio::test]
    async fn who_finds_no_place_before_the_hashing_is_not_even_looked_up() {
        let folder = tempfile::tempdir().unwrap();
        let people = people_without_records(folder.path()).await;
        let log_in = || people.log_in("alice", "secret", HERE);
        assert!(matches!(log_in().await, Err(LoginError::Records(_))), "it is looked up");
        let places: Vec<_> = std::iter::from_fn(|| people.checks.place().ok()).collect();
        assert!(matches!(log_in().await, Err(LoginError::Busy(_))));
        drop(places);
        assert!(matches!(log_in().await, Err(LoginError::Records(_))));
    }
}

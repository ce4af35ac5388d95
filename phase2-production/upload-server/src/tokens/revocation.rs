//! Revocation: what ends an access token before its time, and what asking costs.
//!
//! | mode            | asked for each request              | what a revocation ends     |
//! |-----------------|-------------------------------------|----------------------------|
//! | `none`          | nothing                             | nothing, until it expires  |
//! | `short-lived`   | nothing                             | nothing, within a minute   |
//! | `deny-list`     | Redis: this token, and its family   | the family                 |
//! | `token-version` | Redis: the version of the user      | everything of the user     |
//! | `combined`      | Redis: all three, in one round trip | either                     |
//!
//! The truth is in the records; Redis is asked first because it is quicker. Where Redis
//! does not answer, or cannot have heard of it, the records are asked, by a few requests
//! at a time. If nobody can be asked, nobody has said yes: that is a 503 and no 200.

mod deny_list;
mod denying;
mod version;

use super::TokenError;
use super::access::{Claims, ISSUER};
use crate::config::proofs::Revocation;
use cache::Cache;
use deny_list::{DenialHeard, DenyList};
use records::{AnyConnection, Records, RecordsError, Scope, revoked, users};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use version::{VersionHeard, Versions};

/// Requests that may ask the records at once because Redis could not say: half of a
/// replica's connections, so that uploads and logins go on.
const ASKING: usize = 4;

/// How long one may wait for that. Longer waits only pile up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether access tokens are still good.
#[derive(Clone)]
pub(crate) struct Revocations {
    mode: Revocation,
    records: Records,
    denied: DenyList,
    versions: Versions,
    asking: Arc<Semaphore>,
    /// Milliseconds that an access token may still live, leeway included.
    longest_life: i64,
}

/// What the records say of a token.
#[derive(Clone, Copy, Debug)]
struct Truth {
    denied: bool,
    /// The user's version; none if there is no such user any more.
    epoch: Option<i64>,
}

impl Revocations {
    pub(crate) fn new(
        mode: Revocation,
        records: Records,
        cache: Option<Cache>,
        longest_life: i64,
    ) -> Self {
        Self {
            mode,
            records,
            denied: DenyList::new(cache.clone()),
            versions: Versions::new(cache),
            asking: Arc::new(Semaphore::new(ASKING)),
            longest_life,
        }
    }

    const fn denies(&self) -> bool {
        matches!(self.mode, Revocation::DenyList | Revocation::Combined)
    }

    const fn compares_versions(&self) -> bool {
        matches!(self.mode, Revocation::TokenVersion | Revocation::Combined)
    }

    /// Whether a logout ends everything of a user, because versions cannot end less.
    pub(crate) const fn is_coarse(&self) -> bool {
        matches!(self.mode, Revocation::TokenVersion)
    }

    /// Whether the token still counts.
    ///
    /// # Errors
    /// `Invalid` when it was ended, `CannotKnow` when that cannot be known.
    pub(crate) async fn check(&self, claims: &Claims) -> Result<(), TokenError> {
        let (denied, version) = tokio::join!(
            async {
                if self.denies() { Some(self.denied.hear(claims).await) } else { None }
            },
            async {
                let asks = self.compares_versions();
                if asks { Some(self.versions.hear(claims).await) } else { None }
            },
        );
        if matches!(denied, Some(DenialHeard::Denied))
            || matches!(version, Some(VersionHeard::Older))
        {
            return Err(TokenError::Invalid);
        }
        let unsure = matches!(denied, Some(DenialHeard::Ask { .. }))
            || matches!(version, Some(VersionHeard::Ask { .. }));
        if !unsure {
            return Ok(());
        }
        let truth = self.ask_records(claims).await?;
        if let Some(DenialHeard::Ask { since: Some(since) }) = denied
            && !truth.denied
        {
            self.denied.remember(claims, since);
        }
        if let (Some(VersionHeard::Ask { fill: Some(asked) }), Some(epoch)) =
            (version, truth.epoch)
        {
            self.versions.fill(&claims.sub, epoch, asked).await;
        }
        let same_version = !self.compares_versions() || truth.epoch == Some(claims.ver);
        if !truth.denied && same_version { Ok(()) } else { Err(TokenError::Invalid) }
    }

    async fn ask_records(&self, claims: &Claims) -> Result<Truth, TokenError> {
        super::count_lookup("records");
        let turn = timeout(PATIENCE, self.asking.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(TokenError::CannotKnow);
        };
        let (denies, versions) = (self.denies(), self.compares_versions());
        let claims = claims.clone();
        let scope = Scope::Organisation(claims.org.clone());
        let asked = self.records.run(scope, move |tx| {
            Box::pin(async move {
                let denied = denies && is_denied(tx, &claims).await?;
                let known =
                    if versions { users::find(tx, &claims.sub).await? } else { None };
                let enabled = known.filter(|account| account.disabled_at.is_none());
                Ok(Truth { denied, epoch: enabled.map(|account| account.epoch) })
            })
        });
        asked.await.map_err(|error| {
            tracing::warn!(%error, "whether a token was revoked cannot be known");
            TokenError::CannotKnow
        })
    }
}

async fn is_denied(
    tx: &mut AnyConnection,
    claims: &Claims,
) -> Result<bool, RecordsError> {
    for jti in [&claims.jti, &family_name(&claims.sid)] {
        if revoked::is_denied(tx, &claims.org, ISSUER, jti).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A family stands in the deny list beside single tokens; no `jti` looks like this.
pub(crate) fn family_name(family: &str) -> String {
    format!("family:{family}")
}

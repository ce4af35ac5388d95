//! What the modes remember in Redis, and how it is asked, learned and told.

use super::deny_list::{DenialHeard, DenyList};
use super::version::{VersionHeard, Versions};
use super::{Heard, Truth};
use crate::config::proofs::Revocation;
use crate::hearsay::{self, Hearsay};
use crate::tokens::access::Claims;
use cache::{Cache, Written};
use records::{Records, revoked};
use upload_domain::username::Username;

/// The part of Redis that a mode uses.
#[derive(Clone)]
pub(super) struct Memory {
    mode: Revocation,
    denied: DenyList,
    versions: Versions,
    /// Milliseconds that an access token may still live, leeway included.
    pub(super) longest_life: i64,
}

impl Memory {
    pub(super) fn new(mode: Revocation, cache: Option<Cache>, longest_life: i64) -> Self {
        let denied = DenyList::new(cache.clone());
        Self { mode, denied, versions: Versions::new(cache), longest_life }
    }

    pub(super) const fn denies(&self) -> bool {
        matches!(self.mode, Revocation::DenyList | Revocation::Combined)
    }

    pub(super) const fn compares_versions(&self) -> bool {
        matches!(self.mode, Revocation::TokenVersion | Revocation::Combined)
    }

    pub(super) const fn asks_anybody(&self) -> bool {
        self.denies() || self.compares_versions()
    }

    /// All questions at once: the request waits for Redis one time.
    pub(super) async fn hear(&self, claims: &Claims) -> Heard {
        let (denied, version) = tokio::join!(
            async {
                if self.denies() { Some(self.denied.hear(claims).await) } else { None }
            },
            async {
                let asks = self.compares_versions();
                if asks { Some(self.versions.hear(claims).await) } else { None }
            },
        );
        Heard { denied, version }
    }

    /// What the records said where Redis could not.
    pub(super) async fn learn(&self, claims: &Claims, heard: &Heard, truth: Truth) {
        if let Some(DenialHeard::Ask { since: Some(since) }) = heard.denied
            && !truth.denied
        {
            self.denied.remember(claims, since);
        }
        if let (Some(VersionHeard::Ask { fill: Some(asked) }), Some(epoch)) =
            (heard.version, truth.epoch)
        {
            self.versions.fill(&claims.sub, epoch, asked).await;
        }
    }

    /// Tells Redis of ends that are in the records, by the names that they have there.
    pub(super) async fn tell(&self, names: &[String]) -> Written {
        let (users, denied): (Vec<_>, Vec<_>) =
            names.iter().partition(|name| user_of(name).is_some());
        let users: Vec<_> = users.into_iter().filter_map(|name| user_of(name)).collect();
        let denied: Vec<_> = denied.into_iter().cloned().collect();
        let mut told = Written::Now;
        if !users.is_empty() && self.versions.forget(&users).await == Written::Later {
            told = Written::Later;
        }
        if !denied.is_empty()
            && self.denied.tell(&denied, self.longest_life).await == Written::Later
        {
            told = Written::Later;
        }
        told
    }

    /// Hears what others ended, and tells Redis.
    pub(super) fn listen(&self, records: Records) -> Hearsay {
        let ask: hearsay::Ask =
            |tx, end| Box::pin(async move { revoked::denied_after(tx, &end).await });
        let this = self.clone();
        Hearsay::listen(records, ask, move |ended| {
            let this = this.clone();
            async move {
                // Told later, Redis had trouble: then this replica believes nothing older.
                let _now_or_later = this.tell(&ended).await;
            }
        })
    }
}

/// A family stands in the deny list beside single tokens; no `jti` looks like this.
pub(super) fn family_name(family: &str) -> String {
    format!("family:{family}")
}

/// So does everything of a user that is older than a version. Nobody looks it up: it is
/// there for the replicas to hear that the version has changed.
pub(super) fn version_name(username: &Username, version: i64) -> String {
    format!("version:{version}:{username}")
}

/// Whose version has changed; none if the name is not of that kind.
fn user_of(name: &str) -> Option<String> {
    let (_version, user) = name.strip_prefix("version:")?.split_once(':')?;
    Some(user.to_owned())
}

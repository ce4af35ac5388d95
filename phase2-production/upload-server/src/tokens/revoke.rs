//! Revokes tokens before they expire: after a logout, a theft, or an account change.

use super::access::{LEEWAY_S, Validity};
use super::revocation::RevokedNames;
use super::{RefreshToken, TokenError, Tokens, signed};
use crate::audit::AuditContext;
use crate::run_to_completion::run_to_completion;
use records::audit::{self, AuditRow};
use records::refresh::{self, Holder, Owner};
use records::users::{self, SignedOut};
use records::{
    AnyConnection, Member, OrgId, RecordsError, Role, Scope, authority, clock,
};
use upload_domain::username::Username;

/// A token that this server has issued, valid or not.
#[derive(Clone, Debug)]
pub(crate) struct IdentifiedToken {
    member: Member,
    family: String,
    kind: TokenKind,
}

#[derive(Clone, Debug)]
enum TokenKind {
    Access {
        jti: String,
        /// The account's version at issue.
        version: i64,
        /// Milliseconds since 1970, leeway included.
        expires_at: i64,
    },
    Refresh,
}

impl IdentifiedToken {
    /// The family of the login.
    pub(crate) fn family(&self) -> &str {
        &self.family
    }

    /// Whether the token still stands for a login of its account at this version: it is an
    /// access token that is valid, or another token of a family that is.
    async fn is_current(
        &self,
        tx: &mut AnyConnection,
        account_version: i64,
        now: i64,
    ) -> Result<bool, RecordsError> {
        if let TokenKind::Access { version, expires_at, .. } = &self.kind {
            if *version != account_version {
                return Ok(false);
            }
            if *expires_at >= now {
                return Ok(true);
            }
        }
        let organisation = &self.member.organisation;
        refresh::is_live(tx, organisation, &self.family, account_version, now).await
    }
}

/// The written names, and the sign-out if it revoked all families of the user.
type Ended = (RevokedNames, Option<SignedOut>);

impl Tokens {
    /// Identifies a token of either kind; `None` for an unknown one. The request is
    /// unauthenticated, so few lookups run at once, and nothing is written.
    ///
    /// # Errors
    /// When a store does not answer.
    pub(crate) async fn identify(
        &self,
        token: &str,
    ) -> Result<Option<IdentifiedToken>, TokenError> {
        if let Some(token) = RefreshToken::parse(token) {
            return self.find_refresh_token(&token).await;
        }
        match self.read(token, Validity::Any).await {
            Ok(claims) => {
                let member = claims.member();
                let expires_at = claims.exp.saturating_add(LEEWAY_S);
                let kind = TokenKind::Access {
                    jti: claims.jti,
                    version: claims.ver,
                    expires_at: signed(expires_at.saturating_mul(1_000)),
                };
                Ok(Some(IdentifiedToken { member, family: claims.sid, kind }))
            }
            Err(TokenError::Invalid | TokenError::Expired) => Ok(None),
            Err(other) => Err(other),
        }
    }

    async fn find_refresh_token(
        &self,
        token: &RefreshToken,
    ) -> Result<Option<IdentifiedToken>, TokenError> {
        let token_hash = token.hash();
        let found =
            self.0.records.read(Scope::CredentialHash(token_hash.clone()), move |tx| {
                Box::pin(async move { refresh::find(tx, &token_hash).await })
            });
        let found = self.0.lookups.run(found).await?;
        Ok(found.map(|Owner { organisation, username, family }| {
            // The role is not used here.
            let member = Member { organisation, username, role: Role::Member };
            IdentifiedToken { member, family, kind: TokenKind::Refresh }
        }))
    }

    /// Logout with either kind of token (RFC 7009). Its family of refresh tokens is
    /// always revoked, its access tokens as far as `--revocation` allows. An expired
    /// access token still revokes its family. A token whose login has ended ends no other
    /// login: there is nothing left to revoke (RFC 7009 §2.2).
    ///
    /// # Errors
    /// When the database does not answer; then nothing is revoked.
    pub(crate) async fn revoke(
        &self,
        token: IdentifiedToken,
        audit: &AuditContext,
    ) -> Result<(), TokenError> {
        let (this, row) =
            (self.clone(), audit.row(&token.member, "token.revoked", &token.family));
        run_to_completion(async move { this.end_login(token, row).await }).await
    }

    async fn end_login(
        &self,
        token: IdentifiedToken,
        row: AuditRow,
    ) -> Result<(), TokenError> {
        let (this, owner) = (self.clone(), token.member.clone());
        let scope = Scope::Organisation(owner.organisation.clone());
        let ended = self.0.records.run(scope, move |tx| {
            Box::pin(async move { this.write_logout(tx, &token, &row).await })
        });
        let Some((names, revoked)) = ended.await? else {
            // The caller may repeat a logout that was committed and not yet published.
            return Ok(self.0.revocations.wait_for_feeds().await?);
        };
        self.publish(&names).await?;
        if let Some(revoked) = revoked {
            let (organisation, username) = (&owner.organisation, &owner.username);
            self.revoke_remaining(organisation, username, &revoked).await?;
        }
        Ok(())
    }

    /// `None` if the token's login has ended, and the logout would end later ones.
    async fn write_logout(
        &self,
        tx: &mut AnyConnection,
        token: &IdentifiedToken,
        row: &AuditRow,
    ) -> Result<Option<Ended>, RecordsError> {
        let (member, revocations) = (&token.member, &self.0.revocations);
        if !revocations.revokes_all_of_user() {
            let jti = match &token.kind {
                TokenKind::Access { jti, .. } => Some(jti.clone()),
                TokenKind::Refresh => None,
            };
            let ended = self.write_revocation(tx, member, &token.family, jti, row);
            return ended.await.map(Some);
        }
        let now = clock::now(tx).await?;
        // Read before the family: a sign-out after this read changes the version.
        let Some(version) = authority::epoch_of(tx, member).await? else {
            return Ok(None);
        };
        if !token.is_current(tx, version, now).await? {
            return Ok(None);
        }
        let (org, name) = (&member.organisation, &member.username);
        let ended = users::sign_out_at_epoch(tx, org, name, version, now).await?;
        let Some(ended) = ended else {
            return Ok(None);
        };
        audit::write(tx, row).await?;
        let names = revocations.deny_all_of(tx, org, name, &ended).await?;
        Ok(Some((names, Some(ended))))
    }

    /// Revokes the families that did not fit into the transaction of a sign-out, a bounded
    /// number in each transaction. Call it after that transaction is committed, and
    /// acknowledge the sign-out afterwards.
    ///
    /// # Errors
    /// When the database does not answer. A repeated sign-out continues.
    pub(crate) async fn revoke_remaining(
        &self,
        organisation: &OrgId,
        username: &Username,
        revoked: &SignedOut,
    ) -> Result<(), RecordsError> {
        let mut batch = revoked.families.len();
        while batch >= refresh::REVOCATION_BATCH_SIZE {
            let (this, org, name, epoch) =
                (self.clone(), organisation.clone(), username.clone(), revoked.epoch);
            let scope = Scope::Organisation(organisation.clone());
            let more = self.0.records.run(scope, move |tx| {
                Box::pin(async move {
                    let now = clock::now(tx).await?;
                    let more = users::revoke_more(tx, &org, &name, epoch, now).await?;
                    let revocations = &this.0.revocations;
                    let names = revocations.deny_more_of(tx, &org, &more).await?;
                    Ok((more.len(), names))
                })
            });
            let (count, names) = more.await?;
            self.publish(&names).await?;
            batch = count;
        }
        Ok(())
    }

    /// Revokes a family in one transaction, so that a partial revocation is never
    /// acknowledged. Returns the sign-out if it revoked all families of the user, which
    /// [`Tokens::revoke_remaining`] completes.
    async fn write_revocation(
        &self,
        tx: &mut AnyConnection,
        member: &Member,
        family: &str,
        jti: Option<String>,
        row: &AuditRow,
    ) -> Result<Ended, RecordsError> {
        let (org, name) = (&member.organisation, &member.username);
        let (revocations, now) = (&self.0.revocations, clock::now(tx).await?);
        audit::write(tx, row).await?;
        if revocations.revokes_all_of_user() {
            // This includes the family. A transaction that needs both the user and a
            // family locks the user first; otherwise two concurrent logouts would
            // deadlock.
            let revoked = users::sign_out_everywhere(tx, org, name, now).await?;
            let names = match &revoked {
                Some(revoked) => revocations.deny_all_of(tx, org, name, revoked).await?,
                None => RevokedNames::default(),
            };
            return Ok((names, revoked));
        }
        refresh::revoke_family(tx, org, family, "logout", now).await?;
        Ok((revocations.deny_family(tx, org, family, jti).await?, None))
    }

    /// A refresh token was reused after its grace, and its family was revoked in this
    /// transaction. Revokes its access tokens as well and writes the audit row. A retry
    /// could not do this, because a revoked family reports no reuse.
    pub(super) async fn write_reuse(
        &self,
        tx: &mut AnyConnection,
        holder: &Holder,
        audit: &AuditContext,
    ) -> Result<Ended, RecordsError> {
        let row = audit.row(&holder.member, "token.revoked", &holder.family);
        self.write_revocation(tx, &holder.member, &holder.family, None, &row).await
    }

    /// Call it after the reuse was committed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn reuse_detected(
        &self,
        holder: &Holder,
        (names, revoked): &(RevokedNames, Option<SignedOut>),
    ) -> Result<(), RecordsError> {
        metrics::counter!("upload_server_refresh_token_reuse_total").increment(1);
        tracing::warn!(
            user = %holder.member.username,
            family = holder.family,
            "a refresh token was reused: its family is revoked"
        );
        if let Err(error) = self.publish(names).await {
            // The request is refused anyway.
            tracing::warn!(%error, "other replicas may receive the revocation late");
        }
        let Some(revoked) = revoked else { return Ok(()) };
        let Member { organisation, username, .. } = &holder.member;
        self.revoke_remaining(organisation, username, revoked).await
    }

    /// Revokes the access tokens of a user, in the transaction that revoked everything
    /// else.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn write_revocation_of_all(
        &self,
        tx: &mut AnyConnection,
        organisation: &OrgId,
        username: &Username,
        revoked: &SignedOut,
    ) -> Result<RevokedNames, RecordsError> {
        self.0.revocations.deny_all_of(tx, organisation, username, revoked).await
    }

    /// As on a paused replica.
    #[cfg(test)]
    pub(super) fn stop_feed(&self) {
        self.0.revocations.stop_feed();
    }

    /// Call it after the commit. When this returns, every replica has applied the
    /// revocation.
    ///
    /// # Errors
    /// When no store answers: another replica may not have received it.
    pub(crate) async fn publish(&self, names: &RevokedNames) -> Result<(), RecordsError> {
        self.0.revocations.publish(names).await
    }
}

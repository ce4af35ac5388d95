//! Revokes tokens before they expire: after a logout, a theft, or an account change.

use super::access::Validity;
use super::revocation::RevokedNames;
use super::{RefreshToken, TokenError, Tokens};
use crate::audit::AuditContext;
use crate::clock::now;
use crate::run_to_completion::run_to_completion;
use records::audit::{self, AuditRow};
use records::refresh::{self, Holder, Owner};
use records::users::{self, SignedOut};
use records::{AnyConnection, Member, OrgId, RecordsError, Role, Scope};
use upload_domain::username::Username;

/// A token that this server has issued, valid or not.
#[derive(Clone, Debug)]
pub(crate) struct IdentifiedToken {
    member: Member,
    family: String,
    /// Id of an access token.
    jti: Option<String>,
}

impl IdentifiedToken {
    /// The family of the login.
    pub(crate) fn family(&self) -> &str {
        &self.family
    }
}

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
                Ok(Some(IdentifiedToken {
                    member,
                    family: claims.sid,
                    jti: Some(claims.jti),
                }))
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
            IdentifiedToken { member, family, jti: None }
        }))
    }

    /// Logout with either kind of token (RFC 7009). Its family of refresh tokens is
    /// always revoked, its access tokens as far as `--revocation` allows. An expired
    /// access token still revokes its family.
    ///
    /// # Errors
    /// When the database does not answer; then nothing is revoked.
    pub(crate) async fn revoke(
        &self,
        token: IdentifiedToken,
        audit: &AuditContext,
    ) -> Result<(), TokenError> {
        let (this, audit) = (self.clone(), audit.clone());
        let IdentifiedToken { member, family, jti } = token;
        run_to_completion(async move {
            this.revoke_family(&member, family, jti, &audit).await
        })
        .await
    }

    async fn revoke_family(
        &self,
        member: &Member,
        family: String,
        jti: Option<String>,
        audit: &AuditContext,
    ) -> Result<(), TokenError> {
        let row = audit.row(member, "token.revoked", &family);
        let (this, owner) = (self.clone(), member.clone());
        let scope = Scope::Organisation(member.organisation.clone());
        let names = self.0.records.run(scope, move |tx| {
            Box::pin(async move {
                this.write_revocation(tx, &owner, &family, jti, &row).await
            })
        });
        self.publish(&names.await?).await;
        Ok(())
    }

    /// Revokes a family in one transaction, so that a partial revocation is never
    /// acknowledged.
    async fn write_revocation(
        &self,
        tx: &mut AnyConnection,
        member: &Member,
        family: &str,
        jti: Option<String>,
        row: &AuditRow,
    ) -> Result<RevokedNames, RecordsError> {
        let (org, name) = (&member.organisation, &member.username);
        let revocations = &self.0.revocations;
        audit::write(tx, row).await?;
        if revocations.revokes_all_of_user() {
            // This includes the family. A transaction that needs both the user and a
            // family locks the user first; otherwise two concurrent logouts would
            // deadlock.
            let revoked = users::sign_out_everywhere(tx, org, name, now()).await?;
            return match revoked {
                Some(revoked) => revocations.deny_all_of(tx, org, name, &revoked).await,
                None => Ok(RevokedNames::default()),
            };
        }
        refresh::revoke_family(tx, org, family, "logout", now()).await?;
        revocations.deny_family(tx, org, family, jti).await
    }

    /// A refresh token was reused after its grace, and its family was revoked in this
    /// transaction. Revokes its access tokens as well and writes the audit row. A retry
    /// could not do this, because a revoked family reports no reuse.
    pub(super) async fn write_reuse(
        &self,
        tx: &mut AnyConnection,
        holder: &Holder,
        audit: &AuditContext,
    ) -> Result<RevokedNames, RecordsError> {
        let row = audit.row(&holder.member, "token.revoked", &holder.family);
        self.write_revocation(tx, &holder.member, &holder.family, None, &row).await
    }

    /// Call it after the reuse was committed.
    pub(super) async fn reuse_detected(&self, holder: &Holder, names: &RevokedNames) {
        metrics::counter!("upload_server_refresh_token_reuse_total").increment(1);
        tracing::warn!(
            user = %holder.member.username,
            family = holder.family,
            "a refresh token was reused: its family is revoked"
        );
        self.publish(names).await;
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
    pub(crate) async fn publish(&self, names: &RevokedNames) {
        self.0.revocations.publish(names).await;
    }
}

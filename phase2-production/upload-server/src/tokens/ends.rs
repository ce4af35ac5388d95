//! How tokens end before their time: a logout, a theft, or a change of the account.

use super::revocation::family_name;
use super::{RefreshToken, TokenError, Tokens, now};
use crate::audit::AuditContext;
use records::refresh::{self, Holder};
use records::users::{self, SignedOut};
use records::{Member, OrgId, Role, Scope, audit};
use upload_domain::username::Username;

impl Tokens {
    /// Logout, with either kind of token (RFC 7009): its family of refresh tokens dies in
    /// any case, and its access tokens as far as `--revocation` can end them. A token that
    /// nobody knows, or that has expired, is dead already.
    ///
    /// # Errors
    /// When the records do not answer: then nothing is promised.
    pub async fn revoke(
        &self,
        token: &str,
        audit: &AuditContext,
    ) -> Result<(), TokenError> {
        if let Some(token) = RefreshToken::parse(token) {
            return self.revoke_by_refresh(&token, audit).await;
        }
        match self.read(token).await {
            Ok(claims) => {
                let member = claims.member();
                self.end_family(&member, claims.sid, vec![claims.jti], audit).await
            }
            Err(TokenError::Invalid | TokenError::Expired) => Ok(()),
            Err(other) => Err(other),
        }
    }

    async fn revoke_by_refresh(
        &self,
        token: &RefreshToken,
        audit: &AuditContext,
    ) -> Result<(), TokenError> {
        let (proof, at) = (token.proof(), audit.at);
        let found = self.0.records.run(Scope::Proof(proof.clone()), move |tx| {
            Box::pin(async move {
                let Some((organisation, family)) =
                    refresh::revoke_by_proof(tx, &proof, "logout", at).await?
                else {
                    return Ok(None);
                };
                let owner = refresh::owner_of(tx, &organisation, &family).await?;
                Ok(owner.map(|username| (organisation, username, family)))
            })
        });
        let Some((organisation, username, family)) = found.await? else {
            return Ok(());
        };
        // The role is of no consequence here: nothing is decided by it.
        let member = Member { organisation, username, role: Role::Member };
        self.end_family(&member, family, Vec::new(), audit).await
    }

    /// One transaction, so that no half of it is acknowledged; then Redis is told.
    async fn end_family(
        &self,
        member: &Member,
        family: String,
        mut names: Vec<String>,
        audit: &AuditContext,
    ) -> Result<(), TokenError> {
        names.push(family_name(&family));
        let (this, told, who) = (self.clone(), names.clone(), member.clone());
        let row = audit.row(member, "token.revoked", &family);
        let scope = Scope::Organisation(member.organisation.clone());
        let ended = self.0.records.run(scope, move |tx| {
            Box::pin(async move {
                let (org, revocations) = (&who.organisation, &this.0.revocations);
                refresh::revoke_family(tx, org, &family, "logout", row.at).await?;
                revocations.deny(tx, org, &names, row.at).await?;
                audit::write(tx, &row).await?;
                if revocations.is_coarse() {
                    let all = users::sign_out_everywhere(tx, org, &who.username, row.at);
                    return all.await;
                }
                Ok(None)
            })
        });
        let everything = ended.await?;
        self.0.revocations.tell(&told).await;
        if let Some(died) = everything {
            self.forget(&member.organisation, &member.username, &died).await;
        }
        Ok(())
    }

    /// A refresh token was used again after its grace. Its family died in the records; its
    /// access tokens follow, and the audit log says so.
    pub(super) async fn stolen(
        &self,
        holder: &Holder,
        audit: &AuditContext,
    ) -> Result<(), TokenError> {
        metrics::counter!("refresh_token_reuse_total").increment(1);
        tracing::warn!(
            user = %holder.member.username,
            family = holder.family,
            "a refresh token was used twice: its family is ended"
        );
        self.end_family(&holder.member, holder.family.clone(), Vec::new(), audit).await
    }

    /// After the records ended everything of a user: whoever holds a copy hears of it.
    pub async fn forget(
        &self,
        organisation: &OrgId,
        username: &Username,
        died: &SignedOut,
    ) {
        self.0.revocations.forget(organisation, username, died, now()).await;
    }
}

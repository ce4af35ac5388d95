//! How tokens end before their time: a logout, a theft, or a change of the account.

use super::access::When;
use super::revocation::Ended;
use super::{RefreshToken, TokenError, Tokens};
use crate::audit::AuditContext;
use crate::clock::now;
use crate::in_full::in_full;
use records::audit::{self, AuditRow};
use records::refresh::{self, Holder, Owner};
use records::users::{self, SignedOut};
use records::{AnyConnection, Member, OrgId, RecordsError, Role, Scope};
use upload_domain::username::Username;

/// A token that this server has made, dead or alive.
#[derive(Clone, Debug)]
pub(crate) struct Recognised {
    member: Member,
    family: String,
    /// The name of an access token.
    jti: Option<String>,
}

impl Recognised {
    /// The login that it came of.
    pub(crate) fn family(&self) -> &str {
        &self.family
    }
}

impl Tokens {
    /// Whose token of either kind it is; `None` when nobody knows it. It is asked by people
    /// who have proved nothing: a few at a time, and nothing is written.
    ///
    /// # Errors
    /// When that cannot be known.
    pub(crate) async fn recognise(
        &self,
        token: &str,
    ) -> Result<Option<Recognised>, TokenError> {
        if let Some(token) = RefreshToken::parse(token) {
            return self.look_up(&token).await;
        }
        match self.read(token, When::Ever).await {
            Ok(claims) => {
                let member = claims.member();
                Ok(Some(Recognised { member, family: claims.sid, jti: Some(claims.jti) }))
            }
            Err(TokenError::Invalid | TokenError::Expired) => Ok(None),
            Err(other) => Err(other),
        }
    }

    async fn look_up(
        &self,
        token: &RefreshToken,
    ) -> Result<Option<Recognised>, TokenError> {
        let proof = token.proof();
        let found = self.0.records.look(Scope::Proof(proof.clone()), move |tx| {
            Box::pin(async move { refresh::find(tx, &proof).await })
        });
        let found = self.0.turns.ask(found).await?;
        Ok(found.map(|Owner { organisation, username, family }| {
            // The role is of no consequence here: nothing is decided by it.
            let member = Member { organisation, username, role: Role::Member };
            Recognised { member, family, jti: None }
        }))
    }

    /// Logout, with either kind of token (RFC 7009): its family of refresh tokens dies in
    /// any case, and its access tokens as far as `--revocation` can end them. An access token
    /// may have expired: its family has not.
    ///
    /// # Errors
    /// When the records do not answer: then nothing is promised.
    pub(crate) async fn revoke(
        &self,
        token: Recognised,
        audit: &AuditContext,
    ) -> Result<(), TokenError> {
        let (this, audit) = (self.clone(), audit.clone());
        let Recognised { member, family, jti } = token;
        in_full(async move { this.end_family(&member, family, jti, &audit).await }).await
    }

    async fn end_family(
        &self,
        member: &Member,
        family: String,
        jti: Option<String>,
        audit: &AuditContext,
    ) -> Result<(), TokenError> {
        let row = audit.row(member, "token.revoked", &family);
        let (this, who) = (self.clone(), member.clone());
        let scope = Scope::Organisation(member.organisation.clone());
        let ended = self.0.records.run(scope, move |tx| {
            Box::pin(async move { this.write_end(tx, &who, &family, jti, &row).await })
        });
        self.tell(&ended.await?).await;
        Ok(())
    }

    /// The end of a family in one transaction, so that no half of it is acknowledged.
    async fn write_end(
        &self,
        tx: &mut AnyConnection,
        member: &Member,
        family: &str,
        jti: Option<String>,
        row: &AuditRow,
    ) -> Result<Ended, RecordsError> {
        let (org, name) = (&member.organisation, &member.username);
        let revocations = &self.0.revocations;
        audit::write(tx, row).await?;
        if revocations.is_coarse() {
            // This family among them. Whoever needs the user and a family locks the user
            // first; else two who log out at once would wait for each other.
            let died = users::sign_out_everywhere(tx, org, name, now()).await?;
            return match died {
                Some(died) => revocations.end_all_of(tx, org, name, &died).await,
                None => Ok(Ended::default()),
            };
        }
        refresh::revoke_family(tx, org, family, "logout", now()).await?;
        revocations.end_family(tx, org, family, jti).await
    }

    /// A refresh token was used again after its grace, and its family died in this
    /// transaction: its access tokens do, too, and the audit log says so. Nobody would try
    /// this again, because a dead family tells no theft.
    pub(super) async fn write_theft(
        &self,
        tx: &mut AnyConnection,
        holder: &Holder,
        audit: &AuditContext,
    ) -> Result<Ended, RecordsError> {
        let row = audit.row(&holder.member, "token.revoked", &holder.family);
        self.write_end(tx, &holder.member, &holder.family, None, &row).await
    }

    /// After a theft was committed.
    pub(super) async fn stolen(&self, holder: &Holder, ended: &Ended) {
        metrics::counter!("upload_server_refresh_token_reuse_total").increment(1);
        tracing::warn!(
            user = %holder.member.username,
            family = holder.family,
            "a refresh token was used twice: its family is ended"
        );
        self.tell(ended).await;
    }

    /// After everything of a user died in this transaction: so do the access tokens.
    ///
    /// # Errors
    /// When the records do not answer.
    pub(crate) async fn write_end_of_all(
        &self,
        tx: &mut AnyConnection,
        organisation: &OrgId,
        username: &Username,
        died: &SignedOut,
    ) -> Result<Ended, RecordsError> {
        self.0.revocations.end_all_of(tx, organisation, username, died).await
    }

    /// As a replica that is stopped for a while.
    #[cfg(test)]
    pub(super) fn stop_listening(&self) {
        self.0.revocations.stop_listening();
    }

    /// After the end was committed. When this returns, it is known to every replica.
    pub(crate) async fn tell(&self, ended: &Ended) {
        self.0.revocations.tell(ended).await;
    }
}

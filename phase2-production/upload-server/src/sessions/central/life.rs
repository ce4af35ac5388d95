//! Birth and death of sessions: what is committed to the truth before it is answered, and
//! what Redis is told then.

use super::{Central, Copied, milliseconds, truth};
use crate::audit::AuditContext;
use crate::clock::now;
use crate::hearsay;
use crate::in_full::in_full;
use crate::sessions::{SessionError, SessionId};
use cache::{Found, Written};
use records::{Member, Scope, audit, sessions};

impl Central {
    /// Birth: in the truth, and then in Redis.
    ///
    /// # Errors
    /// `Unknown` when the account changed since its password was checked, `CannotKnow` when
    /// the truth does not answer.
    pub async fn start(
        &self,
        member: &Member,
        epoch: i64,
        audit: &AuditContext,
    ) -> Result<SessionId, SessionError> {
        let id = SessionId::random();
        let (central, member, audit) = (self.clone(), member.clone(), audit.clone());
        let proof = id.proof();
        in_full(async move { central.write_birth(proof, member, epoch, &audit).await })
            .await?;
        tracing::info!(session = id.label(), "session born");
        Ok(id)
    }

    async fn write_birth(
        &self,
        proof: String,
        member: Member,
        epoch: i64,
        audit: &AuditContext,
    ) -> Result<(), SessionError> {
        // Redis has to be asked the time before the truth is written, as before it is read.
        let asked = self.cache.peek_session::<Copied>(&proof).await;
        let new = sessions::NewSession {
            proof,
            epoch,
            idle_ms: truth::longest_silence(&self.limits),
            expires_at: now() + milliseconds(self.limits.absolute),
            member,
        };
        let deed =
            audit.row(&new.member, "session.started", new.member.username.as_str());
        let most = i64::from(self.limits.max_per_user);
        let scope = Scope::Organisation(new.member.organisation.clone());
        let created = self.records.run(scope, move |tx| {
            Box::pin(async move {
                let created = sessions::create(tx, &new, most, now()).await?;
                if matches!(created, sessions::Created::Yes(..)) {
                    audit::write(tx, &deed).await?;
                }
                Ok(created)
            })
        });
        match created.await.map_err(truth::cannot_know)? {
            sessions::Created::AccountChanged => Err(SessionError::Unknown),
            sessions::Created::Yes(session, revoked) => {
                self.tell_redis(&revoked).await;
                if let Ok(Found::Nothing { now }) = asked {
                    // If it cannot be cached, the first request will try.
                    let _cached = self.truth.fill(&session, now, true).await;
                }
                Ok(())
            }
        }
    }

    /// Death by logout. When this returns, the id is dead on every replica.
    ///
    /// # Errors
    /// When no live session has this id, or its death could not be written down.
    pub async fn end(
        &self,
        id: &SessionId,
        audit: &AuditContext,
    ) -> Result<(), SessionError> {
        let member = self.peek(id).await?;
        let (central, proof) = (self.clone(), id.proof());
        let deed = audit.row(&member, "session.ended", member.username.as_str());
        // A client that goes away must not leave a tombstone unwritten.
        in_full(async move { central.write_end(proof, member, deed).await }).await
    }

    async fn write_end(
        &self,
        proof: String,
        member: Member,
        deed: audit::AuditRow,
    ) -> Result<(), SessionError> {
        let ended = proof.clone();
        let revoked =
            self.records.run(Scope::Organisation(member.organisation), move |tx| {
                Box::pin(async move {
                    let revoked = sessions::revoke(tx, &ended, now()).await?;
                    if revoked {
                        audit::write(tx, &deed).await?;
                    }
                    Ok(revoked)
                })
            });
        let revoked = revoked.await.map_err(truth::cannot_know)?;
        self.forget(vec![proof]).await;
        if revoked { Ok(()) } else { Err(SessionError::Unknown) }
    }

    /// Tells Redis of sessions that the records have revoked. When this returns, their ids
    /// are dead on every replica: if Redis did not answer, because they have heard of it
    /// from the records.
    pub async fn forget(&self, proofs: Vec<String>) {
        if self.tell_redis(&proofs).await == Written::Later {
            hearsay::heard_by_all().await;
        }
    }

    async fn tell_redis(&self, proofs: &[String]) -> Written {
        if proofs.is_empty() {
            return Written::Now;
        }
        self.cache.forget_sessions(proofs, self.limits.absolute).await
    }

    /// Removes the rows of the long dead: no cache and no request knows them any more. One
    /// batch after the other until one is short: more may die between two sweeps than one
    /// batch holds.
    pub async fn sweep(&self) {
        let before = now() - milliseconds(self.limits.absolute);
        loop {
            let swept = self.records.run(Scope::Housekeeping, move |tx| {
                Box::pin(async move { sessions::sweep(tx, before).await })
            });
            match swept.await {
                Ok(sessions::AT_ONCE..) => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "dead sessions were not removed");
                    return;
                }
            }
        }
    }
}

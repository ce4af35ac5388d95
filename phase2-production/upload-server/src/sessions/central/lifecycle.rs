//! Birth and death of sessions: commit to the database before the reply, then update
//! Redis.

use super::{CachedSession, Central, database, milliseconds};
use crate::audit::AuditContext;
use crate::clock;
use crate::revocation_feed;
use crate::run_to_completion::run_to_completion;
use crate::sessions::{SessionError, SessionId};
use cache::{Found, Written};
use records::{Member, Scope, audit, clock as database_clock, sessions};

impl Central {
    /// Birth: in the database, then in Redis.
    ///
    /// # Errors
    /// `Unknown` when the account changed since its password was checked, `Unavailable`
    /// when the database does not answer.
    pub async fn start(
        &self,
        member: &Member,
        epoch: i64,
        audit: &AuditContext,
    ) -> Result<SessionId, SessionError> {
        let id = SessionId::random();
        let (central, member, audit) = (self.clone(), member.clone(), audit.clone());
        let session_id_hash = id.hash();
        run_to_completion(async move {
            central.write_birth(session_id_hash, member, epoch, &audit).await
        })
        .await?;
        self.known_ids.add(&id.hash());
        tracing::info!(session = id.label(), "session born");
        Ok(id)
    }

    async fn write_birth(
        &self,
        session_id_hash: String,
        member: Member,
        epoch: i64,
        audit: &AuditContext,
    ) -> Result<(), SessionError> {
        // Redis must be read before the database is written, as before it is read.
        let cached = self.cache.peek_session::<CachedSession>(&session_id_hash).await;
        let absolute = milliseconds(self.limits.absolute);
        let mut new = sessions::NewSession {
            session_id_hash,
            epoch,
            idle_ms: milliseconds(self.limits.idle),
            expires_at: 0,
            member,
        };
        let row = audit.row(&new.member, "session.started", new.member.username.as_str());
        let max_sessions = i64::from(self.limits.max_per_user);
        let scope = Scope::Organisation(new.member.organisation.clone());
        let created = self.records.run(scope, move |tx| {
            Box::pin(async move {
                // Other replicas sweep by this clock, and end sessions beyond the limit.
                let now = database_clock::now(tx).await?;
                new.expires_at = now + absolute;
                let created = sessions::create(tx, &new, max_sessions, now).await?;
                if matches!(created, sessions::Created::Yes(..)) {
                    audit::write(tx, &row).await?;
                }
                Ok(created)
            })
        });
        match created.await.map_err(database::unavailable)? {
            sessions::Created::AccountChanged => Err(SessionError::Unknown),
            sessions::Created::Yes(session, revoked) => {
                self.write_to_redis(&revoked).await;
                if let Ok(Found::Miss { now, .. }) = cached {
                    // If caching fails, the first request will try again.
                    let _cached = tokio::join!(
                        self.database.fill(&session, now, session.created_at),
                        self.cache_file_list(&session, Vec::new(), now),
                    );
                }
                Ok(())
            }
        }
    }

    /// Death by logout. When this returns, the id is invalid on every replica.
    ///
    /// # Errors
    /// When no live session has this id, or the database does not answer.
    pub async fn end(
        &self,
        id: &SessionId,
        audit: &AuditContext,
    ) -> Result<(), SessionError> {
        let member = self.peek(id).await?;
        let (central, session_id_hash) = (self.clone(), id.hash());
        let row = audit.row(&member, "session.ended", member.username.as_str());
        // A disconnect must not leave the tombstone unwritten.
        run_to_completion(async move {
            central.write_logout(session_id_hash, member, row).await
        })
        .await
    }

    async fn write_logout(
        &self,
        session_id_hash: String,
        member: Member,
        row: audit::AuditRow,
    ) -> Result<(), SessionError> {
        let revoked_hash = session_id_hash.clone();
        let revoked =
            self.records.run(Scope::Organisation(member.organisation), move |tx| {
                Box::pin(async move {
                    // The feeds of all replicas look for it by this clock.
                    let at = database_clock::now(tx).await?;
                    let revoked = sessions::revoke(tx, &revoked_hash, at).await?;
                    if revoked {
                        audit::write(tx, &row).await?;
                    }
                    Ok(revoked)
                })
            });
        let revoked = revoked.await.map_err(database::unavailable)?;
        self.publish_revocations(vec![session_id_hash]).await?;
        if revoked { Ok(()) } else { Err(SessionError::Unknown) }
    }

    /// Removes revoked sessions from Redis. When this returns, their ids are invalid on
    /// every replica: if Redis did not answer, through the revocation feed.
    ///
    /// # Errors
    /// `Unavailable` when neither store answers. The sessions are revoked, but another
    /// replica may accept them until the database answers.
    pub async fn publish_revocations(
        &self,
        session_id_hashes: Vec<String>,
    ) -> Result<(), SessionError> {
        if self.write_to_redis(&session_id_hashes).await == Written::Queued {
            let acknowledged = revocation_feed::acknowledged_by_all(&self.records).await;
            acknowledged.map_err(database::unavailable)?;
        }
        Ok(())
    }

    async fn write_to_redis(&self, session_id_hashes: &[String]) -> Written {
        if session_id_hashes.is_empty() {
            return Written::Now;
        }
        self.cache.invalidate_sessions(session_id_hashes, self.limits.absolute).await
    }

    /// Removes rows of sessions that ended long ago, which neither a cache nor a request
    /// can use. Runs batch after batch until one is short, because more sessions may end
    /// between two sweeps than one batch holds. Removes nothing while this replica's clock
    /// is wrong.
    pub async fn sweep(&self) {
        let Some(time) = clock::sweep_time(&self.records).await else {
            return;
        };
        let before = time - milliseconds(self.limits.absolute);
        loop {
            let swept = self.records.run(Scope::Housekeeping, move |tx| {
                Box::pin(async move { sessions::sweep(tx, before).await })
            });
            match swept.await {
                Ok(sessions::SWEEP_BATCH_SIZE..) => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "ended sessions were not removed");
                    return;
                }
            }
        }
    }
}

//! Refresh tokens: what a client keeps to get new access tokens without a password. This
//! is your file. The README says what each function has to do.

use crate::store::{self, Store};
use redis::{AsyncCommands, RedisResult};
use std::time::Duration;

/// What one login began: its access and refresh tokens are one family.
#[derive(Debug)]
pub struct Session {
    pub username: String,
    pub sid: String,
    /// The user's version at the login.
    pub version: u64,
}

/// All refresh tokens; they are in Redis, because all replicas need them.
pub struct Refreshes {
    store: Store,
    /// How long a session may be renewed, from its login on.
    life: Duration,
}

impl Refreshes {
    pub fn new(store: Store, life: Duration) -> Self {
        Self { store, life }
    }

    /// Task 1: begins a session, and makes its first refresh token.
    pub async fn start(
        &self,
        username: &str,
        version: u64,
    ) -> RedisResult<(Session, String)> {
        let (sid, token) = (store::random(), store::random());
        let mut redis = self.store.clone();
        // TODO: whoever can read Redis can use every refresh token.
        let family = format!("{sid} {version} {username}");
        let life = self.life.as_millis() as u64;
        let _: () = redis.pset_ex(format!("refresh:{token}"), family, life).await?;
        Ok((Session { username: username.to_owned(), sid, version }, token))
    }

    /// Task 1 and 2: the session of this token, and the token that comes next; nothing if
    /// this one is not good, or not any more.
    pub async fn rotate(&self, token: &str) -> RedisResult<Option<(Session, String)>> {
        let mut redis = self.store.clone();
        let family: Option<String> = redis.get(format!("refresh:{token}")).await?;
        let Some(session) = family.as_deref().and_then(parse) else {
            return Ok(None);
        };
        // TODO: the same token again and again, for whoever has it. What if that is two?
        Ok(Some((session, token.to_owned())))
    }

    /// Task 3: from now on, no token of this session can be refreshed.
    pub async fn end(&self, sid: &str) -> RedisResult<()> {
        // TODO
        let _ = sid;
        Ok(())
    }
}

fn parse(family: &str) -> Option<Session> {
    let mut parts = family.splitn(3, ' ');
    let (sid, version) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?);
    Some(Session { username: parts.next()?.to_owned(), sid, version })
}

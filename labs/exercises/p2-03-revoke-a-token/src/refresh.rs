//! Refresh tokens: a client uses them to get new access tokens without a password. This
//! is your file. The README describes each function.

use crate::store::{self, Store};
use redis::{AsyncCommands, RedisResult};
use std::time::Duration;

/// A session: its access and refresh tokens are one family.
#[derive(Debug)]
pub struct Session {
    pub username: String,
    pub sid: String,
    /// The user's version at the login.
    pub version: u64,
}

/// All refresh tokens. They are in Redis, because all replicas need them.
pub struct Refreshes {
    store: Store,
    /// Time since the login during which a session can be refreshed.
    life: Duration,
}

impl Refreshes {
    pub fn new(store: Store, life: Duration) -> Self {
        Self { store, life }
    }

    /// Task 1: starts a session and creates its first refresh token.
    pub async fn start(
        &self,
        username: &str,
        version: u64,
    ) -> RedisResult<(Session, String)> {
        let (sid, token) = (store::random(), store::random());
        let mut redis = self.store.clone();
        // TODO: every reader of Redis can use every refresh token.
        let family = format!("{sid} {version} {username}");
        let life = self.life.as_millis() as u64;
        let _: () = redis.pset_ex(format!("refresh:{token}"), family, life).await?;
        Ok((Session { username: username.to_owned(), sid, version }, token))
    }

    /// Tasks 1 and 2: the session of this token and the next token; `None` if this token
    /// is invalid or used.
    pub async fn rotate(&self, token: &str) -> RedisResult<Option<(Session, String)>> {
        let mut redis = self.store.clone();
        let family: Option<String> = redis.get(format!("refresh:{token}")).await?;
        let Some(session) = family.as_deref().and_then(parse) else {
            return Ok(None);
        };
        // TODO: this returns the same token each time. What if a thief has a copy?
        Ok(Some((session, token.to_owned())))
    }

    /// Task 3: ends the session. None of its tokens can be refreshed any more.
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

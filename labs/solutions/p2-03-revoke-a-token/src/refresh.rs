//! Refresh tokens: a client uses them to get new access tokens without a password.

use crate::store::{self, Store};
use redis::{AsyncCommands, RedisResult, Script};
use std::time::Duration;

/// A session: its access and refresh tokens are one family.
#[derive(Debug)]
pub struct Session {
    pub username: String,
    pub sid: String,
    /// The user's version at the login.
    pub version: u64,
}

/// Checks and replaces the token in one atomic step. A token that is not the current one
/// was used before: two parties have it, and the server cannot detect the thief, so the
/// family ends. The family's expiry is not changed: it starts at the login.
const ROTATE: &str = "
local current = redis.call('HGET', KEYS[1], 'current')
if not current then
    return {}
end
if current ~= ARGV[1] then
    redis.call('DEL', KEYS[1])
    return {}
end
redis.call('HSET', KEYS[1], 'current', ARGV[2])
return redis.call('HMGET', KEYS[1], 'username', 'version')
";

/// All refresh tokens. They are in Redis, because all replicas need them. A family is one
/// hash, which contains the fingerprint of its only valid token.
pub struct Refreshes {
    store: Store,
    /// Time since the login during which a session can be refreshed.
    life: Duration,
    rotate: Script,
}

impl Refreshes {
    pub fn new(store: Store, life: Duration) -> Self {
        Self { store, life, rotate: Script::new(ROTATE) }
    }

    /// Starts a session and creates its first refresh token.
    pub async fn start(
        &self,
        username: &str,
        version: u64,
    ) -> RedisResult<(Session, String)> {
        let sid = store::random();
        let token = new_token(&sid);
        let fields = [
            ("username", username.to_owned()),
            ("version", version.to_string()),
            ("current", store::fingerprint(&token)),
        ];
        let (family, life) = (family(&sid), self.life.as_millis() as i64);
        // In one transaction: a crash in between would leave a family without expiry.
        let mut both = redis::pipe();
        both.atomic().hset_multiple(&family, &fields).pexpire(&family, life);
        let _: () = both.query_async(&mut self.store.clone()).await?;
        Ok((Session { username: username.to_owned(), sid, version }, token))
    }

    /// The session of this token and the next token; `None` if this token is invalid or
    /// used.
    pub async fn rotate(&self, token: &str) -> RedisResult<Option<(Session, String)>> {
        let Some((sid, _)) = token.split_once('.') else {
            return Ok(None);
        };
        let next = new_token(sid);
        let mut rotate = self.rotate.key(family(sid));
        rotate.arg(store::fingerprint(token)).arg(store::fingerprint(&next));
        let found: Vec<String> = rotate.invoke_async(&mut self.store.clone()).await?;
        let [username, version] = found.as_slice() else {
            return Ok(None);
        };
        let version = version.parse().unwrap_or_default();
        let (username, sid) = (username.clone(), sid.to_owned());
        Ok(Some((Session { username, sid, version }, next)))
    }

    /// Ends the session. None of its tokens can be refreshed any more.
    pub async fn end(&self, sid: &str) -> RedisResult<()> {
        self.store.clone().del(family(sid)).await
    }
}

/// A token contains its family's id, so a used token leads to its family as well.
fn new_token(sid: &str) -> String {
    format!("{sid}.{}", store::random())
}

fn family(sid: &str) -> String {
    format!("family:{sid}")
}

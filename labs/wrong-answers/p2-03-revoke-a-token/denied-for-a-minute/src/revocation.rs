//! Revocation: what ends an access token before its time, and how soon.

use crate::claims::Claims;
use crate::store::Store;
use redis::{AsyncCommands, RedisResult};
use std::time::Duration;

/// What is done about tokens that were given out and should not count any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    None,
    /// Nothing; but tokens do not live long.
    ShortLived,
    /// Each request asks whether this token was ended.
    DenyList,
    /// Each request asks for the version of the user.
    TokenVersion,
}

impl Mode {
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "short-lived" => Some(Self::ShortLived),
            "deny-list" => Some(Self::DenyList),
            "token-version" => Some(Self::TokenVersion),
            _ => None,
        }
    }
}

/// How long access tokens live.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// In every mode but `ShortLived`.
    pub usual: Duration,
    /// In `ShortLived`.
    pub short: Duration,
}

/// The longest that an access token is accepted after it was ended.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The token that a logout came with.
    pub logout: Duration,
    /// Any token of a user who logged out everywhere.
    pub logout_everywhere: Duration,
}

pub struct Revocation {
    mode: Mode,
    lives: Lives,
    store: Store,
}

impl Revocation {
    pub fn new(mode: Mode, lives: Lives, store: Store) -> Self {
        Self { mode, lives, store }
    }

    /// How long a new access token lives.
    pub fn life(&self) -> Duration {
        if self.mode == Mode::ShortLived { self.lives.short } else { self.lives.usual }
    }

    /// Whether nobody ended this token. Its signature is right and its time not over: that
    /// has been looked at. Where Redis does not answer this is an error, and no opinion.
    pub async fn is_good(&self, claims: &Claims) -> RedisResult<bool> {
        match self.mode {
            Mode::None | Mode::ShortLived => Ok(true),
            Mode::DenyList => {
                let denied: bool = self.store.clone().exists(denied(claims)).await?;
                Ok(!denied)
            }
            Mode::TokenVersion => Ok(claims.ver == self.version(&claims.sub).await?),
        }
    }

    /// Ends this token, if anybody is going to ask.
    pub async fn end(&self, claims: &Claims) -> RedisResult<()> {
        if self.mode != Mode::DenyList {
            return Ok(());
        }
        self.store.clone().set_ex(denied(claims), 1, 60).await
    }

    /// The version of a user, which new sessions carry.
    pub async fn version(&self, username: &str) -> RedisResult<u64> {
        let version: Option<u64> = self.store.clone().get(version_of(username)).await?;
        Ok(version.unwrap_or_default())
    }

    /// Ends everything of a user. The number has no end: one that is forgotten begins anew,
    /// and tokens that it ended would be good again.
    pub async fn end_all(&self, username: &str) -> RedisResult<()> {
        self.store.clone().incr(version_of(username), 1).await
    }

    /// For how long a token is accepted that was ended, at most.
    pub fn window(&self) -> Window {
        let (at_once, expiry) = (Duration::ZERO, self.life());
        match self.mode {
            Mode::None | Mode::ShortLived => {
                Window { logout: expiry, logout_everywhere: expiry }
            }
            Mode::DenyList => Window { logout: at_once, logout_everywhere: expiry },
            Mode::TokenVersion => Window { logout: expiry, logout_everywhere: at_once },
        }
    }
}

fn denied(claims: &Claims) -> String {
    format!("denied:{}", claims.jti)
}

fn version_of(username: &str) -> String {
    format!("version:{username}")
}

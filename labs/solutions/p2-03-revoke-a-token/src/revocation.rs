//! Revocation: ends access tokens before their expiry.

use crate::claims::Claims;
use crate::store::Store;
use redis::{AsyncCommands, RedisResult};
use std::time::Duration;

/// How issued tokens can be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Not at all.
    None,
    /// Not at all, but tokens expire soon.
    ShortLived,
    /// Each request reads whether this token is revoked.
    DenyList,
    /// Each request reads the user's version.
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

/// Lifetimes of access tokens.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// In all modes except `ShortLived`.
    pub usual: Duration,
    /// In `ShortLived`.
    pub short: Duration,
}

/// The longest time during which a revoked access token is accepted.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The token of a logout request.
    pub logout: Duration,
    /// Any token of a user, after "log out everywhere".
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

    /// Lifetime of a new access token.
    pub fn life(&self) -> Duration {
        if self.mode == Mode::ShortLived { self.lives.short } else { self.lives.usual }
    }

    /// Whether this token is not revoked. Its signature and expiry have been checked. If
    /// Redis does not answer, the result is an error.
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

    /// Revokes this token, in the mode that reads the deny list.
    pub async fn end(&self, claims: &Claims) -> RedisResult<()> {
        if self.mode != Mode::DenyList {
            return Ok(());
        }
        // One more, because the fraction of a millisecond is cut off.
        let rest = claims.remaining().as_millis() as u64 + 1;
        self.store.clone().pset_ex(denied(claims), 1, rest).await
    }

    /// The version of a user, which new tokens contain.
    pub async fn version(&self, username: &str) -> RedisResult<u64> {
        let version: Option<u64> = self.store.clone().get(version_of(username)).await?;
        Ok(version.unwrap_or_default())
    }

    /// Revokes all tokens of a user. The number has no expiry: if it were lost, it would
    /// start at 0 again, and revoked tokens would be accepted.
    pub async fn end_all(&self, username: &str) -> RedisResult<()> {
        self.store.clone().incr(version_of(username), 1).await
    }

    /// The longest time during which a revoked token is accepted.
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

//! Login and authentication.

use crate::accounts::Accounts;
use crate::token::{self, Claims};
use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tolerated clock difference between two replicas, in seconds.
const CLOCK_SKEW_S: u64 = 5;

/// Settings of tokens. They are the same for every replica.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The signing key. Its holder can create a token for any user.
    pub key: Vec<u8>,
    /// Lifetime of a token, in seconds.
    pub life: u64,
    /// The issuer of our tokens: `iss`.
    pub issuer: String,
    /// Their audience: `aud`.
    pub audience: String,
}

/// The possible credentials of a request.
#[derive(Debug)]
pub struct Presented {
    /// The token after `Authorization: Bearer`, if there is one.
    pub bearer: Option<String>,
    /// The query parameters of the URL.
    pub query: HashMap<String, String>,
}

/// Becomes a 401 with this text, which the client gets.
#[derive(Debug)]
pub struct Refused(pub &'static str);

/// Logs users in and authenticates requests.
#[derive(Debug)]
pub struct Identity {
    accounts: Accounts,
    rules: Rules,
}

impl Identity {
    pub fn new(accounts: Accounts, rules: Rules) -> Self {
        Self { accounts, rules }
    }

    /// Returns a token for the right password. The server stores nothing.
    pub fn login(&self, username: &str, password: &str) -> Result<String, Refused> {
        self.check(username, password)?;
        let now = now();
        let claims = Claims {
            sub: username.to_owned(),
            iss: self.rules.issuer.clone(),
            aud: self.rules.audience.clone(),
            iat: now,
            exp: now.saturating_add(self.rules.life),
        };
        Ok(token::sign(&claims, &self.rules.key))
    }

    /// Authenticates a request with the signature alone, without a store.
    pub fn who(&self, presented: &Presented) -> Result<String, Refused> {
        let bearer = presented.bearer.as_deref().ok_or(Refused("log in first"))?;
        let claims = token::verify(bearer, &self.rules.key);
        let claims = claims.filter(|claims| self.has_valid_claims(claims));
        // One text for all reasons: a detailed one would only help an attacker.
        claims.map(|claims| claims.sub).ok_or(Refused("not a token of ours"))
    }

    /// Checks the claims: a token with a valid signature may have expired or be meant for
    /// another service.
    fn has_valid_claims(&self, claims: &Claims) -> bool {
        let now = now();
        claims.iss == self.rules.issuer
            && claims.aud == self.rules.audience
            && now < claims.exp
            && claims.iat <= now + CLOCK_SKEW_S
    }

    /// Returns the same error after the same time for an unknown name and a wrong
    /// password.
    fn check(&self, username: &str, password: &str) -> Result<(), Refused> {
        let account = self.accounts.find(username);
        let right =
            account.unwrap_or_else(|| self.accounts.nobody()).has_password(password);
        if right { Ok(()) } else { Err(Refused("wrong username or password")) }
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("the clock is set").as_secs()
}

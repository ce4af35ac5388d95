//! Who may come in, and who is calling.

use crate::accounts::Accounts;
use crate::token::{self, Claims};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds by which the clocks of two replicas may differ.
const LEEWAY: u64 = 5;

/// How tokens are made here. The same for every replica.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What tokens are signed with. Whoever has it can be anybody.
    pub key: Vec<u8>,
    /// Seconds that a token lives.
    pub life: u64,
    /// Who makes our tokens: `iss`.
    pub issuer: String,
    /// Whom they are made for: `aud`.
    pub audience: String,
}

/// What came with a request.
#[derive(Debug)]
pub struct Presented {
    /// What follows `Authorization: Bearer`, if that was there.
    pub bearer: Option<String>,
    /// What follows `?` in the address.
    pub query: HashMap<String, String>,
}

/// Becomes a 401, with this text for everybody to read.
#[derive(Debug)]
pub struct Refused(pub &'static str);

/// Knows who is who.
#[derive(Debug)]
pub struct Identity {
    accounts: Accounts,
    rules: Rules,
    good: Mutex<HashMap<String, String>>,
}

impl Identity {
    pub fn new(accounts: Accounts, rules: Rules) -> Self {
        Self { accounts, rules, good: Mutex::default() }
    }

    /// Whoever has the right password gets a token. Nothing is remembered of it.
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

    /// Who is calling. Nobody is asked: the signature is the memory.
    pub fn who(&self, presented: &Presented) -> Result<String, Refused> {
        let bearer = presented.bearer.as_deref().ok_or(Refused("log in first"))?;
        if let Some(username) = self.good.lock().unwrap().get(bearer) {
            return Ok(username.clone());
        }
        let claims = token::verify(bearer, &self.rules.key);
        let claims = claims.filter(|claims| self.holds_now(claims));
        // One answer for every reason: which one it was helps only who forges tokens.
        let username = claims.map(|claims| claims.sub);
        let username = username.ok_or(Refused("not a token of ours"))?;
        self.good.lock().unwrap().insert(bearer.to_owned(), username.clone());
        Ok(username)
    }

    /// A genuine token may still be too old, or for somebody else.
    fn holds_now(&self, claims: &Claims) -> bool {
        let now = now();
        claims.iss == self.rules.issuer
            && claims.aud == self.rules.audience
            && now < claims.exp
            && claims.iat <= now + LEEWAY
    }

    /// The same answer after the same time, whichever of the two was wrong.
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

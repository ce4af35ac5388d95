//! Rate limits for wrong passwords and for requests.
//!
//! With Redis one count holds for all replicas. While Redis does not answer, each replica
//! counts alone, so the limit applies per replica; the metric `upload_server_rate_limit_shared` is 0 then.
//! No attempt goes uncounted.

mod client_address;
mod local;

pub(crate) use client_address::ClientAddress;

use crate::config::limits::LimitArgs;
use cache::{Cache, CacheDown, Taken};
use http::request::Parts;
use ipnet::IpNet;
use local::{Counted, Local};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use upload_domain::hex::hex;

/// A replica lets one in this many of a caller's allowed requests through without asking
/// Redis, so that occasional callers cost no round trip. With fewer replicas than this,
/// the limit is exceeded by less than its own size.
const LOCAL_ONE_IN: u32 = 16;

/// Window of `--requests-per-second`.
const REQUEST_WINDOW: Duration = Duration::from_secs(1);

/// The limit is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("limit exceeded; retry in {retry_after_s} s")]
pub(crate) struct TooMany {
    /// Value of `Retry-After`: seconds until the window ends, rounded up.
    pub(crate) retry_after_s: u32,
}

impl TooMany {
    fn until(wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        Self { retry_after_s: u32::try_from(seconds).unwrap_or(u32::MAX) }
    }
}

/// The limits of one replica. Clones share the counts.
#[derive(Clone)]
pub(crate) struct Limits(Arc<Shared>);

struct Shared {
    cache: Option<Cache>,
    per_account: u32,
    per_address: u32,
    per_login: u32,
    window: Duration,
    per_second: u32,
    attempts: Local,
    logins: Local,
    requests: Local,
    /// Proxies trusted for X-Forwarded-For.
    proxies: Vec<IpNet>,
}

/// A password or token under test. It counts as wrong until it is found right, so that
/// concurrent guesses are all counted. If it is dropped, it stays counted.
#[must_use = "call `succeeded` if the attempt does not count"]
pub(crate) struct Attempt {
    limits: Limits,
    taken: Vec<Reservation>,
}

/// One count, and the counters that hold it.
struct Reservation {
    bucket: String,
    in_cache: bool,
    here: bool,
}

impl Limits {
    /// Counts in `cache`, and locally while the cache does not answer.
    #[must_use]
    pub(crate) fn new(cache: Option<Cache>, args: &LimitArgs) -> Self {
        let window = Duration::from_millis(args.attempts_window_ms.max(1));
        report_shared(cache.is_some());
        Self(Arc::new(Shared {
            cache,
            per_account: args.attempts_per_account,
            per_address: args.attempts_per_address,
            per_login: args.refreshes_per_login,
            window,
            per_second: args.requests_per_second,
            attempts: Local::new(window),
            logins: Local::new(window),
            requests: Local::new(REQUEST_WINDOW),
            proxies: args.trusted_proxies.clone(),
        }))
    }

    /// The client's address.
    pub(crate) fn client_of(&self, parts: &Parts) -> ClientAddress {
        ClientAddress::of(parts, &self.0.proxies)
    }

    /// Counts a login attempt before the account is looked up or the password hashed. An
    /// unknown name counts like any other (OWASP Authentication, "Login Throttling").
    ///
    /// # Errors
    /// When this account or this address has made too many attempts. Then nothing is
    /// counted: further attempts do not extend the lockout, and a blocked address locks
    /// out no account.
    pub(crate) async fn attempt(
        &self,
        username: &str,
        address: IpAddr,
    ) -> Result<Attempt, TooMany> {
        let account = format!("account:{}", hex(&Sha256::digest(username.as_bytes())));
        let address = format!("address:{}", address_prefix(address));
        let of_account = self.take(account, self.0.per_account).await?;
        match self.take(address, self.0.per_address).await {
            Ok(of_address) => {
                Ok(Attempt { limits: self.clone(), taken: vec![of_account, of_address] })
            }
            Err(too_many) => {
                self.give_back(of_account).await;
                Err(too_many)
            }
        }
    }

    /// Counts a token from an unauthenticated request before it is looked up.
    ///
    /// # Errors
    /// When too many unknown tokens came from this address.
    pub(crate) async fn token(&self, address: IpAddr) -> Result<Attempt, TooMany> {
        let bucket = format!("token:{}", address_prefix(address));
        let taken = vec![self.take(bucket, self.0.per_address).await?];
        Ok(Attempt { limits: self.clone(), taken })
    }

    /// Counts an action that the holder of a login's tokens may repeat and that writes
    /// each time. Each action has its own count, so a thief that refreshes without end
    /// cannot block a logout.
    ///
    /// # Errors
    /// When the login has exceeded the limit in this window.
    pub(crate) async fn login_action(
        &self,
        action: &'static str,
        family: &str,
    ) -> Result<(), TooMany> {
        let (bucket, limit) = (format!("{action}:{family}"), self.0.per_login);
        let here = self.0.logins.take(&bucket, limit);
        match &self.0.cache {
            Some(cache) => {
                decide(&cache.take_permit(&bucket, limit, self.0.window).await, here)
            }
            None => here.decide(),
        }
    }

    /// Counts a request of an authenticated caller.
    ///
    /// # Errors
    /// When the caller has made too many requests in this second.
    pub(crate) async fn request(&self, caller: &str) -> Result<(), TooMany> {
        let limit = self.0.per_second;
        let free = limit / LOCAL_ONE_IN;
        let bucket = format!("requests:{caller}");
        let here = self.0.requests.take(&bucket, limit);
        let Some(cache) = &self.0.cache else {
            return here.decide();
        };
        // The first request that asks Redis also counts those that did not.
        let count = match here {
            Counted::Allowed { number } if number <= free => return Ok(()),
            Counted::Allowed { number } if number == free + 1 => number,
            Counted::Allowed { .. } | Counted::Refused { .. } => 1,
        };
        decide(&cache.take_permits(&bucket, count, limit, REQUEST_WINDOW).await, here)
    }

    /// Always counts locally, too, so that this replica has its own count when Redis
    /// fails.
    async fn take(&self, bucket: String, limit: u32) -> Result<Reservation, TooMany> {
        let here = self.0.attempts.take(&bucket, limit);
        let mut reservation =
            Reservation { bucket, in_cache: false, here: here.decide().is_ok() };
        if let Some(cache) = &self.0.cache {
            let taken =
                cache.take_permit(&reservation.bucket, limit, self.0.window).await;
            report_shared(taken.is_ok());
            match taken {
                Ok(Taken::Allowed { .. }) => {
                    reservation.in_cache = true;
                    return Ok(reservation);
                }
                Ok(Taken::Refused { retry_after }) => {
                    self.give_back(reservation).await;
                    return Err(TooMany::until(retry_after));
                }
                Err(_) => {
                    metrics::counter!("upload_server_rate_limit_local_fallbacks_total")
                        .increment(1)
                }
            }
        }
        here.decide().map(|()| reservation)
    }

    async fn give_back(&self, reservation: Reservation) {
        if reservation.here {
            self.0.attempts.give_back(&reservation.bucket);
        }
        if let (Some(cache), true) = (&self.0.cache, reservation.in_cache) {
            // If this fails, the count is too high until the window ends.
            let _given = cache.return_permit(&reservation.bucket).await;
        }
    }
}

impl Attempt {
    /// The attempt was right or was not checked: it does not count.
    pub(crate) async fn succeeded(self) {
        for reservation in self.taken {
            self.limits.give_back(reservation).await;
        }
    }
}

impl Counted {
    fn decide(self) -> Result<(), TooMany> {
        match self {
            Self::Allowed { .. } => Ok(()),
            Self::Refused { wait } => Err(TooMany::until(wait)),
        }
    }
}

/// The answer of Redis, or the local count while Redis does not answer.
fn decide(shared_count: &Result<Taken, CacheDown>, here: Counted) -> Result<(), TooMany> {
    match shared_count {
        Ok(Taken::Allowed { .. }) => Ok(()),
        Ok(Taken::Refused { retry_after }) => Err(TooMany::until(*retry_after)),
        Err(_) => {
            metrics::counter!("upload_server_rate_limit_local_fallbacks_total")
                .increment(1);
            here.decide()
        }
    }
}

/// The address prefix that counts as one client: an IPv6 household has a whole /64.
fn address_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Reports whether the limits hold for all replicas together.
fn report_shared(shared: bool) {
    metrics::gauge!("upload_server_rate_limit_shared").set(f64::from(u8::from(shared)));
}

#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;

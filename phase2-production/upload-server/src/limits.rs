//! Rate limits for wrong passwords and for requests.
//!
//! With Redis one count holds for all replicas. While Redis does not answer, each replica
//! counts alone, so the limit applies per replica; the metric `upload_server_rate_limit_shared` is 0 then.
//! No attempt goes uncounted.

mod client_address;
mod local;
mod refusals;
mod too_many;
mod unknown_ids;
mod waiting;

pub(crate) use client_address::ClientAddress;
pub(crate) use too_many::TooMany;
pub(crate) use unknown_ids::UnknownIds;

use crate::config::limits::LimitArgs;
use cache::{Cache, Taken};
use http::request::Parts;
use ipnet::IpNet;
use local::{Counted, Local};
use refusals::Refusals;
use sha2::{Digest, Sha256};
use std::mem;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use upload_domain::hex::hex;
use waiting::{MAX_WAIT, Queues, RETRY_INTERVAL};

/// A replica lets one in this many of a caller's allowed requests through without asking
/// Redis, so that occasional callers cost no round trip. With fewer replicas than this,
/// the limit is exceeded by less than its own size.
const LOCAL_ONE_IN: u32 = 16;

/// Window of `--requests-per-second`.
const REQUEST_WINDOW: Duration = Duration::from_secs(1);

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
    /// Attempts under way and wrong ones.
    attempts: Local,
    /// Wrong attempts alone.
    wrong: Local,
    queues: Queues,
    logins: Local,
    requests: Local,
    /// Refusals by Redis that hold until their time, so that repeating a request costs
    /// Redis no script.
    refusals: Refusals,
    /// Proxies trusted for X-Forwarded-For.
    proxies: Vec<IpNet>,
}

/// A password or token under test. It counts as wrong until it is found right, so that
/// concurrent guesses are all counted. If it is dropped, it was wrong and stays counted.
#[must_use = "call `succeeded` if the attempt does not count"]
pub(crate) struct Attempt {
    limits: Limits,
    taken: Vec<Reservation>,
}

/// One count, and the counters that hold it.
struct Reservation {
    bucket: String,
    limit: u32,
    in_cache: bool,
    here: bool,
}

/// A reservation that is given back if it is dropped: its attempt was refused, or its client left
/// while it waited.
struct Returned<'a> {
    limits: &'a Limits,
    reservation: Option<Reservation>,
}

impl Drop for Returned<'_> {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(reservation), Ok(runtime)) = (self.reservation.take(), runtime) {
            let limits = self.limits.clone();
            runtime.spawn(async move { limits.give_back(reservation).await });
        }
    }
}

impl Limits {
    /// Counts in `cache`, and locally while the cache does not answer.
    #[must_use]
    pub(crate) fn new(cache: Option<Cache>, args: &LimitArgs) -> Self {
        let window = Duration::from_millis(args.attempts_window_ms.max(1));
        report_shared(cache.is_some());
        let attempts = Local::new(window);
        Self(Arc::new(Shared {
            cache,
            per_account: args.attempts_per_account,
            per_address: args.attempts_per_address,
            per_login: args.refreshes_per_login,
            window,
            per_second: args.requests_per_second,
            wrong: Local::like(&attempts),
            attempts,
            queues: Queues::default(),
            logins: Local::new(window),
            requests: Local::new(REQUEST_WINDOW),
            refusals: Refusals::default(),
            proxies: args.trusted_proxies.clone(),
        }))
    }

    /// The client's address.
    pub(crate) fn client_of(&self, parts: &Parts) -> ClientAddress {
        ClientAddress::of(parts, &self.0.proxies)
    }

    /// Counts a login attempt before the account is looked up or the password hashed. An
    /// unknown name counts like any other (OWASP Authentication, "Login Throttling"). If
    /// attempts under way fill the limit, this one waits for their end.
    ///
    /// # Errors
    /// When this account or this address has made too many wrong attempts. Then nothing is
    /// counted: further attempts do not extend the lockout, and a blocked address locks
    /// out no account.
    pub(crate) async fn attempt(
        &self,
        username: &str,
        address: IpAddr,
    ) -> Result<Attempt, TooMany> {
        let account = format!("account:{}", hex(&Sha256::digest(username.as_bytes())));
        let address = format!("address:{}", address_prefix(address));
        let of_account = Some(self.take(account, self.0.per_account).await?);
        let mut of_account = Returned { limits: self, reservation: of_account };
        let of_address = self.take(address, self.0.per_address).await?;
        let taken = of_account.reservation.take().into_iter().chain([of_address]);
        Ok(Attempt { limits: self.clone(), taken: taken.collect() })
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
        self.count_for_good(format!("{action}:{family}"), self.0.per_login).await
    }

    /// The limit of unknown session ids from this address.
    pub(crate) fn unknown_ids(&self, address: IpAddr) -> UnknownIds {
        let bucket = format!("session:{}", address_prefix(address));
        UnknownIds { limits: self.clone(), bucket }
    }

    /// Counts one that is never given back.
    async fn count_for_good(&self, bucket: String, limit: u32) -> Result<(), TooMany> {
        self.0.refusals.check(&bucket)?;
        let here = self.0.logins.take(&bucket, limit);
        let taken = match &self.0.cache {
            Some(cache) => cache.take_permit(&bucket, limit, self.0.window).await.ok(),
            None => None,
        };
        self.decide(bucket, taken, here)
    }

    /// Counts a request of an authenticated caller.
    ///
    /// # Errors
    /// When the caller has made too many requests in this second.
    pub(crate) async fn request(&self, caller: &str) -> Result<(), TooMany> {
        let limit = self.0.per_second;
        let free = limit / LOCAL_ONE_IN;
        let bucket = format!("requests:{caller}");
        self.0.refusals.check(&bucket)?;
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
        let taken = cache.take_permits(&bucket, count, limit, REQUEST_WINDOW).await;
        self.decide(bucket, taken.ok(), here)
    }

    /// The answer of Redis, or the local count while Redis does not answer. A refusal is
    /// remembered. Not for counts that may be given back, because that ends a refusal early.
    fn decide(
        &self,
        bucket: String,
        shared_count: Option<Taken>,
        here: Counted,
    ) -> Result<(), TooMany> {
        if shared_count.is_none() && self.0.cache.is_some() {
            metrics::counter!("upload_server_rate_limit_local_fallbacks_total")
                .increment(1);
        }
        let wait = match (shared_count, here) {
            (Some(Taken::Allowed { .. }), _) => return Ok(()),
            (Some(Taken::Refused { retry_after }), _) => retry_after,
            (None, Counted::Allowed { .. }) => return Ok(()),
            (None, Counted::Refused { wait }) => wait,
        };
        self.0.refusals.remember(bucket, wait);
        Err(TooMany::until(wait))
    }

    /// Counts an attempt. Waits while attempts under way fill the bucket, and does not wait
    /// when wrong ones do.
    async fn take(&self, bucket: String, limit: u32) -> Result<Reservation, TooMany> {
        let refused = match self.try_take(bucket.clone(), limit).await {
            Ok(reservation) => return Ok(reservation),
            Err(refused) => refused,
        };
        if self.is_full_of_wrong(&bucket, limit).await {
            return Err(refused);
        }
        let deadline = Instant::now() + MAX_WAIT;
        let too_late = TooMany { retry_after_s: 1 };
        let first = timeout_at(deadline, self.0.queues.first(&bucket)).await;
        let _first = first.map_err(|_elapsed| too_late)?;
        while Instant::now() < deadline {
            let refused = match self.try_take(bucket.clone(), limit).await {
                Ok(reservation) => return Ok(reservation),
                Err(refused) => refused,
            };
            if self.is_full_of_wrong(&bucket, limit).await {
                return Err(refused);
            }
            sleep(RETRY_INTERVAL).await;
        }
        tracing::warn!(limit = "attempts under way", "a time limit was reached");
        Err(too_late)
    }

    /// Whether wrong attempts alone fill the bucket: over all replicas, or here while Redis
    /// does not answer.
    async fn is_full_of_wrong(&self, bucket: &str, limit: u32) -> bool {
        if self.0.wrong.count(bucket) >= limit {
            return true;
        }
        let Some(cache) = &self.0.cache else {
            return false;
        };
        let none = cache.take_permits(&wrong(bucket), 0, limit, self.0.window).await;
        matches!(none, Ok(Taken::Refused { .. }))
    }

    /// Counts an attempt if the bucket is not full. Always counts locally, too, so that this
    /// replica has its own count when Redis fails.
    async fn try_take(&self, bucket: String, limit: u32) -> Result<Reservation, TooMany> {
        let here = self.0.attempts.take(&bucket, limit);
        let mut reservation =
            Reservation { bucket, limit, in_cache: false, here: here.decide().is_ok() };
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
    pub(crate) async fn succeeded(mut self) {
        for reservation in mem::take(&mut self.taken) {
            self.limits.give_back(reservation).await;
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        for Reservation { bucket, limit, in_cache, .. } in mem::take(&mut self.taken) {
            let shared = &self.limits.0;
            let _full_already = shared.wrong.take(&bucket, limit);
            let (cache, window) = (shared.cache.clone(), shared.window);
            let runtime = tokio::runtime::Handle::try_current();
            if let (Some(cache), true, Ok(runtime)) = (cache, in_cache, runtime) {
                runtime.spawn(async move {
                    // If this fails, attempts that it would refuse at once wait instead.
                    let bucket = wrong(&bucket);
                    let _taken = cache.take_permit(&bucket, limit, window).await;
                });
            }
        }
    }
}

/// The shared bucket of the wrong attempts of a bucket.
fn wrong(bucket: &str) -> String {
    format!("wrong:{bucket}")
}

impl Counted {
    fn decide(self) -> Result<(), TooMany> {
        match self {
            Self::Allowed { .. } => Ok(()),
            Self::Refused { wait } => Err(TooMany::until(wait)),
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

//! How much is too much: wrong passwords, and requests.
//!
//! One count for all replicas, in Redis. What Redis cannot count, this replica counts for
//! itself: then there are as many limits as replicas, and a metric says so
//! (`upload_server_rate_limit_shared` is 0). Nobody is let in uncounted.

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

/// The part of a caller's requests that a replica lets through without asking Redis: one
/// in so many. Who calls now and then costs no question; with fewer replicas than this the
/// limit is exceeded by less than itself.
const UNASKED: u32 = 16;

/// The window of `--requests-per-second`.
const SECOND: Duration = Duration::from_secs(1);

/// More than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than is allowed; again in {retry_after_s} s")]
pub(crate) struct TooMany {
    /// The value of `Retry-After`: until the window has passed, rounded up.
    pub(crate) retry_after_s: u32,
}

impl TooMany {
    fn until(wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        Self { retry_after_s: u32::try_from(seconds).unwrap_or(u32::MAX) }
    }
}

/// The limits of one replica. Cheap to clone; all clones count together.
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
    /// Who may say whose request it is.
    proxies: Vec<IpNet>,
}

/// A password or token that is being tried. It counts as wrong until it is known to be right,
/// so that a thousand at once are not a thousand guesses. Dropped, it stays counted.
#[must_use = "an attempt that succeeds has to say so"]
pub(crate) struct Attempt {
    limits: Limits,
    taken: Vec<Ticket>,
}

/// One count, and where it was made.
struct Ticket {
    bucket: String,
    in_cache: bool,
    here: bool,
}

impl Limits {
    /// Counts in `cache`, and here while that does not answer.
    #[must_use]
    pub(crate) fn new(cache: Option<Cache>, args: &LimitArgs) -> Self {
        let window = Duration::from_millis(args.attempts_window_ms.max(1));
        say_shared(cache.is_some());
        Self(Arc::new(Shared {
            cache,
            per_account: args.attempts_per_account,
            per_address: args.attempts_per_address,
            per_login: args.refreshes_per_login,
            window,
            per_second: args.requests_per_second,
            attempts: Local::new(window),
            logins: Local::new(window),
            requests: Local::new(SECOND),
            proxies: args.trusted_proxies.clone(),
        }))
    }

    /// Where a request comes from.
    pub(crate) fn client_of(&self, parts: &Parts) -> ClientAddress {
        ClientAddress::of(parts, &self.0.proxies)
    }

    /// Counts an attempt to log in, before anything is looked up or hashed. A name that
    /// nobody has counts like any other (OWASP Authentication, "Login Throttling").
    ///
    /// # Errors
    /// When this account or this address has tried too often. Nothing is counted then: who
    /// keeps trying is not kept out longer, and a blocked address locks out no account.
    pub(crate) async fn attempt(
        &self,
        username: &str,
        address: IpAddr,
    ) -> Result<Attempt, TooMany> {
        let account = format!("account:{}", hex(&Sha256::digest(username.as_bytes())));
        let address = format!("address:{}", neighbourhood(address));
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

    /// Counts a token that somebody sends who has proved nothing yet, before anything is
    /// looked up.
    ///
    /// # Errors
    /// When too many that nobody knows came from this address.
    pub(crate) async fn token(&self, address: IpAddr) -> Result<Attempt, TooMany> {
        let bucket = format!("token:{}", neighbourhood(address));
        let taken = vec![self.take(bucket, self.0.per_address).await?];
        Ok(Attempt { limits: self.clone(), taken })
    }

    /// Counts something that the holder of a login's tokens may do at any time and that is
    /// written down each time. What is counted is `deed` alone, so that a thief who refreshes
    /// without end keeps nobody from logging out.
    ///
    /// # Errors
    /// When there was too much of it in this window.
    pub(crate) async fn of_login(
        &self,
        deed: &'static str,
        family: &str,
    ) -> Result<(), TooMany> {
        let (bucket, limit) = (format!("{deed}:{family}"), self.0.per_login);
        let here = self.0.logins.take(&bucket, limit);
        match &self.0.cache {
            Some(cache) => {
                verdict(&cache.take(&bucket, limit, self.0.window).await, here)
            }
            None => here.verdict(),
        }
    }

    /// Counts a request of somebody who is known.
    ///
    /// # Errors
    /// When they have made too many in this second.
    pub(crate) async fn request(&self, caller: &str) -> Result<(), TooMany> {
        let limit = self.0.per_second;
        let free = limit / UNASKED;
        let bucket = format!("requests:{caller}");
        let here = self.0.requests.take(&bucket, limit);
        let Some(cache) = &self.0.cache else {
            return here.verdict();
        };
        // The first that asks brings along those that did not.
        let count = match here {
            Counted::Allowed { number } if number <= free => return Ok(()),
            Counted::Allowed { number } if number == free + 1 => number,
            Counted::Allowed { .. } | Counted::Refused { .. } => 1,
        };
        verdict(&cache.take_many(&bucket, count, limit, SECOND).await, here)
    }

    /// Counts here in any case: when Redis goes away, this replica knows its own share.
    async fn take(&self, bucket: String, limit: u32) -> Result<Ticket, TooMany> {
        let here = self.0.attempts.take(&bucket, limit);
        let mut ticket = Ticket { bucket, in_cache: false, here: here.verdict().is_ok() };
        if let Some(cache) = &self.0.cache {
            let taken = cache.take(&ticket.bucket, limit, self.0.window).await;
            say_shared(taken.is_ok());
            match taken {
                Ok(Taken::Allowed { .. }) => {
                    ticket.in_cache = true;
                    return Ok(ticket);
                }
                Ok(Taken::Refused { retry_after }) => {
                    self.give_back(ticket).await;
                    return Err(TooMany::until(retry_after));
                }
                Err(_) => {
                    metrics::counter!("upload_server_rate_limit_local_fallbacks_total")
                        .increment(1)
                }
            }
        }
        here.verdict().map(|()| ticket)
    }

    async fn give_back(&self, ticket: Ticket) {
        if ticket.here {
            self.0.attempts.give_back(&ticket.bucket);
        }
        if let (Some(cache), true) = (&self.0.cache, ticket.in_cache) {
            // Not given back, it counts too much, which the window heals.
            let _given = cache.give_back(&ticket.bucket).await;
        }
    }
}

impl Attempt {
    /// It was right, or was never looked at: the attempt does not count.
    pub(crate) async fn succeeded(self) {
        for ticket in self.taken {
            self.limits.give_back(ticket).await;
        }
    }
}

impl Counted {
    fn verdict(self) -> Result<(), TooMany> {
        match self {
            Self::Allowed { .. } => Ok(()),
            Self::Refused { wait } => Err(TooMany::until(wait)),
        }
    }
}

/// What Redis says; while it does not answer, what was counted here.
fn verdict(there: &Result<Taken, CacheDown>, here: Counted) -> Result<(), TooMany> {
    match there {
        Ok(Taken::Allowed { .. }) => Ok(()),
        Ok(Taken::Refused { retry_after }) => Err(TooMany::until(*retry_after)),
        Err(_) => {
            metrics::counter!("upload_server_rate_limit_local_fallbacks_total")
                .increment(1);
            here.verdict()
        }
    }
}

/// Whose address this is: in IPv6 a household has a whole /64 of them.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Whether one limit holds for all replicas, or one for each.
fn say_shared(shared: bool) {
    metrics::gauge!("upload_server_rate_limit_shared").set(f64::from(u8::from(shared)));
}

#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;

//! Flags for sessions and tokens.

use crate::sessions::SessionLimits;
use clap::{Args, ValueEnum};
use http_edge::args::at_least_one;
use std::time::Duration;

/// A day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// Lifetimes and numbers of sessions.
#[derive(Args, Clone, Debug)]
pub struct SessionArgs {
    /// Milliseconds without a use after which a session expires
    #[arg(long, value_name = "MS", default_value_t = 3_600_000,
          value_parser = at_least_one::<u64>())]
    pub idle_timeout_ms: u64,

    /// Milliseconds after which a session expires even if it is in use
    #[arg(long, value_name = "MS", default_value_t = 43_200_000,
          value_parser = at_least_one::<u64>())]
    pub absolute_timeout_ms: u64,

    /// Live sessions in this process at which new logins are refused
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = at_least_one::<usize>())]
    pub max_sessions: usize,

    /// Live sessions or token families of one account; a new one ends the oldest (ASVS
    /// 7.1.2)
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = at_least_one::<u32>())]
    pub max_sessions_per_user: u32,

    /// Milliseconds between two sweeps for expired sessions
    #[arg(long, value_name = "MS", default_value_t = 30_000,
          value_parser = at_least_one::<u64>())]
    pub sweep_ms: u64,
}

impl SessionArgs {
    /// The limits for the session store.
    #[must_use]
    pub const fn limits(&self) -> SessionLimits {
        SessionLimits {
            idle: Duration::from_millis(self.idle_timeout_ms),
            absolute: Duration::from_millis(self.absolute_timeout_ms),
            max_live: self.max_sessions,
            max_per_user: self.max_sessions_per_user,
        }
    }
}

/// Algorithm that signs tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SigningAlgorithm {
    /// Ed25519 (RFC 8037): short keys, short signatures, no parameters to choose.
    #[default]
    Eddsa,
    /// RSA with 3072 bits, the most widely supported algorithm. OWASP's JWT cheat sheet
    /// no longer recommends it; it is here for comparison.
    Rs256,
}

/// How an access token can be revoked before it expires, and the lookups that costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Revocation {
    /// Not at all. No lookup.
    None,
    /// Not at all, but tokens expire within a minute. No lookup.
    ShortLived,
    /// A list of revoked tokens. One lookup per request.
    DenyList,
    /// A version of the user that each token carries. One lookup per request.
    TokenVersion,
    /// Both, in one lookup per request.
    #[default]
    Combined,
}

/// Lifetimes and revocation of tokens.
#[derive(Args, Clone, Debug)]
pub struct TokenArgs {
    /// Milliseconds after which an access token expires, rounded up to whole seconds; a
    /// day at most
    #[arg(long, value_name = "MS", default_value_t = 900_000,
          value_parser = clap::value_parser!(u64).range(1..=DAY_MS))]
    pub token_ttl_ms: u64,

    /// Milliseconds after which a refresh token expires; a year at most
    #[arg(long, value_name = "MS", default_value_t = 604_800_000,
          value_parser = clap::value_parser!(u64).range(1..=365 * DAY_MS))]
    pub refresh_ttl_ms: u64,

    /// Milliseconds in which a refresh token may be repeated, because a reply was lost or
    /// two requests raced; a later repetition is treated as theft
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    pub refresh_grace_ms: u64,

    /// Algorithm that signs new tokens
    #[arg(long, value_enum, default_value_t)]
    pub signing_algorithm: SigningAlgorithm,

    /// How access tokens are revoked before they expire
    #[arg(long, value_enum, default_value_t)]
    pub revocation: Revocation,

    /// Milliseconds from the publication of a signing key to its first signature, at least
    /// three --key-refresh-ms; longer than clients cache the key set
    #[arg(long, value_name = "MS", default_value_t = 120_000,
          value_parser = clap::value_parser!(u64).range(1..=DAY_MS))]
    pub key_lead_ms: u64,

    /// Milliseconds between two reads of the signing keys, an hour at most
    #[arg(long, value_name = "MS", default_value_t = 5_000,
          value_parser = clap::value_parser!(u64).range(50..=3_600_000))]
    pub key_refresh_ms: u64,
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use clap::Parser;

    #[test]
    fn zero_and_overflowing_durations_are_refused() {
        let max = u64::MAX.to_string();
        for flag in
            ["--key-refresh-ms", "--key-lead-ms", "--token-ttl-ms", "--refresh-ttl-ms"]
        {
            for wrong in ["0", max.as_str()] {
                let parsed = Config::try_parse_from(["upload-server", flag, wrong]);
                assert!(parsed.is_err(), "{flag} {wrong} was accepted");
            }
        }
    }
}
